"""The real web process over a temporary home, without broker or worker."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

import httpx
import pytest

from synthgen.service import bootstrap, people
from synthgen.service.settings import Settings

NAME, PASSWORD = "steward", "a few unrelated words"


@dataclass(frozen=True)
class Web:
    """A running web process."""

    url: str
    process: subprocess.Popen[bytes]
    settings: Settings
    setup: str

    def memory(self) -> int:
        """The most memory the process ever used, in bytes."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings(home=tmp_path_factory.mktemp("home"), port=port, host="127.0.0.1")
    with bootstrap.running(settings) as app:
        setup = people.new_setup_token(app)
    command = [sys.executable, "-m", "uvicorn", "dashboard.asgi:app", "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | settings.environment())
    running = Web(f"http://127.0.0.1:{port}", process, settings, setup)
    try:
        wait(running)
        yield running
    finally:
        process.terminate()
        process.wait(20)


def wait(web):
    """Until it answers."""
    for _ in range(300):
        try:
            if httpx.get(f"{web.url}/healthz").status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError("the web process did not start")


@pytest.fixture(scope="module")
def signed_in(web):
    """A browser-like client that went through the set-up page."""
    with httpx.Client(base_url=web.url, headers={"Origin": web.url, "Accept": "text/html"}) as client:
        form = {"token": web.setup, "name": NAME, "password": PASSWORD, "again": PASSWORD}
        answer = client.post("/account/setup", data=form)
        assert answer.status_code == 303, answer.text
        yield client
