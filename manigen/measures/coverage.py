"""Coverage: how much of the real data has a generated picture near it.

    C = 1/n sum_i 1[ some x'_j lies closer to x_i than its k-th nearest real fellow does ]

for real pictures x_i and as many generated ones x'_j, by distance in pixels. A model that repeats a few good pictures
has a low coverage however good they are. Two samples of the same data reach about 1 - 2^-k, 0.97 for k = 5.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import checks, seeds
from manigen.cards import Card, Knob

card = Card(
    title="Coverage",
    sentence="The share of real pictures that have a generated one in their own neighbourhood: is anything left out?",
    reference="Naeem, Oh, Uh, Choi, Yoo 2020, Reliable Fidelity and Diversity Metrics for Generative Models",
    link="https://arxiv.org/abs/2002.09797",
    knobs=(
        Knob("n", 2000, "How many real and how many generated pictures are compared.", 10, 20_000),
        Knob("k", 5, "How many real fellows make a neighbourhood.", 1, 100),
    ),
    facts={"of": "generator", "unit": "share", "best": 1.0, "real": 0.97, "fewest": 6},
)


def measure(generator: Any, x: Any, n: int = 2000, k: int = 5, seed: int = 0) -> float:
    """Return the coverage in [0, 1] of real pictures x (n, c, h, w) by as many samples drawn with `seed`.

    Of more than `n` real pictures, `n` are drawn with `seed`. Raises `BadInput` for pictures of another shape or range.
    """
    chosen = np.sort(seeds.numpy_stream(seed, 1).permutation(len(x))[:n])
    real = checks.images(np.asarray(x)[chosen], generator.shape).reshape(len(chosen), -1)
    return covered(real, generator.sample(len(real), seed).reshape(len(real), -1), k)


def covered(real: np.ndarray, made: np.ndarray, k: int) -> float:
    """Return the share of `real` rows (n, a) with a `made` row nearer than their k-th nearest real fellow.

    >>> covered(np.array([[0.0], [1.0], [5.0]]), np.array([[0.2]]), k=1)
    0.6666666666666666
    """
    k = checks.count(k, "k", 1, len(real) - 1)
    radius = np.partition(squared_distances(real, real), k, axis=1)[:, k]  # 0 is the distance to itself
    return float((squared_distances(real, made).min(axis=1) < radius).mean())


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the squared distances (n, m) between rows of a (n, f) and b (m, f)."""
    middle = a.mean(axis=0)
    a, b = a - middle, b - middle
    squares = np.einsum("nf,nf->n", a, a)[:, None] + np.einsum("mf,mf->m", b, b)
    return np.maximum(squares - 2 * a @ b.T, 0)
