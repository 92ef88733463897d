"""Where the executed examples leave their pictures, and how they are seeded."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import torch

matplotlib.use("Agg")  # before pyplot: no screen is needed

from matplotlib import pyplot
from matplotlib.figure import Figure

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "examples"
REAL, MADE = "#5b6770", "#d1495b"


def save(figure: Figure, name: str, folder: Path | None = None) -> Path:
    """Write NAME.png (into docs/examples, if no folder is given), without date or version so that bytes repeat."""
    folder = FOLDER if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=80, metadata={"Software": None})
    pyplot.close(figure)
    return path


def quiet(seed: int) -> None:
    """One thread and one seed, so that a run repeats itself on a CPU."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
