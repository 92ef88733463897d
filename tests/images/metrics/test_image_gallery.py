"""The pictures a reviewer looks at: the likeliest copies of all, and of every class."""

import numpy as np
from image_scene import CLASSES, planted, scene, shapes

from synthgen.images.gallery import OF_EACH, PAIRS, gallery


def test_a_rare_class_is_among_the_closest_pairs_though_common_ones_are_closer():
    train, holdout = shapes((120, 60, 20), 1), shapes((60, 30, 12), 2)
    common = np.flatnonzero(train.labels == 0)
    order = np.r_[common, np.flatnonzero(train.labels != 0)]
    made = planted(shapes((90, 40, 20), 3), train.take(order), PAIRS + 6)
    s = scene(train, holdout, made)
    pairs = gallery(s.split, s.synthetic, s.schema, None, s.ctx)["pairs"]
    assert {pair["class"] for pair in pairs} == set(CLASSES)
    assert len(pairs) <= PAIRS + OF_EACH * len(CLASSES)
    ratios = [pair["to_training"] / pair["to_holdout"] for pair in pairs]
    assert ratios == sorted(ratios)
    assert [pair["to_training"] for pair in pairs[:PAIRS]] == [0.0] * PAIRS
