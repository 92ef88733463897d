import json
import re

import pytest

from synthgen.contracts import GroupFigure, MetricResult, Plot, Release, Scorecard, Status
from synthgen.release import report
from synthgen.release.gate import decide

RECORD = Release(purpose="Teaching", recipient="University <b>", released_by="dr.b", released_at="2026-11-21T10:00:00Z")


def plot(**found):
    known = {
        "column": "ward",
        "kind": "category",
        "bins": ("a", "b", "secret-one", "secret-two"),
        "real": tuple(n / 915 for n in (503, 402, 6, 4)),
        "synthetic": (0.5, 0.45, 0.03, 0.02),
        "real_counts": (503, 402, 6, 4),
        "suppressed": (False, False, True, True),
    }
    return Plot(**{**known, **found})


def census(*groups):
    return MetricResult(
        metric="mode_census", title="Mode census", family="coverage", better="higher", low=0, high=1, best=1,
        value=1.0, groups=groups,
    )  # fmt: skip


def card(*results, plots=()):
    return Scorecard(
        results=results, plots=plots, rows=1000, compared_rows=203, holdout_rows=203, train_rows=1013, k_floor=10,
        generator="g", emphasis={"reducer": "cvar", "worst": "ward = burns"}, notes=("a note with a value",),
    )  # fmt: skip


def rendered(found):
    return report.release(found, decide(found, "standard"), RECORD)


def test_real_counts_leave_rounded_and_never_below_k():
    groups = (
        GroupFigure(label="ward = a", kind="class", real_count=503, synthetic_count=498, value=1.0173, holdout=0.97),
        GroupFigure(label="ward = b", kind="class", real_count=11, synthetic_count=9, value=0.83, holdout=0.0),
        GroupFigure(label="ward = few", kind="class", real_count=9, synthetic_count=9, value=0.83),
        GroupFigure(label="ward = hidden", kind="class", real_count=90, suppressed=True, value=0.83),
    )
    found = rendered(card(census(*groups)))
    shown = found["scores"][0]["groups"]
    assert [(g["label"], g["real_count"], g["value"], g["holdout"]) for g in shown] == [
        ("ward = a", 505, 1.0, None),
        ("ward = b", 10, 0.8, None),
    ]
    assert found["facts"] == {"rows": 1000, "train_rows": 1015, "holdout_rows": 205}
    assert found["notes"] == []
    assert found["emphasis"] == {"reducer": "cvar"}


def test_groups_of_the_hold_out_do_not_leave():
    groups = (GroupFigure(label="ward = a", kind="class", real_count=100, value=2.5),)
    surprise = census(*groups).model_copy(update={"metric": "surprise"})
    assert rendered(card(surprise))["scores"][0]["groups"] == []
    assert len(report.review(card(surprise))["scores"][0]["groups"]) == 1


def test_the_review_leaves_nothing_out():
    groups = (GroupFigure(label="ward = few", kind="class", real_count=11, value=0.8312, holdout=0.9),)
    found = report.review(card(census(*groups), plots=(plot(),)))
    assert found["scores"][0]["groups"][0]["real_count"] == 11
    assert [b["label"] for b in found["plots"][0]["bins"]] == ["a", "b", "secret-one", "secret-two"]
    assert found["facts"]["train_rows"] == 1013


def test_small_bins_are_put_together_and_not_named():
    bins = rendered(card(plots=(plot(),)))["plots"][0]["bins"]
    assert [b["label"] for b in bins] == ["a", "b", "all others"]
    assert bins[2]["synthetic"] == 0.05
    assert bins[0]["real"] == round(505 / 915, 3)


def test_shares_are_of_records_where_people_have_unlike_numbers_of_them():
    """Every source image has red cells and platelets, but of the cells nearly all are red."""
    found = plot(bins=("rbc", "platelet"), real=(0.9, 0.1), synthetic=(0.88, 0.12), real_counts=(203, 198),
                 suppressed=(False, False))  # fmt: skip
    bins = rendered(card(plots=(found,)))["plots"][0]["bins"]
    assert [b["real"] for b in bins] == pytest.approx([0.9, 0.1], abs=2.5 / 400 + 1e-3)
    assert all(abs(b["real"] * 405 / 5 - round(b["real"] * 405 / 5)) < 0.1 for b in bins), "no finer than five people"


def test_small_bins_are_left_out_where_even_together_they_are_few():
    found = rendered(card(plots=(plot(real_counts=(503, 402, 3, 2)),)))
    assert [b["label"] for b in found["plots"][0]["bins"]] == ["a", "b"]
    assert rendered(card(plots=(plot(real_counts=(3, 2, 1, 1)),)))["plots"] == []


def test_the_ends_of_a_number_are_not_shown():
    bins = ("3.71 – 10", "10 – 20", "20 – 30", "30 – 99.13")
    found = plot(kind="number", bins=bins, real_counts=(40, 400, 500, 30), suppressed=(False,) * 4)
    shown = [b["label"] for b in rendered(card(plots=(found,)))["plots"][0]["bins"]]
    assert shown == ["lowest", "10 – 20", "20 – 30", "highest"]


def test_open_ends_keep_their_names():
    found = plot(kind="number", bins=("below 30", "30 to 40", "40 and above", "missing"), real_counts=(40, 400, 50, 20))
    shown = [
        b["label"]
        for b in rendered(card(plots=(found.model_copy(update={"suppressed": (False,) * 4}),)))["plots"][0]["bins"]
    ]
    assert shown == ["below 30", "30 to 40", "40 and above", "missing"]


def test_renderings_are_json(good_card):
    verdict = decide(good_card, "standard")
    for found in (report.review(good_card, verdict), report.release(good_card, verdict, RECORD)):
        assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))


@pytest.mark.parametrize("kind", ["review", "release", "bare"])
def test_the_page_stands_alone_and_says_what_matters(good_card, kind):
    verdict = decide(good_card, "standard")
    made = {
        "review": lambda: report.review(good_card, verdict),
        "release": lambda: report.release(good_card, verdict, RECORD),
        "bare": lambda: good_card,
    }
    page = report.html(made[kind]())
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)
    for text in ("Which groups survived", "All scores", "What this cannot show", "outcome = died"):
        assert text in page
    if kind != "bare":
        assert "Every rule of the policy" in page
    if kind == "release":
        assert "University &lt;b&gt;" in page
        assert "Hold-out" not in page


def test_a_blocked_set_says_so_in_plain_words():
    found = card(census())
    text = report.html(report.review(found, decide(found, "standard")))
    assert "Blocked by the gate" in text
    assert "rules are not met" in text


def test_names_from_the_table_are_escaped():
    groups = (GroupFigure(label="<script>alert(1)</script>", kind="class", real_count=50, value=1.0),)
    page = report.html(report.review(card(census(*groups), plots=(plot(column="<img src=x>"),))))
    assert "<script>" not in page
    assert "<img" not in page


def test_a_score_that_failed_is_shown_as_such():
    failed = census().model_copy(update={"status": Status.ERROR, "value": None, "reason": "it stopped with KeyError"})
    page = report.html(card(failed))
    assert "it stopped with KeyError" in page
    assert "could not be judged" in page
