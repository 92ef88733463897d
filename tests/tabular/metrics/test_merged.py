"""Merged categories are named to the reviewer, and never in a release."""

import json

import numpy as np
from scenes import hospital, scene

from synthgen.contracts import Status
from synthgen.release import gate, policies, report
from synthgen.spec import ColumnOverride

CANARIES = ("quarantine-canary", "chapel-canary")


def with_few(rows, seed):
    """The hospital with two wards of six and three people."""
    frame = hospital(rows, seed)
    frame["ward"] = np.r_[[CANARIES[0]] * 6, [CANARIES[1]] * 3, frame["ward"].to_numpy(object)[9:]]
    return frame.sample(frac=1, random_state=0).reset_index(drop=True)


def test_a_reviewer_is_told_what_was_merged_and_a_recipient_is_not(tmp_path):
    found = scene(with_few(1500, 1), hospital(1000, 2), tmp_path)
    held = found.split.train["ward"].value_counts().reindex(CANARIES).fillna(0)
    card = found.scored(("merged", "copied_rows", "near_copies"))
    result = card.result("merged")
    assert result.status is Status.OK
    assert result.value == 0
    column, *named = result.groups
    assert column.label.startswith("ward: ")
    assert column.real_count == held.sum()
    assert {g.label: g.real_count for g in named} == {f"ward = {c}": n for c, n in held.items() if n}
    assert all(g.suppressed for g in named)
    shown = report.html(report.review(card))
    assert all(g.label in shown for g in named)
    verdict = gate.decide(card, policies.named("open"))
    leaves = report.release(card, verdict)
    assert "canary" not in json.dumps(leaves) + report.html(leaves)


def test_a_set_that_names_one_is_found_out(tmp_path):
    found = scene(with_few(1500, 1), with_few(900, 2), tmp_path).measured("merged")
    assert found.value == 9 / 900
    assert sum(g.synthetic_count for g in found.groups if g.suppressed) == 9


def test_public_columns_merge_nothing(tmp_path):
    found = scene(with_few(1500, 1), hospital(900, 2), tmp_path, columns={"ward": ColumnOverride(public=True)})
    assert not found.measured("merged").groups
