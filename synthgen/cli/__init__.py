"""The command line: `synthgen --help`. Imports of anything heavy happen inside the commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from synthgen.cli import account, local, orders, remote, review, system
from synthgen.cli.terminal import explain

app = typer.Typer(
    name="synthgen",
    help="Synthetic data that keeps its minorities: train, score, review, release.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for module in (local, account, orders, remote, review, system):
    module.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; every error becomes a message, a hint and an exit code here."""
    try:
        app(args=arguments)
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
        sys.exit(130)
    except Exception as error:
        typer.echo(explain(error), err=True)
        sys.exit(1)


__all__ = ["app", "main"]
