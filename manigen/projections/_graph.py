"""The neighbourhood graph of codes: who is near whom, and how long the ways along it are.

Isomap walks on it, Laplacian eigenmaps listens to how it vibrates. Both need it in one piece, so where it falls apart
its pieces are tied together by the shortest gaps between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from manigen import nearest
from manigen.nearest import Nearest

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BLOCK = 4_000_000  # distances along the graph held at once


def fellows(z: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest other codes of each of different codes z (n, d): rows (n, k), distances (n, k)."""
    rows, distances = nearest.fellows(z, k)
    return rows, distances.astype(np.float64)


def joined(z: np.ndarray, k: int) -> tuple[csr_matrix, int]:
    """Return the graph (n, n) of codes tied to their k nearest, both ways, and how many pieces it had.

    Weights are distances. Each piece but the largest is tied to the nearest code outside it, until there is one piece.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(z)
    rows, distances = fellows(z, k)
    graph = csr_matrix((distances.ravel(), (np.repeat(np.arange(n), k), rows.ravel())), (n, n))
    graph = graph.maximum(graph.T).tocsr()
    pieces = count = connected_components(graph, directed=False, return_labels=False)
    while count > 1:
        _, piece = connected_components(graph, directed=False)
        ties = {}
        for one in np.argsort(np.bincount(piece), kind="stable")[:-1]:
            inside, outside = np.flatnonzero(piece == one), np.flatnonzero(piece != one)
            near, gap = Nearest(z[outside]).find(z[inside])
            at = int(gap[:, 0].argmin())
            ends = sorted((int(inside[at]), int(outside[near[at, 0]])))
            ties[tuple(ends)] = float(gap[at, 0])  # once, though two pieces may ask for the same tie
        (a, b), gaps = np.array(list(ties)).T, np.array(list(ties.values()))
        graph = graph.maximum(csr_matrix((np.r_[gaps, gaps], (np.r_[a, b], np.r_[b, a])), (n, n))).tocsr()
        count = connected_components(graph, directed=False, return_labels=False)
    return graph, int(pieces)


def ways(graph: csr_matrix, rows: np.ndarray, tell: Callable[[float], None] = lambda share: None) -> np.ndarray:
    """Return the lengths (m, n) float32 of the shortest ways along a graph from some `rows`; `tell` hears the share."""
    from scipy.sparse.csgraph import dijkstra

    found = np.empty((len(rows), graph.shape[0]), np.float32)
    block = max(1, min(256, BLOCK // graph.shape[0]))
    for at in range(0, len(rows), block):
        part = slice(at, at + block)
        found[part] = dijkstra(graph, directed=False, indices=rows[part])
        tell(min(1.0, (at + block) / len(rows)))
    return found


def packed(graph: csr_matrix) -> dict[str, np.ndarray]:
    """Return a graph as arrays for a file."""
    return {
        "lengths": graph.data.astype(np.float32),
        "ends": graph.indices.astype(np.int32),
        "starts": graph.indptr.astype(np.int32),
    }


def unpacked(arrays: Mapping[str, np.ndarray]) -> csr_matrix:
    """Return the graph that `packed` gave."""
    from scipy.sparse import csr_matrix

    n = len(arrays["starts"]) - 1
    return csr_matrix((arrays["lengths"].astype(np.float64), arrays["ends"], arrays["starts"]), (n, n))


def few(k: int, n: int, name: str = "n_neighbors") -> tuple[int, list[str]]:
    """Return k, lowered to n - 1 where it is more, and the note that says so."""
    if k < n:
        return k, []
    return n - 1, [f"{name} was lowered from {k} to {n - 1}: there are {n} codes."]


def torn(pieces: int) -> list[str]:
    """Return the note on a graph that was in several pieces."""
    if pieces == 1:
        return []
    return [f"The neighbourhood graph fell into {pieces} pieces, tied by their shortest gaps: more n_neighbors help."]


def signed(vectors: np.ndarray) -> np.ndarray:
    """Return eigenvectors (n, m) turned so that each one's largest entry is positive: no solver's whim is left."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    return vectors * np.where(largest < 0, -1.0, 1.0)


def at_home(z: np.ndarray, places: np.ndarray, arrays: Mapping[str, Any]) -> np.ndarray:
    """Return `places` (m, dims) of codes z with the map's own codes at exactly the places they have on it."""
    rows, distances = Nearest(arrays["z"]).find(z)
    own = distances[:, 0] == 0
    places[own] = arrays["places"][rows[own, 0]]
    return places
