"""The fusion: learn the manifold, generate on it, and let both aims shape one model.

    model   minimises  geometric loss  +  a' E softplus(C(x) - C(D(c)))  +  g |E(D(c)) - c|^2 / var z
    critic  minimises  E softplus(C(D(c)) - C(x))  +  r/2 (E|grad C(x)|^2 + E|grad C(D(c))|^2)

First the geometric autoencoder learns the surface. Once a share of the pictures has been seen the game begins on it:
the decoder is the generator, codes c are drawn from a mixture fitted to the codes so far and from the lines between
them, and an image critic asks that what is painted there looks like data. Encoder and decoder both answer it: the one
moves codes until pictures live between them, the other paints those pictures.
The cycle asks that a painted picture is read as the code it was painted from, so that no part of the surface is wasted;
its error is a share of the codes' own variance, or codes would shrink to please it.

The critic is heard in proportion: its pull on a painted picture is made a times as long as the pull of the mean
reconstruction error on a picture, 2 |x - D(E(x))|, so that one weight suits every size of picture and every stage of
training (after Esser, Rombach, Ommer 2021, Taming Transformers, https://arxiv.org/abs/2012.09841, who do it on the
last layer). With both adversarial weights at zero nothing is added, and the model is the geometric one, weight by
weight.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manigen.cards import Card, Knob, weight
from manigen.models import _terms, geometric
from manigen.models._mixture import Mixture
from manigen.models.networks import Encoder

LAZY = 4  # steps between two gradient penalties, each then weighted as many times
REFIT = 1000  # steps between two fits
CODES = 8192  # codes it is fitted to

card = Card(
    title="Fusion",
    sentence="Learns the surface that pictures lie on, and lets a critic polish every place of it, seen or unseen.",
    reference="The fusion of manifold learning and image generation: an autoencoder's surface, and its decoder trained "
    "on it against a critic; Larsen et al. 2016 (VAE-GAN), Berthelot et al. 2018 (ACAI), Huang et al. 2024 (R3GAN)",
    link="https://arxiv.org/abs/1512.09300",
    knobs=(
        *geometric.KNOBS,
        weight("adversarial", 0.3, "How hard the critic pulls at a picture, as a share of its error's pull.", 100.0),
        weight("cycle", 0.0, "How strongly a painted picture must be read as the code it came from.", 1000.0),
        Knob("between", 0.8, "Share of the forged codes that lie between two others, not in the mixture.", 0.0, 1.0),
        Knob("begin", 0.4, "Share of the training after which the game begins.", 0.0, 1.0),
        weight("penalty", 1.0, "Weight r of the gradient penalties: calms the critic.", 1000.0),
        Knob("components", 20, "How many bells the mixture of codes has.", 1, 500),
    ),
    facts={
        "sampler": "mixture",
        "losses": (*geometric.card.facts["losses"], "forger", "critic", "penalty"),
    },
)


class Model(geometric.Model):
    """Two players: the geometric autoencoder whose decoder forges, and the critic."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        adversarial: float = 0.3,
        cycle: float = 0.0,
        between: float = 0.8,
        begin: float = 0.4,
        penalty: float = 1.0,
        components: int = 20,
        **surface: Any,
    ) -> None:
        super().__init__(shape, **surface)
        self.adversarial, self.cycle, self.between, self.begin, self.penalty = (
            adversarial,
            cycle,
            between,
            begin,
            penalty,
        )
        if adversarial or cycle:
            self.mixture = Mixture(self.dim, components)
            self.judge = None
        if adversarial:
            self.players = ("model", "critic")
            self.critic = Encoder(shape, 1, surface.get("width", 32))

    def settings_of(self, player: str) -> dict[str, Any]:
        return {"betas": (0.0, 0.99)} if player == "critic" else super().settings_of(player)

    @property
    def playing(self) -> bool:
        """Whether the game has begun."""
        return bool(self.adversarial or self.cycle) and self.progress >= self.begin

    def refit(self, images: Tensor, rng: torch.Generator) -> None:
        if not self.playing or (self.mixture.fitted and self.step % REFIT):
            return
        rows = torch.randperm(len(images), generator=rng, device=images.device)[:CODES]
        with torch.inference_mode():
            z = torch.cat([self.encoder(images[part].float() / 255) for part in rows.split(512)])
        self.mixture.fit(z, seed=self.step)

    def forged(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """Return as many codes as z (n, d) to forge at: some between the codes z, the others from the mixture.

        Gradients flow through those between to the encoder: it may move codes so that what lies between them is real.
        """
        on_lines = round(self.between * len(z))
        lines = _terms.mixed(z, rng, beyond=0.0)[:on_lines]
        return torch.cat([lines, self.mixture.sample(len(z) - on_lines, rng)])

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        if player == "critic":
            return self._critic(x, rng)
        named, z = self.surface(x, rng)
        if not self.playing:
            return named
        codes = self.forged(z, rng)
        painted = self.decoder(codes)
        if self.adversarial:
            named["forger"], push = self._push(painted, x)
            strength = self.adversarial * 2 * named["reconstruction"].detach().sqrt()
            named["total"] = named["total"] + strength * (painted * push).flatten(1).sum(1).mean()
        if self.cycle:
            spread = z.detach().float().var(0).sum().clamp_min(1e-6)
            named["cycle"] = (self.encoder(painted) - codes.detach()).square().sum(1).mean() / spread
            named["total"] = named["total"] + self.cycle * named["cycle"]
        return named

    def _push(self, painted: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the forger's loss, and which way it would change each painted picture, of length 1 in the mean."""
        painted = painted.detach().requires_grad_(True)
        with torch.no_grad():
            real = self.critic(x)
        with torch.enable_grad():  # also where a held-out loss is only looked at
            forger = _terms.lead(self.critic(painted), real)
            (push,) = torch.autograd.grad(forger, painted)
        return forger.detach(), push / push.square().flatten(1).sum(1).mean().sqrt().clamp_min(1e-12)

    def _critic(self, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        if not self.playing:
            return {}
        with torch.no_grad():
            made = self.decoder(self.forged(self.encoder(x).float(), rng)).float()
        return _terms.judged(self.critic, x, made, self.penalty, LAZY, self.step)
