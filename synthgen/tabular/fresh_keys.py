"""Making what no generator makes: fresh keys in the style of the source, placeholders, constants, empty columns."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from synthgen.runtime import RunContext
from synthgen.tabular.schema import PLACEHOLDER, Column, KeyStyle, Schema

LEAST_HEX = 16


class Maker:
    """Completes generated chunks of one set; keys are never given twice.

    `missing` holds the share of empty cells of keys and texts.
    """

    def __init__(self, schema: Schema, missing: Mapping[str, float], ctx: RunContext) -> None:
        self.schema = schema
        self.missing = missing
        self.rng = ctx.rng("keys")
        self.made: Counter[str] = Counter()

    def finish(self, chunk: pd.DataFrame, owners: np.ndarray) -> pd.DataFrame:
        """`chunk` with every column of the schema in source order; `owners` numbers the people of the chunk from 0."""
        columns = {
            c.name: chunk[c.name].to_numpy() if c.modelled else self._fill(c, owners) for c in self.schema.columns
        }
        return pd.DataFrame(columns, copy=False)

    def _fill(self, column: Column, owners: np.ndarray) -> np.ndarray:
        rows = len(owners)
        if column.kind == "person":
            return self._fresh(column, int(owners.max()) + 1 if rows else 0)[owners]
        if column.kind == "id":
            return self._with_gaps(column, self._fresh(column, rows))
        if column.kind == "text":
            return self._with_gaps(column, np.full(rows, PLACEHOLDER, dtype=object))
        return np.full(rows, column.value if column.kind == "constant" else column.missing_token, dtype=object)

    def _with_gaps(self, column: Column, cells: np.ndarray) -> np.ndarray:
        share = self.missing.get(column.name, 0.0)
        if share > 0:
            cells[self.rng.random(len(cells)) < share] = None
        return cells

    def _fresh(self, column: Column, count: int) -> np.ndarray:
        """`count` new keys that no source row holds and no earlier call gave."""
        style = column.key or KeyStyle(style="uuid")
        start = style.start + self.made[column.name]
        self.made[column.name] += count
        out = np.empty(count, dtype=object)
        out[:] = [fresh_key(style, start + i, self.rng) for i in range(count)]
        return out


def fresh_key(style: KeyStyle, number: int, rng: np.random.Generator) -> str:
    """One key: counted where the source counts (from above its highest key), else random."""
    if style.style == "integer":
        return str(number)
    if style.style == "numbered":
        return f"{style.prefix}{number:0{style.width}d}{style.suffix}"
    if style.style == "uuid":
        text = str(uuid.UUID(bytes=rng.bytes(16), version=4))
    elif style.style == "digits":
        digits = rng.integers(0, 10, size=style.width + 1)
        digits[0] = max(1, digits[0])
        return "".join(map(str, digits))
    else:
        width = max(style.width, LEAST_HEX)
        text = rng.bytes(-(-width // 2)).hex()[:width]
    return text.upper() if style.upper else text
