"""Which number columns follow from others: every candidate is looked at on some rows, and kept if all rows agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from synthgen.tabular.formulas import FUNCTIONS, Formula, applied

SAMPLE, FEWEST_ROWS = 1000, 100
FEWEST_VALUES = 12  # of a column, for a formula to be more than chance
MOST_COLUMNS = 80
FINE = 0.01  # the rounding of a column must be so small a part of its spread to tell a formula from a likeness
AGREE = 0.999  # share of the rows that must obey
RULE = 0.99  # share of the rows outside of the formula that must hold the same
NEAR_WHOLE = 1e-4  # how near to 0 or 1 a part's factor in a total must be


def find(values: Mapping[str, np.ndarray], decimals: Mapping[str, int], never: set[str], k: int) -> dict[str, Formula]:
    """A formula for each column that follows from others; `values` are float64 with NaN, `decimals` their digits.

    Columns in `never` (target, looked up, of a place) are nobody's result; what is a result is nobody's source but of
    columns found before it, so that none hangs on itself.
    """
    names = [n for n, v in values.items() if _varied(v)][:MOST_COLUMNS]
    never = never | {n for n in names if not _fine(values[n], decimals[n])}
    found: dict[str, Formula] = {}
    for name in names:  # each from the first column that gives it
        if name in never:
            continue
        for source in names:
            if source == name or source in found:
                continue
            made = _of_one(values[name], values[source], source, decimals[name], k)
            if made is not None and not any(name in f.sources for f in found.values()):
                found[name] = made
                break
    free = [n for n in names if n not in found]
    for name in free:
        used = {s for f in found.values() for s in f.sources if f.function == "sum"}
        if name not in never and name not in used:
            others = [n for n in free if n != name and n not in found]
            made = _total(values, name, others, decimals[name], k)
            if made is not None:
                found[name] = made
    return found


def in_order(found: Mapping[str, Formula]) -> list[str]:
    """The results, each after those it hangs on."""
    out: list[str] = []
    while len(out) < len(found):
        ready = [n for n, f in found.items() if n not in out and all(s in out or s not in found for s in f.sources)]
        if not ready:
            raise ValueError("the formulas hang on each other in a circle")
        out += ready
    return out


def _varied(values: np.ndarray) -> bool:
    filled = values[~np.isnan(values)]
    return len(filled) >= FEWEST_ROWS and len(np.unique(filled[:: max(1, len(filled) // 5000)])) >= FEWEST_VALUES


def _fine(values: np.ndarray, decimals: int) -> bool:
    return 0.5 * 10.0**-decimals <= FINE * float(np.nanstd(values))


def _of_one(result: np.ndarray, source: np.ndarray, name: str, decimals: int, k: int) -> Formula | None:
    some = np.linspace(0, len(result) - 1, min(SAMPLE, len(result))).astype(int)
    for function in FUNCTIONS:
        line = _line(applied(function, source[some]), result[some])
        if line is None:
            continue
        made = Formula(function=function, sources=(name,), scale=line[0], offset=line[1])
        if not _obeyed(made.values([source[some]]), result[some], decimals):
            continue
        line = _line(applied(function, source), result) or line
        made = Formula(function=function, sources=(name,), scale=_plain(line[0], 1e-6), offset=_plain(line[1], 1e-5))
        given = made.values([source])
        if _obeyed(given, result, decimals):
            return made.model_copy(update={"elsewhere": _elsewhere(given, result, k)})
    return None


def _plain(number: float, near: float) -> float:
    """The number with nine digits, or the whole number it is so near to."""
    return float(round(number)) if abs(number - round(number)) < near else float(f"{number:.9g}")


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float] | None:
    """Scale and offset of the least-squares line through the points that are both there; None where there is none."""
    both = ~(np.isnan(x) | np.isnan(y))
    if both.sum() < FEWEST_ROWS:
        return None
    x, y = x[both], y[both]
    spread = float(np.var(x))
    if spread <= 0:
        return None
    scale = float(np.mean((x - x.mean()) * (y - y.mean())) / spread)
    return scale, float(y.mean() - scale * x.mean())


def _obeyed(given: np.ndarray, result: np.ndarray, decimals: int) -> bool:
    """Whether, where the formula has a value, the column holds it to within its rounding, in nearly all rows."""
    there = ~np.isnan(given)
    if there.sum() < FEWEST_ROWS:
        return False
    room = 0.51 * 10.0**-decimals + 1e-6 * np.abs(given[there])
    return bool((np.abs(given[there] - result[there]) <= room).mean() >= AGREE)  # NaN compares false


def _elsewhere(given: np.ndarray, result: np.ndarray, k: int) -> float | Literal["drawn"] | None:
    """What the column holds where the formula has no value, if it is the same nearly everywhere; else it is drawn."""
    rest = result[np.isnan(given)]
    if not len(rest):
        return None  # as missing as its sources
    if np.isnan(rest).mean() >= RULE:
        return None
    filled, counts = np.unique(rest[~np.isnan(rest)], return_counts=True)
    best = int(np.argmax(counts))
    return float(filled[best]) if counts[best] >= max(k, RULE * len(rest)) else "drawn"


def _total(values: Mapping[str, np.ndarray], name: str, others: Sequence[str], decimals: int, k: int) -> Formula | None:
    """The formula of a total: found by least squares on some rows in which everything is filled, factors 0 and 1."""
    if len(others) < 2:
        return None
    looked_at = np.linspace(0, len(values[name]) - 1, min(5 * SAMPLE, len(values[name]))).astype(int)
    some = np.stack([values[n][looked_at] for n in (*others, name)], axis=1)
    some = some[~np.isnan(some).any(axis=1)]
    if len(some) < max(FEWEST_ROWS, 5 * len(others)):
        return None
    spread = np.maximum(some[:, :-1].std(axis=0), 1e-12)
    factors = np.linalg.lstsq(np.column_stack([some[:, :-1] / spread, np.ones(len(some))]), some[:, -1], rcond=None)[0]
    factors = factors[:-1] / spread
    parts = [i for i, f in enumerate(factors) if abs(f - 1.0) < NEAR_WHOLE]
    shares = np.abs(factors) * spread / max(float(some[:, -1].std()), 1e-12)
    if len(parts) < 2 or any(s > NEAR_WHOLE for i, s in enumerate(shares) if i not in parts):
        return None
    made = Formula(function="sum", sources=tuple(others[i] for i in parts))
    given = made.values([values[n] for n in made.sources])
    if not _obeyed(given, values[name], decimals):
        return None
    return made.model_copy(update={"elsewhere": _elsewhere(given, values[name], k)})
