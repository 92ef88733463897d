"""Which levels of two columns at least k people share: all that a saved model keeps of the source's joint counts.

One bit for each pair of levels, set where at least k people of the training part are behind it. "Fewer than k" and
"nobody" are the same bit, so no small count and no zero can be read off.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from synthgen.contracts import FitData, Record
from synthgen.errors import InputError
from synthgen.tabular.category_codes import CategoryCodes
from synthgen.tabular.encoding import Encoding
from synthgen.tabular.number_codes import NumberCodes

FILE = "combinations.json"
MOST_CELLS, MOST_CELLS_OF_ALL = 100_000, 4_000_000
MOST_WORK = 100_000_000  # rows times pairs: seconds beside minutes of training


class Pair(Record):
    """Two columns and the bits of their levels, (levels of the first, levels of the second), packed in base 64."""

    columns: tuple[str, str]
    shape: tuple[int, int]
    bits: str

    @classmethod
    def of(cls, columns: tuple[str, str], held: np.ndarray) -> Pair:
        """The pair of a boolean table."""
        packed = base64.b64encode(np.packbits(held).tobytes()).decode("ascii")
        return cls(columns=columns, shape=(held.shape[0], held.shape[1]), bits=packed)

    @property
    def held(self) -> np.ndarray:
        """The boolean table."""
        packed = np.frombuffer(base64.b64decode(self.bits), dtype=np.uint8)
        return np.unpackbits(packed, count=self.shape[0] * self.shape[1]).astype(bool).reshape(self.shape)


class Joint(Record):
    """Of pairs of columns, which levels at least k people share."""

    pairs: tuple[Pair, ...] = ()

    def held(self, first: str, second: str) -> np.ndarray | None:
        """Boolean table (levels of `first`, levels of `second`); None where nothing is kept of these two columns."""
        for pair in self.pairs:
            if set(pair.columns) == {first, second}:
                return pair.held if pair.columns[0] == first else pair.held.T
        return None

    def save(self, directory: Path) -> None:
        """Write combinations.json to `directory`."""
        (directory / FILE).write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Joint:
        """Read combinations.json from `directory`; a model without one knows of no pair."""
        path = directory / FILE
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else cls()
        except (OSError, ValidationError) as error:
            raise InputError("What the model knows of combinations is damaged.", "Fit it again.") from error


UNKNOWN = Joint()


def learn(data: FitData, encoding: Encoding | None, schema: Any) -> Joint:
    """What the training part tells of pairs of modelled columns: first those with the target, then the smallest."""
    if encoding is None:
        return UNKNOWN
    names = {c.name for c in schema.modelled}
    spans = [span for span in encoding.source_columns if span.name in names]
    levels = [own_levels(span, data.train[span.name]) for span in spans]
    who = None if data.train_people is None else np.unique(data.train_people, return_inverse=True)[1].ravel()
    return Joint(
        pairs=tuple(
            Pair.of(
                (spans[i].name, spans[j].name),
                people_who_share((levels[i], levels[j]), (spans[i].size, spans[j].size), who) >= schema.k_floor,
            )
            for i, j in _chosen(spans, schema.target, len(data.train))
        )
    )


def own_levels(span: CategoryCodes | NumberCodes, values: pd.Series) -> np.ndarray:
    """Level of each cell (int64), -1 where the cell only counts as a level: a rare value beside a common one."""
    levels, filled = span.encode(values), values.notna().to_numpy()
    if isinstance(span, CategoryCodes):
        own = values.isin(span.values).to_numpy() | span.other
    else:
        spikes = np.full(span.size, -1)
        spikes[span.levels[1]] = np.arange(len(span.spikes))
        which = spikes[levels]
        at_spike = np.append(span.spikes, 0)[which] == span.grid.positions(values)[0]
        own = np.where(which < 0, levels < span.ordered, at_spike)
    return np.where(np.where(filled, own, span.missing), levels, -1)


def people_who_share(
    levels: tuple[np.ndarray, np.ndarray], sizes: tuple[int, int], who: np.ndarray | None
) -> np.ndarray:
    """How many people (sizes) share each pair of levels; `who`: numbers of people, None: every row is one."""
    known = (levels[0] >= 0) & (levels[1] >= 0)
    cells = (levels[0] * sizes[1] + levels[1])[known]
    if who is not None and len(who):
        people = int(who.max()) + 1
        cells = np.unique(cells * people + who[known]) // people
    return np.bincount(cells, minlength=sizes[0] * sizes[1]).reshape(sizes)


def _chosen(spans: Sequence[CategoryCodes | NumberCodes], target: str | None, rows: int) -> Iterator[tuple[int, int]]:
    """Which pairs are kept, as far as time and space allow."""

    def cells(pair: tuple[int, int]) -> int:
        return spans[pair[0]].size * spans[pair[1]].size

    pairs = [pair for pair in combinations(range(len(spans)), 2) if cells(pair) <= MOST_CELLS]
    pairs.sort(key=lambda pair: (target not in (spans[pair[0]].name, spans[pair[1]].name), cells(pair)))
    space = np.cumsum([cells(pair) for pair in pairs])
    yield from (
        p for p, taken in zip(pairs[: MOST_WORK // max(rows, 1)], space, strict=False) if taken <= MOST_CELLS_OF_ALL
    )
