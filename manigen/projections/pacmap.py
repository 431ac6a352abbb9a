"""PaCMAP: near, middling and far pairs of codes pull and push in turn, so that the large layout comes first.

Three kinds of pairs are drawn: neighbours, pairs at middling distance, far pairs. For 100 steps the middling ones hold
the large layout, for 100 they let go, then neighbours alone settle the detail. Few settings matter, and the seed
little.
"""

from __future__ import annotations

import logging

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.projections import _graph
from manigen.projections.base import Embedding, Progress

card = Card(
    title="PaCMAP",
    sentence="Draws near, middling and far pairs together and apart in turn: first the large layout, then the detail.",
    reference="Wang, Huang, Rudin, Shaposhnik 2021, Understanding How Dimension Reduction Tools Work",
    link="https://jmlr.org/papers/v22/20-1061.html",
    knobs=(
        Knob("n_neighbors", 10, "Neighbours each code is pulled to: few show detail, many the large shape.", 2, 200),
        Knob("mn_ratio", 0.5, "Middling pairs for each neighbour: more hold the large layout.", 0.0, 5.0),
        Knob("fp_ratio", 2.0, "Far pairs for each neighbour: more push groups apart.", 0.1, 10.0),
    ),
    facts={
        "library": "pacmap",
        "transform": "neighbours: the geometric median of the nearest codes' places",
        "inverse_transform": "neighbours: the weighted mean of the nearest places' codes",
        "of_many": 60_000,
        "fewest": 12,
        "different": True,
    },
)
STEPS = (100, 100, 250)  # with middling pairs, while they let go, and without them


def embed(
    z: np.ndarray, seed: int, dims: int, progress: Progress, n_neighbors: int, mn_ratio: float, fp_ratio: float
) -> Embedding:
    """Return the places (n, dims) of different codes z (n, d)."""
    notes, n = [], len(z)
    k = max(1, min(n_neighbors, int((n - 1) / (1 + mn_ratio + fp_ratio)), int((n - 2) / max(fp_ratio, mn_ratio, 1))))
    if k < n_neighbors:
        notes.append(f"n_neighbors was lowered from {n_neighbors} to {k}: there are {n} codes.")
    progress(0.0, "starting PaCMAP", None)
    import numba
    import pacmap

    progress(0.1, "finding the nearest neighbours", None)
    logging.getLogger("pacmap").setLevel(logging.ERROR)  # it warns of every seed
    method = pacmap.PaCMAP(
        n_components=dims,
        n_neighbors=k,
        MN_ratio=mn_ratio,
        FP_ratio=fp_ratio,
        pair_neighbors=_pairs(z, k),
        num_iters=STEPS,
        intermediate=True,
        intermediate_snapshots=_Steps(progress),
        random_state=int(seeds.numpy_stream(seed).integers(2**30)),
        apply_pca=False,
    )
    threads = numba.get_num_threads()
    numba.set_num_threads(1)  # threads that wait for each other at every step took fifty times as long on busy cores
    try:
        fit = method.fit(np.array(z, np.float32))
    finally:
        numba.set_num_threads(threads)
    return Embedding(fit.embedding_, {}, tuple(notes), f"pacmap {pacmap.__version__}")


def _pairs(z: np.ndarray, k: int) -> np.ndarray:
    """The near pairs (n k, 2), the k nearest of each of 50 more by d_ij^2 / (s_i s_j); s is how far fellows 4 to 6 lie.

    As PaCMAP draws them, but of the exact neighbours, so that the same seed gives the same map.
    """
    rows, distances = _graph.fellows(z, min(k + 50, len(z) - 1))
    size = np.maximum(distances[:, 3:6].mean(axis=1), 1e-10)
    nearest = np.argsort(np.square(distances) / size[:, None] / size[rows], axis=1, kind="stable")[:, :k]
    chosen = np.take_along_axis(rows, nearest, axis=1)
    return np.stack([np.repeat(np.arange(len(z)), k), chosen.ravel()], axis=1).astype(np.int32)


class _Steps(list):  # type: ignore[type-arg]
    """The list of steps after which PaCMAP keeps its places, here none: it is asked at every step, and tells on."""

    def __init__(self, progress: Progress) -> None:
        super().__init__([0, -1])  # the first place is kept, and no other
        self._progress, self._asked = progress, 0

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        if at == 0:
            return 0
        self._asked += 1
        if self._asked % 10 == 0:
            self._progress(min(0.3 + 0.7 * self._asked / sum(STEPS), 0.999), "laying out the points", None)
        return -1
