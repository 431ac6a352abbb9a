"""Reconstruction error: how much of a picture is lost on the way to its code and back.

    MSE = mean over pictures and pixels of (x - decode(encode(x)))^2

A blurred picture has a small one: it says what is kept, not how good it looks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import checks
from manigen.cards import Card

card = Card(
    title="Reconstruction error",
    sentence="Encode a picture, decode it, compare: the mean squared error of a pixel; 0 is no loss.",
    reference="Hinton, Salakhutdinov 2006, Reducing the Dimensionality of Data with Neural Networks",
    link="https://doi.org/10.1126/science.1127647",
    facts={"of": "generator", "unit": "squared pixel value, pixels in [0, 1]", "best": 0.0, "needs": "encoder"},
)
CHUNK = 500  # pictures at once


def measure(generator: Any, x: Any, seed: int = 0) -> float:
    """Return the mean squared error >= 0 of a generator's reconstructions of images x (n, c, h, w), uint8 or [0, 1].

    There is no chance in it, whatever the `seed`. Raises `NotPossible` where the generator has no encoder, `BadInput`
    for pictures of another shape.
    """
    total = 0.0
    for first in range(0, len(x), CHUNK):
        part = checks.images(x[first : first + CHUNK])
        total += float(((generator.decode(generator.encode(part)) - part) ** 2).mean(dtype=np.float64)) * len(part)
    return total / len(x)
