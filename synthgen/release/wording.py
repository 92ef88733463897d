"""What a report says in plain words: a summary for a data steward, how things were measured, what they cannot show."""

from __future__ import annotations

from synthgen.contracts import MetricResult, Scorecard, Status, Verdict

METHODS = (
    "The table was split into training, validation and hold-out rows before anything else was done, by person where a "
    "person has several rows. The generator never saw the hold-out.",
    "Every score of the synthetic set stands beside the score that hold-out rows reach in its place: that is what "
    "perfect data of this size would get. Both sides were cut to the same number of rows first.",
    "A group (mode) is a value of the target, a rare category, a spike or tail of a number, a missing value or a rare "
    "pair of values that enough people share. Lost: the 95 % interval of its synthetic share over its real share lies "
    "below 1/4; thin: below 4/5; too few to tell: fewer than 5 synthetic rows were to be expected.",
    "Of a table with more than 300 columns, 300 drawn by the seed and the target are compared where pairs, distances "
    "or classifiers are concerned.",
    "A score that failed, does not apply or rests on too little data is shown as such and never counts as a pass.",
)

LIMITS = (
    "The privacy scores look for signs of copying. Passing them is necessary; it is no proof that nobody can be "
    "recognised. No formal guarantee such as differential privacy is claimed.",
    "Scores describe this set and no other that the same model may draw.",
    "Relations that no score looks at may be wrong: check what your own analysis rests on. Do not take decisions about "
    "single people from synthetic rows.",
)


def summary(scorecard: Scorecard, verdict: Verdict | None, rows: str) -> list[str]:
    """A few sentences a person without statistics understands; no cell value in them."""
    found = [_made(scorecard, rows), _faithful(scorecard), _covered(scorecard), _useful(scorecard), _private(scorecard)]
    return [line for line in (*found, _decided(verdict)) if line]


def _made(scorecard: Scorecard, rows: str) -> str:
    return (
        f"The set holds {scorecard.rows:,} invented rows, drawn by the generator {scorecard.generator!r} after it "
        f"learnt from {rows} real rows."
    )


def _ok(scorecard: Scorecard, metric: str) -> MetricResult | None:
    found = scorecard.result(metric)
    return found if found is not None and found.status is Status.OK and found.value is not None else None


def _faithful(scorecard: Scorecard) -> str:
    pair = _ok(scorecard, "pair")
    if pair is None or pair.value is None:
        return "How well columns go together could not be judged."
    text = f"Pairs of columns agree with the real table to {pair.value:.1%}"
    text += f"; unseen real rows reach {pair.holdout:.1%}." if pair.holdout is not None else "."
    detection = _ok(scorecard, "detection")
    if detection is not None and detection.value is not None:
        text += (
            f" A classifier tells synthetic from real rows with a score of {detection.value:.2f} (0.50 is guessing)."
        )
    return text


def _covered(scorecard: Scorecard) -> str:
    census = _ok(scorecard, "mode_census")
    if census is None:
        return "Whether small groups survived could not be judged."
    words = [g.census for g in census.groups]
    told = sum(w != "too few to tell" for w in words)
    text = f"Of {told} groups that can be judged, {words.count('represented')} are represented, "
    text += f"{words.count('thin')} are thin and {words.count('lost')} are lost."
    few = words.count("too few to tell")
    return text + (f" For {few} more the set has too few rows to tell." if few else "")


def _useful(scorecard: Scorecard) -> str:
    utility = scorecard.result("utility")
    if utility is None or utility.status is Status.NOT_APPLICABLE:
        return ""
    if utility.status is not Status.OK or utility.value is None or utility.holdout is None:
        return "Whether models learn the target from this set could not be judged."
    return (
        f"A model that learnt the target from synthetic rows scores {utility.value:.2f} on real people; one that "
        f"learnt from as many real rows scores {utility.holdout:.2f}."
    )


def _private(scorecard: Scorecard) -> str:
    copied, near = _ok(scorecard, "copied_rows"), _ok(scorecard, "near_copies")
    if copied is None or near is None or copied.value is None or near.value is None:
        return "Whether rows of real people were copied could not be judged."
    return (
        f"{copied.value:.2%} of the rows equal a training row ({copied.holdout or 0:.2%} of unseen real rows do), and "
        f"{near.value:.1%} lie suspiciously close to one ({near.holdout or 0:.1%} of unseen real rows do)."
    )


def _decided(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    if verdict.outcome == "awaiting_review":
        return f"Every rule of the policy {verdict.policy.name!r} is met; a person decides about the release."
    n = len(verdict.failed)
    return f"The policy {verdict.policy.name!r} blocks this set: {n} rule{'s are' if n > 1 else ' is'} not met."
