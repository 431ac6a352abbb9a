"""UMAP: neighbours are tied with springs, everything else pushes apart, until the sheet lies flat.

A weighted graph of each code's nearest neighbours is laid out so that the cross-entropy between its edges in the codes
and on the map is small. Sizes of groups and distances between them mean little.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from manigen import nearest, seeds
from manigen.cards import Card, Knob
from manigen.projections import _gpu
from manigen.projections.base import Embedding, Progress

card = Card(
    title="UMAP",
    sentence="Ties each code to its nearest neighbours with springs and lets the net settle on the page.",
    reference="McInnes, Healy, Melville 2018, UMAP: Uniform Manifold Approximation and Projection",
    link="https://arxiv.org/abs/1802.03426",
    knobs=(
        Knob("n_neighbors", 15, "Neighbours each code is tied to: few show detail, many the large shape.", 2, 200),
        Knob("min_dist", 0.1, "How close points may lie: small packs groups tightly, large spreads them.", 0.0, 0.99),
        Knob(
            "metric",
            "euclidean",
            "How the distance between two codes is measured.",
            choices=("euclidean", "manhattan", "chebyshev", "cosine", "correlation"),
        ),
    ),
    facts={
        "library": "umap-learn",
        "transform": "neighbours: the geometric median of the nearest codes' places",
        "inverse_transform": "neighbours: the weighted mean of the nearest places' codes",
        "gpu": (2, 3),
        "of_many": 60_000,
        "fewest": 10,
    },
)

EVERY_S = 0.2  # seconds between two looks at a map that forms
ALL_PAIRS = 4096  # codes: of fewer, umap-learn compares all pairs by itself; and of many its own search is quicker


def embed(
    z: np.ndarray,
    seed: int,
    dims: int,
    progress: Progress,
    n_neighbors: int,
    min_dist: float,
    metric: str = "euclidean",
    **more: Any,
) -> Embedding:
    """Return the places (n, dims) of codes z (n, d); on a CPU on one core, since only then does a seed fix the map.

    `more` is handed to umap-learn as it is: densMAP is one of its switches.
    """
    notes = []
    if n_neighbors >= len(z):
        notes.append(f"n_neighbors was lowered from {n_neighbors} to {len(z) - 1}: there are {len(z)} codes.")
        n_neighbors = len(z) - 1
    progress(0.0, "starting UMAP", None)
    if not more and (gpu := _gpu.cuml()) is not None:
        progress(0.05, "laying out the points on the GPU", None)
        settings = {"n_neighbors": n_neighbors, "min_dist": min_dist, "metric": metric, "n_components": dims}
        p, library = _gpu.lay_out(gpu.manifold.UMAP(**settings, random_state=random_state(seed)), z)
        return Embedding(p, {}, tuple(notes), library)
    import umap  # takes seconds

    epochs = _Epochs(progress)
    drawn = {"disable": False, "bar_format": "{n_fmt} {total_fmt}", "file": epochs, "mininterval": EVERY_S}
    progress(0.05, "finding the nearest neighbours", None)
    if metric == "euclidean" and ALL_PAIRS <= len(z) <= nearest.TOGETHER:
        more |= {"precomputed_knn": known_neighbours(z, n_neighbors)}
    with warnings.catch_warnings(), epochs.watching(umap.umap_):
        warnings.filterwarnings(
            "ignore", "precomputed_knn"
        )  # that it cannot place new codes: a map asks its own points
        fit = umap.UMAP(
            n_neighbors=n_neighbors,
            min_dist=min_dist,
            metric=metric,
            n_components=dims,
            random_state=random_state(seed),
            n_jobs=1,
            tqdm_kwds=drawn,
            **more,
        ).fit(z)
    return Embedding(fit.embedding_, {}, tuple(notes), f"umap-learn {umap.__version__}")


def known_neighbours(z: np.ndarray, n_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the neighbours as umap-learn wants them, each code its own first: the search that all of us share."""
    rows, distances = nearest.fellows(z, n_neighbors - 1)
    own = np.arange(len(z))[:, None]
    return np.hstack([own, rows]).astype(np.int32), np.hstack([np.zeros_like(own, np.float32), distances])


def random_state(seed: int) -> int:
    """Return the seed that umap-learn is given, which takes none above 2^32."""
    return int(seeds.numpy_stream(seed).integers(2**31))


class _Epochs(io.StringIO):
    """The stream umap-learn's progress bar is drawn on: reads "12 200" off it and passes on the share done.

    With it go the places so far: umap-learn moves them in the array that it hands to its layout.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._places: np.ndarray | None = None

    @contextmanager
    def watching(self, library: ModuleType) -> Iterator[None]:
        """Know the places while the layout of umap-learn's own module runs, where it still has that function."""
        lay_out = vars(library).get("optimize_layout_euclidean")
        if lay_out is None:
            yield
            return

        def watched(places: np.ndarray, *given: Any, **named: Any) -> Any:
            self._places = places
            return lay_out(places, *given, **named)

        vars(library)["optimize_layout_euclidean"] = watched
        try:
            yield
        finally:
            vars(library)["optimize_layout_euclidean"] = lay_out

    def write(self, text: str) -> int:
        counts = text.replace("\r", " ").split()
        if len(counts) == 2 and all(count.isdigit() for count in counts):
            done, total = map(int, counts)
            places = None if self._places is None else self._places.copy()
            self._progress(0.3 + 0.7 * done / max(total, 1), "laying out the points", places)
        return len(text)
