"""Neighbourhoods of pictures among pictures: who lies within whose k-th nearest fellow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from manigen import checks

BLOCK = 4_000_000  # distances held at once: bounds the memory to some 50 MB, however many pictures come


@dataclass(frozen=True)
class Met:
    """How generated pictures lie among real ones; the measures of these names say what each is."""

    precision: float
    recall: float
    density: float
    coverage: float


def met(real: np.ndarray, made: np.ndarray, k: int) -> Met:
    """Return precision, recall, density and coverage of `made` rows (m, f) among `real` rows (n, f).

    Raises `BadInput` where there are not more than `k` rows of each.

    >>> met(np.array([[0.0], [1.0], [5.0]]), np.array([[0.2], [9.0]]), k=1).coverage
    0.6666666666666666
    """
    k = checks.count(k, "k", 1, min(len(real), len(made)) - 1)
    around_real, around_made = radii(real, k), radii(made, k)
    inside = np.zeros(len(made), np.int64)  # real neighbourhoods that each made one lies in
    recalled = covered = 0
    for rows, distances in squared_distances(real, made):
        within = distances < around_real[rows, None]
        inside += within.sum(axis=0)
        covered += int(within.any(axis=1).sum())
        recalled += int((distances < around_made).any(axis=1).sum())
    return Met(
        precision=float((inside > 0).mean()),
        recall=recalled / len(real),
        density=float(inside.mean() / k),
        coverage=covered / len(real),
    )


def radii(a: np.ndarray, k: int) -> np.ndarray:
    """Return the squared distance (n,) from each row of a (n, f) to its k-th nearest fellow."""
    found = np.empty(len(a), np.float32)
    for rows, distances in squared_distances(a, a):
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = -1  # itself, whatever rounding says
        found[rows] = np.partition(distances, k, axis=1)[:, k]
    return found


def nearest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the squared distance (n,) from each row of a (n, f) to the nearest row of b (m, f)."""
    return np.concatenate([distances.min(axis=1) for _, distances in squared_distances(a, b)])


def fellows(a: np.ndarray, k: int) -> np.ndarray:
    """Return the distances (m, k) of the different rows of a (n, f) to their k nearest fellows, nearest first.

    They are measured exactly, since their ratios are what counts; copies are counted once.
    """
    from manigen.nearest import Nearest

    different = np.unique(a.reshape(len(a), -1), axis=0)
    if len(different) < 2:
        return np.empty((0, k))
    found = Nearest(different).find(different, k=min(k + 1, len(different)))[1][:, 1:]
    return found[found[:, 0] > 0].astype(np.float64)


def squared_distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the squared distances between rows of a (n, f) and b (m, f) in blocks: which rows of a, and (block, m)."""
    middle = b.mean(axis=0, dtype=np.float64).astype(np.float32)
    a, b = (a - middle).astype(np.float32), (b - middle).astype(np.float32)  # around zero a matrix product rounds least
    of_a, of_b = np.einsum("nf,nf->n", a, a), np.einsum("mf,mf->m", b, b)
    step = max(1, BLOCK // len(b))
    for at in range(0, len(a), step):
        rows = slice(at, min(at + step, len(a)))
        distances = a[rows] @ b.T
        distances *= -2
        distances += of_a[rows, None]
        distances += of_b
        yield rows, np.maximum(distances, 0, out=distances)
