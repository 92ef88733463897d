"""The plan: the same on every run, within the time budget, smaller tables longer."""

import pytest
import torch

from synthgen.tabular import planning
from synthgen.tabular.networks import Layout
from synthgen.tabular.params import AutoregressiveParams

ADULT = Layout((67, 8, 117, 16, 16, 7, 14, 6, 5, 2, 68, 49, 59, 41, 2), (0,) * 15)


def test_a_table_gets_the_epochs_it_can_use_when_time_allows():
    steps = planning.plan(29_000, ADULT, AutoregressiveParams())
    assert steps.total == pytest.approx(planning.useful_epochs(29_000) * steps.per_epoch, abs=1)
    assert steps.worst == 4 * steps.per_epoch, "more passes with emphasis would memorise"


def test_a_short_training_is_mostly_for_the_worst_case():
    steps = planning.plan(29_000, ADULT, AutoregressiveParams(epochs=4))
    assert steps.worst == pytest.approx(0.7 * steps.total, abs=1)


def test_less_time_means_fewer_steps():
    short = planning.plan(29_000, ADULT, AutoregressiveParams(time_budget=10))
    assert short.seconds <= 10
    assert short.total < planning.plan(29_000, ADULT, AutoregressiveParams()).total


def test_small_tables_get_more_epochs_in_smaller_batches():
    small, large = (planning.plan(n, ADULT, AutoregressiveParams()) for n in (300, 100_000))
    assert small.batch < large.batch
    assert planning.useful_epochs(300) > planning.useful_epochs(100_000)


def test_the_mean_end_has_no_second_stage():
    assert planning.plan(5000, ADULT, AutoregressiveParams(emphasis=0)).worst == 0
    assert planning.plan(5000, ADULT, AutoregressiveParams(reducer="mean")).worst == 0


@pytest.mark.parametrize("rows", [1, 2, 21, 100])
def test_the_smallest_tables_still_get_a_step(rows):
    steps = planning.plan(rows, ADULT, AutoregressiveParams(time_budget=5))
    assert 1 <= steps.batch <= rows
    assert steps.mean >= 1


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with planning.one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_small_tables_drop_more_units_and_none_where_none_was_asked_for():
    shares = [planning.dropout(rows, AutoregressiveParams()) for rows in (300, 2_000, 8_000, 100_000, 1_000_000)]
    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[-2:]) == (0.5, [0.25, 0.25])
    assert planning.dropout(300, AutoregressiveParams(dropout=0.0)) == 0.0
    assert planning.dropout(300, AutoregressiveParams(dropout=0.6)) == 0.6, "what was asked for is the least"


def test_rows_of_few_people_are_seen_less_often():
    alone, shared = (planning.plan(8_000, ADULT, AutoregressiveParams(), people) for people in (None, 2_000))
    assert alone == planning.plan(8_000, ADULT, AutoregressiveParams(), 8_000)
    assert 0.5 * alone.total < shared.total < 0.8 * alone.total
    asked = AutoregressiveParams(epochs=5)
    assert planning.plan(8_000, ADULT, asked, 2_000) == planning.plan(8_000, ADULT, asked)


def test_small_tables_are_learnt_in_smaller_steps():
    rates = [planning.rate(people, AutoregressiveParams(learning_rate=0.01)) for people in (50, 500, 2_000, 100_000)]
    assert rates == [0.0025, 0.005, 0.01, 0.01]
