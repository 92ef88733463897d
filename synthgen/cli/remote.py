"""Jobs on a running service, over HTTP: jobs, show, cancel, retry, fill."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthgen.cli import scores
from synthgen.cli.session import Token, Url, connect
from synthgen.cli.terminal import Progress, duration, table
from synthgen.errors import InputError, SynthgenError

if TYPE_CHECKING:
    from synthgen.client import Client, Job


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
            follow_job(service, job)
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


def fill(
    job: Annotated[str, typer.Argument(help="Job id of a finished training.")],
    out: Annotated[Path, typer.Option(help="Where the filled table goes; it is of the kind of file that came.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """Fill the missing cells of the dataset that JOB trained on, by draws from its model. OUT holds real people."""
    if not out.parent.is_dir():
        raise InputError(f"There is no folder {out.parent}.", "Make it first, or name another one.")
    with connect(url, token) as service:
        made = service.impute(job)
        follow_job(service, made.id)
        service.download_filled(made.id, out)
    typer.echo(f"The filled table is in {out}.")


def follow_job(service: Client, job_id: str) -> None:
    """Show progress until a job is over, then what came of it."""
    progress, told = Progress(), _Told(service, job_id)

    def look(seen: Job) -> None:
        told.say(progress, seen)
        progress.show(seen.stage or seen.state, seen.progress, seen.eta_seconds)

    try:
        job = service.follow(job_id, look)
    finally:
        progress.finish()
    _health(service, job_id)
    _outcome(service, job)


@dataclass
class _Told:
    """What a job said that cannot be modelled: asked for when its stage or state changes, each line said once."""

    service: Client
    job_id: str
    at: tuple[str, str] = ("", "")
    said: set[str] = field(default_factory=set)

    def say(self, progress: Progress, seen: Job) -> None:
        if (seen.stage, seen.state) == self.at:
            return
        self.at = (seen.stage, seen.state)
        for text in self.service.warnings(self.job_id):
            if text not in self.said:
                self.said.add(text)
                progress.say(f"Note: {text}")


def _health(service: Client, job_id: str) -> None:
    seen = service.health(job_id)
    if seen is not None:
        typer.echo("Training: " + " ".join([str(seen.payload.get("text", "")), *seen.payload.get("acted", ())]))


def _outcome(service: Client, job: Job) -> None:
    if job.state in ("failed", "cancelled"):
        raise SynthgenError(job.error or f"The job was {job.state}.", job.hint or f"Try: synthgen retry {job.id}")
    if job.kind == "impute":
        told = [e.payload["text"] for e in service.events(job.id) if e.kind == "imputed"]
        typer.echo("\n".join(map(str, told)))
    if job.set_id is None:
        return
    typer.echo("\n".join(scores.lines(service.scorecard(job.set_id), service.verdict(job.set_id))))
    if service.synthetic_set(job.set_id).state == "awaiting_review":
        typer.echo(f'Release it with: synthgen release {job.set_id} --purpose "..." --recipient "..."')


def _state(job: Job) -> str:
    return "stopping" if job.cancel_requested and not job.finished else job.state


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (jobs, show, cancel, retry, fill):
        app.command()(command)
