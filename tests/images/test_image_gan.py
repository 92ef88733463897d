"""The conditional GAN as a whole, at settings that train in seconds."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from image_scenes import prepared_images

from synthgen import pipeline
from synthgen.errors import InputError, SpecError, Stopped, TrainingError
from synthgen.images import planning
from synthgen.images.emphasis import Emphasis
from synthgen.images.eye import Eye, _even
from synthgen.images.gan import ConditionalGAN
from synthgen.images.modes import census
from synthgen.images.networks import Canvas
from synthgen.images.params import ConditionalGanParams
from synthgen.images.pictures import Pictures
from synthgen.images.schema import Finding
from synthgen.images.stack import ImageStack
from synthgen.images.surprise import Ledger
from synthgen.images.task import GanTask
from synthgen.runtime import RunContext
from synthgen.spec import GroupTarget, RunSpec, SampleSpec

TINY = ConditionalGanParams(steps=24, warm_steps=8, width=4, noise=8, batch=8)


@pytest.fixture(scope="module")
def scene():
    return prepared_images(size=16)


@pytest.fixture(scope="module")
def fitted(scene):
    return fit(scene)


def fit(scene, params=TINY, **ctx):
    schema, split = scene
    groups = census(split, schema, RunSpec(modality="images"))
    return ConditionalGAN(params).fit(split.fitting, schema, groups, RunContext(seed=5, **ctx))


def sample(generator, rows=30, **spec):
    return ImageStack.joined([*generator.sample(SampleSpec(**spec), rows, RunContext(seed=1))])


def weights(generator):
    return torch.cat([v.detach().flatten() for v in generator.generator.parameters()])


def stop_after(looks):
    left = iter([False] * looks)
    return lambda: next(left, True)


def test_the_same_seed_gives_the_same_weights_and_images_and_another_does_not(scene, fitted):
    assert torch.equal(weights(fitted), weights(fit(scene)))
    assert (sample(fitted).pixels == sample(fitted).pixels).all()
    assert not (sample(fitted).pixels == sample(fitted, seed=1).pixels).all()


@pytest.mark.parametrize("looks", [4, 20])
def test_stopped_and_resumed_it_ends_with_the_same_weights(scene, fitted, tmp_path, looks):
    with pytest.raises(Stopped):
        fit(scene, stop=stop_after(looks), checkpoints=tmp_path)
    assert torch.equal(weights(fitted), weights(fit(scene, checkpoints=tmp_path)))


def test_images_are_as_the_schema_says_and_classes_as_asked(scene, fitted):
    made = sample(fitted, rows=33)
    assert made.pixels.shape == (33, 16, 16, 3)
    assert made.pixels.dtype == np.uint8
    shares = fitted.counts / fitted.counts.sum()
    assert (abs(made.counts(3) - 33 * shares) <= 1).all()
    assert sample(fitted, rows=33, mix="balanced").counts(3).tolist() == [11, 11, 11]
    assert sample(fitted, rows=5, fixed={"class": "cross"}).labels.tolist() == [2] * 5
    targets = tuple(GroupTarget(where={"class": c}, rows=n) for c, n in (("cross", 3), ("circle", 4)))
    assert sample(fitted, targets=targets).labels.tolist() == [2] * 3 + [0] * 4


def test_chunks_are_bounded(fitted):
    sizes = [len(chunk) for chunk in fitted.sample(SampleSpec(), 700, RunContext())]
    assert sum(sizes) == 700
    assert max(sizes) <= 512


@pytest.mark.parametrize("fixed", [{"class": "hexagon"}, {"colour": "red"}])
def test_what_there_is_none_of_is_refused(fitted, fixed):
    with pytest.raises(SpecError):
        sample(fitted, fixed=fixed)


def test_truncation_makes_images_more_alike(fitted):
    whole, cut = (sample(fitted, rows=60, fixed={"class": "circle"}, truncation=t) for t in (1.0, 0.2))
    assert cut.pixels.std(0).mean() < 0.7 * whole.pixels.std(0).mean()


def test_it_survives_saving_and_loading(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    again = ConditionalGAN.load(tmp_path / "model")
    assert (sample(fitted).pixels == sample(again).pixels).all()
    assert again.report() == fitted.report()
    assert again.encoding.classes == fitted.encoding.classes


def test_a_damaged_or_foreign_folder_is_refused(fitted, tmp_path):
    with pytest.raises(InputError):
        ConditionalGAN.load(tmp_path / "none")
    fitted.save(tmp_path / "model")
    facts = json.loads((tmp_path / "model" / "facts.json").read_text())
    (tmp_path / "model" / "facts.json").write_text(json.dumps({**facts, "canvas": [99, 16, 3]}))
    with pytest.raises(InputError):
        ConditionalGAN.load(tmp_path / "model")


def test_the_report_names_no_class_and_is_json(fitted):
    text = json.dumps(fitted.report())
    assert not any(name in text for name in fitted.classes)
    assert {stage["stage"] for stage in fitted.report()["stages"]} == {"warm_start", "conditional_gan"}


def test_a_full_gpu_is_not_called_another_version(fitted, tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    fitted.save(tmp_path / "model")
    monkeypatch.setattr(ConditionalGAN, "_build", full)
    with pytest.raises(torch.OutOfMemoryError):
        ConditionalGAN.load(tmp_path / "model")


def test_what_is_saved_holds_no_training_image(scene, fitted, tmp_path):
    """No tensor has room for an image of every person: only weights of the networks are written."""
    fitted.save(tmp_path / "model")
    from synthgen.training import checkpoint

    state = checkpoint.read(tmp_path / "model")
    assert all(name.startswith("generator/") for name in state.tensors)
    assert set(state.facts) == {"format", "generator", "params", "canvas", "classes", "counts", "report"}


def test_neither_hold_out_nor_its_count_moves_the_weights(scene, fitted):
    schema, split = scene
    noise = ImageStack(np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), np.uint8), np.zeros(9, np.int64))
    from dataclasses import replace

    assert torch.equal(weights(fitted), weights(fit((schema, replace(split, holdout=noise)))))


@pytest.mark.parametrize("params", [{"reducer": "mean", "sampling": "frequency"}, {"reducer": "literal"}, {"r1": 0.0}])
def test_every_arm_trains(scene, params):
    made = sample(fit(scene, TINY.model_copy(update={**params, "steps": 6, "warm_steps": 2})))
    assert made.pixels.std() > 0


def test_grey_images_of_an_odd_size_and_a_class_without_training_images():
    schema, split = prepared_images((60, 40), size=19, channels=1)
    schema = schema.model_copy(update={"classes": ("circle", "square", "ghost"), "counts": (60, 40, 0)})
    generator = fit((schema, split), TINY.model_copy(update={"steps": 4, "warm_steps": 2}))
    assert sample(generator, mix="balanced").pixels.shape == (30, 19, 19, 1)
    with pytest.raises(SpecError):
        sample(generator, fixed={"class": "ghost"})


def test_a_processor_that_is_half_as_fast_plans_half_as_many_steps():
    canvas = Canvas(28, 28, 1)
    fast, slow = (planning.plan(canvas, ConditionalGanParams(), bf16) for bf16 in (True, False))
    assert slow.steps == pytest.approx(fast.steps / 2, rel=0.01)
    assert slow.warm == pytest.approx(fast.warm / 2, rel=0.01)
    asked = ConditionalGanParams(steps=100)
    assert planning.plan(canvas, asked, False) == planning.plan(canvas, asked, True)


def test_large_images_take_most_steps_at_a_reduced_size_within_the_same_time():
    canvas, params = Canvas(64, 64, 3), ConditionalGanParams(time_budget=600)
    plan, small = (planning.plan(c, params) for c in (canvas, canvas.reduced))
    assert small.reduced == 0
    assert plan.warm == small.warm
    assert small.steps / 2 < plan.reduced < small.steps
    parts = zip((plan.warm * planning.WARM_STEP + plan.reduced, plan.steps), (canvas.reduced, canvas), strict=True)
    seconds = sum(steps * planning.seconds_per_step(c, params) for steps, c in parts)
    assert seconds == pytest.approx(planning.SHARE * params.time_budget, rel=0.01)
    asked = planning.plan(canvas, ConditionalGanParams(steps=100))
    assert asked.reduced + asked.steps == 100


@pytest.fixture(scope="module")
def large():
    return prepared_images((60, 40), size=60)


@pytest.fixture(scope="module")
def grown(large):
    return fit(large)


def test_large_images_are_learnt_at_a_reduced_size_first(grown):
    assert [stage["stage"] for stage in grown.report()["stages"]] == ["warm_start", "reduced_size", "full_size"]
    assert {look["stage"] for look in grown.report()["health_history"]} == {"reduced_size", "full_size"}
    assert sample(grown).pixels.shape == (30, 60, 60, 3)
    assert np.isfinite(grown.critic_scores(sample(grown))).all()


@pytest.mark.parametrize("looks", [4, 14, 26])
def test_stopped_at_either_size_and_resumed_large_images_end_with_the_same_weights(large, grown, tmp_path, looks):
    with pytest.raises(Stopped):
        fit(large, stop=stop_after(looks), checkpoints=tmp_path)
    assert torch.equal(weights(grown), weights(fit(large, checkpoints=tmp_path)))


def test_a_model_of_large_images_survives_saving_and_loading(grown, tmp_path):
    grown.save(tmp_path / "model")
    assert (sample(grown).pixels == sample(ConditionalGAN.load(tmp_path / "model")).pixels).all()


def test_reduced_pictures_show_the_same_images(large):
    schema, split = large
    canvas = Canvas(60, 60, 3)
    whole = Pictures.of(split.fitting, 3, census(split, schema, RunSpec(modality="images")), canvas, "cpu")
    small = whole.reduced(canvas.reduced)
    assert small.train.stack.pixels.shape[1:] == (30, 30, 3)
    assert small.groups == whole.groups
    assert (small.train.groups == whole.train.groups).all()
    means = [part.stack.pixels.mean((1, 2, 3)) for part in (whole.train, small.train)]
    assert np.abs(means[0] - means[1]).max() < 1


def test_between_two_images_lie_others(fitted):
    path = fitted.between(0, 5, RunContext(seed=2))
    assert path.pixels.shape == (5, 16, 16, 3)
    step = np.abs(np.diff(path.pixels.astype(float), axis=0)).mean((1, 2, 3))
    assert (step > 0).all()


def test_without_validation_images_it_says_so(scene):
    schema, split = scene
    with pytest.raises(TrainingError):
        fit((schema, replace(split, validation=split.validation.take(slice(0, 0)))))


def test_of_a_large_class_any_image_is_looked_at(scene, fitted):
    """The 20,000th power of a number in 0..1 is 0 for nearly all: the first images of the class were taken."""
    split = scene[1]
    labels = np.repeat([0, 1], [20_000, 200])
    some = _even(labels, 2000, np.random.default_rng(0))
    assert set(range(20_000, 20_200)) <= set(some.tolist())
    assert 9000 < np.median(some[some < 20_000]) < 11_000
    many = ImageStack(np.zeros((len(labels), 16, 16, 3), np.uint8), labels)
    data = replace(split.fitting, validation=many, validation_people=np.arange(len(labels)))
    looked = Ledger(Pictures.of(data, 3, (), fitted.canvas, "cpu")).next_validation(2000, np.random.default_rng(0))
    assert looked.tolist() == some.tolist()


def test_of_no_image_there_are_no_logits(scene, fitted):
    schema, split = scene
    groups = census(split, schema, RunSpec(modality="images"))
    data = Pictures.of(split.fitting, 3, groups, fitted.canvas, "cpu")
    emphasis = Emphasis(data.train.groups, data.train.stack.labels, 3, data.kinds, data.places, TINY)
    task = GanTask(fitted.generator, fitted.critic, data, emphasis, TINY, 10, RunContext(seed=1))
    found = task.logits_of_stack(split.train.take(slice(0, 0)), np.random.default_rng(0))
    assert found.shape == (0,)
    assert found.dtype == np.float32


def test_a_saved_model_names_no_file(scene, fitted, tmp_path):
    found = Finding(what="refused", reason="an empty file", count=2, files=("anna_smith.png",))
    schema = scene[0].model_copy(update={"findings": (found,)})
    pipeline.save_model(pipeline.Model(fitted, None), schema, RunSpec(modality="images"), 330, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"anna_smith" in path.read_bytes()]
    kept = pipeline.load_model(tmp_path)[1]
    assert [(f.reason, f.count, f.files) for f in kept.findings] == [("an empty file", 2, ())]
    assert schema.findings[0].files


@pytest.fixture(scope="module")
def shapes_told():
    """Shares of held-out and of made images of each shape that a discriminant which learnt from real ones tells."""
    scene = prepared_images((300, 150, 60), size=16, channels=1)
    params = ConditionalGanParams(steps=2400, warm_steps=200, noise=32)  # minutes; a job of five has six times more
    generator = fit(scene, params)
    schema, split = scene
    groups = census(split, schema, RunSpec(modality="images"))
    eye = Eye.of(Pictures.of(split.fitting, 3, groups, generator.canvas, "cpu"), 0)
    made = sample(generator, rows=300, mix="balanced")
    real = eye.recognised(eye.look(split.holdout.pixels), split.holdout.labels)
    return real, eye.recognised(eye.look(made.pixels), made.labels)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_learns_more_of_the_classes_than_chance(shapes_told):
    real, found = shapes_told
    assert real.mean() > 0.8
    assert found.mean() > 0.55, "a third would be chance"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.xfail(reason="a few hundred small images are learnt too little: see ADR 18", strict=False)
def test_it_learns_the_classes(shapes_told):
    """Made images of each shape look like that shape to a discriminant that learnt from real ones."""
    real, found = shapes_told
    assert (found > 0.6 * real).all()
