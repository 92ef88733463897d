"""Any generator's output as a scorecard: real, synthetic and unseen rows in, an answer per metric out.

>>> import synthgen                                                                       # doctest: +SKIP
>>> card = synthgen.score("real.csv", "synthetic.csv", holdout="unseen.csv")              # doctest: +SKIP
>>> from synthgen.release import gate, report                                             # doctest: +SKIP
>>> page = report.html(report.review(card, gate.decide(card, "standard")))                # doctest: +SKIP
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from synthgen import catalog, pipeline
from synthgen.contracts import MetricResult, Scorecard, Split, Status
from synthgen.errors import InputError, LimitError, SpecError
from synthgen.image_scored import score_images
from synthgen.pipeline import Model, Prepared
from synthgen.runtime import Event, RunContext, ignore
from synthgen.spec import AttackPlan, ColumnOverride, RunSpec, SampleSpec, checked

NO_HOLDOUT = (
    "No hold-out was given: a fifth of the real data took its place, which the generator may have seen. What needs "
    "unseen people to compare with, all of privacy, was not judged."
)
NEEDED = "No real rows were given that the generator never saw, so copying cannot be told from chance; give a hold-out."
GIVEN = "given"  # name of the generator where only its output is known
STRUCTURE = "diagnostic"  # the metric that answers for columns that are absent or unknown
NO_TARGET = "The target {!r} is not a readable column of the synthetic table."
OF_TARGET = ("lost_classes", "thin_classes")  # figures of other metrics than usefulness that are about the target

Table = pd.DataFrame | str | Path


@dataclass(frozen=True)
class Unjudged:
    """Why no comparison with unseen people can be made, and whether that is an error."""

    status: Status
    reason: str


def score(
    real: Table,
    synthetic: Table,
    holdout: Table | None = None,
    target: str | None = None,
    positive: str | None = None,
    person: str | None = None,
    attacks: AttackPlan | Literal["standard", "full"] = "standard",
    seed: int = 0,
    k_floor: int = 10,
    columns: Mapping[str, ColumnOverride] | None = None,
    listener: Callable[[Event], None] = ignore,
    features: str | Path | None = None,
) -> Scorecard:
    """Score any generator's output: `real` is what it was trained on, `holdout` real rows it never saw.

    Tables are data frames or files. `person` names the column that says which rows belong to one person; the hold-out
    must hold other people. Without a hold-out nothing is said about privacy. Raises SynthgenError where the tables
    cannot be compared at all; everything less is told by the status of each score and in the card's notes. Folders,
    zips and .npz of labelled images are scored as such, through the network in `features` if one is given; there
    `target` names the column of the class (`synthgen.image_scored.score_images`).
    """
    if isinstance(real, str | Path) and catalog.detect(Path(real), Path(real).name) == "images":
        _must_fit_images(positive, synthetic, holdout)
        return score_images(
            real,
            synthetic,  # type: ignore[arg-type]
            holdout,  # type: ignore[arg-type]
            seed,
            k_floor,
            None,
            listener,
            features,
            target,
            person,
        )
    if features is not None:
        raise SpecError("A network of image features was given for tables.", "Leave it out.")
    return score_files(real, synthetic, holdout, target, positive, seed, k_floor, listener, person, attacks, columns)[0]


def _must_fit_images(positive: str | None, synthetic: Table, holdout: Table | None) -> None:
    """Raise SpecError for what only a table has, named beside images."""
    if positive is not None:
        raise SpecError("Images have no positive value to name.", "Leave it out.")
    if not all(isinstance(x, str | Path) for x in (synthetic, holdout) if x is not None):
        raise SpecError("The real data are images and a table came beside them.", "Give paths of images.")


def score_files(
    real: Table,
    synthetic: Table,
    holdout: Table | None = None,
    target: str | None = None,
    positive: str | None = None,
    seed: int = 0,
    k_floor: int = 10,
    listener: Callable[[Event], None] = ignore,
    person: str | None = None,
    attacks: AttackPlan | Literal["standard", "full"] = "standard",
    columns: Mapping[str, ColumnOverride] | None = None,
) -> tuple[Scorecard, Any]:
    """As `score`, with the schema that was found."""
    known = dict(columns or {})
    if person is not None:
        known[person] = known.get(person, ColumnOverride()).model_copy(update={"kind": "person"})
    plan = attacks if isinstance(attacks, AttackPlan) else checked(AttackPlan, size=attacks)
    share = 0.0 if holdout is not None else 0.2
    wanted = {"target": target, "positive": positive, "seed": seed, "k_floor": k_floor, "holdout_share": share}
    spec = checked(RunSpec, columns=known, attacks=plan, **wanted)
    ctx = RunContext(seed=seed, listener=listener)
    made = raw(synthetic, "synthetic table")  # before anything is worked out
    prepared, spec, useless = _prepared(_source(real, "real table"), spec, ctx)
    unjudged: Unjudged | None
    notes: tuple[str, ...]
    compared, unjudged, notes = prepared, Unjudged(Status.INSUFFICIENT, NEEDED), (NO_HOLDOUT,)
    if holdout is not None:
        compared, unjudged, notes = with_holdout(prepared, holdout)
    card = _without_target(score_frames(compared, made, spec, ctx, unjudged=unjudged), useless)
    return card.model_copy(update={"notes": (*card.notes, *notes)}), prepared.schema


def _prepared(source: Any, spec: RunSpec, ctx: RunContext) -> tuple[Prepared, RunSpec, str]:
    """The source made ready; where its target cannot be predicted (one value, a key), without it, and why."""
    useless = ""
    try:
        prepared = pipeline.prepare(source, spec, ctx)
    except SpecError as problem:
        if spec.target is None or spec.target not in source.data:
            raise
        useless, spec = problem.message, spec.model_copy(update={"target": None, "positive": None})
        prepared = pipeline.prepare(source, spec, ctx)
    return _whole(prepared, spec), spec, useless


def _without_target(card: Scorecard, reason: str) -> Scorecard:
    """The card with an error in every score of usefulness and of classes, where the target is of no use or absent."""
    if not reason:
        return card
    blank = {"status": Status.ERROR, "reason": reason, "value": None, "holdout": None, "interval": None}
    return card.model_copy(update={"results": tuple(_untold(r, blank) for r in card.results)})


def _untold(result: MetricResult, blank: Mapping[str, Any]) -> MetricResult:
    """A result with `blank` in the place of what it could only say of the target."""
    if result.family == "utility":
        return result.model_copy(update={**blank, "figures": ()})
    figures = (f.model_copy(update=dict(blank)) if f.name in OF_TARGET else f for f in result.figures)
    return result.model_copy(update={"figures": tuple(figures)})


def with_holdout(prepared: Prepared, holdout: Table) -> tuple[Prepared, Unjudged | None, tuple[str, ...]]:
    """The source with these rows as its hold-out, by person; why they are no measure, if so; notes for the card."""
    modality, schema = catalog.modality("tabular"), prepared.schema
    found = modality.call("read_alike", raw(holdout, "hold-out"), schema, prepared.split.train)
    modality.call("must_be_whole", found, "hold-out")
    people = modality.call("people", found.frame, schema) if schema.person is not None else None
    if people is not None and prepared.split.train_people is not None:
        people = people + int(np.max(prepared.split.train_people, initial=0)) + 1
    split = replace(prepared.split, holdout=found.frame, holdout_people=people)
    notes = [f"Hold-out: {note}" for note in found.notes]
    seen = _seen(prepared.split, found.frame, schema)
    if not seen:
        return replace(prepared, split=split), None, tuple(notes)
    told = f"{seen} What stands beside the scores is no measure of unseen people, and privacy was not judged."
    return replace(prepared, split=split), Unjudged(Status.ERROR, seen), (*notes, told)


def _seen(split: Split, holdout: pd.DataFrame, schema: Any) -> str:
    """Why a hold-out is not unseen, looking at everything the generator may have learnt from; nothing where it is."""
    learnt = pd.concat([split.train, split.validation], ignore_index=True)
    return str(catalog.modality("tabular").call("overlap", learnt, holdout, schema))


def score_frames(
    prepared: Prepared,
    frame: pd.DataFrame,
    spec: RunSpec,
    ctx: RunContext,
    model: Model | None = None,
    unjudged: Unjudged | None = None,
) -> Scorecard:
    """The scorecard of any synthetic frame; what cannot be compared is left out, noted, and fails the structure check.

    `unjudged`: why nothing can be compared with unseen people.
    """
    modality = catalog.modality(spec.modality)
    found = modality.call("read_alike", frame, prepared.schema, prepared.split.train)
    left = {c.name for c in found.schema.columns}
    groups = tuple(g for g in prepared.groups if left.issuperset(g.columns))
    compared = replace(prepared, schema=found.schema, groups=groups)
    metrics = modality.metrics
    if unjudged is not None:
        metrics = {name: entry for name, entry in metrics.items() if entry.load().family != "privacy"}
    with tempfile.TemporaryDirectory() as scratch:
        made = modality.call("write", iter([found.frame]), found.schema, Path(scratch), SampleSpec(), GIVEN)
        card = pipeline.score(compared, made, spec, ctx, model.generator if model else None, metrics)
    results = (_answer(name, entry, card, found.problems, unjudged) for name, entry in modality.metrics.items())
    told = card.model_copy(update={"results": tuple(results), "notes": (*card.notes, *found.notes)})
    gone = prepared.schema.target in found.lost
    return _without_target(told, NO_TARGET.format(prepared.schema.target) if gone else "")


def _answer(name: str, entry: Any, card: Scorecard, problems: Sequence[str], unjudged: Unjudged | None) -> MetricResult:
    """A metric's result; an error in the place of one that would pass over what it could not see."""
    found = card.result(name)
    if found is None and unjudged is not None:
        answer: MetricResult = entry.load()().result(unjudged.status, reason=unjudged.reason)
        return answer
    assert found is not None
    if name == STRUCTURE and problems:
        told = {"status": Status.ERROR, "reason": " ".join(problems), "value": None, "holdout": None, "interval": None}
        return found.model_copy(update={**told, "figures": ()})
    return found


def raw(data: Table, what: str = "") -> pd.DataFrame:
    """The table with plain column names, as `fit` sees it; an error says which table it is, where `what` does."""
    frame: pd.DataFrame = _source(data, what).data
    return frame


def must_be_table(data: Any) -> None:
    """Raise InputError for what is no table."""
    if not isinstance(data, pd.DataFrame | str | Path):
        raise InputError(
            f"A table is expected, and a {type(data).__name__} came.", "Give a data frame, or the path of a file."
        )


def _source(data: Table, what: str) -> Any:
    with saying(what):
        must_be_table(data)
        modality = catalog.modality("tabular")
        if isinstance(data, pd.DataFrame):
            return modality.call("from_memory", data)
        return modality.call("read", Path(data))


@contextmanager
def saying(what: str) -> Iterator[None]:
    """Have an error about a table say which one it is, such as "hold-out"."""
    try:
        yield
    except (InputError, LimitError) as problem:
        if not what:
            raise
        raise type(problem)(f"The {what} cannot be used: {problem.message}", problem.hint) from problem


def _whole(prepared: Prepared, spec: RunSpec) -> Prepared:
    """With its validation rows as training rows: a generator of other hands may have learnt from all of them."""
    split = prepared.split
    train = pd.concat([split.train, split.validation], ignore_index=True)
    people = None
    if split.train_people is not None and split.validation_people is not None:
        people = np.concatenate([split.train_people, split.validation_people])
    split = replace(split, train=train, train_people=people, validation=train.iloc[:0], validation_people=None)
    groups = catalog.modality(spec.modality).call("census", split, prepared.schema, spec)
    return replace(prepared, split=split, groups=groups)
