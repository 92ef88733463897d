"""The last step, which costs nothing: the model's own shares are moved to the noisy shares that were paid for already.

The noisy counts of single columns are more exact than what noisy gradients teach. Every level's bias is shifted by how
much too seldom the model draws it, a few times over.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from synthgen.tabular.networks import AutoregressiveNetwork
from synthgen.tabular.sampling import draw

ROUNDS, ALIKE = 6, 512
DRAWN, FEWEST, EACH = 16_384, 2048, 8  # rows drawn in a round: so many for a person between the other two
DAMPED, FARTHEST = 0.7, 1.0  # of a shift in nats


def calibrate(
    network: AutoregressiveNetwork, shares: Sequence[np.ndarray], people: int, rng: np.random.Generator
) -> None:
    """Shift the biases of `network`, in place, until its columns have about these shares, of so many people."""
    rows = min(DRAWN, max(FEWEST, EACH * people))
    free = np.full((rows, len(shares)), -1, dtype=np.int64)
    for _ in range(ROUNDS):
        codes = draw(network, free, rng, block=ALIKE)
        for column, wanted in enumerate(shares):
            drawn = np.bincount(codes[:, column], minlength=len(wanted)) + 1.0
            shift = DAMPED * np.log((wanted * rows + 1.0) / drawn)
            with torch.no_grad():
                network.bias_of(column).add_(torch.from_numpy(np.clip(shift, -FARTHEST, FARTHEST)).float())
