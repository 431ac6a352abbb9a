"""Structural similarity: does the reconstruction have the picture's edges and contrasts, not only its brightness?

    SSIM = mean of (2 m m' + c1)(2 s + c2) / ((m^2 + m'^2 + c1)(v + v' + c2))

with the local means m, m', variances v, v' and covariance s of a held-out picture and its reconstruction under a
Gaussian window (11 x 11 pixels, deviation 1.5), c1 = 0.01^2, c2 = 0.03^2, over all places where the window fits in the
picture (a smaller picture has a smaller window) and over all pictures. Blur lowers it where it leaves the squared
error be. On an empty background both pictures agree, so of digits even poor copies have a high one.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card
from manigen.measures._context import Context, Result

card = Card(
    title="Structural similarity (SSIM)",
    sentence="Does a reconstructed picture have the edges and contrasts of the real one? 1 is exactly.",
    reference="Wang, Bovik, Sheikh, Simoncelli 2004, Image Quality Assessment",
    link="https://doi.org/10.1109/TIP.2003.819861",
    facts={"of": "generator", "unit": "dimensionless", "best": 1.0, "needs": ("encoder",)},
)
WINDOW, DEVIATION = 11, 1.5  # pixels
C1, C2 = 0.01**2, 0.03**2
CHUNK = 500  # pictures at once


def measure(context: Context) -> Result:
    """Return the mean similarity in [-1, 1] of held-out pictures to their reconstructions; to themselves (`real`) 1."""
    each = similarity(context.real, context.reconstructed)
    error = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else None
    return Result(float(each.mean()), 1.0, context.n, error)


def similarity(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the similarity (n,) of pictures x and y (n, c, h, w) in [0, 1], one by one, mean over their channels."""
    down, across = (_sliding(side) for side in x.shape[2:])
    parts = []
    for at in range(0, len(x), CHUNK):
        a, b = (side[at : at + CHUNK].astype(np.float64) for side in (x, y))
        mean_a, mean_b, aa, bb, ab = (down @ part @ across.T for part in (a, b, a * a, b * b, a * b))
        of_a, of_b, both = aa - mean_a**2, bb - mean_b**2, ab - mean_a * mean_b
        alike = (2 * mean_a * mean_b + C1) * (2 * both + C2)
        parts.append((alike / ((mean_a**2 + mean_b**2 + C1) * (of_a + of_b + C2))).mean(axis=(1, 2, 3)))
    return np.concatenate(parts)


def _sliding(side: int) -> np.ndarray:
    """The matrix (side - window + 1, side) that takes the weighted mean under the window at each of its places."""
    window = min(WINDOW, side - 1 + side % 2)
    weights = np.exp(-((np.arange(window) - window // 2) ** 2) / (2 * DEVIATION**2))
    rows = [np.pad(weights / weights.sum(), (at, side - window - at)) for at in range(side - window + 1)]
    return np.stack(rows)
