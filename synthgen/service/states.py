"""The job state machine: which state may follow which, and how much of a job each of its stages is."""

from __future__ import annotations

from synthgen.service.read_models import JobState

FOLLOWS: dict[JobState, frozenset[JobState]] = {
    "queued": frozenset({"running", "cancelled", "failed"}),
    "running": frozenset({"queued", "succeeded", "failed", "cancelled"}),
    "failed": frozenset({"queued"}),  # only by a person who asks for a retry
    "cancelled": frozenset({"queued"}),
    "succeeded": frozenset(),
}

# How much of a whole job each stage takes, by the names that the pipeline reports; "kind/modality" goes before "kind".
STAGES: dict[str, tuple[tuple[str, float], ...]] = {
    "inspect": (("read", 1.0),),
    "fit": (("read", 0.04), ("encode", 0.04), ("worst", 0.22), ("mean", 0.46), ("sample", 0.06), ("score", 0.18)),
    "fit/images": (("read", 0.02), ("warm_start", 0.13), ("conditional_gan", 0.6), ("sample", 0.05), ("score", 0.2)),
    "sample": (("read", 0.1), ("sample", 0.4), ("score", 0.5)),
    "impute": (("read", 0.1), ("impute", 0.9)),
    "export": (("export", 1.0),),
    "erase": (("erase", 1.0),),
}

# Stages that are a part of one of those: which, and from what share of it to what share.
PARTS: dict[str, tuple[str, float, float]] = {
    "reduced_size": ("conditional_gan", 0.0, 0.6),
    "full_size": ("conditional_gan", 0.6, 1.0),
}


def may_follow(before: JobState, after: JobState) -> bool:
    """Whether a job may go from `before` to `after`."""
    return after in FOLLOWS[before]


def planned(kind: str, modality: str = "tabular") -> str:
    """Under which name the stages of a job on such data are planned."""
    special = f"{kind}/{modality}"
    return special if special in STAGES else kind


def overall_progress(plan: str, stage: str, done: float, total: float) -> float | None:
    """The share of the whole job that is done, 0..1, or None when the stage is not one we plan for."""
    before = 0.0
    whole, begin, end = PARTS.get(stage, (stage, 0.0, 1.0))
    for name, share in STAGES.get(plan, ()):
        if name == whole:
            return min(before + share * (begin + (end - begin) * _part(done, total)), 1.0)
        before += share
    return None


def remaining_seconds(plan: str, stage: str, done: float, total: float, stage_eta: float) -> float:
    """Seconds left of the whole job, from those of its present stage and the planned shares."""
    whole, begin, end = PARTS.get(stage, (stage, 0.0, 1.0))
    left = (end - begin) * (1.0 - _part(done, total))
    names = [name for name, _ in STAGES.get(plan, ())]
    if whole not in names or left <= 0:
        return stage_eta
    shares = [share for _, share in STAGES[plan]]
    here = names.index(whole)
    return stage_eta * (1 + (shares[here] * (1.0 - end) + sum(shares[here + 1 :])) / (shares[here] * left))


def _part(done: float, total: float) -> float:
    return min(max(done / total if total else 0.0, 0.0), 1.0)
