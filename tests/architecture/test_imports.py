"""The base install starts without the training libraries, and naming a generator imports nothing heavy."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import synthgen.tabular

HEAVY = ("torch", "sdmetrics", "ctgan", "sklearn", "lightgbm")
LIGHT = {
    "dashboard and API": "import dashboard.asgi",
    "command line": "import synthgen.cli",
    "worker's parent": "import worker.app",
    "names of generators and their forms": (
        "from synthgen import catalog\n"
        "for name in catalog.generators('tabular'): catalog.params_class('tabular', name).model_json_schema()"
    ),
    "names of metrics": "from synthgen import catalog; list(catalog.modality('tabular').metrics)",
}


@pytest.mark.parametrize("what", LIGHT)
def test_nothing_heavy_is_imported_by(what, tmp_path):
    script = f"{LIGHT[what]}\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    environment = {"PATH": "/usr/bin:/bin", "SYNTHGEN_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_help_is_shown_without_the_screen_library():
    script = "import sys, synthgen.cli; print([m for m in ('streamlit', 'sqlalchemy', 'celery') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().splitlines()[-1] == "[]", done.stderr


def test_no_imports_of_the_table_modules_run_in_a_circle():
    """Wherever in a file an import stands: one inside a function hides a circle, it does not open it."""
    package = Path(synthgen.tabular.__file__).parent
    names = {path.stem for path in package.glob("*.py")} - {"__init__"}
    graph = {name: _imported((package / f"{name}.py").read_text("utf-8")) & names for name in names}
    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def _imported(source: str) -> set[str]:
    """The modules of `synthgen.tabular` that a source file imports anywhere, but for the type checker alone."""
    tree = ast.parse(source)
    blocks = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    unseen = {id(inner) for block in blocks for inner in ast.walk(block)}
    found = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module and id(n) not in unseen]
    whole = {n.module.rpartition(".")[2] for n in found if n.module.startswith("synthgen.tabular.")}
    return whole | {alias.name for n in found if n.module == "synthgen.tabular" for alias in n.names}
