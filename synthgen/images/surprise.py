"""What the critic says of each image, kept as training goes by, and each group's excess surprise read from it.

Logits of training images come free with every step but flatter: the critic has seen them. They are brought down by how
much higher training images stand than validation images of the same class, which are looked at a few at a time.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from synthgen.images.pictures import Pictures
from synthgen.losses import surprise

KEPT = 0.7  # of what was known of an image, when it is looked at again
MADE_KEPT = 0.95  # of the running mean logit of a class's made images, per image
ENOUGH = 20  # validation images of a class, fewer are judged with all other such classes
OVERFITTED = 0.6  # share of the critic's gap that unseen images do not show; ADA's heuristic aims at this
ALIVE = 0.1  # mean gap of a critic that is worth listening to


class Ledger:
    """Running logits: `train` (n,), `validation` (m,), `made` (classes,); NaN where nothing is known."""

    def __init__(self, data: Pictures) -> None:
        self.data = data
        self.train, self.validation = np.full(len(data.train), np.nan), np.full(len(data.validation), np.nan)
        self.made = np.full(data.classes, np.nan)
        self.labels = data.train.stack.labels, data.validation.stack.labels
        self.places = np.array(data.places, dtype=np.int64)
        self.inside = np.concatenate([data.train.groups, data.validation.groups])

    def note(self, rows: np.ndarray, real: torch.Tensor, fake: torch.Tensor) -> None:
        """What a step saw: logits of its training images, and of made ones of the same classes."""
        _blend(self.train, rows, real.float().cpu().numpy())
        classes, values = self.labels[0][rows], fake.float().cpu().numpy()
        count = np.bincount(classes, minlength=len(self.made))
        mean = np.bincount(classes, values, minlength=len(self.made)) / np.maximum(count, 1)
        kept = np.where(np.isnan(self.made), 0.0, MADE_KEPT**count)
        self.made = np.where(count > 0, kept * np.nan_to_num(self.made) + (1 - kept) * mean, self.made)

    def next_validation(self, rows: int, rng: np.random.Generator) -> np.ndarray:
        """Places of validation images to look at next, rare classes as often as common ones."""
        labels = self.labels[1]
        count = np.maximum(np.bincount(labels, minlength=self.data.classes), 1)[labels]
        key = count * np.log(rng.random(len(labels)))  # without replacement (Efraimidis and Spirakis 2006)
        return np.sort(np.argsort(-key, kind="stable")[:rows])

    def note_validation(self, rows: np.ndarray, logits: np.ndarray) -> None:
        """What a look at validation images saw."""
        _blend(self.validation, rows, logits)

    def overfitting(self) -> np.ndarray:
        """(classes,) share of the gap between training and made images that validation images do not show."""
        train, validation, few = self._means(0), self._means(1), self._few()
        out = _share(train, validation, self.made)
        if few.any():
            gaps = [_middle(train[few] - x[few]) for x in (validation, self.made)]
            out[few] = _share(np.zeros(1), -np.array(gaps[:1]), -np.array(gaps[1:]))[0]
        return out

    def resting(self, overfitting: np.ndarray) -> np.ndarray:
        """(groups,) whether the critic knows a group's class by heart, or knows nothing."""
        dead = _middle(self._means(1) - self.made) < ALIVE
        return np.asarray((overfitting[self.places] > OVERFITTED) | dead)

    def excess(self, tilt: np.ndarray) -> np.ndarray:
        """(groups,) mean logit of a class above its made images; of a cluster above its class, the tilt taken out."""
        flattery = self._means(0) - self._means(1)
        flattery = np.where(np.isfinite(flattery) & ~self._few(), flattery, _middle(flattery))
        train = self.train - flattery[self.labels[0]]
        logits, labels = np.concatenate([train, self.validation]), np.concatenate(self.labels)
        known = np.isfinite(logits)
        level = _class_means(logits, labels, known, self.data.classes)
        clusters = np.array([kind == "cluster" for kind in self.data.kinds], dtype=bool)
        out = np.full(len(self.places), np.nan)
        out[~clusters] = (level - self.made)[self.places[~clusters]]
        if clusters.any():
            above = np.where(known, logits - level[labels], 0.0)
            means, errors, _ = surprise.per_group(above[known], self.inside[known][:, clusters])
            out[clusters] = surprise.shrunk(means, errors) - tilt[clusters]
        return out

    def tensors(self) -> dict[str, torch.Tensor]:
        """Named tensors for a checkpoint."""
        return {n: torch.from_numpy(getattr(self, n).copy()) for n in ("train", "validation", "made")}

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put back what `tensors` gave."""
        self.train, self.validation, self.made = (tensors[n].numpy().copy() for n in ("train", "validation", "made"))

    # --- details -----------------------------------------------------------------------------------------------------

    def _means(self, part: int) -> np.ndarray:
        """(classes,) mean logit of training (0) or validation (1) images looked at; NaN for none."""
        values = (self.train, self.validation)[part]
        return _class_means(values, self.labels[part], np.isfinite(values), self.data.classes)

    def _few(self) -> np.ndarray:
        return np.bincount(self.labels[1], minlength=self.data.classes) < ENOUGH


def _blend(values: np.ndarray, rows: np.ndarray, seen: np.ndarray) -> None:
    before = values[rows]
    values[rows] = np.where(np.isfinite(before), KEPT * before + (1 - KEPT) * seen, seen)


def _class_means(values: np.ndarray, labels: np.ndarray, known: np.ndarray, classes: int) -> np.ndarray:
    count = np.bincount(labels[known], minlength=classes)
    total = np.bincount(labels[known], values[known], minlength=classes)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _middle(values: np.ndarray) -> float:
    """The mean of what is known, 0 if nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0


def _share(train: np.ndarray, validation: np.ndarray, made: np.ndarray) -> np.ndarray:
    """(train - validation) / (train - made), 0 where the critic's gap is too small or unknown to say."""
    gap = train - made
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (train - validation) / gap
    return np.where(np.isfinite(share) & (gap > ALIVE), np.clip(share, 0.0, 1.0), 0.0)
