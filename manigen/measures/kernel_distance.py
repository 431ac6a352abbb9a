"""Kernel distance: the same question as the Frechet distance, without bells and without bias.

    KD = 1/(m(m-1)) sum_{i != j} [ k(f_i, f_j) + k(f'_i, f'_j) ] - 2/m^2 sum_{i,j} k(f_i, f'_j)
    k(a, b) = (a . b / d + 1)^3

for features f of held-out and f' of generated pictures, d = 64 numbers each. It is the squared maximum mean discrepancy
with a cubic kernel, which sees differences up to the third moment; its expectation for two samples of the same data is
0 for any n, and chance takes it below. Ten blocks of n/10 pictures give its mean and the standard error of that.
In the features of this project's own classifier it is called KD-LeNet, never KID.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card
from manigen.measures._context import Context, Result

card = Card(
    title="Kernel distance (KD-LeNet)",
    sentence="How easily generated pictures are told from real ones by their features; 0 is not at all, give or take.",
    reference="Bińkowski, Sutherland, Arbel, Gretton 2018, Demystifying MMD GANs",
    link="https://arxiv.org/abs/1801.01401",
    facts={"of": "generator", "unit": "dimensionless", "best": 0.0, "fewest": 20, "features": True},
)
BLOCKS = 10


def measure(context: Context) -> Result:
    """Return the mean of ten blocks and its standard error; `real`: of training pictures. It may lie below 0."""
    real, others = context.real_features, context.other_features
    value, error = between(real, context.made_features)
    if others is None or len(others) < 2 * BLOCKS:
        return Result(value, None, context.n, error)
    alike, alike_error = between(real, others)
    return Result(value, alike, context.n, error, {"real_error": alike_error})


def between(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return the kernel distance of rows a (n, f) and b (m, f), and its standard error over ten blocks.

    Each side needs two rows for every block, 20.
    """
    blocks = [(a[i::BLOCKS], b[i::BLOCKS]) for i in range(BLOCKS)]
    values = np.array([unbiased(*block) for block in blocks])
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(BLOCKS))


def unbiased(a: np.ndarray, b: np.ndarray) -> float:
    """Return the unbiased estimate of the squared discrepancy between rows a (n, f) and b (m, f)."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    within = 0.0
    for side in (a, b):
        alike = kernel(side, side)
        within += (alike.sum() - np.trace(alike)) / (len(side) * (len(side) - 1))
    return float(within - 2 * kernel(a, b).mean())


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return k (n, m) between rows a (n, f) and b (m, f)."""
    return (a @ b.T / a.shape[1] + 1) ** 3
