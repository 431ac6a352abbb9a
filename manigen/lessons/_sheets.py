"""The clouds of lessons two and three: known sheets, groups of known size, noise; and what maps of them keep.

The Swiss roll is Tenenbaum, de Silva, Langford 2000's, with the position along the sheet known; the bar is the turning
bar of the first lesson, whose two knobs are known.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from manigen.datasets import bars
from manigen.lessons import _bench
from manigen.seeds import numpy_stream

POINTS = 500
NEIGHBOURS = (5, 7, 10, 15, 20, 30, 40)
PERPLEXITIES = (2, 5, 15, 30, 75, 120)
TIES = (3, 8, 15, 30, 75, 120)  # UMAP's neighbours, one for each perplexity
RADII = (1.0, 5.0, 25.0)
EACH = 120  # points of a group
CODES = "mnist-autoencoder"


@cache
def roll() -> tuple[np.ndarray, np.ndarray]:
    """Return a Swiss roll (n, 3) and where each point lies on the unrolled sheet (n, 2): the way along it, and across."""
    rng = numpy_stream(2, 21)
    turn = 1.5 * np.pi * (1 + 2 * rng.random(POINTS))
    across = 14 * rng.random(POINTS)
    along = (turn * np.sqrt(1 + turn**2) + np.arcsinh(turn)) / 2  # arc length of the spiral r = turn
    x = np.stack([turn * np.cos(turn), across, turn * np.sin(turn)], 1)
    return x.astype(np.float32), np.stack([along - along.min(), across], 1).astype(np.float32)


@cache
def bar() -> tuple[np.ndarray, np.ndarray]:
    """Return pictures of the bar, half a turn of it (n, 1024), and its two knobs (n, 2), both in pixels at the bar's end."""
    rng = numpy_stream(2, 22)
    angle, thickness = rng.uniform(0, 0.9 * np.pi, POINTS), rng.uniform(3, 6, POINTS)
    x = bars.draw(angle, thickness).reshape(POINTS, -1) / np.float32(255)
    return x, np.stack([bars.REACH * angle, thickness], 1).astype(np.float32)


def clouds() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the clouds (n, d) of the third lesson by name, with groups (n,)."""
    rng = numpy_stream(3, 23)
    middles = np.array([[0.0, 0.0], [60.0, 0.0], [0.0, 90.0]])
    blobs = [middle + radius * rng.standard_normal((EACH, 2)) for middle, radius in zip(middles, RADII, strict=True)]
    codes = _bench.codes(CODES)
    rows = np.flatnonzero(codes.split == 1)[: 3 * EACH]
    return {
        "blobs": (np.concatenate(blobs).astype(np.float32), np.repeat(np.arange(3), EACH)),
        "noise": (rng.standard_normal((3 * EACH, 16)).astype(np.float32), np.zeros(3 * EACH, int)),
        "codes": (codes.z[rows], codes.labels[rows].astype(int)),
    }


def ranks_kept(a: np.ndarray, b: np.ndarray) -> float:
    """Return the rank correlation in [-1, 1] of all distances within a (n, d) and within b (n, e)."""
    first, second = (_order(distances(one)[np.triu_indices(len(one), 1)]) for one in (a, b))
    return float(np.corrcoef(first, second)[0, 1])


def distances(a: np.ndarray) -> np.ndarray:
    """Return all distances (n, n) within a (n, d)."""
    a = np.asarray(a, np.float64)
    square = (a**2).sum(1)
    return np.sqrt(np.maximum(square[:, None] + square[None] - 2 * a @ a.T, 0))


def _order(values: np.ndarray) -> np.ndarray:
    order = np.empty(len(values))
    order[np.argsort(values, kind="stable")] = np.arange(len(values))
    return order


def neighbours_kept(a: np.ndarray, b: np.ndarray, k: int = 15) -> float:
    """Return the share in [0, 1] of each row's k nearest fellows in a (n, d) that are so in b (n, e) too."""
    near = [np.argsort(distances(one) + np.diag(np.full(len(one), np.inf)), 1)[:, :k] for one in (a, b)]
    return float(np.mean([len(np.intersect1d(*pair)) / k for pair in zip(*near, strict=True)]))


def sheets() -> dict[str, np.ndarray]:
    """Maps of the roll and the bar by Isomap and LLE for each number of neighbours, and by PCA."""
    from manigen import projections

    kept: dict[str, np.ndarray] = {}
    for name, (x, _) in {"roll": roll(), "bar": bar()}.items():
        kept[f"{name}_pca"] = projections.fit_map(x, "pca").p
        for method in ("isomap", "lle"):
            for k in NEIGHBOURS:
                kept[f"{name}_{method}_{k}"] = projections.fit_map(x, method, n_neighbors=k).p
    return {name: _unit(p).astype(np.float16) for name, p in kept.items()}


def maps() -> dict[str, np.ndarray]:
    """Maps of the three clouds by t-SNE, two seeds, and UMAP, for each scale; and by PCA."""
    from manigen import projections

    kept: dict[str, np.ndarray] = {}
    for name, (x, _) in clouds().items():
        kept[f"{name}_pca"] = projections.fit_map(x, "pca").p
        for at, (perplexity, ties) in enumerate(zip(PERPLEXITIES, TIES, strict=True)):
            for seed in (0, 1):
                kept[f"{name}_tsne_{at}_{seed}"] = projections.fit_map(x, "tsne", seed, perplexity=perplexity).p
                kept[f"{name}_umap_{at}_{seed}"] = projections.fit_map(x, "umap", seed, n_neighbors=ties).p
    return {name: _unit(p).astype(np.float16) for name, p in kept.items()}


def _unit(p: np.ndarray) -> np.ndarray:
    p = p - p.mean(0)
    return p / np.abs(p).max()
