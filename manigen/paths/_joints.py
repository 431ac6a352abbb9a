"""Joints: where one leg of a walk ends and the next begins, the curve turns without a corner.

Each leg keeps its shape and its ends; near a joint it is bent until both sides leave it with one velocity v:

    z(s) + r h(s / r) (v - z'(0))    for s < r = 1/2,    h(u) = u (1 - u)^2

h is the cubic Hermite polynomial that is 0 at both ends and has slope 1 at the first. The direction of v halves the
turn, its size is at most the harmonic mean of both speeds, so that neither leg ever runs backwards. Through straight
legs that is a C1 spline; whatever else a leg is, the whole is as smooth as its legs are.

Source: Fritsch, Carlson 1980, Monotone Piecewise Cubic Interpolation (https://doi.org/10.1137/0717021), for the bound.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

REACH = 0.5  # share of a leg that is bent at each of its ends


def smoothed(legs: list[np.ndarray]) -> list[np.ndarray]:
    """Return legs (k_i, d), each at equal steps of its own time, bent so that they join without corners."""
    bent = [leg.astype(np.float64) for leg in legs]
    for at, (before, after) in enumerate(pairwise(legs)):
        arriving, leaving = -velocity(before[::-1]), velocity(after)
        shared = _shared(arriving, leaving)
        bent[at] += _bend(len(before), arriving - shared)[::-1]
        bent[at + 1] += _bend(len(after), shared - leaving)
    out = [leg.astype(np.float32) for leg in bent]
    for new, old in zip(out, legs, strict=True):
        new[0], new[-1] = old[0], old[-1]  # the ends to the last bit
    return out


def velocity(leg: np.ndarray) -> np.ndarray:
    """How fast a leg (k, d) sets out, from its first three codes."""
    leg, links = leg[:3].astype(np.float64), len(leg) - 1
    if links < 2:
        return leg[1] - leg[0]
    return (4 * leg[1] - 3 * leg[0] - leg[2]) * links / 2


def _shared(arriving: np.ndarray, leaving: np.ndarray) -> np.ndarray:
    """The velocity of both sides of a joint; none where one side stands still, or the walk turns back."""
    speeds = np.linalg.norm(arriving), np.linalg.norm(leaving)
    if min(speeds) == 0:
        return np.zeros_like(arriving)
    mean = 2 / (1 / speeds[0] + 1 / speeds[1])
    return mean * (arriving / speeds[0] + leaving / speeds[1]) / 2


def _bend(count: int, change: np.ndarray) -> np.ndarray:
    """What is added to the codes (count, d) of a leg so that its first velocity changes by `change` (d,)."""
    u = np.linspace(0, 1, count) / REACH
    return np.where(u < 1, REACH * u * (1 - u) ** 2, 0)[:, None] * change
