"""Intrinsic dimension, by maximum likelihood: how fast does the number of neighbours grow with the distance?

    1/d = 1/n sum_i 1/(k - 1) sum_{j < k} log( T_k(i) / T_j(i) )

with the distance T_j(i) of code i from its j-th nearest fellow: in d dimensions the number of fellows within T grows
as T^d. The inverses are averaged, as MacKay and Ghahramani 2005 corrected it
(http://www.inference.org.uk/mackay/dimension/): averaging d itself comes out too high. It looks farther than two
neighbours do; where both agree, the scale does not matter.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card, Knob
from manigen.measures import _neighbours
from manigen.measures._context import Context, Result

card = Card(
    title="Intrinsic dimension (maximum likelihood)",
    sentence="How many directions the codes really spread in, seen from a score of neighbours of each.",
    reference="Levina, Bickel 2004, Maximum Likelihood Estimation of Intrinsic Dimension",
    link="https://papers.nips.cc/paper/2577-maximum-likelihood-estimation-of-intrinsic-dimension",
    knobs=(
        Knob("k", 20, "How many neighbours of each code are looked at.", 3, 200),
        Knob("sample", 5000, "How many codes are looked at, each among the others.", 20, 20_000),
    ),
    facts={"of": "generator", "unit": "dimensions", "best": None, "fewest": 20, "needs": ("encoder",)},
)


def measure(context: Context, k: int = 20, sample: int = 5000) -> Result:
    """Return the dimension >= 0 of the held-out codes; `real`: of the held-out pictures themselves."""
    rows = context.pairs(sample)[0]
    return Result(of(context.codes[rows], k), of(context.real[rows], k), len(rows))


def of(a: np.ndarray, k: int) -> float:
    """Return the dimension of rows a (n, ...), by their k nearest fellows or as many as there are: 0 for too few."""
    near = _neighbours.fellows(a, k)
    if not len(near) or near.shape[1] < 3:
        return 0.0
    inverse = np.log(near[:, -1:] / near[:, :-1]).sum(axis=1) / (near.shape[1] - 1)
    return float(1 / inverse.mean()) if inverse.mean() > 0 else 0.0
