"""Missing cells drawn from the model given what each row holds; everything observed stays as it came."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthgen.contracts import Source
from synthgen.errors import SpecError
from synthgen.runtime import RunContext
from synthgen.spec import Unique
from synthgen.tabular import cells, conversion, dates, excel_writing, keys
from synthgen.tabular.constraints import Rules, breaks
from synthgen.tabular.keys import KeyModel
from synthgen.tabular.schema import TIMES, Column, Schema, layout_of
from synthgen.tabular.splitting import people_of

BLOCK = 8192
ROUNDS = 20
ENDINGS = {"parquet": ".parquet", "excel": ".xlsx"}  # of a filled source, by how it was read; else CSV


def impute(
    raw: pd.DataFrame, generator: Any, schema: Schema, keyed: KeyModel, rules: Rules | None, ctx: RunContext
) -> pd.DataFrame:
    """A raw frame with the missing cells of its modelled columns drawn; columns, order, dtypes and other cells stay.

    A person's missing constant (sex, date of birth) is taken from the person's other rows where one of them has it, and
    is the same in all of them where it must be drawn. Raises SpecError for a generator that cannot impute, SchemaError
    for columns that are absent.
    """
    if "impute" not in generator.capabilities:
        raise SpecError(
            f"Generator {generator.name!r} cannot fill missing cells.", "Fit the autoregressive GAN, which can."
        )
    typed = conversion.typed(raw, schema)
    values = {c.name: getattr(c, "values", ()) for c in generator.encoding.columns}
    gaps = pd.DataFrame({c.name: is_gap(raw[c.name], c, values[c.name]) for c in schema.modelled})
    people = None if schema.person is None else people_of(_keyed(typed, raw, schema), schema)
    steady = [c.name for c in schema.modelled if c.within_person_constant] if people is not None else []
    full = _from_own_rows(typed, gaps, people, steady)
    left = gaps.to_numpy() & full[gaps.columns].isna().to_numpy()
    full = _drawn(full, left, generator, schema, keyed, people, rules or Rules(), ctx)
    for name in steady:
        full[name] = _alike(full[name], left[:, gaps.columns.get_loc(name)], people)
    out = {name: raw[name] for name in raw.columns}
    for column in schema.modelled:
        if gaps[column.name].any():
            out[column.name] = _put(raw[column.name], gaps[column.name].to_numpy(), full[column.name], column)
    return pd.DataFrame(out)


def impute_file(
    source: Source, path: Path, generator: Any, schema: Schema, keyed: KeyModel, rules: Rules | None, ctx: RunContext
) -> int:
    """Write a source with its missing cells drawn to .csv (written as the source was), .parquet or .xlsx; its rows.

    Raises SpecError for another ending.
    """
    if path.suffix.lower() not in (".csv", ".parquet", ".xlsx"):
        raise SpecError(
            f"A table cannot be written to a file ending in {path.suffix!r}.", "Use .csv, .parquet or .xlsx."
        )
    full = impute(source.data, generator, schema, keyed, rules, ctx)
    _write(full, source, schema, path)
    return len(full)


def impute_source(
    source: Source,
    directory: Path,
    generator: Any,
    schema: Schema,
    keyed: KeyModel,
    rules: Rules | None,
    ctx: RunContext,
) -> dict[str, Any]:
    """Write a source with its missing cells drawn to `directory`, in its own kind of file, named `filled`.

    Returns the file's name, its rows, and per modelled column that had gaps how many there were and how many are left:
    names and counts, no cell.
    """
    full = impute(source.data, generator, schema, keyed, rules, ctx)
    path = directory / f"filled{ENDINGS.get(str(source.layout.get('format')), '.csv')}"
    directory.mkdir(parents=True, exist_ok=True)
    _write(full, source, schema, path)
    values = {c.name: getattr(c, "values", ()) for c in generator.encoding.columns}
    columns = []
    for c in schema.modelled:
        missing, left = (int(is_gap(frame[c.name], c, values[c.name]).sum()) for frame in (source.data, full))
        if missing:
            columns.append({"name": c.name, "missing": missing, "left": left})
    return {"file": path.name, "rows": len(full), "columns": columns}


def _write(full: pd.DataFrame, source: Source, schema: Schema, path: Path) -> None:
    """A filled frame as CSV (written as the source was), Parquet or Excel, by the path's ending."""
    if path.suffix.lower() == ".parquet":
        if source.layout.get("format") == "csv":
            full = conversion.presented(conversion.typed(full, schema), schema)
        full.to_parquet(path, index=False)
    elif path.suffix.lower() == ".xlsx":
        excel_writing.write_excel([conversion.typed(full, schema)], schema, path)
    else:
        layout = layout_of(source)
        full.to_csv(
            path,
            sep=layout.separator,
            index=False,
            encoding=layout.encoding,
            quotechar=layout.quote or '"',
            lineterminator=layout.line_end,
            header=list(layout.header) or True,
            errors="replace",
        )


def is_gap(values: pd.Series, column: Column, known: Collection[str] = ()) -> np.ndarray:
    """Boolean array: the cells of a raw column that are missing: empty, or written as missing is.

    A word for missing that is one of the `known` values of the column is a value.
    """
    table = cells.distinct_of(values)
    words = set(cells.standard_missing(table.values)) - set(known)
    missing = cells.missing_mask(table.values, {"", *words, *column.missing_tokens})
    return np.append(missing, False)[table.codes] | values.isna().to_numpy()


def _keyed(typed: pd.DataFrame, raw: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The typed person keys, none where the raw cell is empty or a word for missing: such rows are nobody's."""
    name = str(schema.person)
    column = next(c for c in schema.columns if c.name == name)
    return pd.DataFrame({name: typed[name].mask(is_gap(raw[name], column))})


def _from_own_rows(
    typed: pd.DataFrame, gaps: pd.DataFrame, people: np.ndarray | None, steady: list[str]
) -> pd.DataFrame:
    """The typed frame with gaps emptied, and a person's constants filled from the person's other rows."""
    out = typed.copy()
    for name in gaps.columns:
        if gaps[name].any():
            out[name] = typed[name].mask(gaps[name].to_numpy())
    for name in steady:
        known = people is not None and out[name].groupby(np.where(people >= 0, people, -1)).transform("first")
        out[name] = out[name].where(out[name].notna().to_numpy() | (people < 0), known)  # type: ignore[operator]
    return out


def _drawn(
    frame: pd.DataFrame,
    gaps: np.ndarray,
    generator: Any,
    schema: Schema,
    keyed: KeyModel,
    people: np.ndarray | None,
    rules: Rules,
    ctx: RunContext,
) -> pd.DataFrame:
    """The frame with its gaps (rows, modelled columns) drawn, a block of rows at a time."""
    names = [c.name for c in generator.encoding.source_columns]
    frame = frame.copy()
    if keyed.rows_column is not None:
        frame[keyed.rows_column] = keys.rows_per_person(frame, people, keyed.most_rows)
        gaps = np.column_stack([gaps, np.zeros(len(frame), dtype=bool)])
    rows = np.flatnonzero(gaps.any(axis=1))
    for start in range(0, len(rows), BLOCK):
        ctx.check_stop()
        ctx.progress("impute", start, len(rows))
        here = rows[start : start + BLOCK]
        block = frame.iloc[here][names].reset_index(drop=True)
        made = _made(block, gaps[here], generator, schema, rules, ctx.at(f"block{start}"))
        for i, name in enumerate(names):
            holes = gaps[here, i]
            values = frame[name].to_numpy(copy=True)
            values[here[holes]] = made[name].to_numpy()[holes]
            frame[name] = pd.Series(values, index=frame.index, dtype=frame[name].dtype)
    ctx.progress("impute", len(rows), len(rows))
    return frame


def _made(
    block: pd.DataFrame, gaps: np.ndarray, generator: Any, schema: Schema, rules: Rules, ctx: RunContext
) -> pd.DataFrame:
    """A block with its gaps drawn; rows whose drawn cells break a rule are drawn again, a bounded number of times.

    What stays broken is beside an observed cell that no value which may be generated goes with.
    """
    made = generator.impute(block, gaps, ctx, rules)
    for number in range(ROUNDS):
        bad = np.flatnonzero(_broken(made, gaps, schema, rules))
        if not len(bad):
            break
        again = generator.impute(block.iloc[bad].reset_index(drop=True), gaps[bad], ctx.at(f"again{number}"), rules)
        made = made.copy()
        for name in made.columns:
            values = made[name].to_numpy(copy=True)
            values[bad] = again[name].to_numpy()
            made[name] = pd.Series(values, dtype=made[name].dtype)
    return made


def _broken(made: pd.DataFrame, gaps: np.ndarray, schema: Schema, rules: Rules) -> np.ndarray:
    """The rows that break a rule about single rows in a column that was drawn."""
    known, out = {c.name: c for c in schema.modelled}, np.zeros(len(made), dtype=bool)
    for rule, combinations in zip(rules.constraints, rules.combinations, strict=True):
        if not isinstance(rule, Unique):
            drawn = gaps[:, [list(made.columns).index(c) for c in rule.columns]].any(axis=1)
            out |= drawn & breaks(rule, made, known, combinations)
    return out


def _alike(values: pd.Series, drawn: np.ndarray, people: np.ndarray | None) -> pd.Series:
    """A column in which the drawn cells of one person are all the first of them."""
    assert people is not None
    first = values.groupby(np.where(people >= 0, people, -1)).transform("first")
    return values.where(~drawn | (people < 0), first)


def _as_written(observed: pd.Series, column: Column) -> Column:
    """The column with the date format of these cells, which may be another than that of the table it was fitted on."""
    table = cells.distinct_of(observed)
    kept = ~cells.missing_mask(table.values, [text for text, _ in column.marks])
    values = [value for value, is_kept in zip(table.values, kept, strict=True) if is_kept]
    found = dates.find_format(values, table.counts[kept], allow_digits=True, share=0.9)
    return column if found is None else column.model_copy(update={"date_format": found[0]})


def _put(raw: pd.Series, gaps: np.ndarray, values: pd.Series, column: Column) -> pd.Series:
    """The raw column with its gaps filled in its own dtype and writing."""
    own = column.model_copy(update={"dtype": str(raw.dtype)})
    filled = values[gaps].reset_index(drop=True)
    if column.kind in TIMES and raw.dtype.kind == "O":  # moments written as text
        made = pd.Series(conversion.written(filled, _as_written(raw[~gaps], column)), dtype=object)
    else:
        made = conversion.presented_column(filled, own, from_text=False)
    if isinstance(raw.dtype, pd.CategoricalDtype):
        raw = raw.cat.add_categories([v for v in made.unique() if v not in raw.cat.categories])
    out = raw.astype(object).to_numpy(copy=True)
    out[gaps] = made.astype(object).to_numpy()
    return pd.Series(out, index=raw.index).astype(raw.dtype)
