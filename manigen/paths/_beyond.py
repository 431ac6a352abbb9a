"""Past the ends: a walk that goes on as it left them.

    z(t) = z(0) + t z'(0)  for t < 0,      z(t) = z(1) + (t - 1) z'(1)  for t > 1

Straight on, that is, at the end's own velocity. A kind whose formula holds for every t offers

    onward(start, end, t) -> codes (k, d)

with t (k,) outside of [0, 1], and goes on by it: a great circle goes on around. Nothing says that there are data; so a
walk that goes on says how far from them it gets.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from manigen.errors import BadInput
from manigen.paths import _joints
from manigen.paths.base import Manifold, Trace, evened

FARTHEST = 1.0  # of the walk, past either end


def count(beyond: Any, steps: int) -> int:
    """Return how many whole steps of a walk come nearest to `beyond` of it; `BadInput` for no share in [0, 1]."""
    number = isinstance(beyond, int | float | np.integer | np.floating) and not isinstance(beyond, bool)
    if not (number and math.isfinite(beyond) and 0 <= beyond <= FARTHEST):
        raise BadInput(f"A walk goes beyond its ends by 0 to {FARTHEST:g} of its length, not by {beyond!r}.")
    return round(float(beyond) * (steps - 1))


def leg(
    idea: Any, start: np.ndarray, end: np.ndarray, inner: Trace, t: np.ndarray, even: int, manifold: Manifold
) -> np.ndarray:
    """Return the codes (k, d) float32 of one kind's leg at t (k,), which run outwards from one of its ends.

    `inner` is the leg between its ends (d,). With `even` other than 0 the steps change the picture equally, over the
    same way, which is looked at `even` times as finely for that.
    """
    leaves = t[0] < 0
    fine = np.linspace(0.0 if leaves else 1.0, t[-1], len(t) * even + 1) if even else t
    if hasattr(idea, "onward"):
        codes = idea.onward(start, end, fine)
    else:
        place, velocity = (start, _velocities(inner)[0]) if leaves else (end, _velocities(inner)[1])
        codes = place + (fine if leaves else fine - 1)[:, None] * velocity
    codes = codes.astype(np.float32)
    return evened(Trace(codes), len(t) + 1, manifold).codes[1:] if even else codes


def joined(whole: Trace, before: np.ndarray, after: np.ndarray) -> Trace:
    """Return a walk with the codes before and after its ends, both (past, d) running outwards, on no invented road."""
    codes = np.concatenate([before[::-1], whole.codes, after])
    bridges = None if whole.bridges is None else np.pad(whole.bridges, len(before))
    return replace(whole, codes=codes, bridges=bridges, past=len(before))


def _velocities(inner: Trace) -> np.ndarray:
    """How fast a leg leaves its start and arrives at its end (2, d), in codes per unit of its own t."""
    if inner.velocities is not None:
        return inner.velocities
    return np.stack([_joints.velocity(inner.codes), -_joints.velocity(inner.codes[::-1])])
