"""What to do: frozen specifications, stored with a job, hashed into the release card, enough to repeat the run."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from synthgen.errors import SpecError

ColumnKind = Literal[
    "number", "integer", "boolean", "category", "code", "date", "datetime", "id", "person", "constant", "empty", "text"
]


S = TypeVar("S", bound="Spec")


class Spec(BaseModel):
    """Base of every specification: frozen, no unknown field, one canonical JSON text and hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def canonical(self) -> str:
        """The JSON text that is hashed: sorted keys, no spaces."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """SHA-256 of the canonical JSON text, hexadecimal."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


class ColumnOverride(Spec):
    """What the owner says about one column before training; `None` keeps what was inferred."""

    kind: ColumnKind | None = None
    public: bool | None = Field(None, description="Its categories may appear even when fewer than k people hold them.")
    missing_tokens: tuple[str, ...] | None = None
    decimals: int | None = Field(None, ge=0, le=12)
    drop: bool | None = Field(None, description="Leave the column out of everything.")


class GroupTarget(Spec):
    """So many rows of the group that meets every `column = value` of `where`."""

    where: dict[str, str | float | int | bool]
    rows: int = Field(gt=0, le=100_000_000)


class SampleSpec(Spec):
    """What to draw from a fitted generator.

    `mix` is "data" (shares as in the data) or "balanced" (equal shares of every value of each column in `balance`).
    Columns named in `balance` are balanced whatever `mix` says; a balanced mix that names none balances the target.
    `fixed` holds column = value for every row. `targets`, when given, replaces `rows`.
    `resample` is the critic's dial: how many candidates are drawn for each row kept ("off", "2x", "4x").
    """

    rows: int | None = Field(None, gt=0, le=100_000_000, description="None: as many as the source has.")
    mix: Literal["data", "balanced"] = "data"
    balance: tuple[str, ...] = ()
    fixed: dict[str, str | float | int | bool] = {}
    targets: tuple[GroupTarget, ...] = ()
    resample: Literal["off", "2x", "4x"] = "2x"
    seed: int = 0


class GateRule(Spec):
    """One bound of a policy.

    `metric` is "metric_name" or "metric_name/figure_name". `compare` picks the number: its value, the lower or upper
    end of its interval, or value minus hold-out ("excess"), value over hold-out ("ratio"). `required`: a result that is
    missing, failed, insufficient, not applicable or NaN blocks. A rule has at least one bound.
    """

    metric: str
    compare: Literal["value", "lower", "upper", "excess", "lower_excess", "upper_excess", "ratio"] = "value"
    at_most: float | None = Field(None, allow_inf_nan=False)
    at_least: float | None = Field(None, allow_inf_nan=False)
    required: bool = True
    because: str = ""

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.at_most is None and self.at_least is None:
            raise ValueError("a rule needs a bound: at_most, at_least or both")
        return self


class GatePolicy(Spec):
    """A named list of rules: data, not code."""

    name: str = "custom"
    rules: tuple[GateRule, ...] = ()


class RunSpec(Spec):
    """One augmentation job, complete: with the dataset it is enough to repeat the run."""

    modality: str = "tabular"
    generator: str = "auto"
    params: dict[str, Any] = {}
    target: str | None = None
    positive: str | None = None
    columns: dict[str, ColumnOverride] = {}
    k_floor: int = Field(10, ge=2, le=1000, description="People a category, group or extreme needs to be kept.")
    validation_share: float = Field(0.1, gt=0, lt=0.5)
    holdout_share: float = Field(0.2, ge=0, lt=0.5, description="0: the caller keeps its own hold-out.")
    time_budget: int = Field(180, ge=5, le=7 * 24 * 3600, description="Seconds of training to plan for.")
    seed: int = Field(0, ge=0)
    sample: SampleSpec = SampleSpec()
    policy: GatePolicy | str = "standard"


def checked(kind: type[S], **fields: Any) -> S:
    """A specification from what a caller of the library gave. Raises SpecError, which names fields and no value."""
    try:
        return kind(**fields)
    except ValidationError as error:
        told = {str(next(iter(e["loc"]), "all")): e["msg"] for e in error.errors(include_input=False)}
    problems = [f"{'where' if name == 'fixed' else name} {_expected(kind, name, text)}" for name, text in told.items()]
    raise SpecError(f"Out of range: {'; '.join(problems)}.", "Give values in the allowed range.")


def _expected(kind: type[Spec], name: str, message: str) -> str:
    """What a field takes, in words: its bounds, or what the validator says, which never holds the value."""
    if name in ("fixed", "params", "columns", "targets"):
        return {"fixed": "takes a text, a number, true or false for each column"}.get(name, "is not of the right type")
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    rules = kind.model_fields[name].metadata if name in kind.model_fields else []
    bounds = [f"{text} {getattr(rule, sign)}" for rule in rules for sign, text in words.items() if hasattr(rule, sign)]
    return f"must be {' and '.join(bounds)}" if bounds else message.replace("Input should be", "must be")
