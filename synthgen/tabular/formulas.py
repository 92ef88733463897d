"""A number that follows from other numbers: a total of its parts, a logarithm, the same amount in another unit.

Coded apart, such a column agrees with its sources to within a bin only, and anybody who adds up sees it. A formula has
one or two constants that every row obeys, so it holds nothing of a single person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

Function = Literal["sum", "itself", "log", "log(1 + x)", "square root", "square", "inverse"]
FUNCTIONS: Mapping[Function, Callable[[np.ndarray], np.ndarray]] = {
    "itself": lambda x: x,
    "log": np.log,
    "log(1 + x)": np.log1p,
    "square root": np.sqrt,
    "square": np.square,
    "inverse": np.reciprocal,
}
INVERSES: Mapping[Function, Callable[[np.ndarray], np.ndarray]] = {
    "itself": lambda x: x,
    "log": np.exp,
    "log(1 + x)": np.expm1,
    "square root": np.square,
    "inverse": np.reciprocal,
}


class Formula(BaseModel):
    """`offset + scale * function(source)`, or the sum of several `sources`.

    Where the function has no value (the logarithm of zero), and where a source is missing, the column holds
    `elsewhere`: a number, None for missing, or "drawn" where the data have no rule for it.
    """

    model_config = ConfigDict(frozen=True)

    function: Function
    sources: tuple[str, ...]
    scale: float = 1.0
    offset: float = 0.0
    elsewhere: float | Literal["drawn"] | None = "drawn"

    @property
    def text(self) -> str:
        """The formula in words, for the schema page."""
        names = " + ".join(map(repr, self.sources))
        shown = names if self.function in ("sum", "itself") else f"{self.function} of {names}"
        plain = self.scale == 1.0 or self.function == "sum"
        shown = shown if plain else f"{self.scale:.6g} times {shown}"
        return shown if self.offset == 0.0 else f"{shown} {'+' if self.offset > 0 else '-'} {abs(self.offset):.6g}"

    @property
    def drawn_elsewhere(self) -> Formula:
        """The same formula, with nothing to say where it has no value."""
        return self.model_copy(update={"elsewhere": "drawn"})

    def values(self, sources: Sequence[np.ndarray]) -> np.ndarray:
        """float64 of what the formula gives for float64 columns of its sources; NaN where it has no value."""
        if self.function == "sum":
            return np.sum(sources, axis=0)
        return self.offset + self.scale * applied(self.function, sources[0])

    def source(self, drawn: np.ndarray, results: np.ndarray) -> np.ndarray:
        """What the one source must be for cells of the result; as it was drawn where no number or several would do."""
        if self.function not in INVERSES or self.scale == 0.0:
            return drawn
        with np.errstate(all="ignore"):
            found = INVERSES[self.function]((results - self.offset) / self.scale)
            good = np.isfinite(found) & np.isclose(self.values([found]), results)
        return np.where(good, found, drawn)

    def cells(self, drawn: np.ndarray, sources: Sequence[np.ndarray]) -> np.ndarray:
        """The column's cells for drawn cells and cells of its sources, float64 with NaN for missing."""
        found = self.values(sources)
        undefined = np.isnan(found)
        if self.elsewhere == "drawn":
            return np.where(undefined, drawn, found)
        return np.where(undefined, np.nan if self.elsewhere is None else self.elsewhere, found)


def applied(function: Function, values: np.ndarray) -> np.ndarray:
    """A function of float64 values; NaN where it has no finite one."""
    with np.errstate(all="ignore"):
        out = FUNCTIONS[function](values.astype(float))
    return np.where(np.isfinite(out), out, np.nan)
