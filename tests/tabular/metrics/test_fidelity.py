import pytest

from synthgen.contracts import Status


def sorted_columns(good, tmp_path):
    """Every column right, nothing goes together as it should: all columns sorted."""
    frame = good.split.train.copy()
    for column in frame:
        frame[column] = frame[column].sort_values(ignore_index=True)
    return good.with_set(frame, tmp_path)


def test_fresh_rows_reach_the_hold_out(good):
    for name in ("quality", "diagnostic", "marginal", "pair"):
        result = good.measured(name)
        assert result.status is Status.OK
        assert result.value == pytest.approx(result.holdout, abs=0.02)
    detection = good.measured("detection")
    assert detection.interval.low < 0.53
    assert detection.value == pytest.approx(0.5, abs=0.05)


def test_sorted_columns_keep_margins_and_lose_pairs(good, tmp_path):
    found = sorted_columns(good, tmp_path)
    assert found.measured("marginal").value > 0.95
    assert found.measured("pair").value < found.measured("pair").holdout - 0.2
    assert found.measured("pair").groups[0].value < 0.6  # worst pair first
    assert found.measured("detection").value > 0.95


def test_one_wrong_column_is_named_first(good, tmp_path):
    frame = good.split.train.assign(sex="f")
    result = good.with_set(frame, tmp_path).measured("marginal")
    assert result.groups[0].label == "sex"
    assert result.groups[0].value == pytest.approx(0.5, abs=0.05)


def test_values_that_were_never_seen_lower_the_diagnostic_score(good, tmp_path):
    frame = good.split.train.assign(charge=1e9, ward="moon")
    result = good.with_set(frame, tmp_path).measured("diagnostic")
    assert result.status is Status.OK
    assert result.value < 0.95


def test_an_error_inside_sdmetrics_is_an_error_here(good, monkeypatch):
    from sdmetrics.single_column import KSComplement

    def broken(*_args, **_kwargs):
        raise ValueError("a cell value: 12345")

    monkeypatch.setattr(KSComplement, "compute", broken)
    result = good.measured("quality")
    assert result.status is Status.ERROR
    assert result.value is None
    assert "ValueError" in result.reason
    assert "12345" not in result.reason
