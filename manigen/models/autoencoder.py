"""The regularised autoencoder: squeeze a picture through d numbers and ask for it back.

    loss = |x - D(E(x) + s e)|^2  +  l |E(x)|^2 / 2,    e ~ N(0, I)

The noise s on the codes makes neighbours of a code decode to neighbours of its picture; the pull l on their length
keeps the codes together, so that a distribution fitted to them afterwards can be sampled from. The decoder's weights
are held small by weight decay.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manigen.cards import Card, Knob
from manigen.models.base import Generator, per_picture
from manigen.models.networks import DIM, LAYOUT, WIDTH, Decoder, Encoder

card = Card(
    title="Autoencoder",
    sentence="Learns to squeeze every picture into a few numbers and to paint it again from them alone.",
    reference="Ghosh, Sajjadi, Vergari, Black, Schölkopf 2020, From Variational to Deterministic Autoencoders",
    link="https://arxiv.org/abs/1903.12436",
    knobs=(
        DIM,
        WIDTH,
        LAYOUT,
        Knob("code_l2", 0.05, "How strongly codes are pulled towards the origin.", 0.0, 100.0),
        Knob("code_noise", 0.1, "Noise added to the codes while training; smooths the manifold.", 0.0, 2.0),
        Knob("weight_decay", 1e-5, "Weight decay of the decoder.", 0.0, 0.1),
    ),
    facts={"sampler": "mixture", "losses": ("reconstruction", "code_l2")},
)


class Model(Generator):
    """Encoder and decoder trained as one player."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        dim: int = 16,
        width: int = 32,
        layout: str = "flat",
        code_l2: float = 0.05,
        code_noise: float = 0.1,
        weight_decay: float = 1e-5,
    ) -> None:
        super().__init__(shape, dim)
        self.encoder = Encoder(shape, dim, width, layout)
        self.decoder = Decoder(shape, dim, width, layout)
        self.code_l2, self.code_noise, self.weight_decay = code_l2, code_noise, weight_decay

    def decode_batch(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def encode_batch(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def settings_of(self, player: str) -> dict[str, Any]:
        return {"weight_decay": self.weight_decay}

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        z = self.encoder(x)
        noise = torch.randn(z.shape, generator=rng, device=z.device)
        reconstruction = per_picture((self.decoder(z + self.code_noise * noise) - x).square())
        length = z.square().sum(1).mean() / 2
        return {"total": reconstruction + self.code_l2 * length, "reconstruction": reconstruction, "code_l2": length}
