"""Which number columns follow from others: every candidate is looked at on some rows, and kept if all rows agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from synthgen.tabular.formulas import FUNCTIONS, Formula, Function, applied

SAMPLE, FEWEST_ROWS = 1000, 100
FEWEST_VALUES = 12  # of a column, for a formula to be more than chance
MOST_COLUMNS = 80
FINE = 0.01  # the rounding of a column must be so small a part of its spread to tell a formula from a likeness
AGREE = 0.999  # share of the rows that must obey
RULE = 0.99  # share of the rows outside of the formula that must hold the same
NEAR_WHOLE = 1e-4  # how near to 0 or 1 a part's factor in a total must be
NOISE, WHOLE_NOISE = 1e-6, 1e-8  # parts of its spread by which a column may be off beside its rounding; whole numbers
ON_A_LINE = 0.999  # squared correlation on some rows, for a pair to be looked at
BOUND = 0.1  # columns of which none is a total have no direction of so small a part of their spread


class Floor(NamedTuple):
    """How many people must hold what is said, and whose each row is (None: every row is a person)."""

    k: int
    people: np.ndarray | None = None

    def met(self, rows: np.ndarray) -> bool:
        """Whether at least k people have one of the rows (boolean)."""
        return int(rows.sum() if self.people is None else len(np.unique(self.people[rows]))) >= self.k


@np.errstate(all="ignore")  # numbers so high that their square is none obey nothing
def find(
    values: Mapping[str, np.ndarray],
    decimals: Mapping[str, int],
    never: set[str],
    k: int,
    people: np.ndarray | None = None,
) -> dict[str, Formula]:
    """A formula for each column that follows from others; `values` are float64 with NaN, `decimals` their digits.

    Columns in `never` (target, looked up, of a place) are nobody's result; what is a result is nobody's source but of
    columns found before it, so that none hangs on itself. `people` says whose each row is; a formula, and the number
    outside of it, are those of at least `k` of them.
    """
    floor = Floor(k, people)
    names = [n for n, v in values.items() if _varied(v)][:MOST_COLUMNS]
    never = never | {n for n in names if not _fine(values[n], decimals[n])}
    likely = _likely(values, names)
    found: dict[str, Formula] = {}
    for name in names:  # each from the first column that gives it
        if name in never:
            continue
        for source in names:
            if (source, name) not in likely or source in found:
                continue
            functions = likely[source, name]
            made = _of_one(values[name], values[source], source, functions, decimals[name], floor)
            if made is not None and not any(name in f.sources for f in found.values()):
                found[name] = made
                break
    free = [n for n in names if n not in found]
    for name in free if _is_bound(values, free) else ():
        used = {s for f in found.values() for s in f.sources if f.function == "sum"}
        if name not in never and name not in used:
            others = [n for n in free if n != name and n not in found]
            made = _total(values, name, others, decimals[name], floor)
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


def _likely(values: Mapping[str, np.ndarray], names: Sequence[str]) -> dict[tuple[str, str], list[Function]]:
    """Functions of each (source, result) that lie on a line on some rows, as far as their correlation tells.

    All pairs at once, each over the rows in which both are there.
    """
    out: dict[tuple[str, str], list[Function]] = {}
    if not names:
        return out
    table = np.stack([values[n][_some(len(values[n]))] for n in names], axis=1)
    y, in_y = _standard(table)
    for function in FUNCTIONS:
        x, in_x = _standard(np.stack([applied(function, column) for column in table.T], axis=1))
        count, xs, ys = in_x.T @ in_y, x.T @ in_y, in_x.T @ y
        shared = (count * (x.T @ y) - xs * ys) ** 2
        spread = (count * ((x**2).T @ in_y) - xs**2) * (count * (in_x.T @ y**2) - ys**2)
        for i, j in np.argwhere((count >= FEWEST_ROWS) & (shared > ON_A_LINE * spread) & (spread > 0)):
            if i != j:
                out.setdefault((names[i], names[j]), []).append(function)
    return out


def _standard(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns (rows, columns) of mean 0 and spread 1 with 0 for what is not there, and what is (0 or 1)."""
    there = np.isfinite(table)
    filled = np.where(there, table, 0.0)
    count = np.maximum(there.sum(0), 1)
    off = np.where(there, filled - filled.sum(0) / count, 0.0)
    spread = np.sqrt((off**2).sum(0) / count)
    return np.where(np.isfinite(spread) & (spread > 0), off / np.where(spread > 0, spread, 1.0), 0.0), there.astype(
        float
    )


def _some(rows: int) -> np.ndarray:
    return np.linspace(0, rows - 1, min(SAMPLE, rows)).astype(int)


def _of_one(
    result: np.ndarray, source: np.ndarray, name: str, functions: Sequence[Function], decimals: int, floor: Floor
) -> Formula | None:
    some = _some(len(result))
    for function in functions:
        line = _line(applied(function, source[some]), result[some])
        if line is None:
            continue
        made = Formula(function=function, sources=(name,), scale=line[0], offset=line[1])
        if not _obeyed(made.values([source[some]]), result[some], decimals):
            continue
        line = _line(applied(function, source), result) or line
        made = Formula(function=function, sources=(name,), scale=_plain(line[0], 1e-6), offset=_plain(line[1], 1e-5))
        given = made.values([source])
        if _obeyed(given, result, decimals) and floor.met(~np.isnan(given)):
            return made.model_copy(update={"elsewhere": _elsewhere(given, result, floor)})
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
    if not 0 < spread < np.inf:
        return None
    scale = float(np.mean((x - x.mean()) * (y - y.mean())) / spread)
    offset = float(y.mean() - scale * x.mean())
    return (scale, offset) if np.isfinite(scale) and np.isfinite(offset) else None


def _obeyed(given: np.ndarray, result: np.ndarray, decimals: int) -> bool:
    """Whether, where the formula has a value, the column holds it to within its rounding, in nearly all rows.

    What is off must also be nothing beside the spread: the minutes between two time stamps are little of a time stamp.
    """
    there = ~np.isnan(given)
    if there.sum() < FEWEST_ROWS:
        return False
    off, rounding = np.abs(given[there] - result[there]), 0.51 * 10.0**-decimals
    good = off <= rounding + NOISE * np.abs(given[there])  # NaN compares false
    if good.mean() < AGREE:
        return False
    noise = (NOISE if decimals else WHOLE_NOISE) * float(np.std(result[there][good]))
    return float(np.sqrt(np.mean(off[good] ** 2))) <= rounding + noise


def _elsewhere(given: np.ndarray, result: np.ndarray, floor: Floor) -> float | Literal["drawn"] | None:
    """What the column holds where the formula has no value, if it is the same nearly everywhere; else it is drawn."""
    rest = result[np.isnan(given)]
    if not len(rest):
        return None  # as missing as its sources
    if np.isnan(rest).mean() >= RULE:
        return None
    filled, counts = np.unique(rest[~np.isnan(rest)], return_counts=True)
    best = int(np.argmax(counts))
    shared = counts[best] >= RULE * len(rest) and floor.met(np.isnan(given) & (result == filled[best]))
    return float(filled[best]) if shared else "drawn"


def _is_bound(values: Mapping[str, np.ndarray], names: Sequence[str]) -> bool:
    """Whether one of the columns could be a total of others: some direction in them has next to no spread.

    One look at all columns, where a total is looked for column by column.
    """
    some = _filled_rows(values, names)
    if len(names) < 3 or len(some) < FEWEST_ROWS:
        return len(names) >= 3
    scaled = (some - some.mean(axis=0)) / some.std(axis=0)
    if not np.isfinite(scaled).all():
        return True
    return float(np.linalg.eigvalsh(scaled.T @ scaled / len(scaled))[0]) <= BOUND**2


def _filled_rows(values: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Of some rows, evenly from the whole table, those (rows, names) in which everything is filled."""
    count = len(values[names[0]]) if names else 0
    looked_at = np.linspace(0, count - 1, min(5 * SAMPLE, count)).astype(int)
    some = np.stack([values[n][looked_at] for n in names], axis=1) if names else np.empty((0, 0))
    return some[~np.isnan(some).any(axis=1)]


def _total(
    values: Mapping[str, np.ndarray], name: str, others: Sequence[str], decimals: int, floor: Floor
) -> Formula | None:
    """The formula of a total: found by least squares on some rows in which everything is filled, factors 0 and 1."""
    if len(others) < 2:
        return None
    some = _filled_rows(values, (*others, name))
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
    if not _obeyed(given, values[name], decimals) or not floor.met(~np.isnan(given)):
        return None
    return made.model_copy(update={"elsewhere": _elsewhere(given, values[name], floor)})
