"""Tables as anonymeter takes them: columns c0, c1, ..., texts for discrete ones, floats for numbers and days.

Whatever a column is called and whichever script its values are in, the attack sees plain names and plain codes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from synthgen.runtime import RunContext
from synthgen.tabular.metrics.attacks.planning import MOST_COLUMNS
from synthgen.tabular.metrics.tables import kinds, plain

MISSING = "missing"


@dataclass(frozen=True)
class Columns:
    """Source names of the columns an attacker works with; `discrete` are compared as equal or not."""

    names: tuple[str, ...]
    discrete: frozenset[str]

    def code(self, name: str) -> str:
        """The plain name that stands for a column."""
        return f"c{self.names.index(name)}"


def columns_of(
    schema: Any, train: pd.DataFrame, synthetic: pd.DataFrame, kept: Collection[str], ctx: RunContext
) -> Columns:
    """The modelled columns of both tables that vary, in source order; at most 60, `kept` ones and the target first."""
    discrete, numeric = kinds(schema, train, synthetic)
    varied = [c.name for c in schema.modelled if c.name in {*discrete, *numeric} and _varies(train[c.name])]
    if len(varied) > MOST_COLUMNS:
        first = [c for c in varied if c in kept or c == schema.target]
        rest = [c for c in varied if c not in first]
        drawn = ctx.rng("columns").permutation(len(rest))[: max(0, MOST_COLUMNS - len(first))]
        chosen = {*first, *(rest[i] for i in drawn)}
        varied = [c for c in varied if c in chosen]
    return Columns(tuple(varied), frozenset(discrete) & frozenset(varied))


def _varies(values: pd.Series) -> bool:
    return bool(values.nunique(dropna=False) > 1)


@dataclass(frozen=True)
class Frames:
    """People attacked, people of the control and synthetic rows, with plain columns; missing: None or NaN."""

    columns: Columns
    train: pd.DataFrame
    holdout: pd.DataFrame
    synthetic: pd.DataFrame

    def neighbours(self, names: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """People (training ones first) and synthetic rows as the nearest-neighbour search takes these columns.

        A missing number becomes the middle one and a column that says so, as anonymeter's distance to NaN is NaN. A
        synthetic number beyond the real range counts as its end, or one absurd value would make all people alike. A
        real one beyond the synthetic range counts as its end too: that moves its distance to all rows by the same,
        and makes the scale, and so the neighbours, the same whoever else is searched for.
        """
        people, rows = {}, {}
        for name in names:
            c = self.columns.code(name)
            real = np.concatenate([self.train[c].to_numpy(), self.holdout[c].to_numpy()])
            made = self.synthetic[c].to_numpy()
            if name in self.columns.discrete:
                people[c], rows[c] = (np.where(pd.isna(v), MISSING, v) for v in (real, made))
                continue
            if np.isnan(real).any() or np.isnan(made).any():
                people[f"m{c}"], rows[f"m{c}"] = (np.where(np.isnan(v), MISSING, "filled") for v in (real, made))
            people[c], rows[c] = _within(real, made)
        return pd.DataFrame(people), pd.DataFrame(rows)


def _within(real: np.ndarray, made: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers without gaps, each inside the other's range."""
    middle = float(np.nanmedian(real)) if not np.isnan(real).all() else 0.0
    real, made = (np.where(np.isnan(v), middle, v) for v in (real, made))
    made = np.clip(made, real.min(), real.max())
    return np.clip(real, made.min(), made.max()), made


def frames(
    columns: Columns, train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, origin: pd.DataFrame
) -> Frames:
    """Typed rows as plain frames; dates count in days from the earliest of `origin`, the training part."""
    discrete = tuple(c for c in columns.names if c in columns.discrete)
    numeric = tuple(c for c in columns.names if c not in columns.discrete)
    parts = [plain(frame, discrete, numeric) for frame in (train, holdout, synthetic)]
    first = _first_days(origin, numeric)
    ends = np.cumsum([0, *(len(part) for part in parts)])
    out: list[dict[str, Any]] = [{}, {}, {}]
    for name in columns.names:
        values = np.concatenate([part[name].to_numpy() for part in parts])
        made = _texts(values) if name in discrete else np.where(np.isfinite(values), values - first[name], np.nan)
        for i, cells in enumerate(out):
            cells[columns.code(name)] = made[ends[i] : ends[i + 1]]
    return Frames(columns, *(pd.DataFrame(cells) for cells in out))


def _first_days(origin: pd.DataFrame, numeric: tuple[str, ...]) -> dict[str, float]:
    """Day number of the earliest date of each column; 0 for numbers."""
    dated = [c for c in numeric if origin[c].dtype.kind == "M" and origin[c].notna().any()]
    days = plain(origin[dated], (), tuple(dated)) if dated else pd.DataFrame()
    return {c: float(days[c].min()) if c in dated else 0.0 for c in numeric}


def _texts(values: np.ndarray) -> np.ndarray:
    """Codes "0", "1", ... for the values in order of appearance; None for missing."""
    codes, levels = pd.factorize(values)
    return np.array([*map(str, range(len(levels))), None], dtype=object)[codes]
