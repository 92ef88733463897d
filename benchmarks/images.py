"""Does the worst-case loss keep the minorities of images? `python -m benchmarks.images --sets bccd_cells --seeds 5`.

    python -m benchmarks.images --seeds 5 --minutes 5
    python -m benchmarks.images --sets ten_classes_64 --arms worst_case --seeds 1

Arms with the same network and the same number of steps: *worst_case* (ours, the default), *balanced* (mean loss,
classes equally often), *frequency* (mean loss, classes as often as in the data) and *literal* (log-sum-exp over the
images of a batch). Each draws as many images of every class as the training part has of its largest, at most 1,000,
and is scored by synthgen's scorecard beside real hold-out images; figures are the share of what hold-out images reach
where the bar is such a share. Differences to *worst_case* are paired over seeds; their 95 % interval is a bootstrap
over seeds and test images (the latter by each run's own interval), and never narrower than Student's t over seeds.

Runs are kept by the library's sources and their settings, and read again from what was published, so that a benchmark
that was stopped goes on; one process at a time. `--publish` writes the result for `python -m benchmarks.report`,
`--grid FOLDER` pictures to look at, `--augment` also asks whether adding the set helps a classifier, and the same of a
planted bad set. Whether a hundredth of copies is caught, each moved by a pixel and brightened, is asked of a set made
in half a minute; so is whether the same set without them is called a copy.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks import children
from benchmarks.bars import Bar
from benchmarks.contestants import library
from benchmarks.image_sets import SETS
from benchmarks.tables import digest
from synthgen import catalog, pipeline, scoring
from synthgen.contracts import MetricResult, Scorecard, Status
from synthgen.images.metrics.features import Comparison
from synthgen.images.metrics.nearest import in_features
from synthgen.images.metrics.privacy import kept
from synthgen.images.sets import SyntheticImages, write
from synthgen.images.stack import ImageStack
from synthgen.pipeline import Prepared
from synthgen.runtime import RunContext
from synthgen.spec import GroupTarget, RunSpec, SampleSpec

ARMS: Mapping[str, dict[str, Any]] = {
    "worst_case": {},
    "balanced": {"reducer": "mean", "sampling": "balanced"},
    "frequency": {"reducer": "mean", "sampling": "frequency"},
    "literal": {"reducer": "literal"},
}
PARTS = ("images", "images/metrics", "measures")  # of the library, that a kept run stands for
TOP = ("contracts", "pipeline", "runtime", "scoring")  # and of the modules beside them
MOST_DRAWN = 1000
SLACK = 20  # times the planned time before the clock may end a run: arms must take the same steps
MEASURES = ("rarest", "cluster", "recall", "frechet", "frechet_holdout", "precision", "excess", "excess_rarest")
LOWER = ("frechet", "excess", "excess_rarest")
DRAWS = 4000  # of the bootstrap
COPIES, BRIGHTER, SURE = 0.01, 8, 0.01  # share planted, grey levels of 255, p-value below which copying is told
ADVICE = "augmentation"
JUDGED = (
    *("frechet", "precision", "coverage", "worst_cluster", "accuracy_score", "closest_image", "near_copies"),
    "mode_census",
)
THINNED = ("bccd_cells_40", "digits_thinned")


def main() -> int:
    """Run the arms on every set, print figures, differences and bars; returns the number of bars missed."""
    options = _options()
    os.environ.update(children.ONE_THREAD)
    missed = 0
    for name in options.sets:
        runs = {arm: [_kept(name, arm, seed, options) for seed in range(options.seeds)] for arm in options.arms}
        found = {"images": name, "table": f"images {name}", "minutes": options.minutes}
        found |= {"runs": runs, "means": means(runs)}
        if "worst_case" in runs:
            found["copies"] = _copies(name)
        found |= {"differences": differences(runs), "bars": [bar.entry() for bar in bars(name, runs)]}
        found["bars"] += [bar.entry() for bar in copying(found.get("copies", {}))]
        print("\n".join(lines(found)), flush=True)
        missed += sum(bar["outcome"] == "MISS" for bar in found["bars"])
        if options.publish:
            children.publish(found, options.publish, f"images_{name}")
    return missed


def _kept(name: str, arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """A run as it was published or kept before by the same sources and settings, or made now."""
    advised = options.augment and arm == "worst_case"
    settings = digest(library(*PARTS, top=TOP), repr(ARMS[arm]), str(seed), str(options.minutes), str(advised))
    found = _published(name, arm, settings, options.publish) or children.remembered(
        f"images-{name}-{arm}-{settings}", lambda: _measured(name, arm, seed, options.minutes, options)
    )
    print(f"{name} {arm} {seed}: " + ", ".join(f"{k} {v:.3f}" for k, v in found.items() if isinstance(v, float)))
    return {**found, "settings": settings}


def _published(name: str, arm: str, settings: str, folder: Path | None) -> dict[str, Any] | None:
    path = folder / f"images_{name}.json" if folder else None
    if path is None or not path.exists():
        return None
    runs = json.loads(path.read_text())["runs"].get(arm, ())
    return next((run for run in runs if run.get("settings") == settings), None)


def _measured(name: str, arm: str, seed: int, minutes: float, options: argparse.Namespace) -> dict[str, Any]:
    spec = SETS[name].spec(seed, minutes)
    params = {**ARMS[arm], "time_budget": spec.time_budget}  # the plan of all arms; the clock stands far behind it
    spec = spec.model_copy(update={"params": params, "time_budget": SLACK * spec.time_budget})
    prepared, ctx = SETS[name].prepared(spec), RunContext(seed=seed)
    began = time.process_time()
    model = pipeline.fit(prepared, spec, ctx)
    seconds = time.process_time() - began
    advised = options.augment and arm == "worst_case"
    with tempfile.TemporaryDirectory() as folder:
        made = _drawn(model, prepared, spec, ctx, Path(folder))
        if options.grid is not None:
            _grid(prepared, made.take(MOST_DRAWN * 20), options.grid / f"{name}_{arm}_{seed}.png")
        card = _scored((*JUDGED, *([ADVICE] * advised)), made, prepared, ctx, model.generator)
        found = figures(card, prepared)
        if math.isnan(found["excess_rarest"]):
            found["excess_rarest"] = _excess(made, prepared, ctx)
        if advised:
            planted = _mislabelled(made, prepared, Path(folder) / "planted")
            found["planted"] = _advice(_scored((ADVICE,), planted, prepared, ctx))
    states = [look["states"] for look in model.generator.report()["health_history"]]
    return {**found, "fit_cpu_seconds": round(seconds, 1), "states": states}


def _scored(
    names: Sequence[str], made: SyntheticImages, prepared: Prepared, ctx: RunContext, generator: Any = None
) -> Scorecard:
    metrics = {name: catalog.modality("images").metrics[name] for name in names}
    return scoring.score(metrics, prepared.split, made, prepared.schema, prepared.groups, ctx.at("score"), generator)


def _drawn(model: Any, prepared: Prepared, spec: RunSpec, ctx: RunContext, folder: Path) -> SyntheticImages:
    counts = prepared.split.train.counts(len(prepared.schema.classes))
    rows = int(min(MOST_DRAWN, counts.max()))
    targets = tuple(GroupTarget(where={"class": name}, rows=rows) for name in prepared.schema.classes)
    request = SampleSpec(targets=targets)
    chunks = pipeline.draw(model, prepared.schema, request, rows * len(targets), spec, ctx)
    return write(chunks, prepared.schema, folder, request, model.generator.name)


def _copies(name: str) -> dict[str, Any]:
    """What is told of a set with a hundredth of copies, and of the same without them; kept like a run."""

    def asked() -> dict[str, Any]:
        spec = SETS[name].spec(0, 0.5)
        prepared, ctx = SETS[name].prepared(spec), RunContext(seed=0)
        model = pipeline.fit(prepared, spec, ctx)
        with tempfile.TemporaryDirectory() as folder:
            made = _drawn(model, prepared, spec, ctx, Path(folder) / "plain")
            copied = _copied(made, prepared, Path(folder) / "copied")
            return {what: _near(x, prepared, ctx) for what, x in (("plain", made), ("planted", copied))}

    return children.remembered(f"images-copies-{name}-{digest(library(*PARTS, top=TOP))}", asked)


def _copied(made: SyntheticImages, prepared: Prepared, folder: Path) -> SyntheticImages:
    """Every hundredth image is a training image of its class instead, moved by a pixel and brightened."""
    train, rng = prepared.split.train, np.random.default_rng(0)
    stack = made.take(made.rows)
    pixels, every = stack.pixels.copy(), round(1 / COPIES)
    for at in range(0, len(stack), every):
        source = train.pixels[rng.choice(np.flatnonzero(train.labels == stack.labels[at]))]
        pixels[at] = np.clip(np.roll(source, 1, axis=1).astype(int) + BRIGHTER, 0, 255)
    return write(iter([ImageStack(pixels, stack.labels)]), prepared.schema, folder, made.spec, made.generator)


def _near(made: SyntheticImages, prepared: Prepared, ctx: RunContext) -> dict[str, Any]:
    found = _scored(("near_copies",), made, prepared, ctx).result("near_copies")
    if found is None or found.p_value is None:
        return {"told": False, "share": math.nan}
    return {"told": bool(found.p_value < SURE), "share": _number(found, "value"), "p_value": float(found.p_value)}


def _excess(made: SyntheticImages, prepared: Prepared, ctx: RunContext) -> float:
    """The same of a rarest class with too few images for a line of the scorecard: seeds, not images, average it."""
    c = Comparison(prepared.split, made, prepared.schema, prepared.groups, ctx.at("score"), None)
    found, place = in_features(c), prepared.schema.classes.index(_rarest(prepared))
    return float(kept(c, found, c.drawn.labels[found.rows] == place)["value"]) - 0.5


def _mislabelled(made: SyntheticImages, prepared: Prepared, folder: Path) -> SyntheticImages:
    """A bad set: every image carries the name of the next class."""
    classes = len(prepared.schema.classes)
    chunks = (ImageStack(chunk.pixels, (chunk.labels + 1) % classes) for chunk in made.chunks())
    return write(chunks, prepared.schema, folder, made.spec, made.generator)


def figures(card: Scorecard, prepared: Prepared) -> dict[str, Any]:
    """What the bars are about, from a scorecard."""
    rarest = _rarest(prepared)
    out: dict[str, Any] = {
        "rarest": _share(_of_class(card, "coverage", rarest)),
        "cluster": _share(_result(card, "worst_cluster")),
        "recall": _share(_result(card, "accuracy_score")),
        "frechet": _number(_result(card, "frechet"), "value"),
        "frechet_holdout": _number(_result(card, "frechet"), "holdout"),
        "precision": _share(_result(card, "precision")),
        "excess": _number(_result(card, "closest_image"), "value") - 0.5,
        "excess_rarest": _number(_of_class(card, "closest_image", rarest), "value") - 0.5,
        "near_copies": _number(_result(card, "near_copies"), "value"),
    }
    lost = _figure(_result(card, "mode_census"), "lost_classes")
    out |= {} if math.isnan(lost) else {"lost_classes": lost}
    between = {
        "rarest": _between(_of_class(card, "coverage", rarest)),
        "cluster": _between(_result(card, "worst_cluster")),
        "recall": _between(_result(card, "accuracy_score")),
    }
    out["intervals"] = {name: pair for name, pair in between.items() if pair}
    return out if card.result(ADVICE) is None else {**out, "advice": _advice(card)}


def _advice(card: Scorecard) -> dict[str, Any]:
    """Whether adding the set helps a classifier: the verdict, and what the best mix changes, with its interval."""
    found = _result(card, ADVICE)
    if found is None or found.interval is None:
        return {"verdict": "cannot be told"}
    gain = [_number(found, "value"), found.interval.low, found.interval.high]
    return {"verdict": found.verdict, "gain": gain}


def _rarest(prepared: Prepared) -> str:
    counts = prepared.split.train.counts(len(prepared.schema.classes))
    return prepared.schema.classes[int(counts.argmin())]


def _result(card: Scorecard, metric: str) -> MetricResult | None:
    found = card.result(metric)
    return found if found is not None and found.status is Status.OK else None


def _of_class(card: Scorecard, metric: str, name: str) -> Any:
    found = _result(card, metric)
    return next((g for g in found.groups if g.label == name), None) if found is not None else None


def _number(found: Any, what: str) -> float:
    value = getattr(found, what, None)
    return math.nan if value is None else float(value)


def _figure(found: Any, name: str) -> float:
    value = None if found is None else next((f.value for f in found.figures if f.name == name), None)
    return math.nan if value is None else float(value)


def _share(found: Any) -> float:
    """A figure as a share of what hold-out images reach."""
    return _number(found, "value") / max(_number(found, "holdout"), 1e-9)


def _between(found: Any) -> list[float]:
    """The interval of such a share over test images; empty where there is none."""
    if found is None or found.interval is None:
        return []
    return [end / max(_number(found, "holdout"), 1e-9) for end in (found.interval.low, found.interval.high)]


def means(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, float]]:
    """Mean over seeds of every measure, by arm."""
    return {arm: {m: float(np.mean([run[m] for run in made])) for m in MEASURES} for arm, made in runs.items()}


def differences(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, list[float]]]:
    """Worst case minus each other arm, paired over seeds: mean and 95 % interval; nothing for a single seed."""
    if len(runs.get("worst_case", ())) < 2:
        return {}
    ours = runs["worst_case"]
    return {
        arm: {m: _paired(list(zip(ours, made, strict=True)), m) for m in MEASURES}
        for arm, made in runs.items()
        if arm != "worst_case"
    }


def _paired(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], measure: str) -> list[float]:
    gaps = np.array([ours[measure] - other[measure] for ours, other in pairs])
    mean = float(gaps.mean())
    half = float(stats.t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / math.sqrt(len(gaps)))
    rng = np.random.default_rng(0)
    errors = np.array([math.hypot(_error(ours, measure), _error(other, measure)) for ours, other in pairs])
    rows = rng.integers(len(gaps), size=(DRAWS, len(gaps)))
    drawn = (gaps[rows] + errors[rows] * rng.standard_normal(rows.shape)).mean(1)
    low, high = np.quantile(drawn, [0.025, 0.975]) if np.isfinite(gaps).all() else (math.nan, math.nan)
    return [mean, min(mean - half, float(low)), max(mean + half, float(high))]


def _error(run: Mapping[str, Any], measure: str) -> float:
    """Standard error of a run's figure over test images; 0 where it has no interval."""
    low, high = run.get("intervals", {}).get(measure, (0.0, 0.0))
    return float(high - low) / (2 * float(stats.norm.ppf(0.975)))


def bars(name: str, runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Bar]:
    """What is asked of the default on a set, and of its differences to the other arms."""
    if "worst_case" not in runs:
        return
    ours, gaps = means(runs)["worst_case"], differences(runs)
    yield Bar("coverage, rarest class", ours["rarest"], ">=", 0.7, 0.9, "share of hold-out's")
    yield Bar("coverage, worst cluster", ours["cluster"], ">=", 0.4, 0.8, "share of hold-out's")
    yield Bar("worst recall", ours["recall"], ">=", 0.95, 0.98, "share of train-on-real's")
    scale = 0.3 / max(ours["frechet_holdout"], 1e-9)
    yield Bar("Frechet distance", scale * ours["frechet"], "<=", 3, 1, "in units where hold-out has .3")
    yield Bar("memorisation", ours["excess"], "<=", 0.05, against="share nearer to training, less .5")
    yield Bar("memorisation, rarest", ours["excess_rarest"], "<=", 0.05, against="share nearer to training, less .5")
    if all("lost_classes" in run for run in runs["worst_case"]):
        lost = max(run["lost_classes"] for run in runs["worst_case"])
        yield Bar("classes lost, worst seed", lost, "<=", 0, against="by the census")
    yield from _advised(runs["worst_case"])
    if "frequency" in gaps:
        mean, low, _ = gaps["frequency"]["rarest"]
        yield Bar("rarest, against frequency", mean if low > 0 else min(mean, 0.0), ">=", 0.2, against="interval")
    if "balanced" in gaps:
        for measure in ("rarest", "cluster", "recall"):
            _, low, high = gaps["balanced"][measure]
            yield Bar(f"{measure}, not worse than balanced", high, ">=", 0.0, against="upper end of the difference")
            if name in THINNED:
                yield Bar(f"{measure}, better than balanced", low, ">=", -math.inf, 0.0, "lower end of the difference")


def _advised(runs: Sequence[Mapping[str, Any]]) -> Iterator[Bar]:
    """ "Use" only with an interval above 0, never for a planted bad set."""
    told = [run for run in runs if "advice" in run]
    if told:
        rash = sum(_used(run["advice"]) and run["advice"]["gain"][1] <= 0 for run in told)
        yield Bar("verdicts without proof", rash, "<=", 0)
        yield Bar("planted bad sets advised", sum(_used(run["planted"]) for run in told), "<=", 0)


def copying(found: Mapping[str, Any]) -> Iterator[Bar]:
    """A hundredth of copies is told, and copying nowhere else."""
    if found:
        yield Bar("planted copies not caught", int(not found["planted"]["told"]), "<=", 0, against="1 % of the set")
        yield Bar("copying told where there is none", int(found["plain"]["told"]), "<=", 0)


def _used(advice: Mapping[str, Any]) -> bool:
    return str(advice["verdict"]).startswith("use")


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """A set's figures as text."""
    yield f"\n{found['images']}, {found['minutes']:g} minutes of training"
    yield f"{'':14s}" + "".join(f"{m:>16s}" for m in MEASURES)
    for arm, mean in found["means"].items():
        yield f"{arm:14s}" + "".join(f"{mean[m]:16.3f}" for m in MEASURES)
    for arm, gaps in found["differences"].items():
        told = (f"{gaps[m][0]:+.3f} ({gaps[m][1]:+.3f} to {gaps[m][2]:+.3f})" for m in ("rarest", "cluster", "recall"))
        yield f"worst_case - {arm}: rarest, cluster, recall {', '.join(told)}"
    for seed, run in enumerate(found["runs"].get("worst_case", ())):
        if "advice" in run:
            yield f"would adding seed {seed}'s set help: {advised(run['advice'])}; planted: {advised(run['planted'])}"
    yield from (Bar.of(bar).line() for bar in found["bars"])


def advised(advice: Mapping[str, Any]) -> str:
    """A verdict with what the best mix changes."""
    if "gain" not in advice:
        return str(advice["verdict"])
    value, low, high = advice["gain"]
    return f"{advice['verdict']}, recall of the worst class {value:+.3f} ({low:+.3f} to {high:+.3f})"


def _grid(prepared: Prepared, made: ImageStack, path: Path, wide: int = 12) -> None:
    """Per class a row of real and a row of synthetic images."""
    from PIL import Image

    rows = []
    for place in range(len(prepared.schema.classes)):
        for stack in (prepared.split.holdout.of_class(place), made.of_class(place)):
            tiles = stack.pixels[:wide]
            blank = np.full((wide - len(tiles), *prepared.split.train.pixels.shape[1:]), 255, np.uint8)
            rows.append(np.concatenate([*tiles, *blank], axis=1))
    picture = np.concatenate(rows, axis=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = picture[..., 0] if picture.shape[-1] == 1 else picture
    Image.fromarray(picture).resize((picture.shape[1] * 2, picture.shape[0] * 2), Image.Resampling.NEAREST).save(path)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=[n for n in SETS if n != "ten_classes_64"])
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=["worst_case", "balanced", "frequency"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=5.0, help="planned training on one core")
    parser.add_argument("--augment", action="store_true", help="also whether adding the set helps a classifier")
    parser.add_argument("--grid", type=Path, help="folder for pictures, real above synthetic")
    parser.add_argument("--publish", type=Path, help="also write the result as JSON in this folder")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
