"""Draws the parts of a scorecard that `test_augmentation_card.py` looks at; run by AppTest, not collected."""

from dashboard.components import augmentation
from synthgen.contracts import Figure, GroupFigure, Interval, MetricResult, Scorecard, Status

ARMS = {
    "real": ("Real rows alone", 0.41),
    "class_weights": ("Real rows with class weights", 0.43),
    "smote": ("Real and SMOTE-NC, +100 %", 0.42),
    "smote_balance": ("Real and SMOTE-NC, +900 %", 0.39),
    "more_25": ("Real and synthetic, +25 %", 0.46),
    "more_50": ("Real and synthetic, +50 %", 0.51),
    "more_100": ("Real and synthetic, +100 %", 0.5),
    "all": ("Real and all synthetic", 0.44),
}
WORDS = {"score": "average precision", "recall": "recall of the class", "brier": "Brier score"}


def figure(arm: str, measure: str, title: str, value: float) -> Figure:
    interval = Interval(low=value - 0.03, high=value + 0.03)
    return Figure(name=f"{arm}_{measure}", title=f"{title}: {WORDS[measure]}", value=value, interval=interval)


def card() -> Scorecard:
    """A verdict, what was dropped and what was merged."""
    known = {"better": "higher", "low": -1.0, "high": 1.0, "best": 1.0}
    figures = [figure(arm, m, title, score) for arm, (title, score) in ARMS.items() for m in WORDS]
    figures.append(
        Figure(name="more_balance_score", title="To balance", status=Status.NOT_APPLICABLE, reason="Too few.")
    )
    figures.append(Figure(name="recall_gain", title="Recall: change by the mix told of", value=0.1))
    added = MetricResult(
        metric="augmentation",
        title="Would adding this set help a model?",
        family="utility",
        value=0.08,
        interval=Interval(low=0.02, high=0.14),
        figures=tuple(figures),
        verdict="use +50 %",
        reason="Use +50 %: average precision changes by +0.080 (+0.02 to +0.14) against class weights, beyond chance.",
        explanation="A model of the rare class learns from real rows alone and with synthetic rows beside them.",
        **known,
    )
    lines = (
        GroupFigure(label="ward: 2 categories", kind="column", real_count=9, synthetic_count=0),
        GroupFigure(
            label="ward = <b>chapel</b>", kind="merged category", real_count=3, synthetic_count=0, suppressed=True
        ),
    )
    merged = MetricResult(metric="merged", title="Merged", family="coverage", value=0.0, groups=lines, **known)
    filters = {
        "rows": 1000,
        "dropped": {"near_copies": 31, "outliers": 4},
        "left": {"near_copies": 1, "outliers": 0},
        "scores": [{"metric": "near_copies", "title": "Near copies", "before": 0.03, "after": 0.0, "holdout": 0.01}],
    }
    counts = {"rows": 1000, "compared_rows": 500, "holdout_rows": 500, "train_rows": 2000, "k_floor": 10}
    return Scorecard(results=(added, merged), generator="gaussian_copula", filters=filters, **counts)


def show() -> None:
    """All three parts."""
    for part in (augmentation.show, augmentation.dropped, augmentation.merged):
        part(card())


show()
