"""The straight line between two codes: z(t) = (1 - t) a + t b.

The shortest way in code space, and the one that cares least where the data are.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card
from manigen.paths.base import Manifold, Trace

card = Card(
    title="Straight line",
    sentence="Mixes the two codes in changing shares, as if the space between them were flat and filled.",
    reference="Radford, Metz, Chintala 2016, Unsupervised Representation Learning with Deep Convolutional GANs",
    link="https://arxiv.org/abs/1511.06434",
)


def trace(start: np.ndarray, end: np.ndarray, steps: int, manifold: Manifold) -> Trace:
    """Return `steps` codes on the line from `start` (d,) to `end` (d,), equally far from each other."""
    return Trace(onward(start, end, np.linspace(0, 1, steps)).astype(np.float32))


def onward(start: np.ndarray, end: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the line's codes (k, d) at t (k,), within [0, 1] or past it."""
    share = t[:, None]
    return (1 - share) * start + share * end
