"""Augmentation: would adding this set to the real images help a classifier of them, and is that more than chance?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from synthgen.contracts import Figure, Interval, MetricResult
from synthgen.images.metrics.arms import MIXES, REPETITIONS, RIVALS, Arm, answers, arms
from synthgen.images.metrics.compared import ImageMeasure
from synthgen.images.metrics.features import Comparison
from synthgen.images.metrics.utility import person_weights, scores, testable, tested_rows
from synthgen.measures.measure import absent, percentile, simultaneous
from synthgen.runtime import RunContext

HOW = "bootstrap over hold-out people and repetitions"
MEASURES = {"recall": "recall of the worst class", "f1": "macro F1"}

Draws = dict[str, dict[str, np.ndarray]]  # measure -> arm -> the estimate, then its bootstrap draws


class Augmentation(ImageMeasure):
    """Real images with synthetic ones beside them, against the best that real images alone can do."""

    name, title = "augmentation", "Would adding this set help a classifier?"
    family: ClassVar[Literal["utility"]] = "utility"
    low = -1.0
    explanation = (
        "A standard classifier learns from real images as they come, with rare classes drawn more often, with class "
        "weights, with classical augmentation, and with synthetic images at several mixes, four times over, and is "
        "tested on real images it never saw. The value is what the best mix adds to the recall of the worst class over "
        "the best of the first four. 'Use' is said only where the interval, which allows for having tried several "
        "mixes, excludes 0 and macro F1 is not clearly worse."
    )
    source = (
        "Paired bootstrap over hold-out people and repetitions, single-step max-T over the mixes (Westfall and Young "
        "1993); that synthetic images may not help: Ravuri and Vinyals (2019)."
    )

    def _judge(self, c: Comparison) -> MetricResult:
        places = testable(c)
        if len(places) < 2:
            return self.insufficient("Fewer than two classes have images enough to learn from and to test on.")
        planned = arms(c, places)
        mixes = [arm for arm in planned if arm.added]
        if not mixes:
            return self.insufficient("The set holds too few images to be added at any mix.")
        draws = c.once("augmentation", lambda ctx: _draws(c, places, ctx), of_set=True)
        best = max(RIVALS, key=lambda name: float(draws["recall"][name][0]))
        gains = _gains(draws, mixes, best)
        chosen, verdict, reason = _advice(gains, best)
        value, interval, change = gains[chosen.name]
        return self.result(
            value=float(np.clip(value, -1, 1)),
            interval=interval,
            verdict=verdict,
            reason=reason,
            figures=(*_figures(planned, draws), _changed(change)),
        )


def _draws(c: Comparison, places: Sequence[int], ctx: RunContext) -> Draws:
    """Scores of every arm, mean over repetitions: as found, then with people and repetitions drawn again."""
    rows = tested_rows(c, places)
    truth, weights = c.holdout.labels[rows], person_weights(c, places, ctx.rng("people"))
    again = len(weights) - 1
    # one repetition fewer is drawn than there are: their mean then varies as the mean of all does (Rao and Wu 1988)
    picks = ctx.rng("repetitions").integers(0, REPETITIONS, (again, REPETITIONS - 1))
    out: Draws = {measure: {} for measure in MEASURES}
    for name, told in answers(c, places, c.holdout.pixels[rows], ctx).items():
        found = [scores(told, truth, places, weights[:1])]
        found += [scores(told[picks[i]], truth, places, weights[i + 1 : i + 2]) for i in range(again)]
        for measure, of in (("recall", "worst_recall"), ("f1", "macro_f1")):
            out[measure][name] = np.array([part[of][0] for part in found])
    return out


Gain = tuple[float, Interval, tuple[float, Interval | None]]  # of the recall, its interval, and the same of macro F1


def _gains(draws: Draws, mixes: Sequence[Arm], best: str) -> dict[str, Gain]:
    """Every mix against the best without synthetic images; the intervals hold for all mixes together."""
    apart = {m: {a.name: by[a.name] - by[best] for a in mixes} for m, by in draws.items()}
    ends = simultaneous(np.array([apart["recall"][a.name] for a in mixes]))
    out = {}
    for arm, (low, high) in zip(mixes, ends, strict=True):
        recall, f1 = apart["recall"][arm.name], apart["f1"][arm.name]
        interval = Interval(low=low, high=high, method=f"{HOW}, max-T over the mixes")
        out[arm.name] = float(recall[0]), interval, (float(f1[0]), percentile(f1[1:], HOW))
    return out


def _advice(gains: dict[str, Gain], best: str) -> tuple[Arm, str, str]:
    """The mix that is told of, the verdict in a few words, and the sentence that says why."""
    worse = {name for name, (_, _, (_, f1)) in gains.items() if f1 is not None and f1.high < 0}
    helping = [name for name, (_, interval, _) in gains.items() if interval.low > 0 and name not in worse]
    chosen = max(helping or gains, key=lambda name: gains[name][1].low if helping else gains[name][0])
    value, interval, _ = gains[chosen]
    title = f"+{MIXES[chosen]} %" if MIXES[chosen] else "to balance"
    change = f"{_signed(value)} ({_signed(interval.low)} to {_signed(interval.high)})"
    arm, beside = (
        Arm(chosen, title, RIVALS["real"][1]),
        f"recall of the worst class by {change} against {RIVALS[best][0]}",
    )
    if helping:
        return arm, f"use {title}", f"Use {title}: it changes the {beside}, beyond chance."
    if all(interval.high < 0 for _, interval, _ in gains.values()):
        why = f"every mix makes the classifier worse: the best, {title}, changes the {beside}"
    elif any(interval.low > 0 for _, interval, _ in gains.values()):
        why = f"what the worst class gains the others lose: the best mix, {title}, changes the {beside}"
    elif {_signed(end) for end in (value, interval.low, interval.high)} == {"0"}:
        rival = RIVALS[best][0]
        why = f"it changes nothing: with the best mix, {title}, the recall of the worst class is that of {rival}"
    else:
        why = f"no mix gains beyond chance: the best, {title}, changes the {beside}"
    return arm, "do not use", f"Do not use it, because {why}."


def _figures(planned: Sequence[Arm], draws: Draws) -> list[Figure]:
    """One figure for each arm and measure."""
    out = []
    for arm in planned:
        title = arm.title.capitalize() if arm.name in RIVALS else f"Real and synthetic images, {arm.title}"
        for measure, words in MEASURES.items():
            name, full = f"{arm.name}_{measure}", f"{title}: {words}"
            if arm.missing:
                out.append(absent(name, full, arm.missing))
                continue
            found = draws[measure][arm.name]
            out.append(Figure(name=name, title=full, value=float(found[0]), interval=percentile(found[1:], HOW)))
    return out


def _changed(change: tuple[float, Interval | None]) -> Figure:
    return Figure(name="f1_gain", title="Macro F1: change by the mix told of", value=change[0], interval=change[1])


def _signed(number: float) -> str:
    told = f"{number:+.3f}"
    return "0" if float(told) == 0 else told.replace("-", "−")
