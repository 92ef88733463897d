"""How often a group came back: the ratio of two shares with its exact interval, for the census and for training."""

from __future__ import annotations

import numpy as np

LOST, THIN = 0.25, 0.8  # upper ends of the interval of synthetic share / real share
FEWEST_EXPECTED = 5  # synthetic records under which nothing is said of a group


def ratio_interval(x: np.ndarray, m: float, y: np.ndarray, n: float) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of (x/m) / (y/n): given x + y, x is binomial, so its exact interval carries over to the ratio."""
    from scipy.stats import beta

    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        low = np.where(x > 0, beta.ppf(0.025, x, y + 1), 0.0)
        high = np.where(y > 0, beta.ppf(0.975, x + 1, y), 1.0)
        scale = n / m
        top = np.where(high < 1, high / (1 - high) * scale, 1e6)
        return np.nan_to_num(low / (1 - low) * scale), np.minimum(top, 1e6)
