"""Density correlation: are crowded groups crowded on the map, and sparse ones wide?

    r_i = log of the mean distance from code i to its k nearest,   s_i = the same on the map;    Pearson( r, s )

1 means that sizes on the map are sizes among the codes; a random map has 0. t-SNE and UMAP even densities out on
purpose, so sizes on them mean little.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.measures._map import both, fellows

card = Card(
    title="Density correlation",
    sentence="Are groups that are crowded or sparse among the codes so on the map too? 1 is always, 0 is by chance.",
    reference="Narayan, Berger, Cho 2021, Assessing single-cell transcriptomic variability through density-preserving "
    "data visualization",
    link="https://doi.org/10.1038/s41587-020-00801-7",
    knobs=(
        Knob("k", 15, "How many neighbours make a code's surroundings.", 1, 1000),
        Knob("sample", 2000, "How many codes are asked.", 1, 1_000_000),
    ),
    facts={"of": "map", "unit": "dimensionless", "best": 1.0, "random": 0.0},
)


def measure(z: Any, p: Any, k: int = 15, sample: int = 2000, seed: int = 0) -> float:
    """Return the correlation in [-1, 1] of a map that puts codes z (n, d) at places p (n, 2 or 3).

    Raises `BadInput` when codes and places are not equally many and finite, or k is not below n / 2.
    """
    z, p, k = both(z, p, k)
    rows = seeds.numpy_stream(seed).permutation(len(z))[:sample]
    return correlation(sizes(fellows(z, k, rows)[1]), sizes(fellows(p, k, rows)[1]))


def sizes(distances: np.ndarray) -> np.ndarray:
    """Return the log of the mean distance (m,) to the neighbours at `distances` (m, k)."""
    return np.log(np.maximum(distances.mean(axis=1, dtype=np.float64), 1e-12))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation, 0 where one side is all the same."""
    a, b = a - a.mean(), b - b.mean()
    spread = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / spread) if spread > 1e-9 * len(a) else 0.0
