"""Benchmarks are fair and can be resumed: a split by person, children cut and kept, bars that can be missed."""

import json
import sys
from argparse import Namespace
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks import (
    bars,
    children,
    emphasis,
    figure,
    images,
    judging,
    membership,
    rare_class,
    report,
    tables,
    tabular,
)
from benchmarks.contestants import Contestant, ours, peer

FIGURES = {
    "rows_compared": 1000, "dcr_share": 0.5, "dcr_se": 0.01, "near_copies": 0.01, "copied_numbers": 0.0,
    "copied_numbers_holdout": 0.0, "detection_auc": 0.52, "tstr_ap": 0.8, "worst_tenth": 0.1, "pair": 0.98,
    "pair_holdout": 0.981, "trtr_ap": 0.82, "test_positives": 200, "status": "ok", "runs": 1,
}  # fmt: skip


def visits(rows=900):
    """Several visits of each person, and a rare outcome."""
    rng = np.random.default_rng(0)
    who = rng.integers(0, 300, rows)
    return pd.DataFrame({"who": who, "x": rng.normal(size=rows).round(3), "y": np.where(who % 10 == 0, "died", "well")})


@pytest.fixture
def table(tmp_path):
    visits().to_csv(tmp_path / "visits.csv", index=False)
    return tables.Table("visits", tmp_path / "visits.csv", None, "y", "died", ("who",), "who")


def test_a_split_keeps_people_whole_and_classes_in_proportion(table, tmp_path):
    train, test = (pd.read_csv(path) for path in tables.split(table, 0, None, tmp_path / "a"))
    assert not set(train.who) & set(test.who)
    assert len(train) + len(test) == 900
    people = [frame.drop_duplicates("who") for frame in (train, test)]
    assert abs((people[0].y == "died").mean() - (people[1].y == "died").mean()) < 0.02
    again = tables.split(table, 0, None, tmp_path / "b")[0]
    other = tables.split(table, 1, None, tmp_path / "c")[0]
    assert again.read_bytes() == (tmp_path / "a" / "train.csv").read_bytes() != other.read_bytes()


def test_a_sample_cuts_the_training_rows_only(table, tmp_path):
    small = tables.split(table, 0, 200, tmp_path / "small")
    whole = tables.split(table, 0, None, tmp_path / "whole")
    assert 150 < len(pd.read_csv(small[0])) < 250
    assert small[1].read_bytes() == whole[1].read_bytes()


def child(tmp_path, body):
    """A command that counts its runs, does `body` and leaves what a child leaves."""
    count = tmp_path / "count"
    text = f"import json, sys; open({str(count)!r}, 'a').write('x'); {body}\n"
    text += "open(sys.argv[1], 'w').write('a\\n1\\n'); json.dump({'rows': 1}, open(sys.argv[2], 'w'))"
    return [sys.executable, "-c", text], count


def test_a_fit_is_run_once_for_one_key(tmp_path):
    command, count = child(tmp_path, "pass")
    for _ in range(2):
        facts = children.once("key", command, tmp_path / "out.csv", 60, tmp_path / "cache")
        assert (facts["status"], facts["rows"]) == ("ok", 1)
        assert (tmp_path / "out.csv").read_text() == "a\n1\n"
    assert count.read_text() == "x"
    children.once("other key", command, tmp_path / "out.csv", 60, tmp_path / "cache")
    assert count.read_text() == "xx"


def test_a_fit_over_its_limit_is_cut_with_its_children_and_tried_again_only_for_a_higher_limit(tmp_path):
    body = f"import subprocess; subprocess.run([{sys.executable!r}, '-c', 'while True: pass'])"
    command, count = child(tmp_path, body)
    for _ in range(2):
        facts = children.once("key", command, tmp_path / "out.csv", 0.5, tmp_path / "cache")
        assert facts["status"] == "cut"
        assert facts["cpu_seconds"] >= 0.5
    assert count.read_text() == "x"
    children.once("key", command, tmp_path / "out.csv", 0.8, tmp_path / "cache")
    assert count.read_text() == "xx"


def test_what_was_measured_under_a_key_is_not_measured_again(tmp_path):
    runs = []
    for key in ("a", "a", "b"):
        assert children.remembered(key, lambda: {"n": runs.append(0) or len(runs)}, tmp_path)["n"] == len(runs)
    assert len(runs) == 2


def test_a_fit_that_fails_is_told_and_not_kept(tmp_path):
    command, count = child(tmp_path, "raise SystemExit('no such luck')")
    for _ in range(2):
        facts = children.once("key", command, tmp_path / "out.csv", 60, tmp_path / "cache")
        assert facts["status"] == "failed"
        assert "no such luck" in facts["why"]
    assert count.read_text() == "xx"


def test_the_key_of_a_fit_hangs_on_data_settings_and_version(table, tmp_path, monkeypatch):
    keys = []
    monkeypatch.setattr(children, "once", lambda key, *rest: keys.append(key) or {})
    train, test = tables.split(table, 0, None, tmp_path)
    one = Contestant("ours", ("run",), {"a": 1}, "v1")
    runs = [(one, train, 0), (one, test, 0), (one, train, 1)]
    runs += [(Contestant("ours", ("run",), *rest), train, 0) for rest in (({"a": 2}, "v1"), ({"a": 1}, "v2"))]
    for who, data, seed in [*runs, (one, train, 0)]:
        who.fit(data, table, seed, tmp_path / "out.csv", 60)
    assert len(set(keys)) == 5
    assert keys[0] == keys[-1]


def test_a_published_run_of_a_peer_is_read_again_for_the_same_judge_only(table, tmp_path, monkeypatch):
    fitted, judge = [], tmp_path / "judge.py"
    facts = {"status": "ok", "rows": 1, "sample_cpu_seconds": 1.0, "cpu_seconds": 1.0, "peak_memory_mib": 1}
    monkeypatch.setattr(children, "once", lambda key, command, *rest: fitted.append(command[0]) or facts)
    monkeypatch.setattr(judging, "judged", lambda *files: {"pair": 0.5})
    options = Namespace(splits=[0], seeds=[0], sample=None, judge=judge, limit=60)
    who = Contestant("ours", ("ours",)), [Contestant("other", ("other",))]

    def compared(version):
        judge.write_text(version)
        found = tabular.compare(table, *who, options, tmp_path, tabular.published(tmp_path, "visits"))
        (tmp_path / "visits.json").write_text(json.dumps(found))
        return found

    assert compared("1") == compared("1")
    compared("2")
    assert fitted == ["ours", "other", "ours", "ours", "other"]


def test_a_peer_that_cannot_be_judged_is_marked_and_ours_ends_the_run(table, tmp_path, monkeypatch):
    judge = tmp_path / "judge.py"
    judge.write_text("import sys; sys.exit('odd table')")
    files = (judge, table, *tables.split(table, 0, None, tmp_path), table.file)
    assert tabular._judged(*files, theirs=True)["status"] == "not judged"
    with pytest.raises(judging.JudgeFailed, match="odd table"):
        tabular._judged(*files, theirs=False)


def test_no_judge_and_no_such_target_are_told_in_words(table, tmp_path, monkeypatch):
    told = ["tabular", "--data", str(table.file), "--target", "y"]
    monkeypatch.setattr(sys, "argv", [*told, "--judge", str(tmp_path / "none.py")])
    with pytest.raises(SystemExit, match="no judge"):
        tabular.main()
    with pytest.raises(SystemExit, match="no column 'nope'"):
        tables.split(replace(table, target="nope"), 0, None, tmp_path)


def test_peers_are_called_by_their_names():
    assert peer("smote").asked["generator"] == "smote_nc"
    assert peer("ctgan").command[-1] == "CTGAN"
    assert ours().name == "synthgen"
    with pytest.raises(SystemExit, match="there are: ctgan, tvae, mostlyai, smote"):
        peer("gpt")


def test_bars_can_be_missed_met_and_more_than_met():
    outcomes = [bars.Bar("pair", value, ">=", 0.97, 0.98).outcome for value in (0.969, 0.97, 0.98)]
    assert outcomes == ["MISS", "floor", "goal"]
    assert bars.Bar("detection_auc", 0.6, "<=", 0.55).outcome == "MISS"
    assert "MISS" in bars.Bar("detection_auc", 0.6, "<=", 0.55).line()


def test_peers_are_met_within_an_interval_and_beaten_without():
    peers = {"tvae": FIGURES | {"tstr_ap": 0.83}, "mostlyai": FIGURES | {"tstr_ap": 0.81}}
    found = {(bar.measure, bar.against): bar.outcome for bar in bars.applying("pima", FIGURES, peers)}
    assert found["tstr_ap", "tvae within our interval; best of all"] == "floor"
    assert found["tstr_ap", "mostlyai"] == "MISS"
    far = {"tvae": FIGURES | {"tstr_ap": 0.9}}
    assert "MISS" in {bar.outcome for bar in bars.applying("pima", FIGURES, far) if bar.measure == "tstr_ap"}


def test_means_hold_the_spread_over_seeds_and_say_what_was_cut():
    runs = [FIGURES | {"tstr_ap": ap, "rows": 100, "sample_cpu_seconds": 0.5} for ap in (0.7, 0.8)]
    mean = tabular.mean(runs)
    assert mean["tstr_ap"] == pytest.approx(0.75)
    assert mean["tstr_ap_sd"] == pytest.approx(0.0707, abs=1e-4)
    assert (mean["rows_a_second"], mean["runs"]) == (200, 2)
    cut = tabular.mean([{"status": "cut", "limit": 9.0, "cpu_seconds": 9.3}])
    text = tabular.shown({"synthgen": {"mean": mean}, "ctgan": {"mean": cut}})
    assert "cut" in text
    assert "0.9810" in text


@pytest.fixture
def result():
    means = {"synthgen": FIGURES, "mostlyai": FIGURES | {"tstr_ap": 0.81, "detection_auc": 0.6}}
    means["ctgan"] = {"status": "cut", "cpu_seconds": 1801.0, "limit": 1800.0}
    held = bars.applying("pima", FIGURES, {"mostlyai": means["mostlyai"]})
    found = {"table": "pima", "bars": [vars(bar) | {"outcome": bar.outcome} for bar in held]}
    return found | {"contestants": {name: {"mean": mean, "runs": []} for name, mean in means.items()}}


def test_the_report_shows_every_contestant_every_miss_and_the_count(result, tmp_path, monkeypatch, capsys):
    (tmp_path / "pima.json").write_text(json.dumps(result))
    monkeypatch.setattr(sys, "argv", ["report", str(tmp_path)])
    assert report.main() == 0
    text = capsys.readouterr().out
    assert "| real, unseen | 0.981 |" in text
    assert "ctgan: cut after 1801 CPU s" in text
    assert "| mostlyai | 1 of 1 | 0 of 1 | 0 of 1 |  |" in text
    assert "- pima: tstr_ap 0.800, floor >= 0.810 mostlyai" in text


def test_the_figure_is_drawn(result, tmp_path):
    pytest.importorskip("matplotlib")
    figure.draw(result, tmp_path / "plots" / "pima.png")
    assert (tmp_path / "plots" / "pima.png").read_bytes().startswith(b"\x89PNG")


def test_rare_class_differences_are_paired_and_judged():
    runs = [
        {
            "real": r,
            "class weights": r - 0.1,
            rare_class.OURS: r + 0.02,
            rare_class.CHOSEN: r + 0.01,
            "ratio": 0.8,
            "bootstrap ratio": 0.9,
        }
        for r in (0.5, 0.6, 0.4)
    ]
    found = rare_class.summary(runs)
    assert found["best other"] == "real"
    ratio, gain = found["bars"]
    assert (ratio["mean"], ratio["outcome"]) == (-0.1, "MISS")
    assert (gain["low"], gain["high"], gain["outcome"]) == (0.02, 0.02, "goal")


def test_a_table_of_the_list_is_found_by_the_start_of_its_name():
    if not tables.TABLES.exists():
        pytest.skip("the shared list of tables is absent")
    found = tables.named("diabetes130_sample")
    assert (found.person, found.positive) == ("patient_nbr", "<30")
    assert found.file.exists()
    with pytest.raises(SystemExit, match="no table of the list"):
        tables.named("no such table")


def test_the_overview_names_the_best_peer_that_copies_nobody():
    peers = {"ctgan": {"detection_auc": 0.7}, "smote": {"detection_auc": 0.5}, "tvae": {"detection_auc": 0.6}}
    made = {"synthgen": FIGURES, **{name: FIGURES | peer for name, peer in peers.items()}}
    text = report.overview([{"table": "pima", "contestants": {n: {"mean": mean} for n, mean in made.items()}}])
    assert "**0.520**, 0.600 tvae" in text
    assert "smote" not in text


def emphasis_runs(**excess):
    """Five seeds in which the mean arm stands still and the excess arm lies beside it, a little apart in every seed."""
    at_rest = {"inside": 10.0, "worst": 20.0, "mean": 5.0, "gap": 1.0, "pair": 0.95, "pair_loss": -0.95}
    arms = {m: at_rest[m] + excess.get(m, 0.0) for m in at_rest}
    return {
        str(seed): {"excess": {m: v + 1e-3 * (seed - 2) for m, v in arms.items()}, "mean": dict(at_rest)}
        for seed in range(5)
    }


@pytest.mark.parametrize(
    ("steps", "excess", "outcomes"),
    [
        ("quarter", {"inside": -0.1}, ["goal"]),
        ("quarter", {"inside": 0.0}, ["MISS"]),
        ("full", {"inside": -0.1, "gap": -0.1, "pair_loss": 0.001}, ["goal", "goal", "floor"]),
        ("full", {"inside": 0.1, "gap": 0.1, "pair_loss": 0.01}, ["MISS", "MISS", "MISS"]),
    ],
)
def test_emphasis_is_held_against_its_bars(steps, excess, outcomes):
    runs = emphasis_runs(**excess)
    for run in runs.values():
        for arm in run.values():
            arm |= {"groups": 3, "cpu_seconds": 1.0}
    found = emphasis.bars(steps, emphasis.differences(runs))
    assert [bar["outcome"] for bar in found] == outcomes
    text = "\n".join(emphasis.lines({"table": "t", "emphasis": steps, "seeds": runs, "bars": found}))
    assert all(outcome in text for outcome in outcomes)
    found = {"table": "t", "emphasis": steps, "seeds": runs, "differences": emphasis.differences(runs), "bars": found}
    told = report.emphasised([found]) + report.missed([found])
    assert told.count(f"t, {steps} of the steps") == 1 + outcomes.count("MISS")


def test_membership_bars_take_the_best_attack_and_nothing_measured_is_a_miss():
    attacks = {"membership": {"auc": 0.7}, "membership_likelihood": {"auc": 0.9}, "membership_density": {"auc": None}}
    found = membership.bars({"overfitted": {"attacks": attacks}, "default": {"attacks": attacks}})
    assert [(bar.value, bar.outcome) for bar in found] == [(0.9, "floor"), (0.9, "MISS")]
    unmeasured = {"attacks": {"membership": {"auc": None}}}
    assert {bar.outcome for bar in membership.bars({"overfitted": unmeasured, "default": unmeasured})} == {"MISS"}


def test_attacks_that_gain_fit_in_lines():
    attack = {
        "status": "ok", "auc": 0.71, "interval": [0.66, 0.76], "p_value": 0.001, "tpr_at_1": 0.2, "tpr_at_01": None,
        "populations": 2, "worst_auc": 0.8,
    }  # fmt: skip
    model = {"rows": 300, "holdout_rows": 300, "cpu_seconds": 1.0, "peak_memory_mib": 100}
    told = membership.lines(
        "overfitted", {**model, "attacks": {"membership": attack, "other": {**attack, "auc": None}}}
    )
    assert "auc 0.7100 (0.6600 to 0.7600)" in told[1]
    assert "tpr_at_01" not in told[1]
    assert "worst of 2 pools 0.8000" in told[1]


def image_runs(arm, rarest, advice=None):
    """Three seeds of one arm, a little apart."""
    run = dict.fromkeys(images.MEASURES, 0.5) | {"frechet": 1.0, "frechet_holdout": 0.2, "excess": 0.0}
    found = [run | {"rarest": rarest + 0.01 * seed, "excess_rarest": 0.1} for seed in range(3)]
    return {arm: [r | advice if advice else r for r in found]}


def test_images_are_held_against_their_bars_and_shown_arm_by_arm():
    advice = {"advice": {"verdict": "use +50 %", "gain": [0.1, 0.05, 0.2]}, "planted": {"verdict": "do not use"}}
    runs = image_runs("worst_case", 0.8, advice) | image_runs("balanced", 0.7) | image_runs("frequency", 0.1)
    held = {bar.measure: bar.outcome for bar in images.bars("digits_thinned", runs)}
    assert held["coverage, rarest class"] == held["rarest, against frequency"] == "floor"
    assert held["coverage, worst cluster"] == "floor"
    assert held["worst recall"] == held["memorisation, rarest"] == "MISS"
    assert held["rarest, better than balanced"] == "goal"
    assert held["verdicts without proof"] == held["planted bad sets advised"] == "floor"
    found = {"images": "digits", "table": "images digits", "minutes": 5.0, "runs": runs, "means": images.means(runs)}
    found |= {"differences": images.differences(runs), "bars": [b.entry() for b in images.bars("digits", runs)]}
    assert "use +50 %, recall of the worst class +0.100 (+0.050 to +0.200); planted: do not use" in "\n".join(
        images.lines(found)
    )
    assert "| digits, balanced, 3 x 5 minutes | 0.710 |" in report.images([found])
    assert "| digits: frequency | +0.700" in report.arms([found])[0]
    assert "- images digits: worst recall 0.500, floor >= 0.950" in report.missed([found])


def test_a_lost_class_of_images_is_a_miss():
    for lost, outcome in ((0.0, "floor"), (1.0, "MISS")):
        runs = image_runs("worst_case", 0.8)
        runs["worst_case"][1]["lost_classes"] = lost
        assert "classes lost, worst seed" not in {bar.measure for bar in images.bars("x", runs)}, "not known of all"
        for run in runs["worst_case"]:
            run.setdefault("lost_classes", 0.0)
        held = {bar.measure: bar.outcome for bar in images.bars("x", runs)}
        assert held["classes lost, worst seed"] == outcome


def test_planted_copies_of_images_that_nobody_notices_are_a_miss():
    missed = {"planted": {"told": False, "share": 0.0}, "plain": {"told": True, "share": 0.0}}
    assert [bar.outcome for bar in images.copying(missed)] == ["MISS", "MISS"]
    caught = {"planted": {"told": True, "share": 0.01}, "plain": {"told": False, "share": 0.0}}
    assert [bar.outcome for bar in images.copying(caught)] == ["floor", "floor"]
    assert not list(images.copying({}))


def test_differences_of_image_arms_hold_what_seeds_and_what_test_images_say():
    ours, other = image_runs("worst_case", 0.8)["worst_case"], image_runs("balanced", 0.7)["balanced"]
    alike = images.differences({"worst_case": ours, "balanced": other})["balanced"]["recall"]
    known = [{**run, "intervals": {"recall": [run["recall"] - 0.3, run["recall"] + 0.3]}} for run in ours]
    wide = images.differences({"worst_case": known, "balanced": other})["balanced"]["recall"]
    assert wide[0] == alike[0]
    assert wide[2] - wide[1] > 0.3 / np.sqrt(len(ours)) > alike[2] - alike[1]
    unequal = [{**run, "recall": value} for run, value in zip(ours, (0.5, 0.8, 0.95), strict=True)]
    mean, low, high = images.differences({"worst_case": unequal, "balanced": other})["balanced"]["recall"]
    assert low < mean - 4.3 * 0.1 < mean < high  # Student's t with two degrees of freedom, not a bootstrap of three


def test_a_planted_bad_set_of_images_that_is_advised_is_a_miss():
    rash = {"verdict": "use +25 %", "gain": [0.1, -0.01, 0.2]}
    held = {
        b.measure: b.outcome for b in images.bars("x", image_runs("worst_case", 0.8, {"advice": rash, "planted": rash}))
    }
    assert held["verdicts without proof"] == held["planted bad sets advised"] == "MISS"
