"""Roads through a slow decoder: measured only where a way may lead.

A decoder that takes many milliseconds for a picture would need minutes to show every real code. So the length of each
road is first guessed from its codes,

    w_ij ~ r |z_i - z_j|,    r the median of |g(z_i) - g(z_j)| / |z_i - z_j| over the roads measured so far,

and the shortest way is found by the guesses; the pictures of its stops are decoded, the roads between them measured,
and the shortest way is found anew, until all of it is measured (Dellin, Srinivasa 2016, A Unifying Formalism for
Shortest Path Problems with Expensive Edge Evaluations, https://arxiv.org/abs/1603.03490). Guesses that are too long
hide a shorter way, so there may be one, and the path says so.

The answer hangs on the two ends alone: what earlier ways have shown saves decoding, and changes nothing.
"""

from __future__ import annotations

import threading
import time

import numpy as np

from manigen.paths import _circles
from manigen.paths._roads import LEAST, Country, Roads, Ruler
from manigen.paths.base import REAL

FEW, TRIALS = 8, 3  # codes decoded at once to see how long a decoder takes, and how often: the quickest counts
SLOW, LONG = 0.005, 10.0  # seconds: a decoder is slow that takes so long for a picture, and so long for all of them
MOST = 192  # pictures looked at for one way
BEYOND = 1e6  # times its guess counts a road that is not measured, once as many pictures were looked at


def slow(ruler: Ruler, z: np.ndarray) -> bool:
    """Say whether looking at all the codes z (n, d) takes so long that only those near a way should be looked at."""
    if len(z) < FEW * TRIALS:
        return False
    took = []
    for at in range(0, FEW * TRIALS, FEW):
        began = time.perf_counter()
        ruler.see(z[at : at + FEW], REAL)
        took.append((time.perf_counter() - began) / FEW)
        if min(took) < SLOW or min(took) * len(z) < LONG:
            return False
    return True


class Surveyed(Roads):
    """The roads of a country, each guessed until a way may lead over it."""

    def __init__(self, country: Country, ruler: Ruler) -> None:
        self.country, self.ruler = country, ruler
        self.decoded: dict[int, np.ndarray] = {}
        self.lock = threading.Lock()
        i, j = country.edges.T
        codes = country.near.z.astype(np.float64)
        self.apart = np.linalg.norm(codes[i] - codes[j], axis=1)
        self.matrix = self._matrix(np.arange(1, len(i) + 1, dtype=np.float64))
        self.edge = self.matrix.data.astype(np.int64) - 1  # which edge each number of the matrix is of

    def _look(self, ends: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.concatenate([self.ruler.see(ends), self._pictures(rows.ravel())])

    def _pictures(self, rows: np.ndarray) -> np.ndarray:
        """What the ruler sees of real codes: decoded once."""
        with self.lock:
            new = np.array(sorted({int(row) for row in rows} - self.decoded.keys()), np.int64)
            if len(new):
                self.decoded.update(zip(new.tolist(), self.ruler.see(self.country.z[new], REAL), strict=True))
            return np.stack([self.decoded[int(row)] for row in rows])

    def _way(self, rows: np.ndarray, far: np.ndarray, ties: list[np.ndarray]) -> tuple[list[int], np.ndarray, bool]:
        i, j = self.country.edges.T
        known = np.zeros(len(self.country.z), bool)
        known[rows.ravel()] = True
        measured = np.full(len(i), np.nan)
        steepness = [tied / np.maximum(away, 1e-12) for tied, away in zip(ties, far.astype(np.float64), strict=True)]
        while True:
            new = np.flatnonzero(known[i] & known[j] & np.isnan(measured))
            if len(new):
                a, b = self._pictures(i[new]), self._pictures(j[new])
                measured[new] = self.ruler.apart(a, b)
                steepness.append(measured[new] / np.maximum(self.apart[new], 1e-12))
            guessed = np.isnan(measured)
            lengths = np.where(guessed, np.median(np.concatenate(steepness)) * self.apart, measured)
            found = self._shortest(rows, ties, lengths)
            unknown = [stop for stop in found[0] if not known[stop]]
            if not unknown:
                return *found, bool(guessed.any())
            if known.sum() + len(unknown) > MOST:  # enough seen: the best of the ways that are measured, if one is
                best = self._shortest(rows, ties, np.where(guessed, BEYOND * lengths, lengths))
                return *(best if known[best[0]].all() else found), True
            known[unknown] = True

    def _shortest(self, rows: np.ndarray, ties: list[np.ndarray], lengths: np.ndarray) -> tuple[list[int], np.ndarray]:
        lengths = np.maximum(lengths, lengths.mean() * LEAST if lengths.any() else 1.0)
        roads = type(self.matrix)((lengths[self.edge], self.matrix.indices, self.matrix.indptr), self.matrix.shape)
        return _circles.shortest(roads, list(rows), ties, float(np.median(lengths)) if len(lengths) else 1.0)
