"""What people type on the command line."""

import pytest

from synthgen.cli import inputs
from synthgen.errors import SpecError
from synthgen.spec import OneOf, Range


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
