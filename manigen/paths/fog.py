"""The geodesic with fog: short in pictures, and shy of places where the decoders of an ensemble disagree.

    min over z(t) of  m sum_i |mu(z_{i+1}) - mu(z_i)|^2  +  f sum_i (v(z_i) + v(z_{i+1})) / m

mu is the members' mean picture and v their variance, summed over the pixels; with 1 / m before the second sum it weighs
the same however many knots the curve has. The disagreement means ignorance only once the members are trained to the
end; before that it follows contrast, and the walk fades. A generator with one decoder has no fog. With a fear of the
empty, the pictures' changes count the more, the rarer real codes are there.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card, Knob
from manigen.paths import _pull
from manigen.paths.base import Curve, Manifold, Trace

card = Card(
    title="Fog",
    sentence="A short way that avoids places where several decoders, taught alike, do not agree on the picture.",
    reference="Syrota, Moreno-Muñoz, Hauberg 2024, Decoder ensembling for learned latent geometries",
    link="https://arxiv.org/abs/2408.07507",
    facts={"refines": True},  # a coarse search answers at once
    knobs=(
        Knob(
            "shyness",
            1024.0,
            "How much disagreement counts beside the pictures' change.",
            0.0,
            1e5,
            log=True,
            title="Fear of the fog",
        ),
        *_pull.CAUTION,
    ),
)


def trace(start: np.ndarray, end: np.ndarray, steps: int, manifold: Manifold, **knobs: float) -> Trace:
    """Return `steps` codes from `start` (d,) to `end` (d,). Raises `BadInput` where there is one decoder only."""
    return curves(start[None], end[None], manifold, **knobs)[0].trace(start, end, steps)


def curves(
    starts: np.ndarray,
    ends: np.ndarray,
    manifold: Manifold,
    shyness: float = 1024.0,
    caution: float = 0.0,
    bandwidth: float = 0.5,
) -> list[Curve]:
    """Return the path of each pair of ends (k, d), all searched for at once, from the graph and the straight line."""
    return _pull.curves(starts, ends, manifold, shyness, fear=caution, bandwidth=bandwidth)
