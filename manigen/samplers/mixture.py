"""A mixture of Gaussians fitted to the codes: p(z) = sum_j w_j N(z; m_j, S_j).

An autoencoder's codes fill no bell, but a few bells fill its codes. On MNIST this alone takes an autoencoder's samples
from junk to better than a VAE's (Ghosh et al. 2020).
"""

from __future__ import annotations

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.samplers.base import Progress, silent

card = Card(
    title="Gaussian mixture",
    sentence="Covers the codes with a few tilted bells and draws from those.",
    reference="Ghosh, Sajjadi, Vergari, Black, Schölkopf 2020, From Variational to Deterministic Autoencoders",
    link="https://arxiv.org/abs/1903.12436",
    knobs=(Knob("components", 50, "How many bells.", 1, 500),),
)


class Sampler:
    """Weights w (k,), means m (k, d) and Cholesky factors (k, d, d) of the covariances."""

    def __init__(self, components: int = 50) -> None:
        self.components = components
        self.adjusted = ""
        self.weights: np.ndarray = np.zeros(0, np.float32)
        self.means: np.ndarray = np.zeros((0, 0), np.float32)
        self.factors: np.ndarray = np.zeros((0, 0, 0), np.float32)

    def fit(self, z: np.ndarray, seed: int = 0, progress: Progress = silent) -> Sampler:
        from sklearn.mixture import GaussianMixture
        from threadpoolctl import threadpool_limits

        components = max(1, min(self.components, len(z) // (2 * z.shape[1])))
        mixture = GaussianMixture(components, reg_covar=1e-4, random_state=seed % 2**32)
        with threadpool_limits(1):  # matrices are small: on busy cores, threads that wait by turning made 6 s minutes
            fitted = mixture.fit(z.astype(np.float64))
        sampler = Sampler(components)
        if components < self.components:
            sampler.adjusted = f"It has {components} of the {self.components} bells: {len(z):,} codes carry no more."
        sampler.weights = fitted.weights_.astype(np.float32)
        sampler.means = fitted.means_.astype(np.float32)
        sampler.factors = np.linalg.cholesky(fitted.covariances_).astype(np.float32)
        return sampler

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        stream = seeds.numpy_stream(seed)
        weights = self.weights.astype(np.float64)
        chosen = stream.choice(len(weights), n, p=weights / weights.sum())
        noise = stream.standard_normal((n, self.means.shape[1]), dtype=np.float32)
        return self.means[chosen] + np.einsum("nij,nj->ni", self.factors[chosen], noise)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"weights": self.weights, "means": self.means, "factors": self.factors}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Sampler:
        sampler = cls(len(arrays["weights"]))
        sampler.weights, sampler.means, sampler.factors = (arrays[key] for key in ("weights", "means", "factors"))
        return sampler
