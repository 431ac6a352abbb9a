"""Laplacian eigenmaps: the slowest vibrations of the net of neighbours are the axes of the map.

    w_ij = exp(-d_ij^2 / (s_i s_j)) for neighbours, else 0;    D p = diag(sum_j w_ij);    (D - W) v = l D v

with s_i the distance of i to its k-th neighbour. The vectors of the smallest l above 0 change as little as they can
along each tie: they are constant on tight groups and change where the net is thin.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.nearest import Nearest
from manigen.projections import _graph
from manigen.projections.base import Embedding, Progress

card = Card(
    title="Laplacian eigenmaps",
    sentence="Ties neighbours with springs and lets the net vibrate: its slowest tones say where each code lies.",
    reference="Belkin, Niyogi 2003, Laplacian Eigenmaps for Dimensionality Reduction and Data Representation",
    link="https://doi.org/10.1162/089976603321780317",
    knobs=(Knob("n_neighbors", 15, "Neighbours each code is tied to: few show detail, many the large shape.", 2, 200),),
    facts={
        "transform": "native: the mean of its nearest codes' places, weighted as the springs are (Nyström)",
        "inverse_transform": "neighbours: the weighted mean of the nearest places' codes",
        "fewest": 8,
        "different": True,
        "landmarks": 20_000,
    },
)


def embed(z: np.ndarray, seed: int, dims: int, progress: Progress, n_neighbors: int) -> Embedding:
    """Return the places (n, dims) of different codes z (n, d), scaled to variance 1; chance only starts the search."""
    from scipy import __version__
    from scipy.linalg import eigh
    from scipy.sparse import diags
    from scipy.sparse.linalg import LinearOperator, eigsh

    progress(0.0, "finding the nearest neighbours", None)
    n = len(z)
    k, notes = _graph.few(n_neighbors, n)
    graph, pieces = _graph.joined(z, k)
    reach = _graph.fellows(z, k)[1][:, -1]
    ties = graph.tocoo()
    weights = np.exp(-np.square(ties.data) / (reach[ties.row] * reach[ties.col]))
    graph.data[:] = 0
    graph = graph + type(graph)((np.maximum(weights, 1e-6), (ties.row, ties.col)), graph.shape)
    root = 1 / np.sqrt(np.asarray(graph.sum(axis=1)).ravel())
    spread = diags(root) @ graph @ diags(root)  # its largest eigenvalues are the Laplacian's smallest
    progress(0.15, "listening for the slowest tones", None)
    if n <= 500:
        values, vectors = eigh(spread.toarray(), subset_by_index=(n - dims - 1, n - 1))
    else:
        asked = 0

        def times(v: np.ndarray) -> np.ndarray:
            nonlocal asked
            asked += 1
            if asked % 50 == 0:
                progress(0.15 + 0.8 * (1 - np.exp(-asked / 2000)), "listening for the slowest tones", None)
            return spread @ v

        start = seeds.numpy_stream(seed).normal(size=n)
        tones = LinearOperator(spread.shape, times, dtype=np.float64)
        values, vectors = eigsh(tones, dims + 1, which="LA", v0=start, ncv=min(n, 64), tol=1e-6, maxiter=5000)
    order = np.argsort(values)[::-1][1 : dims + 1]
    p = _graph.signed(vectors[:, order] * root[:, None])
    size = np.maximum(p.std(axis=0), 1e-30)
    p, tones_kept = p / size, values[order]
    arrays = {"z": z, "places": p.astype(np.float32), "reach": reach, "k": np.array(k), "tones": tones_kept}
    return Embedding(p, arrays, (*notes, *_graph.torn(pieces)), f"scipy {__version__}")


def transform(z: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the places (m, dims) of codes z (m, d): p = sum_j w_j p_j / (sum_j w_j (1 - l)) over its k nearest."""
    k = int(arrays["k"])
    near, distances = Nearest(arrays["z"]).find(z, k)
    own = np.maximum(distances[:, -1:].astype(np.float64), 1e-30)
    weights = np.exp(-np.square(distances, dtype=np.float64) / (own * arrays["reach"][near]))
    weights = np.maximum(weights, 1e-12)
    weights /= weights.sum(axis=1, keepdims=True)
    p = np.einsum("mk,mkd->md", weights, arrays["places"][near].astype(np.float64)) / np.maximum(arrays["tones"], 0.1)
    return _graph.at_home(z, p, arrays)
