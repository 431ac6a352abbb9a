"""A game on the codes: a forger makes codes from noise, a critic compares them with real ones.

    critic  minimises  E[ softplus(C(G(e)) - C(w)) ]  +  r/2 E|grad C(w)|^2  +  r/2 E|grad C(G(e))|^2
    forger  minimises  E[ softplus(C(w) - C(G(e))) ],    e ~ N(0, I),  w a code, made white

The same game as the `gan` family's, on d numbers instead of pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.samplers import _mlp
from manigen.samplers._white import White
from manigen.samplers.base import Progress, silent

if TYPE_CHECKING:
    from torch import Tensor

card = Card(
    title="Latent adversary",
    sentence="A forger makes codes from noise until a critic can no longer tell them from those of real pictures.",
    reference="Achlioptas, Diamanti, Mitliagkas, Guibas 2018, Learning Representations and Generative Models for 3D "
    "Point Clouds; Huang et al. 2024, R3GAN",
    link="https://arxiv.org/abs/1707.02392",
    knobs=(
        Knob("steps", 2500, "How many rounds the game goes on.", 1, 1_000_000, log=True),
        Knob("width", 128, "How wide the networks' layers are.", 8, 2048),
        Knob("penalty", 1.0, "Weight r of the two gradient penalties: calms the critic.", 0.0, 1000.0),
    ),
)

BATCH = 256
LEARNING_RATE = 1e-3


class Sampler:
    """White coordinates and the forger G: d numbers of noise to d of a white code."""

    def __init__(self, steps: int = 2500, width: int = 128, penalty: float = 1.0) -> None:
        self.steps, self.width, self.penalty = steps, width, penalty
        self.white = White(np.zeros(0, np.float32), np.zeros((0, 0), np.float32))
        self.weights: list[Tensor] = []

    def fit(self, z: np.ndarray, seed: int = 0, progress: Progress = silent) -> Sampler:
        import torch
        from torch.nn.functional import softplus

        sampler = Sampler(self.steps, self.width, self.penalty)
        sampler.white, rng = White.of(z), seeds.torch_stream(seed)
        codes, dim = torch.from_numpy(sampler.white.there(z)), z.shape[1]
        forger = _mlp.drawn((dim, self.width, self.width, dim), rng)
        critic = _mlp.drawn((dim, self.width, self.width, 1), rng)
        average = [weight.detach().clone() for weight in forger]
        players = [torch.optim.Adam(weights, LEARNING_RATE, betas=(0.0, 0.99)) for weights in (critic, forger)]
        falling = [torch.optim.lr_scheduler.CosineAnnealingLR(player, self.steps) for player in players]

        def move(player: torch.optim.Adam, loss: Tensor) -> None:
            player.zero_grad(set_to_none=True)
            loss.backward()
            player.step()

        with torch.enable_grad():
            for step in range(self.steps):
                progress(step / self.steps)
                real = codes[torch.randint(len(codes), (BATCH,), generator=rng)]
                noise = torch.randn((BATCH, dim), generator=rng)
                both = torch.cat([real, _mlp.run(forger, noise).detach()]).requires_grad_(True)
                scores = _mlp.run(critic, both)
                (slope,) = torch.autograd.grad(scores.sum(), both, create_graph=True)
                on_real, on_fake = scores.split(BATCH)
                steepness = slope.square().sum() / BATCH
                move(players[0], softplus(on_fake - on_real).mean() + self.penalty / 2 * steepness)
                with torch.no_grad():
                    on_real = _mlp.run(critic, real)
                move(players[1], softplus(on_real - _mlp.run(critic, _mlp.run(forger, noise))).mean())
                for schedule in falling:
                    schedule.step()
                _mlp.follow(average, forger, step)
        progress(1.0)
        sampler.weights = average
        return sampler

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        import torch

        noise = seeds.numpy_stream(seed).standard_normal((n, len(self.white.mean)), dtype=np.float32)
        with torch.inference_mode():
            return self.white.back(_mlp.run(self.weights, torch.from_numpy(noise)).numpy())

    def arrays(self) -> dict[str, np.ndarray]:
        return {**self.white.arrays(), **_mlp.to_arrays(self.weights)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Sampler:
        sampler = cls()
        sampler.white = White(arrays["mean"], arrays["axes"])
        sampler.weights = _mlp.from_arrays(arrays)
        sampler.width = len(sampler.weights[0])
        return sampler
