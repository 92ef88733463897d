"""READ ME FIRST: read -> schema -> split -> fit -> sample -> score -> decide. One job, from file to verdict.

Each step takes only what the steps before it made. The trainer child of the worker calls `inspect`, `run`, `sample`,
`fill` or `export`; the library's synthesizer calls the steps one by one.
"""

from __future__ import annotations

import inspect as inspection  # `inspect` is a step
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from synthgen import catalog, scoring
from synthgen.contracts import (
    Entry,
    Generator,
    Group,
    GroupFigure,
    Release,
    Scorecard,
    Source,
    Split,
    SyntheticSet,
    Verdict,
)
from synthgen.errors import InputError
from synthgen.release import bundle, gate, policies
from synthgen.runtime import RunContext
from synthgen.spec import RunSpec, SampleSpec
from synthgen.training import devices

PREVIEW_ROWS = 50
UNSIEVED_ROWS = 20_000
UNSIEVED_METRICS = ("near_copies", "closest_record", "pair", "mode_census")  # cheap, and what dropping rows moves
WITHHELD = "withheld: whoever knows all rows but one could try out that one"


@dataclass(frozen=True)
class Prepared:
    """A source made ready: everything that exists before a generator does."""

    source: Source
    schema: Any
    split: Split
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Model:
    """A fitted generator, what gives its rows their keys, why it was this generator, and the rules rows keep.

    `joint`: which combinations enough people share, for when there is no source to count in. Images have none of keys,
    rules and joint knowledge (None), a private model no joint knowledge.
    """

    generator: Generator
    keys: Any
    choice: str = ""
    rules: Any = None
    joint: Any = None


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind, also on disk."""

    synthetic: SyntheticSet
    scorecard: Scorecard
    verdict: Verdict


def inspect(path: Path, name: str, spec: RunSpec, ctx: RunContext, out: Path) -> dict[str, Any]:
    """Read a file and infer its schema; writes schema.json, preview.json, summary.json to `out`."""
    spec = spec.model_copy(update={"modality": catalog.detect(path, name)})
    modality = catalog.modality(spec.modality)
    ctx.progress("read", 0, 1)
    source = modality.call("read", path, name)
    schema = modality.call("infer", source, spec)
    ctx.progress("read", 1, 1)
    preview = modality.call("preview", source, schema)
    summary = {"modality": spec.modality, **modality.call("summary", source, schema)}
    _write(out, {"schema": schema.model_dump(mode="json"), "preview": preview, "summary": summary})
    return summary


def run(path: Path, name: str, spec: RunSpec, ctx: RunContext, out: Path) -> Outcome:
    """The main job: from a file to a synthetic set with its scorecard and verdict, all written to `out`."""
    catalog.check(spec)
    devices.must_be_there(ctx.device)
    prepared = prepare(_read(path, name, spec, ctx), spec, ctx)
    check_request(prepared, spec.sample, spec)
    model = fit(prepared, spec, ctx)
    save_model(model, prepared.schema, spec, len(prepared.source.data), out / "model")
    return publish(model, prepared, spec, ctx, out)


def sample(path: Path, name: str, model: Path, spec: RunSpec, ctx: RunContext, out: Path) -> Outcome:
    """A new set from a fitted model: the model is reused, the scores and the verdict are not."""
    catalog.check(spec)
    prepared = prepare(_read(path, name, spec, ctx), spec, ctx)
    check_request(prepared, spec.sample, spec)
    fitted, _, _, _ = load_model(model, ctx.device)
    return publish(fitted, prepared, spec, ctx, out)


def export(outputs: Path, release: Release, out: Path) -> Path:
    """The bundle of a set that a person released; `outputs` is what `run` or `sample` wrote. Returns the zip's path."""
    names = ("schema", "scorecard", "verdict", "spec", "evidence")
    text = {name: (outputs / f"{name}.json").read_text("utf-8") for name in names}
    spec = RunSpec.model_validate_json(text["spec"])
    modality = catalog.modality(spec.modality)
    released = gate.release(
        modality.call("open_set", outputs / "set"),
        modality.call("load_schema", text["schema"]),
        Scorecard.model_validate_json(text["scorecard"]),
        Verdict.model_validate_json(text["verdict"]),
        release,
        spec,
        modality,
        json.loads(text["evidence"]),
    )
    return bundle.write(released, out / "bundle.zip")


def prepare(source: Source, spec: RunSpec, ctx: RunContext) -> Prepared:
    """Schema, split and census of a source. Raises SpecError for constraints or attacks that do not fit it."""
    modality = catalog.modality(spec.modality)
    catalog.check_private(spec)
    schema = modality.call("infer", source, spec)
    if spec.privacy is not None:
        schema = modality.call("private_schema", schema, spec)
    split = modality.call("split", source, schema, spec, ctx.at("split"))
    modality.call("check_constraints", split, schema, spec)
    modality.call("check_attacks", spec.attacks, schema)
    return Prepared(source, schema, split, modality.call("census", split, schema, spec))


def cautions(prepared: Prepared, spec: RunSpec) -> tuple[str, ...]:
    """What cannot be modelled or comes back changed, a line each; no cell value, no name of a rare category."""
    modality = catalog.modality(spec.modality)
    if not modality.offers("cautions"):
        return ()
    told: tuple[str, ...] = modality.call("cautions", prepared.source, prepared.split, prepared.schema, spec)
    return told


def cautions_of_balance(
    model: Model, schema: Any, request: SampleSpec, spec: RunSpec, prepared: Prepared | None = None
) -> tuple[str, ...]:
    """How many values of the columns to balance get no share, because too few people hold them."""
    modality = catalog.modality(spec.modality)
    if not modality.offers("cautions_of_balance"):
        return ()
    split = prepared.split if prepared is not None and spec.privacy is None else None
    encoding = getattr(model.generator, "encoding", None)
    told: tuple[str, ...] = modality.call("cautions_of_balance", request, schema, encoding, split)
    return told


def check_request(prepared: Prepared, request: SampleSpec, spec: RunSpec) -> None:
    """Refuse fixed values and target groups that too few people of the source meet. Raises SpecError.

    Under differential privacy nobody is counted here: `publish` asks the model what its noisy counts can tell.
    """
    if spec.privacy is not None:
        return
    catalog.modality(spec.modality).call("check_request", request, prepared.split, prepared.schema, spec)


def check_without_source(model: Model, request: SampleSpec, spec: RunSpec) -> None:
    """Refuse what a loaded model cannot tell that enough people meet. Raises SpecError."""
    encoding = getattr(model.generator, "encoding", None)
    catalog.modality(spec.modality).call("check_without_source", request, encoding, model.joint, spec.target)


def fit(prepared: Prepared, spec: RunSpec, ctx: RunContext) -> Model:
    """Train the generator the spec names, once it was said what cannot be modelled; it is not handed the hold-out."""
    for caution in cautions(prepared, spec):
        ctx.warn(caution)
    modality = catalog.modality(spec.modality)
    step = "prepare" if spec.privacy is None else "prepare_private"
    data, schema, keys = modality.call(step, prepared.split.fitting, prepared.schema)
    timed = replace(ctx, deadline=time.monotonic() + spec.time_budget)
    chosen, why = catalog.choose(spec, data, schema)
    ctx.log(f"Generator {chosen.generator}. {why}", auto=spec.generator == "auto")
    if modality.offers("cautions_of_relations"):
        able = catalog.generators(spec.modality)[chosen.generator].capabilities
        for caution in modality.call("cautions_of_relations", prepared.schema, chosen.generator, able):
            ctx.warn(caution)
    declared = None if spec.privacy is None else modality.call("declared_private", schema, spec)
    generator = catalog.build(chosen, declared).fit(data, schema, prepared.groups, timed.at("fit"))
    rules = modality.call("learn_constraints", prepared.split.fitting, prepared.schema, spec)
    return Model(generator, keys, why, rules, _joint(generator, data, schema, spec))


def _joint(generator: Generator, data: Any, schema: Any, spec: RunSpec) -> Any:
    """Which combinations enough people share; None for a private model, and where the data kind has no such step."""
    modality = catalog.modality(spec.modality)
    if spec.privacy is not None or not modality.offers("learn_joint"):
        return None
    return modality.call("learn_joint", data, getattr(generator, "encoding", None), schema)


def draw(
    model: Model,
    schema: Any,
    request: SampleSpec,
    rows: int,
    spec: RunSpec,
    ctx: RunContext,
    predicates: Sequence[Any] = (),
    notes: list[str] | None = None,
    sieve: Any = None,
) -> Iterator[Any]:
    """Complete typed chunks: the generator's columns, fresh keys, constants and empty columns; every rule kept.

    `predicates` are rules beyond those of the model; `notes` is told at the end how many rows rules took. `sieve`
    catches what is to be dropped (see `sieve_for`).
    """
    branch = ctx.at(f"sample{request.seed}")
    chunks: Iterator[Any] = catalog.modality(spec.modality).call(
        "complete", model.generator, schema, model.keys, rows, request, branch, model.rules, predicates, notes, sieve
    )
    return chunks


def sieve_for(prepared: Prepared, request: SampleSpec, spec: RunSpec, ctx: RunContext) -> Any:
    """What catches the rows that a request drops; None where it drops none. Raises SpecError where none can be made."""
    if not request.drop:
        return None
    catalog.check_able(spec, request)
    branch = ctx.at(f"sieve{request.seed}")
    return catalog.modality(spec.modality).call(
        "learn_sieve", prepared.split.fitting, prepared.schema, request.drop, branch
    )


def _unsieved(model: Model, prepared: Prepared, spec: RunSpec, ctx: RunContext, out: Path) -> Scorecard:
    """A short scorecard of the same request before anything is dropped; of its rows at most UNSIEVED_ROWS are drawn."""
    modality = catalog.modality(spec.modality)
    request = spec.sample.model_copy(update={"drop": ()})
    rows = request_rows(request, len(prepared.source.data))
    rows = rows if request.targets else min(rows, UNSIEVED_ROWS)
    metrics = {name: modality.metrics[name] for name in UNSIEVED_METRICS if name in modality.metrics}
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        chunks = draw(model, prepared.schema, request, rows, spec, ctx)
        made = modality.call("write", chunks, prepared.schema, Path(scratch), request, model.generator.name)
        branch = ctx.at("score")
        return scoring.score(metrics, prepared.split, made, prepared.schema, prepared.groups, branch, model.generator)


def impute(model: Model, schema: Any, data: Any, spec: RunSpec, ctx: RunContext) -> Any:
    """The data with their missing values drawn from the model given what each record holds; nothing else changes."""
    return catalog.modality(spec.modality).call("impute", data, model.generator, schema, model.keys, model.rules, ctx)


def impute_file(model: Model, schema: Any, source: Source, path: Path, spec: RunSpec, ctx: RunContext) -> int:
    """Write a source with its missing values drawn to a file; returns its rows."""
    modality = catalog.modality(spec.modality)
    rows = modality.call("impute_file", source, path, model.generator, schema, model.keys, model.rules, ctx)
    return int(rows)


def fill(path: Path, name: str, model: Path, spec: RunSpec, ctx: RunContext, out: Path) -> dict[str, Any]:
    """The source with its gaps drawn from a fitted model, in its own kind of file, and summary.json: counts only.

    It holds real people, so no scorecard, gate or bundle is about it: it stays where the source is.
    """
    source = _read(path, name, spec, ctx)
    fitted, schema, _, _ = load_model(model, ctx.device)
    told: dict[str, Any] = catalog.modality(spec.modality).call(
        "impute_source",
        source,
        out,
        fitted.generator,
        schema,
        fitted.keys,
        fitted.rules,
        ctx.at(f"impute{spec.seed}/0"),
    )
    _write(out, {"summary": told})
    return told


def publish(model: Model, prepared: Prepared, spec: RunSpec, ctx: RunContext, out: Path) -> Outcome:
    """Sample, score and decide, and write everything a reviewer needs to `out`."""
    modality = catalog.modality(spec.modality)
    if spec.privacy is not None:
        check_without_source(model, spec.sample, spec)
    rows = request_rows(spec.sample, len(prepared.source.data))
    notes = [*modality.call("key_notes", prepared.schema, model.generator, model.keys), *_limits(model)]
    notes += cautions_of_balance(model, prepared.schema, spec.sample, spec, prepared)
    sieve = sieve_for(prepared, spec.sample, spec, ctx)
    chunks = draw(model, prepared.schema, spec.sample, rows, spec, ctx, notes=notes, sieve=sieve)
    synthetic = modality.call(
        "write",
        _counted(chunks, rows, ctx),
        prepared.schema,
        out / "set",
        spec.sample,
        model.generator.name,
        notes,
    )
    scorecard = score(prepared, synthetic, spec, ctx, model.generator)
    if sieve is not None:
        told = {**sieve.told(), "scores": scoring.changes(_unsieved(model, prepared, spec, ctx, out), scorecard)}
        scorecard = scorecard.model_copy(update={"filters": told})
    verdict = gate.decide(scorecard, policies.named(spec.policy, spec.modality))
    _write(
        out,
        {
            "schema": prepared.schema.model_dump(mode="json"),
            "scorecard": scorecard.model_dump(mode="json"),
            "verdict": verdict.model_dump(mode="json"),
            "preview": modality.call("set_preview", synthetic, prepared.schema, PREVIEW_ROWS),
            "summary": summary(synthetic, scorecard, verdict),
            "spec": spec.model_dump(mode="json"),
            "evidence": evidence(prepared, model, spec),
            **_gallery(prepared, synthetic, model, spec, ctx),
        },
    )
    return Outcome(synthetic, scorecard, verdict)


def _gallery(
    prepared: Prepared, synthetic: SyntheticSet, model: Model, spec: RunSpec, ctx: RunContext
) -> dict[str, Any]:
    """Real beside made records for people who may see the source, where the data kind has such a page."""
    modality = catalog.modality(spec.modality)
    if not modality.offers("gallery"):
        return {}
    made = (prepared.split, synthetic, prepared.schema, model.generator)
    return {"gallery": modality.call("gallery", *made, ctx.at("gallery"))}


def evidence(prepared: Prepared, model: Model, spec: RunSpec) -> dict[str, Any]:
    """What the card tells of how the set came to be."""
    return {
        "source_sha256": prepared.source.sha256 if spec.privacy is None else WITHHELD,
        "choice": model.choice,
        "settled_spec_sha256": settled(spec, model).digest(),
        "training": dict(model.generator.report()),
    }


def _limits(model: Model) -> list[str]:
    """What a reader of a set must know of its differential privacy, if it has any."""
    told = model.generator.report().get("privacy")
    return [] if told is None else [f"epsilon {told['epsilon']:g}, delta {told['delta']:.2g}: {told['limits']}"]


def score(
    prepared: Prepared,
    synthetic: SyntheticSet,
    spec: RunSpec,
    ctx: RunContext,
    generator: Generator | None = None,
    metrics: Mapping[str, Entry] | None = None,
) -> Scorecard:
    """Every metric of the modality (or those given) on one synthetic set, each beside the hold-out, and the plots."""
    modality = catalog.modality(spec.modality)
    split, schema = prepared.split, prepared.schema
    branch = replace(ctx.at("score"), attacks=spec.attacks)
    card = scoring.score(metrics or modality.metrics, split, synthetic, schema, prepared.groups, branch, generator)
    plots = modality.call("plots", split, synthetic, schema, spec)
    return card.model_copy(update={"plots": plots, "modality": spec.modality})


def settled(spec: RunSpec, model: Model) -> RunSpec:
    """The spec with the generator that was taken in the place of "auto"; what was asked for keeps its own hash."""
    return spec.model_copy(update={"generator": model.generator.name})


def request_rows(request: SampleSpec, source_rows: int) -> int:
    """How many rows a request means: its targets' sum, its own number, or as many as the source has."""
    return sum(target.rows for target in request.targets) or request.rows or source_rows


def summary(synthetic: SyntheticSet, scorecard: Scorecard, verdict: Verdict) -> dict[str, Any]:
    """What may stand in a database row: counts and scores, no cell value."""
    census = scorecard.result("mode_census")
    return {
        "rows": synthetic.rows,
        "generator": scorecard.generator,
        "verdict": verdict.outcome,
        "failed_rules": [reason.rule for reason in verdict.failed],
        "final": verdict.final,
        "census": _census_counts(census.groups if census else ()),
        "scores": {r.metric: {"value": r.value, "holdout": r.holdout, "status": r.status} for r in scorecard.results},
    }


def save_model(model: Model, schema: Any, spec: RunSpec, rows: int, directory: Path) -> None:
    """Generator, keys, schema and specification in one directory; no record of the source.

    Unless the generator's model is such records: then model.json says so, and it goes nowhere without its source.
    """
    directory.mkdir(parents=True, exist_ok=True)
    model.generator.save(directory / "generator")
    for part in (model.keys, model.rules, model.joint):
        if part is not None:
            part.save(directory)
    about = {"version": 1, "rows": rows, "choice": model.choice}
    about["holds_records"] = catalog.holds_records(settled(spec, model))
    modality = catalog.modality(spec.modality)
    kept = modality.call("kept_schema", schema) if modality.offers("kept_schema") else schema
    _write(directory, {"model": about, "schema": kept.model_dump(mode="json")})
    (directory / "spec.json").write_text(_as_kept(settled(spec, model), schema).canonical(), encoding="utf-8")


def _as_kept(spec: RunSpec, schema: Any) -> RunSpec:
    """The specification with the schema's lists in the place of typed ones, which may name what few people hold."""
    if not spec.columns:
        return spec
    known = {column.name: column for column in schema.columns}
    columns = {
        name: override.model_copy(
            update={
                field: tuple(getattr(known.get(name), field, ()))
                for field in ("order", "codes")
                if getattr(override, field)
            }
        )
        for name, override in spec.columns.items()
    }
    return spec.model_copy(update={"columns": columns})


def load_model(directory: Path, device: str = "cpu") -> tuple[Model, Any, RunSpec, int]:
    """Model, schema, specification and source rows from `save_model`, the generator's networks on `device`.

    Raises InputError if the directory holds no model, SpecError if the device is not there.
    """
    devices.must_be_there(device)
    try:
        about = json.loads((directory / "model.json").read_text(encoding="utf-8"))
        spec = RunSpec.model_validate_json((directory / "spec.json").read_text(encoding="utf-8"))
        modality = catalog.modality(spec.modality)
        schema = modality.call("load_schema", (directory / "schema.json").read_text(encoding="utf-8"))
        entry = catalog.generators(spec.modality)[catalog.generator_name(spec)]
        generator = _placed(entry.load(), directory / "generator", device)
        keys = modality.call("load_keys", directory)
        rules = modality.call("load_constraints", directory)
        joint = modality.call("load_joint", directory) if modality.offers("load_joint") else None
    except (OSError, KeyError, ValueError) as problem:
        raise InputError(
            f"There is no complete synthgen model in {directory.name!r}.", "Point at what `synthgen fit --out` wrote."
        ) from problem
    return Model(generator, keys, str(about.get("choice", "")), rules, joint), schema, spec, int(about["rows"])


def _placed(kind: type[Generator], directory: Path, device: str) -> Generator:
    """A saved generator on the device; one of another package whose `load` takes none is where that puts it."""
    if "device" in inspection.signature(kind.load).parameters:
        return kind.load(directory, device)
    return kind.load(directory)


def _read(path: Path, name: str, spec: RunSpec, ctx: RunContext) -> Source:
    ctx.progress("read", 0, 1)
    source: Source = catalog.modality(spec.modality).call("read", path, name)
    ctx.progress("read", 1, 1)
    return source


def _counted(chunks: Iterator[Any], rows: int, ctx: RunContext) -> Iterator[Any]:
    """The chunks as they come, with progress and a look at the stop signal between two of them."""
    done = 0
    ctx.progress("sample", 0, rows)
    for chunk in chunks:
        ctx.check_stop()
        done += len(chunk)
        ctx.progress("sample", done, rows)
        yield chunk


def _census_counts(groups: Sequence[GroupFigure]) -> dict[str, int]:
    """How many groups are represented, thin, lost or too few to tell."""
    words = [group.census for group in groups if group.census]
    return {word: words.count(word) for word in dict.fromkeys(words)}


def _write(out: Path, documents: Mapping[str, Any]) -> None:
    """One JSON file per document."""
    out.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (out / f"{name}.json").write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")
