import numpy as np
import pandas as pd
import pytest
from scenes import hospital, scene

from synthgen.contracts import Status
from synthgen.measures.chance import below_order_statistic, more_often, unseen_mass
from synthgen.measures.measure import against_holdout, wilson
from synthgen.release import attacks, policies
from synthgen.release.gate import decide
from synthgen.spec import ColumnOverride, SampleSpec
from synthgen.tabular.metrics.privacy import near_share


def planted(good, share, tmp_path):
    """The good set with a share of its rows replaced by training rows."""
    frame = good.synthetic.take(10_000)
    count = int(share * len(frame))
    return good.with_set(pd.concat([good.split.train.iloc[:count], frame.iloc[count:]], ignore_index=True), tmp_path)


def test_fresh_rows_are_at_the_level_of_the_hold_out(good):
    closest = good.measured("closest_record")
    assert closest.interval.low < 0.5 < closest.interval.high
    for name in ("near_copies", "copied_rows", "lone_numbers"):
        result = good.measured(name)
        assert result.interval.low - result.holdout < 0.005


def test_training_rows_are_the_worst_there_is(copied):
    assert copied.measured("closest_record").interval.low > 0.55  # as many training rows as the hold-out has: not all
    assert copied.measured("copied_rows").value == 1.0
    assert copied.measured("near_copies").value == 1.0
    assert copied.measured("lone_numbers").value > 0.95


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_planted_copies_are_found(good, share, tmp_path):
    found = planted(good, share, tmp_path)
    copied, near = found.measured("copied_rows"), found.measured("near_copies")
    assert copied.value == pytest.approx(share, abs=0.002)
    assert copied.interval.low - copied.holdout > 0.02
    assert near.value > 0.9 * share


def test_duplicates_common_among_people_are_no_copies(tmp_path):
    columns = ["sex", "smoker", "ward", "outcome"]
    found = scene(hospital(2500, 1)[columns], hospital(2000, 2)[columns], tmp_path)
    for name in ("copied_rows", "near_copies"):
        result = found.measured(name)
        assert result.interval.low - result.holdout < 0.005
    assert found.measured("copied_rows").holdout > 0.9
    assert found.measured("closest_record").value == pytest.approx(0.5, abs=0.05)


def test_numbers_taken_from_people_are_found_by_column(good, tmp_path):
    frame = good.synthetic.take(10_000)
    frame["charge"] = good.split.train["charge"].sample(len(frame), replace=True, random_state=0).to_numpy()
    result = good.with_set(frame, tmp_path).measured("lone_numbers")
    by_column = {g.label: g for g in result.groups}
    assert result.value > 0.9
    assert by_column["charge"].value > 0.9
    assert by_column["charge"].holdout < 0.05
    assert by_column["sodium"].value < 0.2


def test_no_lone_number_no_verdict_on_them(tmp_path):
    columns = ["sex", "ward", "age", "outcome"]
    result = scene(hospital(800, 1)[columns], hospital(800, 2)[columns], tmp_path).measured("lone_numbers")
    assert result.status is Status.NOT_APPLICABLE


def test_a_set_with_fixed_values_is_compared_with_people_who_meet_them(good, tmp_path):
    frame = good.synthetic.take(10_000)
    surgery = frame[frame["ward"] == "surgery"].reset_index(drop=True)
    found = good.with_set(surgery, tmp_path, SampleSpec(fixed={"ward": "surgery"}))
    for name in ("near_copies", "copied_rows"):
        result = found.measured(name)
        assert result.status is Status.OK
        assert result.interval.low - result.holdout < 0.005
    assert found.measured("closest_record").interval.low < 0.5
    assert found.measured("detection").value < 0.6
    assert {g.census for g in found.measured("mode_census").groups if g.label == "ward = eyes"} == {"too few to tell"}


@pytest.mark.parametrize("rows", [300, 1500])
def test_small_tables_raise_no_false_alarm(rows, tmp_path):
    alarms = 0
    for seed in range(6):
        found = scene(hospital(rows, seed), hospital(rows, 100 + seed), tmp_path / str(seed))
        closest = found.measured("closest_record")
        near, copied = found.measured("near_copies"), found.measured("copied_rows")
        alarms += closest.interval.low > 0.52
        alarms += near.interval.low - near.holdout > 0.01
        alarms += copied.interval.low - copied.holdout > 0.005
    assert alarms <= 1


def test_the_lower_end_minus_the_hold_out_is_a_difference_of_shares():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(2000):
        share, held = rng.binomial(800, 0.02) / 800, rng.binomial(200, 0.02) / 200
        alarms += against_holdout(share, 800, held, 200).low - held > 0
    assert alarms / 2000 < 0.05
    assert wilson(0, 100).low == 0.0
    assert wilson(100, 100).high == pytest.approx(1.0)


@pytest.mark.parametrize("gap", [0.0, 1.0])
def test_unseen_rows_have_the_hold_outs_share_of_near_copies_even_beside_a_gap(gap):
    rng = np.random.default_rng(0)

    def distances(n):
        return rng.random(n) + gap * (rng.random(n) > 0.04)  # 4 % close by, then none until `gap`

    found = [near_share(distances(120), distances(600)) for _ in range(400)]
    shares, held = np.array(found).T
    assert held == pytest.approx(5 / 121)
    assert shares.mean() == pytest.approx(5 / 121, abs=0.004)


def accused(found):
    """Which of the attacks that look for copies gain something, after Holm's correction over them and 40 others."""
    card = found.scored(policies.COPYING)
    others = tuple(card.results[0].model_copy(update={"metric": f"m{i}", "p_value": 0.5}) for i in range(40))
    crowded = card.model_copy(update={"results": (*card.results, *others)})
    rule = policies.OPEN.attacks.model_copy(update={"metrics": tuple(r.metric for r in crowded.results)})
    return {line.metric for line in attacks.lines(rule, crowded) if line.state == "gains"}


@pytest.mark.parametrize("seed", range(10))
def test_one_copied_row_in_a_hundred_of_2000_is_blocked(seed, tmp_path):
    clean = scene(hospital(3000, seed), hospital(2000, 100 + seed), tmp_path / "clean")
    assert accused(clean) == set()
    assert "copied_rows" in accused(planted(clean, 0.01, tmp_path / "planted"))


def test_a_set_made_from_the_hold_out_is_blocked(good, tmp_path):
    card = good.with_set(good.split.holdout, tmp_path).scored(("closest_record",))
    reasons = [r for r in decide(card, "open").failed if r.rule == "closest_record"]
    assert any("made from it" in r.message for r in reasons)


def test_numbers_of_a_few_people_re_emitted_are_accused(good, tmp_path):
    frame = good.synthetic.take(10_000)
    taken = good.split.train["charge"].iloc[: len(frame) // 10].to_numpy()
    frame.loc[: len(taken) - 1, "charge"] = taken
    assert "lone_numbers" in accused(good.with_set(frame, tmp_path))


def test_p_values_of_chance_alone_are_not_too_small():
    rng = np.random.default_rng(0)
    fisher, place, mass = [], [], []
    for _ in range(800):
        train, held, drawn = (rng.zipf(1.6, n) for n in (400, 100, 500))
        known, times = np.unique(train, return_counts=True)
        equal, rows = unseen_mass(times)
        hits, seen = np.isin(drawn, known).sum(), np.isin(held, known).sum()
        fisher.append(more_often(hits, 500, seen, 100))
        mass.append(more_often(hits, 500, seen + equal, 100 + rows))
        edge = np.sort(rng.random(120))[4]
        place.append(below_order_statistic((rng.random(500) < edge).sum(), 500, 5, 120))
    for found in (fisher, place, mass):
        for level in (0.05, 0.01, 0.001):
            assert np.mean(np.array(found) <= level) <= level + 3 * np.sqrt(level / 800)


def test_an_unseen_row_is_expected_as_often_as_training_rows_repeat():
    assert unseen_mass(np.array([1, 1, 1, 1])) == (0.0, 2.0)
    hits, rows = unseen_mass(np.array([2, 2, 1, 1, 1, 1, 1, 1]))
    assert hits / rows == pytest.approx(0.4)
    assert rows == pytest.approx(10 * 0.24 / 0.64)


def visits(seed, people, each=10):
    """A long table: rows of one person lie close together."""
    rng = np.random.default_rng(seed)
    middle = np.repeat(rng.normal(size=(people, 5)), each, axis=0)
    frame = pd.DataFrame(middle + 0.05 * rng.normal(size=middle.shape), columns=list("abcde")).round(3)
    return frame.assign(pid=np.repeat(10_000 * seed + np.arange(people), each))


def long(real, fresh, directory, seed=0):
    person = {"pid": ColumnOverride(kind="person")}
    return scene(real, fresh, directory, columns=person, target=None, positive=None, seed=seed)


@pytest.mark.parametrize("metric", ["closest_record", "near_copies"])
def test_fewer_unseen_people_with_several_rows_each_accuse_no_clean_set(metric, tmp_path):
    """Rows of one person are no independent ones: 200 people in training are nearer to all than 60 unseen ones."""
    found = [long(visits(i, 260), visits(i + 50, 200), tmp_path / str(i)).measured(metric) for i in range(1, 9)]
    assert sum(one.p_value <= 0.05 for one in found) <= 2
    assert np.median([one.p_value for one in found]) > 0.05


def test_people_with_several_rows_who_are_copied_are_found(tmp_path):
    found = long(visits(1, 260), visits(2, 200), tmp_path / "clean")
    nearly = found.split.train.assign(a=found.split.train["a"] + 0.001)
    copied = found.with_set(nearly, tmp_path / "copied")
    assert copied.measured("closest_record").p_value < 0.01  # of three people copied one is among as many as are unseen
    assert copied.measured("near_copies").p_value < 1e-6
