"""Perceptual path length: does a picture change evenly while one walks from code to code, or does it jump?

    PPL = E[ |f(decode(z_t)) - f(decode(z_{t + e}))|^2 / e^2 ],   z_t = (1 - t) z_0 + t z_1

with features f, ends z_0, z_1 the codes of two held-out pictures (two drawn codes where nothing encodes), t drawn
evenly from [0, 1 - e] and e = 0.01. As published, the lowest and the highest hundredth of the values are left out. A
long path has detours or jumps; that of a fade from one picture into the other, pixel by pixel, stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.measures._context import Context, Result

card = Card(
    title="Perceptual path length",
    sentence="How much a picture changes in all on the straight way between two codes: less is smoother.",
    reference="Karras, Laine, Aila 2019, A Style-Based Generator Architecture for Generative Adversarial Networks",
    link="https://arxiv.org/abs/1812.04948",
    knobs=(
        Knob("sample", 2000, "How many pairs of codes are walked between.", 2, 20_000),
        Knob("step", 0.01, "The length e of a step, as a share of the way.", 1e-4, 0.5),
    ),
    facts={
        "of": "generator",
        "unit": "squared features",
        "best": 0.0,
        "fewest": 3,
        "needs": ("codes",),
        "features": True,
    },
)


def measure(context: Context, sample: int = 2000, step: float = 0.01) -> Result:
    """Return the mean squared speed >= 0 in features; `real`: of fades from one held-out picture into another."""
    first, second = context.pairs(sample)
    t = seeds.numpy_stream(context.seed, 4).uniform(0, 1 - step, len(first)).astype(np.float32)

    def speed(ends: np.ndarray, picture: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        start, end = ends[first], ends[second]
        here, there = (
            context.extractor.of(np.asarray(picture(start + share.reshape(-1, *[1] * (ends.ndim - 1)) * (end - start))))
            for share in (t, t + np.float32(step))
        )
        each = np.sort(np.square(there - here).sum(axis=1, dtype=np.float64) / step**2)
        return each[len(each) // 100 : len(each) - len(each) // 100]

    each = speed(context.codes, context.generator.decode)
    faded = speed(context.real, lambda x: x)
    return Result(float(each.mean()), float(faded.mean()), len(first), float(each.std(ddof=1) / np.sqrt(len(each))))
