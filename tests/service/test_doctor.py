"""The doctor finds what is wrong with a machine, its settings and the parts they name, and says what to do."""

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from synthgen.cli import app as commands
from synthgen.service import bootstrap, operations, roster
from synthgen.service.doctor import doctor, judged
from synthgen.service.settings import Settings

NAMES = {"python", "versions", "home", "disk", "port", "database", "clock", "store", "broker", "workers", "training"}
CPU = {"version": "2.13.0", "cuda": None, "available": False, "count": 0, "built_for": [], "cards": []}
CUDA = {"version": "2.13.0", "cuda": "13.0", "available": True, "count": 1, "built_for": ["sm_80", "sm_90"],
        "cards": ["sm_90"]}  # fmt: skip
H100 = ["NVIDIA H100 80GB HBM3"]


def examined(settings):
    return {check["name"]: check for check in doctor(settings)}


def test_a_machine_that_can_do_its_work(tmp_path):
    settings = Settings(home=tmp_path, port=operations.any_port())
    found = examined(settings)
    assert set(found) == NAMES
    assert all(check["ok"] for check in found.values()), found
    assert found["database"]["found"].endswith("schema new")
    with bootstrap.running(settings) as app:
        roster.sign_on(app)
        assert examined(settings)["database"]["found"].endswith("schema current")
        assert examined(settings)["workers"]["found"] == "1 at work, 1 slots"
        with app.engine.begin() as connection:
            connection.execute(text("update alembic_version set version_num = '0004'"))
            connection.execute(text("update workers set version = '0.0.9', queues = 'cpu'"))
    found = examined(settings)
    assert "prepare" in found["database"]["hint"]
    assert found["workers"]["found"].endswith("nobody serves quick")


def test_parts_that_do_not_answer(tmp_path):
    dark = Settings(
        home=tmp_path,
        database_url="postgresql://nobody:hunter2@127.0.0.1:1/none",
        broker_url="redis://:hunter2@127.0.0.1:1",
        store_url="s3://none",
        s3_endpoint="http://127.0.0.1:1",
        s3_access_key_id="k",
        s3_secret_access_key="hunter2",
    )
    found = examined(dark)
    assert [name for name in ("database", "clock", "store", "broker") if found[name]["ok"]] == []
    assert all(found[name]["hint"] for name in ("database", "clock", "store", "broker"))
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("device", "torch", "cards", "words"),
    [
        ("cpu", CPU, [], ""),
        ("cpu", CPU, H100, ""),
        ("cuda", CUDA, H100, ""),
        ("cuda", CUDA | {"cards": ["sm_86"]}, ["A10"], ""),
        ("cuda", CPU, [], "nvidia-smi"),
        ("cuda", CPU, H100, "CUDA build"),
        ("cuda", CUDA | {"available": False}, H100, "too old"),
        ("cuda", CUDA | {"cards": ["sm_120"]}, ["RTX 5090"], "not built"),
    ],
)
def test_torch_and_gpus_that_do_not_match(device, torch, cards, words):
    found = judged(Settings(device=device), torch, cards)
    assert found["ok"] is not bool(words)
    assert words in found["hint"]


def test_the_command_ends_with_an_error_when_something_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNTHGEN_HOME", str(tmp_path))
    monkeypatch.setenv("SYNTHGEN_BROKER_URL", "redis://127.0.0.1:1")
    done = CliRunner().invoke(commands, ["doctor"])
    assert done.exit_code == 1
    assert "FAIL  broker" in done.output
    assert '"name": "broker", "ok": false' in CliRunner().invoke(commands, ["doctor", "--json"]).output
