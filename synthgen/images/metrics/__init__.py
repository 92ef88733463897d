"""What can be measured on a synthetic set of images: names only, nothing heavy is imported here.

To add a metric: write its class in one of these files and add one line, with the figures it states beside its value.
"""

from __future__ import annotations

from synthgen.contracts import Entry

_HERE = "synthgen.images.metrics"

_WORDS = ("represented", "thin", "lost", "too_few_to_tell")
_SHARES = ("lost_large", "lost_classes", "thin_classes", "lost_share", "thin_share")
_RIVALS = ("real", "oversampled", "class_weights", "classical")
_MIXES = ("more_25", "more_50", "more_100", "more_balance")


def _entry(place: str, title: str, *figures: str) -> Entry:
    """A metric by "file:Class", its title, and the figures that a policy's rule may name."""
    return Entry(f"{_HERE}.{place}", title, figures=figures)


METRICS: dict[str, Entry] = {
    "frechet": _entry("fidelity:Frechet", "Frechet distance", "worst_class"),
    "kernel_distance": _entry("fidelity:KernelDistance", "Kernel distance", "worst_class"),
    "precision": _entry("coverage:Precision", "Precision", "worst_class"),
    "density": _entry("coverage:Density", "Density", "worst_class"),
    "inception_score": _entry("fidelity:InceptionScore", "Inception score, own classifier", "labels_kept"),
    "recall": _entry("coverage:Recall", "Recall", "rarest", "worst_class"),
    "coverage": _entry("coverage:Coverage", "Coverage", "rarest", "worst_class"),
    "worst_cluster": _entry("coverage:WorstCluster", "Coverage of the worst cluster", "mean", "worst_ratio"),
    "mode_census": _entry("census:ModeCensus", "Mode census", *_WORDS, *_SHARES),
    "diversity": _entry("diversity:Diversity", "Variety within a class", "spread", "collapsed_classes"),
    "accuracy_score": _entry(
        "utility:AccuracyScore", "Train on synthetic, test on real",
        "worst_recall", "accuracy", "macro_f1", "worst_recall_gap", "accuracy_gap", "macro_f1_gap",
    ),
    "augmentation": _entry(
        "augmentation:Augmentation", "Would adding this set help a classifier?",
        *(f"{arm}_{measure}" for arm in (*_RIVALS, *_MIXES) for measure in ("recall", "f1")),
        "f1_gain",
    ),
    "closest_image": _entry("privacy:ClosestImage", "Nearest training image", "pixels", "excess"),
    "near_copies": _entry("copies:NearCopies", "Near copies", "distinct"),
    "copied_images": _entry("copies:CopiedImages", "Copied images", "lone_images"),
    "membership": _entry("membership:Membership", "Membership inference by distance", "tpr_at_1"),
    "membership_critic": _entry("membership:MembershipCritic", "Membership inference by the critic", "tpr_at_1"),
}  # fmt: skip
