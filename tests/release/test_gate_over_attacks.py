"""The gate over attacks, on scorecards made by hand."""

import numpy as np
import pytest

from synthgen.contracts import Figure, GroupFigure, Interval, MetricResult, Scorecard, Status
from synthgen.release import attacks
from synthgen.release.attacks import holm, judge
from synthgen.spec import AttackRule


def attack(value, holdout, half, p_value, of=MetricResult, **fields):
    """What an attack came to: success on training people, on unseen people, half its interval, its p-value."""
    known = {
        MetricResult: {
            "metric": "linkability", "title": "Linkability", "family": "privacy", "better": "lower",
            "low": 0.0, "high": 1.0, "best": 0.0,
        },
        Figure: {"name": "part", "title": "Part"},
        GroupFigure: {"label": "ward = burns", "kind": "rare category", "columns": ("ward",), "attempts": 200},
    }[of]  # fmt: skip
    interval = Interval(low=max(0.0, value - half), high=value + half)
    found = {"value": value, "holdout": holdout, "interval": interval, "p_value": p_value, "attempts": 500}
    return of(**{**known, **found, **fields})


def few(**fields):
    known = {"label": "rare pairs", "kind": "pool", "status": Status.INSUFFICIENT, "reason": "12 people"}
    return GroupFigure(**{**known, **fields})


def card(*results):
    return Scorecard(
        results=results, rows=10, compared_rows=10, holdout_rows=10, train_rows=40, k_floor=10, generator="g"
    )


def judged(*results, **asked):
    names = asked.pop("metrics", tuple(dict.fromkeys(r.metric for r in results)) or ("linkability",))
    return {reason.rule: reason for reason in judge(AttackRule(metrics=names, **asked), card(*results))}


def test_holm_corrects_as_in_the_book():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_one_true_null_in_twenty_is_accused_at_the_level_over_all():
    rng = np.random.default_rng(0)
    accused = sum(min(holm(rng.random(40).tolist())) <= 0.05 for _ in range(2000))
    assert 0.03 < accused / 2000 < 0.07


def test_what_gains_blocks_and_says_so():
    reason = judged(attack(0.5, 0.2, 0.05, 1e-6))["linkability"]
    assert not reason.passed
    assert "0.5 on people it was made from, 0.2 on unseen people" in reason.message
    assert reason.p_value == 1e-6
    assert reason.value == pytest.approx(0.35)


@pytest.mark.parametrize("asked", [{}, {"whole": "no_block"}])
def test_a_small_p_value_is_not_enough_where_the_interval_holds_no_gain(asked):
    assert judged(attack(0.21, 0.2, 0.02, 0.04), **asked)["linkability"].passed


def test_a_figure_is_an_attack_of_its_own():
    found = attack(0.2, 0.2, 0.02, 0.5, figures=(attack(0.5, 0.2, 0.05, 1e-9, Figure),))
    reason = judged(found, whole="no_block")["linkability"]
    assert not reason.passed
    assert "Linkability, Part" in reason.message
    plain = attack(0.2, 0.2, 0.02, 0.5, figures=(Figure(name="error", value=0.9),))
    assert judged(plain)["linkability"].passed


def test_the_correction_is_over_all_metrics_figures_and_groups_together():
    alone = attack(0.30, 0.2, 0.08, 0.01)
    assert not judged(alone, whole="no_block")["linkability"].passed
    others = tuple(attack(0.2, 0.2, 0.02, 0.5, GroupFigure, label=str(i)) for i in range(10))
    crowded = judged(alone.model_copy(update={"groups": others}), whole="no_block")
    assert crowded["linkability"].passed
    assert crowded["linkability"].p_value == pytest.approx(0.11)


def test_an_attack_named_many_times_does_not_weaken_the_correction():
    found = judge(AttackRule(metrics=("linkability",) * 1000), card(attack(0.5, 0.2, 0.05, 1e-3)))
    assert [(reason.passed, reason.p_value) for reason in found] == [(False, 1e-3)]


@pytest.mark.parametrize(("half", "passes"), [(0.08, True), (0.1, False)])
def test_shown_safe_looks_at_the_upper_end(half, passes):
    reason = judged(attack(0.2, 0.2, half, 0.5))["linkability"]
    assert reason.passed is passes
    assert reason.bound == 0.09
    assert passes or ("not shown safe" in reason.message and "hold-out" in reason.message)
    assert judged(attack(0.2, 0.2, half, 0.5), whole="no_block")["linkability"].passed


def test_every_attacked_figure_must_be_shown_safe():
    wide = attack(0.2, 0.2, 0.2, 0.5, Figure)
    assert not judged(attack(0.2, 0.2, 0.02, 0.5, figures=(wide,)))["linkability"].passed


def test_what_a_set_is_blocked_for_stays_the_same_in_another_order():
    found = [attack(0.2 + 0.02 * i, 0.2, 0.03, 0.3**i, metric=f"m{i}") for i in range(5)]
    forth, back = judged(*found), judged(*found[::-1], metrics=tuple(f"m{i}" for i in range(5)))
    assert forth == back


@pytest.mark.parametrize("status", [Status.ERROR, Status.INSUFFICIENT, Status.NOT_APPLICABLE])
@pytest.mark.parametrize("whole", ["shown_safe", "no_block"])
@pytest.mark.parametrize("optional", [True, False])
def test_an_attack_that_was_not_made_passes_only_where_it_need_not_be(status, whole, optional):
    found = attack(0.2, 0.2, 0.1, 0.5).model_copy(update={"status": status, "reason": "why", "value": None})
    reason = judged(found, whole=whole, optional=("linkability",) if optional else ())["linkability"]
    expected = optional and (status is Status.NOT_APPLICABLE or (status is Status.INSUFFICIENT and whole == "no_block"))
    assert reason.passed is expected
    assert ("why" in reason.message) is (status is not Status.INSUFFICIENT)  # that reason counts people


@pytest.mark.parametrize("optional", [(), ("linkability",)])
@pytest.mark.parametrize(
    "broken",
    [{"p_value": None}, {"p_value": float("nan")}, {"p_value": 2.0}, {"interval": None}, {"holdout": None}],
)
def test_an_attack_without_a_number_blocks(broken, optional):
    found = attack(0.2, 0.2, 0.02, 0.5).model_copy(update=broken)
    assert not judged(found, whole="no_block", optional=optional)["linkability"].passed


def test_a_metric_that_is_missing_blocks():
    assert not judged(metrics=("linkability",), optional=("linkability",), whole="no_block")["linkability"].passed


def with_groups(*groups):
    return attack(0.2, 0.2, 0.02, 0.5, groups=groups)


def test_groups_that_gain_block_without_a_value_of_a_cell():
    found = judged(with_groups(attack(0.6, 0.2, 0.1, 1e-6, GroupFigure), few()))
    assert found["linkability"].passed
    reason = found["linkability/groups"]
    assert not reason.passed
    assert "rare category of ward" in reason.message
    assert "burns" not in reason.message
    assert "1 group holds too few" in reason.message


def test_a_class_is_not_called_a_class_of_class():
    lines = {"label": "burns", "kind": "class", "columns": ("class",)}
    group = attack(0.6, 0.2, 0.1, 1e-6, GroupFigure).model_copy(update=lines)
    message = judged(with_groups(group, few()))["linkability/groups"].message
    assert "one class" in message
    assert "class of class" not in message


def test_a_pool_is_named():
    pool = attack(0.6, 0.2, 0.1, 1e-6, GroupFigure, label="rare pairs", kind="pool")
    assert "rare pairs" in judged(with_groups(pool))["linkability/groups"].message


def test_groups_that_are_too_small_are_told_and_never_a_pass_where_safety_must_be_shown():
    safe = attack(0.2, 0.2, 0.05, 0.5, GroupFigure)
    told = judged(with_groups(safe, few(), few(label="tails")))["linkability/groups"]
    assert told.passed
    assert "1 of 3 groups attacked" in told.message
    assert "nothing is known about them" in told.message
    only_few = judged(with_groups(few()))["linkability/groups"]
    assert "No gain" not in only_few.message
    assert not judged(with_groups(safe, few()), groups="shown_safe")["linkability/groups"].passed
    assert judged(with_groups(safe), groups="shown_safe")["linkability/groups"].passed
    wide = attack(0.2, 0.2, 0.2, 0.5, GroupFigure)
    assert not judged(with_groups(wide), groups="shown_safe")["linkability/groups"].passed


def test_an_error_on_a_group_blocks():
    assert not judged(with_groups(few(status=Status.ERROR)))["linkability/groups"].passed
    without = attack(0.2, 0.2, 0.05, None, GroupFigure)
    assert not judged(with_groups(without))["linkability/groups"].passed


def test_a_plain_breakdown_is_no_attack():
    column = GroupFigure(label="charge", kind="column", value=0.01, holdout=0.01)
    assert set(judged(with_groups(column))) == {"linkability"}
    assert len(attacks.lines(AttackRule(metrics=("linkability",)), card(with_groups(column)))) == 1
