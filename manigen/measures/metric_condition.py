"""Condition number of the metric: is a step in the codes worth the same in every direction?

    cond G(z) = (largest / smallest singular value of J(z))^2,   G = J^T J,   J = d decode / d z

the median over held-out codes (drawn codes where nothing encodes). 1 means that the decoder stretches all directions
alike, so straight lines in the codes are nearly the shortest in the pictures; 10,000 that a step in one direction
changes the picture a hundred times as much as one in another.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card, Knob
from manigen.measures import _metric
from manigen.measures._context import Context, Result

card = Card(
    title="Condition number of the metric",
    sentence="How unequally the decoder stretches the directions of a code: 1 is all alike, large is distorted.",
    reference="Shao, Kumar, Fletcher 2018, The Riemannian Geometry of Deep Generative Models",
    link="https://arxiv.org/abs/1711.08014",
    knobs=(Knob("sample", 256, "At how many codes the decoder is differentiated.", 2, 5000),),
    facts={"of": "generator", "unit": "dimensionless", "best": 1.0, "fewest": 2, "needs": ("codes",)},
)


def measure(context: Context, sample: int = 256) -> Result:
    """Return the median condition number >= 1; a picture that is its own code has `real` 1.

    Values beyond 1e12 are cut there: float32 decoders resolve no more. Raises `NotPossible` where there is no slope.
    """
    values = _metric.stretches(context, sample)
    condition = (values[:, 0] / values[:, -1]) ** 2
    low, high = np.quantile(condition, [0.25, 0.75])
    return Result(float(np.median(condition)), 1.0, len(values), details={"quartiles": [float(low), float(high)]})
