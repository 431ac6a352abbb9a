"""The graph path: from real code to real code, over the shortest roads between neighbours.

    min over z_0, z_1, ..., z_m of  sum_i |g(z_{i+1}) - g(z_i)|,   each z_{i+1} among the k codes nearest to z_i

Every stop is a code of a real picture, so the walk never leaves the data for long, and it works in any number of
dimensions. Its corners are rounded: the curve through the stops is averaged along itself with a bell as wide as
`smoothing` of the stops' distance. Where the codes fall into separate groups a bridge over the shortest gap is built,
and said: the path had to invent that road.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.paths import _atlas
from manigen.paths._roads import Roads
from manigen.paths.base import Curve, Manifold, Trace

card = Card(
    title="Graph",
    sentence="Walks from real code to real code, always to one of the nearest, over the shortest roads there are.",
    reference="Chen, Ferroni, Klushyn, Paraschos, Bayer, van der Smagt 2019, Fast Approximate Geodesics for Deep "
    "Generative Models",
    link="https://arxiv.org/abs/1812.08284",
    knobs=(
        Knob("neighbours", 10, "How many of its nearest codes each code is tied to.", 2, 50, title="Neighbours"),
        Knob(
            "smoothing",
            1.0,
            "How far the corners are rounded, in steps from code to code; 0 leaves them.",
            0.0,
            4.0,
            title="Rounded corners",
        ),
    ),
)
FINE = 8  # knots of the rounded curve for each road
APART = "Where the real codes fall into {parts} groups this path had to invent a road of its own."
OUTSIDE = "Where an end lies outside the data this path had to invent a road of its own."
CROSSES = "This path crosses a place without data, where it had to invent a road of its own."
GUESSED = "The decoder is slow, so only the roads near this path were measured: a shorter one may exist."
NO_ROAD = "There is one real code only, and so no roads: this path is a straight line."


def trace(start: np.ndarray, end: np.ndarray, steps: int, manifold: Manifold, **knobs: Any) -> Trace:
    """Return `steps` codes from `start` (d,) to `end` (d,) at about constant picture speed."""
    return curves(start[None], end[None], manifold, **knobs)[0].trace(start, end, steps)


def curves(
    starts: np.ndarray, ends: np.ndarray, manifold: Manifold, neighbours: int = 10, smoothing: float = 1.0
) -> list[Curve]:
    """Return the path of each pair of ends (k, d); the graph is built at the first call, once for all."""
    graph = _atlas.roads(manifold, neighbours)
    return [curve(start, end, graph, smoothing) for start, end in zip(starts, ends, strict=True)]


def curve(start: np.ndarray, end: np.ndarray, graph: Roads, smoothing: float = 1.0) -> Curve:
    """Return the shortest way over the roads of `graph` from one code (d,) to another, its corners rounded."""
    parts, count = graph.country.parts, len(graph.country.z)
    if count < 2 or np.array_equal(start, end):
        notes = (NO_ROAD,) if count < 2 else ()
        return Curve(np.stack([start, end]).astype(np.float64), np.array([0.0, 1.0]), notes=notes)
    route = graph.route(start, end)
    at = np.concatenate([[0.0], np.cumsum(route.lengths)])
    at = at / at[-1] if at[-1] > 0 else np.linspace(0, 1, len(at))
    t = np.linspace(0, 1, FINE * len(at) + 1)
    knots = np.stack([np.interp(t, at, column) for column in route.stops.T], axis=1)
    bridges = route.bridges[np.clip(np.searchsorted(at, (t[1:] + t[:-1]) / 2, "right") - 1, 0, len(at) - 2)]
    notes = (GUESSED,) if route.guessed else ()
    if bridges.any():
        notes = (*notes, APART.format(parts=parts) if parts > 1 else OUTSIDE)
    return Curve(rounded(knots, smoothing * FINE), t, notes=notes, bridges=bridges)


def rounded(knots: np.ndarray, width: float) -> np.ndarray:
    """Return a curve (m, d) averaged along itself with a bell of `width` knots, its ends where they were."""
    if width <= 0 or len(knots) < 3:
        return knots
    from scipy.ndimage import gaussian_filter1d

    width = min(width, len(knots) / 6)  # a short way keeps its shape
    base = np.linspace(0, 1, len(knots))[:, None]
    chord = (1 - base) * knots[0] + base * knots[-1]
    around = knots - chord
    turned = np.concatenate([-around[:0:-1], around, -around[-2::-1]])  # odd at both ends, so that they stay
    return chord + gaussian_filter1d(turned, width, axis=0)[len(knots) - 1 : 2 * len(knots) - 1]
