"""Class histogram: does the generator paint the classes as often as they occur?

    TV = 1/2 sum_c | p'_c - p_c |

with the shares p' and p of the classes among generated and among held-out pictures, both as the classifier of the
features names them: the total variation distance. A generator that has lost a class of a tenth has 0.1 at least, one
that paints a single class of ten 0.9.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card
from manigen.measures._context import Context, Result

card = Card(
    title="Class histogram",
    sentence="The share of samples that would have to change class for every class to be as frequent as in the data.",
    reference="Richardson, Weiss 2018, On GANs and GMMs",
    link="https://arxiv.org/abs/1805.12462",
    facts={
        "of": "generator",
        "unit": "share",
        "best": 0.0,
        "fewest": 2,
        "needs": ("classifier",),
        "features": True,
    },
)


def measure(context: Context) -> Result:
    """Return the distance in [0, 1]; `real`: of training pictures. `details` has the shares of every class."""
    classes = context.extractor.classes

    def shares(f: np.ndarray) -> np.ndarray:
        return np.bincount(context.extractor.named(f), minlength=len(classes)) / len(f)

    real, made = shares(context.real_features), shares(context.made_features)
    others = None if context.other_features is None else apart(shares(context.other_features), real)
    details = {"classes": list(classes), "made": made.tolist(), "held_out": real.tolist()}
    return Result(apart(made, real), others, context.n, details=details)


def apart(p: np.ndarray, q: np.ndarray) -> float:
    """Return the total variation distance in [0, 1] between two distributions over the same classes."""
    return float(np.abs(p - q).sum() / 2)
