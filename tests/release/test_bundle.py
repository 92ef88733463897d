import hashlib
import io
import json
import re
import zipfile

import jsonschema
import numpy as np
import pandas as pd
import pytest
from scenes import hospital, scene

from synthgen.contracts import Override, Release, Status
from synthgen.errors import GateError
from synthgen.release import bundle, gate, report, typed_values
from synthgen.spec import ColumnOverride, FixedCombinations, GroupTarget, OneOf, Predicate, Range, SampleSpec, Within
from synthgen.tabular import TABULAR
from synthgen.tabular.telling import safe_schema

RECORD = Release(
    purpose="Teaching of statistics",
    recipient="University hospital",
    released_by="dr.b",
    released_at="2026-11-21T10:00:00Z",
    expires_at="2027-11-21T00:00:00Z",
    note="Asked for by telephone.",
)
FILES = {"data.csv", "data.parquet", "schema.json", "scorecard.json", "report.html", "card.json", "README.txt"} | {
    "scorecard.schema.json"
}
CANARY_WORDS = ("zyzzyva", "quokka", "xylothek")
CANARY_NUMBERS = ("987654.32", "987654", "654321.09", "654321", "0.17", "1887")


def with_canaries(rows):
    """A real table with what must never leave: rare categories, extremes, whole rows, a rare class."""
    frame = hospital(rows, 1)
    frame["ward"] = frame["ward"].astype(object)
    for i, word in enumerate(CANARY_WORDS):
        frame.loc[i * 9 : i * 9 + 8, "ward"] = word  # nine people each
    frame.loc[30:33, "charge"] = [987654.32, 654321.09, 0.17, 0.17]
    frame.loc[34:36, "smoker"] = "quokka"
    frame.loc[40, "admitted"] = pd.Timestamp("1887-03-04")
    frame.loc[41:44, "outcome"] = "zyzzyva"
    return frame


@pytest.fixture(scope="module")
def canaries(tmp_path_factory):
    """A released set made from a real table with canaries; the synthetic rows themselves hold none."""
    found = scene(with_canaries(3000), hospital(2400, 2), tmp_path_factory.mktemp("canaries"))
    card = found.scored()
    card = card.model_copy(
        update={"plots": TABULAR.call("plots", found.split, found.synthetic, found.schema, found.spec)}
    )
    verdict = gate.decide(card, "standard")
    assert verdict.outcome == "awaiting_review", [r.message for r in verdict.failed]
    return found, gate.release(found.synthetic, found.schema, card, verdict, RECORD, found.spec, TABULAR)


@pytest.fixture(scope="module")
def written(canaries, tmp_path_factory):
    return bundle.write(canaries[1], tmp_path_factory.mktemp("bundle") / "bundle.zip")


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_bundle_is_complete_and_its_check_sums_hold(written, canaries):
    files = contents(written)
    assert set(files) == FILES
    card = json.loads(files["card.json"])
    for name, described in card["files"].items():
        assert hashlib.sha256(files[name]).hexdigest() == described["sha256"]
        assert len(files[name]) == described["bytes"]
    assert card["spec_sha256"] == canaries[0].spec.digest()
    assert card["release"]["recipient"] == "University hospital"
    assert {"python", "numpy", "pandas"} <= set(card["versions"])
    assert "2027-11-21" in files["README.txt"].decode()


def test_the_data_are_the_rows_of_the_set(written, canaries):
    files = contents(written)
    rows = canaries[0].synthetic.rows
    table = pd.read_parquet(io.BytesIO(files["data.parquet"]))
    text = pd.read_csv(io.BytesIO(files["data.csv"]))
    assert len(table) == len(text) == rows
    assert list(table.columns) == list(text.columns) == canaries[0].schema.names
    np.testing.assert_allclose(text["charge"], table["charge"])


def test_no_canary_leaves_in_any_file(written):
    for name, content in contents(written).items():
        text = content.decode("utf-8", errors="replace")
        if name.endswith(".parquet"):
            text += pd.read_parquet(io.BytesIO(content)).to_csv()
        for word in CANARY_WORDS:
            assert word not in text, (name, word)
        if name in ("schema.json", "scorecard.json", "report.html", "README.txt"):
            for number in CANARY_NUMBERS:
                assert not _stands_alone(number, text), (name, number)


def test_what_no_canary_is_in_holds_attacks_on_minorities_and_every_kind_of_score(written, canaries):
    """So that the test above cannot pass because the parts with groups and columns were left out."""
    shown = json.loads(contents(written)["scorecard.json"])
    assert {s["metric"] for s in shown["scores"]} == {r.metric for r in canaries[1].scorecard.results}
    people = {line["population"] for risk in shown["risks"] for line in risk["lines"]}
    assert {"everybody", "rare categories", "tails"} <= people
    named = {s["metric"] for s in shown["scores"] if s["groups"]}
    assert {"pair", "triples", "correlation", "tails", "dates", "missingness", "detection", "mode_census"} <= named
    jsonschema.validate(shown, json.loads(contents(written)["scorecard.schema.json"]))
    k = canaries[0].schema.k_floor
    for score in shown["scores"]:
        for group in score["groups"]:
            counts = [n for n in (group["real_count"], group["attempts"]) if n is not None]
            assert all(n >= k and n % 5 == 0 for n in counts), (score["metric"], group["kind"])


def _stands_alone(number, text):
    return re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", text) is not None


def test_the_canaries_are_in_what_reviewers_see(canaries):
    """So that the test above cannot pass because nothing was planted."""
    found, released = canaries
    shown = json.dumps(report.review(released.scorecard, released.verdict), ensure_ascii=False)
    assert all(word in shown for word in CANARY_WORDS)
    train = found.split.train.to_csv()
    assert any(number in train for number in ("987654.32", "654321.09"))


def test_the_note_stays_in_the_house(written):
    for name, content in contents(written).items():
        assert b"telephone" not in content, name


ASKED = SampleSpec(
    fixed={
        "ward": "surgery",
        "smoker": "quokka",  # too few people: named by no report
        "charge": 987654.32,
        "visits": 1887,
        "age": Range(low=17, high=654321),
        "sodium": None,
        "sex": OneOf(values=("f", "zyzzyva")),
    },
    targets=(GroupTarget(where={"outcome": "died", "admitted": "1887-03-04"}, rows=7),),
)
TYPED = Predicate(expression="charge > 0.17 OR ward <> 'xylothek'")
LIMITS = (Within(column="charge", low=0.17, high=987654.32), FixedCombinations(columns=("ward", "sex")), TYPED)


@pytest.fixture(scope="module")
def asked_for(canaries, tmp_path_factory):
    """The card of a bundle whose specification asks for canaries in every way there is."""
    found, released = canaries
    folder = tmp_path_factory.mktemp("asked")
    there = found.with_set(found.synthetic.take(3000), folder / "set", ASKED)
    override = ColumnOverride(kind="category", missing_tokens=("quokka",), order=("quokka", "xylothek"))
    changes = {"sample": ASKED, "constraints": LIMITS, "positive": "zyzzyva", "columns": {"ward": override}}
    spec = found.spec.model_copy(update=changes)
    card = released.scorecard.model_copy(update={"rows": there.synthetic.rows})
    verdict = gate.decide(card, "standard")
    again = gate.release(there.synthetic, there.schema, card, verdict, RECORD, spec, TABULAR)
    return json.loads(contents(bundle.write(again, folder / "bundle.zip"))["card.json"]), spec


def test_the_card_names_no_value_that_was_asked_for_unless_the_report_names_it(asked_for):
    card, spec = asked_for
    assert card["spec_sha256"] == spec.digest()
    said = json.dumps({name: card[name] for name in ("sample", "spec")})
    for canary in (*CANARY_WORDS, "987654", "654321", "0.17", "1887", "1887-03-04"):
        assert canary not in said, canary
    for shown in (card["sample"], card["spec"]["sample"]):
        assert shown["fixed"] == {
            "ward": "surgery",
            "smoker": "a fixed value",
            "charge": "a fixed value",
            "visits": "a fixed value",
            "age": "a range of values",
            "sodium": "missing",
            "sex": ["f", "a fixed value"],
        }
        assert shown["targets"] == [{"where": {"outcome": "died", "admitted": "a fixed value"}, "rows": 7}]
    assert [c["kind"] for c in card["spec"]["constraints"]] == ["range", "fixed_combinations", "predicate"]
    assert card["spec"]["constraints"][0]["column"] == "charge"
    assert card["spec"]["constraints"][1]["columns"] == ["ward", "sex"]
    assert card["spec"]["constraints"][2]["columns"] == ["charge", "ward"]


def test_the_specification_that_a_row_holds_names_no_value_at_all(asked_for):
    shown = json.dumps(typed_values.safe_spec(asked_for[1]))
    assert not any(word in shown for word in (*CANARY_WORDS, *CANARY_NUMBERS, "surgery", "died"))
    assert all(column in shown for column in ("ward", "charge", "admitted", "outcome"))


def test_the_card_says_what_is_hashed_and_the_readme_what_may_happen_by_chance(written):
    files = contents(written)
    assert "complete specification" in json.loads(files["card.json"])["spec_note"]
    assert "copied_rows" in files["README.txt"].decode()


def test_the_same_set_gives_the_same_bytes(written, canaries, tmp_path):
    again = bundle.write(canaries[1], tmp_path / "again.zip")
    assert again.read_bytes() == written.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["again.zip"]


def test_nothing_but_a_released_set_is_taken(canaries, tmp_path):
    found, released = canaries
    for other in (found.synthetic, released.scorecard, None):
        with pytest.raises(GateError):
            bundle.write(other, tmp_path / "no.zip")
    assert list(tmp_path.iterdir()) == []


def test_the_schema_that_leaves_holds_no_value_of_a_cell(canaries):
    full = canaries[0].schema
    safe = safe_schema(full)
    assert {c["name"] for c in safe["columns"]} == set(full.names)
    assert not {"reason", "value", "sentinels", "true_token", "false_token", "key"} & set(safe["columns"][0])
    assert "positive" not in safe


def test_who_released_a_blocked_set_and_why_stands_on_everything_that_leaves(canaries, tmp_path):
    found, passed = canaries
    failed = passed.scorecard.result("pair").model_copy(update={"status": Status.ERROR, "reason": "it stopped"})
    results = tuple(failed if r.metric == "pair" else r for r in passed.scorecard.results)
    card = passed.scorecard.model_copy(update={"results": results})
    override = Override(
        reason="The recipient works inside this house.",
        failed=("pair",),
        requested_by="Eva Asks",
        requested_at="2026-11-21T08:00:00Z",
        confirmed_by="Otto Confirms",
        confirmed_at="2026-11-21T09:00:00Z",
    )
    record = RECORD.model_copy(update={"override": override})
    verdict = gate.decide(card, "standard")
    released = gate.release(found.synthetic, found.schema, card, verdict, record, found.spec, TABULAR)
    files = contents(bundle.write(released, tmp_path / "bundle.zip"))
    for name in ("README.txt", "card.json", "scorecard.json", "report.html"):
        text = files[name].decode()
        for word in ("Eva Asks", "Otto Confirms", "inside this house", "2026-11-21T09:00:00Z"):
            assert word in text, (name, word)
    told = json.loads(files["card.json"])
    assert told["verdict"] == "blocked"
    assert [reason["rule"] for reason in told["failed"]] == ["pair"]
    assert "THE GATE BLOCKED THIS SET" in files["README.txt"].decode()
    assert "released by two people" in files["report.html"].decode()
