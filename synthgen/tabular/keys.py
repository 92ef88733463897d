"""Keys are never modelled: fresh ones are made. A person key comes back with the rows per person of the source.

How people are made. `prepare` adds one modelled column to the training rows: how many rows their person has, `r`. Such
a person shows up `r` times among training rows, so a generated row is kept as the *first row of a new person* with
probability 1/r; then `r - 1` further rows are drawn given what never changes within a person and `r`. One candidate
gives one row on average, the rows per person follow the source, and what is constant within a person stays so. Beyond
these columns the rows of one person are independent of each other. A column that seldom changes within a person (age,
a diagnosis) is kept for as many people as in the source.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from synthgen.contracts import FitData, Generator, Record
from synthgen.errors import SchemaError, TrainingError
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec
from synthgen.tabular import people
from synthgen.tabular.constraints import NO_RULES, Rules
from synthgen.tabular.filtering import Sieve
from synthgen.tabular.fresh_keys import Maker
from synthgen.tabular.mending import Mender, RowTest
from synthgen.tabular.row_source import RowSource, allotted
from synthgen.tabular.schema import Column, Schema

ROWS_PER_PERSON = "#rows_per_person"
FILE = "keys.json"
SMALLEST_DRAW = 256
MOST_DRAWS = 200
STEADY, MOST_STEADY = 0.8, 12


class KeyModel(Record):
    """What `complete` needs besides the generator; learned on training rows only.

    `rows_column` names the modelled count of rows per person (None: every row is a person), `most_rows` its cap: the
    k-th highest count. `constant` names the modelled columns that never change within a person, `steady` those that
    seldom do, with the share of people in whom they do not. `missing` holds the share of empty cells of keys and texts.
    """

    person: str | None = None
    rows_column: str | None = None
    most_rows: int = 1
    constant: tuple[str, ...] = ()
    steady: dict[str, float] = {}
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
    made = KeyModel(
        person=schema.person,
        rows_column=name,
        most_rows=most,
        constant=constant,
        steady=_steady_columns(data, schema, constant),
        missing=missing,
    )
    column = Column(
        name=name, kind="integer", dtype="float64", decimals=0, within_person_constant=True, reason="rows per person"
    )
    wider = replace(
        data,
        train=data.train.assign(**{name: rows_per_person(data.train, data.train_people, most)}),
        validation=data.validation.assign(**{name: rows_per_person(data.validation, data.validation_people, most)}),
    )
    return wider, schema.model_copy(update={"columns": (*schema.columns, column)}), made


def _steady_columns(data: FitData, schema: Schema, constant: Sequence[str]) -> dict[str, float]:
    """Columns that seldom change within a person, most steady first; the shares are rounded to a hundredth."""
    assert data.train_people is not None
    found = {}
    for column in schema.modelled:
        if column.name not in constant:
            codes = pd.factorize(data.train[column.name], use_na_sentinel=False)[0]
            share, by_chance = people.steadiness(data.train_people, codes)
            if share >= STEADY and (share - by_chance) >= (1 - by_chance) / 2:
                found[column.name] = round(share, 2)
    return dict(sorted(found.items(), key=lambda item: -item[1])[:MOST_STEADY])


def rows_per_person(frame: pd.DataFrame, people: np.ndarray | None, most: int) -> np.ndarray:
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
    generator: Generator,
    schema: Schema,
    keys: KeyModel,
    rows: int,
    request: SampleSpec,
    ctx: RunContext,
    rules: Rules | None = None,
    predicates: Sequence[RowTest] = (),
    notes: list[str] | None = None,
    sieve: Sieve | None = None,
) -> Iterator[pd.DataFrame]:
    """Exactly `rows` typed rows in chunks, every column of `schema` in source order, keys fresh, every rule kept.

    `notes` is given, at the end, what a reader should know of the rules; what `sieve` catches is drawn again.
    """
    maker = Maker(schema, keys.missing, ctx)
    rules = rules or NO_RULES
    mender = Mender(rules, predicates, schema, sieve)
    for number, (part, wanted) in enumerate(_parts(request, rows)):
        here = ctx.at(f"part{number}")
        source = RowSource(generator, part, rules)
        draw = _people(source, keys, wanted, here) if keys.rows_column else _single_rows(source, wanted, here)
        for chunk, owners in draw:
            kept = {*keys.constant, *filter(None, [keys.rows_column]), *allotted(part, schema.target)}
            yield maker.finish(*mender.mend(chunk, source, kept, here, owners))
    if notes is not None:
        notes += mender.notes


def _parts(request: SampleSpec, rows: int) -> list[tuple[SampleSpec, int]]:
    """A request as one or more plain ones: every target group is drawn on its own, so that its count is exact."""
    if not request.targets:
        return [(request, rows)]
    return [
        (request.model_copy(update={"targets": (), "rows": t.rows, "fixed": {**request.fixed, **t.where}}), t.rows)
        for t in request.targets
    ]


def _single_rows(source: RowSource, rows: int, ctx: RunContext) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Exactly `rows` rows where every row is a person of its own."""
    left = rows
    for drawn in source.rows(rows, ctx):
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


def _people(source: RowSource, keys: KeyModel, rows: int, ctx: RunContext) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Exactly `rows` rows of whole people (the last one may be cut) and, per row, its person within the chunk."""
    left = rows
    for draw in range(MOST_DRAWS):
        here = ctx.at(f"draw{draw}")
        rng = here.rng("first rows")
        wanted = max(left, SMALLEST_DRAW)
        for number, candidates in enumerate(source.rows(wanted, here)):
            first = _first_rows(candidates, keys, rng)
            if not len(first):
                continue
            chunk, owners = _expanded(source, keys, first, here.at(f"chunk{number}"))
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
    source: RowSource, keys: KeyModel, first: pd.DataFrame, ctx: RunContext
) -> tuple[pd.DataFrame, np.ndarray]:
    """First rows and the further rows of the same people, person by person.

    A person keeps the steady columns whose share is above one number drawn for the person: people differ in how many of
    the columns they keep, and each column is kept by its share of people.
    """
    counts = _counts(first, keys)
    always = {*keys.constant, keys.rows_column, *allotted(source.request)}
    kept = (ctx.rng("kept").random(len(first))[:, None] < np.array([*keys.steady.values(), 0.0])).sum(axis=1)
    parts, owners = [first], [np.arange(len(first))]
    for number in np.unique(kept[counts > 1]):
        who = np.repeat(np.flatnonzero(kept == number), counts[kept == number] - 1)
        held = always | set(list(keys.steady)[:number])
        given = first.iloc[who][[c for c in first.columns if c in held]].reset_index(drop=True)
        parts.append(source.given(given, list(first.columns), ctx.at(f"kept{number}")))
        owners.append(who)
    whole: pd.DataFrame = pd.concat(parts, ignore_index=True) if len(parts) > 1 else first
    order = np.argsort(np.concatenate(owners), kind="stable")
    return whole.iloc[order].reset_index(drop=True), np.concatenate(owners)[order]
