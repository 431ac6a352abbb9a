"""Triplet accuracy: of two pictures, does the map tell which is nearer to a third?

    share of random triplets (i, j, l) for which |p_i - p_j| < |p_i - p_l| just when |z_i - z_j| < |z_i - z_l|

1 is always; a random map, and a tie, get one half. Nearly all random triplets span the whole map, so this too speaks of
the large layout.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.measures._map import both

card = Card(
    title="Triplet accuracy",
    sentence="Of two pictures, how often does the map tell rightly which is nearer to a third? Chance is one half.",
    reference="Wang, Huang, Rudin, Shaposhnik 2021, Understanding How Dimension Reduction Tools Work",
    link="https://jmlr.org/papers/v22/20-1061.html",
    knobs=(Knob("sample", 50_000, "How many triplets are drawn.", 1, 10_000_000),),
    facts={"of": "map", "unit": "dimensionless", "best": 1.0, "random": 0.5},
)


def measure(z: Any, p: Any, k: int = 15, sample: int = 50_000, seed: int = 0) -> float:
    """Return the accuracy in [0, 1] of a map that puts codes z (n, d) at places p (n, 2 or 3); no use of k.

    Raises `BadInput` when codes and places are not equally many and finite, or are fewer than 3.
    """
    return float(told(z, p, sample, seed).mean())


def told(z: Any, p: Any, sample: int = 50_000, seed: int = 0) -> np.ndarray:
    """Return for each of `sample` random triplets whether the map tells it rightly: 1, 0, or 0.5 for a tie."""
    z, p, _ = both(z, p, 1)
    n = len(z)
    chance = seeds.numpy_stream(seed)
    i = chance.integers(n, size=sample)
    j = (i + chance.integers(1, n, size=sample)) % n
    l = (i + chance.integers(1, n, size=sample)) % n  # noqa: E741
    apart = j != l
    i, j, l = i[apart], j[apart], l[apart]  # noqa: E741

    def nearer(a: np.ndarray) -> np.ndarray:
        return np.sign(np.square(a[i] - a[j]).sum(axis=1) - np.square(a[i] - a[l]).sum(axis=1))

    return 0.5 + 0.5 * nearer(z.astype(np.float64)) * nearer(p.astype(np.float64))
