"""Any generator's output: whatever comes, an answer per metric, or a refusal in words."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from scenes import hospital

import synthgen
from synthgen.contracts import Scorecard, Status
from synthgen.errors import InputError, SchemaError, SpecError, SynthgenError
from synthgen.release import gate, report
from synthgen.scored import NEEDED
from synthgen.spec import AttackPlan
from synthgen.tabular.metrics import METRICS

PRIVACY = [name for name, entry in METRICS.items() if entry.load().family == "privacy"]
ROWS = 500


@pytest.fixture(scope="module")
def real():
    return hospital(ROWS, 1)


@pytest.fixture(scope="module")
def made():
    return hospital(300, 2)


@pytest.fixture(scope="module")
def unseen():
    return hospital(250, 3)


@pytest.fixture(autouse=True)
def few_metrics(monkeypatch, request):
    """Only the scores a test is about: the others take time and are asked for by those that name none."""
    wanted = request.node.get_closest_marker("metrics")
    if wanted is not None:
        for name in [n for n in METRICS if n not in wanted.args]:
            monkeypatch.delitem(METRICS, name)


def answers(card):
    """Status per metric; checks that every one answered, and that no number stands where none can be trusted."""
    assert [r.metric for r in card.results] == list(METRICS)
    for result in card.results:
        if result.status is Status.OK:
            assert math.isfinite(result.value)
        else:
            assert result.value is None
            assert result.reason
    return {r.metric: r.status for r in card.results}


def scored(real, synthetic, holdout=None, **options):
    card = synthgen.score(real, synthetic, holdout, **options)
    assert isinstance(card, Scorecard)
    page = report.html(report.review(card, gate.decide(card, "standard")))
    json.dumps(report.review(card), allow_nan=False)
    assert not re.search(r"https?://|<script|<link", page)
    return card, answers(card)


quick = pytest.mark.metrics("diagnostic", "marginal", "pair", "copied_rows", "near_copies", "utility")
most = pytest.mark.metrics(*(name for name in METRICS if name not in ("augmentation", "quality", "detection")))


def test_a_page_in_few_lines(real, made, unseen):
    card, status = scored(real, made, unseen, target="outcome", positive="died")
    assert status["pair"] is status["copied_rows"] is status["mode_census"] is Status.OK
    assert not card.notes
    again = synthgen.score(real, made, unseen, target="outcome", positive="died")
    assert again == card


@quick
def test_without_a_hold_out_nothing_is_said_about_privacy(real, made):
    card, status = scored(real, made)
    assert {status[name] for name in PRIVACY if name in METRICS} == {Status.INSUFFICIENT}
    assert card.result("copied_rows").reason == NEEDED
    assert gate.decide(card, "open").outcome == "blocked"
    assert any("No hold-out was given" in note for note in card.notes)


@quick
def test_a_hold_out_of_training_rows_is_noticed_and_privacy_is_an_error(real, made, unseen):
    mixed = pd.concat([unseen, real.iloc[:40]], ignore_index=True)
    card, status = scored(real, made, mixed)
    assert status["copied_rows"] is status["near_copies"] is Status.ERROR
    assert any("no measure of unseen people" in note for note in card.notes)
    assert gate.decide(card, "open").outcome == "blocked"
    assert status["pair"] is Status.OK


@quick
def test_rows_that_many_people_share_are_no_overlap(made):
    few = ["sex", "smoker", "outcome"]
    _, status = scored(hospital(600, 1)[few], made[few], hospital(300, 3)[few])
    assert status["copied_rows"] is Status.OK


def visits(people, seed, first=0):
    """Three visits each; the key says which rows belong to one person."""
    frame = hospital(people * 3, seed)
    frame.insert(0, "patient", [f"P{first + i // 3:05d}" for i in range(len(frame))])
    return frame


@quick
def test_people_of_the_hold_out_are_told_apart_and_none_may_be_of_the_training(monkeypatch):
    seen = {}
    kind = METRICS["marginal"].load()
    compute = kind.compute

    def watched(self, split, *rest, **named):
        seen["people"] = split.holdout_people
        return compute(self, split, *rest, **named)

    monkeypatch.setattr(kind, "compute", watched)
    real, fresh = visits(150, 1), visits(80, 2)
    scored(real, fresh, visits(70, 3, first=1000), person="patient")
    assert len(np.unique(seen["people"])) == 70
    card, status = scored(real, fresh, visits(70, 3, first=140), person="patient")
    assert status["copied_rows"] is Status.ERROR
    assert "People" in card.result("copied_rows").reason


@quick
def test_shuffled_columns_and_other_writings_are_the_same_table(real, made, unseen, tmp_path):
    plain, _ = scored(real, made, unseen)
    other = made[sorted(made.columns, reverse=True)].assign(
        admitted=made["admitted"].dt.strftime("%d.%m.%Y"),
        charge=made["charge"].map(lambda v: f"{v:.2f}".replace(".", ",")),
        ward=" " + made["ward"],
    )
    other.to_csv(tmp_path / "other.csv", index=False, sep=";")
    card, _ = scored(real, tmp_path / "other.csv", unseen)
    assert card.result("marginal").value == pytest.approx(plain.result("marginal").value, abs=1e-9)
    assert card.result("pair").value == pytest.approx(plain.result("pair").value, abs=1e-9)
    assert sum("written otherwise" in note for note in card.notes) >= 1


@quick
def test_copies_in_another_writing_are_copies(real, unseen):
    card, _ = scored(real, real.assign(admitted=real["admitted"].dt.strftime("%d/%m/%Y")), unseen)
    assert card.result("copied_rows").value > 0.9


@quick
def test_missing_columns_are_left_out_told_and_block(real, made, unseen):
    card, status = scored(real, made.drop(columns=["ward", "sodium"]), unseen)
    assert status["diagnostic"] is Status.ERROR
    assert "'ward', 'sodium'" in card.result("diagnostic").reason
    assert status["pair"] is Status.OK
    assert gate.decide(card, "standard").outcome == "blocked"
    copies, _ = scored(real, real.drop(columns=["ward"]), unseen)
    assert copies.result("copied_rows").value > 0.9, "copies without a column are copies still"


@quick
def test_columns_the_real_table_has_not_are_told_and_block(real, made, unseen):
    card, status = scored(real, made.assign(name="Smith"), unseen)
    assert status["diagnostic"] is Status.ERROR
    assert any("'name'" in note and "Smith" not in note for note in card.notes)
    assert status["pair"] is Status.OK


@quick
def test_a_column_that_cannot_be_read_is_left_out_and_told(real, made, unseen):
    card, status = scored(real, made.assign(age=[f"{a} years or so {i}" for i, a in enumerate(made["age"])]), unseen)
    assert status["diagnostic"] is Status.ERROR
    assert "age" not in {c for g in card.result("marginal").groups for c in g.columns}
    partly = made.assign(age=["about forty" if i % 10 == 0 else str(a) for i, a in enumerate(made["age"])])
    card, status = scored(real, partly, unseen)
    assert status["diagnostic"] is Status.OK
    assert any("10.0% of the filled cells of column 'age'" in note for note in card.notes)


REFUSED = {
    "no row": (lambda f: f.iloc[:0], InputError),
    "no common column": (lambda f: f[["age", "sex"]].rename(columns={"age": "x", "sex": "y"}), SchemaError),
    "no table": (lambda f: {"age": [1]}, InputError),
}


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_what_cannot_be_compared_at_all_is_refused_in_words(kind, real, made, unseen):
    change, error = REFUSED[kind]
    with pytest.raises(error) as refused:
        synthgen.score(real, change(made), unseen, target="outcome")
    assert refused.value.message
    assert refused.value.hint


GONE = {
    "absent": lambda f: f.drop(columns="outcome"),
    "unreadable": lambda f: f.assign(charge=[f"{i} crowns" for i in range(len(f))]),
}


@pytest.mark.metrics("diagnostic", "pair", "mode_census", "utility", "augmentation")
@pytest.mark.parametrize("kind", sorted(GONE))
def test_a_target_that_the_set_has_not_is_an_error_of_what_needs_it_and_blocks(kind, real, made, unseen):
    target = {"absent": "outcome", "unreadable": "charge"}[kind]
    card, status = scored(real, GONE[kind](made), unseen, target=target)
    assert status["pair"] is Status.OK
    assert status["utility"] is status["augmentation"] is status["diagnostic"] is Status.ERROR
    assert f"The target {target!r} is not a readable column of the synthetic table" in card.result("utility").reason
    classes = next(f for f in card.result("mode_census").figures if f.name == "lost_classes")
    assert classes.status is Status.ERROR
    failed = {reason.rule for reason in gate.decide(card, "standard").failed}
    assert {"utility", "mode_census/lost_classes", "diagnostic"} <= failed
    assert gate.decide(card, "open").outcome == "blocked"


@quick
def test_the_target_must_be_in_the_hold_out_and_which_table_is_empty_is_said(real, made, unseen, tmp_path):
    with pytest.raises(SchemaError, match="absent from the hold-out or unreadable there: 'outcome'"):
        synthgen.score(real, made, unseen.drop(columns="outcome"), target="outcome")
    made.iloc[:0].to_csv(tmp_path / "made.csv", index=False)
    for tables, what in (
        ((real.iloc[:0], made, unseen), "real table"),
        ((real, made.iloc[:0], unseen), "synthetic table"),
        ((real, tmp_path / "made.csv", unseen), "synthetic table"),
        ((real, made, unseen.iloc[:0]), "hold-out"),
    ):
        with pytest.raises(InputError, match=f"^The {what} cannot be used: "):
            synthgen.score(*tables)


@quick
@pytest.mark.parametrize("text", ["9999-12-31", "31.12.2021", "2021-12-31 00:00:00"])
def test_a_date_that_is_one_text_in_every_row_is_read(text, real, made, unseen):
    card, status = scored(real, made.assign(admitted=text), unseen)
    assert status["diagnostic"] is Status.OK
    assert not [note for note in card.notes if "could not be read" in note]
    plain = scored(real, made, unseen)[0].result("diagnostic").value
    assert (card.result("diagnostic").value < plain) == text.startswith("9999"), "no real date lies so late"
    assert "admitted" in {c for g in card.result("marginal").groups for c in g.columns}


@quick
def test_one_text_that_is_no_date_still_cannot_be_read(real, made, unseen):
    _, status = scored(real, made.assign(admitted="never", charge="much"), unseen)
    assert status["diagnostic"] is Status.ERROR
    card, status = scored(real, made.assign(charge="1250,50"), unseen)
    assert status["diagnostic"] is Status.OK
    assert any("'charge' is written otherwise" in note for note in card.notes)


def test_a_hold_out_without_a_column_is_refused(real, made, unseen):
    with pytest.raises(SchemaError, match="hold-out"):
        synthgen.score(real, made, unseen.drop(columns="ward"))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"target": "height"}, SpecError),
        ({"person": "nobody"}, SchemaError),
        ({"positive": "died"}, SpecError),
        ({"attacks": "all"}, SpecError),
        ({"attacks": AttackPlan(secrets=("height",))}, SpecError),
    ],
)
def test_wrong_options_are_refused(real, made, unseen, options, error):
    with pytest.raises(error):
        synthgen.score(real.assign(constant="x"), made.assign(constant="x"), unseen.assign(constant="x"), **options)


ODD_SETS = {
    "one row": lambda f: f.iloc[:1],
    "all missing": lambda f: f.assign(**dict.fromkeys(f)),
    "constant": lambda f: f.assign(**{c: [f[c].dropna().iloc[0]] * len(f) for c in f}),
    "constant target": lambda f: f.assign(outcome="alive"),
    "values never seen": lambda f: f.assign(ward="moon", charge=1e12, age=-5),
    "infinite": lambda f: f.assign(charge=np.inf),
    "words for numbers": lambda f: f.assign(charge="much"),
    "numbers for words": lambda f: f.assign(ward=range(len(f))),
    "other dtypes": lambda f: f.astype({"age": float, "sex": "category", "ward": "string"}),
}


@most
@pytest.mark.parametrize("kind", sorted(ODD_SETS))
def test_odd_sets_get_an_answer_per_metric(kind, real, made, unseen):
    card, status = scored(real, ODD_SETS[kind](made), unseen, target="outcome")
    if kind in ("one row", "all missing", "words for numbers", "values never seen"):
        assert gate.decide(card, "standard").outcome == "blocked"
    if kind == "other dtypes":
        assert status["diagnostic"] is Status.OK
        assert not card.notes


ODD_TABLES = {
    "no number": ["sex", "ward", "smoker", "outcome"],
    "no discrete column": ["sodium", "charge"],
    "one column": ["ward"],
    "only dates": ["admitted"],
}


@most
@pytest.mark.parametrize("kind", sorted(ODD_TABLES))
def test_odd_tables_get_an_answer_per_metric(kind, real, made, unseen):
    columns = ODD_TABLES[kind]
    card, status = scored(real[columns], made[columns], unseen[columns])
    assert status["marginal"] is Status.OK
    assert Status.ERROR not in status.values(), [r.reason for r in card.results if r.status is Status.ERROR]
    assert status["utility"] is Status.NOT_APPLICABLE


@pytest.mark.parametrize("table", [pd.DataFrame({"a": [None] * 50}), pd.DataFrame({"a": [1]}), pd.DataFrame()])
def test_a_real_table_that_teaches_nothing_is_refused(table):
    with pytest.raises(SynthgenError):
        synthgen.score(table, table, table)


@quick
def test_one_row_against_a_million(real, unseen):
    rng = np.random.default_rng(0)
    columns = ["age", "sex"]
    many = pd.DataFrame({"age": rng.integers(0, 99, 1_000_000), "sex": rng.choice(["f", "m"], 1_000_000)})
    card, status = scored(real[columns], many, unseen[columns])
    assert card.rows == 1_000_000
    assert status["marginal"] is Status.OK
    _, status = scored(real[columns], real[columns].iloc[:1], unseen[columns])
    assert status["marginal"] is status["copied_rows"] is Status.INSUFFICIENT
    _, status = scored(real[columns], real[columns], unseen[columns].iloc[:1])
    assert status["marginal"] is status["copied_rows"] is Status.INSUFFICIENT


@quick
def test_an_empty_file_is_refused(real, unseen, tmp_path):
    for name, text in (("empty.csv", ""), ("header.csv", ",".join(real.columns) + "\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises(SynthgenError):
            synthgen.score(real, tmp_path / name, unseen)


@pytest.mark.metrics("utility", "augmentation", "pair")
def test_a_target_of_one_value_is_an_error_of_what_needs_it_and_of_nothing_else(real, made, unseen):
    one = [frame.assign(verdict="x") for frame in (real, made, unseen)]
    found = answers(synthgen.score(one[0], one[1], holdout=one[2], target="verdict"))
    assert found == {"pair": Status.OK, "utility": Status.ERROR, "augmentation": Status.ERROR}
