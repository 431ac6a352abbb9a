"""Lines: a white line from the centre of a black picture, at some angle; the true manifold is a circle.

One number, the angle, decides all 1,024 pixels, and after a full turn it comes back to where it began. So everything
is known here: the picture half way between two others, how long a walk must be, which picture is a fake.

With u = (cos a, sin a), y pointing up and the origin in the middle of the picture, a pixel at q lies at the distance
r = |q - min(max(q.u, 0), 15) u| from the line, and its brightness is 1.5 - r, cut to [0, 1]: a line two pixels wide
whose edges fade over one pixel, so that the picture changes smoothly with the angle.

Source: D. Berthelot, C. Raffel, A. Roy, I. Goodfellow, "Understanding and Improving Interpolation in Autoencoders via
an Adversarial Regularizer", 2018, https://arxiv.org/abs/1807.07543 (the task; drawn anew here).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.datasets.base import SPLITS, Images, check_split
from manigen.errors import BadInput
from manigen.seeds import numpy_stream

SIZE = 32
LENGTH = 15.0  # pixels from the centre to the end's middle; the rounded end reaches the circle of radius 16
HALF_WIDTH = 1.0
SECTORS = 12
CHUNK = 4096  # pictures drawn at a time, which bounds the memory for distances to 50 MB

card = Card(
    title="Lines",
    sentence="A line from the centre at some angle: a data set whose true manifold is a circle, known exactly.",
    reference="D. Berthelot, C. Raffel, A. Roy, I. Goodfellow, Understanding and Improving Interpolation in "
    "Autoencoders via an Adversarial Regularizer, 2018",
    link="https://arxiv.org/abs/1807.07543",
    knobs=(
        Knob("n", 20_000, "How many pictures are drawn for a split.", 1, 200_000),
        Knob("seed", 0, "The seed the angles are drawn from; the two splits never share a stream.", 0, 2**31 - 1),
    ),
    facts={"shape": (1, SIZE, SIZE), "licence": "drawn by this program", "where": "drawn when asked for"},
)


def read(split: str = "train", **knobs: Any) -> Images:
    """Return `n` pictures, uint8 (n, 1, 32, 32), at angles drawn evenly from [0, 2 pi).

    The one factor is the angle in radians; the label is the nearest of twelve directions, 30 degrees apart.
    """
    settings = card.settings(knobs)
    stream = numpy_stream(int(settings["seed"]), SPLITS.index(check_split(split)))
    angles = (2 * np.pi * stream.random(int(settings["n"]))).astype(np.float32)
    classes = tuple(f"{sector * 360 // SECTORS}°" for sector in range(SECTORS))
    return Images(draw(angles), sectors(angles), classes, "lines", split, angles[:, None], ("angle",))


def draw(angles: Any) -> np.ndarray:
    """Return the pictures of lines at these `angles`, uint8 (n, 1, 32, 32).

    `angles` (n,) are in radians, 0 to the right and growing anti-clockwise. Raises `BadInput` when one is not finite.
    """
    a = np.asarray(angles, np.float32).reshape(-1)
    if not np.isfinite(a).all():
        raise BadInput("angles must be finite numbers, in radians.")
    x = np.empty((len(a), 1, SIZE, SIZE), np.uint8)
    middle = (np.arange(SIZE, dtype=np.float32) + 0.5) - SIZE / 2
    right, up = middle[None, None, :], -middle[None, :, None]  # (1, 1, w), (1, h, 1)
    for start in range(0, len(a), CHUNK):
        part = a[start : start + CHUNK, None, None]
        cos, sin = np.cos(part), np.sin(part)
        along = np.clip(right * cos + up * sin, 0, LENGTH)  # (n, h, w)
        distance = np.hypot(right - along * cos, up - along * sin)
        x[start : start + CHUNK, 0] = np.rint(255 * np.clip(HALF_WIDTH + 0.5 - distance, 0, 1))
    return x


def sectors(angles: np.ndarray, turn: float = 2 * np.pi) -> np.ndarray:
    """Return the nearest of twelve directions that share a `turn`, int64 (n,) in 0..11, for `angles` in radians."""
    return np.rint(np.asarray(angles, np.float64) * (SECTORS / turn)).astype(np.int64) % SECTORS
