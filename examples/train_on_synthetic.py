"""What a classifier learns from made digits, and how a classifier sees them, each beside real images.

Train on synthetic, test on real (Esteban et al. 2017; Ravuri and Vinyals 2019), and an inception score (Salimans et al.
2016) with a classifier of digits in the place of the Inception network.

python -m examples.train_on_synthetic [--out DIRECTORY]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib import pyplot
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the file can be run by its path

from examples import drawing
from examples.digits import RARE, digits, fitted
from synthgen.synthesizer import LabelledImages

EACH = 55  # made images of each digit and generator: together about as many as there are real ones
SEEDS = (0, 1)  # of two generators: what one of them makes of twenty 8s scatters too much for an example


def classifier(images: LabelledImages) -> Pipeline:
    """Logistic regression on pixels."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)).fit(flat(images), images.labels)


def flat(images: LabelledImages) -> np.ndarray:
    """Pixels as rows."""
    return images.images.reshape(len(images), -1) / 255.0


def joined(first: LabelledImages, second: LabelledImages) -> LabelledImages:
    """One after the other."""
    return LabelledImages(np.concatenate([first.images, second.images]), first.labels + second.labels)


def of_class(images: LabelledImages, name: str) -> LabelledImages:
    """The images of one class."""
    rows = np.array(images.labels) == name
    return LabelledImages(images.images[rows], [name] * int(rows.sum()))


def recalls(images: LabelledImages, unseen: LabelledImages) -> dict[str, float]:
    """Recall of each digit among unseen real images, of a classifier that learns from `images`."""
    told, truth = classifier(images).predict(flat(unseen)), np.array(unseen.labels)
    return {name: float((told[truth == name] == name).mean()) for name in sorted(set(unseen.labels))}


def inception_score(model: Pipeline, images: LabelledImages) -> float:
    """exp of the mean KL divergence of p(class | image) from p(class): 1 at worst, the number of classes at best."""
    given = np.clip(model.predict_proba(flat(images)), 1e-12, 1)
    return float(np.exp((given * np.log(given / given.mean(0))).sum(1).mean()))


def draw(found: Mapping[str, Mapping[str, float]]) -> pyplot.Figure:
    """Recall of each digit, one bar for each training set."""
    figure, axis = pyplot.subplots(figsize=(8, 3.8), layout="constrained")
    colours = (drawing.REAL, drawing.MADE, "#2a7f9e")
    for place, ((name, by), colour) in enumerate(zip(found.items(), colours, strict=True)):
        x = np.arange(len(by)) + 0.26 * (place - 1)
        axis.bar(x, list(by.values()), width=0.24, color=colour, label=name)
    axis.set_xticks(range(10), sorted(next(iter(found.values()))))
    axis.get_xticklabels()[int(RARE)].set_color(drawing.MADE)
    axis.set(ylim=(0, 1.02), xlabel=f"digit ({RARE} is the rare one)", ylabel="recall, unseen real images")
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def main() -> int:
    """Fit, sample, compare, draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=None)
    wish = parser.parse_args()
    data = digits()
    wanted = dict.fromkeys(sorted(set(data.train.labels)), EACH)
    made = joined(*(fitted(data.train, seed).sample(wanted) for seed in SEEDS))
    sets = {
        "real": data.train,
        "synthetic alone": made,
        f"real + synthetic {RARE}s": joined(data.train, of_class(made, RARE)),
    }
    found = {name: recalls(images, data.unseen) for name, images in sets.items()}
    print("trained on                accuracy over digits   worst digit   the rare digit")
    for name, by in found.items():
        print(f"{name:<25} {np.mean(list(by.values())):>20.3f} {min(by.values()):>13.3f} {by[RARE]:>16.3f}")
    judge = classifier(data.train)
    print("inception score, classifier of the real training images (1 to 10)")
    for name, images in (("real, unseen", data.unseen), ("made", made)):
        print(f"  {name:<14} {inception_score(judge, images):.2f}")
    print(f"plot: {drawing.save(draw(found), 'train_on_synthetic', wish.out)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
