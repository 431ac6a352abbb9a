"""The round bell: codes drawn from N(0, I), for models trained to fill it.

A variational autoencoder is pulled towards it while it learns, and a forger has never seen anything else; for them it
needs no fitting.
"""

from __future__ import annotations

import numpy as np

from manigen import seeds
from manigen.cards import Card
from manigen.samplers.base import Progress, silent

card = Card(
    title="Standard normal",
    sentence="Draws each number of a code from the same bell curve, as variational and adversarial models expect.",
    reference="Kingma, Welling 2014, Auto-Encoding Variational Bayes",
    link="https://arxiv.org/abs/1312.6114",
)


class Sampler:
    """N(0, I) in d dimensions."""

    def __init__(self, dim: int = 0) -> None:
        self.dim = dim

    def fit(self, z: np.ndarray, seed: int = 0, progress: Progress = silent) -> Sampler:
        return Sampler(z.shape[1])

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        return seeds.numpy_stream(seed).standard_normal((n, self.dim), dtype=np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"dim": np.array(self.dim)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Sampler:
        return cls(int(arrays["dim"]))
