"""The nearest real codes: how far a code lies from everything the model has seen.

Distances are Euclidean, in the units of the codes, and exact: one matrix product narrows the search, the few codes left
are measured one by one. Sixty thousand codes are searched in about a millisecond, without an index to build or to save.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from manigen import checks, seeds

BLOCK = 4_000_000  # distances held at once; bounds the memory of a search to some 32 MB, however many queries come
SPARE = 8  # candidates beyond k that are measured exactly, since the matrix product rounds near ties


class Nearest:
    """The real codes, ready to be asked which of them are nearest to any code, and how unusual that distance is.

    `z` are codes (n, d). They are kept, not copied, where they are float32 already.

    >>> near = Nearest([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> near.find([[0.9, 0.0]])
    (array([[1]]), array([[0.1]], dtype=float32))
    """

    def __init__(self, z: Any) -> None:
        self.z = checks.codes(z)

    def find(self, z: Any, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Return the `k` nearest real codes of each code: rows (m, k) int64 and distances (m, k) float32, nearest first.

        Where there are fewer than `k` real codes, all of them are returned. Raises `BadInput` for codes of another width.
        """
        z = checks.codes(z, dim=self.z.shape[1])
        k = min(checks.count(k, "k"), len(self.z))
        rows = np.empty((len(z), k), np.int64)
        distances = np.empty((len(z), k), np.float32)
        block = max(1, BLOCK // len(self.z))
        for start in range(0, len(z), block):
            part = slice(start, start + block)
            rows[part], distances[part] = self._search(z[part], k)
        return rows, distances

    def how_far(self, z: Any) -> np.ndarray:
        """Return how far each code lies from the real ones (m,), dimensionless and >= 0.

            how_far(z) = min_i |z - z_i| / typical

        0 is a real code itself; up to about 1 a code is no farther from the real ones than they are from one another.
        """
        return self.find(z)[1][:, 0] / np.float32(self.typical)

    @cached_property
    def typical(self) -> float:
        """How far a real code lies from its nearest fellow, at most, for 95 % of them; in the units of the codes.

        The 95 % quantile of the leave-one-out nearest distances, on 1,000 codes drawn with seed 0. Copies of one code
        are no distance from each other and are left out; where there is no distance at all (one code, or all equal), 1.
        """
        sample = np.arange(len(self.z))
        if len(sample) > 1000:
            sample = np.sort(seeds.numpy_stream(0).choice(len(self.z), 1000, replace=False))
        distances = self.find(self.z[sample], k=2)[1][:, -1]
        distances = distances[distances > 0]
        return float(np.quantile(distances, 0.95)) if distances.size else 1.0

    @cached_property
    def _centred(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The mean, the codes around it and half their squares: around zero the matrix product rounds least."""
        mean = self.z.mean(axis=0, dtype=np.float64).astype(np.float32)
        around = np.ascontiguousarray((self.z - mean).T)
        return mean, around, np.einsum("dn,dn->n", around, around) / 2

    def _search(self, z: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        mean, around, half_squares = self._centred
        # |z - z_i|^2 / 2 without the part that is the same for every i
        scores = half_squares - (z - mean) @ around
        few = min(k + SPARE, len(self.z))
        if few < len(self.z):
            candidates = np.argpartition(scores, few - 1, axis=1)[:, :few]
        else:
            candidates = np.broadcast_to(np.arange(few), (len(z), few))
        differences = self.z[candidates] - z[:, None]
        distances = np.sqrt(np.einsum("mkd,mkd->mk", differences, differences))
        order = np.lexsort((candidates, distances), axis=1)[:, :k]  # ties go to the earlier row
        return np.take_along_axis(candidates, order, 1), np.take_along_axis(distances, order, 1)
