"""The published results as the README's tables: `python -m benchmarks.report [FOLDER]`, Markdown on standard output.

Results are the JSON files that `--publish benchmarks/published` of the other benchmarks wrote. Nothing is chosen here:
every table, every contestant and every bar that was missed is printed.
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
SUMMED = ("pair", "detection_auc", "worst_tenth", "tstr_ap")
OTHERWISE = {"tstr_ap": "tstr_r2"}  # where the target is a number
KINDS = ("contestants", "rare", "emphasis", "modes", "images", "scale", "scorecard", "chaos", "load")
IMAGES = {
    "rarest": "rarest class", "cluster": "worst cluster", "recall": "worst recall", "frechet": "Frechet",
    "frechet_holdout": "of unseen", "precision": "precision", "excess": "copying", "excess_rarest": "copying, rarest",
}  # fmt: skip
SIZES = {
    "rows": "rows", "columns": "columns", "levels": "levels", "prepare_s": "prepare CPU s", "fit_s": "fit CPU s",
    "epochs": "epochs", "sampled_per_s": "rows/s", "data_mib": "data MiB", "above_data_mib": "MiB above the data",
    "pair": "pair", "pair_ideal": "pair of fresh rows",
}  # fmt: skip
NO_PEERS = ("smote", "independent")
PAIRED = {"detection_auc": -1, "worst_tenth": -1, "tstr_ap": 1, "tstr_r2": 1}


def main() -> int:
    """Print all tables, the count against every peer, and the bars missed."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PUBLISHED
    results = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    kinds = {kind: [r for r in results if kind in r] for kind in KINDS}
    if not any(kinds.values()):
        sys.exit(f"There is no result in {folder.name!r}: run `python -m benchmarks.tabular --publish {folder.name}`.")
    compared = kinds["contestants"]
    parts = [*([overview(compared)] if compared else []), *(table(r) for r in compared), *against(compared)]
    parts += [rare(kinds["rare"])] if kinds["rare"] else []
    parts += [emphasised(kinds["emphasis"])] if kinds["emphasis"] else []
    parts += [modes(kinds["modes"])] if kinds["modes"] else []
    parts += [images(kinds["images"]), *arms(kinds["images"])] if kinds["images"] else []
    parts += [sizes(kinds["scale"])] if kinds["scale"] else []
    parts += [scorecards(kinds["scorecard"])] if kinds["scorecard"] else []
    parts += [budgets(r["budgets"]) for r in kinds["scorecard"] if r.get("budgets")]
    parts += [by_part(kind, kinds[kind]) for kind in ("chaos", "load") if kinds[kind]]
    print("\n\n".join([*parts, missed(r for found in kinds.values() for r in found)]))
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


def overview(results: Sequence[dict[str, Any]]) -> str:
    """A row a table: unseen real rows, ours, and the best peer (SMOTE, which copies people, left out) by measure."""
    lines = [_row(["table", *(f"{MEASURES[m]}: real, ours, best peer" for m in SUMMED)])]
    lines.append(_row(["---"] * (len(SUMMED) + 1)))
    for found in results:
        means = {name: made["mean"] for name, made in found["contestants"].items()}
        ours, *peers = means
        cells = []
        for measure in (m if m in means[ours] else OTHERWISE.get(m, m) for m in SUMMED):
            sign = PAIRED.get(measure, 1)
            known = [p for p in peers if measure in means[p] and p not in NO_PEERS]
            best = max(known, key=lambda p: sign * means[p][measure], default=None)
            shown = [_shown(_ideal(measure, means)), f"**{_shown(means[ours].get(measure))}**"]
            shown += [f"{_shown(means[best][measure])} {best}"] if best else []
            cells.append(", ".join(filter(None, shown)) if measure in means[ours] else "")
        lines.append(_row([found["table"], *cells]))
    return "\n".join(lines)


def against(results: Sequence[dict[str, Any]]) -> list[str]:
    """On how many tables we beat each peer, measure by measure, as a table."""
    lines = []
    for peer in dict.fromkeys(name for r in results for name in list(r["contestants"])[1:]):
        cells = []
        for measure, sign in PAIRED.items():
            pairs = [p for r in results if (p := _pair(r, peer, measure))]
            better = sum(sign * ours > sign * theirs for ours, theirs in pairs)
            cells.append(f"{better} of {len(pairs)}" if pairs else "")
        lines.append(_row([peer, *cells]))
    if not lines:
        return []
    head = [_row(["tables on which we beat", *(MEASURES[m] for m in PAIRED)]), _row(["---"] * (len(PAIRED) + 1))]
    return ["\n".join([*head, *lines])]


def rare(results: Sequence[dict[str, Any]]) -> str:
    """Average precision of the rare class: real rows helped in different ways, and synthetic rows in their place."""
    names = [n for n in results[0]["means"] if n != "fit_cpu_seconds"]
    lines = [_row(["rare class", *names]), _row(["---"] * (len(names) + 1))]
    lines += [_row([f"{r['table']}, {r['splits']} splits", *(_shown(r["means"][n]) for n in names)]) for r in results]
    return "\n".join(lines)


def emphasised(results: Sequence[dict[str, Any]]) -> str:
    """Hold-out surprise inside small groups per arm, and how much ours differs from each."""
    arms = list(dict.fromkeys(arm for r in results for run in r["seeds"].values() for arm in run))
    others = [arm for arm in arms if arm != "excess"]
    lines = [_row(["nats inside small groups", *arms, *(f"ours - {arm}" for arm in others)])]
    lines.append(_row(["---"] * (1 + len(arms) + len(others))))
    for r in results:
        inside = [[run[arm]["inside"] for run in r["seeds"].values() if arm in run] for arm in arms]
        cells = [f"{sum(values) / len(values):.3f}" if values else "" for values in inside]
        cells += [_difference(r["differences"][arm]["inside"]) if arm in r["differences"] else "" for arm in others]
        lines.append(_row([f"{r['table']}, {r['emphasis']} of the steps, {len(r['seeds'])} seeds", *cells]))
    return "\n".join(lines)


def modes(results: Sequence[dict[str, Any]]) -> str:
    """25 Gaussians: modes found, points near a mode, and divergence over the modes."""
    lines = [_row(["25 Gaussians", "modes", "within 3 sd", "KL"]), _row(["---"] * 4)]
    for r in results:
        for arm in ("worst case", "mean", "holdout"):
            mean = r["means"][arm]
            cells = [f"{mean['modes']:.1f}", _shown(mean["high_quality"]), _shown(mean["kl"])]
            lines.append(_row([f"{r['modes']}, {arm}, {r['seeds']} seeds", *cells]))
    return "\n".join(lines)


def images(results: Sequence[dict[str, Any]]) -> str:
    """A row a set and arm: shares of what unseen real images reach, distances, and copying beyond chance."""
    lines = [_row(["images", *IMAGES.values()]), _row(["---"] * (len(IMAGES) + 1))]
    for r in results:
        for arm, mean in r["means"].items():
            name = f"{r['images']}, {arm.replace('_', ' ')}, {len(r['runs'][arm])} x {r['minutes']:g} minutes"
            lines.append(_row([name, *(_shown(mean[m]) for m in IMAGES)]))
    return "\n".join(lines)


def arms(results: Sequence[dict[str, Any]]) -> list[str]:
    """What the worst case gains over the other arms, paired over seeds; and what it was worth to a classifier."""
    told = ("rarest", "cluster", "recall")
    lines = [_row(["worst case against", *(IMAGES[m] for m in told)]), _row(["---"] * (len(told) + 1))]
    found = [(r["images"], arm, gaps) for r in results for arm, gaps in r["differences"].items()]
    lines += [_row([f"{name}: {arm}", *(_difference(gaps[m]) for m in told)]) for name, arm, gaps in found]
    return ["\n".join(lines)] if found else []


def sizes(results: Sequence[dict[str, Any]]) -> str:
    """Rows, columns and levels of made tables against time and memory."""
    lines = [_row(SIZES.values()), _row(["---"] * len(SIZES))]
    lines += [_row(_size(line.get(name)) for name in SIZES) for r in results for line in r["sizes"]]
    return "\n".join(lines)


def scorecards(results: Sequence[dict[str, Any]]) -> str:
    """What the scorecard caught, let through, agreed with and cost: a row a bar."""
    lines = [_row(["scorecard", "figure", "asked", "outcome"]), _row(["---"] * 4)]
    for r in results:
        for b in r["bars"]:
            if "theirs" in b:
                own, asked = _shown(b["ours"]), f"{_shown(b['theirs'])} by others"
            else:
                own, asked = _shown(b["value"]), f"{b['sign']} {_shown(b['floor'])}"
            name = b["measure"] if "set" not in b else f"{b['measure']}, {b['set']}"
            lines.append(_row([f"{r['scorecard']}: {name}", own, asked, b["outcome"]]))
    return "\n".join(lines)


def by_part(kind: str, results: Sequence[dict[str, Any]]) -> str:
    """Accidents and load by database: a row a bar, and what was not run."""
    lines = [_row([{"chaos": "accidents"}.get(kind, kind), "figure", "asked", "outcome", ""]), _row(["---"] * 5)]
    for r in results:
        for part in r["parts"].values():
            for b in part["bars"]:
                name, asked = f"{r[kind]}: {b['measure']}", f"{b['sign']} {b['floor']:g}"
                lines.append(_row([name, f"{b['value']:g}", asked, b["outcome"], b["against"]]))
            lines += [_row([f"{r[kind]}: not run", "", "", "", reason]) for reason in part["skipped"]]
    return "\n".join(lines)


def budgets(lines: Sequence[dict[str, Any]]) -> str:
    """What differential privacy leaves of groups, by epsilon and objective."""
    names = [name for name in lines[0] if name not in ("epsilon", "objective")]
    rows = [_row(["epsilon", "objective", *(name.replace("_", " ") for name in names)])]
    rows.append(_row(["---"] * (len(names) + 2)))
    for line in lines:
        epsilon = "" if line["epsilon"] is None else f"{line['epsilon']:g}"
        rows.append(_row([epsilon, line["objective"], *(_shown(line.get(name)) for name in names)]))
    return "\n".join(rows)


def missed(results: Iterable[dict[str, Any]]) -> str:
    """Every floor that was missed, once, with its figure and bound."""
    lines = dict.fromkeys(f"- {_name(r)}: {_miss(b)}" for r in results for b in r["bars"] if b["outcome"] == "MISS")
    return "\n".join(["Floors missed:", *lines] if lines else ["No floor is missed."])


def _name(found: dict[str, Any]) -> str:
    return f"{found['table']}, {found['emphasis']} of the steps" if "emphasis" in found else str(found["table"])


def _miss(bar: dict[str, Any]) -> str:
    if "theirs" in bar:
        return f"{bar['measure']} {_shown(bar['ours'])}, {_shown(bar['theirs'])} by others"
    if "value" in bar:
        floor = f"floor {bar['sign']} {_shown(bar['floor'])} {bar['against']}"
        return f"{bar['measure']} {_shown(bar['value'])}, {floor}".rstrip()
    found = bar.get("difference") or [bar["mean"], bar["low"], bar["high"]]
    return f"{bar['measure']} {_difference(found)} {bar.get('why', '')}".rstrip()


def _difference(found: Sequence[float]) -> str:
    return f"{found[0]:+.3f} ({found[1]:+.3f} to {found[2]:+.3f})"


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
    return "" if number is None else f"{number:,.0f}" if abs(number) >= 10 else f"{number:.3f}"


def _size(value: Any) -> str:
    return (
        ""
        if value is None
        else f"{value:,}"
        if isinstance(value, int)
        else f"{value:.3f}"
        if value < 1
        else f"{value:,.0f}"
    )


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
