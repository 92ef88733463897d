import math

import pytest

from synthgen.contracts import Entry, Figure, MetricResult, Status
from synthgen.errors import InputError, Stopped
from synthgen.runtime import RunContext
from synthgen.scoring import honest, score


def result(**found):
    known = {
        "metric": "m",
        "title": "M",
        "family": "fidelity",
        "better": "higher",
        "low": 0.0,
        "high": 1.0,
        "best": 1.0,
    }
    return MetricResult(**{**known, **found})


class Leaky:
    def compute(self, *_):
        raise ValueError("patient 4711 has the secret value")


class Told:
    def compute(self, *_):
        raise InputError("The table has 3 columns; 4 were expected.")


class Wrong:
    def compute(self, *_):
        return 0.9


class NotANumber:
    def compute(self, *_):
        return result(value=math.nan)


class Asked:
    def compute(self, *_):
        raise Stopped("Stopped.")


def card(good, *kinds, ctx=None):
    metrics = {k.__name__: Entry(f"{__name__}:{k.__name__}", k.__name__) for k in kinds}
    return score(metrics, good.split, good.synthetic, good.schema, good.groups, ctx or good.ctx)


def test_an_exception_is_an_error_without_its_text(good):
    told = []
    found = card(good, Leaky, ctx=RunContext(listener=lambda e: told.append(str(e.payload)))).results[0]
    assert found.status is Status.ERROR
    assert found.value is None
    assert "ValueError" in found.reason
    assert "4711" not in found.reason
    assert not any("4711" in text for text in told)


def test_our_own_errors_keep_their_words(good):
    assert "4 were expected" in card(good, Told).results[0].reason


@pytest.mark.parametrize("kind", [Wrong, NotANumber])
def test_what_is_no_number_is_an_error(good, kind):
    assert card(good, kind).results[0].status is Status.ERROR


def test_one_failure_does_not_stop_the_others_and_a_stop_does(good):
    names = [r.metric for r in card(good, Leaky, NotANumber, Told).results]
    assert names == ["Leaky", "NotANumber", "Told"]
    with pytest.raises(Stopped):
        card(good, Asked)
    with pytest.raises(Stopped):
        card(good, Told, ctx=RunContext(stop=lambda: True))


def test_progress_is_told_per_metric(good):
    told = []
    card(good, Told, Wrong, ctx=RunContext(listener=lambda e: told.append(e)))
    done = [e.payload["done"] for e in told if e.kind == "progress"]
    assert done == [0, 1, 2]


@pytest.mark.parametrize(
    "found",
    [{"value": math.inf}, {"value": None}, {"value": 1.2}, {"value": -0.2}, {"value": 0.5, "holdout": math.nan}],
)
def test_ok_needs_a_finite_value_in_range(found):
    assert honest(result(**found)).status is Status.ERROR


def test_a_figure_that_is_no_number_is_an_error():
    figures = (Figure(name="a", value=math.nan), Figure(name="b", value=1.0), Figure(name="c"))
    found = honest(result(value=0.5, figures=figures))
    assert [f.status for f in found.figures] == [Status.ERROR, Status.OK, Status.ERROR]
    assert found.status is Status.OK


def test_the_card_says_what_was_compared(good_card, good):
    assert good_card.rows == good.synthetic.rows == 2400
    assert good_card.train_rows == len(good.split.train)
    assert good_card.compared_rows == good_card.holdout_rows == len(good.split.holdout)
    silent = {r.metric: r.status for r in good_card.results if r.status is not Status.OK}
    of_a_model_or_keys = ("surprise", "copied_keys", "membership_likelihood")
    assert silent == dict.fromkeys(of_a_model_or_keys, Status.NOT_APPLICABLE)
