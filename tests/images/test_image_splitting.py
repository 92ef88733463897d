import numpy as np
import pytest
from image_scenes import SHAPES, shapes

from synthgen.errors import InputError, SchemaError
from synthgen.images import io, people
from synthgen.images.inference import infer, ordered
from synthgen.images.splitting import assign, split
from synthgen.images.steps import key_notes
from synthgen.runtime import RunContext
from synthgen.spec import ImageOptions, RunSpec

SPEC = RunSpec(modality="images")


def source_of(counts=(120, 40, 14), sources=None, seed=0, size=28, channels=3):
    stack = shapes(counts, size, channels, seed)
    return io.from_memory(stack.pixels, [SHAPES[label] for label in stack.labels], sources)


def made(source, spec=SPEC, seed=0):
    schema = infer(source, spec)
    return schema, split(source, schema, spec, RunContext(seed=seed))


def parts(found):
    return found.train, found.validation, found.holdout


def owners(found):
    return [set(p.tolist()) for p in (found.train_people, found.validation_people, found.holdout_people)]


def test_parts_are_stratified_and_disjoint():
    schema, found = made(source_of())
    assert schema.classes == ("circle", "cross", "square")
    counts = np.array([part.counts(3) for part in parts(found)])
    assert counts.sum(axis=0).tolist() == [120, 14, 40]
    assert counts[1].tolist() == [12, 1, 4]
    assert counts[2].tolist() == [24, 3, 8]
    train, validation, holdout = owners(found)
    assert not train & validation | train & holdout | validation & holdout


def test_the_same_seed_gives_the_same_split_and_another_one_another():
    source = source_of()
    one, two, other = (made(source, seed=seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.holdout.pixels, two.holdout.pixels)
    assert len(one.holdout) == len(other.holdout)
    assert (one.holdout.pixels != other.holdout.pixels).any()


def test_images_are_in_the_stack_with_their_class():
    stack = shapes((30, 20, 12))
    _, found = made(io.from_memory(stack.pixels, stack.labels))
    known = {image.tobytes(): label for image, label in zip(stack.pixels, stack.labels, strict=True)}
    for part in parts(found):
        assert [known[image.tobytes()] for image in part.pixels] == part.labels.tolist()
        assert part.pixels.dtype == np.uint8
        assert part.labels.dtype == np.int64


def test_images_of_one_source_stay_on_one_side_and_classes_are_everywhere():
    rng = np.random.default_rng(0)
    who = rng.permutation(np.arange(174) % 40)
    schema, found = made(source_of(sources=who))
    assert (schema.person, schema.sources) == ("source", 40)
    train, validation, holdout = owners(found)
    assert not train & validation | train & holdout | validation & holdout
    assert len(train | validation | holdout) == 40
    for part in parts(found):
        assert (part.counts(3) > 0).all()
    assert 0.1 < len(found.holdout) / 174 < 0.3


def test_near_duplicates_stay_on_one_side():
    stack = shapes((60, 40, 20), seed=3)
    doubled = np.concatenate([stack.pixels, np.clip(stack.pixels.astype(int) + 9, 0, 255).astype(np.uint8)])
    source = io.from_memory(doubled, np.tile(stack.labels, 2))
    schema, found = made(source)
    assert schema.duplicates == 120
    assert [f.count for f in schema.findings if f.what == "duplicate"] == [120]
    for part, who in zip(
        parts(found), (found.train_people, found.validation_people, found.holdout_people), strict=True
    ):
        assert len(part) == 2 * len(set(who.tolist()))


def test_sources_and_duplicates_are_joined():
    assert people.joined(np.array([0, 0, 1, 2, 3]), np.array([7, 8, 8, 9, 5])).tolist() == [0, 0, 0, 1, 2]


def test_one_huge_source_goes_to_training():
    held = np.zeros((21, 2), dtype=np.int64)
    held[0] = (300, 20)
    held[1:] = (4, 1)
    for seed in range(5):
        part = assign(held, np.array([0.7, 0.1, 0.2]), np.random.default_rng(seed))
        assert part[0] == 0
        assert set(part[1:]) >= {1, 2}


@pytest.mark.parametrize("people_of_class", [1, 2, 3, 4])
def test_a_class_of_few_sources_is_in_as_many_parts_as_can_be(people_of_class):
    held = np.zeros((30, 2), dtype=np.int64)
    held[:, 0] = 5
    held[:people_of_class, 1] = 4
    part = assign(held, np.array([0.7, 0.1, 0.2]), np.random.default_rng(0))
    assert len(set(part[:people_of_class])) == min(3, people_of_class)
    assert 0 in part[:people_of_class]


def test_no_holdout_where_none_is_wanted():
    _, found = made(source_of(), SPEC.model_copy(update={"holdout_share": 0.0}))
    assert found.holdout.pixels.shape == (0, 28, 28, 3)
    assert len(found.validation) == 17


def test_small_classes_are_left_out_with_a_finding():
    schema, found = made(source_of((60, 30, 6)))
    assert schema.classes == ("circle", "square")
    assert [(f.count, f.what) for f in schema.findings] == [(6, "left out")]
    assert sum(map(len, parts(found))) == 90
    assert key_notes(schema, None, None) == ["6 left out of the source: see the schema."]


def test_copies_of_one_image_are_no_class():
    black = np.zeros((20, 28, 28, 3), np.uint8)
    stack = shapes((40, 30))
    source = io.from_memory(np.concatenate([stack.pixels, black]), [*stack.labels.tolist(), *[2] * 20])
    assert infer(source, SPEC).classes == ("0", "1")
    with pytest.raises(InputError, match="10 different images; the most are 1"):
        infer(io.from_memory(black, [0] * 20), SPEC)


def test_a_class_of_few_sources_is_left_out():
    who = [f"p{place}" for place in range(50)] + ["q1", "q2"] * 10
    stack = shapes((50, 20))
    order = np.argsort(stack.labels, kind="stable")
    schema = infer(io.from_memory(stack.pixels[order], stack.labels[order], who), SPEC)
    assert schema.classes == ("0",)


def test_missing_labels_are_left_out():
    stack = shapes((30, 20))
    labels = [None if place < 5 else str(label) for place, label in enumerate(stack.labels)]
    schema = infer(io.from_memory(stack.pixels, labels), SPEC)
    assert sum(schema.counts) == 45
    assert [(f.reason, f.count) for f in schema.findings] == [("no label", 5)]


@pytest.mark.parametrize(
    ("side", "size"), [(8, 28), (28, 28), (30, 32), (40, 32), (45, 48), (48, 48), (60, 64), (64, 64), (200, 64)]
)
def test_the_size_is_chosen_from_the_middle_image(side, size):
    pixels = np.random.default_rng(0).integers(0, 255, (24, side, side // 2), dtype=np.uint8)
    assert infer(io.from_memory(pixels, [0] * 24), SPEC).height == size


def test_what_is_asked_for_decides():
    options = ImageOptions(size=20, channels=1, fit="crop")
    source = source_of(size=32)
    schema, found = made(source, SPEC.model_copy(update={"images": options}))
    assert found.train.pixels.shape[1:] == (20, 20, 1)
    assert {f.reason for f in schema.findings} == {"colour made grey", "reduced to 20 pixels"}
    with pytest.raises(SchemaError, match="nothing"):
        infer(source, SPEC.model_copy(update={"images": ImageOptions(label="nothing")}))
    with pytest.raises(SchemaError, match="nobody"):
        infer(source, SPEC.model_copy(update={"images": ImageOptions(person="nobody")}))


def test_fit_pads_stretches_or_cuts():
    image = np.zeros((20, 40, 3), np.uint8)
    image[5:15, 10:30] = 200
    image[:, :] += np.array([9, 0, 0], np.uint8)
    many = [image] * 1 + list(np.random.default_rng(0).integers(0, 255, (20, 20, 40, 3), dtype=np.uint8))
    shown = {}
    for fit in ("pad", "stretch", "crop"):
        spec = SPEC.model_copy(update={"images": ImageOptions(size=40, fit=fit)})
        source = io.from_memory(many, [0] * 21)
        schema = infer(source, spec)
        whole = split(source, schema, spec, RunContext())
        stack = np.concatenate([p.pixels for p in parts(whole)])
        shown[fit] = min(stack, key=lambda one: one.astype(int).sum())
        assert any("square" in f.reason for f in schema.findings)
    bright = {fit: (one[..., 1] > 100).sum() / 1600 for fit, one in shown.items()}
    assert bright["pad"] == pytest.approx(200 / 1600)
    assert bright["stretch"] == pytest.approx(0.25, abs=0.03)
    assert bright["crop"] == pytest.approx(0.5, abs=0.05)
    assert (shown["pad"][0] == (9, 0, 0)).all()


def test_grey_images_among_coloured_ones_are_told_and_a_grey_set_is_grey():
    colour, grey = shapes((30, 20)), shapes((30, 20), channels=1)
    mixed = io.from_memory([*colour.pixels, *np.repeat(grey.pixels[:5], 3, axis=-1)], [0] * 55)
    schema = infer(mixed, SPEC)
    assert schema.channels == 3
    assert [(f.reason, f.count) for f in schema.findings] == [("grey made three equal channels", 5)]
    assert infer(io.from_memory(np.repeat(grey.pixels, 3, axis=-1), grey.labels), SPEC).channels == 1


def test_class_names_are_in_order():
    assert ordered(["10", "9", "-1"]) == ("-1", "9", "10")
    assert ordered(["b10", "b9", "10"]) == ("10", "b10", "b9")


def test_too_many_classes_are_refused():
    pixels = np.random.default_rng(0).integers(0, 255, (303, 8, 8), dtype=np.uint8)
    with pytest.raises(InputError, match="101 values"):
        infer(io.from_memory(pixels, np.arange(303) % 101), SPEC.model_copy(update={"k_floor": 2}))
