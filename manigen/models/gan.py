"""The generative adversarial network: a forger paints from noise, a critic compares forgeries with real pictures.

    critic   minimises  E[ softplus(C(G(z)) - C(x)) ]  +  r/2 E|grad C(x)|^2  +  r/2 E|grad C(G(z))|^2
    forger   minimises  E[ softplus(C(x) - C(G(z))) ]

The pairing of each forgery with a real picture keeps the forger from settling on a few pictures, and the two gradient
penalties make the game converge near its solution. It has no encoder: codes for a map are samples of N(0, I).
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from manigen.cards import Card, weight
from manigen.models import _terms
from manigen.models.base import Generator
from manigen.models.networks import DIM, WIDTH, Decoder, Encoder

LAZY = 4  # steps between two gradient penalties, each then weighted as many times

card = Card(
    title="Generative adversarial network",
    sentence="A forger paints pictures from noise until a critic, trained against it, can no longer tell them apart.",
    reference="Huang, Gokaslan, Kuleshov, Tompkin 2024, The GAN is dead; long live the GAN! (R3GAN)",
    link="https://arxiv.org/abs/2501.05441",
    knobs=(
        DIM,
        WIDTH,
        weight("penalty", 0.5, "Weight r of the two gradient penalties: calms the critic.", 1000.0),
    ),
    facts={"sampler": "normal", "prior": "normal", "losses": ("forger", "critic", "penalty"), "learning_rate": 5e-4},
)


class Model(Generator):
    """Two players who take turns: the critic looks, then the forger paints."""

    players = ("critic", "forger")
    encodes: ClassVar[bool] = False

    def __init__(self, shape: tuple[int, int, int], dim: int = 16, width: int = 32, penalty: float = 0.5) -> None:
        super().__init__(shape, dim)
        self.decoder = Decoder(shape, dim, width)
        self.critic = Encoder(shape, 1, width)
        self.penalty = penalty

    def decode_batch(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def settings_of(self, player: str) -> dict[str, Any]:
        return {"betas": (0.0, 0.99)}

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        z = torch.randn((len(x), self.dim), generator=rng, device=x.device)
        if player == "forger":
            forger = _terms.lead(self.critic(self.decoder(z)), self.critic(x).detach())
            return {"total": forger, "forger": forger}
        with torch.no_grad():
            made = self.decoder(z).float()
        return _terms.judged(self.critic, x, made, self.penalty, LAZY, self.step)
