"""The neutral judge as a process of its own: it shares no code with the library, and its word is kept by content."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.children import CACHE
from benchmarks.tables import SHARED, Table, digest

JUDGE = Path(os.environ.get("SYNTHGEN_JUDGE", str(SHARED / "tools" / "judge_tabular.py")))


class JudgeFailed(SystemExit):
    """The judge did not come to an end; its own words."""


def must_be(judge: Path) -> None:
    """Exit in words where there is no judge."""
    if not judge.exists():
        sys.exit(f"There is no judge at {judge}; name one with --judge or SYNTHGEN_JUDGE.")


def module(judge: Path = JUDGE) -> Any:
    """The judge's own code, for a benchmark that needs a part of it only."""
    must_be(judge)
    found = importlib.util.spec_from_file_location("judge", judge)
    assert found is not None
    assert found.loader is not None
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    return made


def judged(judge: Path, table: Table, train: Path, test: Path, synthetic: Path) -> dict[str, Any]:
    """The judge's figures on three CSV files. Raises JudgeFailed, which ends a benchmark with the judge's own words."""
    must_be(judge)
    command = [sys.executable, str(judge), str(train), str(test), str(synthetic)]
    command += ["--target", table.target] if table.target else []
    command += ["--positive", table.positive] if table.positive else []
    command += ["--drop", ",".join(table.drop)] if table.drop else []
    kept = CACHE / f"judged-{digest(judge, train, test, synthetic, ' '.join(command[5:]))}.json"
    if not kept.exists():
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
        if done.returncode:
            raise JudgeFailed(f"The judge failed: {done.stderr.strip()[-2000:]}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(done.stdout)
    found: dict[str, Any] = json.loads(kept.read_text())
    return found
