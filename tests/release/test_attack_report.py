"""Attacks on the page and in the two renderings: what a steward reads, what is drawn, what may not leave."""

import json
import re

import jsonschema
import pytest

from synthgen.contracts import Figure, GroupFigure, Interval, MetricResult, Release, Scorecard, Status
from synthgen.release import drawing, rendering, report
from synthgen.release.gate import decide

RECORD = Release(purpose="Teaching", recipient="University", released_by="dr.b", released_at="2026-11-21T10:00:00Z")


def interval(low, high):
    return Interval(low=low, high=high, method="Newcombe")


def attack(metric="inference", **found):
    known = {
        "metric": metric, "title": "Attribute inference", "family": "privacy", "better": "lower", "low": 0, "high": 1,
        "best": 0, "value": 0.412, "holdout": 0.401, "interval": interval(0.38, 0.45), "attempts": 1003,
        "baseline": 0.352, "p_value": 0.314159, "explanation": "An attacker guesses.", "source": "Somebody (2020).",
    }  # fmt: skip
    return MetricResult(**{**known, **found})


def pool(**found):
    known = {
        "label": "rare categories", "kind": "pool", "attempts": 217, "value": 0.4378, "holdout": 0.4112,
        "interval": interval(0.3567, 0.5189), "baseline": 0.3333, "p_value": 0.2718,
    }  # fmt: skip
    return GroupFigure(**{**known, **found})


def card(*results):
    return Scorecard(
        results=results, rows=1000, compared_rows=203, holdout_rows=203, train_rows=1013, k_floor=10, generator="g"
    )


def both(found):
    verdict = decide(found, "standard")
    return report.review(found, verdict), report.release(found, verdict, RECORD)


def said(shown, about):
    return next(answer for answer in shown["summary"] if about in answer["about"])


def test_a_steward_reads_what_attackers_got_on_the_whole_and_on_minorities():
    gaining = pool(label="tails", value=0.61, interval=interval(0.5, 0.7), p_value=1e-6)
    shown, _ = both(card(attack(groups=(pool(), gaining, pool(label="rare pairs", status=Status.INSUFFICIENT)))))
    told = said(shown, "attacker")
    assert told["tone"] == "bad"
    assert "On the whole set, 1 attack was made" in told["text"]
    assert "None does better than chance allows; the strongest, Attribute inference, scores 41.2%" in told["text"]
    assert "1 does better than chance allows; the strongest, Attribute inference (tails), scores 61%" in told["text"]
    assert "1 more had too few people" in told["text"]


def test_no_attack_is_no_good_news():
    for found in (card(), card(attack(status=Status.ERROR, reason="it stopped", value=None))):
        told = said(both(found)[0], "attacker")
        assert told["tone"] == "unknown"
        assert "nothing is known" in told["text"]


def test_the_page_draws_every_population_with_control_and_guessing_and_names_those_with_too_few_people():
    secret = Figure(
        name="secret_2", title="Guessing ward", value=0.3, holdout=0.3, interval=interval(0.2, 0.4), p_value=0.5
    )
    few = pool(
        label="rare pairs", status=Status.INSUFFICIENT, reason="29 people in training", attempts=None, value=None
    )
    page = report.html(both(card(attack(figures=(secret,), groups=(pool(), few))))[0])
    assert page.count("<circle cx=") >= 3
    assert page.count('<path d="M') >= 2
    for text in (
        "rare categories",
        "Guessing ward",
        "29 people in training",
        "insufficient",
        "shown safe",
        "1,003 people",
    ):
        assert text in page
    assert "What was not computed" in page


def test_an_attack_that_gains_is_drawn_in_red():
    quiet, loud = (report.html(both(card(attack(p_value=p, interval=interval(0.405, 0.42))))[0]) for p in (0.9, 1e-9))
    assert 'fill="#b3261e"' not in quiet
    assert 'fill="#b3261e"' in loud


def test_attacks_on_groups_leave_coarse_and_none_of_fewer_than_k_people():
    single = pool(
        label="ward = a", kind="rare category", columns=("ward",), attempts=203, real_count=203, p_value=0.0312
    )
    tiny = pool(label="ward = few", kind="rare category", attempts=7, real_count=7)
    hidden = pool(label="ward = quokka", kind="rare category", suppressed=True)
    unnamed = pool(
        label="ward = xylothek", kind="rare category", attempts=None, status=Status.INSUFFICIENT, reason="7 people"
    )
    small_pool = pool(label="rare pairs", attempts=8)
    _, shown = both(card(attack(groups=(pool(), single, tiny, hidden, unnamed, small_pool))))
    lines = {g["label"]: g for g in shown["scores"][0]["groups"]}
    assert set(lines) == {"rare categories", "ward = a"}
    of_pool, of_group = lines["rare categories"], lines["ward = a"]
    assert (of_pool["attempts"], of_pool["value"], of_pool["holdout"], of_pool["p_value"]) == (215, 0.44, 0.41, 0.5)
    assert (of_pool["interval"]["low"], of_pool["interval"]["high"]) == (0.35, 0.52)
    assert (of_group["attempts"], of_group["real_count"], of_group["value"]) == (205, 205, 0.45)
    assert (of_group["holdout"], of_group["baseline"], of_group["p_value"]) == (0.4, 0.35, 0.05)
    assert (of_group["interval"]["low"], of_group["interval"]["high"]) == (0.35, 0.55)
    assert [line["population"] for line in shown["risks"][0]["lines"]] == ["everybody", "rare categories", "ward = a"]
    text = json.dumps(shown) + report.html(shown)
    for word in ('few"', "quokka", "xylothek", "0.4378", "0.3567", "217", "203 ", "7 people"):
        assert word not in text, word


def test_attacks_on_the_whole_leave_with_rounded_counts():
    _, shown = both(card(attack()))
    whole = shown["risks"][0]["lines"][0]
    assert (whole["attempts"], whole["value"], whole["p_value"]) == (1005, 0.412, 0.31)


def test_reasons_leave_without_counts():
    few = attack(status=Status.INSUFFICIENT, reason="37 people of the hold-out serve as others", value=None)
    first, second = both(card(few))
    assert "37 people" in json.dumps(first)
    assert "37" not in json.dumps({k: second[k] for k in ("scores", "risks", "unmeasured")})
    assert second["unmeasured"][0] == {
        "title": "Attribute inference", "status": "insufficient", "reason": "Too few people to tell.",
    }  # fmt: skip


def test_the_receipt_of_differential_privacy_is_on_the_card_where_there_is_one():
    evidence = {"training": {"privacy": {"epsilon": 2.4, "delta": 1e-6, "unit": "one person"}}}
    found = card(attack())
    with_it, without = (report.review(found, None, evidence=e) for e in (evidence, {"training": {}}))
    assert "epsilon 2.4" in said(with_it, "made")["text"]
    page = report.html(with_it)
    assert "1e-06" in page
    assert "one person" in page
    assert "No formal guarantee" not in page
    assert "No formal guarantee" in report.html(without)
    assert without["differential_privacy"] is None


def test_the_advice_on_adding_the_set_is_read_first():
    added = attack(
        "augmentation", family="utility", low=-1, verdict="use +50 %", reason="Use +50 %: beyond chance.",
        attempts=None, p_value=None, title="Would adding this set help a model?",
        figures=(Figure(name="real_score", title="Real rows alone", value=0.5, interval=interval(0.4, 0.6)),),
    )  # fmt: skip
    shown = both(card(added))[0]
    assert said(shown, "adding")["text"] == "Use +50 %: beyond chance."
    assert said(shown, "adding")["tone"] == "good"
    assert "Real rows alone" in report.html(shown)
    unknown = added.model_copy(update={"status": Status.INSUFFICIENT, "value": None, "verdict": ""})
    assert said(both(card(unknown))[0], "adding")["tone"] == "unknown"


def test_a_blocked_set_names_who_may_override(good_card):
    failed = good_card.result("pair").model_copy(update={"status": Status.ERROR, "reason": "it stopped"})
    found = good_card.model_copy(
        update={"results": tuple(failed if r.metric == "pair" else r for r in good_card.results)}
    )
    assert "a second confirms" in said(both(found)[0], "leave")["text"]
    copied = card(attack())  # nobody knows whether rows were copied
    assert "Nobody may override" in said(both(copied)[0], "leave")["text"]


def test_both_renderings_keep_to_the_published_schema(good_card):
    published = json.loads(rendering.text())
    jsonschema.Draft202012Validator.check_schema(published)
    for found in (good_card, card(attack(groups=(pool(),)))):
        for shown in both(found):
            jsonschema.validate(json.loads(json.dumps(shown)), published)
            assert shown["$schema"] == published["$id"] == rendering.SCHEMA_ID
            assert shown["version"] == rendering.VERSION
    wrong = {**both(card())[0], "rendering": "secret"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(json.dumps(wrong)), published)


def test_the_schema_beside_the_code_is_the_one_the_code_makes():
    path = rendering.PATH
    assert path.read_text("utf-8") == rendering.text(), f"python -m synthgen.release.rendering > {path.name}"


def test_the_page_of_attacks_stands_alone():
    page = report.html(both(card(attack(groups=(pool(label="<script>x</script>"),))))[0])
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.487, 0.523), (0.2, 0.2), (-0.3, 0.41), (0, 1e6)])
def test_a_scale_holds_its_numbers_between_round_ticks(low, high):
    made = drawing.between(low, high)
    assert made.low <= low <= high <= made.high
    assert 2 <= len(made.ticks) <= 9 or low == high
    assert 0 <= made.at(low) <= made.at(high) <= made.width
