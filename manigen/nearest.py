"""The nearest real codes: how far a code lies from everything the model has seen.

Distances are Euclidean and in the units of the codes. One matrix product narrows the search to a few codes, and those
are measured one by one, so there is no index to build or to save: one code is searched for among 60,000 in less than a
millisecond. The base of maps, walks and pages alike, this file stands beside the rooms.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from functools import cached_property
from typing import Any

import numpy as np

from manigen import checks, kept, seeds

BLOCK = 2_000_000  # distances held at once: bounds the memory of a search to some 32 MB, however many codes come
STRIPES = 32  # codes to a pile in the first sieve of a search
SIEVED = 4  # times as many piles as are looked through: with fewer, all distances are looked through at once
TOGETHER, WIDE, KEPT = 20_000, 90, 4  # codes of which 90 fellows are found in any case, and searches kept in memory
ON_DISK = 2000  # codes that a search is kept on disk of; of fewer it takes less time than to read a file
VERSION = b"fellows 1"  # to be raised when a search would find others
MANY = 100_000  # codes beyond which not every one is looked at: figures and pictures of them are of a drawn sample
NEAR, EDGE = 1.1, 1.5  # up to so far is near the data, and up to so far at their edge; beyond, a model guesses
SPARE = 8  # candidates beyond k that are measured exactly, since the matrix product rounds near ties


_searches: OrderedDict[str, tuple[np.ndarray, np.ndarray]] = OrderedDict()
_prepared: OrderedDict[str, Nearest] = OrderedDict()
_lock = threading.Lock()


def fellows(z: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest others of every code of z (n, d): rows (n, k) int64, distances (n, k) float32.

    Nearest first. A code is never its own fellow, copies of it may be. Projections, measures and paths all ask this of
    the same codes, so the answer is found once and kept by the codes' hash for whoever asks next, in memory and on disk
    (`kept`): of at most 20,000 codes with 90 fellows or more, of more with as many as were asked for. Where there are
    fewer than k others, all of them are returned.
    """
    z = checks.codes(z)
    k = min(checks.count(k, "k"), len(z) - 1)
    if k < 1:
        return np.empty((len(z), 0), np.int64), np.empty((len(z), 0), np.float32)
    of = _of(z)
    with _lock:  # two who ask at once wait for one search
        found = _known(of, len(z), k)
        if found is None:
            found = _others(z, min(max(k, WIDE) if len(z) <= TOGETHER else k, len(z) - 1))
            if len(z) >= ON_DISK:
                kept.write(of, kept.folder(), {"rows": found[0].astype(np.int32), "distances": found[1]}, packed=False)
        _remember(of, found)
    return found[0][:, :k], found[1][:, :k]


def prepared(z: Any) -> Nearest:
    """Return the `Nearest` of codes (n, d): the same one for the same codes, with all that others keep beside it.

    It holds a copy of them; of the last four sets that were asked for.
    """
    z = checks.codes(z)
    of = _of(z)
    with _lock:
        found = _prepared.pop(of, None) or Nearest(z.copy())
        _prepared[of] = found  # the newest comes last
        while len(_prepared) > KEPT:
            _prepared.popitem(last=False)
    return found


def _of(z: np.ndarray) -> str:
    content = repr(z.shape).encode() + np.ascontiguousarray(z).tobytes()
    return hashlib.sha256(VERSION + content).hexdigest()[:40]


def _known(of: str, n: int, k: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The search kept under a key in memory or on disk, where it found k fellows; a file that cannot be right goes."""
    held = _searches.get(of)
    if held is not None and held[0].shape[1] >= k:
        return held
    found = kept.read(of, kept.folder()) if n >= ON_DISK else None
    if found is None:
        return None
    rows, distances = found.get("rows", np.empty(0)), found.get("distances", np.empty(0))
    sound = rows.dtype == np.int32 and distances.dtype == np.float32 and rows.size > 0
    sound = sound and rows.shape == distances.shape == (n, rows.shape[-1])
    if not (sound and rows.min() >= 0 and rows.max() < n and distances.min() >= 0):
        (kept.folder() / kept.name(of)).unlink(missing_ok=True)
        return None
    return (rows.astype(np.int64), distances) if rows.shape[1] >= k else None


def _remember(of: str, found: tuple[np.ndarray, np.ndarray]) -> None:
    for array in found:
        array.flags.writeable = False
    _searches[of] = found
    _searches.move_to_end(of)
    while len(_searches) > KEPT:
        _searches.popitem(last=False)


def _others(z: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    rows, distances = Nearest(z).find(z, k + 1)
    others = rows != np.arange(len(z))[:, None]
    others[others.all(axis=1), -1] = False  # among many copies a code may not find itself: its farthest goes
    return rows[others].reshape(-1, k), distances[others].reshape(-1, k)


class Nearest:
    """The real codes, ready to be asked which of them are nearest to any code, and how unusual that distance is.

    `z` are codes (n, d). They are kept, not copied, where they are float32 already.

    >>> near = Nearest([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> near.find([[0.75, 0.0]])
    (array([[1]]), array([[0.25]], dtype=float32))
    """

    def __init__(self, z: Any) -> None:
        self.z = checks.codes(z)

    def find(self, z: Any, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Return the `k` nearest real codes of each code: rows (m, k) int64, distances (m, k) float32, nearest first.

        Where there are fewer than `k` real codes, all of them are returned.
        Raises `BadInput` for codes of another width.
        """
        z = checks.codes(z, dim=self.z.shape[1])
        k = min(checks.count(k, "k"), len(self.z))
        rows = np.empty((len(z), k), np.int64)
        distances = np.empty((len(z), k), np.float32)
        block = max(1, BLOCK // len(self.z))
        with np.errstate(over="ignore", invalid="ignore"):  # codes absurdly far away are infinitely far, no more
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

        The 95 % quantile of the leave-one-out nearest distances among the different codes, on 1,000 of them drawn with
        seed 0; 1 where there is only one. Of more than 100,000 codes 300 are drawn, and a copy is passed over.
        """
        if len(self.z) > MANY:
            sample = self.z[seeds.numpy_stream(0).choice(len(self.z), 300, replace=False)]
            distances = self.find(sample, k=SPARE)[1]
            away = distances[np.arange(len(sample)), (distances > 0).argmax(axis=1)]
            return float(np.quantile(away[away > 0], 0.95)) if (away > 0).any() else 1.0
        different = np.unique(self.z, axis=0)
        if len(different) == 1:
            return 1.0
        sample = seeds.numpy_stream(0).permutation(len(different))[:1000]
        return float(np.quantile(Nearest(different).find(different[sample], k=2)[1][:, 1], 0.95))

    @cached_property
    def _centred(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The mean (d,), the codes around it (d, wide) and half their squares (wide,); around 0 a product rounds least.

        `wide` is n made a multiple of STRIPES; the columns that are no codes are infinitely far.
        """
        mean = self.z.mean(axis=0, dtype=np.float64).astype(np.float32)
        wide = -(-len(self.z) // STRIPES) * STRIPES
        around = np.zeros((self.z.shape[1], wide), np.float32)
        around[:, : len(self.z)] = (self.z - mean).T
        half_squares = np.full(wide, np.inf, np.float32)
        half_squares[: len(self.z)] = np.einsum("dn,dn->n", around, around)[: len(self.z)] / 2
        return mean, around, half_squares

    def _search(self, z: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        candidates = self._candidates(z, min(k + SPARE, len(self.z)))
        differences = self.z[candidates].astype(np.float64) - z[:, None]
        distances = np.sqrt(np.einsum("mkd,mkd->mk", differences, differences))
        order = np.lexsort((candidates, distances), axis=1)[:, :k]  # ties go to the earlier row
        return np.take_along_axis(candidates, order, 1), np.take_along_axis(distances, order, 1)

    def _candidates(self, z: np.ndarray, few: int) -> np.ndarray:
        """Return rows (m, few) of the codes nearest to z (m, d), in no order, by the matrix product alone.

        The codes are dealt into piles; the `few` nearest are in the `few` piles whose own nearest is nearest, since any
        other pile has `few` codes before it. So only those piles are looked through, not all codes.
        """
        mean, around, half_squares = self._centred
        scores = (z - mean) @ around
        np.subtract(half_squares, scores, out=scores)  # |z - z_i|^2 / 2 without the part that is the same for every i
        piles = scores.shape[1] // STRIPES
        if piles > SIEVED * few:
            nearest_of_pile = scores.reshape(len(z), STRIPES, piles).min(axis=1)
            near = np.argpartition(nearest_of_pile, few - 1, axis=1)[:, :few]
            rows = (near[:, None, :] + piles * np.arange(STRIPES)[:, None]).reshape(len(z), -1)
            scores = np.take_along_axis(scores, rows, axis=1)
        else:
            rows = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
        chosen = np.argpartition(scores, few - 1, axis=1)[:, :few]
        return np.take_along_axis(rows, chosen, axis=1)
