"""A network from a local file, such as Inception, that scores look through instead of networks of their own.

The file is a TorchScript module that takes images as uint8 (n, 3, h, w) and gives features (n, d); the published
Inception of StyleGAN2-ADA's scores is one (its switch `return_features` is set where there is one). Nothing is ever
downloaded. The file is code that runs: it comes from the operator's settings, never from a job.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from synthgen.errors import InputError
from synthgen.images.devices import one_thread
from synthgen.images.stack import ImageStack
from synthgen.training.devices import hardware_errors

AT_ONCE = 64
COMPONENTS = 64  # a covariance of more cannot be known from a few hundred images
SWITCH = "return_features"
EXPECTED = "A TorchScript file is expected that takes uint8 images (n, 3, h, w) and gives features (n, d)."


class GivenLook:
    """Leading components of a given network's features, and class probabilities by a linear head upon them."""

    def __init__(self, network: torch.jit.ScriptModule, learnt: ImageStack, classes: int, seed: int, device: str):
        self.network, self.classes, self.device = network, classes, device
        raw, counts = self._raw(learnt.pixels), np.bincount(learnt.labels, minlength=classes)
        weights = 1.0 / counts[learnt.labels]
        rows = np.random.default_rng(seed).choice(len(learnt), len(learnt), p=weights / weights.sum())
        most = min(COMPONENTS, raw.shape[1], max(len(learnt) // 4, 1))
        self.components = PCA(most, whiten=True, random_state=seed % 2**32).fit(raw[rows])
        self.head = LogisticRegression(max_iter=300, class_weight="balanced")
        self.told = np.unique(learnt.labels)
        if len(self.told) > 1:
            self.head.fit(self.components.transform(raw), learnt.labels)

    def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, components) and class probabilities (n, classes) of uint8 images (n, h, w, c)."""
        if not len(pixels):
            return np.zeros((0, self.components.n_components_), np.float32), np.zeros((0, self.classes), np.float32)
        found = self.components.transform(self._raw(pixels)).astype(np.float32)
        chances = np.zeros((len(found), self.classes), np.float32)
        chances[:, self.told] = self.head.predict_proba(found) if len(self.told) > 1 else 1.0
        return found, chances

    def _raw(self, pixels: np.ndarray) -> np.ndarray:
        return features(self.network, pixels, self.device)


def load(path: Path, device: str) -> torch.jit.ScriptModule:
    """The network of a file. Raises InputError where it cannot be read."""
    try:
        network: torch.jit.ScriptModule = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
    except hardware_errors():
        raise
    except (RuntimeError, ValueError, OSError) as problem:
        raise InputError("The configured file of image features cannot be read.", EXPECTED) from problem
    return network.eval()


@torch.no_grad()
def features(network: torch.jit.ScriptModule, pixels: np.ndarray, device: str) -> np.ndarray:
    """What the network says of uint8 images (n, h, w, c): float64 (n, d). Raises InputError."""
    signature = network.forward.schema  # type: ignore[attr-defined]
    switched = any(argument.name == SWITCH for argument in signature.arguments)
    parts = []
    for start in range(0, len(pixels), AT_ONCE):
        images = torch.from_numpy(np.ascontiguousarray(pixels[start : start + AT_ONCE])).to(device).permute(0, 3, 1, 2)
        images = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        try:
            with one_thread():
                found = network(images, **({SWITCH: True} if switched else {}))
        except hardware_errors():
            raise
        except RuntimeError as problem:
            raise InputError("The configured file of image features refuses these images.", EXPECTED) from problem
        if not isinstance(found, torch.Tensor) or found.shape[:1] != images.shape[:1]:
            raise InputError("The configured file of image features does not give features.", EXPECTED)
        parts.append(found.flatten(1).double().cpu().numpy())
    return np.concatenate(parts)
