"""Near duplicates: images that show the same picture, so that none of them is on both sides of the split.

A picture saved again, resized, or made brighter hardly moves in the directions in which the pictures of a set differ;
two pictures that only look alike do. So images are compared in whitened principal components of the set (Jegou and Chum
2012), and two are the same picture where they are far closer than either is to its neighbours. The rule holds for any
set: nothing is said of how far apart pictures are, only how they lie among the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

FEWEST = 12  # different images under which only equal ones are found
MOST = 60_000  # different images over which only equal ones are found: every pair is looked at
SIDE = 16  # pixels to which images are reduced before they are compared
COMPONENTS = 48
VARIANCE = 0.98  # share of it that the components keep
NEIGHBOURS = 40  # the distance to so many neighbours (of fewer than 400 images a tenth, at least 5) is the yardstick
FEWEST_NEIGHBOURS = 5
CLOSE = 0.2  # of the yardstick of both: ordinary images of six sets stay over .25, saved-again ones under .2
BLOCK = 4 << 20  # distances that are held at a time


def clusters(images: Sequence[np.ndarray]) -> np.ndarray:
    """A number per image, (n,) int64; images that show the same picture have the same number."""
    same = _equal(images)
    _, firsts = np.unique(same, return_index=True)
    if not FEWEST <= len(firsts) <= MOST:
        return same
    described = _described([images[place] for place in firsts])
    alike = _equal(described)  # flat images, say: of so many equal ones every pair would be kept
    _, different = np.unique(alike, return_index=True)
    if len(different) < FEWEST:
        return alike[same]
    return _joined(_whitened(described[different]))[alike][same]


def repeated(numbers: np.ndarray) -> np.ndarray:
    """Which images share their number with an earlier one, (n,) bool."""
    _, first = np.unique(numbers, return_index=True)
    out = np.ones(len(numbers), dtype=bool)
    out[first] = False
    return out


def _equal(images: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Numbers from 0 in order of first appearance; images of the same pixels share one."""
    seen: dict[bytes, int] = {}
    keys = (hashlib.sha256(repr(i.shape).encode() + np.ascontiguousarray(i).tobytes()).digest() for i in images)
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)


def _described(images: Sequence[np.ndarray]) -> np.ndarray:
    """Small pictures without their brightness and contrast, (n, values) float32."""
    coloured = any(image.shape[-1] == 3 for image in images)
    found = np.stack([_small(image, coloured) for image in images])
    found -= found.mean(axis=1, keepdims=True)
    return found / np.maximum(found.std(axis=1, keepdims=True), 1.0)


def _small(image: np.ndarray, coloured: bool) -> np.ndarray:
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else np.ascontiguousarray(image))
    picture = picture.convert("RGB") if coloured else picture
    how = Image.Resampling.BOX if min(image.shape[:2]) > SIDE else Image.Resampling.BICUBIC
    return np.asarray(picture.resize((SIDE, SIDE), how), dtype=np.float32).ravel()


def _whitened(found: np.ndarray) -> np.ndarray:
    """The first principal components, each divided by its spread, (n, components) float32."""
    centred = found - found.mean(axis=0)
    spread, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64) / len(centred))
    spread, axes = spread[::-1], axes[:, ::-1]
    enough = int(np.searchsorted(np.cumsum(spread), VARIANCE * spread.sum())) + 1
    count = max(2, min(COMPONENTS, len(found) // 2, enough))
    scale = np.sqrt(np.maximum(spread[:count], 1e-9))
    return (centred @ (axes[:, :count] / scale).astype(np.float32)).astype(np.float32)


def _joined(points: np.ndarray) -> np.ndarray:
    """A number per point; points much closer than their neighbours share one, and so do those that these join."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    near = CLOSE * _yardsticks(points)
    pairs = [np.empty((2, 0), dtype=np.int64)]
    for start, distances in _distances(points):
        bound = np.minimum(near[start : start + len(distances), None], near[None, :])
        rows, columns = np.nonzero(distances <= bound)
        pairs.append(np.stack([rows + start, columns]))
    rows, columns = np.concatenate(pairs, axis=1)
    graph = coo_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(len(points), len(points)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _yardsticks(points: np.ndarray) -> np.ndarray:
    """The distance of each point to its so-many-th neighbour, (n,)."""
    count = min(len(points) - 1, max(FEWEST_NEIGHBOURS, min(NEIGHBOURS, len(points) // 10)))
    found = np.empty(len(points), dtype=np.float32)
    for start, block in _distances(points):  # taken out at once: a view would keep every block in memory
        found[start : start + len(block)] = np.partition(block, count, axis=1)[:, count]
    return found


def _distances(points: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The first row and the distances to all points, (rows, n), of a block of points at a time; to itself it is 0."""
    squares = (points**2).sum(axis=1)
    rows = max(1, BLOCK // len(points))
    for start in range(0, len(points), rows):
        block = points[start : start + rows]
        found = squares[start : start + rows, None] + squares[None, :] - 2 * block @ points.T
        yield start, np.sqrt(np.maximum(found, 0))
