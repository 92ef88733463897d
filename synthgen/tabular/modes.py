"""Modes: the groups of people worth protecting, found by a stated rule on the training part only.

Kinds and rules (shares are of training rows, floors are people; `k` is the k-floor):

- *class*: every value of a discrete target.
- *rare category*: a value of a discrete column with at most 5 % of the rows; *category*: a commoner one. Numbers with
  at most 20 distinct whole values count as discrete here.
- *missing*, *filled*: the column is empty; or, where that is rare (at most 5 %), filled.
- *spike*: one number with at least 2k people, .5 % of the rows and 5 times the rows of its neighbours.
- *tail*: the lowest and highest 5 % (or 2k people, if more) of a number or date; the bound is a round number.
- *rare pair*: two values of two discrete columns met by at least 2k people and at most 1 % of the rows (2 % below
  3,000 rows): fewer than 2k could never be told from lost. Pairs with the target come first.
- *cluster*: an island of numbers that empty stretches part from the rest, in one or several columns (`clusters`).

At most 500 modes: every kind has a quota, unused places go to the next kind; inside a kind columns take turns, the
rarest first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from synthgen.contracts import Split
from synthgen.errors import SchemaError
from synthgen.spec import RunSpec
from synthgen.tabular import clusters

Test = Literal["is", "missing", "filled", "at most", "at least", "below", "above"]

LIMIT = 500
QUOTAS = {
    "class": 60,
    "rare category": 150,
    "missing": 40,
    "spike": 40,
    "tail": 50,
    "category": 40,
    "rare pair": 80,
    "cluster": 40,
}
RARE = 0.05
WIDEST = 60  # levels a column may have to take part in pairs
COLUMN_PAIRS = 300
CLUSTER_ENDS: tuple[Test, Test] = ("at least", "below")
DISCRETE = frozenset({"boolean", "category", "code"})
NUMERIC = frozenset({"number", "integer"})
DATES = frozenset({"date", "datetime"})


@dataclass(frozen=True)
class Condition:
    """One test on one column of a typed frame; a date's value is its ISO text."""

    column: str
    test: Test
    value: str | float | None = None

    def mask(self, frame: pd.DataFrame) -> np.ndarray:
        """Boolean array: the rows of `frame` that meet the test. A missing cell meets only "missing"."""
        if self.column not in frame.columns:
            raise SchemaError(
                f"The table has no column {self.column!r}, which a mode is about.",
                "Score a synthetic set against the table it was made from.",
            )
        series = frame[self.column]
        if self.test in ("missing", "filled"):
            return np.asarray(series.isna() if self.test == "missing" else series.notna(), dtype=bool)
        values = series.to_numpy()
        bound: Any = np.datetime64(str(self.value), "us") if values.dtype.kind == "M" else self.value
        return np.asarray(_COMPARE[self.test](values, bound), dtype=bool)

    def __str__(self) -> str:
        if self.test in ("missing", "filled"):
            return f"{self.column} {self.test}"
        shown = str(self.value).removesuffix("T00:00:00")
        if isinstance(self.value, float):
            shown = f"{self.value:g}" if abs(self.value) < 1e6 else f"{self.value:.0f}"
        return f"{self.column} {_SIGNS[self.test]} {shown}"


_COMPARE: dict[str, Any] = {
    "is": lambda x, b: x == b,
    "at most": lambda x, b: x <= b,
    "at least": lambda x, b: x >= b,
    "below": lambda x, b: x < b,
    "above": lambda x, b: x > b,
}
_SIGNS = {"is": "=", "at most": "≤", "at least": "≥", "below": "<", "above": ">"}


@dataclass(frozen=True)
class Mode:
    """A named group of records: all its conditions hold. Implements `contracts.Group`."""

    name: str
    kind: str
    columns: tuple[str, ...]
    conditions: tuple[Condition, ...]

    @classmethod
    def of(cls, kind: str, *conditions: Condition) -> Mode:
        """A mode named after its conditions."""
        return cls(
            " & ".join(map(str, conditions)), kind, tuple(dict.fromkeys(c.column for c in conditions)), conditions
        )

    def mask(self, data: pd.DataFrame) -> np.ndarray:
        """Boolean array: which rows of a typed frame belong."""
        found = self.conditions[0].mask(data)
        for condition in self.conditions[1:]:
            found = found & condition.mask(data)
        return found

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; it holds category names, so it belongs in artifacts only."""
        tests = [{"column": c.column, "test": c.test, "value": c.value} for c in self.conditions]
        return {"name": self.name, "kind": self.kind, "conditions": tests}

    @classmethod
    def from_json(cls, item: dict[str, Any]) -> Mode:
        """The mode that `to_json` wrote."""
        conditions = tuple(Condition(c["column"], c["test"], c["value"]) for c in item["conditions"])
        return cls(item["name"], item["kind"], tuple(dict.fromkeys(c.column for c in conditions)), conditions)


def membership(groups: Sequence[Any], frame: pd.DataFrame) -> np.ndarray:
    """Boolean array [groups, rows]; a condition that several modes share is evaluated once."""
    known: dict[Condition, np.ndarray] = {}
    out = np.zeros((len(groups), len(frame)), dtype=bool)
    for i, group in enumerate(groups):
        if not isinstance(group, Mode):
            out[i] = group.mask(frame)
            continue
        parts = [known.setdefault(c, c.mask(frame)) if c not in known else known[c] for c in group.conditions]
        out[i] = np.logical_and.reduce(parts)
    return out


def people_in(mask: np.ndarray, people: np.ndarray | None) -> int:
    """How many people the rows of `mask` belong to."""
    return int(mask.sum()) if people is None else len(np.unique(people[mask]))


def census(split: Split, schema: Any, spec: RunSpec) -> tuple[Mode, ...]:
    """The modes of the training part, each with at least `spec.k_floor` people, at most 500."""
    finder = _Finder(split.train, split.train_people, schema, spec.k_floor)
    found: dict[str, list[Mode]] = {kind: [] for kind in QUOTAS}
    for quota, turns in finder.candidates():
        found[quota] += _in_turns(turns)
    chosen = {kind: modes[: QUOTAS[kind]] for kind, modes in found.items()}
    left = LIMIT - sum(map(len, chosen.values()))
    for kind, modes in found.items():
        more = modes[len(chosen[kind]) :][:left]
        chosen[kind] += more
        left -= len(more)
    return tuple(mode for modes in chosen.values() for mode in modes)


def _in_turns(turns: list[list[Mode]]) -> list[Mode]:
    """The first of every list, then the second of every list, and so on."""
    longest = max(map(len, turns), default=0)
    return [turn[i] for i in range(longest) for turn in turns if i < len(turn)]


class _Column:
    """One discrete column as codes: -1 missing, levels in order of their text."""

    def __init__(self, name: str, values: pd.Series) -> None:
        self.name = name
        codes, levels = pd.factorize(values, sort=False)
        order = sorted(range(len(levels)), key=lambda i: str(levels[i]))
        rank = np.empty(len(levels) + 1, dtype=np.int64)
        rank[order] = np.arange(len(levels))
        rank[-1] = -1
        self.codes = rank[codes]
        self.levels: list[Any] = [levels[i] if isinstance(levels[i], str) else float(levels[i]) for i in order]

    def condition(self, level: int) -> Condition:
        return Condition(self.name, "is", self.levels[level])


class _Finder:
    """Finds candidate modes of one training frame; `candidates` yields (quota, one list per column)."""

    def __init__(self, frame: pd.DataFrame, people: np.ndarray | None, schema: Any, k: int) -> None:
        self.frame, self.people, self.k, self.n = frame, people, k, len(frame)
        self.columns = [c for c in schema.modelled if c.name in frame.columns]
        self.target = schema.target
        self.discrete = {c.name: _Column(c.name, frame[c.name]) for c in self.columns if self._is_discrete(c)}

    def _is_discrete(self, column: Any) -> bool:
        if column.kind in DISCRETE:
            return True
        values = self.frame[column.name]
        return column.kind in NUMERIC and 0 < values.nunique() <= 20 and bool((values.dropna() % 1 == 0).all())

    def candidates(self) -> Iterator[tuple[str, list[list[Mode]]]]:
        others = [c for name, c in self.discrete.items() if name != self.target]
        if self.target in self.discrete:
            yield "class", [self._levels(self.discrete[self.target], "class", 0.0, 1.0)]
        yield "rare category", [self._levels(c, "rare category", 0.0, RARE) for c in others]
        yield "missing", [self._missing(c.name) for c in self.columns]
        numbers = [c for c in self.columns if c.kind in NUMERIC and c.name not in self.discrete]
        yield "spike", [self._spikes(c.name) for c in numbers]
        dated = [c for c in self.columns if c.kind in DATES]
        yield "tail", [self._tails(c.name, c.kind in DATES) for c in (*numbers, *dated)]
        yield "cluster", [self._clusters([c.name for c in numbers])]
        yield "category", [self._levels(c, "category", RARE, 0.999) for c in others]
        yield "rare pair", [self._pairs(a, b) for a, b in self._column_pairs(True)]
        yield "rare pair", [self._pairs(a, b) for a, b in self._column_pairs(False)]

    def _counts(self, codes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and people per code; negative codes are left out."""
        kept = codes >= 0
        rows = np.bincount(codes[kept], minlength=size)
        if self.people is None or rows.max(initial=0) < self.k:
            return rows, rows
        seen = pd.DataFrame({"code": codes[kept], "person": self.people[kept]}).drop_duplicates()
        return rows, np.bincount(seen["code"], minlength=size)

    def _levels(self, column: _Column, kind: str, above: float, at_most: float) -> list[Mode]:
        rows, people = self._counts(column.codes, len(column.levels))
        share = rows / max(self.n, 1)
        keep = [i for i in np.argsort(rows, kind="stable") if people[i] >= self.k and above < share[i] <= at_most]
        return [Mode.of(kind, column.condition(int(i))) for i in keep]

    def _missing(self, name: str) -> list[Mode]:
        empty = self.frame[name].isna().to_numpy()
        out = []
        if people_in(empty, self.people) >= self.k and not empty.all():
            out.append(Mode.of("missing", Condition(name, "missing")))
        if 0 < (~empty).mean() <= RARE and people_in(~empty, self.people) >= self.k:
            out.append(Mode.of("filled", Condition(name, "filled")))
        return out

    def _spikes(self, name: str) -> list[Mode]:
        values = self.frame[name].to_numpy(dtype=float)
        levels, codes, rows = np.unique(values[~np.isnan(values)], return_inverse=True, return_counts=True)
        full = np.full(self.n, -1, dtype=np.int64)
        full[~np.isnan(values)] = codes
        _, people = self._counts(full, len(levels))
        around = pd.Series(rows).rolling(21, center=True, min_periods=1).median().to_numpy()
        keep = (people >= 2 * self.k) & (rows >= 0.005 * self.n) & (rows >= 5 * around)
        commonest = sorted(np.flatnonzero(keep), key=lambda i: (-rows[i], levels[i]))[:8]
        return [Mode.of("spike", Condition(name, "is", float(levels[i]))) for i in commonest]

    def _clusters(self, names: list[str]) -> list[Mode]:
        out = []
        for bounds in clusters.find(self.frame, names, self.people, self.k) if names else []:
            ends = [
                (name, test, b) for name, ends in bounds.items() for test, b in zip(CLUSTER_ENDS, ends, strict=True)
            ]
            mode = Mode.of("cluster", *(Condition(name, test, b) for name, test, b in ends if math.isfinite(b)))
            if people_in(mode.mask(self.frame), self.people) >= self.k:
                out.append(mode)
        return out

    def _tails(self, name: str, dated: bool) -> list[Mode]:
        series = self.frame[name].dropna()
        values = series.to_numpy("datetime64[us]").astype("int64") if dated else series.to_numpy(dtype=float)
        if len(values) < 4 * self.k or values.min() == values.max():
            return []
        share = min(max(RARE, 2.5 * self.k / len(values)), 0.25)
        step = _round_step(values, dated)
        out = []
        for test, strict, q in (("at most", "below", share), ("at least", "above", 1 - share)):
            bound = float(np.quantile(values, q, method="lower" if q < 0.5 else "higher"))
            rounded = math.ceil(bound / step) * step if q < 0.5 else math.floor(bound / step) * step
            for candidate, how in ((rounded, test), (bound, strict)):
                condition = Condition(name, how, _bound(candidate, dated))  # type: ignore[arg-type]
                mask = condition.mask(self.frame)
                if people_in(mask, self.people) >= self.k and mask.sum() <= 4 * share * len(values):
                    at_bound = Condition(name, "is", _bound(bound, dated)).mask(self.frame)
                    if how == strict and people_in(at_bound, self.people) < 2 * self.k:
                        continue  # a bound that few share would itself give a real value away
                    out.append(Mode.of("tail", condition))
                    break
        return out

    def _column_pairs(self, with_target: bool) -> Iterable[tuple[_Column, _Column]]:
        wide = [c for c in self.discrete.values() if 2 <= len(c.levels) <= WIDEST]
        others = [c for c in wide if c.name != self.target]
        if with_target:
            return [(self.discrete[self.target], c) for c in others] if self.target in self.discrete else []
        pairs = list(combinations(others, 2))
        if len(pairs) <= COLUMN_PAIRS:
            return pairs
        return [pairs[i] for i in np.linspace(0, len(pairs) - 1, COLUMN_PAIRS).astype(int)]

    def _pairs(self, a: _Column, b: _Column) -> list[Mode]:
        width = len(b.levels)
        codes = np.where((a.codes < 0) | (b.codes < 0), -1, a.codes * width + b.codes)
        rows = np.bincount(codes[codes >= 0], minlength=len(a.levels) * width)
        most = (0.01 if self.n >= 3000 else 0.02) * self.n
        possible = (rows >= 2 * self.k) & (rows <= most)
        if not possible.any():
            return []
        rows, people = self._counts(codes, len(rows))
        keep = [i for i in np.argsort(rows, kind="stable") if possible[i] and people[i] >= 2 * self.k]
        return [Mode.of("rare pair", a.condition(int(i) // width), b.condition(int(i) % width)) for i in keep]


def _round_step(values: np.ndarray, dated: bool) -> float:
    """A round step of at most a twentieth of the middle 90 %: a bound on it gives no one's exact value away."""
    low, high = np.quantile(values, [0.05, 0.95])
    spread = float(high - low) or float(values.max() - values.min())
    if dated:
        day = 86_400e6
        return next((u for u in (365 * day, 30 * day, 7 * day, day, 3600e6, 60e6) if u <= spread / 20), 1e6)
    return 10.0 ** math.floor(math.log10(spread / 20))


def _bound(value: float, dated: bool) -> str | float:
    if dated:
        return str(np.datetime64(int(value), "us").astype("datetime64[s]"))
    return float(f"{value:.12g}")
