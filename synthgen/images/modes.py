"""Modes of a set of images: its classes, and clusters within a class, found on the training part only.

Rule: a class of at least `4 k` people (`k` is the k-floor) is cut into `people / 2k` clusters, at most 8, by k-means on
the leading principal components of its training images, averaged down to at most 16 pixels a side. Clusters of fewer
than `k` people are given to their neighbours, so fewer may be left; a class of one cluster has none.
Kept are means and principal directions over many people, never an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthgen.contracts import Split
from synthgen.images.schema import CLASS, ImageSchema
from synthgen.images.stack import ImageStack
from synthgen.spec import RunSpec

SIDE = 16  # pixels a side that clusters are told by
FEWEST, MOST = 2, 8  # clusters of a class
COMPONENTS = 24
FITTED = 4000  # images of a class that its clusters are found on
AT_ONCE = 4096  # images looked at in one go
ROUNDS, STARTS = 50, 4


@dataclass(frozen=True, eq=False)
class Codebook:
    """Clusters of a class: `mean` (features,), `basis` (features, components), `centroids` (clusters, components)."""

    mean: np.ndarray
    basis: np.ndarray
    centroids: np.ndarray

    def assign(self, pixels: np.ndarray) -> np.ndarray:
        """The nearest cluster of each image, int64 (images,)."""
        parts = [self._nearest(pixels[i : i + AT_ONCE]) for i in range(0, len(pixels), AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def _nearest(self, pixels: np.ndarray) -> np.ndarray:
        return _nearest((features(pixels) - self.mean) @ self.basis, self.centroids)


@dataclass(frozen=True, eq=False)
class ImageGroup:
    """A class, or a cluster of images within a class. Implements `contracts.Group`.

    `place` is the number of the class; of a cluster, `cluster` is its number and `book` tells it from its neighbours.
    """

    name: str
    kind: str
    place: int
    cluster: int = -1
    book: Codebook | None = None
    columns: tuple[str, ...] = (CLASS,)

    def mask(self, data: ImageStack) -> np.ndarray:
        """Boolean array: which images of a stack belong; a made image goes to the nearest cluster of its own class."""
        return np.ascontiguousarray(memberships([self], data)[:, 0])


def census(split: Split, schema: ImageSchema, spec: RunSpec) -> tuple[ImageGroup, ...]:
    """One group per class, in the schema's order, then the clusters of each class."""
    train, people = split.train, people_of(split.train, split.train_people)
    classes = [ImageGroup(name, "class", i) for i, name in enumerate(schema.classes)]
    clusters: list[ImageGroup] = []
    for i, name in enumerate(schema.classes):
        inside = train.labels == i
        book = _codebook(train.pixels[inside], people[inside], schema.k_floor)
        if book is not None:
            clusters += [
                ImageGroup(f"{name}, cluster {c + 1}", "cluster", i, c, book) for c in range(len(book.centroids))
            ]
    return (*classes, *clusters)


def memberships(groups: Sequence[Any], stack: ImageStack) -> np.ndarray:
    """Boolean (images, groups): which images of a stack are in which group; each class is looked at once."""
    out = np.zeros((len(stack), len(groups)), dtype=bool)
    nearest: dict[int, np.ndarray] = {}
    for column, group in enumerate(groups):
        if not isinstance(group, ImageGroup):
            out[:, column] = group.mask(stack)
            continue
        inside = stack.labels == group.place
        if group.book is not None:
            if id(group.book) not in nearest:
                nearest[id(group.book)] = _clusters(group.book, stack, inside)
            inside = nearest[id(group.book)] == group.cluster
        out[:, column] = inside
    return out


def people_of(stack: ImageStack, people: np.ndarray | None) -> np.ndarray:
    """Which person each image belongs to; every image is a person where none are known."""
    return np.arange(len(stack)) if people is None else people


def features(pixels: np.ndarray) -> np.ndarray:
    """Images (n, h, w, c; uint8) averaged down to at most 16 pixels a side, float32 (n, side * side * c) in 0 to 1."""
    rows, columns = _pooling(pixels.shape[1]), _pooling(pixels.shape[2])
    small = np.einsum("ph,nhwc,qw->npqc", rows, pixels.astype(np.float32) / 255, columns, optimize=True)
    return small.reshape(len(pixels), int(np.prod(small.shape[1:])))


# --- details ---------------------------------------------------------------------------------------------------------


def _clusters(book: Codebook, stack: ImageStack, inside: np.ndarray) -> np.ndarray:
    """The cluster of every image of the book's class, -1 for all others."""
    out = np.full(len(stack), -1, dtype=np.int64)
    out[inside] = book.assign(stack.pixels[inside])
    return out


def _pooling(size: int) -> np.ndarray:
    """(side, size) matrix that averages pixels, by the share of each that lies in a coarser one."""
    side = min(size, SIDE)
    edges, pixels = np.linspace(0, size, side + 1), np.arange(size)
    high = np.minimum(edges[1:, None], pixels[None] + 1)
    low = np.maximum(edges[:-1, None], pixels[None])
    return (np.clip(high - low, 0, None) * side / size).astype(np.float32)


def _codebook(pixels: np.ndarray, people: np.ndarray, k_floor: int) -> Codebook | None:
    """The clusters of one class's training images; None where there are too few people for two."""
    count = len(np.unique(people))
    wanted = min(MOST, count // (2 * k_floor))
    if wanted < FEWEST:
        return None
    rng = np.random.default_rng(0)  # the census is a fact of the data: it depends on no run's seed
    chosen = np.sort(rng.permutation(len(pixels))[:FITTED])
    points = features(pixels[chosen])
    mean = points.mean(0)
    basis = _principal(points - mean)
    found = _with_enough(_k_means((points - mean) @ basis, wanted, rng), pixels, people, mean, basis, k_floor)
    return Codebook(mean, basis, found) if len(found) >= FEWEST else None


def _principal(points: np.ndarray) -> np.ndarray:
    """(features, components) directions of the most variance, at most a fifth as many as points."""
    values, vectors = np.linalg.eigh(points.T @ points)
    keep = min(COMPONENTS, max(len(points) // 5, 1), int((values > 1e-6 * values.max()).sum()) or 1)
    return np.ascontiguousarray(vectors[:, ::-1][:, :keep])


def _k_means(points: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """(clusters, components) centroids: Lloyd's rounds from k-means++ starts, the best of a few."""
    best, least = points[:clusters], np.inf
    for _ in range(STARTS):
        centroids = _spread(points, clusters, rng)
        for _ in range(ROUNDS):
            before, centroids = centroids, _means(points, _nearest(points, centroids), centroids)
            if np.allclose(before, centroids):
                break
        cost = _distances(points, centroids).min(1).sum()
        if cost < least:
            best, least = centroids, cost
    return best


def _spread(points: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """k-means++: each start drawn in proportion to its squared distance from those before it."""
    chosen = [points[rng.integers(len(points))]]
    for _ in range(clusters - 1):
        gap = _distances(points, np.stack(chosen)).min(1)
        share = gap / gap.sum() if gap.sum() > 0 else np.full(len(points), 1 / len(points))
        chosen.append(points[rng.choice(len(points), p=share)])
    return np.stack(chosen)


def _means(points: np.ndarray, nearest: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The mean of each cluster's points; an empty cluster stays where it was."""
    belongs = nearest[:, None] == np.arange(len(before))
    count = belongs.sum(0)[:, None]
    return np.where(count > 0, belongs.T.astype(points.dtype) @ points / np.maximum(count, 1), before)


def _with_enough(
    centroids: np.ndarray, pixels: np.ndarray, people: np.ndarray, mean: np.ndarray, basis: np.ndarray, k_floor: int
) -> np.ndarray:
    """The centroids left when, one by one, those with the fewest people, under the k-floor, are given up."""
    parts = [(features(pixels[i : i + AT_ONCE]) - mean) @ basis for i in range(0, len(pixels), AT_ONCE)]
    points = np.concatenate(parts)
    while len(centroids) > 1:
        nearest = _nearest(points, centroids)
        held = np.array([len(np.unique(people[nearest == c])) for c in range(len(centroids))])
        if held.min() >= k_floor:
            break
        centroids = np.delete(centroids, int(held.argmin()), axis=0)
    return centroids


def _distances(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """(points, centroids) squared distances."""
    squares = (points**2).sum(1)[:, None] + (centroids**2).sum(1)
    return np.maximum(squares - 2 * points @ centroids.T, 0)


def _nearest(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The nearest centroid of each point, int64."""
    return _distances(points, centroids).argmin(1).astype(np.int64)


__all__ = ["Codebook", "ImageGroup", "census", "features", "memberships", "people_of"]
