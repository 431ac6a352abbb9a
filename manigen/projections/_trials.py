"""Which way back from a map is best: each is asked for points that are not among those who answer."""

from __future__ import annotations

import numpy as np

from manigen import seeds
from manigen.nearest import MANY
from manigen.projections import _back
from manigen.projections.base import Map

HELD_OUT = 1000  # points that are asked for their codes without being among those who answer


def measured(z: np.ndarray, p: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Return each way's error on held-out points of a map of codes z (n, d) at places p (n, dims), as a share:

        error = mean |z(p_i) - z_i|^2 / mean |z_i - mean z|^2,    the held-out i not among those who answer

    0 is the code itself, 1 the mean code everywhere. Empty where there are fewer than 100 points. Of more than 100,000
    the triangles are left out: to find them would take minutes and gigabytes.
    """
    n = len(z)
    if n < 100:
        return {}
    order = seeds.numpy_stream(seed).permutation(n)
    out, rest = order[: min(HELD_OUT, n // 10)], order[min(HELD_OUT, n // 10) :]
    spread = float(np.square(z[out] - z[rest].mean(axis=0)).sum(axis=1, dtype=np.float64).mean())
    asked = Map.of_places(z[rest], p[rest])
    found = {}
    for way in _back.WAYS:
        if way == "triangle" and n > MANY:
            continue
        asked.way = way
        wrong = np.square(asked.inverse_transform(p[out]) - z[out]).sum(axis=1, dtype=np.float64).mean()
        found[way] = float(wrong / max(spread, 1e-30))
    return found
