"""Rank correlation of distances: are the codes of unlike pictures farther apart than those of like ones?

    rho = Spearman( { |x_i - x_j| },  { |z_i - z_j| } )   over all pairs i < j of a sample

for held-out pictures x and their codes z, by Euclidean distance: the correlation of the ranks of the distances, ties
sharing theirs. 1 means that codes keep the order of all distances between pictures. For a generator without an encoder,
x are the pictures of drawn codes z.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card, Knob
from manigen.measures import _neighbours
from manigen.measures._context import Context, Result

card = Card(
    title="Rank correlation of distances",
    sentence="Are codes far apart where pictures are unlike, and close where they are alike? 1 is always, 0 is never.",
    reference="Spearman 1904, The Proof and Measurement of Association between Two Things",
    link="https://doi.org/10.2307/1412159",
    knobs=(Knob("sample", 1000, "How many pictures are compared, each with each.", 3, 3000),),
    facts={"of": "generator", "unit": "dimensionless", "best": 1.0, "random": 0.0, "fewest": 3, "needs": ("codes",)},
)


def measure(context: Context, sample: int = 1000) -> Result:
    """Return the rank correlation in [-1, 1]; pictures that are their own codes have `real` 1."""
    rows = context.pairs(sample)[0]
    z = context.codes[rows]
    x = context.real[rows] if context.encodes else context.generator.decode(z)
    return Result(of_distances(x.reshape(len(x), -1), z), 1.0, len(rows))


def of_distances(a: np.ndarray, b: np.ndarray) -> float:
    """Return the rank correlation of the distances between rows of a (n, f) and between the same rows of b (n, g).

    It is 0 where one side's distances are all the same.
    """
    from scipy.stats import rankdata

    above = np.triu_indices(len(a), 1)
    ranks = []
    for side in (a, b):
        distances = np.concatenate([block for _, block in _neighbours.squared_distances(side, side)])
        rank = rankdata(distances[above])
        ranks.append(rank - rank.mean())
    spread = np.linalg.norm(ranks[0]) * np.linalg.norm(ranks[1])
    return float(ranks[0] @ ranks[1] / spread) if spread > 0 else 0.0
