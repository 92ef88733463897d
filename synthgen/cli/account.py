"""Who one is to a running service, over HTTP: login, invite, tokens, revoke."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli.session import DEFAULT_URL, Token, Url, connect, remember
from synthgen.cli.terminal import moment, table


def login(
    url: Url = None,
    name: Annotated[str, typer.Option(prompt=True, help="Account name.")] = "",
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, help="Asked for when left out.")] = "",
) -> None:
    """Sign in and remember the token for later commands."""
    from synthgen.client import Client

    address = (url or DEFAULT_URL).rstrip("/")
    with Client(address) as service:
        path = remember(address, service.sign_in(name, password))
    typer.echo(f"Signed in to {address} as {name}. The token is kept in {path}.")


def invite(url: Url = None, token: Token = None) -> None:
    """Make a link with which another person creates an account of their own; it works once."""
    with connect(url, token) as service:
        made = service.invite()
        address = service.url
    typer.echo(f"Send this link to one person; it works once: {address}/account/join?token={made}")


def tokens(url: Url = None, token: Token = None) -> None:
    """List your API tokens that still work; the one in use is marked."""
    with connect(url, token) as service:
        found = service.tokens()
    rows = [(t.id, t.label, moment(t.created_at), "in use now" if t.current else "") for t in found]
    typer.echo(table(("token", "label", "made", ""), rows))
    typer.echo("End one with: synthgen revoke TOKEN")


def revoke(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="Id of a token, see 'synthgen tokens'.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """End one of your API tokens at once."""
    with connect(url, token) as service:
        service.revoke_token(token_id)
    typer.echo(f"Token {token_id} no longer works.")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (login, invite, tokens, revoke):
        app.command()(command)
