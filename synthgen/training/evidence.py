"""What a run's health is read from: figures with their intervals, from arrays of logits, codes and counts.

Nothing here knows a modality. "Codes" are any description of a record by whole numbers, one column a feature: the codes
of a table's columns, or the cluster an image falls into. Made records are always compared with held-out ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from synthgen.shares import FEWEST_EXPECTED, LOST, ratio_interval

Z = 1.96  # standard errors of a 95 % interval
NARROW, NARROW_Z = 0.25, 4.0  # many columns are looked at, so each needs more than two standard errors
VARIED = 0.5  # nats: an entropy below it is one value's that four in five records have; losing it is losing a group
LEVELS, MOST_COLUMNS, MOST_PAIRS = 6, 400, 200  # of the comparison of column pairs
FEWEST_IN_CELL = 2.0  # held-out records expected in a cell of a pair; smaller cells are put together
FALSE_ALARM = 1e-3  # of all comparisons of one look together


@dataclass(frozen=True)
class Estimate:
    """A figure and its standard error."""

    value: float
    error: float

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - Z * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + Z * self.error


@dataclass(frozen=True)
class Diversity:
    """How much of the held-out records' variety the made ones have, as many of each: 1 is all of it.

    `entropy` is the ratio of the entropies summed over the columns, `distinct` that of the numbers of distinct records,
    `distinct_high` the upper end of its interval, `narrow` the columns that kept clearly less than a quarter of theirs.
    """

    entropy: Estimate
    distinct: float
    distinct_high: float
    narrow: tuple[int, ...]


@dataclass(frozen=True)
class Unlikeness:
    """The columns or pair of columns in which made and held-out records differ most, beyond sampling noise.

    `excess` is the total variation distance less what two samples of one law would show; `certain` says whether it is
    more than chance over all comparisons made.
    """

    excess: float
    certain: bool
    columns: tuple[int, ...]


def auc(real: np.ndarray, fake: np.ndarray, rows_per_person: float = 1.0) -> Estimate:
    """Chance that a real record's logit lies above a made one's, by ranks; .5 is a critic that knows nothing.

    Standard error: DeLong et al. 1988, widened where a person has several rows. With every pair in order the formula
    gives zero; half a record's worth of doubt is always left.
    """
    from scipy.stats import rankdata

    m, n = len(real), len(fake)
    if m < 2 or n < 2:
        return Estimate(0.5, math.inf)
    ranks = rankdata(np.concatenate([real, fake]))
    of_real = (ranks[:m] - rankdata(real)) / n
    of_fake = 1 - (ranks[m:] - rankdata(fake)) / m
    error = math.sqrt(rows_per_person * (of_real.var(ddof=1) / m + of_fake.var(ddof=1) / n))
    return Estimate(float(of_real.mean()), max(error, 0.5 / min(m, n)))


def diversity(made: np.ndarray, real: np.ndarray, rows_per_person: float = 1.0) -> Diversity | None:
    """Variety of codes (rows, columns) beside that of as many held-out ones; None with fewer than two of either."""
    rows = min(len(made), len(real))
    if rows < 2 or not real.shape[1]:
        return None
    made, real = spaced(made, rows), spaced(real, rows)
    of_made, of_real = _surprises(made), _surprises(real)
    own, other = (_estimate(s.sum(1), rows_per_person) for s in (of_made, of_real))
    if other.value == 0:
        entropy = Estimate(1.0, 0.0)
    else:
        ratio = own.value / other.value
        entropy = Estimate(ratio, math.hypot(own.error, ratio * other.error) / other.value)
    f, r = _distinct(made), _distinct(real)
    high = (f + 2 * math.sqrt(f)) / max(r - 2 * math.sqrt(r), 0.5)
    return Diversity(entropy, f / r, high, _narrow(of_made, of_real, rows_per_person))


def unlikeness(made: np.ndarray, real: np.ndarray, rows_per_person: float = 1.0) -> Unlikeness | None:
    """Where the shares of columns and column pairs differ most; needs no critic, so it tells a blind one.

    Columns are cut into at most six parts of like size, at most 200 pairs are looked at. Certain: Pearson's chi-squared
    test, with one false alarm in a thousand over all comparisons together (Bonferroni).
    """
    if len(made) < 2 or len(real) < 2:
        return None
    from scipy.stats import chi2

    columns = np.unique(np.linspace(0, real.shape[1] - 1, min(real.shape[1], MOST_COLUMNS)).astype(int))
    coarse = [_coarse(made[:, c], real[:, c]) for c in columns]
    looks = [(i,) for i in range(len(columns))] + _pairs(len(columns))
    best = Unlikeness(0.0, False, ())
    for look in looks:
        first, second = coarse[look[0]], coarse[look[-1]]
        cells_of = (first[0] * LEVELS + second[0], first[1] * LEVELS + second[1])
        excess, statistic, cells = _difference(*cells_of, rows_per_person)
        certain = cells > 1 and float(chi2.sf(statistic, cells - 1)) < FALSE_ALARM / len(looks)
        if (certain, excess) > (best.certain, best.excess):
            best = Unlikeness(excess, certain, tuple(int(columns[i]) for i in look))
    return best


def lost(
    made: np.ndarray, made_rows: int, real: np.ndarray, real_rows: int, rows_per_person: float = 1.0
) -> np.ndarray:
    """Which groups are lost, by the census's own rule: the interval of made share / real share lies below 1/4.

    `made` and `real` are counts per group. Of a group that expects fewer than five made records nothing is said. The
    bound is so far from 1 that five hundred groups looked at ten times give no false alarm: a group that comes out as
    it should, expected 17 times (the least at which none at all is an alarm), is missed once in 20 million looks.
    """
    if not made_rows or not real_rows or not len(made):
        return np.zeros(len(made), dtype=bool)
    own, other = (np.asarray(counts) / rows_per_person for counts in (made, real))
    _, high = ratio_interval(own, made_rows / rows_per_person, other, real_rows / rows_per_person)
    return (other * made_rows / real_rows >= FEWEST_EXPECTED) & (high < LOST)


def trimmed_mean(values: np.ndarray, rows_per_person: float = 1.0, cut: float = 0.1) -> Estimate:
    """Mean without the lowest and highest tenth, with the standard error of Tukey and McLaughlin (1963)."""
    if not np.isfinite(values).all():
        return Estimate(math.nan, math.nan)
    ordered = np.sort(values)
    out = int(cut * len(ordered))
    kept = ordered[out : len(ordered) - out]
    spread = np.clip(values, kept[0], kept[-1]).std()
    error = spread / ((1 - 2 * cut) * math.sqrt(len(values) / rows_per_person))
    return Estimate(float(kept.mean()), float(error))


def spaced(values: np.ndarray, rows: int) -> np.ndarray:
    """`rows` of `values`, evenly spaced: a sample that needs no random numbers."""
    return values if rows >= len(values) else values[np.linspace(0, len(values) - 1, rows).astype(int)]


def _estimate(values: np.ndarray, rows_per_person: float) -> Estimate:
    return Estimate(float(values.mean()), math.sqrt(rows_per_person / len(values)) * float(values.std()))


def _surprises(codes: np.ndarray) -> np.ndarray:
    """(rows, columns): `-log` share of each code in its own column; a column's mean is its entropy."""
    out = np.empty(codes.shape)
    for c in range(codes.shape[1]):
        _, place, counts = np.unique(codes[:, c], return_inverse=True, return_counts=True)
        out[:, c] = -np.log(counts / len(codes))[place]
    return out


def _distinct(codes: np.ndarray) -> int:
    """How many different rows there are."""
    packed = np.ascontiguousarray(codes, dtype=np.int64)
    return len(np.unique(packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1])))))


def _narrow(made: np.ndarray, real: np.ndarray, rows_per_person: float) -> tuple[int, ...]:
    width = NARROW_Z * math.sqrt(rows_per_person / len(real))
    most, least = made.mean(0) + width * made.std(0), real.mean(0) - width * real.std(0)
    return tuple(int(c) for c in np.flatnonzero((most < NARROW * least) & (real.mean(0) > VARIED)))


def _coarse(made: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes of one column cut into at most `LEVELS` neighbouring parts of like size; common levels stand alone."""
    levels = 1 + int(max(made.max(initial=0), real.max(initial=0)))
    share = np.bincount(made, minlength=levels) / len(made) + np.bincount(real, minlength=levels) / len(real)
    middle = (np.cumsum(share) - share / 2) / share.sum()
    part = np.minimum((middle * LEVELS).astype(int), LEVELS - 1)
    return part[made], part[real]


def _pairs(columns: int) -> list[tuple[int, ...]]:
    first, second = np.triu_indices(columns, 1)
    some = np.unique(np.linspace(0, len(first) - 1, min(len(first), MOST_PAIRS)).astype(int)) if len(first) else []
    return [(int(first[i]), int(second[i])) for i in some]


def _difference(made: np.ndarray, real: np.ndarray, rows_per_person: float) -> tuple[float, float, int]:
    """Excess total variation, Pearson's statistic and the number of cells of two samples of one coarse variable.

    What two samples of one law differ by: a cell's difference is nearly normal, so its mean size is sd * sqrt(2 / pi).
    """
    made_counts, counts = (np.bincount(x, minlength=LEVELS**2) for x in (made, real))
    pooled = (made_counts + counts) / (len(made) + len(real))
    few = pooled * len(real) < FEWEST_IN_CELL
    p, q = (np.append(c[~few], c[few].sum()) / c.sum() for c in (counts, made_counts))
    law = np.append(pooled[~few], pooled[few].sum())
    p, q, law = p[law > 0], q[law > 0], law[law > 0]
    noise = rows_per_person / len(real) + 1 / len(made)
    expected = 0.5 * np.sqrt(2 / np.pi * law * np.maximum(1 - law, 0) * noise).sum()
    distance = 0.5 * np.abs(p - q).sum()
    return float(distance - expected), float(((p - q) ** 2 / (law * noise)).sum()), len(law)
