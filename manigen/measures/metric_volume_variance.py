"""Volume variance of the metric: is a step in the codes worth the same at every place?

    V = variance over z of log det G(z),   G = J^T J,   J = d decode / d z

at held-out codes (drawn codes where nothing encodes). (det G)^(1/2) is how much room a small cube of codes takes among
the pictures. 0 means everywhere as much; a standard deviation of 4.6 means that (det G) differs a hundredfold.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card, Knob
from manigen.measures import _metric
from manigen.measures._context import Context, Result

card = Card(
    title="Volume variance of the metric",
    sentence="How unequally the decoder stretches different places of the code space: 0 is everywhere alike.",
    reference="Nazari, Damrich, Hamprecht 2023, Geometric Autoencoders: What You See is What You Decode",
    link="https://arxiv.org/abs/2306.17638",
    knobs=(Knob("sample", 256, "At how many codes the decoder is differentiated.", 2, 5000),),
    facts={"of": "generator", "unit": "squared natural logarithm", "best": 0.0, "fewest": 2, "needs": ("codes",)},
)


def measure(context: Context, sample: int = 256) -> Result:
    """Return the variance >= 0 of log det G; a picture that is its own code has `real` 0.

    Raises `NotPossible` where there is no slope.
    """
    volume = 2 * np.log(_metric.stretches(context, sample)).sum(axis=1)
    return Result(float(volume.var(ddof=1)), 0.0, len(volume), details={"mean": float(volume.mean())})
