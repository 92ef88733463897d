"""Which images belong together: of one source, near duplicates, or both; and which class each image is of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthgen.images.originals import Originals


def people(originals: Originals, column: str | None) -> np.ndarray:
    """A number per image, (n,): images of one source or one cluster of near duplicates share it, and what these join.

    An image whose source is not known is a source of its own.
    """
    if column is None:
        return originals.clusters
    texts = np.array(originals.columns[column], dtype=object)
    _, sources = np.unique(texts.astype(str), return_inverse=True)
    unknown = texts == ""
    sources = np.where(unknown, len(texts) + np.arange(len(texts)), sources)
    return joined(sources, originals.clusters)


def joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The finest grouping in which images that share a number of either are together, (n,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = len(first)
    _, left = np.unique(first, return_inverse=True)
    _, right = np.unique(second, return_inverse=True)
    size = count + int(left.max(initial=-1)) + int(right.max(initial=-1)) + 2
    rows = np.concatenate([np.arange(count), np.arange(count)])
    columns = np.concatenate([count + left, count + int(left.max(initial=-1)) + 1 + right])
    graph = coo_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(size, size))
    _, found = connected_components(graph, directed=False)
    return np.unique(found[:count], return_inverse=True)[1].astype(np.int64)


def labels(originals: Originals, column: str, classes: Sequence[str]) -> np.ndarray:
    """The place of each image's class in `classes`, (n,) int64; -1 for an image of none of them."""
    places = {name: place for place, name in enumerate(classes)}
    return np.array([places.get(text, -1) for text in originals.columns[column]], dtype=np.int64)
