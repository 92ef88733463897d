"""The records that flow and the protocols they flow through.

Source -> (Schema, Split) -> fitted Generator -> SyntheticSet -> Scorecard -> Verdict -> ReleasedSet -> bundle.
Each step takes only types to its left. Records are frozen; data are modality-specific (a table is a typed frame).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from synthgen.runtime import RunContext
from synthgen.spec import GatePolicy, RunSpec, SampleSpec


class Record(BaseModel):
    """A frozen record that can be written as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- data -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """What was read from a file or a frame, before any interpretation.

    `data` is the raw table; `layout` says how the file was written (separator, encoding, ...) so that output can be
    written the same way; `notes` tells the owner what was done to read it, without cell values.
    """

    name: str
    data: Any
    sha256: str
    layout: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FitData:
    """What a generator may see: never the hold-out."""

    train: Any
    validation: Any
    train_people: np.ndarray | None = None
    validation_people: np.ndarray | None = None


@dataclass(frozen=True)
class Split:
    """Train, validation and hold-out, by person where a key repeats.

    `*_people` are integer arrays, one entry per row: which person a row belongs to (None: every row is a person).
    """

    train: Any
    validation: Any
    holdout: Any
    train_people: np.ndarray | None = None
    validation_people: np.ndarray | None = None
    holdout_people: np.ndarray | None = None

    @property
    def fitting(self) -> FitData:
        """The part that `fit` is handed."""
        return FitData(self.train, self.validation, self.train_people, self.validation_people)


@runtime_checkable
class Group(Protocol):
    """A mode worth protecting: class, rare category, spike, tail, rare pair; at least k people are in it."""

    name: str  # may hold cell values: review rendering only, unless every value in it is over the k-floor
    kind: str
    columns: tuple[str, ...]

    def mask(self, data: Any) -> np.ndarray:
        """Boolean array: which records of `data` belong."""
        ...


class SyntheticSet(Protocol):
    """Generated records as chunks on disk, never one frame in memory."""

    rows: int
    directory: Path
    spec: SampleSpec
    generator: str
    notes: tuple[str, ...]

    def chunks(self) -> Iterator[Any]:
        """The records, a bounded chunk at a time, in order."""
        ...

    def take(self, n: int, seed: int = 0) -> Any:
        """At most `n` records drawn over the whole set without replacement, as one piece of data."""
        ...


class Generator(Protocol):
    """A generative model of one modality.

    `capabilities` may hold "log_prob", "condition" (fixed values of any column), "balance", "constrain" (rules are kept
    as rows are drawn; without it rows are drawn again), "impute", "follow" (columns that others determine come out so)
    and "relate" (weekdays, the time between dates and places are kept). `save` writes named tensors and JSON, never a
    pickle. `parameters()` is the frozen params class the catalog shows as a form.
    """

    name: ClassVar[str]
    capabilities: ClassVar[frozenset[str]]

    def fit(self, data: FitData, schema: Any, groups: Sequence[Group], ctx: RunContext) -> Self: ...
    def sample(self, spec: SampleSpec, rows: int, ctx: RunContext) -> Iterator[Any]: ...
    def save(self, directory: Path) -> None: ...
    @classmethod
    def load(cls, directory: Path, device: str = "cpu") -> Self: ...
    def report(self) -> Mapping[str, Any]:
        """JSON-ready account of training for the card: steps, stop reason, curves, group excess; no cell value."""
        ...


# --- scores ---------------------------------------------------------------------------------------------------------


class Status(StrEnum):
    """Only `ok` can ever read as a pass."""

    OK = "ok"
    NOT_APPLICABLE = "not_applicable"
    INSUFFICIENT = "insufficient"
    ERROR = "error"


class Interval(Record):
    """A confidence interval and how it was made."""

    low: float
    high: float
    level: float = 0.95
    method: str = ""


class Attempts(Record):
    """What the result of an attack adds: how many people were attacked, what guessing gets, and how sure it is.

    `value` is then the success rate on training people, `holdout` on people the generator never saw (the control), and
    `interval` carries the sampling error of both, so that its ends minus `holdout` bound their difference.
    """

    attempts: int | None = None  # people attacked on the training side
    baseline: float | None = None  # success rate of an attacker who has no synthetic set
    p_value: float | None = None  # one-sided: success on training people is no higher than on the control


class Figure(Attempts):
    """One number with what belongs beside it: interval and the same number for real hold-out data."""

    name: str
    title: str = ""
    status: Status = Status.OK
    reason: str = ""
    value: float | None = None
    interval: Interval | None = None
    holdout: float | None = None


class GroupFigure(Attempts):
    """One line of a breakdown by group or column.

    `label` may hold cell values. `suppressed`: no release rendering may name it. Counts are people (real) and rows.
    `census` is represented, thin, lost, "too few to tell" or empty. `status` says whether the line could be judged.
    """

    label: str
    kind: str
    columns: tuple[str, ...] = ()
    suppressed: bool = False
    real_count: int | None = None
    synthetic_count: int | None = None
    value: float | None = None
    interval: Interval | None = None
    holdout: float | None = None
    census: Literal["", "represented", "thin", "lost", "too few to tell"] = ""
    status: Status = Status.OK
    reason: str = ""


class MetricResult(Attempts):
    """What a metric found. `best` is the ideal value; `low` and `high` bound the range."""

    metric: str
    title: str
    family: Literal["fidelity", "coverage", "utility", "privacy"]
    better: Literal["higher", "lower", "closer"]
    low: float
    high: float
    best: float
    status: Status = Status.OK
    reason: str = ""
    value: float | None = None
    interval: Interval | None = None
    holdout: float | None = None
    figures: tuple[Figure, ...] = ()
    groups: tuple[GroupFigure, ...] = ()
    verdict: str = ""  # advice in a few words, such as "use +50 %" or "do not use"; `reason` then says why
    explanation: str = ""
    source: str = ""


class Plot(Record):
    """Real, hold-out and synthetic shares over the same bins of one column; `real_counts` are people per bin."""

    column: str
    kind: Literal["category", "number", "date"]
    bins: tuple[str, ...]
    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    real_counts: tuple[int, ...]
    suppressed: tuple[bool, ...]


class Scorecard(Record):
    """Every result on one synthetic set, with what was compared."""

    results: tuple[MetricResult, ...]
    plots: tuple[Plot, ...] = ()
    rows: int
    compared_rows: int
    holdout_rows: int
    train_rows: int
    k_floor: int
    generator: str
    modality: str = "tabular"
    emphasis: Mapping[str, Any] = {}
    filters: Mapping[str, Any] = {}  # what was dropped after drawing, and scores before and after it; no cell value
    notes: tuple[str, ...] = ()

    def result(self, metric: str) -> MetricResult | None:
        """The result of one metric, or None."""
        return next((r for r in self.results if r.metric == metric), None)


class Metric(Protocol):
    """Measures one thing; states its name, direction and range; never raises for data it cannot judge."""

    name: ClassVar[str]
    title: ClassVar[str]
    family: ClassVar[Literal["fidelity", "coverage", "utility", "privacy"]]

    def compute(
        self,
        split: Split,
        synthetic: SyntheticSet,
        schema: Any,
        groups: Sequence[Group],
        ctx: RunContext,
        generator: Generator | None = None,
    ) -> MetricResult: ...


class Reason(Record):
    """One rule of the policy and how it came out.

    Of an attack, `rule` is the metric, or "metric/groups" for what it gains on groups; `value` is then the largest gain
    that its intervals leave open, `bound` what the policy allows, `p_value` the smallest after Holm's correction.
    """

    rule: str
    passed: bool
    message: str
    value: float | None = None
    bound: float | None = None
    p_value: float | None = None


class Verdict(Record):
    """What the gate decided about one synthetic set. `final`: why not even an override may release it, or empty."""

    outcome: Literal["blocked", "awaiting_review"]
    reasons: tuple[Reason, ...]
    policy: GatePolicy
    final: str = ""

    @property
    def failed(self) -> tuple[Reason, ...]:
        """The rules that were not met."""
        return tuple(r for r in self.reasons if not r.passed)


class Override(Record):
    """Why a set that the gate blocked may leave all the same: one person asked, a second confirmed.

    `failed` names every rule that was not met. Times are ISO 8601, UTC.
    """

    reason: str = Field(pattern=r"\S")
    failed: tuple[str, ...] = Field(min_length=1)
    requested_by: str = Field(pattern=r"\S")
    requested_at: str
    confirmed_by: str = Field(pattern=r"\S")
    confirmed_at: str

    @model_validator(mode="after")
    def _takes_two(self) -> Self:
        if self.requested_by.strip() == self.confirmed_by.strip():
            raise ValueError("an override is confirmed by another person than the one who asked for it")
        return self


class Release(Record):
    """Who released a set to whom and why. Times are ISO 8601, UTC. `override`: only of a set that the gate blocked."""

    purpose: str
    recipient: str
    released_by: str
    released_at: str
    expires_at: str | None = None
    note: str = ""
    override: Override | None = None


# --- what a modality offers -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A generator or metric the catalog may name; nothing is imported until `load`."""

    target: str  # "package.module:Name"
    title: str
    params: str = ""  # "package.module:ParamsClass" of a generator
    figures: tuple[str, ...] = ()  # of a metric: what a rule of a policy may name after "/"
    capabilities: frozenset[str] | None = None  # of a generator, as its class has them; None: not known before `load`
    holds_records: bool = False  # a generator whose model is the training rows themselves: it must not leave
    private: str = ""  # "package.module:Name" of the generator's counterpart under differential privacy; empty: none

    def load(self) -> Any:
        """Import and return the object."""
        return resolve(self.target)


@dataclass(frozen=True)
class Modality:
    """One kind of data. Each string names a function "package.module:name", imported when first used.

    read(path, limits) -> Source; from_memory(frame) -> Source; infer(source, spec) -> Schema;
    split(source, schema, spec, ctx) -> Split; census(split, schema, spec) -> tuple[Group, ...];
    load_schema(json) -> Schema; write(chunks, schema, directory, spec, generator) -> SyntheticSet;
    open_set(directory) -> SyntheticSet; export(synthetic, schema, directory) -> list[Path];
    plots(split, synthetic, schema, spec) -> tuple[Plot, ...]; preview(source, schema, rows) -> dict;
    summary(source, schema) -> dict; safe_schema(schema) -> dict; nameable(schema, rendering) -> {column: names}.
    Optional kept_schema(schema) -> Schema is what goes with a saved model in the schema's place.
    `notice` is what a bundle's README says of its files.
    """

    name: str
    title: str
    functions: Mapping[str, str]
    generators: Mapping[str, Entry]
    metrics: Mapping[str, Entry]
    notice: str = ""

    def offers(self, function: str) -> bool:
        """Whether the data kind has a step that not every kind has."""
        return function in self.functions

    def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Import and call one of the modality's functions."""
        return resolve(self.functions[function])(*args, **kwargs)


def resolve(target: str) -> Any:
    """The object that "package.module:Name" or "package.module:Class.method" names."""
    module, _, name = target.partition(":")
    return attrgetter(name)(importlib.import_module(module))


__all__ = [
    "Entry",
    "Figure",
    "FitData",
    "Generator",
    "Group",
    "GroupFigure",
    "Interval",
    "Metric",
    "MetricResult",
    "Modality",
    "Override",
    "Plot",
    "Reason",
    "Record",
    "Release",
    "RunSpec",
    "Scorecard",
    "Source",
    "Split",
    "Status",
    "SyntheticSet",
    "Verdict",
    "resolve",
]
