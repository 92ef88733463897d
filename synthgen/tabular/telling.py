"""What of a table's schema may be told: to a database row, to the recipient of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthgen.contracts import Source
from synthgen.tabular.schema import Schema

COLUMN_FIELDS = (
    "name",
    "kind",
    "dtype",
    "decimals",
    "decimal_mark",
    "thousands",
    "date_format",
    "grid_seconds",
    "missing_token",
    "public",
    "within_person_constant",
)
DISCRETE = frozenset({"boolean", "category", "code"})  # kinds of columns whose values are names
LAYOUT_FIELDS = ("format", "separator", "encoding", "quote", "line_end")


def summary(source: Source, schema: Schema) -> dict[str, Any]:
    """What may stand in a database row: counts, no cell value."""
    return {"rows": len(source.data), "columns": len(schema.columns), "notes": list(source.notes)}


def nameable(schema: Schema, rendering: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Of each discrete column the categories that the release rendering names: at least k people hold each of them."""
    discrete = {c["name"] for c in schema.model_dump(mode="json")["columns"] if c["kind"] in DISCRETE}
    plots = (plot for plot in rendering["plots"] if plot["column"] in discrete and plot["kind"] == "category")
    return {plot["column"]: frozenset(each["label"] for each in plot["bins"]) for plot in plots}


def safe_schema(schema: Schema) -> dict[str, Any]:
    """The columns as the recipient needs them: no count, no reason drawn from data, no value of a cell."""
    full = schema.model_dump(mode="json")
    layout = full.get("layout") or {}
    return {
        "columns": [{name: c[name] for name in COLUMN_FIELDS if name in c} for c in full["columns"]],
        "target": full.get("target"),
        "person": full.get("person"),
        "layout": {name: layout[name] for name in LAYOUT_FIELDS if name in layout},
    }
