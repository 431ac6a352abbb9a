"""densMAP: UMAP that also keeps how densely the codes lie, so that sparse groups stay wide on the page.

    R_i = sum_j p_ij d_ij^2 / sum_j p_ij;    UMAP's loss - dens_lambda corr(log R on the map, log R of the codes)

with p_ij the strength of the tie between i and j and d_ij their distance: the local radius of each code.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card, Knob
from manigen.projections import umap
from manigen.projections.base import Embedding, Progress

card = Card(
    title="densMAP",
    sentence="UMAP that leaves crowded groups small and sparse ones wide, as the codes have them.",
    reference="Narayan, Berger, Cho 2021, Assessing single-cell transcriptomic variability through density-preserving "
    "data visualization",
    link="https://doi.org/10.1038/s41587-020-00801-7",
    knobs=(
        *(knob for knob in umap.card.knobs if knob.name != "metric"),
        Knob("dens_lambda", 2.0, "How much densities count against neighbours.", 0.0, 20.0),
    ),
    facts={**umap.card.facts, "different": True, "gpu": ()},  # cuML has no densMAP
)


def embed(
    z: np.ndarray, seed: int, dims: int, progress: Progress, n_neighbors: int, min_dist: float, dens_lambda: float
) -> Embedding:
    """Return the places (n, dims) of codes z (n, d); on one core, since only then does a seed fix the map."""
    return umap.embed(z, seed, dims, progress, n_neighbors, min_dist, densmap=True, dens_lambda=dens_lambda)
