"""The base install starts without the training libraries, and naming a generator imports nothing heavy."""

import subprocess
import sys

import pytest

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
