"""What the measures of maps share beside `base.strangers`: the check at the door, neighbours, ranks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from manigen import checks, nearest
from manigen.errors import BadInput
from manigen.nearest import Nearest

BLOCK = 1_000_000  # ranks held at once


def both(z: Any, p: Any, k: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return codes z (n, d), places p (n, dims) and k, checked: equally many, at least 3, k below n / 2."""
    z, p = checks.codes(z), checks.codes(p, what="points")
    if len(z) != len(p):
        raise BadInput(f"codes and points must be equally many, not {len(z)} and {len(p)}.")
    if len(z) < 3:
        raise BadInput(f"A map of {len(z)} codes cannot be measured; it takes 3 at least.")
    k = checks.count(k, "k")
    if 2 * k >= len(z):
        raise BadInput(f"k must be below half the number of codes, {len(z)}, not {k}.")
    return z, p, k


def fellows(a: np.ndarray, k: int, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest others of some rows of a (n, f), of all of them unless named: rows (m, k), distances (m, k).

    A row is never its own fellow, copies of it may be.
    """
    rows = np.arange(len(a)) if rows is None else rows
    if a.shape[1] <= 3:
        from scipy.spatial import cKDTree

        distances, near = cKDTree(a).query(a[rows], k + 1)
    elif len(rows) == len(a):
        near, distances = nearest.fellows(a, k)
        return near[rows], distances[rows]
    else:
        near, distances = Nearest(a).find(a[rows], k + 1)
    return others(near, distances, rows)


def others(near: np.ndarray, distances: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `near` (m, k + 1) and their distances without each row itself: (m, k) both."""
    k = near.shape[1] - 1
    others = near != rows[:, None]
    others[others.all(axis=1), -1] = False  # among many copies a row may not find itself: its farthest goes
    return near[others].reshape(-1, k), distances[others].reshape(-1, k)


def ranks(a: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield, in blocks, the ranks (block, n) of all rows of a (n, f) by distance from some of them: 0 is oneself."""
    from scipy.spatial.distance import cdist

    block = max(1, BLOCK // len(a))
    for at in range(0, len(rows), block):
        part = rows[at : at + block]
        distances = cdist(a[part], a, "sqeuclidean")
        distances[np.arange(len(part)), part] = -1
        order = np.argsort(distances, axis=1, kind="stable")
        found = np.empty_like(order)
        np.put_along_axis(found, order, np.broadcast_to(np.arange(len(a)), order.shape), axis=1)
        yield found
