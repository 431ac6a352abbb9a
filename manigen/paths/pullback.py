"""The pull-back geodesic: the curve along which the pictures change least.

    min over z(t) of  m sum_i |g(z_{i+1}) - g(z_i)|^2

The decoder g lays the codes out as a surface in the space of pictures; this is the shortest way on that surface, walked
at constant speed. Measured on pixels it is shorter than the straight line and no better: a ruler of pixels rewards
blur, since the mean of two pictures lies between them. Another ruler may see more: the features of a classifier, the
encoder's code of the decoded picture, the features of the critic that a model was trained against. With a fear of the
empty, steps count the more, the rarer real codes are there. It works for any decoder that can be called.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.paths import _pull
from manigen.paths.base import PIXELS, RULERS, Curve, Manifold, Trace

card = Card(
    title="Pull-back",
    sentence="The way along which the picture changes least: shorter, yet often through a blur that no data show.",
    reference="Shao, Kumar, Fletcher 2018, The Riemannian Geometry of Deep Generative Models",
    link="https://arxiv.org/abs/1711.08014",
    facts={"refines": True},  # a coarse search answers at once
    knobs=(
        Knob("ruler", PIXELS, "What the change of a picture is measured on.", choices=tuple(RULERS), title="Ruler"),
        *_pull.CAUTION,
    ),
)


def trace(start: np.ndarray, end: np.ndarray, steps: int, manifold: Manifold, **knobs: Any) -> Trace:
    """Return `steps` codes from `start` (d,) to `end` (d,), the ruler's speed about constant."""
    return curves(start[None], end[None], manifold, **knobs)[0].trace(start, end, steps)


def curves(
    starts: np.ndarray,
    ends: np.ndarray,
    manifold: Manifold,
    ruler: str = PIXELS,
    caution: float = 0.0,
    bandwidth: float = 0.5,
) -> list[Curve]:
    """Return the path of each pair of ends (k, d), all searched for at once, from the graph and the straight line.

    Raises `BadInput` where the model has no such ruler.
    """
    return _pull.curves(starts, ends, manifold, ruler=ruler, fear=caution, bandwidth=bandwidth)
