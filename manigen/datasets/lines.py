"""Lines: a white line from the centre of a black picture, at some angle; the true manifold is a circle.

One number, the angle, decides all 1,024 pixels, and after a full turn it comes back to where it began. So everything
is known here: the picture half way between two others, how long a walk must be, which picture is a fake.

A line is two pixels wide and 15 long, with a round end that touches the circle of radius 16.

Source: D. Berthelot, C. Raffel, A. Roy, I. Goodfellow, "Understanding and Improving Interpolation in Autoencoders via
an Adversarial Regularizer", 2018, https://arxiv.org/abs/1807.07543 (the task; drawn anew here).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.datasets._stroke import SIZE, sectors, stroke
from manigen.datasets.base import SPLITS, Images, check_split
from manigen.errors import BadInput
from manigen.seeds import numpy_stream

LENGTH = 15.0  # pixels
HALF_WIDTH = 1.0

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
    """Return `n` pictures, uint8 (n, 1, 32, 32), with its angle as factor and the nearest of 12 directions as label.

    Raises `BadInput` for a knob out of range.
    """
    true = factors(split, **knobs)
    labels, classes = sectors(true[:, 0], 12, 2 * np.pi)
    return Images(draw(true[:, 0]), labels, classes, "lines", split, true, ("angle",), draw=draw)


def factors(split: str = "train", **knobs: Any) -> np.ndarray:
    """Return what the pictures of a split are drawn from: the angle in radians, float32 (n, 1), even in [0, 2 pi)."""
    settings = card.settings(knobs)
    stream = numpy_stream(int(settings["seed"]), SPLITS.index(check_split(split)))
    return (2 * np.pi * stream.random((int(settings["n"]), 1))).astype(np.float32)


def draw(angle: Any) -> np.ndarray:
    """Return the pictures of lines at these angles, uint8 (n, 1, 32, 32).

    `angle` (n,) in radians, 0 to the right and growing anti-clockwise. Raises `BadInput` when one is not finite.
    """
    a = np.asarray(angle, np.float32).reshape(-1)
    if not np.isfinite(a).all():
        raise BadInput("Angles must be finite numbers, in radians.")
    return stroke(a, np.zeros(len(a)), np.full(len(a), LENGTH), np.full(len(a), HALF_WIDTH))
