"""t-SNE: each code keeps the same few neighbours on the map, whatever becomes of the rest.

Codes become a probability of being neighbours (Gaussian, as wide as `perplexity` asks), places another (Student's t),
and the Kullback-Leibler divergence between the two is made small. Dense groups swell and sparse ones shrink.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import nearest, seeds
from manigen.cards import Card, Knob
from manigen.projections import _gpu
from manigen.projections.base import Embedding, Progress
from manigen.projections.pca import directions

card = Card(
    title="t-SNE",
    sentence="Keeps each code's closest neighbours beside it on the page, and pays for it with everything far away.",
    reference="van der Maaten, Hinton 2008, Visualizing Data using t-SNE; Policar, Strazar, Zupan 2024, openTSNE",
    link="https://www.jmlr.org/papers/v9/vandermaaten08a.html",
    knobs=(
        Knob("perplexity", 30.0, "About how many neighbours each code keeps: small shows detail.", 2, 200),
        Knob("early_exaggeration", 12.0, "How firmly groups are pulled together at first.", 1, 50),
    ),
    facts={
        "library": "openTSNE",
        "transform": "neighbours: the geometric median of the nearest codes' places",
        "inverse_transform": "neighbours: the weighted mean of the nearest places' codes",
        "gpu": (2,),
        "of_many": 60_000,
        "fewest": 10,
    },
)
EARLY, LATE, EVERY = 250, 500, 25  # iterations with and without exaggeration, and between two progress calls


def embed(
    z: np.ndarray, seed: int, dims: int, progress: Progress, perplexity: float, early_exaggeration: float
) -> Embedding:
    """Return the places (n, dims) of codes z (n, d).

    It starts from the codes' PCA, shrunk, so that the large layout is the data's and not chance's; the seed therefore
    changes little (Kobak, Linderman 2021, https://doi.org/10.1038/s41587-020-00809-z). On a GPU it is cuML's, 2-D only.
    """
    notes = []
    if 3 * perplexity > len(z) - 1:
        lowered = (len(z) - 1) / 3
        notes.append(f"perplexity was lowered from {perplexity:g} to {lowered:.3g}: there are {len(z)} codes.")
        perplexity = lowered
    progress(0.0, "starting t-SNE", None)
    if dims == 2 and (gpu := _gpu.cuml()) is not None:
        progress(0.05, "laying out the points on the GPU", None)
        settings: dict[str, Any] = {
            "perplexity": perplexity,
            "early_exaggeration": early_exaggeration,
            "n_components": dims,
        }
        settings |= {"n_neighbors": min(int(3 * perplexity), len(z) - 1), "init": "pca"}
        drawn = int(seeds.numpy_stream(seed).integers(2**31))
        p, library = _gpu.lay_out(gpu.manifold.TSNE(**settings, random_state=drawn), z)
        return Embedding(p, {}, tuple(notes), library)
    import openTSNE

    chance = seeds.numpy_stream(seed)
    done = 0

    def listen(iteration: int, error: float, p: np.ndarray) -> None:
        nonlocal done
        done += EVERY
        progress(0.2 + 0.8 * done / (EARLY + LATE), "laying out the points", np.array(p, np.float32))

    progress(0.05, "finding the nearest neighbours", None)
    jobs = 1 if len(z) < 2000 else 2  # threads that wait for each other cost more than they save on few codes
    fit = openTSNE.TSNE(
        n_components=dims,
        perplexity=perplexity,
        early_exaggeration=early_exaggeration,
        early_exaggeration_iter=EARLY,
        n_iter=LATE,
        initialization=_start(z, dims, chance),
        negative_gradient_method="auto" if dims == 2 else "bh",
        n_jobs=jobs,
        callbacks=listen,
        callbacks_every_iters=EVERY,
        random_state=int(chance.integers(2**31)),
    ).fit(None, _affinities(z, perplexity, jobs))
    return Embedding(np.asarray(fit), {}, tuple(notes), f"openTSNE {openTSNE.__version__}")


def _affinities(z: np.ndarray, perplexity: float, jobs: int) -> Any:
    """The affinities as openTSNE makes them, of the neighbours from the search that all of us share."""
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    rows, distances = nearest.fellows(z, int(3 * perplexity))
    index = PrecomputedNeighbors(np.ascontiguousarray(rows), distances.astype(np.float64))
    return PerplexityBasedNN(perplexity=perplexity, n_jobs=jobs, knn_index=index)


def _start(z: np.ndarray, dims: int, chance: np.random.Generator) -> np.ndarray:
    """The PCA of the codes (n, dims), 1e-4 wide as t-SNE wants it, with a grain of chance to part equal codes."""
    mean, components, _ = directions(z, dims)
    p = (z - mean) @ components.T
    return 1e-4 * p / p[:, 0].std() + chance.normal(0, 1e-6, p.shape)
