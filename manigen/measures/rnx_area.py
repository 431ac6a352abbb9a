"""R_NX: at which scale is the map faithful, to the closest few or to the whole?

    Q(K) = 1 / (n K) sum_i |N_K(i) and M_K(i)|,      R(K) = ((n - 1) Q(K) - K) / (n - 1 - K)
    area = sum_K R(K) / K  /  sum_K 1 / K,           K = 1, ..., n - 2

Q is the share of neighbours kept, R the same with what chance would keep taken off: 1 for a perfect map, 0 for a random
one, at every K. The area under the curve over log K weighs all scales alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.measures._map import both, ranks

card = Card(
    title="Area under R_NX",
    sentence="How well neighbourhoods of every size are kept, from the closest few to half of all; 1 is perfectly.",
    reference="Lee, Peluffo-Ordóñez, Verleysen 2015, Multi-scale similarities in stochastic neighbour embedding",
    link="https://doi.org/10.1016/j.neucom.2014.12.095",
    knobs=(Knob("sample", 500, "How many codes are asked; the rest are only ranked.", 1, 100_000),),
    facts={"of": "map", "unit": "dimensionless", "best": 1.0, "random": 0.0},
)


def measure(z: Any, p: Any, k: int = 15, sample: int = 500, seed: int = 0) -> float:
    """Return the area in [-1, 1] of a map that puts codes z (n, d) at places p (n, 2 or 3); every K counts, not `k`.

    Raises `BadInput` when codes and places are not equally many and finite, or are fewer than 3.
    """
    return area(curve(z, p, sample, seed))


def curve(z: Any, p: Any, sample: int = 500, seed: int = 0) -> np.ndarray:
    """Return R(K) (n - 2,) for K = 1, ..., n - 2, estimated on `sample` rows drawn with `seed`."""
    z, p, _ = both(z, p, 1)
    n = len(z)
    rows = np.sort(seeds.numpy_stream(seed).permutation(n)[:sample])
    larger = np.zeros(n, np.int64)  # how many pairs have this as the larger of their two ranks
    for of_z, of_p in zip(ranks(z, rows), ranks(p, rows), strict=True):
        larger += np.bincount(np.maximum(of_z, of_p).ravel(), minlength=n)[:n]
    scale = np.arange(1, n - 1)
    share = np.cumsum(larger[1:])[: n - 2] / (len(rows) * scale)
    return ((n - 1) * share - scale) / (n - 1 - scale)


def area(r: np.ndarray) -> float:
    """Return the mean of R(K) over log K."""
    weights = 1 / np.arange(1, len(r) + 1)
    return float((r * weights).sum() / weights.sum())
