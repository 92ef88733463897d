"""Which columns an attacker wants to know, and which are known already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from synthgen.errors import SpecError, raise_all
from synthgen.spec import AttackPlan
from synthgen.tabular.metrics.attacks.frames import Columns
from synthgen.tabular.modes import DATES

MOST = 4
FEWEST_LEVELS, MOST_LEVELS = 2, 50
DISCRETE, NUMBERS = 2, 1  # places for columns beside the target


def chosen(plan: AttackPlan, schema: Any, train: pd.DataFrame, columns: Columns) -> tuple[str, ...]:
    """The plan's secrets that vary; by default the target and the columns that say most, at most four in all.

    A plan whose secrets do not vary, or that leaves none by what it takes as known, gets the default: no plan makes an
    attack inapplicable. A default secret is discrete with 2 to 50 values or a number; no date, and no column that
    another one determines or that follows from others, as knowing those tells it of anybody. Of each sort come first
    those whose commonest value is rarest: it is there that a guess without the set is poor.
    """
    if named := tuple(s for s in plan.secrets if s in columns.names):
        return named
    free = [c.name for c in schema.modelled if c.name in columns.names and _free(c)]
    target = [schema.target] if schema.target in columns.names else []
    others = [c for c in free if c not in target]
    rest = [c for c in others if c not in plan.known] or ([] if target else others)
    shares = {c: float(train[c].value_counts(normalize=True).iloc[0]) for c in rest if train[c].notna().any()}
    ranked = sorted(shares, key=lambda c: shares[c])
    words = [c for c in ranked if c in columns.discrete and FEWEST_LEVELS <= train[c].nunique() <= MOST_LEVELS]
    numbers = [c for c in ranked if c not in columns.discrete]
    places = DISCRETE + NUMBERS
    kept = [*words[:DISCRETE], *numbers[:NUMBERS], *words[DISCRETE:], *numbers[NUMBERS:]][:places]
    return (*target, *kept)


def _free(column: Any) -> bool:
    return column.kind not in DATES and column.determined_by is None and column.formula is None


def known_of(plan: AttackPlan, columns: Columns, secret: str) -> tuple[str, ...]:
    """What the attacker knows of a person whose secret this is: the plan's known columns, or all others."""
    known = plan.known or columns.names
    return tuple(c for c in columns.names if c in known and c != secret)


def check(plan: AttackPlan, schema: Any) -> None:
    """Raise SpecError for a plan about columns that are not modelled, or with too many secrets."""
    raise_all(SpecError, _problems(plan, schema), "Name modelled columns of the table, each once.")


def _problems(plan: AttackPlan, schema: Any) -> Iterator[str]:
    there = {c.name for c in schema.modelled}
    for what, names in (("secrets", plan.secrets), ("known", plan.known)):
        absent = [name for name in names if name not in there]
        if absent:
            yield f"The attack plan's {what} name columns that are absent or not modelled: {_listed(absent)}."
        if len(set(names)) < len(names):
            yield f"The attack plan's {what} name a column twice."
    if len(plan.secrets) > MOST:
        yield f"The attack plan names {len(plan.secrets)} secrets; at most {MOST} are attacked in one scoring."
    lone = [s for s in plan.secrets if plan.known and set(plan.known) <= {s}]
    if lone:
        yield f"The attacker of {_listed(lone)} would know nothing but the secret itself."


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(map(repr, names[:10])) + more
