"""Memorisation: does the generator paint, or copy its training pictures?

    M = share of samples x' with   min_i |x' - x_i|  <  min_j |x' - y_j|

for training pictures x_i and as many held-out pictures y_j, by distance in pixels. Samples of the data itself lie
nearer to either as often: 0.5. A generator that copies the training pictures compared with comes near 1; one that
copies all of many, of which a share s is compared with, 0.5 + s/2, which is still many standard errors above 0.5.
"""

from __future__ import annotations

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.measures import _neighbours
from manigen.measures._context import Context, Result

card = Card(
    title="Memorisation",
    sentence="The share of samples nearer to a training picture than to an unseen one: 0.5 is honest, 1 is copied.",
    reference="Meehan, Chaudhuri, Dasgupta 2020, A Non-Parametric Test to Detect Data-Copying in Generative Models",
    link="https://arxiv.org/abs/2004.05675",
    knobs=(Knob("sample", 2000, "How many samples are looked at.", 10, 20_000),),
    facts={"of": "generator", "unit": "share", "best": 0.5, "fewest": 10, "needs": ("train",)},
)


def measure(context: Context, sample: int = 2000) -> Result:
    """Return the share in [0, 1] of at most `sample` samples; `real`: of training pictures that are not compared with.

    `n` is the number of samples; `details["among"]` that of the training, and of the held-out, pictures compared with,
    and `details["of"]` that of all training pictures.
    """
    seen = context.train_pictures(2 * context.n)
    order = seeds.numpy_stream(context.seed, 5).permutation(len(seen))
    m = min(context.n, len(seen) // 2)
    seen, apart = seen[order[:m]], seen[order[m:]][:sample]
    unseen = context.real[seeds.numpy_stream(context.seed, 6).permutation(context.n)[:m]]
    made = context.made[:sample]
    share = nearer(made, seen, unseen)
    error = float(np.sqrt(share * (1 - share) / len(made)))
    return Result(share, nearer(apart, seen, unseen), len(made), error, {"among": m, "of": context.train_size})


def nearer(x: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Return the share of pictures x (n, c, h, w) whose nearest in a is nearer than that in b; ties count half."""
    to_a, to_b = (_neighbours.nearest(x.reshape(len(x), -1), side.reshape(len(side), -1)) for side in (a, b))
    return float((to_a < to_b).mean() + (to_a == to_b).mean() / 2)
