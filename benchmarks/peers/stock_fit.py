"""ctgan's CTGAN or TVAE through its own interface, at its defaults: NAME TRAIN REQUEST SYNTHETIC FACTS.

What the interface asks for is done around it, as its users do: gaps of a number are filled with the median, and one
more discrete column says where they were, because ctgan refuses missing numbers.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.tables import MISSING

FILLED = "__filled__"


def main() -> None:
    """Fit and sample as many rows as came in."""
    name, train, request, out, facts = sys.argv[1:]
    asked = json.loads(request)
    frame = read(Path(train)).drop(columns=asked["drop"], errors="ignore")
    torch.set_num_threads(1)
    import ctgan

    plain, discrete = _complete(frame)
    model = getattr(ctgan, name)(enable_gpu=False)
    model.set_random_state(asked["seed"])
    began = time.process_time()
    model.fit(plain, discrete)
    fitted = time.process_time()
    made = model.sample(len(frame))
    sampled = time.process_time()
    _opened(made, frame).to_csv(out, index=False)
    told = {"fit_cpu_seconds": fitted - began, "sample_cpu_seconds": sampled - fitted, "rows": len(made)}
    Path(facts).write_text(json.dumps(told))


def read(path: Path) -> pd.DataFrame:
    """A CSV file as numbers and words, with the usual spellings of missing."""
    return pd.read_csv(
        path, skipinitialspace=True, keep_default_na=False, na_values=MISSING, float_precision="round_trip"
    )


def _complete(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The frame without gaps, and its discrete columns; a column that is all missing is left out."""
    out, discrete = {}, []
    for name in frame:
        column = frame[name]
        if column.isna().all():
            continue
        if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= 2:
            out[name] = column.astype(str)
            discrete.append(name)
            continue
        out[name] = column.fillna(column.median())
        if column.isna().any():
            out[name + FILLED] = column.notna().astype(int).astype(str)
            discrete.append(name + FILLED)
    return pd.DataFrame(out), discrete


def _opened(made: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """The source's columns again, with their gaps."""
    out = {}
    for name in frame:
        if name not in made:
            out[name] = pd.Series(np.nan, index=made.index)
            continue
        out[name] = made[name].where(made[name] != "nan")
        if name + FILLED in made:
            out[name] = out[name].where(made[name + FILLED] == "1")
    return pd.DataFrame(out)


if __name__ == "__main__":
    main()
