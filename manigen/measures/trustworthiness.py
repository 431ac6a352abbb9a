"""Trustworthiness: are those who stand together on the map really neighbours?

    T(k) = 1 - 2 / (n k (2n - 3k - 1)) sum_i sum_{j in U_k(i)} (r(i, j) - k)

U_k(i) are the intruders: among the k nearest of i on the map, but not among its k nearest codes; r(i, j) is the rank of
code j by distance from code i. 1 is perfect, a random map has about 0.5, every neighbour the farthest of all gives 0.
"""

from __future__ import annotations

from typing import Any

from manigen.cards import Card, Knob
from manigen.measures.base import strangers

card = Card(
    title="Trustworthiness",
    sentence="How far you may believe that points side by side on the map are alike; 1 is entirely.",
    reference="Venna, Kaski 2001, Neighborhood Preservation in Nonlinear Projection Methods",
    link="https://doi.org/10.1007/3-540-44668-0_68",
    knobs=(
        Knob("k", 15, "How many neighbours of each point are looked at.", 1, 1000),
        Knob("sample", 2000, "How many points are asked; the rest are only ranked.", 1, 1_000_000),
    ),
    facts={"of": "map", "unit": "dimensionless", "best": 1.0, "random": 0.5},
)


def measure(z: Any, p: Any, k: int = 15, sample: int = 2000, seed: int = 0) -> float:
    """Return the trustworthiness in [0, 1] of a map that puts codes z (n, d) at places p (n, 2 or 3).

    Estimated on `sample` rows drawn with `seed`, exact when n is no more than that.
    Raises `BadInput` when codes and places are not equally many and finite, or k is not below n / 2.

    >>> measure([[0.0], [1.0], [2.0], [4.0]], [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [4.0, 0.0]], k=1)
    1.0
    """
    return float(strangers(p, z, k, sample, seed).mean())
