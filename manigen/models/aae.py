"""The adversarial autoencoder: a critic of codes, not of pictures.

    critic       minimises  E softplus(C(E(x)) - C(p))  +  r/2 (E|grad C(p)|^2 + E|grad C(E(x))|^2),    p ~ N(0, I)
    autoencoder  minimises  |x - D(E(x))|^2  +  a E softplus(C(p) - C(E(x)))

The critic learns to tell codes from draws of a round bell, the encoder to leave it nothing to see. What the Wasserstein
autoencoder asks by a formula is asked here by an adversary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manigen.cards import Card, weight
from manigen.models import _terms
from manigen.models.base import Generator, per_picture
from manigen.models.networks import DIM, LAYOUT, WIDTH, Decoder, Encoder, Perceptron

card = Card(
    title="Adversarial autoencoder",
    sentence="An autoencoder with a critic that cannot tell its codes from draws of a round bell.",
    reference="Makhzani, Shlens, Jaitly, Goodfellow, Frey 2016, Adversarial Autoencoders",
    link="https://arxiv.org/abs/1511.05644",
    knobs=(
        DIM,
        WIDTH,
        LAYOUT,
        weight("adversarial", 2.0, "How much the critic of codes is heard.", 1000.0),
        weight("penalty", 0.1, "Weight r of the gradient penalties: calms the critic.", 1000.0),
    ),
    facts={"sampler": "normal", "prior": "normal", "losses": ("reconstruction", "forger", "critic", "penalty")},
)


class Model(Generator):
    """Two players: the autoencoder, and the critic of its codes."""

    players = ("autoencoder", "critic")
    judge: str | None = "reconstruction"

    def __init__(
        self,
        shape: tuple[int, int, int],
        dim: int = 16,
        width: int = 32,
        layout: str = "flat",
        adversarial: float = 2.0,
        penalty: float = 0.1,
    ) -> None:
        super().__init__(shape, dim)
        self.encoder = Encoder(shape, dim, width, layout)
        self.decoder = Decoder(shape, dim, width, layout)
        self.critic = Perceptron(dim, 8 * width, 8 * width, 1)
        self.adversarial, self.penalty = adversarial, penalty

    def decode_batch(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def encode_batch(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def settings_of(self, player: str) -> dict[str, Any]:
        return {"betas": (0.0, 0.99)} if player == "critic" else {}

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        prior = torch.randn((len(x), self.dim), generator=rng, device=x.device)
        if player == "critic":
            with torch.no_grad():
                z = self.encoder(x)
            critic = _terms.lead(self.critic(prior), self.critic(z))
            penalty = _terms.steepness(self.critic, prior) + _terms.steepness(self.critic, z)
            return {"total": critic + self.penalty / 2 * penalty, "critic": critic, "penalty": penalty}
        z = self.encoder(x)
        reconstruction = per_picture((self.decoder(z) - x).square())
        forger = _terms.lead(self.critic(z), self.critic(prior).detach())
        total = reconstruction + self.adversarial * forger
        return {"total": total, "reconstruction": reconstruction, "forger": forger}
