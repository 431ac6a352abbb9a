"""The density geodesic: the shortest way where a step counts the more, the emptier the place it crosses.

    min over z(t) of  sum_i |z_{i+1} - z_i|^2 p((z_i + z_{i+1}) / 2)^-b,      b the `fear` of the empty

p is the density of the real codes, 1 at the median code. With b = 0 this is the straight line; the larger b, the longer
a detour through known country is worth it. No picture is decoded on the way, so it is quick. The search starts from the
graph path; a search that finds nothing better leaves that.

What is found cuts across: where codes lie in a shell around their mean, as those of a trained encoder mostly do, its
middle lies nearer to the mean than its ends, and pictures pale towards that. A `lift` l takes it out again,

    z(t) - c  ->  (z(t) - c) (1 - l + l max(1, ((1 - t) |z_0 - c| + t |z_1 - c|) / |z(t) - c|)),     c the mean code

as a great circle keeps the norm: the ends stay, nothing is drawn in, and nothing goes more than three times as far out
as it was. Out there the way is searched for once more, each knot's distance from c held: the dense places of the shell
lie elsewhere than straight out of those within.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.paths import _atlas, _descent, graph
from manigen.paths._density import Density
from manigen.paths._roads import Country, Roads
from manigen.paths.base import Curve, Manifold, Trace

card = Card(
    title="Density",
    sentence="The shortest way if empty places are slow to cross: it goes around them, as far as its fear demands.",
    reference="Bijral, Ratliff, Srebro 2011, Semi-supervised Learning with Density Based Distances",
    link="https://arxiv.org/abs/1202.3702",
    knobs=(
        Knob(
            "fear",
            2.0,
            "How much slower a step is where codes are rarer.",
            0.0,
            6.0,
            log=True,
            title="Fear of the empty",
        ),
        Knob(
            "bandwidth",
            0.6,
            "How wide each code's bell is, 1 is the way to its tenth neighbour.",
            0.05,
            3.0,
            log=True,
            title="Width of the bells",
            finer=True,
        ),
        Knob(
            "lift",
            0.0,
            "How far the codes between are kept as far out as the ends are, as on a great circle: contrast stays.",
            0.0,
            2.0,
            title="Contrast kept",
            finer=True,
        ),
    ),
)
KNOTS = 33
STEEPEST = 12.0  # the weight's logarithm bends off here, so that no gradient overflows far from all data
ROUNDS, STEPS, TOLERANCE = 6, 25, 1e-3  # of the search; between rounds the codes that matter are looked up anew
FARTHEST = 3.0  # times as far out as it was a code is taken at most: past the mean itself no lift leads smoothly
NOT_FOUND = "The search found nothing better than the graph path, which is shown instead."
STOPPED = "The search was stopped before it had come to rest: a slightly better path may exist."


def trace(start: np.ndarray, end: np.ndarray, steps: int, manifold: Manifold, **knobs: Any) -> Trace:
    """Return `steps` codes from `start` (d,) to `end` (d,)."""
    return curves(start[None], end[None], manifold, **knobs)[0].trace(start, end, steps)


def curves(
    starts: np.ndarray,
    ends: np.ndarray,
    manifold: Manifold,
    fear: float = 2.0,
    bandwidth: float = 0.6,
    lift: float = 0.0,
) -> list[Curve]:
    """Return the path of each pair of ends (k, d), all searched for at once."""
    country = _atlas.country(manifold)
    density = _atlas.kept(manifold, ("density", bandwidth), lambda: Density(country.near.z, bandwidth))
    roads = _atlas.kept(
        manifold, ("slow roads", bandwidth, fear), lambda: Roads(country, Slowness(country, density, fear))
    )
    first = [graph.curve(start, end, roads) for start, end in zip(starts, ends, strict=True)]
    moving = [i for i, (start, end) in enumerate(zip(starts, ends, strict=True)) if not np.array_equal(start, end)]
    if len(country.z) < 2 or not moving:
        return first
    line = np.stack([first[i].trace(starts[i], ends[i], KNOTS).codes for i in moving]).astype(np.float64)
    found = search((line - country.centre) / country.unit, density, fear)  # its units are around the mean code
    if lift:
        found = search(lifted(found.z, lift), density, fear, held=True)
    knots = found.z * country.unit + country.centre
    for i, way, residual in zip(moving, knots, found.residual, strict=True):
        first[i] = finished(first[i], way, float(residual), country)
    return first


def lifted(z: np.ndarray, lift: float) -> np.ndarray:
    """Return chains z (k, m, d) around the mean code taken out to the norms of their ends, by the share `lift`."""
    norm = np.linalg.norm(z, axis=2)
    t = np.stack([along(chain) for chain in z])
    wanted = (1 - t) * norm[:, :1] + t * norm[:, -1:]
    out = np.maximum(wanted / np.maximum(norm, 1e-300), 1.0)
    return z * np.minimum(1 + lift * (out - 1), FARTHEST)[:, :, None]


class Slowness:
    """The ruler of density: a road is |a - b| times the mean of p^(-b/2) at its ends."""

    def __init__(self, country: Country, density: Density, fear: float) -> None:
        self.country, self.density, self.fear = country, density, fear

    def see(self, z: np.ndarray, what: str = "") -> np.ndarray:
        own = self.country.own(z)
        log, _ = self.density.log(own)
        slow = np.exp(STEEPEST / 2 * np.tanh(-self.fear * log / STEEPEST))
        return np.concatenate([own, slow[:, None]], axis=1)

    def apart(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.linalg.norm(b[:, :-1] - a[:, :-1], axis=1) * (a[:, -1] + b[:, -1]) / 2


def search(line: np.ndarray, density: Density, fear: float, held: bool = False) -> _descent.Found:
    """Return chains `line` (k, m, d) after the descent, in the units of the density's codes.

    Where norms are `held` each knot keeps its own, and only its direction is searched.
    """
    moved: _descent.Moved = []
    found = None
    norms = np.linalg.norm(line, axis=2, keepdims=True)
    for _ in range(ROUNDS):
        energy = _energy(line, density, fear)
        if held:
            moved.clear()  # it was learned of knots that have been put back to their norms since
            energy = _at(norms, energy)
        found = _descent.descend(energy, line, STEPS, TOLERANCE, moved)
        if held:
            found = replace(found, z=_towards(found.z) * norms)
        if found.steps <= 1:
            break
        line = found.z
    assert found is not None
    return found


def _towards(z: np.ndarray) -> np.ndarray:
    """The directions of knots z (k, m, d)."""
    return z / np.maximum(np.linalg.norm(z, axis=2, keepdims=True), 1e-300)


def _at(norms: np.ndarray, energy: _descent.Energy) -> _descent.Energy:
    """The energy of chains whose knots are put to `norms` (k, m, 1): no slope leads along those."""

    def turned(z: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        to = _towards(z)
        value, slope, stiff = energy(to * norms[rows], rows)
        inner = to[:, 1:-1]
        slope = slope - np.einsum("kmd,kmd->km", slope, inner)[:, :, None] * inner
        own = np.maximum(np.linalg.norm(z[:, 1:-1], axis=2, keepdims=True), 1e-300)
        return value, slope * norms[rows, 1:-1] / own, stiff

    return turned


def _energy(line: np.ndarray, density: Density, fear: float) -> _descent.Energy:
    around = [density.around((way[1:] + way[:-1]) / 2) for way in line]

    def energy(z: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        step, middle = np.diff(z, axis=1), (z[:, 1:] + z[:, :-1]) / 2
        told = [density.log(places, around[row]) for places, row in zip(middle, rows, strict=True)]
        log, uphill = np.stack([value for value, _ in told]), np.stack([slope for _, slope in told])
        bent = np.tanh(-fear * log / STEEPEST)
        weight = np.exp(STEEPEST * bent)
        square = np.einsum("kmd,kmd->km", step, step)
        pull = (square * weight * -fear * (1 - bent**2) / 2)[:, :, None] * uphill
        stretch = 2 * weight[:, :, None] * step
        gradient = stretch[:, :-1] - stretch[:, 1:] + pull[:, :-1] + pull[:, 1:]
        return (square * weight).sum(axis=1), gradient, weight

    return energy


def finished(first: Curve, knots: np.ndarray, residual: float, country: Country, tolerance: float = TOLERANCE) -> Curve:
    """Return the curve of a search that began at `first`, or `first` where nothing came of it, and say so."""
    if not np.isfinite(knots).all() or not np.isfinite(residual):
        return replace(first, converged=False, notes=(*first.notes, NOT_FOUND))
    converged = residual < 10 * tolerance
    empty = country.empty((knots[1:] + knots[:-1]) / 2)
    notes = first.notes or ((graph.CROSSES,) if empty.any() else ())
    notes = notes if converged else (*notes, STOPPED)
    return Curve(knots, along(knots), True, converged, notes, residual, empty)


def along(knots: np.ndarray) -> np.ndarray:
    """How far along its own length each knot (m, d) lies, rising from 0 to 1: equal steps of t are equal in code.

    The search spaces its knots by the density; walked so, the picture would dwell on the common and leap over the rare.
    """
    steps = np.linalg.norm(np.diff(knots, axis=0), axis=1)
    at = np.concatenate([[0.0], np.cumsum(steps + 1e-6 * steps.mean() + 1e-300)])
    return at / at[-1]
