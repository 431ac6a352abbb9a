"""Stability: how much of where a point lies is luck.

A map is made again several times, each time without some of the codes and with another seed, and each such map is laid
over the one on screen (Procrustes: moved, turned, mirrored; both at the same size). Where a point came to lie in them
are its ghosts g_ib, and how far they are strewn is its spread,

    s_i = sqrt( sum_b |g_ib - mean_b g_ib|^2 / (m_i - 1) ) / R,    R^2 = mean_i |p_i - mean p|^2

with m_i the maps that point i was in: 0 where every map puts it in the same place, about 1 where chance does. The size
is set to R and not fitted: a map that has nothing to do with the first would be shrunk to a dot, and look steady.

Another seed alone is no test, since a map that starts from PCA is the same for every seed. Codes are left out in turn,
a fifth each time, so that each lies in all maps but one; this is the delete-a-group jackknife's way of drawing.

Source: Schonemann, Carroll 1970, Fitting One Matrix to Another Under Choice of a Central Dilation and a Rigid Motion,
https://doi.org/10.1007/BF02291266; Jung et al. 2025, GhostUMAP2, https://arxiv.org/abs/2507.17174.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from manigen import seeds

TIMES = 5  # that a map is made again; a TIMES-th of the codes is left out each time
VERSION = 1  # of all that is computed here


@dataclass(frozen=True)
class Stability:
    """Where each point came to lie, `ghosts` (n, maps, dims), NaN where it was left out, and its `spread` (n,)."""

    ghosts: np.ndarray
    spread: np.ndarray

    @property
    def typical(self) -> float:
        """The median spread of a point, as a share of the map's radius."""
        return float(np.median(self.spread))


def folds(n: int, seed: int = 0, times: int = TIMES) -> list[np.ndarray]:
    """Return the rows of each making: all but a `times`-th of n, another part left out each time.

    >>> [len(rows) for rows in folds(10)]
    [8, 8, 8, 8, 8]
    """
    order = seeds.numpy_stream(seed, 1).permutation(n)
    return [np.sort(np.setdiff1d(order, order[part::times])) for part in range(times)]


def laid_over(made: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return places `made` (m, dims) moved, turned and mirrored onto those of the same points, p (m, dims).

    Their size becomes that of p.
    """
    made, p = made.astype(np.float64), p.astype(np.float64)
    middle, around, target = p.mean(axis=0), made - made.mean(axis=0), p - p.mean(axis=0)
    u, _, v = np.linalg.svd(around.T @ target)
    return middle + radius(target) / max(radius(around), 1e-30) * (around @ (u @ v))


def radius(p: np.ndarray) -> float:
    """Return how far points (m, dims) lie from their middle, in the root mean square."""
    return float(np.sqrt(np.square(p - p.mean(axis=0)).sum(axis=1).mean()))


def spread(ghosts: np.ndarray, size: float) -> np.ndarray:
    """Return how far the ghosts (n, maps, dims) of each point are strewn (n,), as a share of the map's `size`."""
    there = np.isfinite(ghosts).all(axis=2)
    count = there.sum(axis=1)
    held = np.where(there[..., None], ghosts, 0.0).astype(np.float64)
    middle = held.sum(axis=1) / np.maximum(count, 1)[:, None]
    far = np.where(there, np.square(held - middle[:, None]).sum(axis=2), 0.0).sum(axis=1)
    return np.sqrt(far / np.maximum(count - 1, 1)) / max(size, 1e-30)


def of(p: np.ndarray, makings: list[tuple[np.ndarray, np.ndarray]]) -> Stability:
    """Return how steady a map at places p (n, dims) is, of `makings`: rows (m,) and the places (m, dims) they got."""
    ghosts = np.full((len(p), len(makings), p.shape[1]), np.nan, np.float32)
    for b, (rows, made) in enumerate(makings):
        ghosts[rows, b] = laid_over(made, p[rows])
    return Stability(ghosts, spread(ghosts, radius(p.astype(np.float64))).astype(np.float32))


def arrays(found: Stability) -> dict[str, np.ndarray]:
    """Return it as arrays for an npz file."""
    return {"ghosts": found.ghosts, "spread": found.spread}


def from_arrays(held: Mapping[str, np.ndarray]) -> Stability:
    """Return the stability that `arrays` gave. Raises `KeyError` or `ValueError` for anything else."""
    ghosts, far = held["ghosts"], held["spread"]
    if ghosts.ndim != 3 or far.shape != ghosts.shape[:1]:
        raise ValueError("its shapes are damaged")
    return Stability(ghosts, far)
