"""A second accountant: it shares no code with the one that writes receipts, so that one can check the other.

The privacy loss of each mechanism is put on a grid, rounded to the nearest point, its distribution is composed by the
Fourier transform, and delta at an epsilon is read from the tail (Koskela, Jaelkoe and Honkela 2020). An estimate, good
to a hundredth, where receipts state an upper bound. Both directions of neighbours are accounted; the larger counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

STEP, REACH = 1e-4, 2**19  # of the grid of losses: width, points on either side
History = Sequence[tuple[float, float, int]]  # noise multiplier, sampling rate, steps


def epsilon(history: History, delta: float) -> float:
    """The smallest epsilon, to within the grid, at which a composition of Gaussian mechanisms costs at most `delta`."""
    return max(_epsilon(history, delta, removed) for removed in (True, False))


def _epsilon(history: History, delta: float, removed: bool) -> float:
    mass, infinite = _composed(history, removed)
    losses = (np.arange(2 * REACH) - REACH) * STEP
    above = np.cumsum(mass[::-1])[::-1] + infinite
    weighted = np.cumsum((mass * np.exp(-losses))[::-1])[::-1]
    costs = above - np.exp(losses) * weighted  # delta at each epsilon: the sum of mass * (1 - exp(epsilon - loss))
    enough = np.flatnonzero((losses >= 0) & (costs <= delta))
    return float(losses[enough[0]]) if len(enough) else float("inf")


def _composed(history: History, removed: bool) -> tuple[np.ndarray, float]:
    """Distribution of the summed losses on the grid, and the mass that is infinitely bad."""
    spectrum, finite = np.ones(REACH + 1, dtype=complex), 1.0
    for noise, rate, steps in history:
        mass = _losses(noise, rate, removed)
        finite *= mass.sum() ** steps
        spectrum *= np.fft.rfft(np.fft.ifftshift(mass)) ** steps
    out = np.maximum(np.fft.fftshift(np.fft.irfft(spectrum, 2 * REACH)), 0.0)
    return out, max(0.0, 1.0 - finite)


def _losses(noise: float, rate: float, removed: bool) -> np.ndarray:
    """Mass of one mechanism's privacy loss at each point of the grid; what lies beyond it is missing.

    Outputs are N(0, noise^2) without the person and `(1 - rate) N(0, noise^2) + rate N(1, noise^2)` with. `removed`:
    the loss of the outputs with the person against those without; else the other way round. The loss is monotone in
    the output, so the mass between two points of the grid is that between the outputs at which the loss takes them.
    """
    edges = (np.arange(2 * REACH + 1) - REACH - 0.5) * STEP
    signed = edges if removed else -edges
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = (np.exp(signed) - (1 - rate)) / rate
        place = np.where(inside > 0, 0.5 + noise**2 * np.log(np.where(inside > 0, inside, 1.0)), -np.inf)
    if removed:
        below = (1 - rate) * norm.cdf(place / noise) + rate * norm.cdf((place - 1) / noise)
    else:
        below = norm.sf(place / noise)
    mass = np.diff(below)
    mass[0] += below[0]
    return mass
