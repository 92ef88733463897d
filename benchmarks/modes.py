"""Does a generator find rare modes? `python -m benchmarks.modes --seeds 5 --generator critic_gan`.

25 Gaussians on a grid of 5 x 5, spacing 2, standard deviation .05, 50,000 points. The shares of the modes are geometric
from the largest down to .1 %, dealt over the grid by the seed. Every seed is run twice on the same points with the same
steps: group-wise worst case, and mean. Nothing of the grid is handed to the generator: its groups come from the census.

Measures over as many synthetic points as the table has: modes found (with at least half their share of the points),
high quality (within 3 standard deviations of a mode), KL over modes (synthetic from real, points given to the nearest
mode). A hold-out of real points is printed beside them, and what PacGAN reports for
*balanced* modes (arXiv 1712.04086). Every run is kept under benchmarks/results/cache by the library's sources and its
settings.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import children
from benchmarks.contestants import library
from benchmarks.tables import digest
from synthgen import pipeline
from synthgen.runtime import RunContext
from synthgen.spec import RunSpec, SampleSpec
from synthgen.tabular import io

POINTS, SIDE, SPACING, SPREAD, RAREST = 50_000, 5, 2.0, 0.05, 0.001
MEASURES = ("modes", "high_quality", "kl")
PACGAN_BALANCED = {"modes": 24.8, "high_quality": 0.936, "kl": 0.04}
FLOORS = {
    "critic_gan": {"modes": 24.0, "high_quality": 0.90, "kl": 0.10},
    "autoregressive_gan": {"modes": 25.0, "high_quality": 0.97, "kl": 0.02},
}
GOALS = {"modes": 25.0, "high_quality": 0.97, "kl": 0.02}
T_95 = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}  # by freedom


def main() -> int:
    """Run the benchmark; returns the number of bars that were missed."""
    options = _options()
    os.environ.update(children.ONE_THREAD)
    runs = [_kept(options, seed, arm) for seed in range(options.seeds) for arm in ("worst case", "mean")]
    found = {"modes": options.generator, "table": "25 Gaussians", "seeds": options.seeds, "runs": runs}
    found |= summary(runs, options.generator)
    print("\n".join(lines(found)))
    if options.publish:
        children.publish(found, options.publish, f"modes_{options.generator}")
    return sum(bar["outcome"] == "MISS" for bar in found["bars"])


def shares() -> np.ndarray:
    """Shares of the 25 modes, the largest first: geometric, the last one .1 %."""
    low, high = 0.0, 1.0
    for _ in range(200):  # bisection for the ratio at which they sum to one
        ratio = (low + high) / 2
        total = (RAREST * ratio ** -np.arange(SIDE**2)[::-1]).sum()
        low, high = (ratio, high) if total > 1 else (low, ratio)
    return RAREST * ratio ** -np.arange(SIDE**2)[::-1]


def points(seed: int, rows: int = POINTS) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """A table of x and y, the centres (25, 2) of the modes, and their shares in the same order."""
    rng = np.random.default_rng([seed, 25])
    axis = (np.arange(SIDE) - SIDE // 2) * SPACING
    centres = rng.permutation(np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2))
    mode = np.repeat(np.arange(SIDE**2), _counts(shares(), rows))
    xy = rng.permutation(centres[mode] + rng.normal(0, SPREAD, (rows, 2)))
    return pd.DataFrame(xy.round(6), columns=["x", "y"]), centres, shares()


def measure(xy: np.ndarray, centres: np.ndarray, share: np.ndarray) -> dict[str, float]:
    """Modes found, high quality, KL, and the smallest ratio of a mode's share to its due."""
    distance = np.linalg.norm(xy[:, None, :] - centres[None], axis=2)
    nearest, good = distance.argmin(1), distance.min(1) <= 3 * SPREAD
    close = np.bincount(nearest[good], minlength=len(centres)) / len(xy)
    given = np.bincount(nearest, minlength=len(centres)) / len(xy)
    kl = float(np.sum(np.where(given > 0, given * np.log(np.maximum(given, 1e-12) / share), 0.0)))
    return {
        "modes": int((close >= share / 2).sum()),
        "high_quality": float(good.mean()),
        "kl": kl,
        "smallest_ratio": float((close / share).min()),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--generator", default="critic_gan", choices=sorted(FLOORS))
    parser.add_argument("--params", type=json.loads, default={}, help="the generator's parameters, as JSON")
    parser.add_argument("--time-budget", type=int, default=180)
    parser.add_argument("--resample", default="off", choices=["off", "2x", "4x"], help="off: the generator alone")
    parser.add_argument("--publish", type=Path, help="also write the result as JSON in this folder")
    return parser.parse_args()


def _kept(options: argparse.Namespace, seed: int, arm: str) -> dict[str, Any]:
    """One arm with one seed, measured once for one state of the library."""
    asked = json.dumps([options.params, options.time_budget, options.resample, seed, arm])
    key = f"modes-{options.generator}-{digest(library(), asked)}"
    figures = children.remembered(key, lambda: _run(options, seed, arm))
    print(f"seed {seed} {arm:10s} {_line(figures)}  fit {figures['fit_cpu_seconds']:.0f} CPU s", file=sys.stderr)
    return figures


def _run(options: argparse.Namespace, seed: int, arm: str) -> dict[str, Any]:
    table, centres, share = points(seed)
    params = {**options.params, **({"reducer": "mean"} if arm == "mean" else {})}
    spec = RunSpec(
        generator=options.generator,
        params=params,
        time_budget=options.time_budget,
        seed=seed,
        sample=SampleSpec(resample=options.resample, seed=seed),
    )
    ctx = RunContext(seed=seed)
    prepared = pipeline.prepare(io.from_memory(table), spec, ctx)
    began = time.process_time()
    model = pipeline.fit(prepared, spec, ctx)
    seconds = time.process_time() - began
    made = pd.concat([*pipeline.draw(model, prepared.schema, spec.sample, POINTS, spec, ctx)])
    return {
        "seed": seed,
        "arm": arm,
        **measure(made[["x", "y"]].to_numpy(float), centres, share),
        "fit_cpu_seconds": round(seconds, 1),
        "groups": len(prepared.groups),
        "holdout": measure(prepared.split.holdout[["x", "y"]].to_numpy(float), centres, share),
    }


def summary(runs: list[dict[str, Any]], generator: str) -> dict[str, Any]:
    """Means of both arms and of the hold-out, the paired difference worst case - mean (95 %, Student's t), the bars."""
    arms = {arm: [r for r in runs if r["arm"] == arm] for arm in ("worst case", "mean")}
    means = {arm: {m: float(np.mean([r[m] for r in of])) for m in MEASURES} for arm, of in arms.items()}
    means["holdout"] = {m: float(np.mean([r["holdout"][m] for r in runs])) for m in MEASURES}
    pairs = list(zip(arms["worst case"], arms["mean"], strict=True))
    more = {m: _paired([a[m] - b[m] for a, b in pairs]) for m in MEASURES}
    return {"means": means, "difference": more, "bars": bars(means["worst case"], more["modes"], generator)}


def bars(made: dict[str, float], more: dict[str, float | None], generator: str) -> list[dict[str, Any]]:
    """Each measure of the worst case against its floor and goal; the critic-only GAN's gain in modes must exclude 0."""
    out: list[dict[str, Any]] = []
    for m, floor in FLOORS[generator].items():
        met = [made[m] <= bar if m == "kl" else made[m] >= bar for bar in (GOALS[m], floor)]
        outcome = "goal" if met[0] else "floor" if met[1] else "MISS"
        bar = {"measure": f"{generator}: {m}", "value": made[m], "sign": "<=" if m == "kl" else ">=", "floor": floor}
        out.append(bar | {"goal": GOALS[m], "against": "", "outcome": outcome})
    if generator == "critic_gan":
        found = {"mean": more["mean"], "low": more["low"] or 0.0, "high": more["high"] or 0.0}
        outcome = "goal" if found["low"] > 0 else "MISS"
        why = "the interval above 0"
        out.append({"measure": f"{generator}: modes of worst case - mean", **found, "why": why, "outcome": outcome})
    return out


def _paired(values: list[float]) -> dict[str, float | None]:
    if len(values) < 2:
        return {"mean": float(values[0]), "low": None, "high": None}
    half = T_95.get(len(values) - 1, 2.2) * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return {"mean": float(np.mean(values)), "low": float(np.mean(values)) - half, "high": float(np.mean(values)) + half}


def lines(found: dict[str, Any]) -> list[str]:
    """Both arms, the hold-out and the bars as text."""
    rows = {**found["means"], "PacGAN, balanced modes": PACGAN_BALANCED, "floor": FLOORS[found["modes"]], "goal": GOALS}
    out = [f"{'':24s}{'modes of 25':>12s}{'within 3 sd':>12s}{'KL':>8s}"]
    out += [f"{name:24s}{_line(row)}" for name, row in rows.items()]
    more = found["difference"]["modes"]
    interval = "" if more["low"] is None else f", 95 % interval {more['low']:+.2f} to {more['high']:+.2f}"
    out.append(f"worst case - mean, modes: {more['mean']:+.2f}{interval}")
    missed = [bar["measure"] for bar in found["bars"] if bar["outcome"] == "MISS"]
    return [*out, f"floors missed: {', '.join(missed) or 'none'}"]


def _line(row: dict[str, Any]) -> str:
    return f"{row['modes']:12.2f}{row['high_quality']:12.3f}{row['kl']:8.4f}"


def _counts(share: np.ndarray, rows: int) -> np.ndarray:
    """Whole numbers in these shares that sum to `rows`."""
    ends = np.rint(np.cumsum(share) / share.sum() * rows).astype(int)
    return np.diff(ends, prepend=0)


if __name__ == "__main__":
    sys.exit(main())
