"""The great circle between two codes: turn from one direction to the other at constant speed.

    z(t) = ((1 - t) |a| + t |b|) (cos(t w) u + sin(t w) v)

u is the direction of a, v the part of b's direction that is square to u, made one long, and w the angle between a and
b. Codes drawn from N(0, I) in many dimensions all lie near a sphere; the straight line between two of them cuts through
its empty inside, this path does not.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card
from manigen.paths import straight
from manigen.paths.base import Manifold, Trace

card = Card(
    title="Great circle",
    sentence="Turns from one code to the other around the origin, keeping its distance from it, like a plane's route.",
    reference="White 2016, Sampling Generative Networks; Shoemake 1985, Animating rotation with quaternion curves",
    link="https://arxiv.org/abs/1609.04468",
)

AT_ORIGIN = "A code at the origin has no direction to turn from, so this great circle is a straight line."
NO_WAY_AROUND = "With one dimension there is no way around the origin, so this great circle is a straight line."
OPPOSITE = "The ends lie exactly opposite each other: of the many great circles between them one was chosen."


def trace(start: np.ndarray, end: np.ndarray, steps: int, manifold: Manifold) -> Trace:
    """Return `steps` codes from `start` (d,) to `end` (d,): direction turned evenly, norm changed evenly.

    A code at the origin has no direction, and opposite codes have no one circle: the first is reached straight, for the
    second a circle is chosen, and the trace's notes say so.
    """
    codes, notes = _turned(start, end, np.linspace(0, 1, steps))
    codes[0], codes[-1] = start, end  # the ends to the last bit
    return Trace(codes.astype(np.float32), notes=notes)


def onward(start: np.ndarray, end: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return codes (k, d) at t (k,) by the same formula, within [0, 1] or past it, where it turns and grows on."""
    return _turned(start, end, t)[0]


def _turned(start: np.ndarray, end: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    a, b = start.astype(np.float64), end.astype(np.float64)
    norms = np.linalg.norm(a), np.linalg.norm(b)
    if min(norms) == 0:
        return straight.onward(start, end, t), (AT_ORIGIN,)
    u, direction = a / norms[0], b / norms[1]
    cosine = u @ direction
    across = direction - cosine * u
    sine = np.linalg.norm(across)
    notes: tuple[str, ...] = ()
    if sine < 1e-7 and cosine < 0:  # beyond float32: the ends do not say which way to turn
        if len(a) == 1:
            return straight.onward(start, end, t), (NO_WAY_AROUND,)
        across = np.eye(len(a))[np.argmin(np.abs(u))]
        across -= (across @ u) * u
        notes = (OPPOSITE,)
    v = across / max(np.linalg.norm(across), 1e-300)
    share = t[:, None]
    angle = share * np.arctan2(sine, cosine)
    return ((1 - share) * norms[0] + share * norms[1]) * (np.cos(angle) * u + np.sin(angle) * v), notes
