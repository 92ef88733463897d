"""What the documents say exists."""

import ast
import re
import tomllib

import pytest
import yaml

from synthgen import catalog
from tests.conftest import REPOSITORY

STOPS = re.findall(r"^\d+\. `([\w/]+\.py)`, `([\w.]+)`", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.MULTILINE)
PATHS = sorted(
    {
        path
        for document in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")
        for path in re.findall(r"`((?:synthgen|worker|dashboard|tests|docs|examples|benchmarks)/[\w/.-]*)`",
                               (REPOSITORY / document).read_text())
    }
)  # fmt: skip


def test_the_walk_has_ten_stops():
    assert len(STOPS) == 10


@pytest.mark.parametrize(("file", "name"), STOPS)
def test_each_stop_of_the_walk_exists(file, name):
    tree = ast.parse((REPOSITORY / file).read_text())
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert set(name.split(".")) <= found


@pytest.mark.parametrize("path", PATHS)
def test_each_path_a_document_names_exists(path):
    assert (REPOSITORY / path).exists()


def test_every_document_names_the_two_commands():
    readme = (REPOSITORY / "README.md").read_text()
    assert "make demo" in readme
    assert "make test" in readme


def test_the_constraints_pin_what_the_project_needs_and_name_no_host():
    text = (REPOSITORY / "constraints.txt").read_text()
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in text.splitlines() if "==" in line}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~ ]", need)[0]).lower() for need in needed}
    assert names <= pinned
    assert "://" not in text
    assert "+cpu" not in text


def test_generators_and_metrics_of_the_catalog_can_be_loaded():
    modality = catalog.modality("tabular")
    for entry in (*catalog.generators("tabular").values(), *modality.metrics.values()):
        assert entry.load().name


def test_continuous_integration_calls_the_test_command_and_requires_every_kind():
    script = (REPOSITORY / ".ci" / "run").read_text()
    assert "make check" in script
    assert "SYNTHGEN_TESTS_REQUIRE_ALL=1" in script


def test_the_compose_file_is_yaml():
    assert "services" in yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
