"""What of a scorecard may leave: no number from which people of a group could be counted, no name of a small group.

Real counts are at least k and rounded to 5; shares of a group are too coarse to count from; attacks on single groups
are told to a twentieth, those on pools of groups to a hundredth; a population of fewer than k people is not shown.
"""

from __future__ import annotations

import math
import re
from typing import Any

from synthgen.contracts import Figure, GroupFigure, Interval, MetricResult, Plot, Status, Verdict
from synthgen.release.attacks import POOL
from synthgen.release.rendering import Bin, ShownPlot

HOLDOUT_GROUPS = frozenset({"surprise"})  # metrics whose groups are groups of the hold-out
ABOUT_COLUMNS = frozenset({"column", "column pair", "column triple"})
P_STEPS = (0.001, 0.01, 0.05, 0.1, 0.5, 1.0)
SINGLE, POOLED = 0.05, 0.01  # steps of what is told of an attack on one group, on a pool of groups
GENERIC = {
    Status.OK: "",
    Status.NOT_APPLICABLE: "It does not apply to this data.",
    Status.INSUFFICIENT: "Too few people to tell.",
    Status.ERROR: "It could not be measured.",
}


def rounded(count: int, k: int) -> int:
    """A count of real people or rows: at least k, rounded to 5."""
    return max(k, 5 * round(count / 5))


def result(found: MetricResult, k: int) -> MetricResult:
    """A score on the whole set, with the lines of its breakdown that may be named."""
    groups = tuple(group(found, g, k) for g in found.groups if nameable(found, g, k))
    decimals = 2 if found.family == "privacy" else 3
    figures = tuple(_figure(f, k, decimals) for f in found.figures)
    return found.model_copy(
        update={**_whole(found, k, decimals), "groups": groups, "figures": figures, "reason": reason(found)}
    )


def verdict(found: Verdict) -> Verdict:
    """The verdict with the numbers of its reasons as they are told in words."""
    reasons = (r.model_copy(update={"value": _coarse(r.value, 3)}) for r in found.reasons)
    return found.model_copy(update={"reasons": tuple(reasons)})


def nameable(found: MetricResult, line: GroupFigure, k: int) -> bool:
    """Whether a line may be named: about columns, a pool, or at least k people; none of the hold-out alone."""
    if found.metric in HOLDOUT_GROUPS or line.suppressed:
        return False
    people = [n for n in (line.real_count, line.attempts) if n is not None]
    if any(n < k for n in people):
        return False
    return bool(people) or line.kind in ABOUT_COLUMNS or line.kind == POOL


def group(found: MetricResult, line: GroupFigure, k: int) -> GroupFigure:
    """A line with no number from which the people in it could be counted."""
    if line.attempts is not None or line.p_value is not None or (line.kind == POOL):
        return _attacked(line, k)
    if line.real_count is None:
        return line.model_copy(
            update={
                "value": _coarse(line.value, 3),
                "interval": _decimals(line.interval, 3),
                "holdout": _coarse(line.holdout, 3),
                "reason": reason(line),
            }
        )
    return line.model_copy(
        update={
            "real_count": rounded(line.real_count, k),
            "value": _coarse(line.value, 1 if found.metric == "mode_census" else 2),
            "interval": _decimals(line.interval, 1),
            "holdout": None,
            "baseline": None,
            "reason": reason(line),
        }
    )


def reason(found: MetricResult | Figure | GroupFigure) -> str:
    """Why there is no number, without a count that it may name; what is said of one that was measured stays."""
    if found.status is Status.OK and isinstance(found, MetricResult):
        return found.reason
    return GENERIC[found.status] if re.search(r"\d", found.reason) else found.reason


def plot(found: Plot, k: int) -> ShownPlot | None:
    """Bins with at least k people, their counts rounded to 5; the others together, or not at all if still too few.

    Where people have unlike numbers of records, shares are of records as the synthetic ones are, in steps of what five
    people are of all.
    """
    people = [0 if hidden else n for n, hidden in zip(found.real_counts, found.suppressed, strict=True)]
    keep = [i for i, n in enumerate(people) if n >= k]
    rest = [i for i in range(len(people)) if i not in keep]
    counts = [rounded(people[i], k) for i in keep]
    left = sum(found.real_counts[i] for i in rest)
    total = sum(counts) + (5 * round(left / 5))
    if not keep or not total:
        return None
    shares = [n / total for n in (*counts, 5 * round(left / 5))]
    if not _one_each(found):
        of_records = (*(found.real[i] for i in keep), sum(found.real[i] for i in rest))
        shares = [5 / total * round(share * total / 5) for share in of_records]
    bins = [
        Bin(label=_inner(found, i, keep), real=round(share, 3), synthetic=round(found.synthetic[i], 4))
        for i, share in zip(keep, shares, strict=False)
    ]
    if left >= k and found.kind == "category":
        other = round(sum(found.synthetic[i] for i in rest), 4)
        bins.append(Bin(label="all others", real=round(shares[-1], 3), synthetic=other))
    return ShownPlot(column=found.column, kind=found.kind, bins=tuple(bins), hidden=len(rest))


def _one_each(found: Plot) -> bool:
    """Whether every person has one record, so that shares of people are shares of records."""
    people = sum(found.real_counts)
    return all(abs(s - n / people) < 1e-6 for s, n in zip(found.real, found.real_counts, strict=True))


def _inner(found: Plot, i: int, keep: list[int]) -> str:
    """A bin's name; closed ends of a number or date would show its extremes."""
    name = found.bins[i]
    if found.kind == "category" or name in ("missing", "") or name.startswith("below ") or name.endswith(" and above"):
        return name
    numbered = [j for j in keep if found.bins[j] not in ("missing", "")]
    return "lowest" if i == numbered[0] else "highest" if i == numbered[-1] else found.bins[i]


def _figure(found: Figure, k: int, decimals: int) -> Figure:
    return found.model_copy(update={**_whole(found, k, decimals), "reason": reason(found)})


def _whole(found: MetricResult | Figure, k: int, decimals: int) -> dict[str, Any]:
    """The numbers of a score on the whole set: too coarse for a share to count one of a few hundred people."""
    p = found.p_value
    return {
        "value": _coarse(found.value, 3),
        "interval": _decimals(found.interval, decimals),
        "holdout": _coarse(found.holdout, decimals),
        "attempts": None if found.attempts is None else rounded(found.attempts, k),
        "p_value": None if p is None else float(f"{p:.2g}"),
    }


def _attacked(line: GroupFigure, k: int) -> GroupFigure:
    step = POOLED if line.kind == POOL else SINGLE
    interval = line.interval
    if interval is not None:  # outwards: no interval becomes narrower by being coarse
        low = step * math.floor(interval.low / step + 1e-9)
        high = step * math.ceil(interval.high / step - 1e-9)
        interval = interval.model_copy(update={"low": round(low, 2), "high": round(high, 2)})
    return line.model_copy(
        update={
            "real_count": None if line.real_count is None else rounded(line.real_count, k),
            "attempts": None if line.attempts is None else rounded(line.attempts, k),
            "value": _stepped(line.value, step),
            "holdout": _stepped(line.holdout, step),
            "baseline": _stepped(line.baseline, step),
            "interval": interval,
            "p_value": None if line.p_value is None else next(p for p in P_STEPS if line.p_value <= p or p == 1.0),
            "reason": reason(line),
        }
    )


def _stepped(value: float | None, step: float) -> float | None:
    return None if value is None else round(step * round(value / step), 2)


def _decimals(interval: Interval | None, decimals: int) -> Interval | None:
    if interval is None:
        return None
    low, high = round(interval.low, decimals), round(interval.high, decimals)
    return interval.model_copy(update={"low": low, "high": high})


def _coarse(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)
