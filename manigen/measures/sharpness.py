"""Sharpness: are generated pictures as crisp as real ones?

    S = mean |grad x'| / mean |grad x|,   |grad x| = |x_{i+1,j} - x_{i,j}| + |x_{i,j+1} - x_{i,j}|, mean over pixels

for generated pictures x' and real ones x. Below 1 the model blurs, above 1 it scribbles. It stands beside every measure
that a blurred picture can cheat.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card
from manigen.measures._context import Context, Result

card = Card(
    title="Sharpness",
    sentence="How crisp generated pictures are beside real ones: 1 is as crisp, less is blurred, more is scribbled.",
    reference="Subbarao, Tyan 1998, Selecting the Optimal Focus Measure for Autofocusing and Depth-from-Focus",
    link="https://doi.org/10.1109/34.709612",
    facts={"of": "generator", "unit": "dimensionless", "best": 1.0},
)


def measure(context: Context) -> Result:
    """Return the mean gradient of as many samples over that of the held-out pictures; `real`: of training pictures."""
    real = max(steepness(context.real), 1e-12)
    others = None if context.others is None else steepness(context.others) / real
    return Result(steepness(context.made) / real, others, context.n)


def steepness(x: np.ndarray) -> float:
    """Return the mean absolute difference between neighbouring pixels of pictures x (n, c, h, w), down and across."""
    return float(steep(x).mean())


def steep(x: np.ndarray) -> np.ndarray:
    """Return the same of each of the pictures x (n, c, h, w), as (n,)."""
    down, across = (np.abs(np.diff(x, axis=axis)).mean(axis=(1, 2, 3), dtype=np.float64) for axis in (2, 3))
    return down + across
