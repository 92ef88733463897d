"""Every score of images keeps the contract: range, same answer twice, best and worst, no exception."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from image_scene import CLASSES, Scene, scene, shapes

from synthgen.contracts import Entry, Split, Status
from synthgen.images.metrics import METRICS, arms
from synthgen.images.stack import ImageStack
from synthgen.runtime import RunContext
from synthgen.spec import GroupTarget, SampleSpec

NAMES = sorted(METRICS)
QUICK = [n for n in NAMES if n != "augmentation"]
PRIVACY = ("closest_image", "near_copies", "copied_images", "membership")


class Critic:
    """Enough of a generator for scores that ask its critic."""

    def critic_scores(self, stack):
        return stack.pixels.reshape(len(stack), -1).mean(axis=1)


def small(seed=0, **settings):
    return scene(
        shapes((100, 60, 40), 31 + seed, 16), shapes((60, 40, 30), 51 + seed, 16),
        shapes((120, 80, 60), 71 + seed, 16), **settings,
    )  # fmt: skip


@pytest.fixture(scope="module")
def good():
    return small()


def in_range(result):
    numbers = [result.value, *(f.value for f in result.figures), *(g.value for g in result.groups)]
    assert all(n is None or math.isfinite(n) for n in numbers)
    if result.status is not Status.OK:
        assert result.value is None
        assert result.reason
        return
    assert result.low <= result.value <= result.high
    assert result.low <= result.best <= result.high
    if result.interval is not None:
        assert result.interval.low <= result.value + 0.05
        assert result.value <= result.interval.high + 0.05


@pytest.mark.parametrize("name", NAMES)
def test_it_states_itself(name):
    entry = METRICS[name]
    assert isinstance(entry, Entry)
    kind = entry.load()
    assert (kind.name, kind.title) == (name, entry.title)
    assert kind.family in ("fidelity", "coverage", "utility", "privacy")
    assert kind.explanation.endswith(".")
    assert kind.source.endswith(".")


def test_augmentation_stays_in_range_and_repeats(quickly):
    test_it_stays_in_range_and_repeats("augmentation", small())


@pytest.mark.parametrize("name", QUICK)
def test_it_stays_in_range_and_repeats(name, good):
    first, second = (good.measured(name, Critic()) for _ in range(2))
    assert first == second
    in_range(first)
    assert first.status is Status.OK
    assert {f.name for f in first.figures} == set(METRICS[name].figures)  # what a policy may name, no more and no less
    for line in first.groups:
        assert line.kind in ("class", "cluster")
        assert line.columns == ("class",)
        assert line.real_count is not None


def test_the_same_seed_gives_the_same_scores_from_the_start_and_no_global_randomness_is_read(good):
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    again = replace(good, ctx=RunContext(seed=5))
    for name in ("frechet", "coverage", "accuracy_score", "closest_image", "membership"):
        assert again.measured(name) == good.measured(name), name


@pytest.mark.parametrize("name", ["frechet", "kernel_distance", "precision", "recall", "coverage"])
def test_fidelity_and_coverage_are_best_on_a_copy(name, good):
    copy, fresh = good.with_set(good.split.train).measured(name), good.measured(name)
    slack = 0.1
    assert abs(copy.value - copy.best) <= abs(fresh.holdout - fresh.best) + slack


@pytest.mark.parametrize("name", PRIVACY)
def test_privacy_is_worst_on_a_copy(name, good):
    copy = good.with_set(good.split.train).measured(name)
    assert copy.value > 0.9
    assert copy.interval.low > copy.holdout
    assert 0 <= copy.p_value < 0.001


def test_what_the_gate_reads_of_an_attack_is_whole(good):
    for name in PRIVACY:
        result = good.measured(name)
        for found in (result, *(g for g in result.groups if g.status is Status.OK)):
            assert found.interval is not None
            assert found.holdout is not None
            assert 0 <= found.p_value <= 1
    assert good.measured("membership").attempts == len(good.split.train)
    assert good.measured("membership").baseline == 0.5


def black(stack):
    return ImageStack(np.zeros_like(stack.pixels), stack.labels)


def one_class(stack):
    return stack.of_class(0)


def one_of_a_class(stack):
    """All but one image of the last class are gone."""
    last = np.flatnonzero(stack.labels == 2)
    return stack.take(np.r_[np.flatnonzero(stack.labels != 2), last[:1]])


ODD = {
    "black set": lambda t, h, d: (t, h, black(d)),
    "black images": lambda t, h, d: (black(t), black(h), black(d)),
    "one class": lambda t, h, d: (one_class(t), one_class(h), one_class(d)),
    "one hold-out image of a class": lambda t, h, d: (t, one_of_a_class(h), d),
    "one training image of a class": lambda t, h, d: (one_of_a_class(t), h, d),
    "a class that did not come": lambda t, h, d: (t, h, d.take(d.labels != 2)),
    "one synthetic image": lambda t, h, d: (t, h, d.take(slice(0, 1))),
    "one training image": lambda t, h, d: (t.take(slice(0, 1)), h, d),
    "no hold-out": lambda t, h, d: (t, h.take(slice(0, 0)), d),
    "no synthetic image": lambda t, h, d: (t, h, d.take(slice(0, 0))),
}


@pytest.fixture
def quickly(monkeypatch):
    """Networks that hardly learn: what odd images do to a score does not hang on how well they tell classes."""
    from synthgen.images.metrics import arms, features, utility
    from synthgen.images.metrics.networks import Schooling

    monkeypatch.setattr(features, "PLAN", Schooling(steps=6, decoded=1.0))
    monkeypatch.setattr(utility, "STEPS", 4)
    monkeypatch.setattr(arms, "REPETITIONS", 2)
    for name in ("RIVALS", "MIXED"):
        plans = getattr(arms, name)
        few = (
            {k: (t, replace(p, steps=4)) for k, (t, p) in plans.items()}
            if name == "RIVALS"
            else replace(plans, steps=4)
        )
        monkeypatch.setattr(arms, name, few)
    monkeypatch.setattr("synthgen.images.metrics.augmentation.REPETITIONS", 2)


@pytest.mark.parametrize("kind", sorted(ODD))
def test_odd_images_give_a_status(kind, quickly):
    made = small()
    train, holdout, drawn = ODD[kind](made.split.train, made.split.holdout, made.synthetic.stack)
    found: Scene = scene(train, holdout, drawn)
    for name in NAMES:
        result = found.measured(name, Critic())
        in_range(result)
        assert result.status is not Status.ERROR, name
        assert {f.name for f in result.figures} <= set(METRICS[name].figures)
        if kind == "no hold-out":
            assert result.status is Status.INSUFFICIENT


@pytest.mark.parametrize(("size", "channels", "classes"), [(28, 3, 2), (64, 1, 12)])
def test_other_sizes_colours_and_numbers_of_classes(size, channels, classes, quickly):
    names = tuple(f"class {i}" for i in range(classes))
    stacks = [shapes((12,) * classes, seed, size, channels) for seed in (1, 2, 3)]
    found = scene(*stacks, classes=names)
    for name in NAMES:
        in_range(found.measured(name, Critic()))
    assert found.measured("frechet").status is Status.OK


def test_a_class_that_a_distance_says_nothing_about_is_told(quickly):
    made = small()
    alone = scene(made.split.train, one_of_a_class(made.split.holdout), made.synthetic.stack)
    for name in ("frechet", "kernel_distance"):
        assert alone.measured(name).reason == "1 class is left out: fewer than 8 images on a side."
        assert made.measured(name).reason == ""


def test_a_class_of_too_few_people_is_suppressed(quickly):
    made = small()
    found = scene(made.split.train, made.split.holdout, made.synthetic.stack, k_floor=50)
    shown = {line.label: line.suppressed for line in found.measured("coverage").groups}
    assert shown == {"disc": False, "square": False, "cross": True}


def test_the_split_is_left_as_it_was(good):
    before = good.split.train.pixels.copy(), good.synthetic.stack.labels.copy()
    good.measured("near_copies")
    assert (good.split.train.pixels == before[0]).all()
    assert (good.synthetic.stack.labels == before[1]).all()
    assert isinstance(good.split, Split)


def asked(*counts):
    pairs = zip(CLASSES, counts, strict=True)
    return SampleSpec(targets=tuple(GroupTarget(where={"class": name}, rows=n) for name, n in pairs if n))


def figure(result, name):
    return next(f for f in result.figures if f.name == name)


def test_a_set_of_the_rare_class_alone_is_judged_by_that_class(quickly):
    made = small()
    rare = made.with_set(made.synthetic.stack.of_class(2), asked(0, 0, 60))
    found = {name: rare.measured(name, Critic()) for name in NAMES}
    for result in found.values():
        in_range(result)
    assert found["accuracy_score"].status is Status.INSUFFICIENT
    assert "asked for" in found["accuracy_score"].reason
    assert found["augmentation"].status is Status.OK
    assert found["augmentation"].verdict in ("use +25 %", "use +50 %", "use +100 %", "use to balance", "do not use")
    words = [line.census for line in found["mode_census"].groups if line.kind == "class"]
    assert words[:2] == ["too few to tell"] * 2
    assert figure(found["coverage"], "rarest").status is Status.OK
    for name in ("coverage", "diversity", "frechet", "closest_image", "near_copies", "membership"):
        assert found[name].status is Status.OK, name


def test_the_mixes_add_only_what_the_set_holds():
    real, held = np.array([100, 60, 40]), np.array([0, 0, 60])
    assert arms._mix("more_25", 25, real, held).added == (0, 0, 10)
    assert arms._mix("more_balance", 0, real, held).added == (0, 0, 60)
    assert arms._mix("more_25", 25, real, np.array([500, 0, 0])).missing


@pytest.mark.parametrize("counts", [(0, 80, 60), (120, 80, 60)])
def test_a_class_that_was_asked_for_and_did_not_come_stays_lost(counts, quickly):
    made = small()
    without = made.with_set(made.synthetic.stack.take(made.synthetic.stack.labels != 2), asked(*counts))
    census, told = without.measured("mode_census"), without.measured("accuracy_score")
    assert figure(census, "lost_classes").value >= 1
    assert [line.census for line in census.groups if line.kind == "class"][2] == "lost"
    assert told.groups[2].value == 0
    assert (told.groups[0].value is None) == (counts[0] == 0)


def test_a_set_with_nothing_of_the_tested_classes_is_insufficient(quickly):
    made = small()
    other = made.with_set(made.synthetic.stack.of_class(0), asked(0, 80, 60))
    assert other.measured("accuracy_score").status is Status.INSUFFICIENT
