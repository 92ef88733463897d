"""Commands about the installation: up, doctor, backup, restore."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 by default.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port of the web server; 8765 by default.")] = None,
    home: Annotated[Path | None, typer.Option(help="Folder for everything; SYNTHGEN_HOME when left out.")] = None,
) -> None:
    """Start broker, worker and web on this machine; Ctrl-C takes everything down."""
    from synthgen.service import embedded

    embedded.up(host=host, port=port, home=home)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Check that this installation can do its work."""
    from synthgen.service.doctor import doctor as examine
    from synthgen.service.settings import Settings

    checks = examine(Settings())
    if as_json:
        typer.echo(json.dumps(checks))
    for check in () if as_json else checks:
        hint = f". {check['hint']}" if check["hint"] else ""
        typer.echo(f"{'ok  ' if check['ok'] else 'FAIL'}  {check['name']}: {check['found']}{hint}")
    if not all(check["ok"] for check in checks):
        raise typer.Exit(1)


def backup(folder: Annotated[Path, typer.Argument(help="A new folder; it will hold real data.")]) -> None:
    """Write database and store into a folder, while the service goes on working."""
    from synthgen.service import backup as backups
    from synthgen.service import bootstrap

    app = bootstrap.build()
    try:
        found = backups.save(app, folder, typer.echo)
    finally:
        app.close()
    for what, keys in (("missing", found.missing), ("damaged", found.damaged)):
        for key in keys:
            typer.echo(f"{what}: {key}", err=True)
    if found.damaged:
        raise typer.Exit(1)


def restore(folder: Annotated[Path, typer.Argument(help="A folder that `synthgen backup` wrote.")]) -> None:
    """Fill an empty database and store from a back-up; start the service afterwards."""
    from synthgen.service import backup as backups
    from synthgen.service import bootstrap

    app = bootstrap.build()
    try:
        found = backups.restore(app, folder, typer.echo)
    finally:
        app.close()
    typer.echo(f"Restored what synthgen {found.version} held at {found.made_at}.")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (up, doctor, backup, restore):
        app.command()(command)
