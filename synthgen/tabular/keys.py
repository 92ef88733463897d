"""Keys are never modelled: fresh ones are made. A person key comes back with the rows per person of the source.

How people are made. `prepare` adds one modelled column to the training rows: how many rows their person has, `r`. Such
a person shows up `r` times among training rows, so a generated row is kept as the *first row of a new person* with
probability 1/r; then `r - 1` further rows are drawn given what never changes within a person and `r`. One candidate
gives one row on average, the rows per person follow the source, and what is constant within a person stays so. Beyond
these columns the rows of one person are independent of each other.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from synthgen.contracts import FitData, Generator, Record
from synthgen.errors import SchemaError, TrainingError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular.schema import Column, KeyStyle, Schema

ROWS_PER_PERSON = "#rows_per_person"
PLACEHOLDER = "text removed"
FILE = "keys.json"
SMALLEST_DRAW = 256
MOST_DRAWS = 200
LEAST_HEX = 16


class KeyModel(Record):
    """What `complete` needs besides the generator; learned on training rows only.

    `rows_column` names the modelled count of rows per person (None: every row is a person), `most_rows` its cap: the
    k-th highest count. `constant` names the modelled columns that never change within a person. `missing` holds the
    share of empty cells of keys and texts, rounded to a hundredth.
    """

    person: str | None = None
    rows_column: str | None = None
    most_rows: int = 1
    constant: tuple[str, ...] = ()
    missing: dict[str, float] = {}

    def save(self, directory: Path) -> None:
        """Write keys.json to `directory`."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / FILE).write_text(json.dumps(self.model_dump(mode="json"), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> KeyModel:
        """Read keys.json from `directory`."""
        try:
            return cls.model_validate_json((directory / FILE).read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise SchemaError("The model's account of its keys is missing or damaged.", "Fit it again.") from error


def prepare(data: FitData, schema: Schema) -> tuple[FitData, Schema, KeyModel]:
    """Training data and schema for the generator (with the rows per person where a key repeats) and the key model."""
    unmade = [c.name for c in schema.columns if c.kind in ("id", "text")]
    missing = {name: _missing_share(data.train[name], schema.k_floor) for name in unmade}
    most = _kth_highest(data.train_people, schema.k_floor)
    if schema.person is None or most < 2:
        return data, schema, KeyModel(person=schema.person, missing=missing)
    name = ROWS_PER_PERSON
    while name in schema.names:
        name = "#" + name
    constant = tuple(c.name for c in schema.modelled if c.within_person_constant)
    made = KeyModel(person=schema.person, rows_column=name, most_rows=most, constant=constant, missing=missing)
    column = Column(
        name=name, kind="integer", dtype="float64", decimals=0, within_person_constant=True, reason="rows per person"
    )
    wider = replace(
        data,
        train=data.train.assign(**{name: _rows_per_person(data.train, data.train_people, most)}),
        validation=data.validation.assign(**{name: _rows_per_person(data.validation, data.validation_people, most)}),
    )
    return wider, schema.model_copy(update={"columns": (*schema.columns, column)}), made


def _rows_per_person(frame: pd.DataFrame, people: np.ndarray | None, most: int) -> np.ndarray:
    """For each row, how many rows its person has, at most `most`."""
    if people is None:
        return np.ones(len(frame))
    _, inverse, counts = np.unique(people, return_inverse=True, return_counts=True)
    return np.minimum(counts[inverse], most).astype(float)


def _kth_highest(people: np.ndarray | None, k: int) -> int:
    """How many rows the k-th most frequent person has: the longest history made is never one person's."""
    if people is None or not len(people):
        return 1
    counts = np.sort(np.unique(people, return_counts=True)[1])[::-1]
    return int(counts[min(k, len(counts)) - 1])


def _missing_share(values: pd.Series, k: int) -> float:
    gaps = int(values.isna().sum())
    return round(gaps / len(values), 2) if gaps >= k else 0.0


def notes(schema: Schema, generator: Generator, keys: KeyModel) -> tuple[str, ...]:
    """What a reader of the synthetic set should know about its keys."""
    said = [f"keys are freshly made ({', '.join(named)})" for named in [_named(schema, ("id", "person"))] if named]
    said += [
        f"texts are replaced by a placeholder ({', '.join(named)})" for named in [_named(schema, ("text",))] if named
    ]
    if keys.rows_column and "condition" not in generator.capabilities:
        said.append("this generator cannot be conditioned: a person's constants are copied from the person's first row")
    return tuple(said)


def _named(schema: Schema, kinds: tuple[str, ...]) -> list[str]:
    return [column.name for column in schema.columns if column.kind in kinds]


def complete(
    generator: Generator, schema: Schema, keys: KeyModel, rows: int, request: SampleSpec, ctx: RunContext
) -> Iterator[pd.DataFrame]:
    """Exactly `rows` typed rows in chunks, every column of `schema` in source order, keys fresh."""
    maker = _Maker(schema, keys, ctx)
    draw = _people if keys.rows_column else _single_rows
    for number, (part, wanted) in enumerate(_parts(request, rows)):
        for chunk, owners in draw(generator, keys, part, wanted, ctx.at(f"part{number}")):
            yield maker.finish(chunk, owners)


def _parts(request: SampleSpec, rows: int) -> list[tuple[SampleSpec, int]]:
    """A request as one or more plain ones: every target group is drawn on its own, so that its count is exact."""
    if not request.targets:
        return [(request, rows)]
    return [
        (request.model_copy(update={"targets": (), "rows": t.rows, "fixed": {**request.fixed, **t.where}}), t.rows)
        for t in request.targets
    ]


def _single_rows(
    generator: Generator, keys: KeyModel, request: SampleSpec, rows: int, ctx: RunContext
) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Exactly `rows` rows where every row is a person of its own."""
    left = rows
    for drawn in generator.sample(request, rows, ctx):
        chunk = drawn.iloc[:left].reset_index(drop=True)
        yield chunk, np.arange(len(chunk))
        left -= len(chunk)
        if left <= 0:
            return
    if left > 0:
        raise _too_few(rows, rows - left)


def _too_few(wanted: int, made: int) -> TrainingError:
    return TrainingError(
        f"The generator made {made} of the {wanted} rows asked for.", "Fit it again, or ask for fewer."
    )


def _people(
    generator: Generator, keys: KeyModel, request: SampleSpec, rows: int, ctx: RunContext
) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Exactly `rows` rows of whole people (the last one may be cut) and, per row, its person within the chunk."""
    left = rows
    for draw in range(MOST_DRAWS):
        here = ctx.at(f"draw{draw}")
        rng = here.rng("first rows")
        wanted = max(left, SMALLEST_DRAW)
        plain = request.model_copy(update={"rows": wanted})
        for number, candidates in enumerate(generator.sample(plain, wanted, here)):
            first = _first_rows(candidates, keys, rng)
            if not len(first):
                continue
            chunk, owners = _expanded(generator, keys, request, first, here.at(f"chunk{number}"))
            yield chunk.iloc[:left].reset_index(drop=True), owners[:left]
            left -= len(chunk)
            if left <= 0:
                return
    raise _too_few(rows, rows - left)


def _first_rows(candidates: pd.DataFrame, keys: KeyModel, rng: np.random.Generator) -> pd.DataFrame:
    """The candidates kept as first rows of people, each with probability one over its rows per person."""
    counts = _counts(candidates, keys)
    return candidates[rng.random(len(candidates)) * counts < 1].reset_index(drop=True)


def _counts(frame: pd.DataFrame, keys: KeyModel) -> np.ndarray:
    values = frame[keys.rows_column].to_numpy(float)
    return np.clip(np.nan_to_num(np.round(values), nan=1.0), 1, keys.most_rows).astype(np.int64)


def _expanded(
    generator: Generator, keys: KeyModel, request: SampleSpec, first: pd.DataFrame, ctx: RunContext
) -> tuple[pd.DataFrame, np.ndarray]:
    """First rows and the further rows of the same people, person by person."""
    counts = _counts(first, keys)
    people = np.arange(len(first))
    owners = np.concatenate([people, np.repeat(people, counts - 1)])
    more = first.iloc[np.repeat(people, counts - 1)].reset_index(drop=True)
    if not len(more):
        return first, people
    kept = [c for c in first.columns if c in {*keys.constant, keys.rows_column, *request.fixed, *request.balance}]
    further = _further_rows(generator, request, more[kept], list(first.columns), ctx)
    whole: pd.DataFrame = pd.concat([first, further], ignore_index=True)
    order = np.argsort(owners, kind="stable")
    return whole.iloc[order].reset_index(drop=True), owners[order]


def _further_rows(
    generator: Generator, request: SampleSpec, given: pd.DataFrame, columns: Sequence[str], ctx: RunContext
) -> pd.DataFrame:
    """Rows that hold the `given` values; drawn given them where the generator can, else freely, then overwritten."""
    if "condition" in generator.capabilities and hasattr(generator, "sample_given"):
        drawn = generator.sample_given(given, ctx)
    else:
        plain = request.model_copy(update={"rows": len(given)})
        drawn = pd.concat(list(generator.sample(plain, len(given), ctx)), ignore_index=True).iloc[: len(given)]
    drawn = drawn.reset_index(drop=True)
    for name in given.columns:
        drawn[name] = given[name].to_numpy()
    return drawn[list(columns)]


@dataclass
class _Counter:
    """Where a counting key stands."""

    made: int = 0


class _Maker:
    """Adds what no generator makes: keys, placeholders, constants, empty columns."""

    def __init__(self, schema: Schema, keys: KeyModel, ctx: RunContext) -> None:
        self.schema = schema
        self.keys = keys
        self.rng = ctx.rng("keys")
        self.counters = {c.name: _Counter() for c in schema.columns if c.kind in ("id", "person")}

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
        share = self.keys.missing.get(column.name, 0.0)
        if share > 0:
            cells[self.rng.random(len(cells)) < share] = None
        return cells

    def _fresh(self, column: Column, count: int) -> np.ndarray:
        """`count` new keys that no source row holds and no earlier call gave."""
        style = column.key or KeyStyle(style="uuid")
        counter = self.counters[column.name]
        start = style.start + counter.made
        counter.made += count
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
