"""What the measures of maps share: neighbours on one side that are strangers on the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import checks, seeds
from manigen.errors import BadInput

BLOCK = 2_000_000  # distances held at once: bounds the memory of a measure to some 80 MB


def strangers(seen: Any, true: Any, k: int, sample: int, seed: int, among: int | None = None) -> np.ndarray:
    """Return, for each of a `sample` of rows, how well its `k` neighbours in `seen` are neighbours in `true`: (q,).

        s_i = 1 - 2 / (k (2n - 3k - 1)) sum_{j in the k nearest of i in seen} max(0, r(i, j) - k)

    with r(i, j) the rank of j among all others by distance to i in `true`: 1 where none is a stranger, 0 where they are
    the k farthest of all. `seen` (n, a) and `true` (n, b) hold the same things row by row; rows are drawn with `seed`
    when n exceeds `sample`. Others exactly as far away do not count as nearer. With `among`, ranks are estimated among
    that many drawn rows, as the share of them that is nearer: quick where n is large, and right on average.
    Raises `BadInput` when the two differ in rows, or k is not below n / 2.
    """
    seen, true = checks.codes(seen, what="codes and points"), checks.codes(true, what="codes and points")
    n = len(seen)
    if len(true) != n:
        raise BadInput(f"codes and points must be equally many, not {len(true)} and {n}.")
    k, sample = checks.count(k, "k"), checks.count(sample, "sample")
    if 2 * k >= n:
        raise BadInput(f"k must be below half the number of codes, {n}, not {k}.")
    rows = np.arange(n) if sample >= n else np.sort(seeds.numpy_stream(seed).choice(n, sample, replace=False))
    seen, true = _centred(seen), _centred(true)
    drawn = (
        None if among is None or among >= n else np.sort(seeds.numpy_stream(seed, 1).choice(n, among, replace=False))
    )
    excess = np.empty(len(rows))
    each = 1.0 if drawn is None else (n - 1) / len(drawn)  # ranks that one of the drawn stands for
    block = max(1, BLOCK // n)
    for first in range(0, len(rows), block):
        part = rows[first : first + block]
        near = np.argpartition(_squared_distances(seen, part), k - 1, axis=1)[:, :k]
        distances = _squared_distances(true, part)
        wanted = np.take_along_axis(distances, near, axis=1)
        if drawn is not None:
            distances = distances[:, drawn]
        distances.sort(axis=1)
        for i, (row, those) in enumerate(zip(distances, wanted, strict=True)):
            ranks = np.searchsorted(row, those) * each + 1
            excess[first + i] = np.maximum(ranks - k, 0).sum()
    return 1 - excess * 2 / (k * (2 * n - 3 * k - 1))


def _centred(z: np.ndarray) -> np.ndarray:
    """Codes around their mean, in double precision: around zero a matrix product rounds least."""
    return z - z.mean(axis=0, dtype=np.float64)


def _squared_distances(z: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Squared distances (q, n) of some rows of z to all of them, infinite to themselves."""
    squares = np.einsum("nd,nd->n", z, z)
    distances = squares[rows, None] - 2 * z[rows] @ z.T + squares
    distances[np.arange(len(rows)), rows] = np.inf
    return distances
