"""Membership inference: can somebody who holds an image tell that the generator was trained on it?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from synthgen.contracts import Figure, Interval, MetricResult, Status
from synthgen.images.metrics.compared import class_line
from synthgen.images.metrics.features import Comparison
from synthgen.images.metrics.nearest import FEWEST, closest, typical
from synthgen.images.metrics.privacy import ImagePrivacy, _few
from synthgen.measures.measure import absent
from synthgen.measures.trials import SURE, Trial, area, surest
from synthgen.runtime import RunContext

SURE_NEEDS = 100  # unseen people that the surest guesses need
MOST_ATTACKED = 6_000

Scores = tuple[np.ndarray, np.ndarray]  # of training and of hold-out images; NaN where one was not attacked


class _Attack(ImagePrivacy):
    """Reads the scores of an attacker: on the whole and on every class."""

    def _read(self, c: Comparison, scores: Scores) -> MetricResult:
        whole = _area(c, scores, None)
        trial = _one_each(c, scores)
        title = "True-positive rate at 1 % false positives"
        if len(trial.others) >= SURE_NEEDS:
            figure = Figure(name="tpr_at_1", title=title, **surest([trial], SURE))
        else:
            why = f"{len(trial.others)} unseen people; {SURE_NEEDS} are needed to tell."
            figure = absent("tpr_at_1", title, why, Status.NOT_APPLICABLE)
        lines = [class_line(c, place, **(_area(c, scores, place) or _few())) for place in range(c.classes)]
        if whole is None:
            return self.insufficient("Too few images could be attacked.")
        return self.result(**whole, figures=(figure,), groups=tuple(lines))


class Membership(_Attack):
    """The distance attack."""

    name, title = "membership", "Membership inference by distance"
    explanation = (
        "An attacker holds an image and the set, and calls it a member if it lies near a synthetic image, in the "
        "features of networks that never saw it. The value is the area under the ROC curve: 0.5 is guessing, 1 tells "
        "every member; hold-out images are the control. Beside it the share of members found at 1 % false alarms, "
        "where copies show first."
    )
    source = (
        "Distance attack: Chen et al. (2020), GAN-Leaks, full black box; true positives at low false-positive rates: "
        "Carlini et al. (2022). DeLong et al. (1988); images of one person: Obuchowski (1997)."
    )

    def _attacked(self, c: Comparison) -> MetricResult:
        return self._read(c, c.once("membership", lambda ctx: _by_distance(c, ctx), of_set=True))


class MembershipCritic(_Attack):
    """The attack by whoever holds the critic too."""

    name, title = "membership_critic", "Membership inference by the critic"
    explanation = (
        "An attacker holds the trained critic and calls an image a member if the critic takes it for real. The critic "
        "never leaves the house with a set, so this bounds what the model has kept, not what the set tells."
    )
    source = "Hayes et al. (2019), LOGAN, white-box attack. DeLong et al. (1988); Obuchowski (1997)."

    def _attacked(self, c: Comparison) -> MetricResult:
        ask = getattr(c.generator, "critic_scores", None)
        if ask is None or ask(c.train.take(slice(0, 1))) is None:
            return self.not_applicable("The generator has no critic that could be asked, or it is not at hand.")
        rows = [c.ctx.rng(part).permutation(len(getattr(c, part)))[:MOST_ATTACKED] for part in ("train", "holdout")]
        out = []
        for stack, at in zip((c.train, c.holdout), rows, strict=True):
            scores = np.full(len(stack), np.nan)
            scores[at] = np.nan_to_num(np.asarray(ask(stack.take(at)), dtype=float), posinf=1e12, neginf=-1e12)
            out.append(scores)
        return self._read(c, (out[0], out[1]))


def _by_distance(c: Comparison, ctx: RunContext) -> Scores:
    """Minus the distance of each real image to the nearest synthetic one, by the network that never saw it."""
    rows = ctx.rng("drawn").permutation(len(c.drawn))[:MOST_ATTACKED]
    out = np.full(len(c.train), np.nan), np.full(len(c.holdout), np.nan)
    for fold in c.unseen:
        drawn = fold.look(c.drawn.pixels[rows])[0]
        real = [fold.look(stack.pixels[at])[0] for stack, at in ((c.train, fold.train), (c.holdout, fold.holdout))]
        unit = typical(np.concatenate(real))
        for scores, found, at in zip(out, real, (fold.train, fold.holdout), strict=True):
            scores[at] = -np.round(closest(found, drawn)[0] / unit, 4)
    return out


def _area(c: Comparison, scores: Scores, place: int | None) -> dict[str, Any] | None:
    """Area of the whole or of one class as fields of a result; None where too few images were attacked."""
    inside = [np.isfinite(s) & (True if place is None else stack.labels == place)
              for s, stack in zip(scores, (c.train, c.holdout), strict=True)]  # fmt: skip
    members, others = (s[m] for s, m in zip(scores, inside, strict=True))
    people = [c.people(part)[m] for part, m in zip(("train", "holdout"), inside, strict=True)]
    if min(len(np.unique(p)) for p in people) < FEWEST / 2 or min(len(members), len(others)) < FEWEST:
        return None
    if all(len(np.unique(p)) == len(p) for p in people):
        return area([Trial(members, others)])
    return clustered(members, others, *people)


def clustered(members: np.ndarray, others: np.ndarray, whose: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """Area under the ROC curve where images of one person hang together (Obuchowski 1997)."""
    m, n = len(members), len(others)
    ranks = stats.rankdata(np.r_[members, others])
    beaten = (ranks[:m] - stats.rankdata(members)) / n
    beating = 1 - (ranks[m:] - stats.rankdata(others)) / m
    value = float(beaten.mean())
    error = math.sqrt(_between(beaten, whose) + _between(beating, theirs))
    error = max(error, 0.5 / min(len(np.unique(whose)), len(np.unique(theirs))))
    interval = Interval(
        low=max(0.0, value - 1.96 * error), high=min(1.0, value + 1.96 * error), method="Obuchowski, by person"
    )
    p_value = float(stats.norm.sf((value - 0.5) / error))
    return {
        "value": value, "holdout": 0.5, "baseline": 0.5, "interval": interval, "p_value": p_value,
        "attempts": len(np.unique(whose)),
    }  # fmt: skip


def _between(values: np.ndarray, people: np.ndarray) -> float:
    """Variance of a mean over images whose people are independent."""
    place = np.unique(people, return_inverse=True)[1]
    sums = np.bincount(place, weights=values - values.mean())
    p = len(sums)
    return float((sums**2).sum()) / len(values) ** 2 * p / max(p - 1, 1)


def _one_each(c: Comparison, scores: Scores) -> Trial:
    """One attacked image of each person, drawn by chance."""
    parts = []
    for part, found in zip(("train", "holdout"), scores, strict=True):
        order = c.ctx.rng(f"one each {part}").permutation(np.flatnonzero(np.isfinite(found)))
        parts.append(found[order[np.unique(c.people(part)[order], return_index=True)[1]]])
    return Trial(parts[0], parts[1])
