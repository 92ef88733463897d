"""Rows that came before: the same answer as going over all of them again, at a cost that does not grow with the set."""

import numpy as np
import pandas as pd

from synthgen.runtime import RunContext
from synthgen.spec import Unique
from synthgen.tabular.constraints import Rules, repeats
from synthgen.tabular.mending import Mender
from synthgen.tabular.remembered import Remembered


def cells(rows, seed):
    """Columns of every dtype a typed frame has, with gaps, both zeros and many repeats."""
    rng = np.random.default_rng(seed)
    days = np.datetime64("2020-01-01", "us") + rng.integers(0, 3, rows) * np.timedelta64(1, "D")
    days[rng.random(rows) < 0.05] = np.datetime64("NaT")
    words = rng.choice(np.array(["a", "b", "", None], dtype=object), rows)
    return pd.DataFrame({"n": rng.choice([0.0, -0.0, 1.5, np.nan, 1e300], rows), "d": days, "w": words})


def test_it_tells_what_going_over_all_rows_again_would():
    kept, whole = Remembered(), cells(0, 0)
    for seed in range(12):
        part = cells(1 + 7 * seed, seed)
        due = repeats(pd.concat([whole, part], ignore_index=True))[len(whole) :]
        assert (repeats(part) | kept.repeats(part)).tolist() == due.tolist()
        kept.add(part)
        whole = pd.concat([whole, part], ignore_index=True)
    assert due.any()
    assert not due.all()


def test_the_dtype_that_holds_a_cell_does_not_matter():
    kept = Remembered()
    kept.add(pd.DataFrame({"n": np.array([1.0, 2.0]), "w": np.array(["a", "b"], dtype=object)}))
    other = pd.DataFrame({"n": np.array([1, 2, 3]), "w": pd.Categorical(["a", "a", "a"])})
    assert kept.repeats(other).tolist() == [True, False, False]


def test_runs_stay_few_however_many_chunks_come():
    kept = Remembered()
    for start in range(0, 40_000, 100):
        kept.add(pd.DataFrame({"n": np.arange(start, start + 100.0)}))
    assert sum(map(len, kept.runs)) == 40_000
    assert len(kept.runs) <= 9
    kept.add(pd.DataFrame({"n": [np.nan]}))
    assert sum(map(len, kept.runs)) == 40_000


class Modelled:
    columns, modelled, person = (), (), None


def test_a_chunk_costs_as_much_late_in_a_set_as_early(monkeypatch):
    """Counted in cells that are looked at, not by the clock."""
    looked = []
    real = pd.DataFrame.duplicated
    monkeypatch.setattr(pd.DataFrame, "duplicated", lambda f, *a, **k: looked.append(len(f)) or real(f, *a, **k))
    mender = Mender(Rules(constraints=(Unique(columns=("a",)),), combinations=((),)), (), Modelled())
    for start in range(0, 5000, 100):
        chunk = pd.DataFrame({"a": np.arange(start, start + 100.0)})
        mender.mend(chunk, None, (), RunContext(), np.arange(100))
    assert max(looked) == 100
    assert mender._broken(pd.DataFrame({"a": [17.0, 5000.0]}))[0].tolist() == [True, False]
