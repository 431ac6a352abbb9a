"""Codes made ready for a probe: whitened, as in Berthelot, Raffel, Roy, Goodfellow 2018, https://arxiv.org/abs/1807.07543.

    z -> (z - mean) V / s        z_train - mean = U diag(s (m - 1)^(1/2)) V^T

so that the training codes have deviation 1 in every direction. Directions without any spread are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from manigen.measures._context import Context

MOST = 60_000  # training pictures that are encoded
BASIS = 2000  # training pictures whose principal components stand for all


@dataclass(frozen=True, eq=False)
class Probed:
    """Whitened codes with labels: of training pictures (m, d), of held-out pictures (n, d)."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


def codes(context: Context) -> Probed:
    """Return the whitened codes of training and held-out pictures; kept in the context, since two measures ask."""
    return _kept(context, "_probed", context.generator.encode)


def pictures(context: Context) -> Probed:
    """Return the pictures themselves in place of codes: their first principal components, as many as a code has."""
    x = context.train_pictures(BASIS)
    x = x.reshape(len(x), -1)
    middle, basis = x.mean(axis=0), np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2]
    wide = basis[: context.codes.shape[1]].T
    return _kept(context, "_pictures_probed", lambda x: (x.reshape(len(x), -1) - middle) @ wide)


def whitened(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both sides centred, turned and scaled so that `train` (m, d) has covariance 1."""
    train, test = train.astype(np.float64), test.astype(np.float64)
    middle = train.mean(axis=0)
    spread, turn = np.linalg.svd(train - middle, full_matrices=False)[1:]
    spread = spread / np.sqrt(max(1, len(train) - 1))
    real = spread > spread[0] * 1e-6 if spread[0] > 0 else np.zeros(len(spread), bool)
    turn = turn[real].T / spread[real]
    return ((train - middle) @ turn).astype(np.float32), ((test - middle) @ turn).astype(np.float32)


def _kept(context: Context, name: str, encode: Callable[[np.ndarray], np.ndarray]) -> Probed:
    if name not in context.__dict__:
        train, labels = context.turned_train_pictures(MOST, encode)
        train, test = whitened(train, encode(context.real))
        context.__dict__[name] = Probed(train, labels, test, context.labels)
    return context.__dict__[name]
