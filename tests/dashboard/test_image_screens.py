"""The screens of image datasets: what they show, what they ask, what they leave out, and that they escape."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import played_images
import pytest
from played_images import NASTY
from streamlit.testing.v1 import AppTest
from test_screens import draw, service  # noqa: F401 - the fixture and the way to draw one screen

from dashboard.components import history, image_mix, pictures, wording
from synthgen.service import audit
from synthgen.service.read_models import EventView
from synthgen.spec import RunSpec

SAFE = "&lt;img src=x onerror=alert(1)&gt;"


@pytest.fixture
def dataset(service):  # noqa: F811
    return played_images.upload(service.app, service.actor).id


def fitted(service, dataset, **outcome):  # noqa: F811
    job = service.submit(dataset, RunSpec())
    played_images.work(service.app, **outcome)
    return service.job(job.id)


def tabs(page):
    return [tab.label for tab in page.tabs]


def captions(page):
    return " ".join(caption.value for caption in page.caption)


def test_lists_say_images_and_classes(service, dataset):  # noqa: F811
    page, text = draw("datasets")
    assert "76 images, 3 classes" in text
    assert ".npz" in captions(page)


def test_the_page_of_a_dataset_shows_classes_with_pictures_and_no_columns(service, dataset):  # noqa: F811
    page, text = draw("dataset", id=dataset)
    assert tabs(page) == ["Classes", "How it was read", "Erase"]
    assert SAFE in text
    assert NASTY not in text
    assert text.count('<img src="data:image/png;base64,') >= 3 * 4
    assert "28 × 28" in text
    assert "colour" in text
    assert text.index(">round<") < text.index(">square<")  # the largest first
    assert "Missing" not in text


def test_a_job_on_images_asks_for_classes_and_not_for_columns(service, dataset):  # noqa: F811
    page, text = draw("new_job", dataset=dataset)
    labels = [one.label for one in [*page.selectbox, *page.number_input, *page.slider, *page.select_slider]]
    assert {"Generator", "Size in pixels", "Colour", "Truncation", "Emphasis", "Time for training"} <= set(labels)
    for absent in ("Target", "Positive value"):
        assert absent not in labels
    assert not page.toggle  # no differential privacy
    assert "Constraints" not in text
    assert "round: 40" in text
    assert SAFE in text


def press(page, label):
    next(button for button in page.button if button.label == label).click()
    return page.run()


def chosen(page, label, value):
    next(one for one in page.segmented_control if one.label == label).set_value(value)
    return page.run()


def test_topping_up_asks_for_what_each_class_lacks(service, dataset):  # noqa: F811
    page, _ = draw("new_job", dataset=dataset)
    chosen(page, "Mix", image_mix.TOP_UP)
    next(one for one in page.slider if one.label == "Truncation").set_value(0.8)
    next(one for one in page.number_input if one.label == "Size in pixels").set_value(32)
    press(page, "Start the job")
    spec = jobs_spec(service)
    assert spec.modality == "images"
    wanted = {target.where["class"]: target.rows for target in spec.sample.targets}
    assert wanted == {"square": 16, NASTY: 28}
    assert (spec.sample.truncation, spec.images.size, spec.images.channels) == (0.8, 32, None)
    assert spec.target is None


def columns_form():
    import streamlit as st

    from dashboard.components import image_job

    columns = ["diagnosis", "patient_id", "ward"]
    schema = {"columns": columns, "layout": {"label": "diagnosis"}, "person": "patient_id", "fit": "pad"}
    options = image_job._options({**schema, "width": 28, "height": 28}, "new")
    st.text(options.model_dump_json(include={"label", "person", "grouped"}))


def test_columns_that_were_found_wrongly_can_be_corrected():
    page = AppTest.from_function(columns_form).run()
    assert json.loads(page.text[0].value) == {"label": None, "person": None, "grouped": True}
    assert "patient_id" in page.selectbox(key="person-new").options, "as it is: a choice shows no Markdown"
    page.selectbox(key="label-new").select_index(2).run()
    assert json.loads(page.text[0].value) == {"label": "ward", "person": None, "grouped": True}
    assert len(page.selectbox(key="person-new").options) == 3
    page.selectbox(key="label-new").select_index(0).run()
    page.selectbox(key="person-new").select_index(2).run()
    assert json.loads(page.text[0].value) == {"label": None, "person": "ward", "grouped": True}
    page.selectbox(key="person-new").select_index(0).run()
    assert json.loads(page.text[0].value) == {"label": None, "person": None, "grouped": False}


def jobs_spec(service):  # noqa: F811
    from synthgen.service import jobs

    newest = next(job for job in service.jobs() if job.kind == "fit")
    return jobs.spec(service.app, service.actor, newest.id)


def test_a_balanced_set_is_one_choice(service, dataset):  # noqa: F811
    page, _ = draw("new_job", dataset=dataset)
    chosen(page, "Mix", image_mix.BALANCED)
    press(page, "Start the job")
    spec = jobs_spec(service)
    assert (spec.sample.mix, spec.sample.rows, spec.time_budget) == ("balanced", None, 600)


def test_the_page_of_a_job_shows_what_it_generates_and_a_look_is_written_down_once(service, dataset):  # noqa: F811
    job = service.submit(dataset, RunSpec())
    _, text = draw("job", id=job.id)
    assert "What it generates now" not in text
    played_images.draw(service.app, job.id)
    page, text = draw("job", id=job.id)
    assert "What it generates now" in text
    assert "round" in captions(page)
    assert '<div class="sg-live"><img src="data:image/png;base64,' in text
    draw("job", id=job.id)
    assert [line["action"] for line in audit.trail(service.app, service.actor)].count("job.picture.seen") == 1


def test_what_the_gan_measures_is_no_curve_of_its_warm_start():
    told = (
        ("progress", {"stage": "warm_start", "done": 1}),
        ("curve", {"step": 6, "validation": -1.5, "loss": -1.4}),
        ("progress", {"stage": "warm_start", "done": 6}),
        ("curve", {"step": 5, "validation": 0.8, "loss": 1.1}),  # one flush: no progress was told since the warm start
        ("progress", {"stage": "conditional_gan", "done": 5}),
        ("curve", {"step": 10, "validation": 0.5, "loss": 0.9}),
    )
    seen = history.History()
    for seq, (kind, payload) in enumerate(told, 1):
        seen.add(EventView(seq=seq, kind=kind, at=datetime.now(UTC), payload=payload))
    curves = seen.curves()
    drawn = {name: list(part["value"]) for name, part in curves.groupby("figure")}
    assert drawn == {
        "validation": [-1.5],
        "loss": [-1.4],
        "conditional_gan/validation": [0.8, 0.5],
        "conditional_gan/loss": [1.1, 0.9],
    }
    assert sorted(set(curves["step"])) == [6, 11, 16]
    assert "Distance" in wording.figure("conditional_gan/validation")
    assert "nats" not in wording.figure("conditional_gan/validation")


def test_steps_done_again_after_a_resume_take_the_place_of_the_first_ones():
    told = [
        ("a", 5, 3.0),
        ("b", 9, 2.0),
        ("b", 18, 1.0),
        ("b", 27, 0.9),
        ("b", 18, 1.1),
        ("b", 27, 0.8),
        ("b", 36, 0.7),
    ]
    curves = history.long([{"stage": stage, "step": step, "value": value} for stage, step, value in told])
    assert list(zip(curves["step"], curves["value"], strict=True)) == [
        (5, 3.0), (14, 2.0), (23, 1.1), (32, 0.8), (41, 0.7)
    ]  # fmt: skip
    untold = history.long([{"step": step, "value": 1} for step in (5, 10, 5, 10)])
    assert list(untold["step"]) == [5, 10, 15, 20]


def test_the_page_of_a_set_shows_classes_gallery_pairs_and_no_columns(service, dataset):  # noqa: F811
    job = fitted(service, dataset)
    page, text = draw("synthetic_set", id=job.set_id)
    assert tabs(page)[:4] == ["Classes", "Gallery", "Closest pairs", "Privacy"]
    assert "Rows" not in tabs(page)
    assert "Real against synthetic" not in tabs(page)
    for question in ("Do they look like the real images?", "Did every class survive?", "signs of copying", "learn"):
        assert question in text
    for said in ("40 real images", "<b>Training</b> (round)<br>distance 0.21", "<b>Unseen</b><br>distance 0.90"):
        assert said in text
    assert text.count("much nearer to training") == 1
    assert text.count("On the way from one synthetic image to another") == 3
    assert SAFE in text
    assert NASTY not in text
    assert "no bundle ever holds them" in captions(page)


def test_a_blocked_set_of_images_says_what_helps(service, dataset):  # noqa: F811
    job = fitted(service, dataset, blocked=True)
    _, text = draw("synthetic_set", id=job.set_id)
    assert "Blocked by the gate" in text
    assert "more images of the rarest classes" in text


def test_another_set_is_drawn_by_class(service, dataset):  # noqa: F811
    job = fitted(service, dataset)
    page, _ = draw("synthetic_set", id=job.set_id)
    chosen(page, "Mix", image_mix.COUNTS)
    press(page, "Draw the set")
    drawn = next(job for job in service.jobs() if job.kind == "sample")
    assert len(drawn.spec["sample"]["targets"]) == 3
    assert "a fixed value" in str(drawn.spec["sample"]["targets"])  # rows hold no class name


def test_only_inline_images_are_drawn():
    for address in (
        "https://elsewhere/x.png",
        "/media/x.png",
        "data:text/html;base64,AA",
        'data:image/png;base64,A"',
        1,
    ):
        assert pictures.image(address) == pictures.MISSING
    assert "<img" in pictures.image("data:image/png;base64,AA==", 'a "class" & <b>')
    assert "<b>" not in pictures.image("data:image/png;base64,AA==", 'a "class" & <b>')


def test_what_was_asked_for_is_told_in_a_line():
    told = image_mix.told({"targets": [{}, {}], "truncation": 0.7}, 300)
    assert told == "300 images; own counts for 2 classes; truncation 0.7: likelier, less varied images"
    assert image_mix.told({"mix": "balanced"}, 1) == "1 image; every class equally often"
