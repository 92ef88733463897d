"""Does the scorecard catch what it must, let through what it should, and in what time?

    python -m benchmarks.scorecard --part teeth --seeds 10
    python -m benchmarks.scorecard --part clean --runs 100
    python -m benchmarks.scorecard --part agree,cost

*teeth*: faults planted into clean real rows (`benchmarks.plants`), each to be blocked by the standard policy with every
seed. *clean*: a third real sample, disjoint from training and hold-out, must pass every privacy rule of the standard
policy in 90 of 100 runs. *agree*: our figures beside those of the outside judge, anonymeter and sdmetrics, called
directly on the same rows. *cost*: CPU seconds and memory of scoring a table of 32,561 rows with the standard and the
full plan. Every run is kept by the library's sources and its settings, so that a benchmark that was stopped goes on.
`--publish` writes the result for `python -m benchmarks.report`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import agreement, children, plants, tables
from benchmarks.bars import Bar
from benchmarks.contestants import library
from benchmarks.plants import PLANTS, Case
from benchmarks.tables import Table, digest
from synthgen import catalog, scoring
from synthgen.contracts import Entry, Verdict
from synthgen.release import gate, policies
from synthgen.runtime import RunContext
from synthgen.spec import SampleSpec

WIDER = {"one minority memorised": 5, "a mode dropped": 5}  # times as many rows: only then has one group enough people
THROWS = "an attack that throws"
COST_ROWS = 32_561
SECONDS = {"standard": 180.0, "full": 900.0}
PARTS = ("teeth", "clean", "agree", "cost")


def main() -> int:
    """Run the parts asked for and print figures beside bars; returns the number of bars missed."""
    options = _options()
    os.environ.update(children.ONE_THREAD)
    if options.child:
        print(json.dumps(cost(options, options.child)))
        return 0
    table = tables.named(options.data, options.tables)
    measure = {"teeth": teeth, "clean": clean, "agree": agree, "cost": costs}
    missed = 0
    for part in options.part.split(","):
        lines, found = measure[part](table, options)
        print("\n".join(lines), flush=True)
        missed += sum(bar["outcome"] == "MISS" for bar in found["bars"])
        if options.publish:
            children.publish({"scorecard": part, "table": table.name, **found}, options.publish, f"scorecard_{part}")
    return missed


# --- teeth and clean ------------------------------------------------------------------------------------------------


def teeth(table: Table, options: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """How often each planted fault is blocked, and by which rules."""
    lines, bars, runs = [f"Planted faults, {options.seeds} seeds of {options.rows:,} rows ({table.name})"], [], {}
    for name in options.plants or PLANTS:
        found = [_kept(table, name, seed, options) for seed in range(options.seeds)]
        bar = Bar(name, sum(f["blocked"] for f in found), ">=", options.seeds)
        bars.append(bar.entry())
        runs[name] = found
        lines.append(f"  {bar.line()}  {_often(found)}")
    return lines, {"seeds": options.seeds, "rows": options.rows, "runs": runs, "bars": bars}


def clean(table: Table, options: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """How often a clean third sample passes every privacy rule."""
    found = [_kept(table, "", seed, options) for seed in range(options.runs)]
    private = _private_rules()
    passed = sum(not private & {_metric(rule) for rule in f["failed"]} for f in found)
    bar = Bar("clean sets that pass", passed / len(found), ">=", 0.9)
    held = sum(not f["attacked"] for f in found) / len(found)
    alarms = Bar("clean sets not blocked", held, ">=", 0.9, against="attacks alone")
    lines = [f"A third real sample, {len(found)} runs of {options.rows:,} rows ({table.name})"]
    lines += [f"  {b.line()}" for b in (bar, alarms)] + [f"  rules not met: {_often(found)}"]
    return lines, {"runs": found, "rows": options.rows, "bars": [bar.entry(), alarms.entry()]}


def _kept(table: Table, name: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One verdict, found once for one state of the library."""
    rows = options.rows * WIDER.get(name, 1)
    key = f"scorecard-{digest(library(), Path(plants.__file__), f'{table.name}{name}{seed}/{rows}')}"
    found = children.remembered(key, lambda: _verdict(table, name, seed, rows))
    print(table.name, name or "clean", seed, json.dumps(found), file=sys.stderr, flush=True)
    return found


def _verdict(table: Table, name: str, seed: int, rows: int) -> dict[str, Any]:
    case = plants.clean(
        table, rows, seed, derived=name == "leak through a derived column", keyed=name == "keys of real people"
    )
    made = PLANTS[name](case) if name else case.third
    verdict = judged(case, made, thrower() if name == THROWS else needed())
    failed = [reason.rule for reason in verdict.failed]
    shown = {r.rule: r.message for r in verdict.failed}
    return {
        "blocked": bool(failed),
        "failed": failed,
        "attacked": any(" gains" in message for message in shown.values()),
        "messages": shown,
    }


def judged(case: Case, made: Any, metrics: Mapping[str, Entry]) -> Verdict:
    """The standard policy's verdict on a frame in the place of a synthetic set."""
    modality, schema, split = catalog.modality("tabular"), case.prepared.schema, case.prepared.split
    ctx = replace(RunContext(seed=case.spec.seed).at("score"), attacks=case.spec.attacks)
    with tempfile.TemporaryDirectory() as folder:
        drawn = modality.call("write", iter([made]), schema, Path(folder), SampleSpec(), "planted")
        card = scoring.score(metrics, split, drawn, schema, case.prepared.groups, ctx)
    return gate.decide(card, policies.named(case.spec.policy))


def needed() -> dict[str, Entry]:
    """The metrics that the standard policy names, attacks included."""
    policy = policies.named("standard")
    names = {_metric(rule.metric) for rule in policy.rules}
    names |= set(policy.attacks.metrics if policy.attacks else ())
    return {name: entry for name, entry in catalog.modality("tabular").metrics.items() if name in names}


def thrower() -> dict[str, Entry]:
    """The same, with the linkability attack replaced by code that raises."""
    return {**needed(), "linkability": Entry("benchmarks.scorecard:Thrower", "Linkability")}


class Thrower:
    """A metric that fails with an error of its own."""

    def compute(self, *args: Any, **kwargs: Any) -> Any:
        """Never gives a result."""
        raise ZeroDivisionError


def _private_rules() -> set[str]:
    """Names of the metrics of the privacy family."""
    return {name for name, entry in needed().items() if entry.load().family == "privacy"}


def _metric(rule: str) -> str:
    return rule.partition("/")[0]


def _often(found: Sequence[Mapping[str, Any]]) -> str:
    """Rules and how many runs failed each, the most frequent first."""
    counts: dict[str, int] = {}
    for run in found:
        for rule in run["failed"]:
            counts[rule] = counts.get(rule, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{rule} {count}" for rule, count in ordered) or "none"


# --- agreement and cost ---------------------------------------------------------------------------------------------


def agree(table: Table, options: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """Our figures beside the same from outside, on one case with a real sample and one with half of it copied."""
    lines, bars = [f"The same figures from outside ({table.name}, {options.rows:,} rows)"], []
    for name in ("", "5 % copied"):
        case = plants.clean(table, options.rows, 0)
        made = PLANTS[name](case) if name else case.third
        for line in agreement.compared(case, made):
            lines.append(f"  {name or 'clean':12s}{line.measure:32s}{line.ours:9.4f}{line.theirs:9.4f}  {line.outcome}")
            bars.append({"set": name or "clean", **line.__dict__, "outcome": line.outcome})
    return lines, {"bars": bars}


def costs(table: Table, options: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """CPU seconds and memory of a whole scorecard with each plan, in a child process each."""
    lines, bars, found = [f"A scorecard of {COST_ROWS:,} rows ({table.name})"], [], {}
    for size, limit in SECONDS.items():
        key = f"scorecard-cost-{digest(library(), f'{table.name}{size}')}"
        found[size] = children.remembered(key, lambda size=size: _cost(options, size))  # type: ignore[misc]
        for bar in (
            Bar(f"{size} plan, CPU s", found[size]["cpu_seconds"], "<=", limit),
            Bar(f"{size} plan, MiB", found[size]["peak_memory_mib"], "<=", 2048),
        ):
            lines.append(f"  {bar.line()}")
            bars.append(bar.entry())
        slow = sorted(found[size]["seconds"].items(), key=lambda item: -item[1])[:6]
        lines.append("    " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in slow))
    return lines, {"plans": found, "bars": bars}


def _cost(options: argparse.Namespace, size: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scorecard", "--child", size, "--data", options.data]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        facts = children.measured(command, log, 4 * SECONDS[size])
        if facts["status"] != "ok":
            raise SystemExit(f"Scoring did not end well: {facts['status']}\n{log.read_text()[-800:]}")
        told: dict[str, Any] = json.loads(log.read_text().strip().splitlines()[-1])
    return {**facts, **told}


def cost(options: argparse.Namespace, size: str) -> dict[str, Any]:
    """CPU seconds of every metric on a table of the stated size whose synthetic set is another generator's."""
    return agreement.seconds(tables.named(options.data, options.tables), COST_ROWS, size)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default=",".join(PARTS), help="by commas: " + ", ".join(PARTS))
    parser.add_argument("--data", default="adult", help="start of a name in the list of tables, or a file")
    parser.add_argument("--tables", type=Path, default=tables.TABLES)
    parser.add_argument("--rows", type=int, default=2000, help="rows of each of the three samples")
    parser.add_argument("--seeds", type=int, default=10, help="of every planted fault")
    parser.add_argument("--runs", type=int, default=100, help="of the clean set")
    parser.add_argument("--plants", nargs="*", choices=PLANTS, help="some of the planted faults only")
    parser.add_argument("--publish", type=Path, help="also write the results as JSON in this folder")
    parser.add_argument("--child", choices=SECONDS, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
