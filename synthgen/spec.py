"""What to do: frozen specifications, stored with a job, hashed into the release card, enough to repeat the run."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from synthgen import predicates
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
    determined_by: str | None = Field(
        None, description="The column whose value decides this one's: code for its name. Empty: none decides it."
    )
    order: tuple[str, ...] | None = Field(None, description="Its categories, the lowest first; empty: they have none.")
    codes: tuple[str, ...] | None = Field(
        None, description="The only texts it may hold, those that k people share; all others become a placeholder."
    )
    place_with: str | None = Field(
        None, description="The other coordinate of a place on the map; empty: the column is a number of its own."
    )


if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class _Told(ModelMetaclass):
    """Makes a call of the class with bad values a SpecError; inside other specifications pydantic checks as always."""

    def __call__(cls, *args: Any, **fields: Any) -> Any:
        try:
            return super().__call__(*args, **fields)
        except ValidationError as error:
            raise _refused(cls, error) from None


class Asked(Spec, metaclass=_Told):
    """Base of what users of the library build themselves: wrong values raise SpecError, which names no value."""


class Range(Asked):
    """Values from `low` to `high`, both included; None: open on that side. Dates are written 2024-01-31.

    A date alone as the high end of a column with times of day means the whole of that day. Missing is not in a range.
    """

    low: int | float | str | None = None
    high: int | float | str | None = None

    @model_validator(mode="after")
    def _has_ends_in_order(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("a range needs a low or a high end")
        ends = [end for end in (self.low, self.high) if isinstance(end, int | float)]
        if any(end != end for end in ends) or (len(ends) == 2 and ends[0] > ends[1]):
            raise ValueError("a range needs a low end that is not above its high end")
        return self


class OneOf(Asked):
    """Any of these values; None among them stands for missing."""

    values: tuple[str | float | int | bool | None, ...] = Field(min_length=1)


Wish = str | float | int | bool | None | Range | OneOf
"""What a column may be fixed to: one value, None for missing, a range, or one of several values."""


class GroupTarget(Asked):
    """So many rows of the group that meets every `column = wish` of `where`."""

    where: dict[str, Wish]
    rows: int = Field(gt=0, le=100_000_000)


class SampleSpec(Spec):
    """What to draw from a fitted generator.

    `mix` is "data" (shares as in the data) or "balanced" (equal shares of every value of each column in `balance`).
    Columns named in `balance` are balanced whatever `mix` says; a balanced mix that names none balances the target.
    `balance_within`: the columns in `balance` are balanced inside every value of this column, whose own shares stay as
    in the data. `fixed` holds column = wish for every row: a value, None (missing), a Range or OneOf. `targets`, when
    given, replaces `rows`. `resample` is the critic's dial: how many candidates are drawn for each row kept ("off",
    "2x", "4x"). `drop`: rows that are near copies of training rows, or outliers, are dropped and drawn again.
    """

    rows: int | None = Field(None, gt=0, le=100_000_000, description="None: as many as the source has.")
    mix: Literal["data", "balanced"] = "data"
    balance: tuple[str, ...] = ()
    balance_within: str | None = None
    fixed: dict[str, Wish] = {}
    targets: tuple[GroupTarget, ...] = ()
    resample: Literal["off", "2x", "4x"] = "2x"
    drop: tuple[Literal["near_copies", "outliers"], ...] = ()
    truncation: float = Field(1.0, gt=0, le=1, description="Of images: below 1, likelier and less varied ones.")
    seed: int = 0


class Within(Asked):
    """Filled cells of `column` lie from `low` to `high`, both included; None: open on that side."""

    kind: Literal["range"] = "range"
    column: str
    low: int | float | str | None = None
    high: int | float | str | None = None
    source_may_break: bool = Field(False, description="The source's own rows need not keep it; synthetic ones do.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        try:
            Range.model_validate({"low": self.low, "high": self.high})
        except ValidationError as error:  # its own text would quote what was typed
            told = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ValueError(told) from None
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about."""
        return (self.column,)


class Inequality(Asked):
    """Where both cells are filled, `low_column` is at most `high_column` (`strict`: below it)."""

    kind: Literal["inequality"] = "inequality"
    low_column: str
    high_column: str
    strict: bool = False
    source_may_break: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about."""
        return (self.low_column, self.high_column)


class FixedCombinations(Asked):
    """Only combinations of values of these discrete columns that at least k people of the source share."""

    kind: Literal["fixed_combinations"] = "fixed_combinations"
    columns: tuple[str, ...] = Field(min_length=2)


class Unique(Asked):
    """No combination of filled cells of these columns comes twice."""

    kind: Literal["unique"] = "unique"
    columns: tuple[str, ...] = Field(min_length=1)
    source_may_break: bool = False


class Predicate(Asked):
    """A condition on one row, as it stands after WHERE in SQL: `discharge >= admission OR status = 'open'`.

    A row whose missing cells leave the answer open keeps it (three-valued logic). Rows of fewer than k people of the
    source may break it, so that nobody can ask the data about one person.
    """

    kind: Literal["predicate"] = "predicate"
    expression: str
    source_may_break: bool = False

    @field_validator("expression")
    @classmethod
    def _is_about_one_row(cls, text: str) -> str:
        predicates.columns_of(text)
        return text

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about."""
        return predicates.columns_of(self.expression)


Constraint = Annotated[Within | Inequality | FixedCombinations | Unique | Predicate, Field(discriminator="kind")]
"""A rule that every synthetic row keeps."""


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


class AttackRule(Spec):
    """What a policy asks of the attacks, over all of them and all groups together.

    An attack *blocks* when it does better on training people than on the hold-out: its p-value, corrected by Holm over
    every attack and group of the scorecard, is at most `level`, and the lower end of the interval of (attack minus
    hold-out) is above 0. It is *shown safe* when the upper end is at most `threshold`. Whoever must be shown safe fails
    where that cannot be told.
    """

    metrics: tuple[str, ...] = Field(min_length=1, description="The metrics that are attacks; each must be measured.")
    level: float = Field(0.05, gt=0, lt=0.5, description="Chance of blocking a set that no attack gains from.")
    threshold: float = Field(0.09, gt=0, le=1, description="Most that an attack may gain on the whole set.")
    whole: Literal["shown_safe", "no_block"] = "shown_safe"
    groups: Literal["shown_safe", "no_block"] = "no_block"
    optional: tuple[str, ...] = Field(
        (), description="Metrics that need not apply; where nothing must be shown safe, too little data passes as well."
    )
    because: str = ""


class GatePolicy(Spec):
    """A named list of rules and what is asked of the attacks: data, not code."""

    name: str = "custom"
    rules: tuple[GateRule, ...] = ()
    attacks: AttackRule | None = None


class AttackPlan(Spec):
    """Which attacks are run, planned before the first one: the same seed and plan give the same attacks.

    `size`: "standard" attacks the whole set and the small groups pooled by kind; "full" also every group with at least
    200 people in training and 100 in the hold-out, and more people each.
    """

    size: Literal["standard", "full"] = "standard"
    secrets: tuple[str, ...] = Field((), description="Columns an attacker wants to know; empty: chosen by rule.")
    known: tuple[str, ...] = Field((), description="Columns an attacker knows already; empty: all but the secret.")


class DifferentialPrivacy(Asked):
    """Differential privacy of the released rows to a stated epsilon and delta, with one person as unit.

    What one person's rows can change about the set is bounded whatever an attacker knows: the chance of any outcome by
    a factor of e^epsilon, but for a chance of delta. Numbers of people and rows, and what the schema says of kinds and
    formats, are taken as known to everybody.
    """

    epsilon: float = Field(gt=0, le=20)
    delta: float | None = Field(None, gt=0, lt=0.01, description="None: a tenth of one over the people trained on.")
    counts_share: float = Field(
        0.2, gt=0, lt=1, description="Share of the budget for levels, bins, ranges, gaps and group weights."
    )
    rows_per_person: int = Field(4, ge=1, le=64, description="Rows of a person that are used; others by chance not.")
    kinds_declared: bool = Field(
        False, description="Refuse columns whose kind the owner did not declare, instead of taking kinds as known."
    )


class ImageOptions(Asked):
    """How images are brought to one form before anything is learnt from them; None: chosen from the images.

    `label` and `person` name the columns of the set's table that hold the class and the source or patient.
    `size` is the height and width in pixels. `fit`: images of another shape are padded to a square, stretched, or cut.
    `grouped`: images of one source or patient, where the file names one, stay on one side of the split.
    """

    size: int | None = Field(None, ge=8, le=128)
    channels: Literal[1, 3] | None = None
    fit: Literal["pad", "stretch", "crop"] = "pad"
    grouped: bool = True
    label: str | None = None
    person: str | None = None


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
    constraints: tuple[Constraint, ...] = ()
    sample: SampleSpec = SampleSpec()
    attacks: AttackPlan = AttackPlan()
    privacy: DifferentialPrivacy | None = Field(None, description="None: no differential privacy.")
    images: ImageOptions = ImageOptions()
    policy: GatePolicy | str = "standard"


def private(epsilon: float | None, delta: float | None) -> DifferentialPrivacy | None:
    """The differential privacy that two numbers mean, None for none. Raises SpecError for a delta alone."""
    if epsilon is None and delta is not None:
        raise SpecError("A delta was given and no epsilon.", "Give both, or epsilon alone.")
    return None if epsilon is None else DifferentialPrivacy(epsilon=epsilon, delta=delta)


def checked(kind: type[S], **fields: Any) -> S:
    """A specification from what a caller of the library gave. Raises SpecError, which names fields and no value."""
    try:
        return kind(**fields)
    except ValidationError as error:
        raise _refused(kind, error) from None


def _refused(kind: type[Any], error: ValidationError) -> SpecError:
    """The refusal of a specification, in words that name its fields and no value."""
    told = {str(next(iter(e["loc"]), "")): e["msg"].removeprefix("Value error, ") for e in error.errors()}
    problems = [f"{'where' if name == 'fixed' else name} {_expected(kind, name, text)}" for name, text in told.items()]
    words = "; ".join(problem.strip() for problem in problems)
    return SpecError(f"{kind.__name__}: {words}.", "Correct what is named.")


WISH = "takes a text, a number, true, false, None, a Range or OneOf for each column"


def _expected(kind: type[Spec], name: str, message: str) -> str:
    """What a field takes, in words: its bounds, or what the validator says, which never holds the value."""
    if name in ("fixed", "where", "params", "columns", "targets"):
        return WISH if name in ("fixed", "where") else "is not of the right type"
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    rules = kind.model_fields[name].metadata if name in kind.model_fields else []
    bounds = [f"{text} {getattr(rule, sign)}" for rule in rules for sign, text in words.items() if hasattr(rule, sign)]
    return f"must be {' and '.join(bounds)}" if bounds else message.replace("Input should be", "must be")
