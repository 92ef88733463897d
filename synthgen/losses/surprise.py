"""What a generator pays for a record, in nats: per factor, per record, per group, never reduced over a batch."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional

ROWS = 16_384  # taken at a time, so that five hundred groups of a long table fit in memory
SLACK = 0.02  # of its validation surprise, which a group may pay less on training records


class Rows(Protocol):
    """Boolean (records, groups), an array or anything that is read by slices of its rows."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    def __getitem__(self, rows: Any, /) -> np.ndarray: ...


def per_factor(logits: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """`-log q(code | context)` of each code under the logits of its own factor.

    `logits` is (..., levels), `codes` the same without the last axis; the result has the shape of `codes`. Always in
    float32: a surprise summed over fifty columns must not be rounded to eight bits.
    """
    flat = functional.cross_entropy(logits.float().flatten(0, -2), codes.flatten(), reduction="none")
    return flat.view(codes.shape)


def per_record(factors: torch.Tensor) -> torch.Tensor:
    """The surprise of each record: the sum over its factors (last axis), by the chain rule."""
    return factors.sum(-1)


def per_group(values: np.ndarray, membership: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of `values` (records,) inside each group of `membership` (records, groups; boolean).

    Returns means, their standard errors and counts, each (groups,). An empty group has mean NaN and an infinite error;
    so has the error of a group with one record, because nothing is known about its spread.
    """
    counts, sums, squares = np.zeros((3, membership.shape[1]))
    for start in range(0, len(values), ROWS):
        part, member = values[start : start + ROWS], membership[start : start + ROWS].astype(np.float64)
        counts, sums, squares = counts + member.sum(0), sums + part @ member, squares + part**2 @ member
    safe = np.maximum(counts, 1)
    means = sums / safe
    spread = np.maximum(squares / safe - means**2, 0)
    errors = np.where(counts > 1, np.sqrt(spread / np.maximum(counts - 1, 1)), np.inf)
    return np.where(counts > 0, means, np.nan), errors, counts


def shrunk(means: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Group means pulled towards their common mean by how little is known of each (empirical Bayes).

    The critic is noisy on a group of ten: without this the smallest groups would be emphasised for their noise. A mean
    without a finite error (fewer than two records) becomes the common mean.
    """
    known = np.isfinite(means) & np.isfinite(errors)
    if not known.any():
        return np.zeros(len(means))
    noise = np.where(known, errors, 0.0) ** 2
    certainty = known / (noise + 1e-4)
    centre = np.average(np.where(known, means, 0.0), weights=certainty)
    spread = (np.where(known, means, centre) - centre) ** 2 - noise
    between = max(float(np.average(spread, weights=certainty)), 0.0)
    trust = np.where(known, between / (between + noise + 1e-12), 0.0)
    return centre + trust * (np.where(known, means, centre) - centre)


def overfitted(train: np.ndarray, validation: np.ndarray, train_in: Rows, validation_in: Rows) -> np.ndarray:
    """Which groups pay clearly less on records that were trained on than on records that were not (DESIGN 2, point 5).

    `train` and `validation` are surprises per record, `*_in` the memberships. "Clearly" is by more than `SLACK` of what
    it pays on validation and two standard errors of the difference. A group with too few validation records to tell is
    judged by all such groups together, so that the smallest groups, whose people are the most exposed, are the first to
    lose their emphasis and not the last.
    """
    enough = 20
    mean_t, error_t, _ = per_group(train, train_in)
    mean_v, error_v, count_v = per_group(validation, validation_in)
    with np.errstate(invalid="ignore"):
        clear = _clearly_less(mean_t, mean_v, error_t, error_v)
    small = count_v < enough
    if small.any():
        pooled_t, pooled_v = train_in[:, small].any(1)[:, None], validation_in[:, small].any(1)[:, None]
        (mt,), (et,), _ = per_group(train, pooled_t)
        (mv,), (ev,), _ = per_group(validation, pooled_v)
        clear[small] = not (np.isfinite(ev) and np.isfinite(et)) or bool(_clearly_less(mt, mv, et, ev))
    return clear


def _clearly_less(train: np.ndarray, validation: np.ndarray, error_t: np.ndarray, error_v: np.ndarray) -> np.ndarray:
    return validation - train > SLACK * np.abs(validation) + 2 * np.sqrt(error_t**2 + error_v**2)
