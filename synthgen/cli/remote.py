"""Jobs on a running service, over HTTP: submit, jobs, show, cancel, retry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthgen.cli import inputs, scores
from synthgen.cli.session import Token, Url, connect
from synthgen.cli.terminal import Progress, duration, table
from synthgen.errors import InputError, SynthgenError

if TYPE_CHECKING:
    from synthgen.client import Client, Job


def submit(
    file: Annotated[
        Path | None, typer.Argument(help="CSV (also .gz, .zip), Excel (.xlsx) or Parquet; or see --dataset.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Id of a dataset that is there already, instead of FILE.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="COL=KIND (another kind than the one found), COL=public or COL=drop; kept with the dataset."),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The column that matters most.")] = None,
    positive: Annotated[str | None, typer.Option(help="The value of the target to look for.")] = None,
    generator: Annotated[str, typer.Option(help="auto, or a generator of the catalog.")] = "auto",
    time_budget: Annotated[int, typer.Option(min=5, help="Seconds of training to plan for.")] = 180,
    policy: Annotated[str, typer.Option(help="Gate policy.")] = "standard",
    rows: Annotated[
        int | None, typer.Option(min=1, help="Synthetic rows; as many as the source when left out.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    name: Annotated[str | None, typer.Option(help="Name of the dataset; the file's name when left out.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of a generator parameter.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Watch until it is finished.")] = False,
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
        "time_budget": time_budget,
        "seed": seed,
        "policy": policy,
        "sample": {"rows": rows, "seed": seed},
    }
    with connect(url, token) as service:
        dataset_id = dataset or _upload(service, file, name)  # type: ignore[arg-type]
        spec["columns"] = _corrected(service, dataset_id, corrections)
        job = service.submit(dataset_id, spec)
        typer.echo(f"Job {job.id} is {job.state}.")
        if follow:
            _follow(service, job.id)
        else:
            typer.echo(f"Watch it with: synthgen show {job.id} --follow")


def jobs(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    url: Url = None,
    token: Token = None,
) -> None:
    """List jobs, newest first."""
    with connect(url, token) as service:
        found = service.jobs(limit)
    if not found:
        typer.echo("There are no jobs yet. Start one with: synthgen submit FILE")
        return
    rows = [(j.id, j.kind, _state(j), j.dataset_name, f"{j.progress:.0%}", duration(j.eta_seconds)) for j in found]
    typer.echo(table(("job", "kind", "state", "dataset", "done", "to go"), rows))


def show(
    job: Annotated[str, typer.Argument(help="Job id.")],
    follow: Annotated[bool, typer.Option("--follow", help="Watch until it is finished.")] = False,
    log: Annotated[bool, typer.Option("--log", help="The last lines that its failed attempt printed.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show JOB: its state, and the scorecard once there is one."""
    with connect(url, token) as service:
        if log:
            typer.echo(service.log(job))
            return
        if follow:
            _follow(service, job)
            return
        found = service.job(job)
        typer.echo(
            f"{found.kind} of {found.dataset_name}: {_state(found)}, {found.progress:.0%} {found.stage}".rstrip()
        )
        _health(service, job)
        _outcome(service, found)


def cancel(job: Annotated[str, typer.Argument(help="Job id.")], url: Url = None, token: Token = None) -> None:
    """Ask JOB to stop at its next safe point."""
    with connect(url, token) as service:
        typer.echo(f"Job {job}: {_state(service.cancel(job))}.")


def retry(job: Annotated[str, typer.Argument(help="Job id.")], url: Url = None, token: Token = None) -> None:
    """Queue a failed or cancelled JOB again."""
    with connect(url, token) as service:
        typer.echo(f"Job {job}: {_state(service.retry(job))}.")


def _upload(service: Client, file: Path, name: str | None) -> str:
    progress = Progress()
    size = file.stat().st_size if file.is_file() else 0
    try:
        dataset = service.upload(file, name, lambda sent: progress.show("upload", sent / size if size else 1.0))
    finally:
        progress.finish()
    typer.echo(f"Dataset {dataset.id}: reading its schema.")
    dataset = service.await_dataset(dataset.id)
    typer.echo(f"{dataset.name}: {dataset.rows or 0:,} rows, {dataset.columns or 0} columns.")
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


def _follow(service: Client, job_id: str) -> None:
    progress = Progress()
    try:
        job = service.follow(
            job_id, lambda seen: progress.show(seen.stage or seen.state, seen.progress, seen.eta_seconds)
        )
    finally:
        progress.finish()
    _health(service, job_id)
    _outcome(service, job)


def _health(service: Client, job_id: str) -> None:
    seen = service.health(job_id)
    if seen is not None:
        typer.echo("Training: " + " ".join([str(seen.payload.get("text", "")), *seen.payload.get("acted", ())]))


def _outcome(service: Client, job: Job) -> None:
    if job.state in ("failed", "cancelled"):
        raise SynthgenError(job.error or f"The job was {job.state}.", job.hint or f"Try: synthgen retry {job.id}")
    if job.set_id is None:
        return
    typer.echo("\n".join(scores.lines(service.scorecard(job.set_id), service.verdict(job.set_id))))
    if service.synthetic_set(job.set_id).state == "awaiting_review":
        typer.echo(f'Release it with: synthgen release {job.set_id} --purpose "..." --recipient "..."')


def _state(job: Job) -> str:
    return "stopping" if job.cancel_requested and not job.finished else job.state


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (submit, jobs, show, cancel, retry):
        app.command()(command)
