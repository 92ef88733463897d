"""A typed table as codes and back: one self-describing span of levels per modelled column.

The encoding is fitted on training rows only and written as JSON. It holds no list of observed values: category names
and spikes that at least k people share, and edges between values (see `number_codes`, `category_codes`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from synthgen.errors import InputError, SpecError, TrainingError, raise_all
from synthgen.spec import Wish
from synthgen.tabular.allowed import Allowed
from synthgen.tabular.category_codes import CategoryCodes, fit_categories
from synthgen.tabular.formula_finding import in_order
from synthgen.tabular.formulas import Formula
from synthgen.tabular.grid import grid_of
from synthgen.tabular.lookups import Lookup, fit_lookups
from synthgen.tabular.number_codes import NumberCodes
from synthgen.tabular.number_fitting import fit_numbers
from synthgen.tabular.part_drawing import Draft, level_ends, refine
from synthgen.tabular.part_fitting import fit_parts, without_texts
from synthgen.tabular.parts import Interval, Part, coded_values
from synthgen.tabular.place_fitting import fit_places
from synthgen.tabular.places import Place
from synthgen.tabular.windows import FAR

NUMERIC_KINDS = frozenset({"number", "integer", "date", "datetime"})
ColumnCodes = Annotated[NumberCodes | CategoryCodes, Field(discriminator="type")]


class Encoding(BaseModel):
    """The spans of a table, in the order of its columns; behind them those of its `parts` (of dates and places).

    `lookups` are the columns that another one determines, `formulas` the numbers that follow from other numbers, each
    after those it hangs on.
    """

    model_config = ConfigDict(frozen=True)

    columns: tuple[ColumnCodes, ...]
    parts: tuple[Part, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    formulas: tuple[tuple[str, Formula], ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [c.name for c in self.columns]

    @property
    def sizes(self) -> list[int]:
        """Number of levels of each column."""
        return [c.size for c in self.columns]

    @property
    def ordered(self) -> list[int]:
        """How many levels of each column, from the first, have an order."""
        return [c.ordered for c in self.columns]

    def encode(self, frame: pd.DataFrame, dtype: type[np.integer[Any]] = np.int64) -> np.ndarray:
        """Levels (rows, columns) of a typed frame as `dtype`. Raises InputError if a column is missing."""
        raise_all(
            InputError,
            [f"column {c.name!r} is missing" for c in self.source_columns if c.name not in frame.columns],
            "Hand over a table with the columns the generator was fitted on.",
        )
        out = np.empty((len(frame), len(self.columns)), dtype=dtype)
        for i, column in enumerate(self.source_columns):
            out[:, i] = column.encode(frame[column.name])
        frame = without_texts(frame, self.source_columns) if self.parts else frame
        for i, part in enumerate(self.parts, start=len(self.source_columns)):
            date = self.names.index(part.column)
            binned = _bins_of(self.columns[date], out[:, date]) >= 0
            out[:, i] = self.columns[i].encode(coded_values(part, frame, binned))
        return out

    @property
    def source_columns(self) -> tuple[ColumnCodes, ...]:
        """The spans of the table's own columns, without those of parts."""
        return self.columns[: len(self.columns) - len(self.parts)]

    def decode(
        self,
        codes: np.ndarray,
        rng: np.random.Generator,
        cells: Mapping[int, np.ndarray] = MappingProxyType({}),
        wished: Collection[int] = (),
        given: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """A typed frame for levels (rows, columns); values inside a bin come from its smoothed density.

        `cells` maps columns to the grid intervals (m, 2) their values must lie in. The levels of the columns in
        `wished` were asked for and are not looked up; the columns of `given`, a typed frame, stand as they are.
        """
        held = {} if given is None else {str(name): given[name].to_numpy() for name in given.columns}
        made = {}
        for i, c in enumerate(self.source_columns):
            inside = {"intervals": cells[i]} if i in cells else {}
            made[c.name] = held[c.name] if c.name in held else c.decode(codes[:, i], rng, **inside)
        asked = {self.names[i] for i in wished} | set(held)
        self._look_up(made, codes, asked, rng)
        self._refine(made, codes, cells, frozenset(held), rng)
        self._put_in_places(made, codes, cells, asked, frozenset(held), rng)
        self._work_out(made, asked | {self.names[i] for i in cells})  # last: a source may be a coordinate
        return pd.DataFrame({c.name: _series(made[c.name], c) for c in self.source_columns})

    def _look_up(
        self, made: dict[str, np.ndarray], codes: np.ndarray, asked: set[str], rng: np.random.Generator
    ) -> None:
        """Give dependent columns the cells that go with what determines them; the other way round where they were asked
        for. Where both were, both stand."""
        for lookup in self.lookups:
            i = self.names.index(lookup.by)
            if lookup.column not in asked:
                made[lookup.column] = lookup.cells_for(codes[:, i], made[lookup.column])
            elif lookup.by not in asked:
                levels = lookup.levels_for(codes[:, i], made[lookup.column], rng)
                made[lookup.by] = self.columns[i].decode(levels, rng)

    def _work_out(self, made: dict[str, np.ndarray], asked: set[str]) -> None:
        """Give numbers that follow from others what the formula says, on their grid; a total between its own extremes.

        A function of one column needs no such bound: it is a function of a number within bounds. Where its result was
        asked for, the source follows.
        """
        for name, formula in self.formulas:
            first = formula.sources[0]
            if name in asked and first not in asked and first not in dict(self.formulas):
                self._put(made, first, formula.source(made[first], made[name]), cut=True)
        for name, formula in self.formulas:
            if name not in asked:
                found = formula.cells(made[name], [made[source] for source in formula.sources])
                self._put(made, name, found, cut=formula.function == "sum")

    def _put(self, made: dict[str, np.ndarray], name: str, cells: np.ndarray, cut: bool) -> None:
        """Numbers on the grid of their column, and between its extremes where they are to be cut."""
        column = self.columns[self.names.index(name)]
        assert isinstance(column, NumberCodes)
        positions, filled = column.grid.positions(pd.Series(cells))
        ends = level_ends(column)[: column.ordered]
        if cut and len(ends):
            positions = np.clip(positions, ends[:, 0].min(), ends[:, 1].max())
        kept = filled | column.missing  # a column that knows no gaps gets none
        made[name] = np.where(kept, column.grid.cells(positions, filled), made[name])

    def _refine(
        self,
        made: dict[str, np.ndarray],
        codes: np.ndarray,
        cells: Mapping[int, np.ndarray],
        held: frozenset[str],
        rng: np.random.Generator,
    ) -> None:
        """Move dates inside their levels until they have the parts that were drawn."""
        parts = [part for part in self.parts if not isinstance(part, Place)]
        if not parts:
            return
        names = self.names
        by_name = {name: codes[:, i] for i, name in enumerate(names)}
        windows = {names[i]: windows for i, windows in cells.items()}
        draft = Draft(dict(zip(names, self.columns, strict=True)), by_name, rng, windows, held)
        dated = {p.column for p in parts} | {p.after for p in parts if isinstance(p, Interval)}
        for name in dated:
            draft.start(name, made[name])
        refine(draft, parts)
        made.update({name: draft.moments(name) for name in dated if name not in held})

    def _put_in_places(
        self,
        made: dict[str, np.ndarray],
        codes: np.ndarray,
        cells: Mapping[int, np.ndarray],
        asked: set[str],
        held: frozenset[str],
        rng: np.random.Generator,
    ) -> None:
        """Draw the coordinates of places inside the cells of the map that were drawn."""
        names = self.names
        windows = {names[i]: intervals for i, intervals in cells.items()}
        for i, part in enumerate(self.parts, start=len(self.source_columns)):
            if isinstance(part, Place):
                labels = self.columns[i].decode(codes[:, i], rng)
                first, second = (self._ends(codes, name) for name in part.sources)
                made.update(part.draw(made, labels, (first, second), windows, asked, held, rng))

    def _ends(self, codes: np.ndarray, name: str) -> np.ndarray:
        """First and last grid position (rows, 2) of the levels of a number column."""
        i = self.names.index(name)
        column = self.columns[i]
        assert isinstance(column, NumberCodes)
        return level_ends(column)[codes[:, i]]

    def allowed(self, wishes: Mapping[str, Wish]) -> Allowed:
        """What the wishes leave of each column. Raises SpecError, with all problems, for those that cannot be met."""
        shares, cells, problems = {}, {}, []
        for name, wish in wishes.items():
            if name not in self.names:
                problems.append(f"column {name!r} is not one the generator models")
                continue
            i = self.names.index(name)
            try:
                shares[i], inside = self.columns[i].allowed(wish)
            except SpecError as problem:
                problems.append(str(problem))
                continue
            if inside is not None:
                cells[i] = inside
        raise_all(SpecError, problems)
        return Allowed(shares, cells)

    def held(self, name: str, wish: Wish) -> bool:
        """Whether at least k people are known to meet a wish: it covers the whole of a level that they hold."""
        return bool(self.covered(name, wish).any())

    def covered(self, name: str, wish: Wish) -> np.ndarray:
        """Boolean array (levels,): the levels of k people that a wish covers the whole of.

        The outermost bins are held together with what lies beyond them, so only an open side covers them.
        """
        column = self.columns[self.names.index(name)]
        shares, inside = column.allowed(wish)
        if column.missing:
            shares[-1] *= column.missing_held
        if isinstance(column, CategoryCodes):
            shares[: len(column.values)] *= [value not in column.alone for value in column.values]
        if isinstance(column, NumberCodes) and inside is not None and len(column.firsts):
            open_low, open_high = (inside[:, 0] <= -FAR).any(), (inside[:, 1] >= FAR).any()
            bins = column.levels[0]
            shares[bins[0]] *= bool(open_low)
            shares[bins[-1]] *= bool(open_high)
        covered: np.ndarray = shares == 1
        return covered


def fit(
    frame: pd.DataFrame,
    columns: Sequence[Any],
    people: np.ndarray | None,
    k: int,
    bins: int,
    related: bool = False,
) -> Encoding:
    """The encoding of the modelled `columns` of a typed training frame.

    `people` says which person each row belongs to (None: every row is a person); a level needs `k` of them. `related`
    adds the parts of dates and places, for generators that model all spans together; what follows from other columns
    is worked out for every generator.
    Raises TrainingError if the table has no modelled column or fewer than 2k people.
    """
    if not columns:
        raise TrainingError("The table has no column that can be modelled.", "Check the kinds of its columns.")
    count = len(frame) if people is None else len(np.unique(people))
    if count < 2 * k:
        raise TrainingError(
            f"{count} people are left to train on; at least {2 * k} are needed at a k-floor of {k}.",
            "Submit a larger table, or lower the k-floor if the data are not sensitive.",
        )
    spans = [_fit_column(frame[c.name], c, people, k, bins) for c in columns]
    by_name = {span.name: span for span in spans}
    parts = [*fit_parts(frame, columns, by_name, people, k, bins)] if related else []
    parts += fit_places(frame, columns, by_name, people, k, bins) if related else []
    return Encoding(
        columns=(*spans, *(span for _, span in parts)),
        parts=tuple(part for part, _ in parts),
        lookups=tuple(fit_lookups(frame, columns, by_name, people, k)),
        formulas=tuple(_formulas(columns, by_name)),
    )


def _formulas(columns: Sequence[Any], spans: Mapping[str, ColumnCodes]) -> list[tuple[str, Formula]]:
    """What the schema says of numbers that follow from others, in the order in which they are worked out."""
    said = {c.name: c.formula for c in columns if getattr(c, "formula", None) is not None}
    numbers = {name: span for name, span in spans.items() if isinstance(span, NumberCodes)}
    found = {
        name: formula if _is_shared(formula.elsewhere, numbers[name]) else formula.drawn_elsewhere
        for name, formula in said.items()
        if {name, *formula.sources} <= set(numbers)
    }
    return [(name, found[name]) for name in in_order(found)]


def _fit_column(
    values: pd.Series, column: Any, people: np.ndarray | None, k: int, bins: int
) -> NumberCodes | CategoryCodes:
    if column.kind in NUMERIC_KINDS:
        grid = grid_of(values, column).fitted(values, people, k)
        return fit_numbers(values, column.name, grid, people, bins, k, getattr(column, "marks", ()))
    order, codes, rest = (getattr(column, field, "") for field in ("order", "codes", "rest"))
    return fit_categories(values, column.name, column.kind, bool(column.public), people, k, order, codes, rest)


def _bins_of(span: ColumnCodes, levels: np.ndarray) -> np.ndarray:
    """Which bin each level of a date column is."""
    assert isinstance(span, NumberCodes)
    return span.bins_of(levels)


def _series(cells: np.ndarray, column: NumberCodes | CategoryCodes) -> pd.Series:
    dtype = object if isinstance(column, CategoryCodes) else "datetime64[us]" if cells.dtype.kind == "M" else float
    return pd.Series(cells, dtype=dtype)


def _is_shared(value: float | str | None, span: NumberCodes) -> bool:
    """Whether at least k people hold a number; what is no number is nobody's."""
    if not isinstance(value, float):
        return True
    return int(span.grid.positions(pd.Series([value]))[0][0]) in span.spikes
