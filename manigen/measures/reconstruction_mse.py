"""Reconstruction error: how much of a picture is lost on the way to its code and back.

    MSE = mean over pictures and pixels of (x - decode(encode(x)))^2

A blurred picture has a small one: it says what is kept, not how good it looks.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card
from manigen.measures._context import Context, Result

card = Card(
    title="Reconstruction error",
    sentence="Encode a picture, decode it, compare: the mean squared error of a pixel; 0 is no loss.",
    reference="Hinton, Salakhutdinov 2006, Reducing the Dimensionality of Data with Neural Networks",
    link="https://doi.org/10.1126/science.1127647",
    facts={
        "of": "generator",
        "unit": "squared pixel value, pixels in [0, 1]",
        "best": 0.0,
        "needs": ("encoder",),
    },
)


def measure(context: Context) -> Result:
    """Return the mean squared error >= 0 of the held-out pictures' reconstructions; a picture itself has `real` 0."""
    each = np.square(context.reconstructed - context.real).mean(axis=(1, 2, 3), dtype=np.float64)
    error = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else None
    return Result(float(each.mean()), 0.0, context.n, error)
