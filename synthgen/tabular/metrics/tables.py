"""What all metrics of a table share: which columns, which rows, and numbers and codes to compare.

Columns are compared as *discrete* (boolean, category, code, and whole numbers with at most 20 distinct values) or
*numeric* (other numbers; dates as days). Training rows decide levels and bins; whatever they lack is one more level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from synthgen.contracts import Split, SyntheticSet
from synthgen.runtime import RunContext
from synthgen.tabular.mixes import balanced_columns, mix_of
from synthgen.tabular.modes import DATES, DISCRETE, NUMERIC
from synthgen.tabular.wishes import few_whole

MOST_ROWS = 20_000
MOST_COLUMNS = 300
MISSING = -1
MOST_CELLS = 1 << 20  # of a table of shares that is laid out in full


@dataclass(frozen=True)
class Tables:
    """The three frames of one comparison: numbers as float, dates as days; `typed` holds the same rows."""

    discrete: tuple[str, ...]
    numeric: tuple[str, ...]
    train: pd.DataFrame
    holdout: pd.DataFrame
    synthetic: pd.DataFrame
    typed: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]  # train, hold-out, synthetic

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.discrete, *self.numeric)

    @property
    def equal_rows(self) -> int:
        return min(len(self.holdout), len(self.synthetic))

    def equal(self, ctx: RunContext) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Synthetic and hold-out rows, as many of one as of the other."""
        n = self.equal_rows
        return sample(self.synthetic, n, ctx.rng("synthetic")), sample(self.holdout, n, ctx.rng("hold-out"))


def tables(
    split: Split,
    synthetic: SyntheticSet,
    schema: Any,
    ctx: RunContext,
    once: bool = False,
    columns: int | None = MOST_COLUMNS,
    mixed: bool = True,
    rows: int = MOST_ROWS,
) -> Tables:
    """The frames of one comparison, at most `rows` rows each (training rows are all kept).

    Real rows are brought to the mix that was asked of the generator: a set balanced on request is compared with a
    balanced table. `once`: no real row comes twice, as privacy and learning need it; fixed values still choose rows.
    `columns`: of a wider table, so many columns drawn by the seed, and the target. `mixed` False: the real table as it
    is, whatever was asked of the generator.
    """
    drawn = synthetic.take(rows, ctx.seed_for("take"))
    train, holdout = split.train, split.holdout
    asked = synthetic.spec
    if mixed and (asked.fixed or asked.targets or balanced_columns(asked, schema.target)):
        mix = [mix_of(split, part, asked, schema, ctx.rng("mix")) for part in ("train", "holdout")]
        train, holdout = (f.iloc[np.unique(r) if once else r] for f, r in zip((train, holdout), mix, strict=True))
    discrete, numeric = cut(kinds(schema, split.train, drawn), columns, schema.target, ctx)
    holdout = sample(holdout, rows, ctx.rng("hold-out rows"))
    typed = (train, holdout, drawn)
    frames = [plain(f, discrete, numeric) for f in typed]
    return Tables(discrete, numeric, frames[0], frames[1], frames[2], typed)


def kinds(schema: Any, train: pd.DataFrame, synthetic: pd.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the discrete and of the numeric columns that both frames have."""
    shared = [c for c in schema.modelled if c.name in train.columns and c.name in synthetic.columns]
    discrete = [c.name for c in shared if c.kind in DISCRETE or (c.kind in NUMERIC and few_whole(train[c.name]))]
    numeric = [c.name for c in shared if c.kind in NUMERIC | DATES and c.name not in discrete]
    return tuple(discrete), tuple(numeric)


def cut(
    kinds: tuple[tuple[str, ...], tuple[str, ...]], most: int | None, target: str | None, ctx: RunContext
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of more than `most` columns so many drawn by the seed, and the target."""
    names = [*kinds[0], *kinds[1]]
    if most is None or len(names) <= most:
        return kinds
    kept = {names[i] for i in ctx.rng("columns").choice(len(names), most, replace=False)} | {target}
    return tuple(c for c in kinds[0] if c in kept), tuple(c for c in kinds[1] if c in kept)


def sample(frame: pd.DataFrame, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """At most `n` rows without replacement, in random order."""
    return frame.iloc[rng.permutation(len(frame))[:n]].reset_index(drop=True)


def plain(frame: pd.DataFrame, discrete: tuple[str, ...], numeric: tuple[str, ...]) -> pd.DataFrame:
    """Discrete columns as they are, numbers as float, dates as float days."""
    out: dict[str, Any] = {c: frame[c].to_numpy() for c in discrete}
    for c in numeric:
        values = frame[c].to_numpy()
        if values.dtype.kind == "M":
            days = values.astype("datetime64[us]").astype("int64") / 86_400e6
            values = np.where(np.isnat(values), np.nan, days)
        out[c] = values.astype(float)
    return pd.DataFrame(out, index=range(len(frame)))


@dataclass(frozen=True)
class Codes:
    """Integer codes [rows, columns] of several frames and the number of levels per column.

    Level 0 is missing, the last level is everything the training rows lack.
    """

    columns: tuple[str, ...]
    sizes: np.ndarray
    frames: tuple[np.ndarray, ...]


def coded(t: Tables, frames: tuple[pd.DataFrame, ...], bins: int) -> Codes:
    """Every column as codes: discrete values as they are, numbers in `bins` quantile bins of the training rows."""
    sizes, found = [], [[] for _ in frames]  # type: ignore[var-annotated]
    for c in t.columns:
        encode, size = _discrete_coder(t.train[c]) if c in t.discrete else _bin_coder(t.train[c], bins)
        sizes.append(size)
        for codes, frame in zip(found, frames, strict=True):
            codes.append(encode(frame[c]))
    arrays = (np.column_stack(c) if c else np.zeros((len(f), 0), int) for c, f in zip(found, frames, strict=True))
    return Codes(t.columns, np.array(sizes, dtype=np.int64), tuple(a.astype(np.int64) for a in arrays))


def _discrete_coder(train: pd.Series) -> tuple[Any, int]:
    levels = pd.Index(train.dropna().unique())

    def encode(values: pd.Series) -> np.ndarray:
        codes = levels.get_indexer(pd.Index(values)) + 1
        codes[codes == 0] = len(levels) + 1
        codes[values.isna().to_numpy()] = 0
        return codes

    return encode, len(levels) + 2


def _bin_coder(train: pd.Series, bins: int) -> tuple[Any, int]:
    filled = train.dropna().to_numpy()
    edges = np.unique(np.quantile(filled, np.linspace(0, 1, bins + 1)[1:-1])) if len(filled) else np.empty(0)

    def encode(values: pd.Series) -> np.ndarray:
        x = values.to_numpy()
        return np.where(np.isnan(x), 0, np.searchsorted(edges, x) + 1)

    return encode, len(edges) + 2


def variation(a: np.ndarray, b: np.ndarray, size: int) -> float:
    """Total variation distance of two samples of codes below `size`: 0 same shares, 1 nothing in common."""
    if not len(a) or not len(b):
        return 1.0
    if size > MOST_CELLS:  # only cells that occur
        codes = np.unique(np.concatenate([a, b]), return_inverse=True)[1]
        a, b, size = codes[: len(a)], codes[len(a) :], int(codes.max()) + 1
    p, q = np.bincount(a, minlength=size) / len(a), np.bincount(b, minlength=size) / len(b)
    return float(0.5 * np.abs(p - q).sum())
