"""The library front for images: five lines from arrays to a scored synthetic set."""

from collections import Counter

import numpy as np
import pytest
from image_scenes import SHAPES, shapes
from PIL import Image

import synthgen
from synthgen import pipeline
from synthgen.contracts import Status
from synthgen.errors import InputError, SpecError, SynthgenError
from synthgen.image_scored import NEEDED, LabelledImages, score_images
from synthgen.images.metrics import METRICS
from synthgen.synthesizer import ImageSynthesizer, TabularSynthesizer

TINY = {"steps": 2, "warm_steps": 24, "width": 8, "noise": 16, "batch": 16}
COUNTS = (60, 40, 30)
FEW = ("mode_census", "coverage", "closest_image")


def cells(counts=COUNTS, size=16, seed=0, channels=3):
    """Arrays and class names of made-up shapes."""
    stack = shapes(counts, size=size, channels=channels, seed=seed)
    return LabelledImages(stack.pixels, [SHAPES[place] for place in stack.labels])


def synthesizer(**settings):
    return ImageSynthesizer(**{"params": TINY, "time_budget": 300, "size": 16} | settings)


@pytest.fixture(scope="module")
def fitted():
    real = cells()
    return synthesizer().fit(real.images, real.labels)


@pytest.fixture(autouse=True)
def few_metrics(monkeypatch):
    """Three scores of the many, to save time."""
    for name in [n for n in METRICS if n not in FEW]:
        monkeypatch.delitem(METRICS, name)


def npz(path, images):
    np.savez(path, images=images.images, labels=np.array(images.labels))
    return path


def foldered(path, images):
    for number, (pixels, name) in enumerate(zip(images.images, images.labels, strict=True)):
        (path / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path / name / f"{number}.png")
    return path


def test_classes_too_small_to_be_sure_of_are_told_before_training(fitted):
    told = []
    real = cells((60, 40, 14))
    model = synthesizer(listener=lambda event: told.append(event.payload)).fit(real.images, real.labels)
    (line,) = model.warnings
    assert line.startswith(f"Class {SHAPES[2]!r}: ")
    assert "cannot tell" in line
    assert [p["text"] for p in told if p.get("warning")] == [line]
    assert not any(SHAPES[0] in warning for warning in fitted.warnings)


# --- fit, sample ------------------------------------------------------------------------------------------------------


def test_between_two_images_of_a_class_lie_others_that_change_gradually(fitted):
    way = fitted.between("cross", 9, seed=3)
    assert way.labels == ["cross"] * 9
    pixels = way.images.astype(float)
    steps, whole = np.abs(np.diff(pixels, axis=0)).mean((1, 2, 3)), np.abs(pixels[-1] - pixels[0]).mean()
    assert 0 < steps.max() < 0.6 * whole
    assert (fitted.between("cross", 9, seed=3).images == way.images).all()
    assert (fitted.between("cross", 9, seed=4).images != way.images).any()
    for label, count in (("nobody", 9), ("cross", 1)):
        with pytest.raises(SpecError) as caught:
            fitted.between(label, count)
        assert "nobody" not in str(caught.value)


@pytest.mark.parametrize("count", [-1, 2.5, "3"])
def test_what_is_no_count_of_a_class_is_told_without_its_name(fitted, count):
    with pytest.raises(SpecError, match="1 of 2 counts of classes: no whole number") as caught:
        fitted.sample({"cross": count, "circle": 2})
    assert "cross" not in str(caught.value)


def test_counts_are_met_class_by_class(fitted):
    made = fitted.sample({"cross": 7, "circle": 3, "square": 0})
    assert Counter(made.labels) == {"cross": 7, "circle": 3}
    assert made.images.shape == (10, 16, 16, 3)
    assert made.images.dtype == np.uint8
    assert len({image.tobytes() for image in made.images}) == 10


def test_a_number_gives_shares_as_in_the_data_or_equal_ones(fitted):
    shares = Counter(fitted.sample(1300).labels)
    assert shares["circle"] == pytest.approx(600, abs=80)
    assert shares["cross"] == pytest.approx(300, abs=80)
    assert set(Counter(fitted.sample(90, balanced=True).labels).values()) == {30}
    assert len(fitted.sample()) == sum(COUNTS)


def test_the_same_seed_gives_the_same_images(fitted):
    first, again, other = (fitted.sample(12, seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(first.images, again.images)
    assert first.labels == again.labels
    assert not np.array_equal(first.images, other.images)


def test_a_second_fit_gives_the_same_model(fitted):
    real = cells()
    again = synthesizer().fit(real.images, real.labels)
    assert np.array_equal(again.sample(8).images, fitted.sample(8).images)
    other = synthesizer(seed=1).fit(real.images, real.labels)
    assert not np.array_equal(other.sample(8).images, fitted.sample(8).images)


def test_truncation_gives_less_varied_images(fitted):
    spread = [fitted.sample({"circle": 60}, truncation=t).images.astype(float).std(0).mean() for t in (0.2, 1.0)]
    assert spread[0] < spread[1]


@pytest.mark.parametrize(
    "asked", [{"counts": {"star": 5}}, {"counts": {}}, {"counts": {"circle": 0}}, {"counts": {"circle": -2}},
              {"counts": 0}, {"truncation": 0.0}, {"truncation": 1.5}]
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(fitted, asked):
    with pytest.raises(SpecError) as problem:
        fitted.sample(**asked)
    assert "star" not in str(problem.value)


def test_nothing_is_drawn_before_fit(tmp_path):
    real = cells((4, 4, 4))
    for call in (
        lambda model: model.sample({"circle": 5}),
        lambda model: model.write(tmp_path / "out.zip"),
        lambda model: model.score(real.images, real.labels),
        lambda model: model.save(tmp_path / "model"),
    ):
        with pytest.raises(SpecError, match="fit first"):
            call(synthesizer())


def test_images_without_labels_and_labels_beside_a_path_are_refused(tmp_path):
    real = cells((12, 12, 12))
    with pytest.raises(InputError, match="without labels"):
        synthesizer().fit(real.images)
    with pytest.raises(InputError, match="beside a path"):
        synthesizer().fit(npz(tmp_path / "real.npz", real), real.labels)
    with pytest.raises(SynthgenError):
        synthesizer().fit(real.images, real.labels[:-1])


@pytest.mark.parametrize("wrong", [{"k_floor": 1}, {"size": 4}, {"size": 500}, {"channels": 2}, {"fit_by": "squeeze"}])
def test_settings_out_of_range_are_told_in_words(wrong):
    real = cells((12, 12, 12))
    with pytest.raises(SpecError):
        synthesizer(**wrong).fit(real.images, real.labels)


def test_sizes_and_channels_are_brought_to_what_was_asked():
    real = cells(size=20)
    model = synthesizer(size=16, channels=1).fit(real.images, real.labels)
    assert model.sample(4).images.shape == (4, 16, 16, 1)


# --- write, save, load ------------------------------------------------------------------------------------------------


def test_a_saved_model_gives_the_same_images(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = ImageSynthesizer.load(tmp_path / "model")
    for asked in ({"counts": {"cross": 6}, "seed": 2}, {"counts": 20, "balanced": True}, {}):
        assert np.array_equal(loaded.sample(**asked).images, fitted.sample(**asked).images)
    with pytest.raises(SpecError):
        loaded.sample({"star": 2})
    held = cells(seed=1)
    with pytest.raises(SpecError, match="loaded model has no training data"):
        loaded.score(held.images, held.labels)


def test_a_loaded_model_is_placed_on_the_device_that_was_asked_for(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    for device in ("cpu", "meta"):
        loaded = ImageSynthesizer.load(tmp_path / "model", device=device)
        assert {p.device.type for p in loaded.model_.generator.generator.parameters()} == {device}
        assert loaded.device == loaded.model_.generator.device == device


def test_a_model_of_tables_is_not_taken_for_one_of_images(tmp_path):
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=200).round(2), "b": rng.choice(["x", "y"], 200)})
    TabularSynthesizer("independent", time_budget=5).fit(frame).save(tmp_path / "model")
    with pytest.raises(InputError, match="tables"):
        ImageSynthesizer.load(tmp_path / "model")
    with pytest.raises(InputError):
        ImageSynthesizer.load(tmp_path)


@pytest.mark.parametrize("ending", ["zip", "npz"])
def test_what_is_written_can_be_read_and_fitted_again(fitted, tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    assert fitted.write(path, {"circle": 20, "square": 15, "cross": 12}, seed=3) == 47
    again = synthesizer().fit(path)
    assert dict(zip(again.schema_.classes, again.schema_.counts, strict=True)) == {
        "circle": 20,
        "square": 15,
        "cross": 12,
    }


def test_an_ending_that_is_no_format_is_refused(fitted, tmp_path):
    with pytest.raises(SynthgenError):
        fitted.write(tmp_path / "out.docx", 10)


# --- score ------------------------------------------------------------------------------------------------------------


def test_score_compares_with_a_holdout_of_another_size(fitted):
    held = cells(size=24, seed=9)
    card = fitted.score(held.images, held.labels)
    assert card.modality == "images"
    assert card.holdout_rows == sum(COUNTS)
    assert [result.metric for result in card.results] == list(METRICS)
    assert card.result("coverage").value is not None
    assert card.result("coverage").holdout is not None


def test_a_holdout_of_unknown_classes_is_refused(fitted):
    held = cells()
    with pytest.raises(InputError, match="classes"):
        fitted.score(held.images, ["star"] * len(held))


def test_images_of_another_generator_can_be_scored(fitted):
    held, copies = cells(seed=9), cells()
    card = fitted.score(held.images, held.labels, synthetic=copies)
    assert card.generator == "given"
    assert card.result("coverage").value > 0.8
    lost = fitted.score(held.images, held.labels, synthetic=cells((120, 40, 0), seed=5)).result("mode_census")
    words = {group.label: group.census for group in lost.groups if group.kind == "class"}
    assert "lost" in [word for label, word in words.items() if "cross" in label]


def test_a_balanced_set_from_elsewhere_is_judged_by_its_own_counts(fitted):
    held = cells(seed=9)
    card = fitted.score(held.images, held.labels, synthetic=cells((40, 40, 40), seed=5))
    words = {group.census for group in card.result("mode_census").groups if group.kind == "class"}
    assert words == {"represented"}
    assert any("as often as it came" in note for note in card.notes)


def test_images_of_one_source_in_the_holdout_are_not_many_people(fitted, monkeypatch):
    seen = []  # what the scores are handed; they are not computed
    monkeypatch.setattr(pipeline, "score", lambda prepared, *rest: seen.append(prepared.split))
    held = cells(seed=9)
    fitted.score(held.images, held.labels, sources=[f"patient {i // 2}" for i in range(len(held))])
    fitted.score(held.images, held.labels)
    assert [len(np.unique(split.holdout_people)) for split in seen] == [sum(COUNTS) // 2, sum(COUNTS)]


@pytest.mark.parametrize("kept_as", ["folder", "npz", "zip"])
def test_files_of_any_generator_can_be_scored(fitted, tmp_path, kept_as):
    parts = {"real": cells(), "made": cells(seed=1), "held": cells(seed=2)}
    if kept_as == "npz":
        paths = [npz(tmp_path / f"{name}.npz", images) for name, images in parts.items()]
    else:
        paths = [foldered(tmp_path / name, images) for name, images in parts.items()]
    if kept_as == "zip":
        fitted.write(tmp_path / "made.zip", 130)
        paths[1] = tmp_path / "made.zip"
    card = synthgen.score(*paths)
    assert (card.modality, card.holdout_rows) == ("images", sum(COUNTS))
    assert card.result("closest_image").status is Status.OK
    assert card.result("mode_census").value is not None


def tabled(path, images, column, extra):
    """A folder of images with a table whose column names say nothing in English."""
    path.mkdir()
    rows = [f"datei,{column},{','.join(extra)}"]
    for number, (pixels, name) in enumerate(zip(images.images, images.labels, strict=True)):
        Image.fromarray(pixels).save(path / f"{number}.png")
        rows.append(f"{number}.png,{name},{','.join(str(number % size) for size in extra.values())}")
    (path / "befund.csv").write_text("\n".join(rows))
    return path


def test_the_columns_of_class_and_source_can_be_named_for_files(tmp_path, monkeypatch):
    seen = []  # what the scores are handed; they are not computed
    monkeypatch.setattr(pipeline, "score", lambda prepared, *rest: seen.append(prepared.split))
    extra = {"seite": 2, "kranker": 65}  # the side has fewer values than the class, and is taken where none is named
    paths = [tabled(tmp_path / name, cells(seed=seed), "art", extra) for name, seed in (("a", 0), ("b", 1), ("c", 2))]
    synthgen.score(*paths, target="art", person="kranker", k_floor=2)
    assert seen[0].train.counts(3).sum() + seen[0].validation.counts(3).sum() == sum(COUNTS)
    assert len(seen[0].holdout) == sum(COUNTS)
    people = [len(np.unique(part)) for part in (seen[0].train_people, seen[0].validation_people)]
    assert sum(people) == 65
    assert len(np.unique(seen[0].holdout_people)) == 65


def test_without_a_holdout_nothing_is_said_about_privacy():
    card = score_images(cells(), cells(seed=1))
    found = card.result("closest_image")
    assert (found.status, found.reason, found.value) == (Status.INSUFFICIENT, NEEDED, None)
    assert card.result("coverage").value is not None
    assert any("hold-out" in note for note in card.notes)


def test_images_and_tables_are_not_compared(tmp_path):
    import pandas as pd

    real, table = npz(tmp_path / "real.npz", cells()), pd.DataFrame({"a": range(20)})
    with pytest.raises(SpecError, match="table"):
        synthgen.score(real, table)
    with pytest.raises(SpecError, match="no positive"):
        synthgen.score(real, real, positive="yes")
    with pytest.raises(SynthgenError):
        synthgen.score(real, tmp_path / "none.npz")
