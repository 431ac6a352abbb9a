"""Bars: a white bar through the centre of a black picture; two numbers are known of it, its angle and its thickness.

Half a turn brings a bar back to itself, so the angle lives on a circle of circumference pi; the thickness lives on an
interval. The true manifold is the product of the two, a band like the side of a tin. A good map shows that band, and
a good set of sliders turns one factor without the other.

Source: the idea of pictures with known factors is that of L. Matthey, I. Higgins, D. Hassabis, A. Lerchner, "dSprites:
Disentanglement testing Sprites dataset", 2017, https://github.com/google-deepmind/dsprites-dataset; drawn anew here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.datasets._stroke import SIZE, sectors, stroke
from manigen.datasets.base import SPLITS, Images, check_split
from manigen.errors import BadInput
from manigen.seeds import numpy_stream

REACH = 14.0  # pixels from the centre to either end, whatever the thickness
THINNEST, THICKEST = 2.0, 8.0  # pixels

card = Card(
    title="Bars",
    sentence="A turning bar with two known factors, angle and thickness: its true manifold is a closed band.",
    reference="after L. Matthey, I. Higgins, D. Hassabis, A. Lerchner, dSprites: Disentanglement testing Sprites "
    "dataset, 2017",
    link="https://github.com/google-deepmind/dsprites-dataset",
    knobs=(
        Knob("n", 20_000, "How many pictures are drawn for a split.", 1, 200_000),
        Knob("seed", 0, "The seed the factors are drawn from; the two splits never share a stream.", 0, 2**31 - 1),
    ),
    facts={"shape": (1, SIZE, SIZE), "licence": "drawn by this program", "where": "drawn when asked for"},
)


def read(split: str = "train", **knobs: Any) -> Images:
    """Return `n` pictures, uint8 (n, 1, 32, 32), with both factors, and the nearest of six directions as label.

    Raises `BadInput` for a knob out of range.
    """
    true = factors(split, **knobs)
    labels, classes = sectors(true[:, 0], 6, np.pi)
    return Images(draw(true[:, 0], true[:, 1]), labels, classes, "bars", split, true, ("angle", "thickness"))


def factors(split: str = "train", **knobs: Any) -> np.ndarray:
    """Return what the pictures of a split are drawn from, float32 (n, 2), each factor even in its range.

    The columns are the angle in radians, [0, pi), and the thickness in pixels, [2, 8).
    """
    settings = card.settings(knobs)
    stream = numpy_stream(int(settings["seed"]), SPLITS.index(check_split(split)))
    return stream.uniform((0, THINNEST), (np.pi, THICKEST), (int(settings["n"]), 2)).astype(np.float32)


def draw(angle: Any, thickness: Any) -> np.ndarray:
    """Return the pictures of bars with these factors, uint8 (n, 1, 32, 32); a single number stands for all n.

    `angle` (n,) in radians, 0 lying flat and growing anti-clockwise; `thickness` (n,) in pixels, [2, 8].
    Raises `BadInput` when the two do not fit each other, are not finite, or a thickness is out of range.
    """
    a, t = np.asarray(angle, np.float32).reshape(-1), np.asarray(thickness, np.float32).reshape(-1)
    if len(a) != len(t) and 1 not in (len(a), len(t)):
        raise BadInput(f"There must be as many thicknesses as angles, or one for all, not {len(t)} for {len(a)}.")
    if not np.isfinite(a).all() or not ((t >= THINNEST) & (t <= THICKEST)).all():
        raise BadInput(f"Angles must be finite and thicknesses lie between {THINNEST:g} and {THICKEST:g} pixels.")
    a, t = np.broadcast_arrays(a, t)
    return stroke(a, t / 2 - REACH, REACH - t / 2, t / 2)
