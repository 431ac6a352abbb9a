"""Attributes: directions in the space of codes that stand for something, and arithmetic with them.

A direction is made from examples: codes that have a thing and codes that lack it. The difference of their means asks
where they lie; the probe asks where the border between them runs, and goes straight across it. Both carry along
whatever else the two groups differ in, wanted or not; `without_classes` takes out what is typical of a class.
A direction is a local promise: how far from data it has led, `nearest.Nearest.how_far` tells.

Sources: Radford, Metz, Chintala 2016, Unsupervised Representation Learning with Deep Convolutional GANs
(https://arxiv.org/abs/1511.06434) for means and analogies; Shen, Gu, Tang, Zhou 2020, Interpreting the Latent Space of
GANs for Semantic Face Editing (https://arxiv.org/abs/1907.10786) for the normal of a linear border.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import checks
from manigen.errors import BadInput


def between(having: Any, lacking: Any) -> np.ndarray:
    """Return the difference of two groups' means: v (d,) float32, in the units of the codes.

        v = mean_i having_i - mean_j lacking_j

    `having` (n, d) are codes of examples that have the attribute, `lacking` (m, d) of some that do not.
    Raises `BadInput` for anything else than codes of one width.

    >>> between([[3.0, 1.0], [5.0, 1.0]], [[0.0, 1.0]])
    array([4., 0.], dtype=float32)
    """
    having = checks.codes(having)
    lacking = checks.codes(lacking, having.shape[1])
    return (having.mean(0, dtype=np.float64) - lacking.mean(0, dtype=np.float64)).astype(np.float32)


def probe(z: Any, has: Any) -> np.ndarray:
    """Return the way across the border of an attribute: the unit normal v (d,) float32 of a logistic probe.

        v = w / |w|,   w, b minimise  sum_i log(1 + exp(-y_i (w . z_i + b))) + |S w|^2 / 2

    `z` (n, d) are codes, `has` (n,) says which of them have the attribute: labels of one class, a lasso's choice. y is
    1 where it holds and -1 where not, S the codes' standard deviations, so that no number counts more for being larger.
    There is no chance in it. Raises `BadInput` where all or none of the codes have the attribute.
    """
    z = checks.codes(z)
    has = np.asarray(has)
    if has.dtype != bool or has.shape != (len(z),):
        raise BadInput(f"has must say yes or no (bool) for each of the {len(z):,} codes.")
    if has.all() or not has.any():
        raise BadInput("A probe needs codes that have the attribute and codes that lack it; these are all alike.")
    from sklearn.linear_model import LogisticRegression

    deviation = z.std(axis=0, dtype=np.float64)
    deviation[deviation < 1e-6 * max(1.0, deviation.max())] = np.inf  # what never varies says nothing
    w = (
        LogisticRegression(max_iter=500).fit((z - z.mean(axis=0, dtype=np.float64)) / deviation, has).coef_[0]
        / deviation
    )
    length = np.linalg.norm(w)
    if not length:
        raise BadInput("The codes are all the same: no border runs between them.")
    return (w / length).astype(np.float32)


def class_means(z: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes k there are, ascending, and the mean code of each (k, d) float32.

    `labels` (n,) are whole numbers; codes with a label below 0 belong to no class.

    >>> class_means([[0.0], [2.0], [7.0], [9.0]], [0, 0, 3, -1])
    (array([0, 3]), array([[1.],
           [7.]], dtype=float32))
    """
    z, labels = _labelled(z, labels)
    groups = np.unique(labels[labels >= 0])
    means = [z[labels == group].mean(0, dtype=np.float64) for group in groups]
    return groups, np.array(means, np.float32).reshape(len(groups), z.shape[1])


def without_classes(z: Any, labels: Any, means: Any) -> np.ndarray:
    """Return the codes (n, d) without what is typical of their class: z_i - means[labels_i].

    `labels` (n,) are rows of `means` (k, d). A direction made from the rest cannot turn one class into another by the
    mere accident that its examples belong to different ones.
    """
    z, labels = _labelled(z, labels)
    means = checks.codes(means, z.shape[1], "means")
    if labels.min() < 0 or labels.max() >= len(means):
        raise BadInput(f"labels must be rows of the {len(means)} means.")
    return z - means[labels]


def analogy(a: Any, b: Any, c: Any) -> np.ndarray:
    """Return the code (d,) float32 that is to c as a is to b: a - b + c, for codes (d,).

    >>> analogy([2.0, 1.0], [1.0, 1.0], [5.0, 6.0])
    array([6., 6.], dtype=float32)
    """
    a, b, c = checks.codes(a), checks.codes(b), checks.codes(c)
    if not a.shape == b.shape == c.shape == (1, a.shape[1]):
        raise BadInput("An analogy takes three codes of the same width.")
    return (a - b + c)[0]


def _labelled(z: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    z, labels = checks.codes(z), np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != (len(z),):
        raise BadInput(f"labels must be whole numbers, one for each of the {len(z):,} codes.")
    return z, labels
