"""What a rendering of a scorecard is, as records: the published schema of scorecard.json is made from them.

`python -m synthgen.release.rendering` prints the schema, which stands beside this file as scorecard.schema.json and in
every bundle.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field

from synthgen.contracts import Interval, MetricResult, Record, Status, Verdict

VERSION = 1
SCHEMA_ID = f"urn:synthgen:scorecard:{VERSION}"
PATH = Path(__file__).with_name("scorecard.schema.json")

Tone = Literal["good", "look", "bad", "unknown", "plain"]
State = Literal["gains", "safe", "unclear", "none", "insufficient", "not_applicable", "error"]


class Said(Record):
    """One answer of the summary, for people without statistics."""

    about: str
    text: str
    tone: Tone = Field("plain", description="good, look (closely), bad, unknown (could not be judged) or plain.")


class RiskLine(Record):
    """One attack on one population, as it may be shown."""

    population: str
    whole: bool
    state: State = Field(description="gains: better than chance on training people, after Holm's correction.")
    status: Status
    reason: str = ""
    value: float | None = Field(None, description="Success on people of the training data.")
    interval: Interval | None = None
    holdout: float | None = Field(None, description="The same on people the generator never saw: the control.")
    baseline: float | None = Field(None, description="Success without the synthetic set.")
    attempts: int | None = None
    p_value: float | None = Field(None, description="One-sided, before correction.")


class Risk(Record):
    """One attack, on the whole set first and then on each population."""

    metric: str
    title: str
    explanation: str
    lines: tuple[RiskLine, ...]


class Bin(Record):
    """Shares of one bin of a column."""

    label: str
    real: float
    synthetic: float
    suppressed: bool = False


class ShownPlot(Record):
    """Real and synthetic shares of one column; `hidden`: how many bins were left out or put together."""

    column: str
    kind: Literal["category", "number", "date"]
    bins: tuple[Bin, ...]
    hidden: int = 0


class Facts(Record):
    """Rows that were compared; of real rows rounded in a release."""

    rows: int
    train_rows: int
    holdout_rows: int


class Unmeasured(Record):
    """A score, or a part of one, without a number, and why."""

    title: str
    status: Status
    reason: str


class Rendering(Record):
    """A scorecard as it is shown: "review" to those who may see the source, "release" to everybody."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, title="synthgen scorecard")

    schema_id: Literal["urn:synthgen:scorecard:1"] = Field("urn:synthgen:scorecard:1", alias="$schema")
    version: Literal[1] = 1
    rendering: Literal["review", "release"]
    title: str
    generator: str
    modality: str = Field("tabular", description="tabular or images.")
    k_floor: int
    summary: tuple[Said, ...]
    verdict: Verdict | None
    facts: Facts
    scores: tuple[MetricResult, ...]
    risks: tuple[Risk, ...]
    plots: tuple[ShownPlot, ...]
    unmeasured: tuple[Unmeasured, ...]
    emphasis: Mapping[str, Any] = {}
    filters: Mapping[str, Any] = {}
    differential_privacy: Mapping[str, Any] | None = Field(None, description="The accountant's receipt.")
    notes: tuple[str, ...] = ()
    release: Mapping[str, Any] | None = None
    methods: tuple[str, ...]
    limits: tuple[str, ...]


def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of both renderings."""
    made = Rendering.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **made}


def text() -> str:
    """The schema as it is published."""
    return json.dumps(schema(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
