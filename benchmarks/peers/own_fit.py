"""A generator of our catalog as a user calls it: TRAIN REQUEST SYNTHETIC FACTS."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from synthgen.spec import ColumnOverride
from synthgen.synthesizer import TabularSynthesizer


def main() -> None:
    """Fit, then write as many rows as came in; the person column is used, other columns to drop are dropped.

    `more` asks for further rows of one group, which follow the others in the file.
    """
    train, request, out, facts = sys.argv[1:]
    asked = json.loads(request)
    model = TabularSynthesizer(
        generator=asked["generator"],
        params=asked["params"],
        target=asked["target"],
        positive=asked["positive"],
        time_budget=asked["time_budget"],
        seed=asked["seed"],
        columns={c: ColumnOverride(drop=True) for c in asked["drop"] if c != asked["person"]},
    )
    began = time.process_time()
    model.fit(train)
    fitted = time.process_time()
    model.sample(resample=asked["resample"], seed=asked["seed"])  # timed as a frame, as the peers are
    sampled = time.process_time()
    model.sample(resample="off", seed=asked["seed"])
    plain = time.process_time()
    rows = model.write(out, resample=asked["resample"], seed=asked["seed"])
    if more := asked.get("more"):
        added = model.sample(more["rows"], where=more["where"], resample=asked["resample"], seed=asked["seed"])
        added.to_csv(out, mode="a", header=False, index=False)
    told = {
        "fit_cpu_seconds": fitted - began,
        "sample_cpu_seconds": sampled - fitted,
        "plain_cpu_seconds": plain - sampled,
        "rows": rows,
        "generator": model.model_.generator.name,
        "report": _brief(dict(model.model_.generator.report())),
    }
    Path(facts).write_text(json.dumps(told))


def _brief(report: dict) -> dict:
    """What training did, without the curves and the groups."""
    stages = [{k: v for k, v in stage.items() if k != "curve"} for stage in report.get("stages", [])]
    return {k: v for k, v in report.items() if isinstance(v, str | int | float)} | {"stages": stages}


if __name__ == "__main__":
    main()
