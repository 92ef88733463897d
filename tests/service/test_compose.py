"""docker-compose.yml against the code: what it sets and starts exists, nothing runs with more than it needs."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from synthgen.service.settings import GIB, QUEUES, Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
SERVICES = yaml.safe_load(COMPOSE)["services"]
OURS = {name for name, service in SERVICES.items() if service["image"].startswith("synthgen")}
ONCE = {"migrate", "bucket", "store-owner"}
WORKERS = {"worker-quick", "worker-cpu", "worker-gpu", "worker-big-memory"}
NEEDED = {"database", "broker", "store", "migrate", "server"} | WORKERS
SCHEMA = json.loads((Path(__file__).with_name("vendored") / "compose-spec.json").read_text())
KNOWN = {f"SYNTHGEN_{name.upper()}" for name in Settings.model_fields}


def filled(value):
    """A value with the defaults of its variables; a secret where there is none."""
    return re.sub(r"\$\{\w+(?::-([^}]*)|:\?[^}]*)?\}", lambda m: "secret" if m[1] is None else m[1], value)


def broken(change=lambda file: None):
    """What the compose specification's schema says against the file after `change`."""
    file = yaml.safe_load(COMPOSE)
    change(file)
    return [error.json_path for error in Draft7Validator(SCHEMA).iter_errors(file)]


def test_the_file_is_what_the_compose_specification_says():
    Draft7Validator.check_schema(SCHEMA)
    assert broken() == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda file: file["services"]["server"].update(healthcheck={"test": 5}), "$.services.server.healthcheck.test"),
        (lambda file: file["services"]["server"].update(reed_only=True), "$.services.server"),
        (lambda file: file["services"]["broker"].update(deploy={"resources": {"limits": {"memory": []}}}),
         "$.services.broker.deploy.resources.limits.memory"),
    ],
)  # fmt: skip
def test_the_schema_finds_mistakes(change, place):
    assert broken(change) == [place]


def test_every_needed_service_is_there():
    assert set(SERVICES) >= NEEDED


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_a_service_sets_is_a_setting_and_valid(name, monkeypatch):
    environment = SERVICES[name]["environment"]
    assert set(environment) <= KNOWN
    for key, value in environment.items():
        monkeypatch.setenv(key, filled(value))
    settings = Settings()
    assert settings.database.startswith("postgresql://")
    assert settings.broker.startswith("redis://")
    assert settings.store.startswith("s3://")


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"store-owner"}))
def test_nothing_runs_as_root(name):
    assert SERVICES[name]["user"].split(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nothing_may_write_to_its_image_or_gain_rights(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert service.get("cap_add", []) == (["CHOWN"] if name == "store-owner" else [])


def test_what_runs_as_root_ends_and_reaches_nothing():
    owner = SERVICES["store-owner"]
    assert (owner["network_mode"], "networks" in owner, "ports" in owner) == ("none", False, False)
    assert owner["volumes"] == ["store:/data"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nothing_may_take_the_whole_machine(name):
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert set(limits) == {"cpus", "memory", "pids"}


@pytest.mark.parametrize("name", sorted(WORKERS - {"worker-quick"}))
def test_a_job_that_takes_too_much_is_told_before_its_container_is_killed(name):
    """The worker says so in words; the kernel would kill it without."""
    service = SERVICES[name]
    container = filled(service["deploy"]["resources"]["limits"]["memory"])
    job = int(filled(service["environment"]["SYNTHGEN_JOB_MEMORY_BYTES"]))
    assert int(container.removesuffix("g")) * GIB >= job + GIB


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
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE)) | {"COMPOSE_PROFILES"}
    answered = {line.split("=")[0] for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line}
    assert asked == answered - {line for line in answered if line.startswith("#")}


def test_dependencies_name_services():
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_every_queue_has_a_worker():
    workers = [service for name, service in SERVICES.items() if name.startswith("worker")]
    assert {worker["environment"]["SYNTHGEN_WORKER_QUEUES"] for worker in workers} == set(QUEUES)
    profiles = {profile for worker in workers for profile in worker.get("profiles", [])}
    assert profiles == {"gpu", "big-memory"}, "what is off by default is not offered by default"
    assert filled(SERVICES["server"]["environment"]["SYNTHGEN_OFFERED_QUEUES"]).split(",") == ["quick", "cpu"]


def test_the_image_runs_what_the_package_has():
    text = (ROOT / "Dockerfile").read_text()
    assert "USER 10001" in text
    for folder in re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE):
        assert (ROOT / folder).is_dir()
        assert f"!{folder}" in (ROOT / ".dockerignore").read_text()
