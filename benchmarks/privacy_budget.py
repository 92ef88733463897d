"""What differential privacy promises, whether it keeps it, and what it costs: `python -m benchmarks.privacy_budget`.

    python -m benchmarks.privacy_budget --parts receipt,audit,table,groups --data adult

*receipt*: epsilon of the receipt by an accountant that shares no code with the one that wrote it. *audit*: 200 small
runs with and without a canary, and the same with noise off (`benchmarks.canary_audit`). *table*: the whole table at
epsilon 2.4, by the neutral judge's marginals and pairs. *groups*: utility per group against epsilon, objectives "mean"
and "worst" (group weights from noisy counts), on a sample of the table. Noise comes from the operating system, so no
figure repeats exactly; runs are kept by the library's sources and the settings, `--fresh NAME` starts others.
`--publish` writes the result for `python -m benchmarks.report`.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import canary_audit, children, judging, tables
from benchmarks.bars import Bar
from benchmarks.contestants import library
from synthgen.spec import ColumnOverride, DifferentialPrivacy
from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular.private import accounting

STATED, FLOOR, GOAL = 2.4, 0.90, 0.94
AUDITED, AUDITED_DELTA = 1.0, 1e-4
CLOSE = 0.02  # how far two accountants may lie apart
OBJECTIVES = {"mean": "mean", "worst": "log_sum_exp"}
SHOWN = ("marginal", "pair", "mean_group", "worst_tenth", "rare_1_recall", "rare_2_recall", "rare_2_log2")


def main() -> int:
    """Print the parts that were asked for; returns the number of bars missed."""
    options = _options()
    os.environ.update(children.ONE_THREAD)
    bars: list[Bar] = []
    groups: list[dict[str, Any]] = []
    if "audit" in options.parts:
        bars += audited(options)
    if {"table", "receipt"} & set(options.parts):
        bars += whole(options)
    if "groups" in options.parts:
        groups = by_group(options)
    for bar in bars:
        print(bar.line())
    if options.publish:
        told = [bar.entry() for bar in bars]
        found = {"scorecard": "privacy budget", "table": options.data, "sample": options.sample, "budgets": groups}
        children.publish({**found, "bars": told}, options.publish, f"privacy_budget_{'_'.join(options.parts)}")
    return sum(bar.outcome == "MISS" for bar in bars)


def audited(options: argparse.Namespace) -> list[Bar]:
    """The canary audit, with noise and without."""
    stated = canary_audit.stated(AUDITED, AUDITED_DELTA)
    bars = []
    for name, budget in (("noise", stated), ("no noise", canary_audit.silent(stated))):

        def measure(budget: Any = budget) -> dict[str, Any]:
            arms = {w: canary_audit.surprises(budget, options.runs // 2, w, 0).tolist() for w in (True, False)}
            return {"with": arms[True], "without": arms[False]}

        key = f"canary-{name.replace(' ', '-')}-{options.runs}-{tables.digest(repr(budget), repr(canary_audit.PARAMS))}"
        runs = children.remembered(f"{key}{options.fresh}", measure)
        found = canary_audit.audit(np.array(runs["with"]), np.array(runs["without"]), AUDITED_DELTA)
        print(
            f"canary, {name}: {found.runs} runs, found {found.true_positives:.2f}, "
            f"false alarms {found.false_positives:.2f}, epsilon at least {found.epsilon_low:.2f}"
        )
        sign = "<=" if name == "noise" else ">="
        bars.append(Bar(f"canary epsilon, {name}", found.epsilon_low, sign, AUDITED, against="epsilon that was stated"))
    return bars


def whole(options: argparse.Namespace) -> list[Bar]:
    """The whole table at the stated epsilon with both objectives: receipt checked again, marginals and pairs."""
    bars = []
    for objective in OBJECTIVES:
        found = figures(options, None, STATED, objective)
        receipt = found["receipt"]
        history = [(m["noise_multiplier"], m["sampling_rate"], m["steps"]) for m in receipt["mechanisms"]]
        again = accounting.epsilon(history, receipt["delta_of_noise"])
        told = ", ".join(f"{name} {found[name]:.4f}" for name in SHOWN if name in found)
        print(f"{options.data}, epsilon {STATED}, {objective}: {told}; {found['cpu_seconds']:.0f} CPU seconds")
        bars.append(
            Bar(f"epsilon again, {objective}", again, "<=", receipt["epsilon_spent"] + CLOSE / 2, against="receipt")
        )
        bars.append(
            Bar(f"receipt, {objective}", receipt["epsilon_spent"] - again, "<=", CLOSE, against="two accountants")
        )
        score = (found["marginal"] + found["pair"]) / 2
        bars.append(Bar(f"marginal and pair, {objective}", score, ">=", FLOOR, GOAL, "mean of both"))
    return bars


def by_group(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Utility per group against epsilon: groups are values of discrete columns, figures the judge's."""
    lines: list[dict[str, Any]] = []
    print(f"{options.data}, {options.sample} rows; the most that epsilon may be is 20")
    print(f"{'epsilon':>8s} {'objective':9s} " + " ".join(f"{name:>13s}" for name in SHOWN))
    for epsilon in options.epsilons:
        for objective in OBJECTIVES:
            found = figures(options, options.sample, epsilon, objective)
            row = " ".join(f"{found.get(name, float('nan')):13.4f}" for name in SHOWN)
            print(f"{epsilon:8g} {objective:9s} {row}", flush=True)
            shown = {name: round(found[name], 4) for name in SHOWN if name in found}
            lines.append({"epsilon": epsilon, "objective": objective, **shown})
    held = {name: round(found[f"{name}_holdout"], 4) for name in SHOWN if f"{name}_holdout" in found}
    print(f"{'':8s} {'hold-out':9s} " + " ".join(f"{held.get(name, float('nan')):13.4f}" for name in SHOWN))
    return [*lines, {"epsilon": None, "objective": "unseen real rows", **held}]


def figures(options: argparse.Namespace, sample: int | None, epsilon: float, objective: str) -> dict[str, Any]:
    """One fit and the judge's figures on its rows, from the cache where it was run before."""
    table = tables.named(options.data, options.tables)
    folder = children.RESULTS / f"private-{table.name}-{sample or 'whole'}"
    train, test = tables.split(table, 0, sample, folder)
    key = f"private-{tables.digest(library(), train, test)}-{epsilon:g}-{objective}{options.fresh}"
    return children.remembered(key, lambda: _measured(table, train, test, epsilon, objective, folder))


def _measured(
    table: tables.Table, train: Path, test: Path, epsilon: float, objective: str, folder: Path
) -> dict[str, Any]:
    began = time.process_time()
    columns = {name: ColumnOverride(drop=True) for name in table.drop}
    model = TabularSynthesizer(
        privacy=DifferentialPrivacy(epsilon=epsilon),
        params={"reducer": OBJECTIVES[objective]},
        target=table.target,
        positive=table.positive,
        time_budget=24 * 3600,
        columns=columns,
    ).fit(train)
    made = folder / f"{epsilon:g}-{objective}.csv"
    model.sample(model.rows_).to_csv(made, index=False)
    seconds = time.process_time() - began
    receipt = model.model_.generator.report()["privacy"]
    return {"receipt": receipt, "cpu_seconds": seconds, **_judged(table, train, test, made)}


def _judged(table: tables.Table, train: Path, test: Path, made: Path) -> dict[str, float]:
    """The judge's figures of shape, rare values and groups, beside the hold-out's, at equal rows."""
    judge = judging.module()
    frames = [judge.read(str(path)).drop(columns=list(table.drop), errors="ignore") for path in (train, test, made)]
    (real, unseen, synthetic), discrete, _ = judge.clean(frames[0], frames)
    rows, out = min(len(unseen), len(synthetic)), {}
    for suffix, other in (("", synthetic), ("_holdout", unseen)):
        part = other.sample(rows, random_state=0)
        found = (
            judge.shape(real, part, discrete) | judge.rare(real, part, discrete) | judge.groups(real, part, discrete)
        )
        out |= {f"{name}{suffix}": float(value) for name, value in found.items()}
    return out


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=lambda text: text.split(","), default=["receipt", "audit", "table", "groups"])
    parser.add_argument("--data", default="adult")
    parser.add_argument("--tables", type=Path, default=tables.TABLES)
    parser.add_argument("--sample", type=int, default=8000, help="training rows of the utility per group")
    parser.add_argument(
        "--epsilons", type=lambda text: [float(e) for e in text.split(",")], default=[1.0, STATED, 8.0, 20.0]
    )
    parser.add_argument("--runs", type=int, default=200, help="small runs of each audit")
    parser.add_argument("--publish", type=Path, help="also write the result as JSON in this folder")
    parser.add_argument("--fresh", default="", help="a name for runs of their own")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
