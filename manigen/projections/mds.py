"""Metric multidimensional scaling: all distances between codes are kept, as well as a plane can.

    stress(p) = sum_{i < j} (|p_i - p_j| - |z_i - z_j|)^2

made smaller in steps that cannot fail (SMACOF): each place moves to the mean of where every other would have it. Large
distances weigh most, so the large layout is kept and neighbours are not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manigen.cards import Card, Knob
from manigen.projections import _graph
from manigen.projections.base import Embedding, Progress
from manigen.projections.pca import directions

card = Card(
    title="MDS",
    sentence="Moves the points until the distances on the page are as close as they can be to those between codes.",
    reference="Kruskal 1964, Multidimensional scaling by optimizing goodness of fit; de Leeuw 1977, SMACOF",
    link="https://doi.org/10.1007/BF02289565",
    knobs=(Knob("max_iter", 200, "Steps at most: it stops sooner where a step changes nothing more.", 1, 1000),),
    facts={
        "transform": "native: where its distances to 500 of the codes fit best",
        "inverse_transform": "neighbours: the weighted mean of the nearest places' codes",
        "fewest": 4,
        "different": True,
        "landmarks": 2000,
    },
)
ENOUGH = 1e-4  # of the stress: a step that takes less away is the last
ASKED = 500  # codes whose distances place a new one
STEPS = 40  # of a new code's search for its place


def embed(z: np.ndarray, seed: int, dims: int, progress: Progress, max_iter: int) -> Embedding:
    """Return the places (n, dims) of different codes z (n, d); from their PCA, so there is no chance in it."""
    progress(0.0, "measuring all distances", None)
    mean, axes, _ = directions(z, dims)
    p = (z - mean) @ axes.T.astype(np.float64)
    wanted = _distances(z.astype(np.float64), z.astype(np.float64))
    before = np.inf
    for step in range(max_iter):
        p, stress = _step(p, wanted)
        if step % 5 == 0:
            progress(0.05 + 0.95 * step / max_iter, "laying out the points", p.astype(np.float32))
        if before - stress < ENOUGH * stress:
            break
        before = stress
    wrong = np.sqrt(stress / max(np.square(wanted).sum(), 1e-30))
    arrays = {"z": z, "places": p.astype(np.float32)}
    note = f"Distances on this map are off by {wrong:.0%} (root of the stress over the squared distances)."
    return Embedding(p, arrays, (note,))


def _step(p: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, float]:
    """One step of SMACOF, p' = B(p) p / n (Guttman's transform), and the stress of p."""
    here = _distances(p, p)
    stress = float(np.square(here - wanted).sum())
    pull = np.divide(wanted, here, out=np.zeros_like(here), where=here > 0)
    return (pull.sum(axis=1)[:, None] * p - pull @ p) / len(p), stress


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The distances (n, m) between rows of a and of b."""
    from scipy.spatial.distance import cdist

    return cdist(a, b)


def transform(z: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the places (m, dims) of codes z (m, d): each moves as in a fit, while the map's own stand still.

    p' = mean_j (p_j + |z - z_j| (p - p_j) / |p - p_j|)
    """
    n = len(arrays["z"])
    some = np.unique(np.linspace(0, n - 1, min(n, ASKED)).astype(int))
    of, places = arrays["z"][some].astype(np.float64), arrays["places"][some].astype(np.float64)
    mean, axes, _ = directions(arrays["z"], places.shape[1])
    p = (z - mean).astype(np.float64) @ axes.T
    block = max(1, _graph.BLOCK // len(some))
    for at in range(0, len(z), block):
        part = slice(at, at + block)
        wanted = _distances(z[part].astype(np.float64), of)
        for _ in range(STEPS):
            here = np.maximum(_distances(p[part], places), 1e-12)
            pull = wanted / here
            p[part] = places.mean(axis=0) + (pull.sum(axis=1)[:, None] * p[part] - pull @ places) / len(some)
    return _graph.at_home(z, p, arrays)
