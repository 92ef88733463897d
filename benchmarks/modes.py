"""Does a generator find rare modes? `python -m benchmarks.modes --seeds 5 --generator critic_gan`.

25 Gaussians on a grid of 5 x 5, spacing 2, standard deviation .05, 50,000 points. The shares of the modes are geometric
from the largest down to .1 %, dealt over the grid by the seed. Every seed is run twice on the same points with the same
steps: group-wise worst case, and mean. Nothing of the grid is handed to the generator: its groups come from the census.

Measures over as many synthetic points as the table has: modes found (with at least half their share of the points),
high quality (within 3 standard deviations of a mode), KL over modes (synthetic from real, points given to the nearest
mode). A hold-out of real points is printed beside them, and what PacGAN reports for
*balanced* modes (arXiv 1712.04086).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

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
    runs = [_run(options, seed, arm) for seed in range(options.seeds) for arm in ("worst case", "mean")]
    found = {"generator": options.generator, "runs": runs, **_summary(runs)}
    if options.out:
        options.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return _print(found, options.generator)


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
    parser.add_argument("--out", type=Path, help="write the figures to this file, as JSON")
    return parser.parse_args()


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
    figures = {
        "seed": seed,
        "arm": arm,
        **measure(made[["x", "y"]].to_numpy(float), centres, share),
        "fit_cpu_seconds": round(seconds, 1),
        "groups": len(prepared.groups),
        "holdout": measure(prepared.split.holdout[["x", "y"]].to_numpy(float), centres, share),
    }
    print(f"seed {seed} {arm:10s} {_line(figures)}  fit {seconds:.0f} CPU s", file=sys.stderr)
    return figures


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means of both arms, and the paired difference worst case - mean with its 95 % interval (Student's t)."""
    arms = {arm: [r for r in runs if r["arm"] == arm] for arm in ("worst case", "mean")}
    means = {arm: {m: float(np.mean([r[m] for r in of])) for m in MEASURES} for arm, of in arms.items()}
    holdout = {m: float(np.mean([r["holdout"][m] for r in runs])) for m in MEASURES}
    pairs = list(zip(arms["worst case"], arms["mean"], strict=True))
    return {**means, "holdout": holdout, "difference": {m: _paired([a[m] - b[m] for a, b in pairs]) for m in MEASURES}}


def _paired(values: list[float]) -> dict[str, float | None]:
    if len(values) < 2:
        return {"mean": float(values[0]), "low": None, "high": None}
    half = T_95.get(len(values) - 1, 2.2) * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return {"mean": float(np.mean(values)), "low": float(np.mean(values)) - half, "high": float(np.mean(values)) + half}


def _print(found: dict[str, Any], generator: str) -> int:
    """The table with every bar beside its figure; how many floors were missed."""
    rows = {"worst case": found["worst case"], "mean": found["mean"], "real hold-out": found["holdout"]}
    rows |= {"PacGAN, balanced modes": PACGAN_BALANCED, "floor": FLOORS[generator], "goal": GOALS}
    print(f"{'':24s}{'modes of 25':>12s}{'within 3 sd':>12s}{'KL':>8s}")
    for name, row in rows.items():
        print(f"{name:24s}{_line(row)}")
    more = found["difference"]["modes"]
    interval = "" if more["low"] is None else f", 95 % interval {more['low']:+.2f} to {more['high']:+.2f}"
    print(f"worst case - mean, modes: {more['mean']:+.2f}{interval}")
    missed = [m for m, bar in FLOORS[generator].items() if _misses(m, found["worst case"][m], bar)]
    if generator == "critic_gan" and (more["low"] is None or more["low"] <= 0):
        missed.append("worst case finds more than mean")
    print(f"floors missed: {', '.join(missed) or 'none'}")
    return len(missed)


def _misses(name: str, value: float, bar: float) -> bool:
    return value > bar if name == "kl" else value < bar


def _line(row: dict[str, Any]) -> str:
    return f"{row['modes']:12.2f}{row['high_quality']:12.3f}{row['kl']:8.4f}"


def _counts(share: np.ndarray, rows: int) -> np.ndarray:
    """Whole numbers in these shares that sum to `rows`."""
    ends = np.rint(np.cumsum(share) / share.sum() * rows).astype(int)
    return np.diff(ends, prepend=0)


if __name__ == "__main__":
    sys.exit(main())
