"""What was dropped after drawing, and scores before and after it, stand in both renderings."""

from synthgen.release import gate, policies, report

FILTERS = {
    "rows": 1000,
    "dropped": {"near_copies": 31, "outliers": 4},
    "left": {"near_copies": 1, "outliers": 0},
    "scores": [{"metric": "pair", "title": "Column pairs", "before": 0.937, "after": 0.931, "holdout": 0.951}],
}


def test_a_report_tells_what_was_dropped_and_what_it_is_worth(good):
    card = good.scored(("pair", "copied_rows")).model_copy(update={"filters": FILTERS})
    for rendering in (report.review(card), report.release(card, gate.decide(card, policies.named("open")))):
        page = report.html(rendering)
        for told in ("Near copies of training rows", "<b>31</b>", "0.937", "0.931", "no protection that can be proven"):
            assert told in page


def test_nothing_is_told_where_nothing_was_dropped(good):
    assert "What was dropped" not in report.html(report.review(good.scored(("pair",))))
