"""What is ordered from a running service, over HTTP: submit a table, draw another set from a trained model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthgen.cli import inputs, pictures
from synthgen.cli.local import BUDGET, WHERE, AttackSize, TimeBudget
from synthgen.cli.remote import follow_job
from synthgen.cli.session import Token, Url, connect
from synthgen.cli.terminal import Progress
from synthgen.errors import InputError, SpecError
from synthgen.spec import RunSpec, SampleSpec, checked, private

if TYPE_CHECKING:
    from synthgen.client import Client, Job

Rows = Annotated[int | None, typer.Option(min=1, help="Synthetic rows; as many as the source when left out.")]
Where = Annotated[list[str] | None, typer.Option(help=WHERE)]
Balance = Annotated[list[str] | None, typer.Option(help="Equal shares of every value of this column; repeatable.")]
Inside = Annotated[str | None, typer.Option("--within", help="Balance inside each value of this column, as TARGET.")]
Group = Annotated[list[str] | None, typer.Option(help=inputs.GROUP)]
Keep = Annotated[list[str] | None, typer.Option(help=inputs.KEEP)]
Drop = Annotated[list[str] | None, typer.Option(help=inputs.DROP)]
KFloor = Annotated[
    int | None, typer.Option(help="People a category, group or extreme needs to be kept; 10 when left out.")
]
HoldoutShare = Annotated[
    float | None, typer.Option(help="Share of the people kept from training, to score by; 0.2 when left out.")
]
Seed = Annotated[int, typer.Option(min=0)]
Follow = Annotated[bool, typer.Option("--follow", help="Watch until it is finished.")]


def submit(
    file: Annotated[
        Path | None,
        typer.Argument(help="A table (CSV, Excel, Parquet) or images (zip, .npz); or see --dataset."),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Id of a dataset that is there already, instead of FILE.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help=f"{inputs.COLUMN} Kept with the dataset."),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The column that matters most.")] = None,
    positive: Annotated[str | None, typer.Option(help="The value of the target to look for.")] = None,
    generator: Annotated[str, typer.Option(help="auto, or a generator of the catalog.")] = "auto",
    time_budget: TimeBudget = None,
    policy: Annotated[str, typer.Option(help=inputs.POLICY)] = "standard",
    attacks: Annotated[AttackSize, typer.Option(help="How much is attacked.")] = AttackSize.standard,
    secrets: Annotated[list[str] | None, typer.Option(help="Column an attacker wants to know; repeatable.")] = None,
    known: Annotated[list[str] | None, typer.Option(help="Column an attacker knows already; repeatable.")] = None,
    rows: Rows = None,
    where: Where = None,
    balance: Balance = None,
    within: Inside = None,
    group: Group = None,
    keep: Keep = None,
    drop: Drop = None,
    resample: inputs.Resample = None,
    k_floor: KFloor = None,
    holdout_share: HoldoutShare = None,
    epsilon: inputs.Epsilon = None,
    delta: inputs.Delta = None,
    seed: Seed = 0,
    name: Annotated[str | None, typer.Option(help="Name of the dataset; the file's name when left out.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of a generator parameter.")] = None,
    size: pictures.Size = None,
    channels: pictures.Channels = None,
    fit_by: pictures.Shape = None,
    person: pictures.Person = None,
    classes: pictures.Classes = None,
    truncation: pictures.Truncation = None,
    follow: Follow = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Upload FILE, or take a dataset that is there, train on it and have the result scored."""
    if (file is None) == (dataset is None):
        raise InputError("Either a file to upload or --dataset is needed.", "Give one of the two.")
    corrections = inputs.overrides(column or [])
    spec: dict[str, Any] = {
        "generator": generator,
        "params": inputs.parameters(set_ or []),
        "target": target,
        "positive": positive,
        "seed": seed,
        "policy": _policy(policy),
        "attacks": {"size": attacks.value, "secrets": secrets or [], "known": known or []},
        "constraints": [one.model_dump(mode="json") for one in inputs.constraints(keep or [])],
        "sample": _sample(rows, where, balance, within, group, drop, resample, seed, classes, truncation),
        "images": pictures.options(size, channels, fit_by, person),
    }
    shares = {"k_floor": k_floor, "holdout_share": holdout_share}
    said = {name: value for name, value in shares.items() if value is not None}
    checked(RunSpec, **said)  # before anything is uploaded
    spec |= said
    if (asked := private(epsilon, delta)) is not None:
        spec["privacy"] = asked.model_dump(mode="json")
    with connect(url, token) as service:
        dataset_id = dataset or _upload(service, file, name)  # type: ignore[arg-type]
        images = service.dataset(dataset_id).modality == "images"
        form = {"--size": size, "--channels": channels, "--fit-by": fit_by, "--person": person}
        _fits_kind(images, {"--resample": resample}, {**form, "--class": classes, "--truncation": truncation})
        if images and target is not None:
            spec["target"], spec["images"] = None, {**spec["images"], "label": target}
        spec["time_budget"] = time_budget or (pictures.BUDGET if images else BUDGET)
        spec["columns"] = _corrected(service, dataset_id, corrections)
        _started(service, service.submit(dataset_id, spec), follow)


def draw(
    job: Annotated[str, typer.Argument(help="Id of a training job that succeeded.")],
    rows: Rows = None,
    where: Where = None,
    balance: Balance = None,
    within: Inside = None,
    group: Group = None,
    drop: Drop = None,
    resample: inputs.Resample = None,
    policy: Annotated[str | None, typer.Option(help=f"{inputs.POLICY} That of the job when left out.")] = None,
    classes: pictures.Classes = None,
    truncation: pictures.Truncation = None,
    seed: Seed = 0,
    follow: Follow = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Draw another set from the model that JOB trained; it is scored and judged anew."""
    sample = _sample(rows, where, balance, within, group, drop, resample, seed, classes, truncation)
    judged_by = None if policy is None else _policy(policy)
    with connect(url, token) as service:
        images = service.job(job).spec.get("modality") == "images"
        _fits_kind(images, {"--resample": resample}, {"--class": classes, "--truncation": truncation})
        _started(service, service.sample(job, sample, judged_by), follow)


def _fits_kind(images: bool, tables_only: Mapping[str, Any], images_only: Mapping[str, Any]) -> None:
    """Refuse what the other kind of data has and this one would pass over. Raises SpecError with every such option."""
    if images:
        pictures.not_for_images(tables_only)
    else:
        pictures.not_for_tables(images_only)


def _sample(
    rows: int | None,
    where: Sequence[str] | None,
    balance: Sequence[str] | None,
    within: str | None,
    group: Sequence[str] | None,
    drop: Sequence[str] | None,
    resample: inputs.Resampling | None,
    seed: int,
    classes: Sequence[str] | None,
    truncation: float | None,
) -> dict[str, Any]:
    """What to draw, as the service takes it."""
    if classes and group:
        raise SpecError("--class and --group were both given.", "Give --class for images, --group for a table.")
    made = checked(
        SampleSpec,
        rows=rows,
        balance=tuple(balance or ()),
        balance_within=within,
        fixed=inputs.conditions(where or []),
        targets=pictures.targets(classes or []) or inputs.groups(group or []),
        truncation=1.0 if truncation is None else truncation,
        drop=inputs.dropped(drop or []),
        seed=seed,
        **({"resample": resample.value} if resample else {}),
    )
    return made.model_dump(mode="json")


def _policy(text: str) -> str | dict[str, Any]:
    """What --policy says, as the service takes it."""
    found = inputs.policy(text)
    return found if isinstance(found, str) else found.model_dump(mode="json")


def _started(service: Client, job: Job, follow: bool) -> None:
    typer.echo(f"Job {job.id} is {job.state}.")
    if follow:
        follow_job(service, job.id)
    else:
        typer.echo(f"Watch it with: synthgen show {job.id} --follow")


def _upload(service: Client, file: Path, name: str | None) -> str:
    progress = Progress()
    size = file.stat().st_size if file.is_file() else 0
    try:
        dataset = service.upload(file, name, lambda sent: progress.show("upload", sent / size if size else 1.0))
    finally:
        progress.finish()
    typer.echo(f"Dataset {dataset.id}: reading its schema.")
    dataset = service.await_dataset(dataset.id)
    rows, columns = ("images", "classes") if dataset.modality == "images" else ("rows", "columns")
    typer.echo(f"{dataset.name}: {dataset.rows or 0:,} {rows}, {dataset.columns or 0} {columns}.")
    return dataset.id


def _corrected(service: Client, dataset_id: str, corrections: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What is kept about the dataset's columns, with these corrections added to it and kept as well."""
    before = service.overrides(dataset_id)
    after = before | {name: before.get(name, {}) | said for name, said in corrections.items()}
    if after != before:
        service.save_overrides(dataset_id, after)
    if after:
        typer.echo(f"Columns you corrected: {', '.join(sorted(after))}.")
    return after


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (submit, draw):
        app.command()(command)
