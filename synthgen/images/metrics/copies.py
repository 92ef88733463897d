"""Copies: images that are a training image, or one shifted, mirrored, turned, brightened or written again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import stats

from synthgen.contracts import Figure, MetricResult, Status
from synthgen.images.metrics.compared import class_line
from synthgen.images.metrics.features import Comparison
from synthgen.images.metrics.nearest import FEWEST, aligned
from synthgen.images.metrics.privacy import ImagePrivacy
from synthgen.measures.chance import below_order_statistic, more_often
from synthgen.measures.measure import against_holdout, wilson

NEAR_PLACE, NEAR_SHARE = 5, 0.002  # the edge: the fifth smallest of the controls, or more where there are many
TAIL_LEAST, TAIL_SHARE, RARE = 16, 0.05, 0.0002  # controls that make the tail; what counts as never seen
FEW_OF_CLASS = f"Fewer than {FEWEST} synthetic or unseen real images are of this class."


class NearCopies(ImagePrivacy):
    """Images far nearer to a training image than to any unseen one."""

    name, title = "near_copies", "Near copies"
    explanation = (
        "Share of synthetic images whose distance to the nearest training image, over that to the nearest hold-out "
        "image, is as small as it is for hardly any unseen real image: in pixels, after shifts of up to two pixels, "
        "mirroring, turning, light and contrast. The control are hold-out images, and training images looked up among "
        "those of other people; their own share stands beside it. A blurred image is near to everything and no copy."
    )
    source = "Ratio of distances; order statistic of the control, or its tail (Hill 1975); the surer p-value, doubled."

    def _attacked(self, c: Comparison) -> MetricResult:
        found = aligned(c)
        control = np.r_[found.held.ratio, found.trained.ratio]
        labels = np.r_[c.holdout.labels[found.held.rows], c.train.labels[found.trained.rows]]
        control, labels = control[np.isfinite(control)], labels[np.isfinite(control)]
        if len(control) < FEWEST:
            return self.insufficient("Too few unseen real images to compare with.")
        drawn, of = found.drawn.ratio, c.drawn.labels[found.drawn.rows]
        lines = []
        for place in range(c.classes):
            inside, other = drawn[of == place], control[labels == place]
            few = min(len(inside), len(other)) < FEWEST
            told = {"status": Status.INSUFFICIENT, "reason": FEW_OF_CLASS} if few else near(inside, other)
            lines.append(class_line(c, place, **told))
        near_them = drawn <= edge(control)[0]
        copied = len(np.unique(found.drawn.train_at[near_them])) / len(c.train)
        figure = Figure(name="distinct", title="Training images that some synthetic image is near to", value=copied)
        return self.result(**near(drawn, control), figures=(figure,), groups=tuple(lines))


def edge(control: np.ndarray) -> tuple[float, int]:
    """The ratio that hardly any unseen real image falls below, and its place among them."""
    place = min(len(control), max(NEAR_PLACE, math.ceil(NEAR_SHARE * (len(control) + 1))))
    return float(np.sort(control)[place - 1]), place


def near(drawn: np.ndarray, control: np.ndarray) -> dict[str, Any]:
    """Value, holdout, interval and p_value of ratios too small to be chance, by the surer of two tests.

    By ranks alone, or deeper than any control lies where their tail says how rare such ratios are: a few images are
    enough then. The p-value is doubled for the choice.
    """
    found = min(_by_rank(drawn, control), _by_tail(drawn, control), key=lambda fields: float(fields["p_value"]))
    return {**found, "p_value": min(1.0, 2 * found["p_value"])}


def _by_rank(drawn: np.ndarray, control: np.ndarray) -> dict[str, Any]:
    """Share of ratios at most as large as the control's edge."""
    limit, place = edge(control)
    at_most = int((control <= limit).sum())  # more than the edge's place where many ratios are equal
    share, q = float((drawn <= limit).mean()), place / (len(control) + 1)
    if at_most > place:
        q, place = at_most / len(control), at_most
    return {
        "value": share,
        "holdout": q,
        "interval": against_holdout(share, len(drawn), q, len(control)),
        "p_value": below_order_statistic(share * len(drawn), len(drawn), place, len(control)),
    }


def _by_tail(drawn: np.ndarray, control: np.ndarray) -> dict[str, Any]:
    """Share of ratios so small that the control's tail expects one in five thousand there.

    Small ratios of nearest distances follow a power law, whose exponent is that of the images' dimension; it is taken
    two standard errors low (Hill 1975), so that the tail is never thought thinner than it is.
    """
    logs = np.log(np.maximum(np.sort(control), 1e-6))
    k = min(len(logs) - 1, max(TAIL_LEAST, round(TAIL_SHARE * len(logs))))
    exponent = (1 - 2 / math.sqrt(k)) / max(float((logs[k] - logs[:k]).mean()), 1e-3)
    limit = math.exp(float(logs[k]) + math.log(RARE * len(logs) / k) / exponent)
    hits, n = int((drawn <= limit).sum()), len(drawn)
    p_value = float(stats.binom.sf(hits - 1, n, RARE))
    return {"value": hits / n, "holdout": RARE, "interval": wilson(hits, n), "p_value": p_value}


class CopiedImages(ImagePrivacy):
    """Images equal to a training image in every pixel."""

    name, title = "copied_images", "Copied images"
    explanation = (
        "Share of synthetic images that equal a training image pixel by pixel. Where real images do so among each "
        "other, as empty ones may, hold-out images and training images of other people show how often."
    )
    source = "Exact match share; Fisher's exact test."

    def _attacked(self, c: Comparison) -> MetricResult:
        train, holdout = (keys(stack.pixels) for stack in (c.train, c.holdout))
        known, times = np.unique(train, return_counts=True)
        lone, held = known[times == 1], np.isin(holdout, known)
        hits, alone, drawn = (np.concatenate(parts) for parts in zip(*_all_hits(c, known, lone), strict=True))
        others = _by_others(train, c.people("train"))
        unseen = np.r_[held, others]
        lines = []
        labels = np.r_[c.holdout.labels, c.train.labels]
        for place in range(c.classes):
            inside, other = hits[drawn == place], unseen[labels == place]
            few = min(len(inside), len(other)) < FEWEST
            told = {"status": Status.INSUFFICIENT, "reason": FEW_OF_CLASS} if few else _equal(inside, other)
            lines.append(class_line(c, place, **told))
        figure = Figure(
            name="lone_images", title="Images equal to exactly one training image",
            value=float(alone.mean()), holdout=float(np.isin(holdout, lone).mean()),
        )  # fmt: skip
        return self.result(**_equal(hits, unseen), figures=(figure,), groups=tuple(lines))


def _all_hits(
    c: Comparison, known: np.ndarray, lone: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of every synthetic image, a chunk at a time: is it a training image, one there is only once, and its class."""
    for chunk in c.synthetic.chunks():
        found = keys(chunk.pixels)
        yield np.isin(found, known), np.isin(found, lone), chunk.labels


def keys(pixels: np.ndarray) -> np.ndarray:
    """One byte string per image; equal images have equal ones."""
    flat = np.ascontiguousarray(pixels.reshape(len(pixels), -1))
    return np.array([row.tobytes() for row in flat], dtype=object)


def _by_others(found: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Which images equal one of another person."""
    owners: dict[bytes, set[int]] = {}
    for key, person in zip(found, people, strict=True):
        owners.setdefault(key, set()).add(int(person))
    return np.array([len(owners[key]) > 1 for key in found], dtype=bool)


def _equal(hits: np.ndarray, unseen: np.ndarray) -> dict[str, Any]:
    share, held = float(hits.mean()), float(unseen.mean())
    return {
        "value": share,
        "holdout": held,
        "interval": against_holdout(share, len(hits), held, len(unseen)),
        "p_value": more_often(hits.sum(), len(hits), unseen.sum(), len(unseen)),
    }
