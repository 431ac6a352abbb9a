"""Shepard correlation: is what lies far apart on the map far apart among the codes?

    rho = Spearman( { |z_i - z_j| },  { |p_i - p_j| } )   over all pairs i < j of a sample

the correlation of the ranks of the distances, ties sharing theirs. 1 means that the map keeps the order of all
distances; a random map has 0. Large distances decide it: it speaks of the layout of groups, not of neighbours. The
plot of the one against the other is Shepard's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.measures._map import both
from manigen.measures.distance_rank_correlation import of_distances

card = Card(
    title="Shepard correlation",
    sentence="Does the map keep which pictures are far apart and which are not? 1 is always, 0 is by chance.",
    reference="Shepard 1962, The analysis of proximities: Multidimensional scaling with an unknown distance function",
    link="https://doi.org/10.1007/BF02289630",
    knobs=(Knob("sample", 1000, "How many codes are compared, each with each.", 3, 3000),),
    facts={"of": "map", "unit": "dimensionless", "best": 1.0, "random": 0.0},
)


def measure(z: Any, p: Any, k: int = 15, sample: int = 1000, seed: int = 0) -> float:
    """Return the rank correlation in [-1, 1] of a map that puts codes z (n, d) at places p (n, 2 or 3); no use of k."""
    z, p, _ = both(z, p, 1)
    rows = seeds.numpy_stream(seed).permutation(len(z))[:sample]
    return of_distances(z[rows], p[rows])


def plot(z: Any, p: Any, cells: int = 48, sample: int = 1000, seed: int = 0) -> np.ndarray:
    """Return Shepard's plot as counts (cells, cells): row by distance on the map, column by distance between codes.

    Each axis runs from 0 to the sample's largest distance.
    """
    from scipy.spatial.distance import pdist

    z, p, _ = both(z, p, 1)
    rows = seeds.numpy_stream(seed).permutation(len(z))[:sample]
    of_z, of_p = pdist(z[rows]), pdist(p[rows])
    reach = [[0, max(float(of_p.max()), 1e-12)], [0, max(float(of_z.max()), 1e-12)]]
    return np.histogram2d(of_p, of_z, cells, reach)[0].astype(np.int64)
