"""The geometric autoencoder: a map of the manifold that keeps distances, and knows where it is guessing.

    loss = |x - D(E(x) + s e)|^2 + |x - D_j(E(x) + s e)|^2 + l |E(x)|^2 / 2 + a (1 - r(x, E(x))) + b iso(D)

r is the correlation of all pairwise distances between pictures and between codes in a batch: the encoder lays codes out
as the pictures lie. iso is the relaxed distortion of the decoder, 1 for an isometry up to scale: equal steps among the
codes are equal steps among the pictures. D_j is the follower whose turn it is, every other step; how far followers and
leader disagree is the `fog` over places that no data taught. The two geometric weights are given for 28x28 pictures and
grow with their size, as the squared error does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manigen.cards import Card, Knob, weight
from manigen.models import _terms
from manigen.models._ensemble import Decoders
from manigen.models.base import Generator, per_picture
from manigen.models.networks import DIM, LAYOUT, WIDTH, Encoder

LAZY = 2  # steps between two looks at the decoder's stretch, each then weighted as many times
PART = 8  # the share of the batch, one in so many, that is looked at
PIXELS = 784  # the size of picture the geometric weights are given for

KNOBS = (
    DIM,
    WIDTH,
    LAYOUT,
    weight("code_l2", 0.05, "How strongly codes are pulled towards the origin.", 100.0, "Code length"),
    Knob("code_noise", 0.1, "Noise added to the codes while training; smooths the manifold.", 0.0, 2.0),
    weight("weight_decay", 0.0, "Weight decay of the decoder.", 0.1),
    weight("distance", 20.0, "How strongly codes are asked to lie as far apart as their pictures.", 10_000.0),
    weight("isometry", 2.0, "How strongly equal steps of codes are asked to be equal steps of pictures.", 10_000.0),
    Knob("members", 5, "How many decoders learn; where they disagree, the model is guessing.", 1, 20),
)

card = Card(
    title="Geometric autoencoder",
    sentence="An autoencoder whose codes lie as far apart as their pictures, and which knows where it is guessing.",
    reference="Lee, Yoon, Son, Park 2022, Regularized Autoencoders for Isometric Representation Learning; "
    "Syrota, Moreno-Munoz, Hauberg 2024, Decoder ensembling for learned latent geometries",
    link="https://openreview.net/forum?id=mQxt8l7JL04",
    knobs=KNOBS,
    facts={"sampler": "mixture", "losses": ("reconstruction", "code_l2", "distance", "isometry", "follower")},
)


class Model(Generator):
    """Encoder and decoders trained as one player."""

    judge: str | None = "reconstruction"

    def __init__(
        self,
        shape: tuple[int, int, int],
        dim: int = 16,
        width: int = 32,
        layout: str = "flat",
        code_l2: float = 0.05,
        code_noise: float = 0.1,
        weight_decay: float = 0.0,
        distance: float = 20.0,
        isometry: float = 2.0,
        members: int = 5,
    ) -> None:
        super().__init__(shape, dim)
        self.encoder = Encoder(shape, dim, width, layout)
        self.decoder = Decoders(shape, dim, width, layout, members)
        self.code_l2, self.code_noise, self.weight_decay = code_l2, code_noise, weight_decay
        size = shape[0] * shape[1] * shape[2] / PIXELS
        self.distance, self.isometry = distance * size, isometry * size

    @property
    def members(self) -> int:
        return 1 + (len(self.decoder.followers) or len(self.companions))

    def decode_batch(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def members_batch(self, z: Tensor) -> Tensor:
        return self.decoder.all(z) if self.decoder.followers else super().members_batch(z)

    def encode_batch(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def settings_of(self, player: str) -> dict[str, Any]:
        return {"weight_decay": self.weight_decay}

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        return self.surface(x, rng)[0]

    def surface(self, x: Tensor, rng: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """Return the named losses of learning the surface, and the codes (n, d) of the pictures x."""
        z = self.encoder(x)
        noisy = z + self.code_noise * torch.randn(z.shape, generator=rng, device=z.device)
        reconstruction = per_picture((self.decoder(noisy) - x).square())
        length = z.square().sum(1).mean() / 2
        named = {"reconstruction": reconstruction, "code_l2": length}
        total = reconstruction + self.code_l2 * length
        if self.distance:
            named["distance"] = _terms.distance_correlation(x, z)
            total = total + self.distance * named["distance"]
        if self.members > 1 and self.step % 2:
            named["follower"] = self.decoder.follow(noisy, x, self.step // 2)
            total = total + named["follower"]
        if self.isometry and self.step % LAZY == 0 and torch.is_grad_enabled():
            part = _terms.mixed(z.detach(), rng)[: max(2, len(z) // PART)]
            named["isometry"] = _terms.relaxed_isometry(self.decoder.leader, part, rng)
            total = total + LAZY * self.isometry * named["isometry"]
        return {"total": total, **named}, z
