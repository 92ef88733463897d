"""The rules of a run: checked on the source before training, learnt where there is something to learn, kept by rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from synthgen.contracts import FitData, Record, Split
from synthgen.errors import InputError, SpecError, raise_all
from synthgen.spec import Constraint, FixedCombinations, Inequality, Predicate, Range, RunSpec, Unique, Within
from synthgen.tabular import conditions
from synthgen.tabular.category_codes import OTHER, fit_categories, longer_scale, people_per_level
from synthgen.tabular.mixes import as_words
from synthgen.tabular.modes import DATES, NUMERIC, people_in
from synthgen.tabular.requests import is_discrete
from synthgen.tabular.wishes import all_met, in_range, is_text

FILE = "constraints.json"
GAP = "\0missing"
Combination = tuple[str | None, ...]


class Rules(Record):
    """Constraints, and for those of fixed combinations what may occur: values that at least k people share together.

    `combinations` has one entry for each constraint, empty for the other kinds; numbers are written as text.
    """

    constraints: tuple[Constraint, ...] = ()
    combinations: tuple[tuple[Combination, ...], ...] = ()

    def save(self, directory: Path) -> None:
        """Write constraints.json to `directory`."""
        (directory / FILE).write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Rules:
        """Read constraints.json from `directory`; a model without one has no constraints."""
        path = directory / FILE
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else cls()
        except (OSError, ValidationError) as error:
            raise InputError("The model's constraints are damaged.", "Fit it again.") from error


NO_RULES = Rules()


def check(split: Split, schema: Any, spec: RunSpec) -> None:
    """Raise SpecError, with all problems, for constraints that do not fit the table or that its own rows break.

    Messages count rows and name columns, never a value.
    """
    known = {c.name: c for c in schema.modelled}
    problems = []
    for i, rule in enumerate(spec.constraints):
        wrong = (
            _cannot_be_unique(rule, schema, spec)
            if isinstance(rule, Unique)
            else _does_not_fit(rule, known, split.train)
        )
        if not wrong and not getattr(rule, "source_may_break", True):
            wrong = _broken_by_the_source(rule, split, known, spec.k_floor)
        problems += [f"{title(rule, i)}: {text}" for text in wrong]
    problems = problems or _kept_by_too_few(split, known, spec)
    raise_all(
        SpecError,
        problems,
        "Correct the constraint or the data; source_may_break=True (--keep may-break:..., Data may break it) "
        "lets the source break what synthetic rows keep.",
    )


def _parts(split: Split) -> list[tuple[pd.DataFrame, np.ndarray | None]]:
    """Rows and people of every part of the source that has any; nobody is in two parts."""
    parts = (
        (split.train, split.train_people),
        (split.validation, split.validation_people),
        (split.holdout, split.holdout_people),
    )
    return [(frame, people) for frame, people in parts if len(frame)]


def _broken_by_the_source(rule: Constraint, split: Split, known: dict[str, Any], k: int) -> list[str]:
    """What to say of a rule that the source breaks; of a predicate, that can ask anything, only from k people on."""
    if isinstance(rule, Predicate):
        broken = [(breaks(rule, frame, known), people) for frame, people in _parts(split)]
        share = np.concatenate([rows for rows, _ in broken]).mean()
        if sum(people_in(rows, people) for rows, people in broken) < k:
            return []
        return [f"about {share:.0%} of the source's rows break it" if share >= 0.01 else "rows of the source break it"]
    whole = pd.concat([frame for frame, _ in _parts(split)], ignore_index=True)
    rows = int(breaks(rule, whole, known).sum())
    return [f"{rows} of {len(whole)} rows of the source break it"] if rows else []


def _kept_by_too_few(split: Split, known: dict[str, Any], spec: RunSpec) -> list[str]:
    """Constraints confine rows as fixed values do: with each request at least k people of the source must keep them."""
    rules = [rule for rule in spec.constraints if isinstance(rule, Within | Inequality | Predicate)]
    wishes = [{**spec.sample.fixed, **target.where} for target in spec.sample.targets] or [dict(spec.sample.fixed)]
    for wish in wishes if rules else []:
        if not set(wish) <= set(known):
            continue  # told by the check of the request
        kept = 0
        for frame, people in _parts(split):
            broken = np.logical_or.reduce([breaks(rule, frame, known) for rule in rules])
            kept += people_in(all_met(wish, known, frame) & ~broken, people)
        if kept < spec.k_floor:
            asked = " and what is asked for" if wish else ""
            return [f"fewer than {spec.k_floor} people of the source keep all constraints{asked} together"]
    return []


def learn(data: FitData, schema: Any, spec: RunSpec) -> Rules:
    """The rules of a run, with the combinations that at least k people of the training part share."""
    known = {c.name: c for c in schema.modelled}
    found = [
        _combinations(data, [known[c] for c in rule.columns], spec.k_floor, i, rule)
        if isinstance(rule, FixedCombinations)
        else ()
        for i, rule in enumerate(spec.constraints)
    ]
    return Rules(constraints=spec.constraints, combinations=tuple(found))


def breaks(
    rule: Constraint, frame: pd.DataFrame, columns: dict[str, Any], combinations: Sequence[Combination] = ()
) -> np.ndarray:
    """Boolean array: the rows of a typed frame that break a rule. A missing cell breaks none but fixed combinations."""
    if isinstance(rule, Within):
        filled = frame[rule.column].notna().to_numpy() & ~is_text(columns[rule.column], frame[rule.column])
        wish = Range(low=rule.low, high=rule.high)
        return filled & ~in_range(columns[rule.column], wish, frame[rule.column])
    if isinstance(rule, Inequality):
        low, high = _comparable(rule, frame, columns)
        return ((low >= high) if rule.strict else (low > high)).to_numpy(dtype=bool)
    if isinstance(rule, Unique):
        return repeats(frame[list(rule.columns)])
    if isinstance(rule, Predicate):
        return conditions.broken(rule, frame, columns)
    allowed = pd.MultiIndex.from_tuples([tuple(GAP if v is None else v for v in c) for c in combinations])
    words = [as_words(frame[c]).fillna(GAP) for c in rule.columns]
    return ~pd.MultiIndex.from_arrays(words).isin(allowed)


def _scale_of(rule: Inequality, columns: dict[str, Any]) -> tuple[str, ...]:
    """The scale of two ordered categories; empty where they share none."""
    low, high = (columns[c].order for c in rule.columns)
    return longer_scale(low, high) if low and high else ()


def _comparable(rule: Inequality, frame: pd.DataFrame, columns: dict[str, Any]) -> tuple[pd.Series, pd.Series]:
    """Both columns as what can be compared: ordered categories by their place in the scale, NaN outside of it."""
    low, high = (frame[c].mask(is_text(columns.get(c), frame[c])) for c in rule.columns)
    if low.dtype != object:
        return low, high
    place = {value: float(i) for i, value in enumerate(_scale_of(rule, columns))}
    return low.map(place).astype(float), high.map(place).astype(float)


def repeats(frame: pd.DataFrame) -> np.ndarray:
    """Boolean array: the rows whose cells, all of them filled, came before."""
    return frame.duplicated().to_numpy() & frame.notna().all(axis=1).to_numpy()


def title(rule: Constraint, number: int) -> str:
    """How messages name a constraint: its number, kind and columns."""
    return f"Constraint {number + 1} ({rule.kind.replace('_', ' ')}: {', '.join(map(repr, rule.columns))})"


def granted(rule: Unique, schema: Any) -> bool:
    """Whether a column of the rule is a key that every row gets afresh."""
    return any(c.kind == "id" for c in schema.columns if c.name in rule.columns)


def _cannot_be_unique(rule: Unique, schema: Any, spec: RunSpec) -> list[str]:
    """What is neither modelled nor made afresh; a person key alone, where people have several rows."""
    made = {c.name for c in schema.columns if c.modelled or c.kind in ("id", "person")}
    unknown = [f"column {c!r} is not modelled" for c in rule.columns if c not in made]
    if not unknown and set(rule.columns) == {schema.person} and rule.source_may_break and spec.privacy is None:
        return ["it is the person key, which comes once for each row of a person; read it as id for one row each"]
    return unknown


def _does_not_fit(
    rule: Within | Inequality | FixedCombinations | Predicate, known: dict[str, Any], train: pd.DataFrame
) -> list[str]:
    unknown = [f"column {c!r} is not modelled" for c in rule.columns if c not in known]
    if unknown:
        return unknown
    kinds = [known[c].kind for c in rule.columns]
    if isinstance(rule, FixedCombinations):
        wrong = [c for c in rule.columns if not is_discrete(known[c], train)]
        return [f"column {c!r} was read as {known[c].kind}; only discrete columns have combinations" for c in wrong]
    if isinstance(rule, Inequality):
        same = all(k in NUMERIC for k in kinds) or all(k in DATES for k in kinds) or bool(_scale_of(rule, known))
        twice = rule.low_column == rule.high_column
        told = "it takes two columns, both of numbers or both of dates, or categories with the same order"
        return [] if same and not twice else [told]
    try:
        if isinstance(rule, Predicate):
            conditions.broken(rule, train.head(1), known)
        else:
            in_range(known[rule.column], Range(low=rule.low, high=rule.high), train[rule.column].head(1))
    except SpecError as problem:
        return [problem.message]
    return []


def _combinations(
    data: FitData, columns: Sequence[Any], k: int, number: int, rule: Constraint
) -> tuple[Combination, ...]:
    """Combinations of what the generator may write in these columns that at least k people share."""
    words = pd.DataFrame({c.name: _as_written(data, c, k) for c in columns})
    place = words.groupby(list(words.columns), dropna=False, sort=True).ngroup().to_numpy()
    who = np.arange(len(words)) if data.train_people is None else data.train_people
    held = people_per_level(place, who, int(place.max()) + 1) >= k
    first = words.iloc[np.unique(place, return_index=True)[1][held]]
    numeric = [c.name for c in columns if c.kind in NUMERIC]  # a number is never written as "other"
    first = first[~first[numeric].eq(OTHER).any(axis=1)]
    if first.empty:
        raise SpecError(
            f"{title(rule, number)}: no combination is shared by {k} people.", "Name fewer columns, or coarser ones."
        )
    return tuple(tuple(None if v is None or v != v else str(v) for v in row) for row in first.to_numpy(object))


def _as_written(data: FitData, column: Any, k: int) -> np.ndarray:
    """A column of the training rows as words, with what few people have merged as the encoding merges it."""
    words = as_words(data.train[column.name])
    made = fit_categories(words, column.name, column.kind, bool(column.public), data.train_people, k)
    return made.decode(made.encode(words), np.random.default_rng(0))
