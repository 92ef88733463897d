"""What people type on the command line."""

import pytest

from synthgen.cli import inputs
from synthgen.errors import InputError, SpecError
from synthgen.spec import (
    ColumnOverride,
    FixedCombinations,
    GatePolicy,
    GateRule,
    Inequality,
    OneOf,
    Predicate,
    Range,
    Unique,
    Within,
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("category", {"kind": "category"}),
        ("public", {"public": True}),
        ("order:<30|30-60| >60", {"order": ("<30", "30-60", ">60")}),
        ("order:", {"order": ()}),
        ("place:lon", {"place_with": "lon"}),
        ("place:", {"place_with": ""}),
        ("by:code", {"determined_by": "code"}),
        ("by:", {"determined_by": ""}),
        ("codes:No finding.|See above.", {"codes": ("No finding.", "See above.")}),
    ],
)
def test_what_is_said_of_a_column_is_read(typed, meant):
    assert inputs.overrides([f"x={typed}"]) == {"x": meant}


def test_what_nobody_understands_of_a_column_is_told_without_the_text():
    with pytest.raises(SpecError, match="'x' is to be something unknown") as caught:
        inputs.overrides(["x=secret:word"])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ward=A", "A"),
        ("ward=", None),
        ("age=40..60", Range(low="40", high="60")),
        ("age=40..", Range(low="40")),
        ("age=..60", Range(high="60")),
        ("admitted=2020-01-01..2020-03-31", Range(low="2020-01-01", high="2020-03-31")),
        ("ward=A|B", OneOf(values=("A", "B"))),
        ("ward=A|", OneOf(values=("A", None))),
        ("note==A|B..", "A|B.."),
        ("note===x", "=x"),
        ("dots=..", ".."),
    ],
)
def test_conditions_are_read_as_they_are_meant(typed, meant):
    name = typed.partition("=")[0]
    assert inputs.conditions([typed]) == {name: meant}


def test_a_condition_without_a_sign_or_given_twice_is_told():
    with pytest.raises(SpecError, match="2 problems"):
        inputs.conditions(["ward", "age=1", "age=2"])


def test_what_is_dropped_is_named_in_words_of_the_command_line():
    assert inputs.dropped(["near-copies", "outliers"]) == ("near_copies", "outliers")
    with pytest.raises(SpecError, match="item 2"):
        inputs.dropped(["outliers", "all"])


def test_what_is_said_of_columns_reaches_the_library_as_it_reaches_the_service():
    assert inputs.columns(["name=by:code", "code=category"]) == {
        "name": ColumnOverride(determined_by="code"),
        "code": ColumnOverride(kind="category"),
    }
    for word in ("by", "place", "order", "codes"):
        with pytest.raises(SpecError, match="something unknown"):
            inputs.overrides([f"x={word}"])


def test_the_source_may_break_what_is_said_to_be_loose():
    typed = ["may-break:age=0..120", "may-break:low<=high", "may-break:unique:id", "unique:key", "together:a,b"]
    typed += ["where:a < b OR c = 'x:y'", "may-break:where:a > 1"]
    assert inputs.constraints(typed) == (
        Within(column="age", low="0", high="120", source_may_break=True),
        Inequality(low_column="low", high_column="high", source_may_break=True),
        Unique(columns=("id",), source_may_break=True),
        Unique(columns=("key",)),
        FixedCombinations(columns=("a", "b")),
        Predicate(expression="a < b OR c = 'x:y'"),
        Predicate(expression="a > 1", source_may_break=True),
    )
    with pytest.raises(SpecError, match="item 2 of --keep"):
        inputs.constraints(["may-break:unique:id", "may-break:together:a,b"])


def test_a_policy_is_a_name_or_a_file(tmp_path):
    assert inputs.policy("strict") == "strict"
    path = tmp_path / "house.JSON"
    path.write_text('{"name": "house", "rules": [{"metric": "pair", "at_least": 0.5}]}')
    assert inputs.policy(str(path)) == GatePolicy(name="house", rules=(GateRule(metric="pair", at_least=0.5),))
    with pytest.raises(InputError, match="cannot be read"):
        inputs.policy(str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the policy: Invalid JSON"),
        ("[]", "the policy: "),
        ('{"rules": [{"metric": "pair"}], "owner": "secret"}', "2 problems"),
        ('{"rules": [{"metric": "pair"}]}', r"rules\[0\]: a rule needs a bound"),
        ('{"rules": [{"metric": "pair", "at_least": "secret"}]}', r"rules\[0\].at_least"),
    ],
)
def test_a_policy_that_is_none_is_told_by_field_and_quotes_nothing(text, said, tmp_path):
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(SpecError, match=said) as caught:
        inputs.policy(str(path))
    assert "secret" not in str(caught.value)
    assert "at_least" in caught.value.hint
