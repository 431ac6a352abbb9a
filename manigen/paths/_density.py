"""How densely the real codes lie around a place: a bell on each of them, all of one width.

    log p(z) = log sum_i exp(-|z - z_i|^2 / 2 h^2) + constant

h is `bandwidth` times the median distance of a code to its tenth neighbour, and the constant makes log p 0 at the
median of the real codes, so that 0 means "where data usually are".
"""

from __future__ import annotations

import numpy as np

from manigen import seeds
from manigen.nearest import Nearest

TENTH = 10  # the neighbour whose distance is the unit of the bandwidth
SAMPLE = 1000  # codes that medians are taken over
CLOSE = 128  # codes nearest to each place that are counted; those beyond are the more alike for all, the farther


class Density:
    """The density of codes z (n, d) with a bell of `bandwidth` on each."""

    def __init__(self, z: np.ndarray, bandwidth: float) -> None:
        self.z = np.ascontiguousarray(z, np.float32)
        self.near = Nearest(self.z)
        chosen = self.z[np.sort(seeds.numpy_stream(0).permutation(len(z))[:SAMPLE])]
        _, far = self.near.find(chosen, TENTH + 1)
        unit = float(np.median(far[:, -1]))
        self.h = bandwidth * (unit if unit > 0 else 1.0)
        self.usual = 0.0
        alone = self._log(chosen, self.z, 1.0)[0]  # without each code's own bell
        self.usual = float(np.median(alone[np.isfinite(alone)])) if np.isfinite(alone).any() else 0.0

    def around(self, places: np.ndarray) -> np.ndarray:
        """Return the codes (m, d) that matter to the density at places (t, d) and close by."""
        rows, _ = self.near.find(places, CLOSE)
        return self.z[np.unique(rows)]

    def log(self, places: np.ndarray, codes: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return log p (t,) and its gradient (t, d) at places (t, d), from these `codes` or from all."""
        return self._log(places, self.z if codes is None else codes, 0.0)

    @np.errstate(over="ignore", invalid="ignore")  # of places far beyond all numbers
    def _log(self, places: np.ndarray, codes: np.ndarray, own: float) -> tuple[np.ndarray, np.ndarray]:
        places = np.asarray(places, np.float32)
        centre = codes.mean(axis=0)
        a, b = (places - centre) / np.float32(self.h), (codes - centre) / np.float32(self.h)
        power = a @ b.T - np.einsum("nd,nd->n", b, b) / 2
        power -= np.einsum("td,td->t", a, a)[:, None] / 2
        top = power.max(axis=1, keepdims=True)
        bells = np.exp(power - top)
        total = bells.sum(axis=1)
        gradient = (bells @ b / total[:, None] - a) / np.float32(self.h)
        if own:
            total = np.maximum(total - own * np.exp(-top[:, 0]), 0)
        with np.errstate(divide="ignore"):
            value = top[:, 0] + np.log(total)
        return value.astype(np.float64) - self.usual, gradient.astype(np.float64)
