"""Frechet distance: how far the cloud of generated pictures lies from the cloud of real ones.

    FD = |m - m'|^2 + tr(S + S' - 2 (S S')^(1/2))

with the means m, m' and covariances S, S' of the features of held-out and of generated pictures, as if both clouds were
Gaussian. In the features of this project's own classifier it is called FD-LeNet, never FID: that one is measured with
Inception, and its figures do not compare with these. It falls with n even for two samples of the same data, so read it
beside its real-against-real value for the same n.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card
from manigen.measures._context import Context, Result

card = Card(
    title="Frechet distance (FD-LeNet)",
    sentence="How far generated pictures as a whole lie from real ones, by mean and spread of features; 0 is alike.",
    reference="Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter 2017, GANs Trained by a Two Time-Scale Update Rule",
    link="https://arxiv.org/abs/1706.08500",
    facts={"of": "generator", "unit": "squared features", "best": 0.0, "fewest": 6, "features": True},
)


def measure(context: Context) -> Result:
    """Return the distance >= 0 of as many samples from the held-out pictures; `real`: of training pictures."""
    real, others = context.real_features, context.other_features
    return Result(between(real, context.made_features), None if others is None else between(real, others), context.n)


def between(a: np.ndarray, b: np.ndarray) -> float:
    """Return the squared Frechet distance between Gaussians fitted to rows a (n, f) and b (m, f), two at least of each.

    >>> round(between(np.array([[0.0], [2.0]]), np.array([[3.0], [5.0]])), 9)
    9.0
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    of_a, of_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    values, vectors = np.linalg.eigh(of_a)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ of_b @ root), 0)).sum()  # the trace of (S S')^(1/2)
    moved = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    return max(0.0, float(moved + np.trace(of_a) + np.trace(of_b) - 2 * shared))
