"""Adversarially constrained interpolation: the pictures half-way are asked to look real.

    autoencoder  minimises  |x - D(E(x))|^2  +  b C(D(m))^2  +  l |E(x)|^2 / 2
    critic       minimises  (C(D(m)) - a)^2  +  C(g x + (1 - g) D(E(x)))^2

with m = a E(x) + (1 - a) E(x') and a ~ U[0, 1/2]. The critic guesses from a picture how far between two others it was
painted; the autoencoder paints so that the guess is nought. Straight lines between codes then lead through pictures
that look like data.

Where pictures are mostly background the two can settle on an empty picture, which gives nothing away: of three seeds on
MNIST two did. A pull `l` on the codes, which otherwise run away before the decoder has found the pictures, and a critic
that is heard only after `begin` prevent it. The article has neither.
"""

from __future__ import annotations

import torch
from torch import Tensor

from manigen.cards import Card, Knob, weight
from manigen.models.base import Generator, per_picture
from manigen.models.networks import DIM, LAYOUT, WIDTH, Decoder, Encoder

card = Card(
    title="Adversarially constrained autoencoder",
    sentence="An autoencoder with a critic of its half-way pictures: what lies between two codes has to look real.",
    reference="Berthelot, Raffel, Roy, Goodfellow 2018, Understanding and Improving Interpolation in Autoencoders "
    "via an Adversarial Regularizer",
    link="https://arxiv.org/abs/1807.07543",
    knobs=(
        DIM,
        WIDTH,
        LAYOUT,
        weight("between", 0.5, "How much the critic of half-way pictures is heard, per pixel.", 100.0),
        Knob("mix", 0.2, "Share g of the real picture in what the critic is told is not half-way.", 0.0, 1.0),
        weight("code_l2", 0.05, "How strongly codes are pulled towards the origin.", 100.0, "Code length"),
        Knob("begin", 0.1, "Share of the training after which the critic is heard.", 0.0, 1.0),
    ),
    facts={
        "sampler": "mixture",
        "losses": ("reconstruction", "code_l2", "between", "critic", "ends"),
        "cure": "a smaller between, a later begin or a larger code_l2 usually cures it",
    },
)


class Model(Generator):
    """Two players: the autoencoder, and the critic that guesses how far half-way a picture is."""

    players = ("autoencoder", "critic")
    judge: str | None = "reconstruction"

    def __init__(
        self,
        shape: tuple[int, int, int],
        dim: int = 16,
        width: int = 32,
        layout: str = "flat",
        between: float = 0.5,
        mix: float = 0.2,
        code_l2: float = 0.05,
        begin: float = 0.1,
    ) -> None:
        super().__init__(shape, dim)
        self.encoder = Encoder(shape, dim, width, layout)
        self.decoder = Decoder(shape, dim, width, layout)
        self.critic = Encoder(shape, 16, width)  # the guess is the mean of 16 outputs
        self.between, self.mix, self.code_l2, self.begin = between, mix, code_l2, begin

    def decode_batch(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def encode_batch(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def guess(self, x: Tensor) -> Tensor:
        """How far between two others the critic takes each picture (n,) to be."""
        return self.critic(x).float().mean(1)

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        share = torch.rand((len(x), 1), generator=rng, device=x.device) / 2
        heard = self.progress >= self.begin
        if player == "critic" and not heard:
            return {}
        if player == "critic":
            with torch.no_grad():
                z = self.encoder(x)
                painted, half_way = self.decoder(z).float(), self.decoder(self.half_way(z, share)).float()
            critic = (self.guess(half_way) - share[:, 0]).square().mean()
            ends = self.guess(torch.lerp(painted, x, self.mix)).square().mean()
            return {"total": critic + ends, "critic": critic, "ends": ends}
        z = self.encoder(x)
        reconstruction = per_picture((self.decoder(z) - x).square())
        length = z.square().sum(1).mean() / 2
        total = reconstruction + self.code_l2 * length if self.code_l2 else reconstruction
        named = {"total": total, "reconstruction": reconstruction, "code_l2": length}
        if heard:
            named["between"] = self.guess(self.decoder(self.half_way(z, share))).square().mean()
            per_pixel = self.between * x[0].numel()  # the article's errors are means over pixels
            named["total"] = named["total"] + per_pixel * named["between"]
        return named

    @staticmethod
    def half_way(z: Tensor, share: Tensor) -> Tensor:
        """Codes that are `share` (n, 1) of their own picture and the rest of their neighbour's in the batch."""
        return share * z + (1 - share) * z.flip(0)
