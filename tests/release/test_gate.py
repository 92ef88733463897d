import math

import pandas as pd
import pytest
from pydantic import ValidationError

from synthgen import catalog, pipeline
from synthgen.contracts import Figure, Interval, MetricResult, Override, Release, Scorecard, Status, Verdict
from synthgen.errors import GateError, SpecError
from synthgen.release import gate, policies
from synthgen.release.gate import ReleasedSet, decide
from synthgen.runtime import RunContext
from synthgen.spec import AttackRule, GatePolicy, GateRule, RunSpec
from synthgen.tabular import TABULAR

RELEASE = Release(
    purpose="Teaching", recipient="University", released_by="dr.b", released_at="2026-11-21T10:00:00Z", expires_at=None
)


def card(*results):
    return Scorecard(
        results=results, rows=10, compared_rows=10, holdout_rows=10, train_rows=40, k_floor=10, generator="g"
    )


def result(**found):
    known = {"metric": "m", "title": "M", "family": "privacy", "better": "lower", "low": 0.0, "high": 1.0, "best": 0.0}
    return MetricResult(**{**known, **found})


NO_COPIES = tuple(
    result(metric=name, value=0.5, holdout=0.5, interval=Interval(low=0.48, high=0.52), p_value=0.5)
    for name in policies.OPEN.attacks.metrics
)


def outcome(found, **rule):
    policy = GatePolicy(name="p", rules=(GateRule(**{"metric": "m", "at_most": 0.5, **rule}),))
    return decide(card(*found, *NO_COPIES), policy).outcome


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("found", "blocked_when_optional"),
    [
        ([], True),
        ([result(status=Status.ERROR, reason="broken")], True),
        ([result(status=Status.INSUFFICIENT, reason="few")], False),
        ([result(status=Status.NOT_APPLICABLE)], False),
        ([result(value=math.nan)], True),
        ([result(value=None)], True),
        ([result(value=math.inf)], True),
        ([result(value=0.6)], True),
    ],
)
def test_what_was_not_measured_never_passes_where_it_is_required(found, blocked_when_optional, required):
    expected = "blocked" if required or blocked_when_optional else "awaiting_review"
    assert outcome(found, required=required) == expected


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ({"at_most": 0.4}, True),
        ({"at_most": 0.39}, False),
        ({"at_most": None, "at_least": 0.4}, True),
        ({"at_most": None, "at_least": 0.41}, False),
        ({"compare": "lower", "at_most": 0.3}, True),
        ({"compare": "upper", "at_most": 0.49}, False),
        ({"compare": "excess", "at_most": 0.1}, False),
        ({"compare": "lower_excess", "at_most": 0.1}, True),
        ({"compare": "upper_excess", "at_most": 0.29}, False),
        ({"compare": "ratio", "at_most": 2.0}, True),
        ({"compare": "ratio", "at_most": 1.9}, False),
        ({"metric": "m/part", "at_most": 0.1}, True),
        ({"metric": "m/nothing", "at_most": 0.1}, False),
        ({"metric": "other", "at_most": 0.1}, False),
    ],
)
def test_each_way_to_compare(rule, passes):
    found = result(
        value=0.4,
        holdout=0.2,
        interval=Interval(low=0.3, high=0.5),
        figures=(Figure(name="part", value=0.1),),
    )
    assert (outcome([found], **rule) == "awaiting_review") is passes


@pytest.mark.parametrize("compare", ["lower", "upper", "excess", "lower_excess", "upper_excess", "ratio"])
def test_a_part_that_is_missing_blocks(compare):
    assert outcome([result(value=0.1)], compare=compare) == "blocked"


def test_a_policy_without_rules_is_refused_and_unknown_names_too():
    with pytest.raises(SpecError):
        decide(card(), GatePolicy(name="empty"))
    with pytest.raises(SpecError, match="open, standard, strict"):
        policies.named("lenient")


@pytest.mark.parametrize("bounds", [{}, {"at_most": math.nan}, {"at_least": math.inf}, {"at_most": -math.inf}])
def test_a_rule_has_a_finite_bound(bounds):
    with pytest.raises(ValidationError, match=r"bound|finite"):
        GateRule(metric="m", **bounds)


LAX = GateRule(metric="m", at_most=0.5)


@pytest.mark.parametrize(
    ("changes", "added"),
    [
        ({}, 0),
        ({"at_least": 0.46}, 0),
        ({"at_least": 0.4}, 1),
        ({"required": False}, 1),
        ({"compare": "ratio"}, 1),
        ({"at_least": None, "at_most": 0.5}, 1),
    ],
)
def test_no_policy_does_without_the_rules_against_copies(changes, added):
    own = policies.OPEN.rules[0].model_copy(update=changes)
    policy = policies.named(GatePolicy(name="mine", rules=(LAX, own)))
    assert len(policy.rules) == 2 + added
    assert policies.named(policy) == policy
    bare = decide(card(result(value=0.1)), GatePolicy(name="mine", rules=(LAX,)))
    assert {r.rule for r in bare.failed} == set(policies.OPEN.attacks.metrics)


def test_a_policy_of_ones_own_cannot_soften_the_attacks_that_look_for_copies():
    own = AttackRule(metrics=("mine",), level=1e-9, optional=("copied_rows", "near_copies"), whole="no_block")
    kept = policies.named(GatePolicy(name="mine", attacks=own)).attacks
    assert set(policies.COPYING) < set(kept.metrics)
    assert kept.level == policies.LEVEL
    assert not set(kept.optional) & set(policies.ALWAYS_TOLD)
    assert policies.named(GatePolicy(name="mine", rules=(LAX,))).attacks == policies.OPEN.attacks


def test_other_rules_may_not_go_by_a_name_of_ours():
    with pytest.raises(SpecError, match="another name"):
        policies.named(GatePolicy(name="standard", rules=(GateRule(metric="pair", at_least=0.0),)))
    assert policies.named(policies.STANDARD) == policies.STANDARD


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("coppied_rows", "coppied_rows"),
        ("coppied_rows/x", "coppied_rows"),
        ("mode_census/lost_clases", "lost_clases.*lost_classes"),
        ("mode_census/", "figure"),
        ("pair/worst", "worst.*none"),
    ],
)
def test_a_misspelt_metric_or_figure_is_refused_before_anything_runs(metric, told, required, tmp_path):
    policy = GatePolicy(name="mine", rules=(GateRule(metric=metric, at_most=1, required=required),))
    with pytest.raises(SpecError, match=told):
        catalog.check(RunSpec(policy=policy))
    with pytest.raises(SpecError, match=told):  # before the file, which is not there, is looked for
        pipeline.run(tmp_path / "none.csv", "none", RunSpec(policy=policy), RunContext(seed=0), tmp_path)
    with pytest.raises(SpecError, match=told):
        pipeline.sample(tmp_path / "none.csv", "none", tmp_path, RunSpec(policy=policy), RunContext(seed=0), tmp_path)


def test_every_problem_of_a_policy_is_told_at_once():
    rules = (GateRule(metric="pear", at_most=1), GateRule(metric="utility/gap", at_most=1, required=False))
    with pytest.raises(SpecError, match=r"2 problems.*pear.*'gap'.*auc_gap"):
        catalog.check(RunSpec(policy=GatePolicy(name="mine", rules=rules)))


@pytest.mark.parametrize("policy", policies.POLICIES.values(), ids=lambda p: p.name)
def test_our_own_policies_name_only_what_there_is(policy):
    catalog.check(RunSpec(policy=policy.model_copy(update={"name": "mine"})))


@pytest.mark.parametrize("required", [True, False])
def test_a_figure_that_a_measured_metric_lacks_blocks_even_where_it_is_optional(required):
    found = result(value=0.1, figures=(Figure(name="part", value=0.1),))
    policy = GatePolicy(name="p", rules=(GateRule(metric="m/prat", at_most=0.5, required=required),))
    verdict = decide(card(found, *NO_COPIES), policy)
    assert verdict.outcome == "blocked"
    assert "no figure 'prat' (there are: part)" in verdict.failed[0].message
    unmeasured = result(status=Status.NOT_APPLICABLE, reason="There is no target.")
    passed = decide(card(unmeasured, *NO_COPIES), policy).outcome == "awaiting_review"
    assert passed is not required


def test_policies_are_data():
    for policy in policies.POLICIES.values():
        assert GatePolicy.model_validate_json(policy.model_dump_json()) == policy
        assert all(rule.because for rule in policy.rules)


def test_reasons_are_plain_and_name_no_cell(good_card):
    reasons = decide(good_card, "standard").reasons
    asked = {rule.metric for rule in policies.STANDARD.rules} | set(policies.STANDARD.attacks.metrics)
    assert {reason.rule.removesuffix("/groups") for reason in reasons} == asked
    for reason in reasons:
        assert reason.message.endswith(".")
        assert "burns" not in reason.message


@pytest.mark.parametrize("policy", ["open", "standard"])
def test_fresh_rows_pass(good_card, policy):
    verdict = decide(good_card, policy)
    assert verdict.outcome == "awaiting_review", [r.message for r in verdict.failed]


def test_fresh_rows_fail_the_strict_policy_only_where_600_unseen_people_cannot_show_safety(good_card):
    failed = decide(good_card, "strict").failed
    assert all("not shown safe" in r.message for r in failed), [r.message for r in failed]


@pytest.mark.parametrize("policy", ["open", "standard", "strict"])
def test_training_rows_are_blocked(copied, policy):
    names = ("copied_rows", "near_copies", "closest_record", "lone_numbers")
    failed = {r.rule for r in decide(copied.scored(names), policy).failed}
    assert {"copied_rows", "near_copies"} <= failed


@pytest.mark.parametrize("policy", ["open", "standard", "strict"])
def test_one_copied_row_in_twenty_is_blocked(good, tmp_path, policy):
    frame = good.synthetic.take(10_000)
    planted = pd.concat([good.split.train.iloc[: len(frame) // 20], frame.iloc[len(frame) // 20 :]], ignore_index=True)
    found = good.with_set(planted, tmp_path).scored(("copied_rows", "near_copies"))
    assert {"copied_rows", "near_copies"} <= {r.rule for r in decide(found, policy).failed}


@pytest.mark.parametrize("policy", ["standard", "strict"])
def test_a_set_that_lost_a_class_of_the_target_is_blocked(good, tmp_path, policy):
    frame = good.synthetic.take(10_000)
    found = good.with_set(frame[frame["outcome"] == "alive"], tmp_path).scored(("mode_census",))
    assert "mode_census/lost_classes" in {r.rule for r in decide(found, policy).failed}


def test_columns_that_no_longer_go_together_are_blocked(good, tmp_path):
    frame = good.split.holdout.copy()
    for column in frame:
        frame[column] = frame[column].sort_values(ignore_index=True)
    found = good.with_set(frame, tmp_path).scored(("pair",))
    assert "pair" in {r.rule for r in decide(found, "standard").failed}


def released(good, found, verdict, **changes):
    record = RELEASE.model_copy(update=changes)
    return gate.release(good.synthetic, good.schema, found, verdict, record, good.spec, TABULAR)


def test_the_gate_lets_a_good_set_out(good, good_card):
    found = released(good, good_card, decide(good_card, "standard"))
    assert isinstance(found, ReleasedSet)
    assert found.release.recipient == "University"


def test_a_blocked_set_cannot_be_released(good, good_card):
    kept = tuple(r for r in good_card.results if r.metric != "near_copies")
    bad = good_card.model_copy(update={"results": kept})
    with pytest.raises(GateError, match="blocked"):
        released(good, bad, decide(bad, "standard"))


def test_a_verdict_that_was_not_earned_is_refused(good, good_card):
    bad = good_card.model_copy(update={"results": ()})
    forged = Verdict(outcome="awaiting_review", reasons=(), policy=policies.STANDARD)
    with pytest.raises(GateError, match="does not follow"):
        released(good, bad, forged)
    with pytest.raises(GateError, match="another policy"):
        released(good, good_card, decide(good_card, "open"))
    other = good_card.model_copy(update={"rows": 5})
    with pytest.raises(GateError, match="5 rows"):
        released(good, other, decide(other, "standard"))


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": " "},
        {"recipient": ""},
        {"expires_at": "2026-11-21T09:00:00Z"},
        {"expires_at": "2026-11-21T11:00:00+02:00"},
        {"expires_at": "soon"},
    ],
)
def test_a_release_needs_purpose_recipient_and_a_future(good, good_card, changes):
    with pytest.raises(GateError):
        released(good, good_card, decide(good_card, "standard"), **changes)


def test_nobody_else_builds_a_released_set(good, good_card):
    parts = (good.synthetic, good.schema, good_card, decide(good_card, "standard"), RELEASE, good.spec, TABULAR, {})
    with pytest.raises(GateError):
        ReleasedSet(*parts)
    with pytest.raises(GateError):
        ReleasedSet(*parts, token=object())


def override(rules, **changes):
    known = {
        "reason": "the recipient works inside this house",
        "failed": tuple(rules),
        "requested_by": "eva",
        "requested_at": "2026-11-21T08:00:00Z",
        "confirmed_by": "otto",
        "confirmed_at": "2026-11-21T09:00:00Z",
    }
    return Override(**{**known, **changes})


@pytest.fixture(scope="module")
def blocked(good_card):
    """A scorecard and verdict of a set that the gate blocks for a failed score."""
    failed = good_card.result("pair").model_copy(update={"status": Status.ERROR, "reason": "it stopped"})
    results = tuple(failed if r.metric == "pair" else r for r in good_card.results)
    found = good_card.model_copy(update={"results": results})
    return found, decide(found, "standard")


def test_two_people_release_a_blocked_set_and_the_failed_rules_are_named(good, blocked):
    found = released(good, *blocked, override=override(["pair"]))
    assert found.verdict.outcome == "blocked"
    assert found.release.override.confirmed_by == "otto"


def test_an_override_is_for_exactly_the_rules_that_were_not_met(good, good_card, blocked):
    for failed in (["utility"], ["pair", "utility"]):
        with pytest.raises(GateError, match="other rules"):
            released(good, *blocked, override=override(failed))
    with pytest.raises(GateError, match="nothing to override"):
        released(good, good_card, decide(good_card, "standard"), override=override(["pair"]))
    with pytest.raises(GateError, match="does not follow"):
        released(good, good_card, blocked[1], override=override(["pair"]))


@pytest.mark.parametrize(
    "changes",
    [{"confirmed_by": "eva"}, {"confirmed_by": " eva "}, {"reason": " "}, {"confirmed_by": ""}, {"failed": ()}],
)
def test_an_override_takes_two_people_and_a_reason(changes):
    with pytest.raises(ValidationError):
        override(["pair"], **changes)


def test_copied_rows_leave_on_nobodys_word(good, copied, good_card):
    results = tuple(copied.measured("copied_rows") if r.metric == "copied_rows" else r for r in good_card.results)
    without = tuple(r for r in good_card.results if r.metric != "copied_rows")
    for kept in (results, without):
        found = good_card.model_copy(update={"results": kept})
        verdict = decide(found, "standard")
        assert verdict.final
        with pytest.raises(GateError, match="no override"):
            released(good, found, verdict, override=override({r.rule for r in verdict.failed}))
