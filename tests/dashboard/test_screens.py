"""Every screen in every situation draws without an error and says what it should; no browser needed."""

from __future__ import annotations

import played_worker
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import backend, session
from dashboard.backend import Backend
from dashboard.components import mix, overrides
from synthgen.api.access import COOKIE
from synthgen.errors import InputError, NotSignedIn
from synthgen.service import bootstrap, datasets, execution, jobs, people, roster
from synthgen.service.artifacts import keys
from synthgen.service.db.tables import Job
from synthgen.service.settings import Settings
from synthgen.spec import (
    ColumnOverride,
    DifferentialPrivacy,
    FixedCombinations,
    GatePolicy,
    GateRule,
    GroupTarget,
    Inequality,
    OneOf,
    Predicate,
    Range,
    RunSpec,
    Unique,
    Within,
)

NASTY = "<img src=x onerror=alert(1)> ward"


@pytest.fixture
def service(tmp_path, monkeypatch):
    """The service as the first person sees it; the screens get it as from a signed-in session."""
    with bootstrap.running(Settings(home=tmp_path)) as app:
        actor = people.create_first_account(app, people.new_setup_token(app), "Vera", "a few unrelated words")
        service = Backend(app, actor)
        monkeypatch.setattr(session, "connect", lambda: service)
        yield service


def draw(screen, **parameters):
    """Run one screen by itself; the page, and its HTML as one text."""
    page = AppTest.from_file("one_screen.py", default_timeout=30)
    page.session_state["screen"] = screen
    for name, value in parameters.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception, page.exception
    return page, "\n".join(element.proto.body for element in page.get("html"))


@pytest.fixture
def dataset(service):
    made = datasets.add(service.app, service.actor, name=NASTY, filename="w.csv", chunks=[b"a,b\n1,2\n"])
    played_worker.work(service.app)
    return made.id


def fitted(service, dataset, **outcome):
    job = service.submit(dataset, RunSpec(target="stroke"))
    played_worker.work(service.app, **outcome)
    return service.job(job.id)


@pytest.mark.parametrize("screen", ["overview", "datasets", "new_job", "jobs", "review", "releases", "admin"])
def test_an_empty_installation_says_what_to_do(service, screen):
    _, text = draw(screen)
    assert "No " in text or "Nothing" in text or "Start by uploading" in text


@pytest.mark.parametrize("screen", ["overview", "datasets", "new_job", "jobs", "review", "releases", "admin"])
def test_a_busy_installation_draws_and_escapes(service, dataset, screen):
    fitted(service, dataset)
    fitted(service, dataset, blocked=True)
    fitted(service, dataset, error=InputError("One row.", "More are needed."))
    service.submit(dataset, RunSpec())
    service.release(service.sets()[-1].id, NASTY, NASTY, None, "")
    _, text = draw(screen)
    assert "<img" not in text


def test_the_dataset_page_explains_every_column(service, dataset):
    _, text = draw("dataset", id=dataset)
    for name, kind, reason in played_worker.COLUMNS:
        assert name in text
        assert kind in text
        assert reason.split("because ")[1] in text
    assert "<img" not in text


def test_gaps_are_shown_filled_from_a_trained_model_and_told_column_by_column(service, dataset):
    page, text = draw("dataset", id=dataset)
    assert "412" in text
    assert "Fill the table" not in [button.label for button in page.button]
    fit = fitted(service, dataset)
    page, _ = draw("dataset", id=dataset)
    next(button for button in page.button if button.label == "Fill the table").click().run()
    job = next(job for job in service.jobs() if job.kind == "impute")
    assert (job.parent_id, job.dataset_id) == (fit.id, dataset)
    _, text = draw("job", id=job.id)
    assert "Fill missing cells" in text
    played_worker.work(service.app)
    page, text = draw("job", id=job.id)
    assert f'href="/api/jobs/{job.id}/filled"' in text
    assert "410 missing cells in 1 column were filled" in text
    assert "<td class=sg-num>410</td>" in text
    assert any("real people" in caption.value for caption in page.caption)
    _, text = draw("dataset", id=dataset)
    assert "Filled before" in text


def test_a_dataset_that_could_not_be_read_says_why(service):
    made = datasets.add(service.app, service.actor, name="w", filename="w.csv", chunks=[b"x"])
    played_worker.work(service.app, error=InputError("The file has a header and no row.", "Add rows."))
    _, text = draw("dataset", id=made.id)
    assert "The file has a header and no row." in text
    assert "Add rows." in text


def test_the_review_page_shows_verdict_census_and_hold_out(service, dataset):
    job = fitted(service, dataset)
    _, text = draw("synthetic_set", id=job.set_id)
    assert "Passed the gate, awaiting your review." in text
    assert "21 of 23 groups represented" in text
    for word in ("represented", "thin", "lost", "too few to tell", "Both ends of the dial", "0.981"):
        assert word in text
    assert "work_type = never worked" in text


def test_a_blocked_set_shows_the_rule_and_no_release_form(service, dataset):
    job = fitted(service, dataset, blocked=True)
    page, text = draw("synthetic_set", id=job.set_id)
    assert "Blocked by the gate" in text
    assert "The worst group is 0.31 away" in text
    labels = [button.label for button in page.button]
    assert "Release this set" not in labels
    assert "Reject this set" in labels


def test_a_release_needs_a_purpose(service, dataset):
    job = fitted(service, dataset)
    page, _ = draw("synthetic_set", id=job.set_id)
    next(button for button in page.button if button.label == "Release this set").click().run()
    assert any("purpose" in error.value for error in page.error)
    assert service.synthetic_set(job.set_id).state == "awaiting_review"


def test_a_set_is_rejected_with_a_reason(service, dataset):
    job = fitted(service, dataset)
    page, _ = draw("synthetic_set", id=job.set_id)
    next(area for area in page.text_area if area.label == "Reason").set_value("too thin")
    next(button for button in page.button if button.label == "Reject this set").click().run()
    assert service.synthetic_set(job.set_id).state == "rejected"


@pytest.mark.parametrize("outcome", [{}, {"error": InputError("One row.", "More are needed.")}])
def test_the_job_page_tells_how_it_ended(service, dataset, outcome):
    job = fitted(service, dataset, **outcome)
    page, text = draw("job", id=job.id)
    labels = [button.label for button in page.button]
    if outcome:
        assert "One row." in text
        assert "Retry" in labels
    else:
        assert "Review the synthetic set" in labels
        assert "Training on 3,577 rows" in text


def test_the_job_page_shows_the_health_of_training(service, dataset):
    page, text = draw("job", id=fitted(service, dataset).id)
    assert "Group lost. 1 group comes out less than a quarter as often" in text
    assert "rare category of sex" in text
    assert "put back to the share of the data" in text
    assert "sg-banner sg-bad" in text
    table = page.dataframe[0].value
    assert list(table["diversity"]) == [0.99, 0.97]
    assert not {"text", "acted", "lost"} & {*table.columns}


def test_how_training_ended_stands_on_the_page_of_the_set(service, dataset):
    _, text = draw("synthetic_set", id=fitted(service, dataset).set_id)
    assert "At the end of training: group lost." in text
    assert "1 group comes out rarely." in text


def test_a_queued_job_can_be_cancelled(service, dataset):
    job = service.submit(dataset, RunSpec())
    page, text = draw("job", id=job.id)
    assert "Waiting for a worker." in text
    next(button for button in page.button if button.label == "Cancel").click().run()
    assert service.job(job.id).state == "cancelled"


def test_a_training_that_was_cancelled_says_that_it_goes_on_where_it_stopped(service, dataset):
    for started in (False, True):
        job = service.submit(dataset, RunSpec())
        held = execution.claim(service.app, job.id, "played") if started else None
        service.cancel(job.id)
        if held is not None:
            execution.cancelled(service.app, held)
        page, text = draw("job", id=job.id)
        assert "The job was cancelled." in text
        assert ("goes on from the step" in text) == started
        assert "Retry" in [button.label for button in page.button]


def test_the_form_of_a_new_job_follows_the_generator(service, dataset):
    page, _ = draw("new_job", dataset=dataset)
    assert any(slider.label == "Emphasis" for slider in page.select_slider)
    box = next(box for box in page.selectbox if box.label == "Generator")
    box.set_value("independent").run()
    assert not page.exception
    assert not any(slider.label == "Emphasis" for slider in page.select_slider)


def test_what_a_generator_cannot_do_is_told_before_the_job_starts(service, dataset):
    page, _ = draw("new_job", dataset=dataset)
    next(box for box in page.selectbox if box.label == "Generator").set_value("tvae").run()
    page.session_state[f"new-{dataset}-fixed"] = added({"Column": "sex", "Condition": "is", "Value": "F"})
    page.run()
    (shown,) = page.exception
    assert "cannot hold values fixed" in shown.value
    assert all(button.label != "Start the job" for button in page.button)


def test_the_admin_page_shows_queues_workers_and_gpus(service):
    card = {"index": 3, "name": "H100", "memory_used": 10**9, "memory_total": 8 * 10**10, "busy": None}
    roster.report(service.app, roster.sign_on(service.app, slots=4), 1, [card])
    _, text = draw("admin")
    for shown in ("quick", "1 of 4", "H100", "1.0 GB of 80.0 GB"):
        assert shown in text


def test_a_token_is_shown_once_and_works(service):
    page, _ = draw("admin")
    page.text_input[0].set_value("nightly")
    next(button for button in page.button if button.label == "Make a token").click().run()
    token = page.code[0].value
    assert people.actor_for_token(service.app, token).name == "Vera"


READ = {
    **{"Column": "age", "Read as": "integer", "Use as": "integer", "Public": False, "Leave out": False},
    **{"Order": None, "Decided by": None, "Place with": None, "Only texts": None},
}


def test_only_what_differs_is_an_override():
    assert overrides.override(READ | {"Use as": "category", "Public": True}) == ColumnOverride(
        kind="category", public=True
    )
    assert overrides.override(READ) == ColumnOverride()


def test_what_the_table_does_not_show_is_kept():
    before = ColumnOverride(kind="category", decimals=1, missing_tokens=("unknown",))
    assert overrides.override(READ, before) == ColumnOverride(decimals=1, missing_tokens=("unknown",))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"Order": "low|middle | high"}, ColumnOverride(order=("low", "middle", "high"))),
        ({"Order": "(none)"}, ColumnOverride(order=())),
        ({"Order": " "}, ColumnOverride()),
        ({"Only texts": "well | unwell"}, ColumnOverride(codes=("well", "unwell"))),
        ({"Decided by": "ward"}, ColumnOverride(determined_by="ward")),
        ({"Decided by": "(none)"}, ColumnOverride(determined_by="")),
        ({"Place with": "longitude"}, ColumnOverride(place_with="longitude")),
        ({"Place with": "(none)"}, ColumnOverride(place_with="")),
    ],
)
def test_order_texts_and_relations_are_read_from_their_cells(cells, said):
    assert overrides.override(READ | cells) == said


@pytest.mark.parametrize(
    "kept",
    [
        ColumnOverride(order=("low", "high"), codes=("well",), determined_by="ward", place_with="longitude"),
        ColumnOverride(order=(), determined_by="", place_with=""),
        ColumnOverride(order=("one|two", " three"), codes=("a|b",)),
    ],
)
def test_what_is_kept_is_shown_comes_back_unchanged_and_can_be_emptied(kept):
    (row,) = overrides.table([{"name": "age", "kind": "integer"}], {"age": kept}).to_dict("records")
    assert overrides.override(row, kept) == kept
    emptied = row | dict.fromkeys(("Order", "Decided by", "Place with", "Only texts"))
    assert overrides.override(emptied, kept) == ColumnOverride()


def test_corrections_of_one_browser_are_shown_in_another_and_reach_the_job(service, dataset):
    page, _ = draw("dataset", id=dataset)
    table = overrides.table_key(dataset, {})
    page.session_state[table] = {
        "edited_rows": {0: {"Leave out": True}, 1: {"Decided by": "smoker", "Order": "F | M"}},
        "added_rows": [],
        "deleted_rows": [],
    }
    next(button for button in page.button if button.label.startswith("Save for")).click().run()
    assert service.overrides(dataset) == {
        "age": ColumnOverride(drop=True),
        "sex": ColumnOverride(determined_by="smoker", order=("F", "M")),
    }
    for screen, address in (("dataset", {"id": dataset}), ("new_job", {"dataset": dataset})):
        page, text = draw(screen, **address)  # another session: nothing is remembered there
        assert "age (left out); sex (categories in order, decided by smoker)" in text
    next(button for button in page.button if button.label == "Start the job").click().run()
    newest = service.jobs()[0]
    assert newest.kind == "fit"
    assert newest.spec["policy"] == "standard"
    assert newest.spec["columns"]["age"]["drop"] is True


@pytest.mark.parametrize("cookies", [{}, {COOKIE: "ended long ago"}])
def test_the_script_shows_a_stranger_nothing_but_the_way_in(tmp_path, monkeypatch, cookies):
    monkeypatch.setattr(type(st.context), "cookies", property(lambda _: cookies))
    with bootstrap.running(Settings(home=tmp_path)) as app:
        monkeypatch.setattr(backend, "application", lambda: app)
        page = AppTest.from_file("../../dashboard/app.py", default_timeout=30).run()
    assert not page.exception
    shown = "\n".join(element.proto.body for element in page.get("html"))
    assert "You are signed out." in shown
    assert not page.button
    assert "Overview" not in shown


def test_a_token_is_listed_and_revoked_on_the_admin_page(service):
    token = service.issue_token("_nightly_ <b>")
    page, _ = draw("admin")
    assert any(r"\_nightly\_ \<b\>" in m.value for m in page.markdown)
    next(button for button in page.button if button.label == "Revoke").click().run()
    assert service.tokens() == []
    with pytest.raises(NotSignedIn):
        people.actor_for_token(service.app, token)


def test_a_failed_job_shows_the_end_of_its_log_to_those_who_ask(service, dataset):
    job = fitted(service, dataset, error=InputError("One row.", "More are needed."))
    page, _ = draw("job", id=job.id)
    page.toggle[0].set_value(True).run()
    assert any("has no log" in caption.value for caption in page.caption)
    with service.app.unit(read_only=True) as unit:
        service.app.store.put(keys.log(unit.get(Job, job.id), 1), [b"KeyError: 'patient 4711'"])
    page.run()
    assert "patient 4711" in page.code[0].value


def added(*rows):
    """What a table's state holds after a person added these lines."""
    return {"edited_rows": {}, "added_rows": list(rows), "deleted_rows": []}


def ordered(service, page):
    """Start the job of a filled form; the whole specification that was queued."""
    page.run()
    assert not page.exception, page.exception
    next(button for button in page.button if button.label == "Start the job").click().run()  # and leaves the page
    newest = service.jobs()[0]
    assert newest.kind == "fit"
    return jobs.spec(service.app, service.actor, newest.id)


def test_fixed_values_ranges_sets_missing_and_constraints_reach_the_job(service, dataset):
    page, _ = draw("new_job", dataset=dataset)
    page.session_state[f"new-{dataset}-fixed"] = added(
        {"Column": "sex", "Condition": "is", "Value": " F "},
        {"Column": "age", "Condition": "from … to …", "Value": "40"},
        {"Column": "smoker", "Condition": "is one of", "Value": "yes | no |"},
        {"Column": "stroke", "Condition": "is missing"},
        {"Column": "stroke", "Condition": "is"},
    )
    page.session_state[f"constraints-{dataset}"] = added(
        {"Column": "age", "Constraint": "lies from … to …", "To": "120", "Data may break it": True},
        {"Column": "age", "Constraint": "is below", "Other column": "stroke"},
        {"Column": "age", "Constraint": "never comes twice"},
        {"Column": "sex", "Constraint": "only together as in the data with", "Other column": "smoker"},
        {"Column": "sex", "Constraint": "is at most"},
    )
    page.session_state[f"constraints-{dataset}-predicates"] = added(
        {"Condition": " age > 10 OR sex = 'F' "},
        {"Condition": "age < 120", "Data may break it": True},
    )
    spec = ordered(service, page)
    assert spec.sample.fixed == {
        "sex": "F",
        "age": Range(low="40"),
        "smoker": OneOf(values=("yes", "no", None)),
        "stroke": None,
    }
    assert spec.constraints == (
        Within(column="age", high="120", source_may_break=True),
        Inequality(low_column="age", high_column="stroke", strict=True),
        Unique(columns=("age",)),
        FixedCombinations(columns=("sex", "smoker")),
        Predicate(expression="age > 10 OR sex = 'F'"),
        Predicate(expression="age < 120", source_may_break=True),
    )


def test_a_condition_that_cannot_be_read_is_told_below_the_whole_form_and_no_job_starts(service, dataset):
    page, _ = draw("new_job", dataset=dataset)
    page.session_state[f"constraints-{dataset}-predicates"] = added({"Condition": "age > 'Dr Zebra"})
    page.run()
    (shown,) = page.exception
    assert "quote that is not closed" in shown.value
    assert "Zebra" not in shown.value
    assert any(box.label == "Policy" for box in page.segmented_control)
    assert not any(button.label == "Start the job" for button in page.button)


def test_groups_of_several_conditions_get_their_counts(service, dataset):
    page, _ = draw("new_job", dataset=dataset)
    page.session_state[f"new-{dataset}-mix"] = mix.COUNTS
    page.session_state[f"new-{dataset}-targets"] = added(
        {"Group": 1, "Column": "sex", "Condition": "is", "Value": "F", "Rows": 300},
        {"Group": 2, "Column": "stroke", "Condition": "is", "Value": "1", "Rows": 200},
        {"Group": 1, "Column": "age", "Condition": "from … to …", "Value": "40", "To": "60"},
        {"Group": 3, "Column": "sex", "Condition": "is", "Value": "M"},
    )
    page.run()
    assert any("Group 3: say how many rows" in caption.value for caption in page.caption)
    spec = ordered(service, page)
    assert spec.sample.targets == (
        GroupTarget(where={"sex": "F", "age": Range(low="40", high="60")}, rows=300),
        GroupTarget(where={"stroke": "1"}, rows=200),
    )


def test_equal_shares_of_a_group_within_each_value_of_the_target_is_one_choice(service, dataset):
    page, _ = draw("new_job", dataset=dataset)
    next(box for box in page.selectbox if box.label == "Target").set_value("stroke").run()
    page.session_state[f"new-{dataset}-mix"] = mix.INSIDE
    page.run()
    next(box for box in page.multiselect if box.label == "Equal shares of").set_value(["sex"]).run()
    spec = ordered(service, page)
    assert (spec.sample.balance, spec.sample.balance_within, spec.sample.mix) == (("sex",), "stroke", "data")


def test_two_conditions_on_one_column_are_refused_without_a_value_and_no_job_starts(service, dataset):
    page, _ = draw("new_job", dataset=dataset)
    lines = [{"Column": "sex", "Condition": "is", "Value": value} for value in ("F", "Dr Zebra")]
    page.session_state[f"new-{dataset}-fixed"] = added(*lines)
    page.run()
    (shown,) = page.exception
    assert "same column: &#39;sex&#39;" in shown.value or "same column: 'sex'" in shown.value
    assert "Zebra" not in shown.value
    assert all(button.label != "Start the job" for button in page.button)


def test_the_page_of_a_set_answers_four_questions_with_intervals_and_what_real_rows_get(service, dataset):
    job = fitted(service, dataset)
    _, text = draw("synthetic_set", id=job.set_id)
    answered = text.split('<div class="sg-answers">')[1]
    for question in ("like the real table", "small groups survive", "signs of copying", "learn from it"):
        assert question in answered
    assert "1.1 % near copies" in answered
    assert "Unseen real rows: 1.3 %" in answered
    assert "0.81 against 0.84" in answered
    assert "Predicting stroke on unseen people" in answered
    assert "1 rule met" in answered
    assert "No rule" in answered
    job = fitted(service, dataset, blocked=True)
    _, text = draw("synthetic_set", id=job.set_id)
    assert "1 rule not met" in text


def test_attacks_are_told_in_words_with_controls_guesses_and_corrected_p_values(service, dataset):
    job = fitted(service, dataset)
    page, text = draw("synthetic_set", id=job.set_id)
    told = text.split("Attackers gain something from this set.")[1]
    assert "linkability on rare pairs" in told
    for word in ("Gains nothing measurable", "Not shown safe", "Gains: blocked", "Too few people to tell"):
        assert word in told
    line = told.split("Attribute inference")[1].split("</tr>")[0]
    for number in ("0.620", "0.600", "0.550", "1,000", "1.000"):
        assert number in line
    assert "&lt; .001" in told
    assert any("clusters" in caption.value for caption in page.caption)


def test_a_set_from_before_attacks_were_made_says_so(service, dataset, monkeypatch):
    monkeypatch.setattr(played_worker, "attacked", tuple)
    job = fitted(service, dataset)
    _, text = draw("synthetic_set", id=job.set_id)
    assert "Failed" in text or "No attack was made" in text


def test_the_attack_plan_and_the_policy_reach_the_job(service, dataset):
    page, _ = draw("new_job", dataset=dataset)
    boxes = {box.label: box for box in page.multiselect}
    boxes["Columns an attacker wants to know"].set_value(["stroke"])
    boxes["Columns an attacker knows already"].set_value(["age", "sex"])
    spec = ordered(service, page)
    assert (spec.attacks.size, spec.attacks.secrets, spec.attacks.known) == ("standard", ("stroke",), ("age", "sex"))
    assert spec.policy == "standard"
    assert any("gain at most 0.09 over unseen people" in caption.value for caption in page.caption)


def test_differential_privacy_reaches_the_job(service, dataset):
    page, _ = draw("new_job", dataset=dataset)
    next(each for each in page.toggle if each.label == "Differential privacy").set_value(True).run()
    fields = {each.label: each for each in page.number_input}
    assert fields["Epsilon"].max == 20.0
    fields["Epsilon"].set_value(20.0)
    fields["Delta"].set_value(1e-6)
    spec = ordered(service, page)
    assert spec.privacy == DifferentialPrivacy(epsilon=20.0, delta=1e-6)


def test_a_policy_of_ones_own_is_pasted_and_checked(service, dataset):
    page, _ = draw("new_job", dataset=dataset)
    next(each for each in page.segmented_control if each.label == "Policy").set_value("custom").run()
    area = next(each for each in page.text_area if each.label == "Policy as JSON")
    area.set_value('{"name": "house", "rules": [{"metric": "pair"}]}').run()
    assert "rules[0]: a rule needs a bound" in page.exception[0].message
    assert not any(each.label == "Start the job" for each in page.button)
    area = next(each for each in page.text_area if each.label == "Policy as JSON")
    area.set_value('{"name": "house", "rules": [{"metric": "pair", "at_least": 0.5}]}')
    assert ordered(service, page).policy == GatePolicy(name="house", rules=(GateRule(metric="pair", at_least=0.5),))


def test_whole_numbers_with_few_values_are_balanced_and_others_are_not_offered(service, dataset, monkeypatch):
    for values, offered in ((20, True), (21, False)):
        few = played_worker.preview()
        few["columns"][0]["distinct"] = values
        monkeypatch.setattr(Backend, "dataset_preview", lambda _, __, few=few: few)
        page, _ = draw("new_job", dataset=dataset)
        page.session_state[f"new-{dataset}-mix"] = mix.BALANCED
        page.run()
        box = next(each for each in page.multiselect if each.label == "Balance by")
        assert ("age" in box.options) == offered
        if offered:
            box.set_value(["age"])
            assert ordered(service, page).sample.balance == ("age",)


def button(page, label):
    return next(button for button in page.button if button.label == label)


def test_a_blocked_set_is_overridden_by_two_people_and_not_by_one(service, dataset, monkeypatch):
    job = fitted(service, dataset, blocked=True)
    page, _ = draw("synthetic_set", id=job.set_id)
    button(page, "Ask a second person").click().run()
    assert any("reason" in error.value for error in page.error)
    next(area for area in page.text_area if "released" in area.label).set_value(f"stays in the house {NASTY}")
    button(page, "Ask a second person").click().run()
    page, text = draw("synthetic_set", id=job.set_id)
    assert "Vera" in text
    assert "<img" not in text
    assert all(each.label != "Confirm the override" for each in page.button)
    token = people.invite(service.app, service.actor)
    second = Backend(service.app, people.join(service.app, token, "Otto", "a few unrelated words"))
    monkeypatch.setattr(session, "connect", lambda: second)
    page, _ = draw("synthetic_set", id=job.set_id)
    assert button(page, "Confirm the override").disabled
    page.checkbox[0].set_value(True).run()
    button(page, "Confirm the override").click().run()
    assert service.synthetic_set(job.set_id).state == "awaiting_review"
    page, text = draw("synthetic_set", id=job.set_id)
    assert "Blocked by the gate, overridden, awaiting your review." in text
    assert any(each.label == "Release this set" for each in page.button)


def test_a_person_is_invited_with_a_link_that_is_shown_once(service):
    page, text = draw("admin")
    assert "Vera" in text
    button(page, "Invite a person").click().run()
    token = page.code[0].value.split("token=")[1]
    assert people.join(service.app, token, "Otto", "a few unrelated words").role == "member"
    assert "Otto" in draw("admin")[1]
