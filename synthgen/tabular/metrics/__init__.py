"""What can be measured on a synthetic table: names only, nothing heavy is imported here.

To add a metric: write its class in one of these files and add one line, with the figures it states beside its value.
"""

from __future__ import annotations

from synthgen.contracts import Entry

_HERE = "synthgen.tabular.metrics"

_GAPS = ("auc", "auc_gap", "ap", "ap_gap", "worst_recall", "worst_recall_gap", "r2", "r2_gap")
_WORDS = ("represented", "thin", "lost", "too_few_to_tell")
_SHARES = ("lost_large", "lost_classes", "thin_classes", "lost_share", "thin_share")
_SUREST = ("tpr_at_1", "tpr_at_01")
_ARMS = (
    "real", "class_weights", "smote", "smote_balance", "more_25", "more_50", "more_100", "more_balance", "all",
)  # fmt: skip


def _entry(place: str, title: str, *figures: str) -> Entry:
    """A metric by "file:Class", its title, and the figures that a policy's rule may name."""
    return Entry(f"{_HERE}.{place}", title, figures=figures)


METRICS: dict[str, Entry] = {
    "quality": _entry(
        "sdmetrics_reports:Quality", "sdmetrics quality score", "column_shapes", "column_pair_trends"
    ),
    "diagnostic": _entry(
        "sdmetrics_reports:Diagnostic", "sdmetrics diagnostic score", "data_validity", "data_structure"
    ),
    "marginal": _entry("fidelity:Marginal", "Single columns"),
    "pair": _entry("fidelity:Pair", "Column pairs"),
    "triples": _entry("fidelity:Triples", "Column triples"),
    "correlation": _entry("associations:Correlation", "Correlations", "largest"),
    "tails": _entry("tails:Tails", "Tails of numbers", "exceedance", "reach"),
    "dates": _entry("calendar:Dates", "Dates", "weekday", "month", "month_end", "hour", "interval"),
    "missingness": _entry("gaps:Missingness", "Missing cells", "share", "together"),
    "detection": _entry("detection:Detection", "Telling synthetic from real"),
    "mode_census": _entry("census:ModeCensus", "Mode census", *_WORDS, *_SHARES),
    "merged": _entry("merged:Merged", "Categories of too few people"),
    "worst_group": _entry("coverage:WorstGroup", "Worst group: distance", "mean", "worst_tenth"),
    "surprise": _entry(
        "coverage:Surprise", "Worst group: surprise",
        "mean", "worst_end_worst", "worst_end_mean", "train_mean", "train_worst",
    ),
    "utility": _entry("utility:Utility", "Train on synthetic, test on real", *_GAPS),
    "augmentation": _entry(
        "augmentation:Augmentation", "Would adding this set help a model?",
        *(f"{arm}_{measure}" for arm in _ARMS for measure in ("score", "recall", "brier")),
        "recall_gain", "brier_gain", "macro_gain", "macro_all",
    ),
    "closest_record": _entry("privacy:ClosestRecord", "Distance to the closest record", "standard_error"),
    "near_copies": _entry("privacy:NearCopies", "Near copies"),
    "copied_rows": _entry("privacy:CopiedRows", "Copied rows", "lone_rows"),
    "lone_numbers": _entry("privacy:LoneNumbers", "Numbers that belong to one person"),
    "copied_keys": _entry("identifiers:CopiedKeys", "Identifiers handed on"),
    "singling_out": _entry("attacks.singling_out:SinglingOut", "Singling out", "univariate", "risk"),
    "linkability": _entry("attacks.linkability:Linkability", "Linkability", "risk"),
    "inference": _entry(
        "attacks.inference:Inference", "Attribute inference", "risk", "secret_2", "secret_3", "secret_4"
    ),
    "membership": _entry("attacks.membership:Membership", "Membership inference by distance", *_SUREST),
    "membership_density": _entry(
        "attacks.density:MembershipDensity", "Membership inference by density", *_SUREST
    ),
    "membership_likelihood": _entry(
        "attacks.likelihood:MembershipLikelihood", "Membership inference by likelihood", *_SUREST
    ),
    "disclosure_protection": _entry(
        "attacks.disclosure:DisclosureProtection", "sdmetrics disclosure protection"
    ),
}  # fmt: skip
