"""What the owner of a table is told before training: what is not modelled or comes back changed, and why; and with a
synthetic set: how its keys were made, and what of the relations between its columns is not kept.

Every line names a column and counts; none holds a cell value or the name of a rare category.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from synthgen.contracts import Generator, Source, Split
from synthgen.spec import RunSpec, SampleSpec
from synthgen.tabular import keys
from synthgen.tabular.category_codes import CategoryCodes, fit_categories
from synthgen.tabular.mixes import as_words, balanced_columns
from synthgen.tabular.places import Place
from synthgen.tabular.requests import is_discrete
from synthgen.tabular.schema import TIMES, Column, Schema

SAID = {
    "empty": "not modelled, because no cell is filled; it comes back empty",
    "text": "not modelled: the output holds a placeholder instead of text",
    "id": "not modelled: fresh keys are made",
}


def cautions(source: Source, split: Split, schema: Schema, spec: RunSpec) -> tuple[str, ...]:
    """One line for each column that is not modelled as it stands, with the target's small classes; what reading noted.

    Under differential privacy only what the schema says without the rows.
    """
    if spec.privacy is not None:
        return of_schema(schema)
    small = _too_small(split, schema)
    return (*of_schema(schema, small), *(f"Reading: {note}." for note in source.notes))


def of_schema(schema: Schema, of_target: str = "") -> tuple[str, ...]:
    """One line for each column that is not modelled as it stands; `of_target` is said in the line of the target."""
    said = {c.name: [_of_column(c), of_target if c.name == schema.target else ""] for c in schema.columns}
    return tuple(f"Column {name!r}: {'; '.join(filter(None, told))}." for name, told in said.items() if any(told))


def of_balance(request: SampleSpec, schema: Schema, encoding: Any, split: Split | None = None) -> tuple[str, ...]:
    """One line for each column to balance of which some values get no share, because too few people hold them.

    They are counted in the training part where there is one, else taken from the encoding of the model.
    """
    names = [n for n in balanced_columns(request, schema.target) if n in schema.names]
    counted = {n: _small_in(split, schema, n) if split is not None else _small_known(encoding, n) for n in names}
    return tuple(
        f"Column {name!r}: {small} of its values {'is' if small == 1 else 'are'} held by fewer than {schema.k_floor} "
        f"people and {'gets' if small == 1 else 'get'} no share of the balanced sample."
        for name, small in counted.items()
        if small
    )


def of_relations(schema: Schema, generator: str, able: frozenset[str]) -> tuple[str, ...]:
    """What a generator that is `able` to so much does not keep of what columns have to do with each other, by kind."""
    lost = {
        "follow from another column, and are drawn without it": [
            c.name for c in schema.modelled if "follow" not in able and (c.determined_by or c.formula)
        ],
        "are dates, whose weekdays and order are lost": [
            c.name for c in schema.modelled if "relate" not in able and c.kind in TIMES
        ],
        "are places, whose coordinates are drawn apart": [
            c.name for c in schema.modelled if "relate" not in able and c.place_with
        ],
    }
    return tuple(
        f"Columns that {what} by {generator!r}: {', '.join(map(repr, names))}." for what, names in lost.items() if names
    )


def of_set(schema: Schema, generator: Generator, made: keys.KeyModel) -> tuple[str, ...]:
    """What a reader of a synthetic set should know: its keys, and the relations between columns that are not in it."""
    lost = of_relations(schema, generator.name, generator.capabilities)
    return (*keys.notes(schema, generator, made), *lost, *dict.fromkeys(_of_few(schema, generator)))


def _of_few(schema: Schema, generator: Generator) -> Iterator[str]:
    """One line for each relation that the schema tells of and the generator keeps, where too few people bear it out."""
    encoding, able = getattr(generator, "encoding", None), generator.capabilities
    followed = {lookup.column for lookup in getattr(encoding, "lookups", ()) if lookup.values}
    paired = [set(part.sources) for part in getattr(encoding, "parts", ()) if isinstance(part, Place)]
    for column in schema.modelled:
        if column.determined_by and "follow" in able and column.name not in followed:
            yield (
                f"Column {column.name!r}: that {column.determined_by!r} determines it is not kept, "
                f"because too few people share each pair of their values, or {column.determined_by!r} is no category."
            )
        pair = {column.name, column.place_with or ""}
        if column.place_with and "relate" in able and pair not in paired and not pair <= followed:
            yield (
                f"Columns {' and '.join(map(repr, sorted(pair)))}: that they are one place is not kept, "
                "because too few people have both, or another column determines one of them alone."
            )


def _of_column(column: Column) -> str:
    if column.kind == "id":
        return "; ".join(filter(None, (SAID["id"], column.warning)))
    return column.warning or SAID.get(column.kind, "")


def _too_small(split: Split, schema: Schema) -> str:
    """How many classes of the target have too few people to be learnt; nothing where none has."""
    if schema.target is None or not (small := _small_in(split, schema, schema.target)):
        return ""
    column = schema.column(schema.target)
    total = _values(split, column.name).nunique()
    lost = "no balanced sample gives" if column.public else "too small to be modelled, and no balanced sample gives"
    return (
        f"it is the target, and {small} of its {total} classes {'has' if small == 1 else 'have'} fewer than "
        f"{schema.k_floor} people to learn from: {lost} {'it' if small == 1 else 'them'}"
    )


def _small_in(split: Split, schema: Schema, name: str) -> int:
    """How many different values of a discrete column a balanced sample cannot give."""
    column = schema.column(name)
    if not column.modelled or not is_discrete(column, split.train):
        return 0
    words = as_words(split.train[name])
    made = fit_categories(words, name, column.kind, bool(column.public), split.train_people, schema.k_floor)
    return int(_values(split, name).nunique()) - len(set(made.values) - set(made.alone))


def _small_known(encoding: Any, name: str) -> int:
    """The same from the encoding of a model, which counts merged categories only."""
    return sum(c.merged + len(c.alone) for c in _categories(encoding) if c.name == name)


def _categories(encoding: Any) -> Iterator[CategoryCodes]:
    yield from (c for c in getattr(encoding, "columns", ()) if isinstance(c, CategoryCodes))


def _values(split: Split, name: str) -> pd.Series:
    """The filled cells of a column in everything that may be learnt from."""
    return pd.concat([split.train[name], split.validation[name]], ignore_index=True).dropna()
