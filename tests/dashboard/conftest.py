"""The real web process, and a client that went through its set-up page."""

from __future__ import annotations

import httpx
import pytest
from running_web import NAME, PASSWORD, running_web


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    with running_web(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def signed_in(web):
    """A browser-like client that went through the set-up page."""
    with httpx.Client(base_url=web.url, headers={"Origin": web.url, "Accept": "text/html"}) as client:
        form = {"token": web.setup, "name": NAME, "password": PASSWORD, "again": PASSWORD}
        answer = client.post("/account/setup", data=form)
        assert answer.status_code == 303, answer.text
        yield client
