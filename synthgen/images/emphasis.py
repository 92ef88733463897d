"""Weights of classes and clusters: worst-case surprise, kept within bounds.

Two levels. Classes are drawn equally often, a lost one more often; where they are drawn as often as in the data, a
class counts more the further its made images are from real ones. It is a condition, so what is drawn of it stays right
whatever its weight (DESIGN section 2, point 6). Inside a class, a cluster is drawn more often while it comes out too
seldom. The critic then sees tilted data and its logit is `log(w p / q)`; the tilt is taken out again, so a cluster that
has become as frequent as it should be pulls no more.

A smooth maximum reduces the running mean of the excess: with log-sum-exp a group's weight is the exponential of what it
exceeds the others by, in nats. Excess is not brought to unit spread and not summed up: that blew up noise where groups
are alike, and left weights behind for what had long been mended (ADR 18).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthgen.images.params import ConditionalGanParams
from synthgen.losses import worst_case

ETA = 0.1  # share of what is new in the running mean, at each renewal
UNIFORM = 0.2  # share of the mass that every member of a family keeps
LIMIT = 4.0  # nats of the running mean, either way
TIED = 1e-6  # nats; means as near as that are the same


@dataclass(frozen=True)
class Family:
    """Groups that share one mass: all classes, or the clusters of one class; `share` is their mass at weight one."""

    groups: np.ndarray
    share: np.ndarray


class Emphasis:
    """What each image is drawn with: `row_weights` (n,) from the weights of the groups it is in."""

    def __init__(
        self,
        inside: np.ndarray,
        labels: np.ndarray,
        classes: int,
        kinds: tuple[str, ...],
        places: tuple[int, ...],
        params: ConditionalGanParams,
    ) -> None:
        self.params, self.labels, self.inside = params, labels, inside
        self.classes, self.places = classes, np.array(places, dtype=np.int64)
        self.clusters = np.array([kind == "cluster" for kind in kinds], dtype=bool)
        counts = np.bincount(labels, minlength=classes).astype(float)
        present = counts > 0
        even = present / max(present.sum(), 1)
        self.base = even if params.sampling == "balanced" else counts / counts.sum()
        self.counts = np.maximum(counts, 1)
        self.families = self._families()
        self.running, self.weights = np.zeros(len(kinds)), np.ones(len(kinds))
        self._follow()

    @property
    def acts(self) -> bool:
        """Whether groups are weighted at all."""
        return self.params.reducer not in ("mean", "literal") and self.params.emphasis > 0

    @property
    def tilt(self) -> np.ndarray:
        """(groups,) log of how much more often a cluster is drawn inside its class than it is in the data; else 0."""
        return np.where(self.clusters, np.log(np.maximum(self._relative, 1e-6)), 0.0)

    def renew(self, excess: np.ndarray, resting: np.ndarray) -> None:
        """Follow the excess (groups, nats; NaN: unknown) and weigh anew; `resting` groups get one or less."""
        if not self.acts:
            return
        for family in self.families:
            at = family.groups
            new = _centred(excess[at]) if self._followed(family) else np.zeros(len(at))
            self.running[at] = np.clip((1 - ETA) * self.running[at] + ETA * new, -LIMIT, LIMIT)
            mixed = (1 - UNIFORM) * self._reduced(self.running[at]) + UNIFORM
            self.weights[at] = np.where(resting[at], np.minimum(mixed, 1.0), mixed)
        self._follow()

    def raise_lost(self, groups: list[int]) -> None:
        """Double the weight of lost groups, within the cap."""
        if not self.acts or not groups:
            return
        self.running[groups] = np.minimum(self.running[groups] + np.log(2) / self.params.emphasis, LIMIT)
        self.weights[groups] = np.minimum(2 * self.weights[groups], self.params.weight_cap)
        self._follow()

    def rest(self) -> None:
        """Every group back to weight one."""
        self.running[:], self.weights[:] = 0.0, 1.0
        self._follow()

    def draw(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        """Places of training images, drawn by their weights."""
        at = np.searchsorted(self._cumulative, rng.random(rows) * self._cumulative[-1], side="right")
        return np.minimum(at, len(self._cumulative) - 1)

    def restore(self, running: np.ndarray, weights: np.ndarray) -> None:
        """Put back what a checkpoint held."""
        self.running, self.weights = running.copy(), weights.copy()
        self._follow()

    # --- details -----------------------------------------------------------------------------------------------------

    def _followed(self, family: Family) -> bool:
        """Clusters always; classes unless they are drawn equally often, which serves the rare ones better (ADR 18)."""
        return bool(self.clusters[family.groups[0]]) or self.params.sampling == "frequency"

    def _reduced(self, running: np.ndarray) -> np.ndarray:
        """Weights of mean one, within the cap; alike for alike, which those that pick the worst few do not give."""
        if np.ptp(running) < TIED:
            return np.ones(len(running))
        return worst_case.weights(running, self.params.reducer, self.params.emphasis, self.params.weight_cap)

    def _families(self) -> list[Family]:
        of_classes = np.flatnonzero(~self.clusters)
        out = [Family(of_classes, self.base[self.places[of_classes]])] if len(of_classes) > 1 else []
        held = self.inside.sum(0)
        for place in range(self.classes):
            found = np.flatnonzero(self.clusters & (self.places == place))
            if len(found) > 1:
                out.append(Family(found, held[found] / max(held[found].sum(), 1)))
        return out

    def _follow(self) -> None:
        """The rows' cumulative weights: the class's mass, shared by its images as their clusters are weighted."""
        mass, inner = self.base.copy(), np.ones(len(self.labels))
        self._relative = np.ones(len(self.weights))
        for family in self.families:
            at, weights = family.groups, self.weights[family.groups]
            relative = weights / max((weights * family.share).sum(), 1e-9)
            if self.clusters[at[0]]:
                self._relative[at] = relative
                rows = self.inside[:, at].any(1)
                inner[rows] = relative[self.inside[rows][:, at].argmax(1)]
            else:
                mass[self.places[at]] *= relative
        self._cumulative = np.cumsum(mass[self.labels] / self.counts[self.labels] * inner)


def _centred(excess: np.ndarray) -> np.ndarray:
    """Excess (nats) about its mean; unknown is 0."""
    known = np.isfinite(excess)
    if known.sum() < 2:
        return np.zeros(len(excess))
    return np.where(known, np.where(known, excess, 0.0) - excess[known].mean(), 0.0)
