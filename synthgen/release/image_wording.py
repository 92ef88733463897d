"""What a report on images says in plain words: the parts of `wording` that differ from tables."""

from __future__ import annotations

from synthgen.contracts import MetricResult, Scorecard, Status
from synthgen.release.rendering import Said, Tone

METHODS = (
    "The images were split into training, validation and hold-out images before anything else was done; images of one "
    "patient or source, and near duplicates, stay on one side. The generator never saw the hold-out.",
    "Every score of the synthetic set stands beside the score that hold-out images reach in its place, with as many "
    "images of each class: that is what perfect data of this size would get.",
    "Images are compared in the features of small networks trained on real training images of this source, so scores "
    "of two sources cannot be compared. For privacy two networks are trained on folds, so that neither side was seen.",
    "A cluster is a group of like images inside a class that enough people share. Lost: the 95 % interval of its "
    "synthetic share over its real share lies below 1/4; thin: below 4/5.",
    "An attack is made on images of the training data and, in the same way, on images the generator never saw (the "
    "control). What it gains on the first over the second is what the set gives away. All attacks and classes are "
    "corrected together (Holm 1979), so that a clean set is seldom accused.",
    "A score that failed, does not apply or rests on too little data is shown as such and never counts as a pass.",
)
TITLES = {
    "fidelity": "Fidelity: do they look like the real images?",
    "coverage": "Coverage: did every class and kind of image survive?",
    "utility": "Utility: can one learn from them?",
    "privacy": "Privacy: can anything be learnt about the people behind them?",
}


def _ok(scorecard: Scorecard, metric: str) -> MetricResult | None:
    found = scorecard.result(metric)
    return found if found is not None and found.status is Status.OK and found.value is not None else None


def faithful(scorecard: Scorecard) -> Said:
    """How far the images lie from real ones, beside what unseen real ones reach."""
    about, found = "Do they look real?", _ok(scorecard, "frechet")
    if found is None or found.value is None:
        return Said(about=about, text="How real the images look could not be judged.", tone="unknown")
    text = f"Their Fréchet distance to real images, all classes alike, is {found.value:.2f} (0 is best)"
    text += f"; unseen real images reach {found.holdout:.2f}." if found.holdout is not None else "."
    precise = _ok(scorecard, "precision")
    if precise is not None and precise.value is not None:
        text += f" {precise.value:.0%} of them lie where real images lie"
        text += f" ({precise.holdout:.0%} of unseen real ones do)." if precise.holdout is not None else "."
        tone: Tone = "good" if precise.value > 0.9 * (precise.holdout or 1.0) else "look"
        return Said(about=about, text=text, tone=tone)
    return Said(about=about, text=text)


def copied(scorecard: Scorecard) -> Said:
    """Whether images were copied, and how much nearer to training than to unseen images they lie."""
    about = "Were images copied?"
    same, near, closest = (_ok(scorecard, name) for name in ("copied_images", "near_copies", "closest_image"))
    if same is None or near is None or same.value is None or near.value is None:
        return Said(about=about, text="Whether images of real people were copied could not be judged.", tone="unknown")
    text = (
        f"{same.value:.2%} of the images equal a training image, and {near.value:.1%} lie suspiciously close to one "
        f"({near.holdout or 0:.1%} of unseen real images do)."
    )
    if closest is not None and closest.value is not None:
        text += f" {closest.value:.0%} are nearer to a training image than to an unseen one; by chance 50% are."
    beyond = [r for r in (same, near, closest) if r is not None and r.interval is not None]
    bad = any(r.interval is not None and r.interval.low > (r.holdout or 0.0) for r in beyond)
    return Said(about=about, text=text, tone="bad" if bad else "good")


def useful(scorecard: Scorecard) -> Said | None:
    """What a classifier trained on the set reaches on real images."""
    about, found = "Can one learn from them?", scorecard.result("accuracy_score")
    if found is None or found.status is Status.NOT_APPLICABLE:
        return None
    if found.status is not Status.OK or found.value is None or found.holdout is None:
        return Said(about=about, text="Whether classifiers learn from this set could not be judged.", tone="unknown")
    text = (
        f"A classifier that learnt from synthetic images finds {found.value:.0%} of the real images of the class it "
        f"knows worst; one that learnt from as many real images finds {found.holdout:.0%}."
    )
    short = found.holdout - (found.interval.high if found.interval else found.value)
    return Said(about=about, text=text, tone="good" if short <= 0 else "look" if short < 0.15 else "bad")
