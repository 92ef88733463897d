import stat
import subprocess
import sys

from synthgen.service import bootstrap
from synthgen.service.artifacts.local import LocalArtifacts
from synthgen.service.artifacts.s3 import S3Artifacts
from synthgen.service.settings import Settings


def test_nobody_else_on_the_machine_may_look_into_the_home(tmp_path):
    settings = Settings(home=tmp_path / "deep" / "home")
    with bootstrap.running(settings):
        assert stat.S_IMODE(settings.root.stat().st_mode) == 0o700
        assert stat.S_IMODE((settings.root / "store").stat().st_mode) == 0o700


def test_the_store_follows_from_its_address(tmp_path):
    assert isinstance(bootstrap.artifact_store(Settings(home=tmp_path)), LocalArtifacts)
    assert isinstance(bootstrap.artifact_store(Settings(store_url="s3://bucket/folder")), S3Artifacts)


def test_service_and_worker_parent_start_without_the_heavy_libraries():
    code = "import sys, worker.app, synthgen.service.jobs, synthgen.service.embedded; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.strip("[]' ").split(".")[0] for name in done.stdout.split(",")}
    assert "celery" in loaded
    assert not loaded & {"torch", "pandas", "pyarrow", "sklearn", "sdmetrics", "ctgan", "streamlit", "fastapi"}
