"""Pairs of columns that are the latitude and longitude of one place: found by name and range, declared or undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from synthgen.errors import SchemaError, raise_all
from synthgen.spec import RunSpec
from synthgen.tabular import conversion
from synthgen.tabular.cells import Distinct
from synthgen.tabular.names import words
from synthgen.tabular.schema import NUMERIC, Column

LATITUDES = frozenset({"lat", "latitude", "latitud", "latitudine", "breite", "breitengrad"})
LONGITUDES = frozenset({"lon", "lng", "long", "longitude", "longitud", "longitudine", "laenge", "laengengrad"})
HIGHEST = {"latitude": 90.0, "longitude": 180.0}  # degrees, WGS84
IN_RANGE = 0.99  # share of the filled cells
LEAST_DECIMALS = 2  # coarser degrees are regions, not places


def find(columns: Sequence[Column], tables: Mapping[str, Distinct], spec: RunSpec) -> list[Column]:
    """The columns with the other coordinate of their place (`place_with`). SchemaError for declared nonsense."""
    known = {c.name: c for c in columns}
    said = {n: o.place_with for n, o in spec.columns.items() if n in known and o.place_with is not None}
    pairs = _declared(known, {name: other for name, other in said.items() if other})
    why = dict.fromkeys(pairs, "its owner says so")
    for a, b in _by_name([c for c in columns if c.name not in pairs and c.name not in said], tables):
        pairs |= {a: b, b: a}
        why |= dict.fromkeys((a, b), "names and values are those of latitude and longitude")
    return [_with(c, pairs[c.name], why[c.name]) if c.name in pairs else c for c in columns]


def _with(column: Column, other: str, why: str) -> Column:
    reason = f"{column.reason}; one place on the map together with {other!r}, because {why}"
    return column.model_copy(update={"place_with": other, "reason": reason})


def _declared(known: Mapping[str, Column], said: Mapping[str, str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    problems = []
    for name, other in said.items():
        if other not in known or other == name:
            problems.append(f"{name!r} is no place with {other!r}, which is not another column")
        elif not (known[name].kind in NUMERIC and known[other].kind in NUMERIC):
            problems.append(f"{name!r} and {other!r} are no place: both must be numbers")
        elif pairs.get(name, other) != other or pairs.get(other, name) != name:
            problems.append(f"{name!r} and {other!r} are no place: one of them belongs to another")
        else:
            pairs |= {name: other, other: name}
    raise_all(SchemaError, problems, "Name the other coordinate of a place, a column of numbers.")
    return pairs


def _by_name(columns: Sequence[Column], tables: Mapping[str, Distinct]) -> list[tuple[str, str]]:
    """Pairs (latitude, longitude) whose names are alike but for these words; none where several would fit."""
    named: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for column in columns:
        for what, of in (("latitude", LATITUDES), ("longitude", LONGITUDES)):
            parts = words(column.name)
            if of & set(parts) and _fits(column, tables[column.name], HIGHEST[what]):
                named.setdefault((what, tuple(p for p in parts if p not in of)), []).append(column.name)
    found = []
    for (what, rest), names in named.items():
        others = named.get(("longitude", rest), []) if what == "latitude" else []
        if len(names) == len(others) == 1 and names != others:
            found.append((names[0], others[0]))
    return found


def _fits(column: Column, table: Distinct, highest: float) -> bool:
    """Whether a column holds degrees, and finer ones than whole."""
    if column.kind != "number" or (column.decimals or 0) < LEAST_DECIMALS:
        return False
    values = conversion.numbers_of(table.values, column)
    filled = ~np.isnan(values)
    inside = np.abs(values, where=filled, out=np.full(len(values), np.inf)) <= highest
    return float(table.counts[filled & inside].sum()) >= IN_RANGE * float(table.counts[filled].sum()) > 0
