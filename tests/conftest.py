"""What every test may use; where a skip of a required kind is a failure."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["scenes", "running_servers"]

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
REQUIRED = {"browser", "postgres", "s3", "valkey", "shared_data"}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The shared development data; skips with a reason where it is absent."""
    if not (SHARED / "data" / "tables.csv").exists():
        pytest.skip("the shared development data is not beside this checkout (../shared/data)")
    return SHARED / "data"


@pytest.fixture(scope="session")
def judge() -> Path:
    """The neutral judge of a synthetic table; skips with a reason where it is absent."""
    path = SHARED / "tools" / "judge_tabular.py"
    if not path.exists():
        pytest.skip("the neutral judge is not beside this checkout (../shared/tools)")
    return path


def pytest_collection_modifyitems(items):
    """A test that asks for shared data is marked so without saying it twice."""
    for item in items:
        if {"shared_data", "judge"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.shared_data)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where SYNTHGEN_TESTS_REQUIRE_ALL is set, a skipped test of a required kind fails."""
    outcome = yield
    report = outcome.get_result()
    kinds = REQUIRED & {mark.name for mark in item.iter_markers()}
    if report.skipped and kinds and os.environ.get("SYNTHGEN_TESTS_REQUIRE_ALL"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"a test of kind {', '.join(sorted(kinds))} must not be skipped here: {reason}"
