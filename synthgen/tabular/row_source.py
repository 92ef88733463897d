"""Rows of a generator under one request and the rules, freely or given some columns, whatever the generator can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from synthgen.contracts import Generator
from synthgen.runtime import RunContext
from synthgen.spec import OneOf, Range, SampleSpec, Wish
from synthgen.tabular.allowed import FREE, Allowed
from synthgen.tabular.constraints import NO_RULES, Rules
from synthgen.tabular.links import confined
from synthgen.tabular.mixes import balanced_columns


@dataclass(frozen=True)
class RowSource:
    """A fitted generator, one plain request (no target groups) and the rules that every row keeps."""

    generator: Generator
    request: SampleSpec
    rules: Rules = NO_RULES

    @property
    def conditional(self) -> bool:
        """Whether rows can be drawn given some of their columns, and the others still as the request says."""
        able = self.generator.capabilities
        return (
            "condition" in able
            and hasattr(self.generator, "sample_given")
            and ("constrain" in able or not self.request.fixed)
        )

    def rows(self, count: int, ctx: RunContext, seed: int | None = None) -> Iterator[pd.DataFrame]:
        """At least `count` rows in chunks, by another seed than the request's if one is given.

        A generator that cannot keep rules gives rows that may break them.
        """
        plain = self.request.model_copy(update={"rows": count, "seed": self.request.seed if seed is None else seed})
        if self.rules.constraints and "constrain" in self.generator.capabilities:
            extra: dict[str, Any] = {"rules": self.rules}
            return self.generator.sample(plain, count, ctx, **extra)
        return self.generator.sample(plain, count, ctx)

    def given(
        self, fixed: pd.DataFrame, columns: Sequence[str], ctx: RunContext, seed: int | None = None
    ) -> pd.DataFrame:
        """Rows that hold the cells of `fixed`: drawn given them where the generator can, else overwritten."""
        if self.conditional:
            extra = () if self._allowed is FREE else (self._allowed,)
            drawn = self.generator.sample_given(fixed, ctx, *extra)  # type: ignore[attr-defined]
        else:
            drawn = pd.concat(list(self.rows(len(fixed), ctx, seed)), ignore_index=True).iloc[: len(fixed)]
        drawn = drawn.reset_index(drop=True)
        for name in fixed.columns:
            drawn[name] = fixed[name].to_numpy()
        return drawn[list(columns)]

    @cached_property
    def _allowed(self) -> Allowed:
        """What the request and the rules leave to columns that are not given."""
        encoding = getattr(self.generator, "encoding", None)
        if encoding is None or "constrain" not in self.generator.capabilities:
            return FREE
        if not self.request.fixed and not self.rules.constraints:
            return FREE
        return confined(encoding, self.rules, encoding.allowed(self.request.fixed))


def allotted(request: SampleSpec, target: str | None = None) -> set[str]:
    """Columns that a request gives a value in each row: fixed to one, or balanced (the `target`, if it names none)."""
    balance = balanced_columns(request, target)
    return {*one_value(request.fixed), *balance, *filter(None, [request.balance_within])}


def one_value(fixed: Mapping[str, Wish]) -> set[str]:
    """The columns fixed to a single value."""
    return {name for name, wish in fixed.items() if not isinstance(wish, Range | OneOf)}
