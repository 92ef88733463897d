"""The published results as the README's tables: `python -m benchmarks.report [FOLDER]`, Markdown on standard output.

Results are the JSON files that `python -m benchmarks.tabular --publish benchmarks/published` wrote. Nothing is chosen
here: every table, every contestant and every bar that was missed is printed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PUBLISHED = Path(__file__).resolve().parent / "published"
MEASURES = {
    "pair": "pairs",
    "rare_3_log2": "rare triples log2",
    "worst_tenth": "worst tenth",
    "detection_auc": "detection",
    "tstr_ap": "TSTR AP",
    "tstr_r2": "TSTR R2",
    "dcr_share": "DCR share",
    "near_copies": "near copies",
    "fit_cpu_seconds": "fit CPU s",
    "peak_memory_mib": "peak MiB",
}
PAIRED = {"detection_auc": -1, "worst_tenth": -1, "tstr_ap": 1, "tstr_r2": 1}


def main() -> int:
    """Print all tables, the count against mostlyai, and the bars missed."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PUBLISHED
    results = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    found = [result for result in results if "contestants" in result]
    if not found:
        sys.exit(f"There is no result in {folder.name!r}: run `python -m benchmarks.tabular --publish {folder.name}`.")
    print("\n\n".join([*(table(result) for result in found), *against(found), missed(found)]))
    return 0


def table(found: dict[str, Any]) -> str:
    """One table of the data as Markdown: a row a contestant, a column a measure, the hold-out first."""
    means = {name: made["mean"] for name, made in found["contestants"].items()}
    measures = [m for m in MEASURES if any(m in mean for mean in means.values())]
    lines = [_row(["", *(MEASURES[m] for m in measures)]), _row(["---"] * (len(measures) + 1))]
    lines.append(_row(["real, unseen", *(_shown(_ideal(m, means)) for m in measures)]))
    for name, mean in means.items():
        lines.append(_row([_title(name, mean), *(_shown(mean.get(m)) for m in measures)]))
    return "\n".join([f"**{found['table']}**", "", *lines, *(["", found["note"]] if found.get("note") else [])])


def against(results: Sequence[dict[str, Any]]) -> list[str]:
    """On how many tables we beat each peer, measure by measure."""
    lines = []
    for peer in dict.fromkeys(name for r in results for name in list(r["contestants"])[1:]):
        for measure, sign in PAIRED.items():
            pairs = [p for r in results if (p := _pair(r, peer, measure))]
            if pairs:
                better = sum(sign * ours > sign * theirs for ours, theirs in pairs)
                lines.append(f"- {MEASURES[measure]} better than {peer} on {better} of {len(pairs)} tables")
    return ["\n".join(lines)] if lines else []


def missed(results: Iterable[dict[str, Any]]) -> str:
    """Every floor that was missed, with its figure and bound."""
    lines = [
        f"- {r['table']}: {b['measure']} {_shown(b['value'])}, floor {b['sign']} {_shown(b['floor'])} {b['against']}"
        for r in results
        for b in r["bars"]
        if b["outcome"] == "MISS"
    ]
    return "\n".join(["Floors missed:", *lines] if lines else ["No floor is missed."])


def _pair(found: dict[str, Any], peer: str, measure: str) -> tuple[float, float] | None:
    made = next(iter(found["contestants"].values()))["mean"], found["contestants"].get(peer, {}).get("mean", {})
    return (made[0][measure], made[1][measure]) if all(measure in m for m in made) else None


def _ideal(measure: str, means: dict[str, Any]) -> float | None:
    real = measure.replace("tstr", "trtr") if measure.startswith("tstr") else f"{measure}_holdout"
    return next((m[real] for m in means.values() if real in m), None)


def _title(name: str, mean: dict[str, Any]) -> str:
    if mean["status"] == "ok":
        return f"{name}, {mean['runs']} runs" if mean["runs"] > 1 else name
    return f"{name}: {mean['status']} after {mean['cpu_seconds']:.0f} CPU s"


def _shown(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}" if abs(number) >= 5 else f"{number:.3f}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
