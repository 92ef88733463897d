"""Fresh keys: written as the source's, all different, the same for a seed however many are made at a time."""

import re
import sys
import uuid

import numpy as np
import pandas as pd
import pytest

from synthgen.synthesizer import TabularSynthesizer
from synthgen.tabular import fresh_keys
from synthgen.tabular.fresh_keys import LEAST_HEX
from synthgen.tabular.schema import KeyStyle

STYLES = [
    KeyStyle(style=style, upper=upper, width=width)
    for style, width in (("uuid", 0), ("hex", 12), ("hex", 21), ("hex", 64), ("digits", 19))
    for upper in (False, True)
]


def one(style, rng):
    """A random key as Python's own libraries write it."""
    if style.style == "uuid":
        text = str(uuid.UUID(bytes=rng.bytes(16), version=4))
    elif style.style == "hex":
        width = max(style.width, LEAST_HEX)
        text = rng.bytes(-(-width // 2)).hex()[:width]
    else:
        first, *rest = rng.integers(0, 10, size=style.width + 1)
        text = "".join(map(str, [max(1, first), *rest]))
    return text.upper() if style.upper else text


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_random_keys_are_those_made_one_by_one(style):
    made = fresh_keys.fresh_keys(style, 1, 500, np.random.default_rng(7))
    rng = np.random.default_rng(7)
    assert made.tolist() == [one(style, rng) for _ in range(500)]
    assert made.dtype == object
    assert all(type(key) is str for key in made)
    assert len(set(made)) == 500


@pytest.mark.parametrize(
    "style", [*STYLES, KeyStyle(start=98), KeyStyle(style="numbered", prefix="P", width=3)], ids=str
)
def test_it_does_not_matter_how_many_are_made_at_a_time(style):
    whole = fresh_keys.fresh_keys(style, 5, 40, np.random.default_rng(1))
    rng, parts, at = np.random.default_rng(1), [], 5
    for count in (1, 0, 7, 32):
        parts += fresh_keys.fresh_keys(style, at, count, rng).tolist()
        at += count
    assert parts == whole.tolist()


def test_counted_keys_count():
    assert fresh_keys.fresh_keys(KeyStyle(start=0), 9, 3, np.random.default_rng(0)).tolist() == ["9", "10", "11"]
    style = KeyStyle(style="numbered", prefix="P-", width=3, suffix="x")
    assert fresh_keys.fresh_keys(style, 99, 2, np.random.default_rng(0)).tolist() == ["P-099x", "P-100x"]


def test_uuids_of_a_table_are_fresh_valid_and_come_again_with_the_seed():
    rng = np.random.default_rng(0)
    source = [str(uuid.UUID(bytes=rng.bytes(16), version=4)).upper() for _ in range(300)]
    frame = pd.DataFrame({"record": source, "x": rng.integers(0, 9, 300)})
    model = TabularSynthesizer("independent").fit(frame)
    made = model.sample(20_000)["record"]
    assert made.is_unique
    assert not {key.lower() for key in made} & {key.lower() for key in source}
    pattern = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}")
    assert all(pattern.fullmatch(key) for key in made)
    assert model.sample(20_000)["record"].equals(made)


def test_no_key_is_made_by_a_call_of_its_own():
    """Counted in calls of Python functions, not by the clock."""
    calls = []
    sys.setprofile(lambda *event: calls.append(event[1]))
    try:
        fresh_keys.fresh_keys(KeyStyle(style="uuid"), 1, 5000, np.random.default_rng(0))
    finally:
        sys.setprofile(None)
    assert len(calls) < 500
