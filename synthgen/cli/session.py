"""Which service the command line talks to: --url and --token, then the environment, then what `login` stored."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthgen.errors import NotSignedIn

if TYPE_CHECKING:
    from synthgen.client import Client

DEFAULT_URL = "http://127.0.0.1:8765"

Url = Annotated[str | None, typer.Option(envvar="SYNTHGEN_URL", help=f"Address of the service [{DEFAULT_URL}].")]
Token = Annotated[str | None, typer.Option(envvar="SYNTHGEN_TOKEN", help="API token; see 'synthgen login'.")]


def login_file() -> Path:
    """Where `login` keeps address and token; readable by its owner only."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "synthgen" / "login.json"


def remember(url: str, token: str) -> Path:
    """Store address and token for later commands."""
    path = login_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"url": url, "token": token}, file)
    return path


def remembered() -> dict[str, str]:
    """What `login` stored, or nothing."""
    try:
        stored: dict[str, str] = json.loads(login_file().read_text())
    except (OSError, ValueError):
        return {}
    return stored


def resolve(url: str | None, token: str | None) -> tuple[str, str]:
    """Address and token to use; a stored token is only sent to the address it was stored for."""
    stored = remembered()
    address = (url or stored.get("url") or DEFAULT_URL).rstrip("/")
    if token is None and stored.get("url", "").rstrip("/") == address:
        token = stored.get("token")
    if not token:
        raise NotSignedIn(f"There is no token for {address}.", "Run 'synthgen login', or set SYNTHGEN_TOKEN.")
    return address, token


def connect(url: str | None, token: str | None) -> Client:
    """A client of the service to talk to; it imports what HTTP needs only now."""
    from synthgen.client import Client

    return Client(*resolve(url, token))
