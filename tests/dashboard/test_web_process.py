"""The web process: what it loads, whom it serves, what it does with uploads."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from synthgen.api.access import COOKIE

HEAVY = ("torch", "sklearn", "sdmetrics", "ctgan", "lightgbm")


def test_it_starts_without_the_training_libraries(tmp_path):
    script = f"import sys, dashboard.asgi; print([m for m in {HEAVY} if m in sys.modules])"
    environment = {"SYNTHGEN_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert found.stdout.strip().endswith("[]"), found.stdout + found.stderr


@pytest.mark.parametrize(
    "path", ["/", "/review", "/media/x.csv", "/_stcore/upload_file/x/y", "/_stcore/health", "/_stcore/agent/interact"]
)
def test_a_stranger_is_sent_to_the_sign_in(web, path):
    page = httpx.get(f"{web.url}{path}", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/account/sign-in")
    assert httpx.get(f"{web.url}{path}").status_code == 401
    assert httpx.post(f"{web.url}{path}").status_code == 401


def test_a_stranger_gets_no_socket(web):
    with pytest.raises(InvalidStatus):
        connect(f"{web.url.replace('http', 'ws')}/_stcore/stream")


def test_a_session_opens_the_socket_but_not_for_another_site(web, signed_in):
    address = f"{web.url.replace('http', 'ws')}/_stcore/stream"
    cookie = {"Cookie": f"{COOKIE}={signed_in.cookies[COOKIE]}"}
    with pytest.raises(InvalidStatus):
        connect(address, additional_headers=cookie, origin="http://localhost:3000")
    with connect(address, additional_headers=cookie, origin=web.url, subprotocols=["streamlit"]):
        pass


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(web, signed_in):
    form = {"name": "steward", "password": "a few unrelated words"}
    answer = httpx.post(f"{web.url}/account/sign-in", data=form, headers={"Origin": web.url})
    cookie = answer.headers["set-cookie"].lower()
    assert answer.status_code == 303
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_the_page_is_served_to_whoever_is_signed_in_with_protective_headers(signed_in):
    answer = signed_in.get("/")
    assert answer.status_code == 200
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_set_up_page_is_gone_once_there_is_an_account(signed_in):
    assert signed_in.get("/account/setup").headers["location"] == "/account/sign-in"


def test_forms_from_other_sites_are_refused(web, signed_in):
    form = {"name": "steward", "password": "a few unrelated words"}
    for headers in ({}, {"Origin": "http://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = httpx.post(f"{web.url}/account/sign-in", data=form, headers=headers)
        assert answer.status_code == 403
        assert COOKIE not in answer.cookies


def test_a_wrong_password_says_so_without_a_script(web, signed_in):
    form = {"name": "<b>steward", "password": "wrong"}
    answer = httpx.post(f"{web.url}/account/sign-in", data=form, headers={"Origin": web.url})
    assert answer.status_code == 401
    assert "<b>steward" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_large_upload_does_not_fill_the_memory(web, signed_in):
    size, piece = 256 << 20, b"x" * (1 << 20)
    before = web.memory()
    answer = signed_in.post(
        "/api/datasets?name=big.csv", content=(piece for _ in range(size >> 20)), timeout=120, headers={"Accept": "*/*"}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["size"] == size
    assert web.memory() - before < 100 << 20


def test_the_log_holds_no_token_and_no_name(web, signed_in):
    signed_in.get("/account/setup?token=canary-token")
    signed_in.get("/api/datasets?name=canary-name")
    text = web.log.read_text()
    assert "/account/setup" in text
    assert "canary" not in text
    assert web.setup not in text


def test_signing_out_ends_the_session_at_once(web, signed_in):
    form = {"name": "steward", "password": "a few unrelated words"}
    with httpx.Client(base_url=web.url, headers={"Origin": web.url}) as other:
        other.post("/account/sign-in", data=form)
        assert other.get("/api/me").status_code == 200
        token = other.cookies[COOKIE]
        other.get("/account/sign-out")
        assert other.get("/api/me").status_code == 200, "looking at the page signs nobody out"
        other.post("/account/sign-out")
        other.cookies.set(COOKIE, token)
        assert other.get("/api/me").status_code == 401
