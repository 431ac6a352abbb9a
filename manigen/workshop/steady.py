"""A steady view of codes that move: the map of a training's codes, from one look to the next.

Codes z (n, d) of the same pictures are laid flat along their two widest directions (principal components), and that
plane, centred and at a mean length of 1, is turned and mirrored so that the points lie as near as they can to where
they lay before:

    minimise over R orthogonal:   sum_i |R p_i - q_i|^2

Without it the axes of each look would be any two directions, and the points would jump. Source: Schönemann
1966, A generalized solution of the orthogonal Procrustes problem, https://doi.org/10.1007/BF02289451.
"""

from __future__ import annotations

import numpy as np


def plane(z: np.ndarray) -> np.ndarray:
    """Return codes z (n, d) as points (n, 2) float64 along their two widest directions, of length 1 in the mean."""
    centred = np.asarray(z, np.float64) - np.mean(z, axis=0, dtype=np.float64)
    if centred.shape[1] < 2:
        centred = np.concatenate([centred, np.zeros_like(centred)], axis=1)
    _, turn = np.linalg.eigh(centred.T @ centred)
    p = centred @ turn[:, ::-1][:, :2]
    return p / max(float(np.sqrt(np.square(p).sum(axis=1).mean())), 1e-12)


def onto(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return points p (n, 2), both centred, turned and mirrored to lie nearest to q (n, 2)."""
    left, _, right = np.linalg.svd(p.T @ q)
    return p @ left @ right


def look(z: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """Return the places (n, 2) float32 of codes z (n, d), as near as can be to those of the look `before`."""
    p = plane(z)
    return (p if before is None else onto(p, np.asarray(before, np.float64))).astype(np.float32)
