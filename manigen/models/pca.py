"""Principal component analysis: the flat yardstick.

    E(x) = (x - m) U^T / s,    D(z) = clamp(m + s z U, 0, 1)

with m the mean picture, U (d, pixels) the d directions in which the pictures vary most, at right angles to each other,
and one scale s for all of them, the root mean square deviation along them. So codes are not whitened: a distance
between codes is the distance between the pictures before clamping, over s. The manifold is a flat sheet, straight
lines are its geodesics, and no network is needed to get there; one that does worse has not learned yet.

The clamp keeps pixels in [0, 1]; where it acts, a pixel has slope 0 and at its edge none, so the decoder is
differentiable almost everywhere. It is fitted in one go: on pictures of up to 4,096 numbers with the whole covariance,
on larger ones with a randomised decomposition of up to 20,000 of them, drawn by the seed.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from manigen.cards import Card
from manigen.errors import BadInput
from manigen.models.base import Generator, per_picture
from manigen.models.networks import DIM

card = Card(
    title="Principal component analysis",
    sentence="Lays the flat sheet through the pictures that is nearest to them all: the yardstick for every network.",
    reference="Hotelling 1933, Analysis of a complex of statistical variables into principal components",
    link="https://doi.org/10.1037/h0071325",
    knobs=(DIM,),
    facts={"sampler": "mixture", "losses": ("reconstruction",)},
)

CHUNK = 2000  # pictures at once: bounds the memory of a fit
COVARIANCE = 4096  # numbers in a picture, at most, for which the whole covariance is held
SUBSAMPLE = 20_000  # pictures, at most, that larger ones are fitted to
POWER = 4  # rounds that sharpen the randomised directions


class Model(Generator):
    """The mean m (pixels,), directions U (d, pixels) and the scale s."""

    players: tuple[str, ...] = ()
    judge = None

    def __init__(self, shape: tuple[int, int, int], dim: int = 16) -> None:
        super().__init__(shape, dim)
        pixels = int(np.prod(self.shape))
        self.register_buffer("mean", torch.full((pixels,), 0.5))
        self.register_buffer("directions", torch.linalg.qr(torch.randn(pixels, dim))[0].T.contiguous())
        self.register_buffer("scale", torch.tensor(1.0))
        self.mean: Tensor
        self.directions: Tensor
        self.scale: Tensor

    def decode_batch(self, z: Tensor) -> Tensor:
        return (self.mean + self.scale * z @ self.directions).clamp(0, 1).unflatten(1, self.shape)

    def encode_batch(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - self.mean) @ self.directions.T / self.scale

    @torch.no_grad()
    def fit_to(self, images: Tensor, rng: torch.Generator) -> dict[str, float]:
        if len(images) <= self.dim:
            raise BadInput(f"{len(images)} pictures span fewer than {self.dim} directions; take a smaller dim.")
        pixels = len(self.mean)
        chosen = images
        if pixels > COVARIANCE and len(images) > SUBSAMPLE:
            rows = torch.randperm(len(images), generator=rng, device=rng.device)[:SUBSAMPLE]
            chosen = images[rows.to(images.device)]
        total = torch.zeros(pixels, dtype=torch.float64, device=images.device)
        for part in chosen.split(CHUNK):
            total += part.flatten(1).double().sum(0)
        mean = (total / (255 * len(chosen))).float()
        find = self._exactly if pixels <= COVARIANCE else self._roughly
        directions, variances = find(chosen, mean, rng)
        largest = directions.abs().argmax(1, keepdim=True)
        directions *= directions.gather(1, largest).sign()  # it has no sign of its own
        self.mean.copy_(mean)
        self.directions.copy_(directions)
        self.scale.fill_(max(float(variances.clamp_min(0).mean().sqrt()), 1e-3))
        error = [
            per_picture((self.decode_batch(self.encode_batch(x)) - x).square()) * len(x)
            for x in (part.float().div(255) for part in images.split(CHUNK))
        ]
        return {"reconstruction": float(torch.stack(error).sum()) / len(images)}

    def _exactly(self, images: Tensor, mean: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Directions (d, pixels) and variances (d,), largest first, from the whole covariance."""
        covariance = torch.zeros((len(mean), len(mean)), dtype=torch.float64, device=images.device)
        for part in images.split(CHUNK):
            centred = part.flatten(1).float().div(255).sub_(mean)
            covariance += (centred.T @ centred).double()
        variances, directions = torch.linalg.eigh(covariance / len(images))
        return directions.T.flip(0)[: self.dim].float(), variances.flip(0)[: self.dim].float()

    def _roughly(self, images: Tensor, mean: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """The same, for large pictures: the span of random sums of them, sharpened by a few rounds over them all.

        Source: Halko, Martinsson, Tropp 2011, Finding structure with randomness, https://doi.org/10.1137/090771806.
        """
        wide = min(self.dim + 16, len(images), len(mean))
        basis = torch.randn((len(mean), wide), generator=rng, device=rng.device).to(images.device)
        for _ in range(POWER + 1):
            basis = torch.linalg.qr(basis)[0]
            moved = torch.zeros_like(basis)
            for part in images.split(CHUNK):
                centred = part.flatten(1).float().div(255).sub_(mean)
                moved += centred.T @ (centred @ basis)
            before, basis = basis, moved
        small = before.T @ moved / len(images)
        variances, turn = torch.linalg.eigh((small + small.T).double() / 2)
        directions = (before @ turn.float()).T.flip(0)[: self.dim]
        return directions, variances.flip(0)[: self.dim].float()
