"""The steps of a run that images have little to do in: no column is keyed, constrained or attacked by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from synthgen.contracts import FitData, Generator, Source
from synthgen.errors import SpecError, raise_all
from synthgen.images.schema import CLASS, ImageSchema
from synthgen.images.stack import ImageStack
from synthgen.runtime import RunContext
from synthgen.spec import AttackPlan, RunSpec, SampleSpec

FOR_TABLES = "These settings are for tables: leave them out."


def check_spec(spec: RunSpec) -> None:
    """Refuse what only a table has. Raises SpecError with every problem."""
    said = {
        "columns": bool(spec.columns),
        "constraints": bool(spec.constraints),
        "positive": spec.positive is not None,
        "privacy": spec.privacy is not None,
        "attacks.secrets": bool(spec.attacks.secrets),
        "attacks.known": bool(spec.attacks.known),
        "sample.balance_within": spec.sample.balance_within is not None,
    }
    problems = [f"A job on images has no {name}." for name, given in said.items() if given]
    if spec.target not in (None, CLASS):
        problems.append(f"The target of images is their {CLASS}.")
    raise_all(SpecError, problems, FOR_TABLES)


def check_constraints(split: Any, schema: ImageSchema, spec: RunSpec) -> None:
    """Images have no constraints; `check_spec` refused any."""
    check_spec(spec)


def check_attacks(attacks: AttackPlan, schema: ImageSchema) -> None:
    """Attacks on images know no columns. Raises SpecError."""
    if attacks.secrets or attacks.known:
        raise SpecError("Columns were named that an attacker knows or wants to know; images have none.", FOR_TABLES)


def choose(data: FitData, schema: ImageSchema, spec: RunSpec) -> tuple[str, str]:
    """The generator that "auto" means, and why."""
    return "conditional_gan", "it is the generator for images."


def prepare(data: FitData, schema: ImageSchema) -> tuple[FitData, ImageSchema, None]:
    """Training data as they are: images have no keys."""
    return data, schema, None


def learn_constraints(data: FitData, schema: ImageSchema, spec: RunSpec) -> None:
    """Images keep no rules."""


def load_nothing(directory: Path) -> None:
    """What a model of images has in the place of keys and rules."""


def key_notes(schema: ImageSchema, generator: Generator, keys: None) -> list[str]:
    """What a reader of the set must know of how it was made."""
    count = sum(finding.count for finding in schema.findings if finding.what == "left out")
    return [f"{count:,} left out of the source: see the schema."] if count else []


def complete(
    generator: Generator,
    schema: ImageSchema,
    keys: None,
    rows: int,
    request: SampleSpec,
    ctx: RunContext,
    rules: None = None,
    predicates: Sequence[Any] = (),
    notes: list[str] | None = None,
    sieve: None = None,
) -> Iterator[ImageStack]:
    """What the generator draws is complete already."""
    yield from generator.sample(request, rows, ctx)


def summary(source: Source, schema: ImageSchema) -> dict[str, Any]:
    """What may stand in a database row: counts, no class name."""
    told = [f"{f.count} {f.what}: {f.reason}" for f in schema.findings]
    return {"rows": len(source.data), "columns": len(schema.classes), "notes": told}


def safe_schema(schema: ImageSchema) -> dict[str, Any]:
    """What a recipient needs: size, channels and class names, each of at least k people; no count, no file name."""
    return {
        "modality": "images",
        "height": schema.height,
        "width": schema.width,
        "channels": schema.channels,
        "classes": list(schema.classes),
        "fit": schema.fit,
    }


def kept_schema(schema: ImageSchema) -> ImageSchema:
    """The schema as it goes with a model, which may go where the source's file names may not."""
    return schema.model_copy(update={"findings": tuple(f.model_copy(update={"files": ()}) for f in schema.findings)})


def nameable(schema: ImageSchema, rendering: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Every class of the schema has at least k people, so a request may be told with its classes."""
    return {CLASS: frozenset(schema.classes)}
