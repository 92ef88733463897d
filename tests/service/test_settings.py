import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from synthgen.service.settings import SOCKET_PATH_LIMIT, Settings


def test_everything_lives_in_the_home_by_default(tmp_path):
    settings = Settings(home=tmp_path)
    assert settings.database == f"sqlite:///{tmp_path}/synthgen.db"
    assert settings.store == str(tmp_path / "store")
    assert str(tmp_path) in settings.broker


def test_a_long_home_gets_a_short_socket_path(tmp_path):
    settings = Settings(home=tmp_path / ("deep" * 40))
    assert len(str(settings.broker_socket)) < SOCKET_PATH_LIMIT


def test_the_environment_wins_and_travels_to_child_processes(monkeypatch, tmp_path):
    monkeypatch.setenv("SYNTHGEN_DATABASE_URL", "postgresql://somewhere/db")
    monkeypatch.setenv("SYNTHGEN_PORT", "9999")
    settings = Settings(home=tmp_path)
    assert settings.database == "postgresql://somewhere/db"
    carried = settings.environment()
    assert carried["SYNTHGEN_DATABASE_URL"] == "postgresql://somewhere/db"
    for name, value in carried.items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def test_secrets_do_not_show_in_a_printed_settings_object():
    shown = repr(Settings(database_url="postgresql://u:hunter2@h/db", s3_secret_access_key="abc123"))
    assert "hunter2" not in shown
    assert "abc123" not in shown


def test_the_documentation_lists_every_setting_and_no_other():
    text = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()
    assert set(re.findall(r"^\| `(SYNTHGEN_\w+)`", text, re.MULTILINE)) == set(Settings().environment()) | {
        "SYNTHGEN_WORK_DIRECTORY",
        "SYNTHGEN_IMAGE_FEATURES",
    }


def test_a_heartbeat_slower_than_the_lease_is_refused():
    with pytest.raises(ValidationError, match="LEASE"):
        Settings(lease_seconds=5, heartbeat_seconds=4)
