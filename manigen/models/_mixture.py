"""A mixture of Gaussians inside a model, refitted to its codes while it trains: where a forger gets its codes from.

It is the `mixture` sampler in tensors, kept in buffers so that a run that is resumed draws the same codes.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor, nn

FLOOR = 1e-3  # added to every variance: a component on a few codes stays a bell


class Mixture(nn.Module):
    """`components` Gaussians in d dimensions: weights w, means m and Cholesky factors L; all zero until fitted."""

    weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, dim: int, components: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.zeros(components))
        self.register_buffer("means", torch.zeros(components, dim))
        self.register_buffer("factors", torch.zeros(components, dim, dim))

    @property
    def fitted(self) -> bool:
        return bool(self.weights.sum() > 0)

    @torch.no_grad()
    def fit(self, z: Tensor, seed: int) -> None:
        """Fit to codes z (n, d), from where the last fit stood if there was one."""
        from sklearn.mixture import GaussianMixture

        components = max(1, min(len(self.weights), len(z) // (2 * z.shape[1])))
        known = self.means.double().cpu().numpy() if self.fitted and components == len(self.weights) else None
        found = GaussianMixture(
            components, reg_covar=FLOOR, max_iter=15, init_params="k-means++", means_init=known, random_state=seed
        )
        with warnings.catch_warnings(action="ignore"):  # 15 rounds need not converge: the next fit goes on from there
            found.fit(z.double().cpu().numpy())
        for held, new in (
            (self.weights, found.weights_),
            (self.means, found.means_),
            (self.factors, np.linalg.cholesky(found.covariances_)),
        ):
            held.zero_()
            held[:components] = torch.from_numpy(new).to(held)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """Return n codes (n, d) drawn with `rng`."""
        if not n:
            return self.means[:0]  # multinomial refuses to draw nothing
        chosen = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        noise = torch.randn((n, self.means.shape[1]), generator=rng, device=self.means.device)
        return self.means[chosen] + torch.einsum("nij,nj->ni", self.factors[chosen], noise)
