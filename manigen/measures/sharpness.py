"""Sharpness: are generated pictures as crisp as real ones?

    S = mean |grad x'| / mean |grad x|,   |grad x| = |x_{i+1,j} - x_{i,j}| + |x_{i,j+1} - x_{i,j}|, mean over pixels

for generated pictures x' and real ones x. Below 1 the model blurs, above 1 it scribbles. It stands beside every measure
that a blurred picture can cheat.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import checks
from manigen.cards import Card, Knob

card = Card(
    title="Sharpness",
    sentence="How crisp generated pictures are beside real ones: 1 is as crisp, less is blurred, more is scribbled.",
    reference="Subbarao, Tyan 1998, Selecting the Optimal Focus Measure for Autofocusing and Depth-from-Focus",
    link="https://doi.org/10.1109/34.709612",
    knobs=(Knob("n", 5000, "How many pictures of each kind are compared.", 10, 100_000),),
    facts={"of": "generator", "unit": "dimensionless", "best": 1.0, "real": 1.0},
)


def measure(generator: Any, x: Any, n: int = 5000, seed: int = 0) -> float:
    """Return the mean gradient of `n` samples drawn with `seed` over that of at most `n` real pictures x (n, c, h, w).

    Raises `BadInput` for pictures of another shape or range.
    """
    return steepness(generator.sample(n, seed)) / max(steepness(checks.images(x[:n], generator.shape)), 1e-12)


def steepness(x: np.ndarray) -> float:
    """Return the mean absolute difference between neighbouring pixels of pictures x (n, c, h, w), down and across."""
    down = np.abs(np.diff(x, axis=2)).mean(dtype=np.float64)
    across = np.abs(np.diff(x, axis=3)).mean(dtype=np.float64)
    return float(down + across)
