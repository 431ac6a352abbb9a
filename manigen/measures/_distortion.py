"""Where a map lies: every measure of a map at once, and for each point how far it is to be trusted.

    intruders   how foreign its neighbours on the map are        1 - trustworthiness of the point, in [0, 1]
    torn        how far from it its true neighbours went         1 - continuity of the point, in [0, 1]
    recall      the share of its true neighbours around it       in [0, 1]
    density     log(size of its surroundings on the map / among the codes), around 0: above, it is drawn too sparse
    area        log(how much code space a step on the map covers), around 0: above, much is squeezed into little ink

The neighbours are found once and shared. Up to 20,000 codes all ranks are exact; beyond, ranks are estimated among
4,000 drawn codes, which leaves each mean an error far below 0.001. Of more than 100,000 codes 20,000 drawn ones are
asked for their neighbours among all, the other points have NaN, and the curve is that of these 20,000 by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from manigen import seeds
from manigen.measures import density_correlation, neighbour_recall, rnx_area, shepard_correlation, triplet_accuracy
from manigen.measures._map import both, fellows, others
from manigen.measures.base import strangers
from manigen.nearest import MANY, Nearest

K = 15
EXACT, AMONG = 20_000, 4_000
ASKED, BLOCK = 20_000, 64  # of many codes: how many are asked for their neighbours, and how many at once
HOLLOW = 0.05  # of the points are drawn as the least to be trusted
SCALES = 60  # of the curve that is kept
PARTS = 10  # that a sample is cut into, to see how much its figures differ
POINTWISE = ("intruders", "torn", "recall", "density", "area")
VERSION = 1  # of all that is computed here; to be raised when a figure changes its meaning


@dataclass(frozen=True)
class Distortion:
    """What `of` finds: figures with their standard errors, columns (n,) float32, the curve and the plot behind them."""

    k: int
    figures: Mapping[str, tuple[float, float]]  # name of the measure: value, standard error (0 where exact)
    points: Mapping[str, np.ndarray]
    hollow: np.ndarray  # rows of the 5 % least to be trusted
    scales: np.ndarray  # K of the curve
    curve: np.ndarray  # R_NX at those
    shepard: np.ndarray  # counts (cells, cells)


def of(z: Any, p: Any, seed: int = 0, progress: Callable[[float], None] = lambda share: None) -> Distortion:
    """Return where a map of codes z (n, d) at places p (n, 2 or 3) lies; `progress` hears the share done.

    k is 15, or as many neighbours as fewer than 31 codes allow. Raises `BadInput` for fewer than 3 codes.
    """
    z, p, k = both(z, p, max(1, min(K, (len(z) - 1) // 2)))
    n = len(z)
    if n > MANY:
        return _of_many(z, p, k, seed, progress)
    progress(0.0)
    near, distances = fellows(z, k)
    progress(0.2)
    beside, apart = fellows(p, k)
    recall = neighbour_recall.kept(near, beside)
    progress(0.25)
    among = AMONG if n > EXACT else None
    intruders = 1 - strangers(p, z, k, n, seed, among)
    progress(0.5)
    torn = 1 - strangers(z, p, k, n, seed, among)
    progress(0.75)
    sizes = density_correlation.sizes(distances), density_correlation.sizes(apart)
    curve = rnx_area.curve(z, p, seed=seed)
    progress(0.9)
    told = triplet_accuracy.told(z, p, seed=seed)
    shepard = [shepard_correlation.measure(z, p, sample=300, seed=seed + part) for part in range(PARTS)]
    inexact = 0.0 if among is None else 1.0
    figures = {
        "neighbour_recall": (float(recall.mean()), 0.0),
        "trustworthiness": (1 - float(intruders.mean()), inexact * _error(intruders)),
        "continuity": (1 - float(torn.mean()), inexact * _error(torn)),
        "rnx_area": (rnx_area.area(curve), _area_error(z, p, seed)),
        "shepard_correlation": (shepard_correlation.measure(z, p, seed=seed), _error(np.array(shepard))),
        "triplet_accuracy": (float(told.mean()), _error(told)),
        "density_correlation": (density_correlation.correlation(*sizes), 0.0),
    }
    points = {
        "intruders": intruders,
        "torn": torn,
        "recall": recall,
        "density": _around_zero(sizes[1] - sizes[0]),
        "area": _around_zero(area(z, p, beside)),
    }
    scales = np.unique(np.geomspace(1, len(curve), SCALES).round().astype(np.int64))
    columns = {name: column.astype(np.float32) for name, column in points.items()}
    progress(1.0)
    plot = shepard_correlation.plot(z, p, seed=seed)
    return Distortion(k, figures, columns, hollow(intruders, torn), scales, curve[scales - 1], plot)


def _of_many(z: np.ndarray, p: np.ndarray, k: int, seed: int, progress: Callable[[float], None]) -> Distortion:
    """The same of so many codes that only some can be asked, each for its neighbours among all."""
    n = len(z)
    rows = np.sort(seeds.numpy_stream(seed, n).permutation(n)[:ASKED])
    near, distances, among = np.empty((len(rows), k), np.int64), np.empty((len(rows), k), np.float32), Nearest(z)
    for at in range(0, len(rows), BLOCK):
        part = slice(at, at + BLOCK)
        near[part], distances[part] = others(*among.find(z[rows[part]], k + 1), rows[part])
        progress(0.8 * at / len(rows))
    beside, apart = fellows(p, k, rows)
    recall = neighbour_recall.kept(near, beside)
    drawn = np.sort(seeds.numpy_stream(seed, 1).permutation(n)[:AMONG])
    intruders = _strange(z, rows, beside, drawn, k)
    torn = _strange(p, rows, near, drawn, k)
    progress(0.9)
    sizes = density_correlation.sizes(distances), density_correlation.sizes(apart)
    some_z, some_p = z[rows], p[rows]
    curve = rnx_area.curve(some_z, some_p, seed=seed)
    told = triplet_accuracy.told(z, p, seed=seed)
    shepard = [shepard_correlation.measure(some_z, some_p, sample=300, seed=seed + part) for part in range(PARTS)]
    correlations = np.array(
        [density_correlation.correlation(sizes[0][b::PARTS], sizes[1][b::PARTS]) for b in range(PARTS)]
    )
    figures = {
        "neighbour_recall": (float(recall.mean()), _error(recall)),
        "trustworthiness": (1 - float(intruders.mean()), _error(intruders)),
        "continuity": (1 - float(torn.mean()), _error(torn)),
        "rnx_area": (rnx_area.area(curve), _area_error(some_z, some_p, seed)),
        "shepard_correlation": (shepard_correlation.measure(some_z, some_p, seed=seed), _error(np.array(shepard))),
        "triplet_accuracy": (float(told.mean()), _error(told)),
        "density_correlation": (density_correlation.correlation(*sizes), _error(correlations)),
    }
    points = {
        "intruders": intruders,
        "torn": torn,
        "recall": recall,
        "density": _around_zero(sizes[1] - sizes[0]),
        "area": _around_zero(area(z, p, beside, rows)),
    }
    columns = {name: np.full(n, np.nan, np.float32) for name in points}
    for name, column in points.items():
        columns[name][rows] = column
    scales = np.unique(np.geomspace(1, len(curve), SCALES).round().astype(np.int64))
    progress(1.0)
    worst = rows[hollow(intruders, torn)].astype(np.int32)
    plot = shepard_correlation.plot(some_z, some_p, seed=seed)
    return Distortion(k, figures, columns, worst, scales, curve[scales - 1], plot)


def _strange(true: np.ndarray, rows: np.ndarray, near: np.ndarray, drawn: np.ndarray, k: int) -> np.ndarray:
    """How foreign the neighbours `near` (m, k) of some rows are in `true` (n, f): 1 - s_i of `base.strangers` (m,).

    A neighbour's rank is estimated as the share of the `drawn` rows that is nearer.
    """
    n = len(true)
    some, excess = true[drawn].astype(np.float64), np.empty(len(rows))
    for at in range(0, len(rows), BLOCK):
        here = true[rows[at : at + BLOCK]].astype(np.float64)
        away = np.linalg.norm(true[near[at : at + BLOCK]] - here[:, None], axis=2)
        ladder = np.sort(np.linalg.norm(some - here[:, None], axis=2), axis=1)
        for i, (steps, those) in enumerate(zip(ladder, away, strict=True)):
            ranks = np.searchsorted(steps, those) * ((n - 1) / len(drawn)) + 1
            excess[at + i] = np.maximum(ranks - k, 0).sum()
    return excess * 2 / (k * (2 * n - 3 * k - 1))


def hollow(intruders: np.ndarray, torn: np.ndarray) -> np.ndarray:
    """Return the rows of the 5 % of the points with most intruders and tears; none where there are no such things."""
    wrong = intruders + torn
    limit = max(float(np.quantile(wrong, 1 - HOLLOW)), 1e-4)
    return np.flatnonzero(wrong > limit).astype(np.int32)


def area(z: np.ndarray, p: np.ndarray, beside: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """Return log sqrt det(A_i A_i^T) (m,): how much code space one step on the map covers around each of some points.

    A_i (dims, d) is the linear map that fits best how codes change from a point to its neighbours `beside` (m, k);
    the points are `rows`, or all of them.
    """
    rows = np.arange(len(z)) if rows is None else rows
    found = np.empty(len(rows))
    dims = p.shape[1]
    block = max(1, 4_000_000 // (beside.shape[1] * z.shape[1]))
    for at in range(0, len(rows), block):
        part = slice(at, at + block)
        steps = p[beside[part]].astype(np.float64) - p[rows[part], None]
        moved = z[beside[part]].astype(np.float64) - z[rows[part], None]
        gram = steps.transpose(0, 2, 1) @ steps
        size = np.maximum(np.trace(gram, axis1=1, axis2=2), 1e-24)
        gram += np.eye(dims) * (1e-6 * size)[:, None, None]
        fitted = np.linalg.solve(gram, steps.transpose(0, 2, 1) @ moved)
        found[part] = np.linalg.slogdet(fitted @ fitted.transpose(0, 2, 1) + 1e-12 * np.eye(dims))[1] / 2
    return found


def _around_zero(column: np.ndarray) -> np.ndarray:
    return column - np.median(column)


def _error(values: np.ndarray) -> float:
    """The standard error of a mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def _area_error(z: np.ndarray, p: np.ndarray, seed: int) -> float:
    """The standard error of the area on 500 rows, from ten draws of 50."""
    if len(z) <= 500:
        return 0.0
    return _error(np.array([rnx_area.area(rnx_area.curve(z, p, 50, seed + 1 + part)) for part in range(PARTS)]))


# --- as arrays --------------------------------------------------------------------------------------------------------


def arrays(found: Distortion) -> dict[str, np.ndarray]:
    """Return a distortion as small arrays for an npz file: columns in half precision."""
    names = list(found.figures)
    return {
        "k": np.array(found.k),
        "names": np.array(names),
        "values": np.array([found.figures[name] for name in names], np.float64),
        **{f"points_{name}": column.astype(np.float16) for name, column in found.points.items()},
        "hollow": found.hollow,
        "scales": found.scales,
        "curve": found.curve.astype(np.float32),
        "shepard": found.shepard.astype(np.int32),
    }


def from_arrays(held: Mapping[str, np.ndarray]) -> Distortion:
    """Return the distortion that `arrays` gave. Raises `KeyError` or `ValueError` for anything else."""
    values = zip(held["names"], held["values"], strict=True)
    figures = {str(name): (float(value), float(error)) for name, (value, error) in values}
    points = {name: held[f"points_{name}"].astype(np.float32) for name in POINTWISE}
    return Distortion(int(held["k"]), figures, points, held["hollow"], held["scales"], held["curve"], held["shepard"])
