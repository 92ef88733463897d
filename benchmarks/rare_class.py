"""Whether the rare class of a table can be learnt from our rows, and whether our rows help beside the real ones.

    python -m benchmarks.rare_class --data stroke,bank,hypothyroid,heart_failure --splits 10

For every split, one fit of ours at its defaults. First: average precision of the rare class, trained on synthetic rows
over trained on real rows, beside the same for a bootstrap of the real rows. Second: real rows with synthetic rows of
the rare class, against the real rows alone, with class weights, and with SMOTE-NC (as many again, and up to balance).
Tested on real rows that nobody trained on, with the neutral judge's own learner. The amount of ours that is held
against the others, as many again, was fixed before anything was measured; it is the mean over at most five draws.
Beside it stand up to balance, and the amount (25, 50 or 100 % more, or up to balance) that training rows held back
choose.
Intervals are paired over the splits, 95 %, Student's t.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import children, contestants, judging, tables
from benchmarks.peers.stock_fit import read
from benchmarks.tables import Table
from synthgen.tabular.smote import between

RATIO_FLOOR = -0.05
NEIGHBORS = 5
DRAWS = 5  # what one draw adds varies more than what is asked about
PERCENTS = (25, 50, 100)  # of the rare rows there are: what the scorecard tries, with up to balance
OURS, BALANCED, CHOSEN = "real + ours", "real + ours to balance", "real + ours, amount chosen"
FOLDS = 5  # of the training rows, each held back once


def main() -> int:
    """Print both comparisons of every table; returns the number of floors missed."""
    options = _options()
    os.environ.update(children.ONE_THREAD)
    missed = 0
    for name in options.data.split(","):
        table = tables.named(name, options.tables, options.target, options.positive)
        runs = [one_split(table, number, options) for number in range(options.splits)]
        found = {"rare": True, "table": table.name, "splits": options.splits, "runs": runs, **summary(runs)}
        print("\n".join([f"{table.name}, {options.splits} splits", *lines(found)]), flush=True)
        missed += sum(bar["outcome"] == "MISS" for bar in found["bars"])
        for folder in filter(None, (children.RESULTS / "rare_class", options.publish)):
            children.publish(found, folder, f"rare_class_{table.name}")
    return missed


def one_split(table: Table, number: int, options: argparse.Namespace) -> dict[str, float]:
    """Average precisions and ratios of one split."""
    folder = children.RESULTS / "rare_class" / f"{table.name}{number}"
    train_file, test_file = tables.split(table, number, options.rows, folder)
    judge = judging.module(options.judge)
    train, test = (read(path).drop(columns=list(table.drop)) for path in (train_file, test_file))
    rare = _rare(train, test, table)
    count = int((_text(train[table.target]) == rare).sum())
    mine = contestants.ours(more={"where": {table.target: rare}, "rows": len(train) - 2 * count})
    facts = mine.fit(train_file, table, number, folder / "ours.csv", children.LIMIT_SECONDS)
    if facts["status"] != "ok":
        raise SystemExit(f"Our fit on {table.name} did not end well: {facts}")
    made = read(folder / "ours.csv")[train.columns]
    whole, minority = made.iloc[: facts["rows"]], made.iloc[facts["rows"] :]
    (real, real_test, ours, extra), discrete, _ = judge.clean(train, [train, test, whole, minority])
    learn = Learner(judge, real, real_test, discrete, str(table.target), judge.clean(train, [train])[0][0], rare)
    boot = real.sample(len(real), replace=True, random_state=number)
    alone = learn.precision(real)
    doubled = [_smote(learn, count, number + 1000 * draw) for draw in range(DRAWS)]
    added = {percent: _pieces(extra, round(count * percent / 100)) for percent in PERCENTS} | {"balance": [extra]}
    found = {
        "real": alone,
        "class weights": learn.precision(real, class_weight="balanced"),
        "real + SMOTE-NC": learn.mean_precision(doubled),
        "real + SMOTE-NC to balance": learn.precision(pd.concat([real, _smote(learn, len(minority), number)])),
        OURS: learn.mean_precision(added[100]),
        BALANCED: learn.mean_precision(added["balance"]),
        CHOSEN: learn.mean_precision(added[learn.choice({name: rows[0] for name, rows in added.items()}, number)]),
        "ratio": learn.precision(ours) / alone,
        "bootstrap ratio": learn.precision(boot) / alone,
        "fit_cpu_seconds": facts["fit_cpu_seconds"],
    }
    return {name: round(float(value), 4) for name, value in found.items()}


class Learner:
    """The judge's learner for one class against the rest, tested on the same real rows every time."""

    def __init__(
        self, judge: Any, real: pd.DataFrame, test: pd.DataFrame, discrete: list[str], target: str, like: Any, rare: str
    ) -> None:
        self.judge, self.real, self.test, self.discrete = judge, real, test, discrete
        self.target, self.like, self.rare = target, like, rare

    def precision(self, rows: pd.DataFrame, **settings: Any) -> float:
        """Average precision of the rare class on the test rows after learning from `rows`."""
        from sklearn.metrics import average_precision_score

        truth = (self.test[self.target] == self.rare).astype(int)
        known = (rows[self.target] == self.rare).astype(int)
        if known.nunique() < 2:
            return float(truth.mean())
        x, unseen = self.judge.matrix([rows, self.test], self.like, self.discrete, (self.target,))
        model = self.judge.model().set_params(n_jobs=1, **settings).fit(x.reset_index(drop=True), known.to_numpy())
        return float(average_precision_score(truth, model.predict_proba(unseen)[:, 1]))

    def mean_precision(self, draws: list[pd.DataFrame]) -> float:
        """The mean over several draws that are added to the real rows."""
        return float(np.mean([self.precision(pd.concat([self.real, rows])) for rows in draws]))

    def choice(self, added: dict[Any, pd.DataFrame], seed: int) -> Any:
        """Which of the added rows serve best on real training rows that were held back, mean over folds."""
        fold = np.random.default_rng(seed).permutation(len(self.real)) % FOLDS
        sums = dict.fromkeys(added, 0.0)
        for number in range(FOLDS):
            kept, back = self.real[fold != number], self.real[fold == number]
            inner = Learner(self.judge, kept, back, self.discrete, self.target, self.like, self.rare)
            for name, rows in added.items():
                sums[name] += inner.precision(pd.concat([kept, rows]))
        return max(sums, key=lambda name: sums[name])


def _pieces(rows: pd.DataFrame, size: int) -> list[pd.DataFrame]:
    """Disjoint pieces of so many rows, at most `DRAWS`."""
    return [rows.iloc[i * size : (i + 1) * size] for i in range(min(DRAWS, len(rows) // size))]


def summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    """Means, paired differences with intervals, and the bars."""
    means = {name: round(float(np.mean([run[name] for run in runs])), 4) for name in runs[0]}
    ratio = paired([run["ratio"] - run["bootstrap ratio"] for run in runs])
    others = [n for n in means if n == "class weights" or (n.startswith("real") and n not in (OURS, BALANCED, CHOSEN))]
    best = max(others, key=lambda name: means[name])
    gain, chosen = (paired([run[name] - run[best] for run in runs]) for name in (OURS, CHOSEN))
    bars = [
        {"measure": "ratio - bootstrap's", **ratio, "outcome": _outcome(ratio["mean"], RATIO_FLOOR, 0.0)},
        {"measure": f"{OURS} - {best}", **gain, "outcome": _outcome(gain["high"], 0.0, None, gain["low"] > 0)},
    ]
    return {"means": means, "best other": best, "chosen - best other": chosen, "bars": bars}


def paired(differences: list[float]) -> dict[str, float]:
    """Mean and 95 % interval of differences, one a split (Student's t)."""
    from scipy.stats import t

    mean, count = float(np.mean(differences)), len(differences)
    spread = float(np.std(differences, ddof=1)) if count > 1 else float("nan")
    half = float(t.ppf(0.975, count - 1)) * spread / np.sqrt(count) if count > 1 else float("inf")
    return {"mean": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}


def lines(found: dict[str, Any]) -> list[str]:
    """Means and bars as text."""
    out = [f"  {name:28s}{value:9.4f}" for name, value in found["means"].items()]
    for bar in found["bars"]:
        bounds = f"({bar['low']:+.4f} to {bar['high']:+.4f})"
        out.append(f"  {bar['measure']:44s}{bar['mean']:+9.4f} {bounds}  {bar['outcome']}")
    return out


def _outcome(value: float, floor: float, goal: float | None, better: bool = False) -> str:
    if value < floor:
        return "MISS"
    return "goal" if better or (goal is not None and value >= goal) else "floor"


def _smote(learn: Learner, want: int, seed: int) -> pd.DataFrame:
    """`want` SMOTE-NC rows of the rare class, in the judge's own columns (gaps of a number: the median)."""
    frame = learn.real
    levels = {c: pd.factorize(frame[c]) for c in learn.discrete}
    numbers = {c: frame[c].fillna(frame[c].median()).fillna(0.0) for c in frame if c not in levels}
    records = np.stack([levels[c][0] if c in levels else numbers[c].to_numpy(float) for c in frame], axis=1)
    inside = (frame[learn.target] == learn.rare).to_numpy()
    places = [i for i, c in enumerate(frame) if c in levels]
    made = between(records, inside, want, places, NEIGHBORS, np.random.default_rng(seed))
    return pd.DataFrame(
        {c: levels[c][1][made[:, i].astype(int)] if c in levels else made[:, i] for i, c in enumerate(frame)}
    )


def _rare(train: pd.DataFrame, test: pd.DataFrame, table: Table) -> str:
    """The class named as positive, else the rarest of which at least ten rows are tested on."""
    if table.positive is not None:
        return table.positive
    counts, tested = _text(train[table.target]).value_counts(), _text(test[table.target]).value_counts()
    return str(counts[[c for c in counts.index if tested.get(c, 0) >= 10]].idxmin())


def _text(values: pd.Series) -> pd.Series:
    return values.map(lambda v: f"{v:g}" if isinstance(v, float | int) else str(v))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="stroke,bank,hypothyroid,heart_failure", help="names or files, by commas")
    parser.add_argument("--tables", type=Path, default=tables.TABLES)
    parser.add_argument("--target")
    parser.add_argument("--positive", help="the rare class; by default the rarest with ten rows to test on")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--rows", type=int, help="train on so many rows only")
    parser.add_argument("--judge", type=Path, default=judging.JUDGE)
    parser.add_argument("--publish", type=Path, help="also write the results as JSON in this folder")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
