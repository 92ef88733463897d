"""From a source to its schema: every column read on its own, then what the columns say about each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from synthgen.contracts import Source
from synthgen.errors import SchemaError, SpecError, raise_all
from synthgen.spec import RunSpec
from synthgen.tabular import cells, coordinates, kinds, levels, people, relations
from synthgen.tabular.cells import NUMBER, NumberStyle, floats, plain_numbers
from synthgen.tabular.schema import Column, Schema, layout_of


def infer(source: Source, spec: RunSpec) -> Schema:
    """The schema of `source` with the overrides of `spec` applied; all problems are collected before one is raised."""
    raw: pd.DataFrame = source.data
    problems = [f"there is no column {name!r} to override" for name in spec.columns if name not in raw.columns]
    kept = [n for n in raw.columns if not (n in spec.columns and spec.columns[n].drop)]
    layout = layout_of(source)
    if not kept:
        problems.append("every column is dropped")
    raise_all(SchemaError, problems, "Name columns as the header does.")
    tables = {name: cells.distinct_of(raw[name]) for name in kept}
    columns = [
        kinds.column(name, tables[name], raw[name], spec.columns.get(name), spec.k_floor, name in layout.quoted)
        for name in kept
    ]
    person, columns = people.find(columns, tables, spec)
    columns = levels.find(columns, tables, person, spec)
    columns = coordinates.find(columns, tables, spec)
    columns = relations.find(columns, tables, person, spec)
    schema = Schema(
        columns=tuple(columns),
        target=spec.target,
        positive=spec.positive,
        person=person,
        layout=layout,
        k_floor=spec.k_floor,
    )
    raise_all(
        SpecError, _target_problems(schema, tables, raw), "Choose another target, or override the kind of its column."
    )
    return schema


def _target_problems(schema: Schema, tables: Mapping[str, Any], raw: pd.DataFrame) -> list[str]:
    if schema.target is None:
        return ["a positive class is given but no target column"] if schema.positive is not None else []
    if schema.target not in raw.columns:
        return [f"the target {schema.target!r} is not a column of this table"]
    if schema.target not in schema.names:
        return [f"the target {schema.target!r} is dropped"]
    column = schema.column(schema.target)
    if not column.modelled:
        return [f"the target {column.name!r} was read as {column.kind} and cannot be predicted"]
    if schema.positive is not None and not _has_value(column, tables[column.name].values, schema.positive):
        return [f"the positive class is not a value of the target {column.name!r}"]
    return []


def _has_value(column: Column, values: list[str], wanted: str) -> bool:
    if wanted in values and wanted not in column.missing_tokens:
        return True
    if not column.numeric and column.kind != "boolean":
        return False
    if not NUMBER.fullmatch(wanted):
        return False
    return bool((floats(plain_numbers(values, NumberStyle())) == float(wanted)).any())
