"""Neighbour recall: how many of its true neighbours does a picture still have around it on the map?

    recall(k) = 1 / (n k) sum_i |N_k(i) and M_k(i)|

with N_k(i) the k nearest codes of code i and M_k(i) the k nearest places of its place. 1 is all of them; a random map
keeps k / (n - 1). Unlike trustworthiness it does not forgive a near miss, which makes it the easiest to believe.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.measures._map import both, fellows

card = Card(
    title="Neighbour recall",
    sentence="The share of its true neighbours that a picture still has around it on the map; 1 is all of them.",
    reference="Lee, Verleysen 2009, Quality assessment of dimensionality reduction: Rank-based criteria",
    link="https://doi.org/10.1016/j.neucom.2008.12.017",
    knobs=(
        Knob("k", 15, "How many neighbours of each code are looked at.", 1, 1000),
        Knob("sample", 2000, "How many codes are asked.", 1, 1_000_000),
    ),
    facts={"of": "map", "unit": "dimensionless", "best": 1.0, "random": 0.0},
)


def measure(z: Any, p: Any, k: int = 15, sample: int = 2000, seed: int = 0) -> float:
    """Return the recall in [0, 1] of a map that puts codes z (n, d) at places p (n, 2 or 3); asked of `sample` rows.

    Raises `BadInput` when codes and places are not equally many and finite, or k is not below n / 2.
    """
    z, p, k = both(z, p, k)
    rows = seeds.numpy_stream(seed).permutation(len(z))[:sample]
    return float(kept(fellows(z, k, rows)[0], fellows(p, k, rows)[0]).mean())


def kept(near: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """Return the share (m,) of each row of `near` (m, k) that is found in the same row of `beside` (m, k)."""
    return (near[:, :, None] == beside[:, None, :]).any(axis=2).mean(axis=1)
