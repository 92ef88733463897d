"""What training will take is told before it starts, near what it takes, and refused with the column to blame."""

import json

import numpy as np
import pandas as pd
import pytest
from prepared import TINY, prepared
from scenes import hospital

from synthgen.errors import LimitError
from synthgen.runtime import RunContext
from synthgen.tabular import planning
from synthgen.tabular.estimate import check, estimate
from synthgen.tabular.gan import AutoregressiveGAN
from synthgen.tabular.networks import Layout
from synthgen.tabular.params import AutoregressiveParams

MIB = 2**20


def found(rows, sizes, groups=500, **params):
    layout, settings = Layout(tuple(sizes), (0,) * len(sizes)), AutoregressiveParams(**params)
    steps = planning.plan(rows, layout, settings)
    return estimate(rows, groups, layout, settings, steps), steps, settings


def test_memory_grows_with_rows_by_their_codes_and_groups_only():
    small, large = (found(n, [50] * 20)[0].memory_bytes for n in (100_000, 1_100_000))
    per_row = (large - small) / 1_000_000
    assert 20 * 2 + 500 / 8 <= per_row <= 2 * (20 * 2 + 500 / 8)


@pytest.mark.parametrize(
    ("rows", "sizes"), [(1_000_000, [60] * 50), (100_000, [10] * 399 + [5000]), (10_000, [300_000, 5])]
)
def test_large_wide_and_many_levelled_tables_fit_in_eight_gigabytes(rows, sizes):
    made, steps, params = found(rows, sizes, time_budget=1800)
    check(made, [str(i) for i in range(len(sizes))], sizes, 8 * 1024 * MIB, planning.wanted(rows, steps.batch, params))
    assert made.largest == int(np.argmax(sizes))


def test_a_wide_table_gets_smaller_batches_instead_of_too_few_steps():
    narrow, wide = (found(100_000, [30] * n, time_budget=180)[1] for n in (20, 400))
    assert wide.batch < narrow.batch
    assert wide.total >= planning.ENOUGH_STEPS


def test_too_little_memory_is_refused_with_the_column_to_blame():
    made, _, _ = found(10_000, [5, 300_000, 7])
    with pytest.raises(LimitError, match="'code' with its 300,000 values") as refused:
        check(made, ["sex", "code", "ward"], [5, 300_000, 7], 1024 * MIB, 1000)
    assert "1.0 GiB may be used" in refused.value.message


def test_too_little_time_is_refused_with_the_seconds_that_are_needed():
    made, steps, params = found(10_000, [5, 300_000, 7], time_budget=5)
    with pytest.raises(LimitError, match=r"seconds of steps\. Column 'code'"):
        check(made, ["sex", "code", "ward"], [5, 300_000, 7], None, planning.wanted(10_000, steps.batch, params))


def test_a_fit_tells_its_estimate_before_the_first_step_and_in_the_report():
    scene, heard = prepared(hospital(600), target="outcome"), []
    generator = AutoregressiveGAN(TINY).fit(scene.data, scene.schema, (), RunContext(listener=heard.append))
    told = [i for i, event in enumerate(heard) if "estimate" in event.payload]
    curves = [i for i, event in enumerate(heard) if event.kind == "curve"]
    assert told
    assert told[0] < curves[0]
    report = generator.report()["estimate"]
    assert report["largest_column"] in generator.encoding.names
    assert json.loads(json.dumps(report)) == report


def test_a_fit_without_the_memory_is_refused_before_it_allocates():
    frame = pd.DataFrame({"ward": np.repeat([f"w{i}" for i in range(100)], 20), "sex": ["m", "f"] * 1000})
    scene = prepared(frame)
    with pytest.raises(LimitError, match="'ward'"):
        AutoregressiveGAN(TINY).fit(scene.data, scene.schema, (), RunContext(memory=10 * MIB))
