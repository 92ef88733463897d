"""docker-compose.yml against the code: what it sets and starts exists, nothing runs with more than it needs."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from synthgen.service.settings import Settings
from synthgen.service.states import QUEUES

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
SERVICES = yaml.safe_load(COMPOSE)["services"]
OURS = {name for name, service in SERVICES.items() if service["image"].startswith("synthgen")}
ONCE = {"migrate", "bucket"}
NEEDED = {"database", "broker", "store", "migrate", "server", "worker-quick", "worker-training", "worker-gpu"}
KNOWN = {f"SYNTHGEN_{name.upper()}" for name in Settings.model_fields}


def test_every_needed_service_is_there():
    assert set(SERVICES) >= NEEDED


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_a_service_sets_is_a_setting_and_valid(name, monkeypatch):
    environment = SERVICES[name]["environment"]
    assert set(environment) <= KNOWN
    for key, value in environment.items():
        monkeypatch.setenv(key, re.sub(r"\$\{\w+(?::-([^}]*)|:\?[^}]*)?\}", lambda m: m[1] or "secret", value))
    settings = Settings()
    assert settings.database.startswith("postgresql://")
    assert settings.broker.startswith("redis://")
    assert settings.store.startswith("s3://")


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"store"}))
def test_nothing_runs_as_root(name):
    assert SERVICES[name]["user"].split(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nothing_may_write_to_its_image_or_gain_rights(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE))
def test_what_keeps_running_says_whether_it_is_well(name):
    assert SERVICES[name]["healthcheck"]["test"]


def test_modules_named_in_commands_exist():
    commands = [s.get("command", []) for s in SERVICES.values()] + [
        s.get("healthcheck", {}).get("test", []) for s in SERVICES.values()
    ]
    modules = [command[command.index("-m") + 1] for command in commands if "-m" in command]
    assert set(modules) == {"worker", "worker.health", "synthgen.service.prepare"}
    assert all(find_spec(module) for module in modules)


def test_only_the_server_is_reachable_and_only_from_this_machine():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"server": ["127.0.0.1:8765:8765"]}


def test_the_example_environment_answers_every_question():
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE))
    answered = {line.split("=")[0] for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line}
    assert asked == answered - {line for line in answered if line.startswith("#")}


def test_dependencies_name_services():
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_every_queue_has_a_worker():
    workers = [service for name, service in SERVICES.items() if name.startswith("worker")]
    assert {worker["environment"]["SYNTHGEN_WORKER_QUEUES"] for worker in workers} == set(QUEUES.values())


def test_the_image_runs_what_the_package_has():
    text = (ROOT / "Dockerfile").read_text()
    assert "USER 10001" in text
    for folder in re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE):
        assert (ROOT / folder).is_dir()
        assert f"!{folder}" in (ROOT / ".dockerignore").read_text()
