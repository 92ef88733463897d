"""A benchmark's result as a figure: one small chart a measure, one bar a contestant, a line for the hold-out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MEASURES = {
    "pair": "pairs of columns (more is better)",
    "rare_3_log2": "rare triples, log2 ratio (less)",
    "worst_tenth": "worst tenth of groups (less)",
    "detection_auc": "detection AUC (.5 is best)",
    "tstr_ap": "TSTR average precision (more)",
    "tstr_r2": "TSTR R2 (more)",
    "dcr_share": "closer to train than to test (.5)",
    "fit_cpu_seconds": "fit, CPU seconds (less)",
}


def draw(found: dict[str, Any], path: Path) -> None:
    """Write the figure of one result (see `tabular.compare`) to a .png, .svg or .pdf file."""
    from matplotlib.figure import Figure

    means = {name: made["mean"] for name, made in found["contestants"].items()}
    measures = [m for m in MEASURES if any(m in mean for mean in means.values())]
    sheet = Figure(figsize=(3.2 * ((len(measures) + 1) // 2), 6), layout="constrained")
    panels = list(sheet.subplots(2, -(-len(measures) // 2), squeeze=False).flat)
    for axes, measure in zip(panels, measures, strict=False):
        _panel(axes, measure, means)
    for spare in panels[len(measures) :]:
        spare.set_visible(False)
    sheet.suptitle(f"{found['table']}: dashed line, real data nobody trained on")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.savefig(path, dpi=150)


def _panel(axes: Any, measure: str, means: dict[str, Any]) -> None:
    names = [name for name in means if measure in means[name]]
    colours = ["#0b6e4f" if i == 0 else "#9aa5b1" for i, name in enumerate(means) if name in names]
    axes.barh(names[::-1], [means[name][measure] for name in names[::-1]], color=colours[::-1])
    axes.set_title(MEASURES[measure], fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    real = f"{measure}_holdout" if not measure.startswith("tstr") else measure.replace("tstr", "trtr")
    if (ideal := next((m[real] for m in means.values() if real in m), None)) is not None:
        axes.axvline(ideal, linestyle="--", color="black", linewidth=1)
