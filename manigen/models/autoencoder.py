"""The regularised autoencoder: squeeze a picture through d numbers and ask for it back.

    loss = |x - D(E(x) + s e)|^2  +  l |E(x)|^2 / 2,    e ~ N(0, I)

The noise s on the codes makes neighbours of a code decode to neighbours of its picture; the pull l on their length
keeps the codes together, so that a distribution fitted to them afterwards can be sampled from. The decoder's weights
are held small by weight decay.

The preset `article` is the project's founding article's own: a dense autoencoder with mean squared error, and a
convolutional generator that learns to paint from its codes against a critic; the generator paints. All three move in
every step, but neither critic nor generator moves the codes. It fixes the code's 32 numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from manigen.cards import Card, Knob, weight
from manigen.errors import BadInput
from manigen.models import _article, _terms
from manigen.models.base import Generator, per_picture
from manigen.models.networks import DIM, LAYOUT, WIDTH, Decoder, Encoder

PENALTY, LAZY = 1.0, 4  # of the article's critic: weight of its gradient penalties, steps between two

card = Card(
    title="Autoencoder",
    sentence="Learns to squeeze every picture into a few numbers and to paint it again from them alone.",
    reference="Ghosh, Sajjadi, Vergari, Black, Schölkopf 2020, From Variational to Deterministic Autoencoders",
    link="https://arxiv.org/abs/1903.12436",
    knobs=(
        DIM,
        WIDTH,
        LAYOUT,
        weight("code_l2", 0.05, "How strongly codes are pulled towards the origin.", 100.0, "Code length"),
        Knob("code_noise", 0.1, "Noise added to the codes while training; smooths the manifold.", 0.0, 2.0),
        weight("weight_decay", 1e-5, "Weight decay of the decoder.", 0.1),
        Knob("preset", "none", "The founding article's own networks and terms.", choices=("none", "article")),
    ),
    facts={
        "sampler": "mixture",
        "losses": ("reconstruction", "code_l2"),
        "recipes": {"article": {"epochs": _article.EPOCHS, "batch": _article.BATCH, "fixed": _article.FIXED}},
    },
)


class Model(Generator):
    """Encoder and decoder trained as one player; in the article's preset a critic and a forger besides."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        dim: int = 16,
        width: int = 32,
        layout: str = "flat",
        code_l2: float = 0.05,
        code_noise: float = 0.1,
        weight_decay: float = 1e-5,
        preset: str = "none",
    ) -> None:
        article = preset == "article"
        super().__init__(shape, _article.DIM if article else dim)
        terms = (0.0, 0.0, 0.0) if article else (code_l2, code_noise, weight_decay)
        self.code_l2, self.code_noise, self.weight_decay = terms
        if not article:
            self.encoder: nn.Module = Encoder(shape, dim, width, layout)
            self.decoder: nn.Module = Decoder(shape, dim, width, layout)
            return
        if self.shape != (1, _article.SIDE, _article.SIDE):
            raise BadInput(f"The article's networks take 28x28 grey pictures, not {shape[1]}x{shape[2]} in {shape[0]}.")
        self.players, self.judge, self.epochs = ("model", "critic", "forger"), None, float(_article.EPOCHS)
        self.fixed = dict(_article.FIXED)
        self.encoder, self.decoder = _article.encoder(), _article.decoder()
        self.forger, self.critic = _article.Forger(), Encoder(shape, 1, width)

    def decode_batch(self, z: Tensor) -> Tensor:
        return self.forger(z) if hasattr(self, "forger") else self.decoder(z)

    def encode_batch(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def returned_batch(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))

    def weights_of(self, player: str) -> Iterator[nn.Parameter]:
        owned: dict[str, tuple[nn.Module, ...]] = {"model": (self.encoder, self.decoder)}
        if len(self.players) > 1:
            owned |= {"critic": (self.critic,), "forger": (self.forger,)}
        for part in owned[player]:
            yield from part.parameters()

    def settings_of(self, player: str) -> dict[str, Any]:
        return {"weight_decay": self.weight_decay} if player == "model" else {"betas": (0.5, 0.99)}

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        if player != "model":
            return self._game(player, x)
        z = self.encoder(x)
        noise = torch.randn(z.shape, generator=rng, device=z.device)
        reconstruction = per_picture((self.decoder(z + self.code_noise * noise) - x).square())
        length = z.square().sum(1).mean() / 2
        return {"total": reconstruction + self.code_l2 * length, "reconstruction": reconstruction, "code_l2": length}

    def _game(self, player: str, x: Tensor) -> dict[str, Tensor]:
        """The article's second half: a generator on the codes of real pictures, against a critic."""
        with torch.no_grad():
            z = self.encoder(x)
        if player == "forger":
            forger = _terms.lead(self.critic(self.forger(z)), self.critic(x).detach())
            return {"total": forger, "forger": forger}
        with torch.no_grad():
            made = self.forger(z).float()
        return _terms.judged(self.critic, x, made, PENALTY, LAZY, self.step)
