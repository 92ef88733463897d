"""Decisions about synthetic sets, over HTTP: sets, release, override, reject, releases, withdraw, download."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthgen.cli.scores import CENSUS
from synthgen.cli.session import Token, Url, connect
from synthgen.cli.terminal import Progress, moment, size, table
from synthgen.errors import SpecError

if TYPE_CHECKING:
    from synthgen.client import Override, Release, SyntheticSetInfo

SetId = Annotated[str, typer.Argument(metavar="SET", help="Id of a synthetic set, see 'synthgen sets'.")]
ReleaseId = Annotated[str, typer.Argument(metavar="RELEASE", help="Release id, see 'synthgen releases'.")]


def sets(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait for a person.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List synthetic sets with what became of their groups, newest first."""
    with connect(url, token) as service:
        found = [s for s in service.sets() if not waiting or s.state == "awaiting_review"]
    if not found:
        typer.echo("No set waits for you." if waiting else "There are no sets yet. Make one with: synthgen submit FILE")
        return
    rows = [
        (s.id, s.state.replace("_", " "), s.dataset_name, f"{s.rows:,}", _census(s), moment(s.created_at))
        for s in found
    ]
    typer.echo(table(("set", "state", "dataset", "rows", "groups", "made"), rows))


def release(
    set_id: SetId,
    purpose: Annotated[str, typer.Option(help="What the recipient will use it for.")],
    recipient: Annotated[str, typer.Option(help="Who gets it.")],
    expires: Annotated[str | None, typer.Option(help="Last day of the release, YYYY-MM-DD.")] = None,
    note: Annotated[str, typer.Option(help="Anything the record should hold.")] = "",
    url: Url = None,
    token: Token = None,
) -> None:
    """Release SET after you have looked at its scorecard."""
    until = _end_of(expires)
    with connect(url, token) as service:
        made = service.release(set_id, purpose, recipient, until, note)
        made = service.await_bundle(made.id)
    typer.echo(f"Release {made.id} is ready. Download it with: synthgen download {made.id} --out bundle.zip")


def override(
    set_id: SetId,
    reason: Annotated[
        str | None, typer.Option(help="Why it should be released although the gate blocked it; asks a second person.")
    ] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Confirm what another person asked for.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Release the blocked SET on the word of two people: one asks with --reason, a second one says --confirm."""
    if reason is not None and confirm:
        raise SpecError("--reason and --confirm exclude each other.", "One person asks, another one confirms.")
    with connect(url, token) as service:
        if reason is not None:
            service.request_override(set_id, reason)
            typer.echo(f"Asked. Another person confirms with: synthgen override {set_id} --confirm")
        elif confirm:
            made = service.confirm_override(set_id)
            typer.echo(f"Confirmed: {', '.join(made.failed)} not met. The set waits for review.")
        else:
            _tell(service.override(set_id))


def _tell(one: Override) -> None:
    """What was asked and confirmed about a set."""
    typer.echo(f"Not met: {', '.join(one.failed)}")
    typer.echo(f"Asked by {one.requested_by}, {moment(one.requested_at)}: {one.reason}")
    if one.confirmed_by is None or one.confirmed_at is None:
        typer.echo(f"Not confirmed yet. Another person does it with: synthgen override {one.set_id} --confirm")
    else:
        typer.echo(f"Confirmed by {one.confirmed_by}, {moment(one.confirmed_at)}")


def reject(
    set_id: SetId,
    reason: Annotated[str, typer.Option(help="Why this set must not leave.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """Turn SET down for good: it can no longer be released."""
    with connect(url, token) as service:
        service.reject(set_id, reason)
    typer.echo(f"Set {set_id} is rejected and can no longer be released.")


def releases(url: Url = None, token: Token = None) -> None:
    """List releases with purpose and recipient, newest first."""
    with connect(url, token) as service:
        found = service.releases()
    if not found:
        typer.echo("Nothing has been released yet. See what waits with: synthgen sets --waiting")
        return
    rows = [
        (r.id, _standing(r), r.recipient, r.purpose, r.released_by, moment(r.released_at), _until(r), size(r.size))
        for r in found
    ]
    typer.echo(table(("release", "state", "recipient", "purpose", "by", "released", "until", "bundle"), rows))


def withdraw(
    release_id: ReleaseId,
    reason: Annotated[str, typer.Option(help="Why it is taken back.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """Withdraw RELEASE: its bundle can no longer be downloaded."""
    with connect(url, token) as service:
        service.withdraw(release_id, reason)
    typer.echo(
        f"Release {release_id} is withdrawn. Copies that were downloaded already you have to recall from the recipient."
    )


def download(
    release_id: ReleaseId,
    out: Annotated[Path, typer.Option(help="Where to write the zip.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """Download the bundle of RELEASE; a broken download continues where it stopped."""
    with connect(url, token) as service:
        whole = service.release_info(release_id).size or 0
        progress = Progress()
        try:
            service.download(release_id, out, lambda done: progress.show("download", done / whole if whole else 1.0))
        finally:
            progress.finish()
    typer.echo(f"Bundle written to {out}.")


def _census(one: SyntheticSetInfo) -> str:
    """What became of the groups of a set, in one cell."""
    counts = one.summary.get("census") or {}
    return ", ".join(f"{counts[word]} {word}" for word in CENSUS if counts.get(word)) or "-"


def _standing(one: Release) -> str:
    """Where a release stands."""
    if one.withdrawn_at is not None:
        return "withdrawn"
    if one.expires_at is not None and one.expires_at <= datetime.now(UTC):
        return "expired"
    return "released" if one.ready else "writing bundle"


def _until(one: Release) -> str:
    return moment(one.expires_at) if one.expires_at is not None else "no end"


def _end_of(day: str | None) -> str | None:
    if day is None:
        return None
    try:
        return f"{date.fromisoformat(day).isoformat()}T23:59:59+00:00"
    except ValueError:
        raise SpecError("--expires is not a date.", "Write it as YYYY-MM-DD.") from None


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (sets, release, override, reject, releases, withdraw, download):
        app.command()(command)
