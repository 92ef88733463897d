"""Faults planted into a clean set of real rows: what a scorecard must catch, each a function of one clean case.

A case has three disjoint samples of one real table: training rows, hold-out rows, and a *third* sample that stands for
a perfect synthetic set. Whatever is wrong with a planted set is therefore the plant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.tables import Table
from synthgen import catalog, pipeline
from synthgen.contracts import Split
from synthgen.pipeline import Prepared
from synthgen.runtime import RunContext
from synthgen.spec import ColumnOverride, RunSpec
from synthgen.tabular import io
from synthgen.tabular.modes import DISCRETE, NUMERIC, people_in

MOVED = 0.01  # of the interquartile range: how far the numbers of a near copy are moved
LEAKED, KEY = "derived_score", "case_key"


@dataclass(frozen=True)
class Case:
    """One clean case: `third` is typed like the split's frames; `rng` makes the plant."""

    prepared: Prepared
    spec: RunSpec
    third: pd.DataFrame
    rng: np.random.Generator

    @property
    def train(self) -> pd.DataFrame:
        """The rows a generator would have learnt from."""
        frame: pd.DataFrame = self.prepared.split.train
        return frame

    @property
    def discrete(self) -> list[str]:
        """Names of the columns of words."""
        return [c.name for c in self.prepared.schema.modelled if c.kind in DISCRETE]

    @property
    def numeric(self) -> list[str]:
        """Names of the columns of numbers."""
        return [c.name for c in self.prepared.schema.modelled if c.kind in NUMERIC]

    def copied(self, share: float) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
        """The third sample with a share of its rows replaced by training rows; the places, and who stands there."""
        count = round(share * len(self.third))
        places = self.rng.choice(len(self.third), count, replace=False)
        who = self.rng.choice(len(self.train), count, replace=count > len(self.train))
        return _put(self.third, places, self.train.iloc[who]), places, who


def clean(table: Table, rows: int, seed: int, derived: bool = False, keyed: bool = False) -> Case:
    """Three samples of `rows` rows each of a table.

    `derived`: with a column worked out from its most telling number; `keyed`: with a key of every row. Exits with a
    message where the table has too few rows.
    """
    frame = io.read(table.file).data.drop(columns=list(table.drop))
    if table.test_file is not None:
        frame = pd.concat([frame, io.read(table.test_file).data[frame.columns]], ignore_index=True)
    if len(frame) < 3 * rows:
        raise SystemExit(f"{table.name} has {len(frame)} rows; three samples of {rows} need {3 * rows}.")
    rng = np.random.default_rng([seed, rows])
    frame = frame.iloc[rng.permutation(len(frame))[: 3 * rows]].reset_index(drop=True)
    override = {}
    if derived:
        number = _telling(frame)
        frame[LEAKED] = (7 * pd.to_numeric(frame[number]) + 3).astype("int64").astype(str)
        override = {LEAKED: ColumnOverride(determined_by="")}
    if keyed:
        frame[KEY] = [f"C{number:07d}" for number in rng.choice(10**7, len(frame), replace=False)]
    spec = RunSpec(
        target=table.target, positive=table.positive, seed=seed, holdout_share=0, columns=override, policy="standard"
    )
    parts = [frame.iloc[i * rows : (i + 1) * rows].reset_index(drop=True) for i in range(3)]
    return _case(parts, spec, rng)


def _case(parts: list[pd.DataFrame], spec: RunSpec, rng: np.random.Generator) -> Case:
    modality = catalog.modality("tabular")
    prepared = pipeline.prepare(modality.call("from_memory", parts[0]), spec, RunContext(seed=spec.seed))
    holdout, third = (modality.call("typed", part, prepared.schema) for part in parts[1:])
    split: Split = replace(prepared.split, holdout=holdout, holdout_people=None)
    return Case(replace(prepared, split=split), spec, third[prepared.split.train.columns], rng)


# --- the plants -----------------------------------------------------------------------------------------------------


def copies(share: float) -> Callable[[Case], pd.DataFrame]:
    """Real rows, cell for cell, in the place of a share of the rows."""
    return lambda case: case.copied(share)[0]


def near_copies(case: Case) -> pd.DataFrame:
    """5 % of the rows are real ones with numbers moved by 1 % of their interquartile range and one category changed."""
    made, places, _ = case.copied(0.05)
    return _blurred(case, made, places)


def memorised_group(case: Case) -> pd.DataFrame:
    """The rows of one minority are near copies of its training rows; all other rows are clean."""
    group = _minority(case)
    inside, members = (np.flatnonzero(group.mask(frame)) for frame in (case.third, case.train))
    who = case.rng.choice(members, len(inside), replace=len(inside) > len(members))
    return _blurred(case, _put(case.third, inside, case.train.iloc[who]), inside)


def lone_numbers(case: Case) -> pd.DataFrame:
    """Every number of one column is some training person's own, in rows that are otherwise clean."""
    column = _lone_column(case)
    return case.third.assign(**{column: _drawn(case.train[column], len(case.third), case.rng)})


def derived_column(case: Case) -> pd.DataFrame:
    """A number was drawn afresh, but a column worked out from it hands on what training people have."""
    return case.third.assign(**{LEAKED: _drawn(case.train[LEAKED], len(case.third), case.rng)})


def handed_on_keys(case: Case) -> pd.DataFrame:
    """Clean rows under the keys of real people."""
    return case.third.assign(**{KEY: _drawn(case.train[KEY], len(case.third), case.rng)})


def from_the_holdout(case: Case) -> pd.DataFrame:
    """The set is the hold-out itself."""
    frame: pd.DataFrame = case.prepared.split.holdout
    return frame[case.third.columns].reset_index(drop=True)


def dropped_mode(case: Case) -> pd.DataFrame:
    """No row of one minority, whose place others take."""
    left = np.flatnonzero(~_minority(case).mask(case.third))
    return case.third.iloc[case.rng.choice(left, len(case.third))].reset_index(drop=True)


def shuffled_label(case: Case) -> pd.DataFrame:
    """The target goes with nothing any more."""
    target = str(case.spec.target)
    return case.third.assign(**{target: _drawn(case.third[target], len(case.third), case.rng)})


PLANTS: dict[str, Callable[[Case], pd.DataFrame]] = {
    "1 % of the rows copied": copies(0.01),
    "5 % copied": copies(0.05),
    "100 % copied": copies(1.0),
    "5 % near copies": near_copies,
    "one minority memorised": memorised_group,
    "numbers of single people": lone_numbers,
    "leak through a derived column": derived_column,
    "keys of real people": handed_on_keys,
    "made from the hold-out": from_the_holdout,
    "a mode dropped": dropped_mode,
    "the label shuffled": shuffled_label,
    "an attack that throws": lambda case: case.third,
}


# --- details --------------------------------------------------------------------------------------------------------


def _put(frame: pd.DataFrame, places: np.ndarray, rows: pd.DataFrame) -> pd.DataFrame:
    order = np.arange(len(frame))
    order[places] = len(frame) + np.arange(len(places))
    return pd.concat([frame, rows[frame.columns]], ignore_index=True).iloc[order].reset_index(drop=True)


def _blurred(case: Case, frame: pd.DataFrame, places: np.ndarray) -> pd.DataFrame:
    """The rows at `places` with every number moved by 1 % of its column's spread and one category changed."""
    out = frame.copy()
    for column in case.numeric:
        low, high = case.train[column].astype(float).quantile([0.25, 0.75])
        step = case.rng.choice([-1.0, 1.0], len(places)) * MOVED * (high - low)
        values = out[column].astype(float).to_numpy(copy=True)
        values[places] += step
        whole = bool((case.train[column].dropna() % 1 == 0).all())
        out[column] = np.round(values) if whole else values
    changed = case.rng.choice(case.discrete, len(places))
    for column in case.discrete:
        own = places[changed == column]
        out.loc[own, column] = _drawn(case.train[column], len(own), case.rng)
    return out


def _drawn(values: pd.Series, count: int, rng: np.random.Generator) -> Any:
    return values.iloc[rng.integers(0, len(values), count)].to_numpy()


def _telling(frame: pd.DataFrame) -> str:
    """The column of whole numbers with the most distinct values."""
    numbers = {c: pd.to_numeric(frame[c], errors="coerce") for c in frame}
    whole = {c: x.nunique() for c, x in numbers.items() if x.notna().all() and (x % 1 == 0).all()}
    if not whole:
        raise SystemExit("The table has no column of whole numbers to derive one from.")
    return max(whole, key=lambda c: whole[c])


def _lone_column(case: Case) -> str:
    """The number that most training rows share with nobody."""
    return max(case.numeric, key=lambda c: float((~case.train[c].duplicated(keep=False)).mean()))


def _minority(case: Case) -> Any:
    """The census group that holds closest to 3 % of the training people and is about one discrete column."""
    people, split = len(case.train), case.prepared.split
    single = [g for g in case.prepared.groups if g.kind == "rare category"]
    if not single:
        raise SystemExit("The table has no rare category to plant in.")
    return min(single, key=lambda g: abs(people_in(g.mask(split.train), split.train_people) / people - 0.03))
