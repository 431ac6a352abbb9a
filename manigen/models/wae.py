"""The Wasserstein autoencoder: all codes together fill a bell, without blurring any single one.

    loss = |x - D(E(x))|^2  +  l MMD( E(x), N(0, I) )

A variational autoencoder makes every picture's cloud of codes look like the bell; this one asks it of all codes taken
together, by the maximum mean discrepancy, so that pictures need not share codes and stay sharper.
"""

from __future__ import annotations

import torch
from torch import Tensor

from manigen.cards import Card, weight
from manigen.models import _terms
from manigen.models.base import Generator, per_picture
from manigen.models.networks import DIM, LAYOUT, WIDTH, Decoder, Encoder

card = Card(
    title="Wasserstein autoencoder",
    sentence="An autoencoder whose codes, taken all together, fill a round bell, so any code from it paints.",
    reference="Tolstikhin, Bousquet, Gelly, Schölkopf 2018, Wasserstein Auto-Encoders",
    link="https://arxiv.org/abs/1711.01558",
    knobs=(
        DIM,
        WIDTH,
        LAYOUT,
        weight("match", 50.0, "How strongly the codes are asked to fill the bell.", 10_000.0),
    ),
    facts={"sampler": "normal", "prior": "normal", "losses": ("reconstruction", "discrepancy")},
)


class Model(Generator):
    """Encoder and decoder trained as one player."""

    judge: str | None = "reconstruction"

    def __init__(
        self, shape: tuple[int, int, int], dim: int = 16, width: int = 32, layout: str = "flat", match: float = 50.0
    ) -> None:
        super().__init__(shape, dim)
        self.encoder = Encoder(shape, dim, width, layout)
        self.decoder = Decoder(shape, dim, width, layout)
        self.match = match

    def decode_batch(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def encode_batch(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        z = self.encoder(x)
        reconstruction = per_picture((self.decoder(z) - x).square())
        prior = torch.randn(z.shape, generator=rng, device=z.device)
        discrepancy = _terms.discrepancy(z, prior)
        total = reconstruction + self.match * discrepancy
        return {"total": total, "reconstruction": reconstruction, "discrepancy": discrepancy}
