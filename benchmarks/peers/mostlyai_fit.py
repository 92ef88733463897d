"""mostlyai-engine's TabularARGN at its defaults; run by the interpreter that mostlyai.sh made: TRAIN REQUEST OUT FACTS.

Nothing of synthgen is imported here: the environments do not go together.
"""

import json
import resource
import sys
import tempfile
from pathlib import Path

import pandas as pd

MISSING = ["", "?", "NA", "N/A", "n/a", "None", "none", "null", "NULL", "nan", "NaN"]


def main() -> None:
    """Split, analyse, encode, train and generate as the engine's own documentation does."""
    train, request, out, facts = sys.argv[1:]
    asked = json.loads(request)
    frame = pd.read_csv(
        train, skipinitialspace=True, keep_default_na=False, na_values=MISSING, float_precision="round_trip"
    )
    frame = frame.drop(columns=[c for c in asked["drop"] if c in frame])
    from mostlyai import engine

    engine.set_random_state(asked["seed"])
    with tempfile.TemporaryDirectory() as folder:
        began = _cpu_seconds()
        engine.split(workspace_dir=folder, tgt_data=frame, model_type="TABULAR")
        engine.analyze(workspace_dir=folder)
        engine.encode(workspace_dir=folder)
        engine.train(workspace_dir=folder)
        fitted = _cpu_seconds()
        engine.generate(workspace_dir=folder, sample_size=len(frame))
        made = pd.concat([pd.read_parquet(p) for p in sorted((Path(folder) / "SyntheticData").glob("*.parquet"))])
        sampled = _cpu_seconds()
    made[list(frame.columns)].to_csv(out, index=False)
    told = {"fit_cpu_seconds": fitted - began, "sample_cpu_seconds": sampled - fitted, "rows": len(made)}
    Path(facts).write_text(json.dumps(told))


def _cpu_seconds() -> float:
    """CPU seconds of this process and of its finished children."""
    use = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in use)


if __name__ == "__main__":
    main()
