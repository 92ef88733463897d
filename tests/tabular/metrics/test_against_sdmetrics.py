"""Where sdmetrics defines the same thing, its own functions give our figures on the same rows."""

import pytest
from sdmetrics.column_pairs import ContingencySimilarity, CorrelationSimilarity
from sdmetrics.single_column import MissingValueSimilarity, TVComplement
from sdmetrics.single_table import TVComplement as MeanTVComplement

ROWS = 2400  # of the synthetic set: as many pieces of the hold-out's size as we take


@pytest.fixture(scope="module")
def changed(good, tmp_path_factory):
    """A set that is wrong in a known way: a ward too often, charges of others, gaps of their own."""
    frame = good.synthetic.take(ROWS)
    frame["ward"] = frame["ward"].where(frame.index % 7 > 0, "eyes")
    frame["charge"] = frame["charge"].sample(frac=1.0, random_state=0).to_numpy()
    frame["smoker"] = frame["smoker"].where(frame["age"] < 70, None)
    return good.with_set(frame, tmp_path_factory.mktemp("changed"))


@pytest.fixture(scope="module")
def rows(changed):
    return changed.split.train, changed.synthetic.take(ROWS)


def lines(changed, metric):
    return {frozenset(g.columns): g.value for g in changed.measured(metric).groups}


def test_shares_of_discrete_columns(changed, rows):
    ours = lines(changed, "marginal")
    for column in ("ward", "sex", "outcome"):
        theirs = TVComplement.compute(rows[0][column], rows[1][column])
        assert ours[frozenset({column})] == pytest.approx(theirs, abs=0.02)
    columns = ["ward", "sex", "outcome"]
    assert MeanTVComplement.compute(rows[0][columns], rows[1][columns]) == pytest.approx(
        sum(ours[frozenset({c})] for c in columns) / 3, abs=0.02
    )


def test_pairs_of_discrete_columns(changed, rows):
    ours = lines(changed, "pair")
    for pair in (["ward", "sex"], ["ward", "outcome"]):
        theirs = ContingencySimilarity.compute(rows[0][pair], rows[1][pair])
        assert ours[frozenset(pair)] == pytest.approx(theirs, abs=0.03)


def test_rank_correlations(changed, rows):
    ours = lines(changed, "correlation")
    for pair in (["age", "charge"], ["age", "sodium"]):
        theirs = CorrelationSimilarity.compute(rows[0][pair], rows[1][pair], coefficient="Spearman")
        assert 1 - ours[frozenset(pair)] / 2 == pytest.approx(theirs, abs=0.03)


def test_shares_of_missing_cells(changed, rows):
    ours = lines(changed, "missingness")
    for column in ("smoker", "sodium"):
        theirs = MissingValueSimilarity.compute(rows[0][column], rows[1][column])
        assert 1 - ours[frozenset({column})] == pytest.approx(theirs, abs=0.01)
    assert ours[frozenset({"smoker"})] > 0.1
