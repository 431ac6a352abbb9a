"""The VAE-GAN: a variational autoencoder that measures its error with a critic's eye.

    autoencoder  minimises  w |F(x) - F(D(z))|^2 + |x - D(z)|^2 + beta KL( q(z | x) || N(0, I) )
                            + a E softplus(C(x) - C(D(p))),    z ~ q(z | x),  p ~ N(0, I)
    critic       minimises  E softplus(C(D(p)) - C(x))  +  r/2 (E|grad C(x)|^2 + E|grad C(D(p))|^2)

F is what the critic sees, its features before the verdict. Errors that no critic would notice cost little, blur costs
much; the adversarial term teaches the decoder only, for p has no encoder behind it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manigen.cards import Card, weight
from manigen.models import _terms
from manigen.models.base import Generator, per_picture
from manigen.models.networks import DIM, WIDTH, Decoder, Encoder

LAZY = 4  # steps between two gradient penalties, each then weighted as many times

card = Card(
    title="VAE-GAN",
    sentence="A variational autoencoder that measures its errors with the eyes of a critic, so that blur costs much.",
    reference="Larsen, Sønderby, Larochelle, Winther 2016, Autoencoding beyond pixels using a learned similarity "
    "metric",
    link="https://arxiv.org/abs/1512.09300",
    knobs=(
        DIM,
        WIDTH,
        weight("beta", 1.0, "Weight of the KL term: high brings order, low detail.", 100.0),
        weight("features", 1.0, "Weight of the error in the critic's features.", 100.0),
        weight("adversarial", 2.0, "How much the critic is heard.", 1000.0),
        weight("penalty", 1.0, "Weight r of the gradient penalties: calms the critic.", 1000.0),
    ),
    facts={
        "sampler": "normal",
        "prior": "normal",
        "losses": ("reconstruction", "features", "kl", "forger", "critic", "penalty"),
        "cure": "a smaller beta usually cures it",
    },
)


class Model(Generator):
    """Two players: the autoencoder, and the critic whose eyes it borrows."""

    players = ("autoencoder", "critic")
    judge: str | None = None

    def __init__(
        self,
        shape: tuple[int, int, int],
        dim: int = 16,
        width: int = 32,
        beta: float = 1.0,
        features: float = 1.0,
        adversarial: float = 2.0,
        penalty: float = 1.0,
    ) -> None:
        super().__init__(shape, dim)
        self.encoder = Encoder(shape, 2 * dim, width)
        self.decoder = Decoder(shape, dim, width)
        self.critic = Encoder(shape, 1, width)
        self.beta, self.features, self.adversarial, self.penalty = beta, features, adversarial, penalty

    def decode_batch(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def encode_batch(self, x: Tensor) -> Tensor:
        return self.encoder(x)[:, : self.dim]

    def settings_of(self, player: str) -> dict[str, Any]:
        return {"betas": (0.0, 0.99)} if player == "critic" else {}

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        prior = torch.randn((len(x), self.dim), generator=rng, device=x.device)
        if player == "critic":
            with torch.no_grad():
                made = self.decoder(prior).float()
            return _terms.judged(self.critic, x, made, self.penalty, LAZY, self.step)
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        log_variance = log_variance.clamp(-10, 4)
        z = mean + torch.randn(mean.shape, generator=rng, device=x.device) * (0.5 * log_variance).exp()
        painted = self.decoder(z)
        reconstruction = per_picture((painted - x).square())
        with torch.no_grad():
            seen = self.critic.features(x - 0.5)
        features = per_picture((self.critic.features(painted - 0.5) - seen).square())
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        forger = _terms.lead(self.critic(self.decoder(prior)), self.critic(x).detach())
        total = reconstruction + self.features * features + self.beta * kl + self.adversarial * forger
        return {"total": total, "reconstruction": reconstruction, "features": features, "kl": kl, "forger": forger}
