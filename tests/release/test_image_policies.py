"""The policies for images: what they ask, and what none of one's own may leave out."""

import pytest

from synthgen import catalog
from synthgen.contracts import Figure, Interval, MetricResult, Scorecard
from synthgen.errors import SpecError
from synthgen.release import gate, policies, report
from synthgen.spec import AttackRule, GatePolicy, GateRule, RunSpec


def result(metric, value, holdout=None, half=0.02, p=0.5, family="privacy", figures=(), better="lower"):
    return MetricResult(
        metric=metric,
        title=metric,
        family=family,
        better=better,
        low=0,
        high=1,
        best=0,
        value=value,
        holdout=holdout,
        interval=Interval(low=value - half, high=value + half),
        p_value=p if family == "privacy" else None,
        attempts=500 if family == "privacy" else None,
        figures=figures,
    )


def card(**changed):
    shares = [Figure(name=name, value=0.0) for name in ("lost_classes", "lost_share")]
    found = {
        "closest_image": result("closest_image", 0.51, 0.5),
        "near_copies": result("near_copies", 0.01, 0.01),
        "copied_images": result(
            "copied_images", 0.0, 0.0, half=0.001, figures=(Figure(name="lone_images", value=0.0, holdout=0.0),)
        ),
        "diversity": result(
            "diversity", 1.0, family="coverage", figures=(Figure(name="collapsed_classes", value=0.0),)
        ),
        "membership": result("membership", 0.5, 0.5),
        "mode_census": result("mode_census", 1.0, family="coverage", figures=tuple(shares)),
        "accuracy_score": result("accuracy_score", 0.9, 0.93, family="utility", better="higher"),
    } | changed
    return Scorecard(
        results=tuple(r for r in found.values() if r is not None),
        rows=1000,
        compared_rows=500,
        holdout_rows=500,
        train_rows=2000,
        k_floor=10,
        generator="conditional_gan",
        modality="images",
    )


@pytest.mark.parametrize("name", ["open", "standard", "strict"])
def test_every_policy_names_what_a_scorecard_of_images_holds(name):
    catalog.check(RunSpec(modality="images", policy=name))
    known = catalog.modality("images").metrics
    for rule in policies.metrics(policies.named(name, "images")):
        metric, _, figure = rule.partition("/")
        assert metric in known
        assert not figure or figure in known[metric].figures


def test_a_clean_card_awaits_review():
    assert gate.decide(card(), "standard").outcome == "awaiting_review"


@pytest.mark.parametrize(
    ("metric", "found"),
    [
        ("closest_image", result("closest_image", 0.8, 0.5, p=1e-9)),
        ("near_copies", result("near_copies", 0.2, 0.01, p=1e-9)),
        ("membership", result("membership", 0.7, 0.5, p=1e-9)),
        ("membership", None),
        ("copied_images", None),
        ("closest_image", result("closest_image", 0.2, 0.5)),
        ("mode_census", None),
        (
            "copied_images",
            result("copied_images", 0.002, 0.0, figures=(Figure(name="lone_images", value=0.002, holdout=0.0),)),
        ),
        (
            "diversity",
            result("diversity", 0.2, family="coverage", figures=(Figure(name="collapsed_classes", value=1.0),)),
        ),
        ("accuracy_score", result("accuracy_score", 0.2, 0.93, family="utility", better="higher")),
    ],
)
def test_what_is_bad_or_unknown_blocks(metric, found):
    assert gate.decide(card(**{metric: found}), "standard").outcome == "blocked"


def test_more_than_one_in_a_hundred_copied_images_cannot_be_overridden():
    verdict = gate.decide(card(copied_images=result("copied_images", 0.05, 0.0, p=1e-9)), "open")
    assert "images" in verdict.final


def test_a_policy_of_ones_own_keeps_the_attacks_that_look_for_copies():
    own = GatePolicy(
        name="own",
        rules=(GateRule(metric="coverage", at_least=0.5),),
        attacks=AttackRule(metrics=("membership",), optional=("membership",)),
    )
    kept = policies.named(own, "images")
    assert set(policies.kind("images").copying) < set(kept.attacks.metrics)
    assert "closest_image" in [rule.metric for rule in kept.rules]


def test_what_only_a_table_has_is_refused():
    spec = RunSpec(modality="images", positive="yes", target="income", privacy={"epsilon": 1.0})
    with pytest.raises(SpecError):
        catalog.check(spec)


def test_the_page_speaks_of_images():
    page = report.html(report.release(card(), gate.decide(card(), "standard")))
    assert "Unseen real images" in page
    assert "real rows" not in page
    assert "table" not in page.split("<body")[1].replace("<table", "").replace("</table", "")
