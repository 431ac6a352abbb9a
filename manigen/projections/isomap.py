"""Isomap: distances are measured along the manifold, and the map keeps them as well as a plane can.

    d(i, j) = length of the shortest way from i to j along the graph of nearest neighbours
    B = -1/2 H D H,   D_ij = d(i, j)^2,   H = I - 1 1^T / n;   p = (sqrt(l_1) v_1, ..., sqrt(l_dims) v_dims)

with l, v the largest eigenvalues of B and their vectors: classical scaling of the ways. A rolled-up sheet is laid flat,
but one wrong edge, a short circuit through empty space, bends all of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manigen.cards import Card, Knob
from manigen.nearest import Nearest
from manigen.projections import _graph
from manigen.projections.base import Embedding, Progress

card = Card(
    title="Isomap",
    sentence="Measures how far it is from code to code on foot, neighbour by neighbour, and keeps those distances.",
    reference="Tenenbaum, de Silva, Langford 2000, A Global Geometric Framework for Nonlinear Dimensionality Reduction",
    link="https://doi.org/10.1126/science.290.5500.2319",
    knobs=(Knob("n_neighbors", 15, "Steps lead to that many neighbours: too many cut through empty space.", 2, 200),),
    facts={
        "transform": "native: by its own ways to all codes of the map",
        "inverse_transform": "neighbours: the weighted mean of the nearest places' codes",
        "fewest": 6,
        "different": True,
        "landmarks": 3000,
    },
)


def embed(z: np.ndarray, seed: int, dims: int, progress: Progress, n_neighbors: int) -> Embedding:
    """Return the places (n, dims) of different codes z (n, d); no chance in it, whatever the `seed`."""
    from scipy import __version__
    from scipy.linalg import eigh

    progress(0.0, "finding the nearest neighbours", None)
    n = len(z)
    k, notes = _graph.few(n_neighbors, n)
    graph, pieces = _graph.joined(z, k)
    walked = _graph.ways(graph, np.arange(n), lambda share: progress(0.05 + 0.75 * share, "walking all ways", None))
    progress(0.8, "laying out the points", None)
    squares = np.square(np.minimum(walked, walked.T), dtype=np.float64)
    means = squares.mean(axis=0)
    kernel = -(squares - means - means[:, None] + means.mean()) / 2
    values, vectors = eigh(kernel, subset_by_index=(n - dims, n - 1))
    values, vectors = np.maximum(values[::-1], 1e-12 * max(values[-1], 1e-30)), _graph.signed(vectors[:, ::-1])
    p = vectors * np.sqrt(values)
    share = values.sum() / max(np.trace(kernel), 1e-30)
    notes += [*_graph.torn(pieces), f"These {dims} directions hold {min(share, 1):.0%} of the ways' spread."]
    kept = {"z": z, "places": p.astype(np.float32), "axes": vectors / np.sqrt(values), "means": means}
    return Embedding(p, {**kept, **_graph.packed(graph), "k": np.array(k)}, tuple(notes), f"scipy {__version__}")


def transform(z: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the places (m, dims) of codes z (m, d), by their ways to the map's codes over their nearest ones.

        p = -1/2 V^T (d^2 - mean),   V = (v_1 / sqrt(l_1), ...)

    Source: Bengio et al. 2003, Out-of-Sample Extensions for LLE, Isomap, MDS, Eigenmaps, and Spectral Clustering,
    https://papers.nips.cc/paper/2461.
    """
    near, gaps = Nearest(arrays["z"]).find(z, int(arrays["k"]))
    asked, place = np.unique(near, return_inverse=True)
    place = place.reshape(near.shape)
    walked = _graph.ways(_graph.unpacked(arrays), asked)
    p = np.empty((len(z), arrays["axes"].shape[1]))
    block = max(1, _graph.BLOCK // (walked.shape[1] * near.shape[1]))
    for at in range(0, len(z), block):
        part = slice(at, at + block)
        shortest = (walked[place[part]] + gaps[part, :, None]).min(axis=1).astype(np.float64)
        p[part] = -(np.square(shortest) - arrays["means"]) @ arrays["axes"] / 2
    return _graph.at_home(z, p, arrays)
