"""Continuity: do those who are neighbours still stand together on the map?

    C(k) = 1 - 2 / (n k (2n - 3k - 1)) sum_i sum_{j in V_k(i)} (r'(i, j) - k)

V_k(i) are the torn: among the k nearest codes of i, but not among its k nearest on the map; r'(i, j) is the rank of j
by distance from i on the map. It is trustworthiness with codes and places exchanged; a map can have one without the
other.
"""

from __future__ import annotations

from typing import Any

from manigen.cards import Card, Knob
from manigen.measures.base import strangers

card = Card(
    title="Continuity",
    sentence="How far you may believe that what is alike stands side by side on the map; 1 is entirely.",
    reference="Venna, Kaski 2001, Neighborhood Preservation in Nonlinear Projection Methods",
    link="https://doi.org/10.1007/3-540-44668-0_68",
    knobs=(
        Knob("k", 15, "How many neighbours of each code are looked at.", 1, 1000),
        Knob("sample", 2000, "How many codes are asked; the rest are only ranked.", 1, 1_000_000),
    ),
    facts={"of": "map", "unit": "dimensionless", "best": 1.0, "random": 0.5},
)


def measure(z: Any, p: Any, k: int = 15, sample: int = 2000, seed: int = 0) -> float:
    """Return the continuity in [0, 1] of a map that puts codes z (n, d) at places p (n, 2 or 3).

    Estimated on `sample` rows drawn with `seed`, exact when n is no more than that.
    Raises `BadInput` when codes and places are not equally many and finite, or k is not below n / 2.
    """
    return float(strangers(z, p, k, sample, seed).mean())
