"""Rows that break a rule are drawn again, given the columns that the rule is not about; a bounded number of times.

What is unique to a person is compared among the rows of that person. A row for which nothing else comes out becomes a
person of its own, so that such a rule is always kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from synthgen.errors import SpecError, raise_all
from synthgen.runtime import RunContext
from synthgen.spec import Unique
from synthgen.tabular.constraints import Rules, breaks, granted, repeats, title
from synthgen.tabular.conversion import presented_column
from synthgen.tabular.filtering import Sieve
from synthgen.tabular.remembered import Remembered
from synthgen.tabular.row_source import RowSource

RowTest = Callable[[pd.DataFrame], Any]
ROUNDS = 30  # with the other columns given; then as many with the whole row drawn again
SIEVE_ROUNDS = 20  # what is still caught then stays, and is told


@dataclass
class Mender:
    """Makes chunk after chunk of one set keep the rules, and counts the rows it drew again.

    `predicates` are functions of a frame as users see it, of the modelled columns, that give one boolean a row. `sieve`
    catches rows that are to be dropped; unlike a rule it may give up.
    """

    rules: Rules
    predicates: Sequence[RowTest]
    schema: Any
    sieve: Sieve | None = None
    rows: int = 0
    parted: int = 0
    mended: dict[str, int] = field(default_factory=dict)
    seen: dict[int, Remembered] = field(default_factory=dict)
    owners: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # of the chunk at hand

    @property
    def count(self) -> int:
        """How many rules there are."""
        return len(self.rules.constraints) + len(self.predicates)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the set should know: rules, and how many rows were drawn again for each."""
        told = [f"{n:,} of {self.rows:,} rows were drawn again to keep {what}" for what, n in self.mended.items()]
        if self.parted:
            told.append(
                f"{self.parted:,} rows became people of their own: nothing else came out that was new to theirs"
            )
        kept = (f"every row keeps the {self.count} constraints of the run", *told) if self.count else ()
        return (*kept, *(self.sieve.notes if self.sieve is not None else ()))

    def mend(
        self, chunk: pd.DataFrame, source: RowSource, kept: Collection[str], ctx: RunContext, owners: np.ndarray
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """The chunk with every rule kept; `kept` columns are not drawn again: a person's own, and allotted ones.

        `owners` numbers the people of the chunk, none of whom has a row elsewhere; it comes back with the rows that
        became people of their own. Raises SpecError that counts the rows which could not be made.
        """
        if not (self.count or self.sieve) or not len(chunk):
            return chunk, owners
        self.rows += len(chunk)
        self.owners = owners.copy()
        chunk, _ = self._ruled(chunk, source, kept, ctx)
        if self.sieve is not None:
            chunk = self._sieved(self.sieve, chunk, source, kept, ctx)
        self._remember(chunk)
        return chunk, self.owners

    def _sieved(
        self, sieve: Sieve, chunk: pd.DataFrame, source: RowSource, kept: Collection[str], ctx: RunContext
    ) -> pd.DataFrame:
        """The chunk with what the sieve catches drawn again, rules kept; after the last round what is caught stays."""
        sieve.rows += len(chunk)
        fresh = np.arange(len(chunk))
        for number in range(SIEVE_ROUNDS + 1):
            caught, counts = np.zeros(len(fresh), dtype=bool), {}
            for what, rows in sieve.catches(chunk.iloc[fresh]).items():
                counts[what], caught = int((rows & ~caught).sum()), caught | rows
            told = sieve.dropped if number < SIEVE_ROUNDS else sieve.left
            for what, count in counts.items():
                told[what] = told.get(what, 0) + count
            fresh = fresh[caught]
            if not len(fresh) or number == SIEVE_ROUNDS:
                break
            ctx.check_stop()
            here = ctx.at(f"sieve{self.rows}/{number}")
            chunk = _redrawn(chunk, fresh, [c for c in chunk.columns if c in kept], source, here)
            chunk, touched = self._ruled(chunk, source, kept, here)
            fresh = np.union1d(fresh, np.flatnonzero(touched))
        return chunk

    def _ruled(
        self, chunk: pd.DataFrame, source: RowSource, kept: Collection[str], ctx: RunContext
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """The chunk with every rule kept, and which rows were drawn again for it."""
        broken, touched = self._broken(chunk), np.zeros(len(chunk), dtype=bool)
        for what, rows in broken.items():
            self.mended[self._name(what)] = self.mended.get(self._name(what), 0) + int(rows.sum())
        for number in range(2 * ROUNDS):
            if not broken:
                break
            ctx.check_stop()
            for what, rows in broken.items():
                touched |= rows
                columns = self._columns(what) if number < ROUNDS else list(chunk.columns)
                held = [c for c in chunk.columns if c in kept or c not in columns]
                here = ctx.at(f"mend{self.rows}/{number}/{what}")
                chunk = _redrawn(chunk, np.flatnonzero(rows), held if source.conditional else kept, source, here)
            broken = self._broken(chunk)
        if broken:
            broken = self._part(broken, chunk)
        if broken:
            raise self._unmade(broken, len(chunk))
        return chunk, touched

    def _part(self, broken: dict[int, np.ndarray], chunk: pd.DataFrame) -> dict[int, np.ndarray]:
        """What is still broken once rows that repeat something of their person are people of their own."""
        for what, rows in broken.items():
            if what < len(self.rules.constraints) and self.schema.person in self.rules.constraints[what].columns:
                count = int(rows.sum())
                self.owners[rows] = self.owners.max() + 1 + np.arange(count)
                self.parted += count
        return self._broken(chunk)

    def _unmade(self, broken: dict[int, np.ndarray], rows: int) -> SpecError:
        told = [f"{int(bad.sum())} of {rows} rows break {self._name(what)}" for what, bad in broken.items()]
        return SpecError(
            f"Rows that keep the rules could not be made: {'; '.join(told)}, after {2 * ROUNDS} rounds.",
            "Loosen the constraint, ask for fewer rows where values must be unique, or leave the condition out.",
        )

    def _broken(self, chunk: pd.DataFrame) -> dict[int, np.ndarray]:
        """By the number of the rule (predicates after constraints) the rows that break it; a row is told once."""
        out, taken = {}, np.zeros(len(chunk), dtype=bool)
        for i in range(self.count):
            rows = self._breaks(i, chunk) & ~taken
            if rows.any():
                out[i], taken = rows, taken | rows
        return out

    def _breaks(self, i: int, chunk: pd.DataFrame) -> np.ndarray:
        constraints = self.rules.constraints
        if i >= len(constraints):
            return ~kept_by(self.predicates[i - len(constraints)], as_seen(chunk, self.schema))
        rule = constraints[i]
        if isinstance(rule, Unique) and granted(rule, self.schema):
            return np.zeros(len(chunk), dtype=bool)
        if isinstance(rule, Unique):
            cells = self._cells(rule, chunk)
            return repeats(cells) | self.seen[i].repeats(cells) if i in self.seen else repeats(cells)
        return breaks(rule, chunk, {c.name: c for c in self.schema.modelled}, self.rules.combinations[i])

    def _cells(self, rule: Unique, chunk: pd.DataFrame) -> pd.DataFrame:
        """The columns of a rule, with the number of the person in the place of the person's key."""
        return pd.DataFrame({c: self.owners if c == self.schema.person else chunk[c].array for c in rule.columns})

    def _remember(self, chunk: pd.DataFrame) -> None:
        for i, rule in enumerate(self.rules.constraints):
            if isinstance(rule, Unique) and not granted(rule, self.schema) and self.schema.person not in rule.columns:
                self.seen.setdefault(i, Remembered()).add(self._cells(rule, chunk))

    def _name(self, i: int) -> str:
        constraints = self.rules.constraints
        if i < len(constraints):
            return title(constraints[i], i)
        return f"predicate {i - len(constraints) + 1}"

    def _columns(self, i: int) -> list[str]:
        constraints = self.rules.constraints
        return list(constraints[i].columns) if i < len(constraints) else [c.name for c in self.schema.modelled]


def _redrawn(
    chunk: pd.DataFrame, rows: np.ndarray, held: Collection[str], source: RowSource, ctx: RunContext
) -> pd.DataFrame:
    """The chunk with these rows drawn again, but for the columns that are `held`."""
    fixed = chunk.iloc[rows][[c for c in chunk.columns if c in held]].reset_index(drop=True)
    made = source.given(fixed, list(chunk.columns), ctx, ctx.seed_for("again") % 2**31)
    out = {}
    for name in chunk.columns:
        cells = chunk[name].to_numpy(copy=True)
        cells[rows] = made[name].to_numpy()
        out[name] = pd.Series(cells, dtype=chunk[name].dtype)
    return pd.DataFrame(out)


def check_predicates(predicates: Sequence[RowTest], frame: pd.DataFrame, schema: Any) -> None:
    """Raise SpecError, with counts, for predicates that rows of a typed frame break."""
    said = [(i, int((~kept_by(p, as_seen(frame, schema))).sum())) for i, p in enumerate(predicates)]
    raise_all(
        SpecError,
        [f"predicate {i + 1}: {rows} of {len(frame)} rows of the source break it" for i, rows in said if rows],
        "Correct the predicate or the data, or give the predicate to `sample` only.",
    )


def as_seen(frame: pd.DataFrame, schema: Any) -> pd.DataFrame:
    """The modelled columns of a typed frame with the dtypes of the source."""
    from_text = schema.layout.of_text
    return pd.DataFrame({c.name: presented_column(frame[c.name], c, from_text) for c in schema.modelled})


def kept_by(predicate: RowTest, frame: pd.DataFrame) -> np.ndarray:
    """What a predicate says of every row. Raises SpecError when it fails or does not give one boolean for each."""
    try:
        said = np.asarray(predicate(frame))
    except Exception as error:
        raise SpecError(
            f"A predicate failed ({type(error).__name__}).", "It takes a frame and gives one boolean for each row."
        ) from error
    if said.shape != (len(frame),) or said.dtype.kind != "b":
        raise SpecError(
            f"A predicate gave {said.dtype} of shape {said.shape} for {len(frame)} rows.",
            "It takes a frame and gives one boolean for each row.",
        )
    return said
