"""A fixed way to look at images while a GAN is trained: cheap features that no network being trained can move.

Principal components of coarse pixels (what is where) and of the answers of random filters (texture), each brought to
unit variance on training images. A linear discriminant on them tells the classes apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from synthgen.images.modes import features
from synthgen.images.pictures import Pictures
from synthgen.images.stack import ImageStack

FITTED = 2000  # training images the components are found on
COARSE, TEXTURE = 24, 24  # components of either kind
FILTERS, WINDOW = 32, 5
AT_ONCE = 512
LEVELS = 6  # that a component is cut into when it is told as a code
ENOUGH = 24  # unseen images of a class; with fewer, training images stand in beside them


@dataclass(frozen=True)
class Projection:
    """Centre, components and their scale: (features,), (features, components), (components,)."""

    mean: np.ndarray
    basis: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray, components: int) -> Projection:
        """The leading components, each of unit variance on `points`."""
        mean = points.mean(0)
        _, values, vectors = np.linalg.svd(points - mean, full_matrices=False)
        keep = max(1, min(components, len(points) // 4, int((values > 1e-4 * max(values[0], 1e-9)).sum())))
        scale = np.maximum(values[:keep], 1e-9) / np.sqrt(max(len(points), 1))
        return cls(mean, (vectors[:keep] / scale[:, None]).T)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return (points - self.mean) @ self.basis


class Eye:
    """Features of images, how far made ones are from unseen ones, which class they look like, and codes of them."""

    coarse: Projection
    texture: Projection
    bounds: np.ndarray
    classes: int
    weights: np.ndarray
    bias: np.ndarray
    train: tuple[np.ndarray, np.ndarray]
    unseen: tuple[np.ndarray, np.ndarray]

    def __init__(self, filters: torch.Tensor) -> None:
        self.filters = filters

    @classmethod
    def of(cls, data: Pictures, seed: int) -> Eye:
        """Components from training images, class by class alike; unseen images as what made ones are compared with."""
        train, rng = data.train.stack, np.random.default_rng(seed)
        channels = train.pixels.shape[3]
        eye = cls(torch.from_numpy(rng.standard_normal((FILTERS, channels, WINDOW, WINDOW)).astype(np.float32)))
        eye.filters -= eye.filters.mean((2, 3), keepdim=True) * 0.8
        some = _even(train.labels, FITTED, rng)
        fitted = train.take(some)
        coarse, texture = features(fitted.pixels), eye._texture(fitted.pixels)
        eye.coarse, eye.texture = Projection.of(coarse, COARSE), Projection.of(texture, TEXTURE)
        points = eye.look(fitted.pixels)
        eye.bounds = np.quantile(points, np.linspace(0, 1, LEVELS + 1)[1:-1], axis=0)
        eye.classes = data.classes
        eye.weights, eye.bias = _discriminant(points, fitted.labels, data.classes)
        eye.train = eye.look(train.pixels), train.labels
        eye.unseen = eye.look(data.validation.stack.pixels), data.validation.stack.labels
        return eye

    def look(self, pixels: np.ndarray) -> np.ndarray:
        """(n, components) of uint8 images (n, h, w, c)."""
        parts = [
            np.hstack([self.coarse(features(x)), self.texture(self._texture(x))])
            for x in (pixels[i : i + AT_ONCE] for i in range(0, len(pixels), AT_ONCE))
        ]
        return (
            np.concatenate(parts) if parts else np.zeros((0, self.coarse.basis.shape[1] + self.texture.basis.shape[1]))
        )

    def distance(self, made: ImageStack) -> float:
        """Mean over classes of the Frechet distance between made and unseen images, with few unseen ones training too.

        Only the diagonal of the covariances is compared: the rest cannot be known from a few dozen images.
        """
        points, found = self.look(made.pixels), []
        for c in range(self.classes):
            real = self.reference(c)
            if len(real) > 1 and (made.labels == c).any():
                found.append(_frechet(real, points[made.labels == c]))
        return float(np.mean(found)) if found else 0.0

    def reference(self, place: int) -> np.ndarray:
        """Features of the images of a class that made ones are compared with."""
        unseen = self.unseen[0][self.unseen[1] == place]
        if len(unseen) >= ENOUGH:
            return unseen
        return np.concatenate([unseen, self.train[0][self.train[1] == place]])

    def recognised(self, points: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(classes,) share of images of each class that look like it; NaN for none."""
        right = (points @ self.weights + self.bias).argmax(1) == labels
        count = np.bincount(labels, minlength=self.classes)
        return np.where(count > 0, np.bincount(labels, right, minlength=self.classes) / np.maximum(count, 1), np.nan)

    def codes(self, points: np.ndarray) -> np.ndarray:
        """(n, components) each component cut into six parts of like size on training images."""
        return np.stack([np.searchsorted(b, points[:, i]) for i, b in enumerate(self.bounds.T)], axis=1)

    def _texture(self, pixels: np.ndarray) -> np.ndarray:
        """Means and spreads of rectified answers of random filters in the whole and the quarters of each image."""
        out = []
        for i in range(0, len(pixels), AT_ONCE):
            images = torch.from_numpy(pixels[i : i + AT_ONCE]).permute(0, 3, 1, 2).float() / 127.5 - 1
            answers = functional.relu(functional.conv2d(images, self.filters, padding=WINDOW // 2))
            whole, quarters = answers.mean((2, 3)), functional.adaptive_avg_pool2d(answers, 2).flatten(1)
            out.append(torch.cat([whole, answers.std((2, 3)), quarters], 1).numpy())
        return np.concatenate(out)


def _even(labels: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Places of at most `most` images, classes as evenly as there are images."""
    counts = np.maximum(np.bincount(labels), 1)
    key = counts[labels] * np.log(rng.random(len(labels)))  # the logarithm: the power is 0 for many of a large class
    return np.sort(np.argsort(-key, kind="stable")[:most])


def _discriminant(points: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (components, classes) and bias of a linear discriminant with equal priors."""
    count = np.bincount(labels, minlength=classes)
    means = np.stack(
        [points[labels == c].mean(0) if count[c] else np.full(points.shape[1], 1e3) for c in range(classes)]
    )
    inner = points - means[labels]
    shrunk = inner.T @ inner / len(points) + 0.1 * np.eye(points.shape[1])
    weights = np.linalg.solve(shrunk, means.T)
    return weights, -0.5 * (means.T * weights).sum(0)


def _frechet(real: np.ndarray, made: np.ndarray) -> float:
    """Frechet distance between two normal laws with independent components, a component."""
    means, spreads = real.mean(0) - made.mean(0), real.std(0) - made.std(0)
    return float((means**2 + spreads**2).mean())
