import numpy as np
import pytest
from scenes import hospital, scene

from synthgen.contracts import Status
from synthgen.spec import ColumnOverride


class Payer:
    """A generator whose surprise is known: 2 nats for everybody, 5 for the ward "burns" (7 at the worst-case end)."""

    def surprise(self, frame, end):
        burns = (frame["ward"] == "burns").to_numpy()
        return np.where(burns, 5.0 if end == "chosen" else 7.0, 2.0)

    def report(self):
        return {
            "reducer": "log_sum_exp",
            "emphasis": 4.0,
            "stages": [],
            "renewals": [{"step": 0}, {"largest_weight": 1.5}],
        }


def test_a_group_spoilt_inside_is_the_worst(good, tmp_path):
    frame = good.split.train.copy()
    skin = frame["ward"] == "eyes"
    for column in ("age", "outcome", "smoker", "charge", "visits"):
        values = frame[column].to_numpy().copy()
        values[skin.to_numpy()] = values[np.flatnonzero(skin)[0]]
        frame[column] = values
    spoilt = good.with_set(frame, tmp_path).measured("worst_group")
    fine = good.measured("worst_group")
    assert spoilt.groups[0].label == "ward = eyes"
    assert spoilt.value > fine.value + 0.1
    assert {f.name: f.value for f in spoilt.figures}["mean"] < spoilt.value


def test_a_group_that_is_gone_is_as_bad_as_can_be(good, tmp_path):
    frame = good.split.train
    result = good.with_set(frame[frame["ward"] != "eyes"], tmp_path).measured("worst_group")
    assert result.value == 1.0
    assert result.holdout < 0.5


def test_surprise_shows_worst_and_mean_at_both_ends_of_the_dial(good):
    card = good.scored(("surprise",), Payer())
    result = card.results[0]
    figures = {f.name: f.value for f in result.figures}
    worst = next(g for g in result.groups if g.label == "ward = medicine")
    assert worst.value == pytest.approx(2.0)
    assert result.value <= 5.0
    assert result.interval.low <= result.value <= result.interval.high
    assert figures["train_worst"] == pytest.approx(result.value, abs=0.2), "the payer knows nobody: nothing memorised"
    assert figures["worst_end_worst"] >= result.value
    assert 2.0 < figures["mean"] < figures["worst_end_mean"] < 3.0
    assert card.emphasis == {"reducer": "log_sum_exp", "emphasis": 4.0, "largest_weight": 1.5}


def test_records_are_handed_over_as_the_generator_was_trained(tmp_path):
    """Where a person has several rows, training adds a column; the hold-out gets it as well."""

    class Counting(Payer):
        def surprise(self, frame, end):
            return frame["#rows_per_person"].to_numpy()

    real, fresh = (hospital(1200, seed).assign(patient=np.arange(1200) // 2) for seed in (1, 2))
    found = scene(real, fresh, tmp_path, columns={"patient": ColumnOverride(kind="person")})
    result = found.measured("surprise", Counting())
    assert result.status is Status.OK, result.reason
    assert result.value == 2.0
    people = {g.label: g.real_count for g in result.groups}  # every person has two rows
    held = found.split.holdout["sex"] == "f"
    assert people["sex = f"] == len(np.unique(found.split.holdout_people[held])) < held.sum()
    inside = {g.label: g.real_count for g in found.measured("worst_group").groups}
    trained = found.split.train["ward"] == "medicine"
    assert inside["ward = medicine"] == len(np.unique(found.split.train_people[trained])) < trained.sum()


def test_without_a_probability_there_is_no_surprise(good):
    result = good.measured("surprise")
    assert result.status is Status.NOT_APPLICABLE
    assert result.value is None


def test_no_group_is_large_enough(good, tmp_path):
    small = scene(hospital(60, 1), hospital(60, 2), tmp_path)
    assert small.measured("worst_group").status is Status.INSUFFICIENT
