"""Intrinsic dimension, by two neighbours: of how many numbers is a code really made?

    mu_i = r_2(i) / r_1(i),     F(mu) = 1 - mu^(-d),     d = slope of -log(1 - F(mu)) over log mu, through 0

with the distances r_1, r_2 of a code from its nearest and second nearest fellow: in d dimensions the ratio follows this
distribution, whatever the density is. F is the rank divided by n, and the tenth of codes with the largest ratios is
left out, as published. Codes of 16 numbers may well fill only 10; the slighter the noise, the nearer to the truth.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card, Knob
from manigen.measures import _neighbours
from manigen.measures._context import Context, Result

card = Card(
    title="Intrinsic dimension (two neighbours)",
    sentence="How many directions the codes really spread in, seen from the two nearest fellows of each.",
    reference="Facco, d'Errico, Rodriguez, Laio 2017, Estimating the Intrinsic Dimension of Datasets",
    link="https://doi.org/10.1038/s41598-017-11873-y",
    knobs=(Knob("sample", 5000, "How many codes are looked at, each among the others.", 20, 20_000),),
    facts={"of": "generator", "unit": "dimensions", "best": None, "fewest": 20, "needs": ("encoder",)},
)
KEPT = 0.9  # of the ratios, the smallest first


def measure(context: Context, sample: int = 5000) -> Result:
    """Return the dimension >= 0 of the held-out codes; `real`: of the held-out pictures themselves."""
    rows = context.pairs(sample)[0]
    return Result(of(context.codes[rows]), of(context.real[rows]), len(rows))


def of(a: np.ndarray) -> float:
    """Return the dimension of rows a (n, ...): 0 where fewer than three of them differ."""
    near = _neighbours.fellows(a, 2)
    if len(near) < 3 or near.shape[1] < 2:
        return 0.0
    ratio = np.sort(np.log(near[:, 1] / near[:, 0]))
    survive = -np.log1p(-np.arange(1, len(ratio) + 1) / (len(ratio) + 1))
    kept = slice(0, int(KEPT * len(ratio)))
    steep = (ratio[kept] ** 2).sum()
    return float((ratio[kept] * survive[kept]).sum() / steep) if steep > 0 else 0.0
