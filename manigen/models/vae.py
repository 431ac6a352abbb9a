"""The variational autoencoder: every picture is a small cloud of codes, and all clouds together fill one bell.

    loss = -log p(x | z)  +  beta KL( q(z | x) || N(0, I) ),    z = m(x) + s(x) e,  e ~ N(0, I)

with p(x | z) Bernoulli per pixel and q Gaussian with mean m and standard deviation s. With beta = 1 it is a bound on
the likelihood; a larger beta buys order among the codes with blur, a smaller one sharper pictures with holes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from manigen.cards import Card, weight
from manigen.models.base import Generator, per_picture
from manigen.models.networks import DIM, LAYOUT, WIDTH, Decoder, Encoder

card = Card(
    title="Variational autoencoder",
    sentence="An autoencoder whose codes are little clouds that together fill one round bell, "
    "so any code from it paints.",
    reference="Kingma, Welling 2014, Auto-Encoding Variational Bayes; Higgins et al. 2017, beta-VAE",
    link="https://arxiv.org/abs/1312.6114",
    knobs=(
        DIM,
        WIDTH,
        LAYOUT,
        weight("beta", 1.0, "Weight of the KL term: high brings order and blur, low detail and holes.", 100.0),
    ),
    facts={
        "sampler": "normal",
        "prior": "normal",
        "losses": ("reconstruction", "kl"),
        "cure": "a smaller beta usually cures it",
    },
)


class Model(Generator):
    """Encoder (mean and log-variance) and decoder trained as one player."""

    def __init__(
        self, shape: tuple[int, int, int], dim: int = 16, width: int = 32, layout: str = "flat", beta: float = 1.0
    ) -> None:
        super().__init__(shape, dim)
        self.encoder = Encoder(shape, 2 * dim, width, layout)
        self.decoder = Decoder(shape, dim, width, layout)
        self.beta = beta

    def decode_batch(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def encode_batch(self, x: Tensor) -> Tensor:
        return self.posterior(x)[0]

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and log-variance of q(z | x), both (n, d); the log-variance is held in [-10, 4]."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(-10, 4)

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        mean, log_variance = self.posterior(x)
        noise = torch.randn(mean.shape, generator=rng, device=mean.device)
        logits = self.decoder.logits(mean + noise * (0.5 * log_variance).exp())
        reconstruction = per_picture(nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none"))
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        return {"total": reconstruction + self.beta * kl, "reconstruction": reconstruction, "kl": kl}
