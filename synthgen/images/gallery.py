"""Pictures for those who may see the source: real beside synthetic by class, the closest pairs. Never in a bundle."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from synthgen.contracts import Split, SyntheticSet
from synthgen.images.metrics.features import Comparison
from synthgen.images.metrics.nearest import aligned
from synthgen.images.stack import ImageStack
from synthgen.runtime import RunContext

SHOWN, MOST_PIXELS = 12, 64  # thumbnails of a class on each side; pixels on a side
PAIRS, OF_EACH = 24, 4  # closest pairs of all, and of each class even where others are closer
ON_THE_WAY = 12  # images from one noise to another


def gallery(split: Split, synthetic: SyntheticSet, schema: Any, generator: Any, ctx: RunContext) -> dict[str, Any]:
    """JSON-ready: `classes` with real and synthetic thumbnails, `pairs` from the closest on, as PNG data addresses.

    `between` of a class are images on the way from one noise of the generator to another: a generator that has learnt
    its images by heart jumps from one to the next, one that has learnt their kind changes gradually.

    A pair is a synthetic image, its nearest training image, its nearest hold-out image if there is any (pixels, after
    small shifts, mirroring, turning, light and contrast) and the distances to both: 0 for equal, about 1.4 for
    unrelated ones.
    """
    c = Comparison(split, synthetic, schema, (), ctx.at("gallery"))
    classes = [_class(c, place) | _between(c, place, generator) for place in range(c.classes)]
    return {"classes": classes, "pairs": _pairs(c), "distance": "aligned pixels"}


def thumbnail(pixels: np.ndarray) -> str:
    """One uint8 image (h, w, c) as a PNG data address."""
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((MOST_PIXELS, MOST_PIXELS))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _class(c: Comparison, place: int) -> dict[str, Any]:
    real, drawn = (_some(stack, place, c.ctx.rng(name)) for stack, name in ((c.train, "real"), (c.drawn, "drawn")))
    return {
        "class": c.schema.classes[place],
        "real_count": int((c.train.labels == place).sum()),
        "synthetic_count": int(c.drawn_counts[place]),
        "real": real,
        "synthetic": drawn,
    }


def _between(c: Comparison, place: int, generator: Any) -> dict[str, Any]:
    if not hasattr(generator, "between") or not c.drawn_counts[place]:
        return {}
    return {"between": [thumbnail(pixels) for pixels in generator.between(place, ON_THE_WAY, c.ctx).pixels]}


def _some(stack: ImageStack, place: int, rng: np.random.Generator) -> list[str]:
    rows = rng.permutation(np.flatnonzero(stack.labels == place))[:SHOWN]
    return [thumbnail(stack.pixels[row]) for row in rows]


def _pairs(c: Comparison) -> list[dict[str, Any]]:
    """The synthetic images nearest to a training image against the nearest hold-out image, the closest first.

    Every class is among them: a copy of a rare image must be seen though common ones are closer.
    """
    if not len(c.train) or not len(c.drawn):
        return []
    found, out = aligned(c).drawn, []
    order = np.argsort(found.ratio, kind="stable")
    drawn = c.drawn.labels[found.rows[order]]
    shown = np.concatenate([order[:PAIRS], *(order[drawn == place][:OF_EACH] for place in range(c.classes))])
    for i in order[np.isin(order, shown)]:
        row, near = int(found.rows[i]), int(found.train_at[i])
        out.append(
            {
                "class": c.schema.classes[int(c.drawn.labels[row])],
                "nearest_class": c.schema.classes[int(c.train.labels[near])],
                "synthetic": thumbnail(c.drawn.pixels[row]),
                "nearest": thumbnail(c.train.pixels[near]),
                "unseen": thumbnail(c.holdout.pixels[found.holdout_at[i]]) if len(c.holdout) else None,
                "to_training": _number(found.train[i]),
                "to_holdout": _number(found.holdout[i]),
            }
        )
    return out


def _number(distance: float) -> float | None:
    return round(float(distance), 4) if np.isfinite(distance) else None
