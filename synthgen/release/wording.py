"""What a report says in plain words: a summary for a data steward, how things were measured, what they cannot show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from synthgen.contracts import GroupFigure, MetricResult, Scorecard, Status, Verdict
from synthgen.release import attacks, image_wording, policies
from synthgen.release.figures import shown
from synthgen.release.rendering import Said, Tone

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
    "An attack is made on people of the training data and, in the same way, on people the generator never saw (the "
    "control). What it gains on the first over the second is what the set gives away; the baseline is what guessing "
    "gets. All attacks and groups are corrected together (Holm 1979), so that a clean set is seldom accused.",
    "A score that failed, does not apply or rests on too little data is shown as such and never counts as a pass.",
)

NO_GUARANTEE = (
    "The privacy scores try the attacks that are known and look for signs of copying. Passing them is necessary; it is "
    "no proof that nobody can be recognised."
)
LIMITS = (
    "Scores describe this set and no other that the same model may draw.",
    "Relations that no score looks at may be wrong: check what your own analysis rests on. Do not take decisions about "
    "single people from synthetic rows.",
)


def limits(private: bool) -> tuple[str, ...]:
    """What nobody may read into the report; `private`: the generator came with a receipt of differential privacy."""
    claim = " No formal guarantee such as differential privacy is claimed."
    formal = " The formal guarantee of differential privacy is the receipt's, for the unit and the limits it states."
    return (NO_GUARANTEE + (formal if private else claim), *LIMITS)


def summary(
    scorecard: Scorecard, verdict: Verdict | None, rows: str, private: Mapping[str, Any] | None = None
) -> tuple[Said, ...]:
    """What a steward asks, in sentences that need no statistics; no cell value in them."""
    images = scorecard.modality == "images"
    answers = (
        _made(scorecard, rows, private),
        image_wording.faithful(scorecard) if images else _faithful(scorecard),
        _covered(scorecard),
        _attacked(scorecard, verdict),
        image_wording.copied(scorecard) if images else _copied(scorecard),
        image_wording.useful(scorecard) if images else _useful(scorecard),
        _helpful(scorecard),
        _decided(verdict),
    )
    return tuple(answer for answer in answers if answer is not None)


def methods(modality: str) -> tuple[str, ...]:
    """How the scores of a data kind were measured."""
    return image_wording.METHODS if modality == "images" else METHODS


def _made(scorecard: Scorecard, rows: str, private: Mapping[str, Any] | None) -> Said:
    records = policies.kind(scorecard.modality).records
    source = f"{rows} real {records}"
    if scorecard.generator == "given":
        text = f"The set holds {scorecard.rows:,} {records}, made elsewhere from {source}."
    else:
        made = f"drawn by the generator {scorecard.generator!r} after it learnt from {source}"
        text = f"The set holds {scorecard.rows:,} invented {records}, {made}."
    if private is not None and private.get("epsilon") is not None:
        text += f" It learnt with differential privacy (epsilon {shown(float(private['epsilon']))})."
    return Said(about="What was made", text=text)


def _ok(scorecard: Scorecard, metric: str) -> MetricResult | None:
    found = scorecard.result(metric)
    return found if found is not None and found.status is Status.OK and found.value is not None else None


def _unknown(about: str, text: str) -> Said:
    return Said(about=about, text=text, tone="unknown")


def _faithful(scorecard: Scorecard) -> Said:
    about, pair = "Does it look real?", _ok(scorecard, "pair")
    if pair is None or pair.value is None:
        return _unknown(about, "How well columns go together could not be judged.")
    text = f"Pairs of columns agree with the real table to {pair.value:.1%}"
    text += f"; unseen real rows reach {pair.holdout:.1%}." if pair.holdout is not None else "."
    detection = _ok(scorecard, "detection")
    if detection is not None and detection.value is not None:
        text += (
            f" A classifier tells synthetic from real rows with a score of {detection.value:.2f} (0.50 is guessing)."
        )
        telling = [g.label for g in detection.groups[:3]]
        if detection.value > 0.6 and telling:
            text += f" What gives them away most: {', '.join(telling)}."
    short = (pair.holdout or 0.0) - pair.value
    return Said(about=about, text=text, tone="good" if short < 0.02 else "look" if short < 0.1 else "bad")


def _covered(scorecard: Scorecard) -> Said:
    about, census = "Did small groups survive?", _ok(scorecard, "mode_census")
    if census is None:
        return _unknown(about, "Whether small groups survived could not be judged.")
    words = [g.census for g in census.groups]
    told, thin, lost = len(words) - words.count("too few to tell"), words.count("thin"), words.count("lost")
    text = f"Of {told:,} groups that can be judged, {words.count('represented'):,} are represented, "
    text += f"{thin} are thin and {lost} are lost."
    few = words.count("too few to tell")
    text += f" For {few} more the set is too small to tell." if few else ""
    return Said(about=about, text=text, tone="bad" if lost > told / 20 else "look" if lost or thin else "good")


def _attacked(scorecard: Scorecard, verdict: Verdict | None) -> Said:
    """The attacks on the whole set and on minorities: the largest gain, and whether any is more than chance."""
    about = "What can an attacker learn?"
    ours = policies.kind(scorecard.modality)
    rule = (verdict.policy.attacks if verdict else None) or ours.policies["standard"].attacks
    found = attacks.lines(rule, scorecard) if rule is not None else ()
    real = [line for line in found if line.metric not in ours.copying]
    made = [line for line in real if line.state in ("gains", "safe", "unclear")]
    if not made:
        return _unknown(about, "No attack on people could be carried out, so nothing is known about what it would get.")
    titles = {r.metric: r.title for r in scorecard.results}
    return Said(about=about, text=" ".join(_attack_words(real, made, titles)), tone=_attack_tone(made))


def _attack_tone(made: list[attacks.Line]) -> Tone:
    states = {line.state for line in made}
    return "bad" if "gains" in states else "look" if any(x.whole and x.state == "unclear" for x in made) else "good"


def _attack_words(real: list[attacks.Line], made: list[attacks.Line], titles: Mapping[str, str]) -> Iterator[str]:
    for where, whole in (("the whole set", True), ("minorities", False)):
        there = [line for line in made if line.whole is whole]
        few = sum(line.whole is whole and line.state == "insufficient" for line in real)
        if not there:
            yield f"On {where} no attack could be carried out{' for want of people' if few else ''}."
            continue
        gains = [line for line in there if line.state == "gains"]
        first = max(gains or there, key=lambda line: (line.found.value or 0.0) - (line.found.holdout or 0.0))
        several = "s were" if len(there) > 1 else " was"
        yield f"On {where}, {len(there)} attack{several} made on people of the training data."
        where_first = titles[first.metric] + (f" ({first.title})" if first.title != titles[first.metric] else "")
        ours, theirs = (_share(first, n) for n in (first.found.value, first.found.holdout))
        beside = f"{ours} against {theirs} on people who are not in it"
        does = f"{len(gains)} do{'es' if len(gains) == 1 else ''}" if gains else "None does"
        yield f"{does} better than chance allows; the strongest, {where_first}, scores {beside}."
        if few:
            yield f"{few} more had too few people to tell."


def _share(line: attacks.Line, value: float | None) -> str:
    """A share as it may be told of the whole, of a pool of groups and of a single group."""
    if value is None:
        return "an unknown share"
    if line.whole:
        return f"{value:.1%}"
    pooled = isinstance(line.found, GroupFigure) and line.found.kind == attacks.POOL
    return f"{value:.0%}" if pooled else f"about {round(value / 0.05) * 0.05:.0%}"


def _copied(scorecard: Scorecard) -> Said:
    about = "Were rows copied?"
    copied, near = _ok(scorecard, "copied_rows"), _ok(scorecard, "near_copies")
    if copied is None or near is None or copied.value is None or near.value is None:
        return _unknown(about, "Whether rows of real people were copied could not be judged.")
    text = (
        f"{copied.value:.2%} of the rows equal a training row ({copied.holdout or 0:.2%} of unseen real rows do), and "
        f"{near.value:.1%} lie suspiciously close to one ({near.holdout or 0:.1%} of unseen real rows do)."
    )
    beyond = any(r.interval is not None and r.interval.low > (r.holdout or 0.0) for r in (copied, near))
    return Said(about=about, text=text, tone="bad" if beyond else "good")


def _useful(scorecard: Scorecard) -> Said | None:
    about, utility = "Can one learn from it?", scorecard.result("utility")
    if utility is None or utility.status is Status.NOT_APPLICABLE:
        return None
    if utility.status is not Status.OK or utility.value is None or utility.holdout is None:
        return _unknown(about, "Whether models learn the target from this set could not be judged.")
    text = (
        f"A model that learnt the target from synthetic rows scores {utility.value:.2f} on real people; one that "
        f"learnt from as many real rows scores {utility.holdout:.2f}."
    )
    short = utility.holdout - (utility.interval.high if utility.interval else utility.value)
    return Said(about=about, text=text, tone="good" if short <= 0 else "look" if short < 0.15 else "bad")


def _helpful(scorecard: Scorecard) -> Said | None:
    """Whether adding the set to the real rows helps a model: the metric's own advice."""
    records = policies.kind(scorecard.modality).records
    about, found = f"Does adding it to real {records} help?", scorecard.result("augmentation")
    if found is None or found.status is Status.NOT_APPLICABLE:
        return None
    if found.status is not Status.OK or not found.verdict:
        return _unknown(about, f"Whether adding this set to real {records} helps a model could not be judged.")
    text = found.reason or f"{found.verdict[0].upper()}{found.verdict[1:]}."
    return Said(about=about, text=text, tone="good" if found.verdict.startswith("use") else "look")


def _decided(verdict: Verdict | None) -> Said | None:
    if verdict is None:
        return None
    about, policy = "May it leave?", verdict.policy.name
    if verdict.outcome == "awaiting_review":
        text = f"Every rule of the policy {policy!r} is met; a person with the right to release decides."
        return Said(about=about, text=text, tone="good")
    n = len(verdict.failed)
    text = f"The policy {policy!r} blocks this set: {n} rule{'s are' if n > 1 else ' is'} not met."
    if verdict.final:
        return Said(about=about, text=f"{text} {verdict.final} Nobody may override that.", tone="bad")
    text += " Only two people together may release it all the same: one asks with a written reason, a second confirms."
    return Said(about=about, text=f"{text} Both names and the reason are printed on the card.", tone="bad")
