"""Every score sees the fault that it is there for, and leaves a clean set alone."""

import io

import numpy as np
import pytest
from image_scene import planted, scene, shapes
from PIL import Image

from synthgen.contracts import Interval, Status
from synthgen.images.metrics import augmentation, features
from synthgen.images.metrics.copies import near
from synthgen.images.stack import ImageStack

COUNTS = (300, 150, 60)


@pytest.fixture(scope="module")
def clean():
    """A third sample of the same law: what a perfect generator would draw."""
    return scene(shapes(COUNTS, 1), shapes((150, 80, 40), 2), shapes(COUNTS, 3))


@pytest.fixture(scope="module")
def copied(clean):
    return clean.with_set(clean.split.train)


@pytest.fixture(scope="module")
def noise(clean):
    stack = clean.synthetic.stack
    pixels = np.random.default_rng(4).integers(0, 256, stack.pixels.shape, dtype=np.uint8)
    return clean.with_set(ImageStack(pixels, stack.labels))


@pytest.fixture(scope="module")
def shuffled(clean):
    stack = clean.synthetic.stack
    return clean.with_set(ImageStack(stack.pixels, np.random.default_rng(4).permutation(stack.labels)))


@pytest.fixture(scope="module")
def one_shape_lost(clean):
    """Crosses are asked for and discs come."""
    stack = clean.synthetic.stack
    pixels = stack.pixels.copy()
    pixels[stack.labels == 2] = shapes((60, 0, 0), 8).pixels
    return clean.with_set(ImageStack(pixels, stack.labels))


@pytest.fixture(scope="module")
def collapsed(clean):
    """One class comes as five images, again and again."""
    stack = clean.synthetic.stack
    pixels = stack.pixels.copy()
    inside = np.flatnonzero(stack.labels == 1)
    pixels[inside] = pixels[inside[np.arange(len(inside)) % 5]]
    return clean.with_set(ImageStack(pixels, stack.labels))


def by_class(result):
    return {line.label: line for line in result.groups if line.kind == "class"}


@pytest.mark.parametrize("name", ["precision", "density", "recall", "coverage", "worst_cluster"])
def test_a_third_sample_scores_like_the_hold_out(name, clean):
    found = clean.measured(name)
    assert found.value == pytest.approx(found.holdout, abs=0.15)


def test_a_third_sample_is_as_far_as_the_hold_out(clean):
    near, kernel = clean.measured("frechet"), clean.measured("kernel_distance")
    assert near.value < 2 * near.holdout + 1
    assert kernel.interval.low < 0 < kernel.interval.high


def test_noise_is_nothing_like_the_real_images(noise):
    far = noise.measured("frechet")
    assert far.value > 20 * far.holdout
    assert noise.measured("kernel_distance").interval.low > 1
    assert noise.measured("precision").value < 0.1
    assert noise.measured("coverage").value < 0.1


def test_shuffled_labels_show_in_every_class(shuffled, clean):
    assert shuffled.measured("frechet").value > 3 * clean.measured("frechet").value
    assert shuffled.measured("mode_census").value < 1
    assert by_class(shuffled.measured("mode_census"))["cross"].census in ("lost", "thin")
    assert shuffled.measured("accuracy_score").value < clean.measured("accuracy_score").value - 0.3


def test_a_lost_class_is_lost_though_its_name_is_there(one_shape_lost, clean):
    found = one_shape_lost.measured("mode_census")
    assert {label: line.census for label, line in by_class(found).items()}["cross"] == "lost"
    figures = {f.name: f.value for f in found.figures}
    assert figures["lost_classes"] == 1
    assert {f.name: f.value for f in clean.measured("mode_census").figures}["lost_classes"] == 0
    assert by_class(one_shape_lost.measured("coverage"))["cross"].value < 0.4


def test_a_lost_cluster_is_named(clean):
    cluster = next(g for g in clean.groups if g.kind == "cluster")
    stack = clean.synthetic.stack
    thinned = clean.with_set(stack.take(~cluster.mask(stack)))
    line = next(x for x in thinned.measured("mode_census").groups if x.label == cluster.name)
    assert line.census == "lost"
    assert line.synthetic_count == 0
    whole = clean.measured("worst_cluster")
    assert thinned.measured("worst_cluster").value < whole.value


def test_collapse_raises_the_alarm(collapsed, clean):
    figures = {f.name: f.value for f in collapsed.measured("diversity").figures}
    assert figures["collapsed_classes"] == 1
    assert by_class(collapsed.measured("diversity"))["square"].value < 0.1
    assert {f.name: f.value for f in clean.measured("diversity").figures}["collapsed_classes"] == 0


@pytest.mark.parametrize("name", ["closest_image", "near_copies", "copied_images", "membership"])
def test_a_copier_is_caught_and_a_third_sample_is_not(name, copied, clean):
    caught, free = copied.measured(name), clean.measured(name)
    assert caught.p_value < 1e-6
    assert caught.interval.low > caught.holdout
    assert caught.value > 0.9
    assert free.p_value > 0.001
    for line in caught.groups:
        assert line.status is Status.OK
        assert line.p_value < 0.001


def test_hold_out_halves_read_one_half(clean):
    """Two halves of the hold-out as training and hold-out: neither was seen, and neither is nearer."""
    holdout = clean.split.holdout
    halves = holdout.take(slice(0, None, 2)), holdout.take(slice(1, None, 2))
    found = scene(*halves, clean.synthetic.stack, ctx=clean.ctx).measured("closest_image")
    assert found.interval.low < 0.5 < found.interval.high
    pixels = next(f for f in found.figures if f.name == "pixels")
    assert pixels.interval.low < 0.5 < pixels.interval.high


def shifted(pixels):
    return np.roll(pixels, (1, -1), axis=(1, 2))


def brightened(pixels):
    return np.clip(pixels * 1.05 + 12, 0, 255).astype(np.uint8)


def mirrored(pixels):
    return pixels[:, :, ::-1]


def upside_down(pixels):
    return pixels[:, ::-1]


def on_its_side(pixels):
    return np.rot90(pixels, 1, axes=(1, 2))


def turned_and_mirrored(pixels):
    return np.rot90(pixels[:, :, ::-1], 3, axes=(1, 2))


def written_again(pixels):
    out = []
    for image in pixels:
        buffer = io.BytesIO()
        Image.fromarray(image[:, :, 0]).save(buffer, format="JPEG", quality=96)
        out.append(np.asarray(Image.open(buffer))[:, :, None])
    return np.stack(out)


CHANGES = [shifted, brightened, mirrored, upside_down, on_its_side, turned_and_mirrored, written_again]


@pytest.fixture(scope="module")
def many():
    """Enough images that one in a hundred is a handful."""
    return scene(shapes((600, 300, 100), 11), shapes((240, 120, 40), 12), shapes((500, 300, 200), 13))


@pytest.mark.parametrize("change", CHANGES)
def test_one_copy_in_a_hundred_is_caught_whatever_was_done_to_it(change, many):
    found = many.with_set(planted(many.synthetic.stack, many.split.train, 10, change)).measured("near_copies")
    assert found.p_value < 0.002
    assert found.interval.low > found.holdout
    assert many.measured("near_copies").p_value > 0.01


def test_three_copies_among_three_hundred_are_enough():
    small = scene(shapes((120, 60, 40), 21), shapes((60, 30, 20), 22), shapes((180, 80, 40), 23))
    found = small.with_set(planted(small.synthetic.stack, small.split.train, 3, shifted)).measured("near_copies")
    assert found.p_value < 0.005
    assert found.interval.low > found.holdout
    assert small.measured("near_copies").p_value > 0.01


def test_a_clean_set_is_rarely_called_a_copy():
    """Of many fresh samples hardly more than the level says are accused."""
    rng = np.random.default_rng(0)
    accused = 0
    for _ in range(400):
        control, drawn = (rng.uniform(size=n) ** (1 / 6) / rng.uniform(size=n) ** (1 / 6) for n in (300, 300))
        accused += near(drawn, control)["p_value"] < 0.05
    assert accused / 400 < 0.06


def test_one_exact_copy_in_a_hundred_is_counted(many):
    found = many.with_set(planted(many.synthetic.stack, many.split.train, 10)).measured("copied_images")
    assert found.value == pytest.approx(0.01)
    assert found.p_value < 1e-3
    assert {f.name: f.value for f in found.figures}["lone_images"] == pytest.approx(0.01)


def test_copies_are_counted_in_the_whole_set_however_few_images_are_compared(many, monkeypatch):
    copied = planted(many.synthetic.stack, many.split.train, 10)
    last_first = copied.take(np.arange(len(copied))[::-1])
    for name in ("MOST_OF_CLASS", "LEAST_OF_CLASS", "MOST_DRAWN"):
        monkeypatch.setattr(features, name, 20)
    found = many.with_set(last_first).measured("copied_images")
    assert found.value == pytest.approx(0.01)


def test_a_blurred_set_is_no_copy(many):
    pixels = many.synthetic.stack.pixels.astype(float)
    soft = sum(np.roll(pixels, (i, j), axis=(1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
    blurred = ImageStack(soft.astype(np.uint8), many.synthetic.stack.labels)
    assert many.with_set(blurred).measured("near_copies").p_value > 0.01


class Critic:
    """A generator whose critic knows the training images by heart."""

    def __init__(self, known, gain):
        self.known, self.gain = {p.tobytes() for p in known}, gain

    def critic_scores(self, stack):
        noise = np.random.default_rng(len(stack)).normal(size=len(stack))
        return noise + self.gain * np.array([p.tobytes() in self.known for p in stack.pixels])


def test_a_critic_that_remembers_is_seen(clean):
    train = clean.split.train.pixels
    assert clean.measured("membership_critic", Critic(train, 2.0)).p_value < 1e-6
    assert clean.measured("membership_critic", Critic(train, 0.0)).p_value > 0.001
    assert clean.measured("membership_critic").status is Status.NOT_APPLICABLE


def test_images_of_one_person_do_not_count_as_many(clean):
    """The same area is less sure where twenty images come from one person."""
    people = np.arange(len(clean.split.train)) // 20, np.arange(len(clean.split.holdout)) // 10
    by_person = scene(clean.split.train, clean.split.holdout, clean.split.train, people=people, ctx=clean.ctx)
    found, alone = by_person.measured("membership"), clean.with_set(clean.split.train).measured("membership")
    assert found.attempts < alone.attempts
    assert found.interval.high - found.interval.low >= alone.interval.high - alone.interval.low


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            (0.0, -0.0, 0.0),
            "it changes nothing: with the best mix, +25 %, the recall of the worst class is that of real",
        ),
        ((0.0, -0.02, 0.03), "changes the recall of the worst class by 0 (−0.020 to +0.030) against real"),
    ],
)
def test_a_change_of_nothing_is_told_without_signs(change, said):
    value, low, high = change
    gains = {"more_25": (value, Interval(low=low, high=high), (0.0, None))}
    arm, verdict, reason = augmentation._advice(gains, "oversampled")
    assert (arm.name, verdict) == ("more_25", "do not use")
    assert said in reason


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["noise", "shuffled"])
def test_a_bad_set_is_not_to_be_used(fault, request):
    found = request.getfixturevalue(fault).measured("augmentation")
    assert found.verdict == "do not use"
    assert found.reason.startswith("Do not use it, because")
    assert found.interval.low <= 0
