"""Making what no generator makes: fresh keys in the style of the source, placeholders, constants, empty columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from synthgen.runtime import RunContext
from synthgen.tabular.schema import PLACEHOLDER, Column, KeyStyle, Schema

LEAST_HEX = 16
HEX, DIGITS = b"0123456789abcdef", np.frombuffer(b"0123456789", dtype=np.uint8)
DASHES = (8, 13, 18, 23)  # in a UUID


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
        return fresh_keys(style, start, count, self.rng)


def fresh_keys(style: KeyStyle, start: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` keys (objects of str): counted on from `start` where the source counts, else random.

    Random ones hang on the state of `rng` alone, not on how many are made at a time.
    """
    if style.style == "integer":
        return _objects([str(number) for number in range(start, start + count)])
    if style.style == "numbered":
        numbers = range(start, start + count)
        return _objects([f"{style.prefix}{number:0{style.width}d}{style.suffix}" for number in numbers])
    if style.style == "digits":
        digits = rng.integers(0, 10, size=(count, style.width + 1))
        digits[:, 0] = np.maximum(1, digits[:, 0])
        return _texts(DIGITS[digits])
    letters = np.frombuffer(HEX.upper() if style.upper else HEX, dtype=np.uint8)
    if style.style == "uuid":
        return _texts(_uuids(_bytes(count, 16, rng), letters))
    width = max(style.width, LEAST_HEX)
    return _texts(letters[_nibbles(_bytes(count, -(-width // 2), rng))[:, :width]])


def _uuids(raw: np.ndarray, letters: np.ndarray) -> np.ndarray:
    """Characters (rows, 36) of random UUIDs (RFC 9562, version 4) from bytes (rows, 16)."""
    raw[:, 6], raw[:, 8] = raw[:, 6] & 0x0F | 0x40, raw[:, 8] & 0x3F | 0x80
    out = np.full((len(raw), 36), ord("-"), dtype=np.uint8)
    out[:, [i for i in range(36) if i not in DASHES]] = letters[_nibbles(raw)]
    return out


def _bytes(count: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Random bytes (count, width)."""
    words = rng.integers(0, 2**32, size=(count, -(-width // 4)), dtype=np.uint32)
    return words.astype("<u4").view(np.uint8)[:, :width].copy()


def _nibbles(raw: np.ndarray) -> np.ndarray:
    """Half bytes (rows, 2 * width) of bytes (rows, width), the high one first."""
    return np.stack([raw >> 4, raw & 15], axis=2).reshape(len(raw), 2 * raw.shape[1])


def _texts(characters: np.ndarray) -> np.ndarray:
    """Texts (rows,) from their ASCII characters (rows, length)."""
    length = characters.shape[1]
    return np.ascontiguousarray(characters).view(f"S{length}")[:, 0].astype(f"U{length}").astype(object)


def _objects(texts: list[str]) -> np.ndarray:
    out = np.empty(len(texts), dtype=object)
    out[:] = texts
    return out
