"""Latent flow matching: a wind that carries the round bell over into the codes.

A small network learns the velocity v(w, t) at every place w and time t in [0, 1] from straight lines between pairs of
a draw of the bell and a code (made white first),

    w_t = (1 - t) w_0 + t w_1,    loss = E |v(w_t, t) - (w_1 - w_0)|^2,    w_0 ~ N(0, I),  w_1 a code,

and a draw is carried along it: dw/dt = v(w, t), from a w_0 at t = 0 to a code at t = 1, by Heun's method. Where lines
cross, the network learns their mean, and the wind that comes out carries the one distribution over into the other.
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
    title="Latent flow matching",
    sentence="Learns a wind that carries random points over to where the codes lie, and lets new points drift in it.",
    reference="Lipman, Chen, Ben-Hamu, Nickel, Le 2023, Flow Matching for Generative Modeling",
    link="https://arxiv.org/abs/2210.02747",
    knobs=(
        Knob("steps", 6000, "How many steps the wind is learned for.", 1, 1_000_000, log=True),
        Knob("width", 192, "How wide the network's layers are.", 8, 2048),
        Knob("pieces", 24, "In how many pieces the drift is computed.", 1, 1000),
        Knob("pairing", False, "Pair nearby points within a batch (optimal transport): straighter, slower to learn."),
    ),
)

BATCH = 512
LEARNING_RATE = 2e-3
WAVES = 4  # sines and cosines of the time the network is shown
CHUNK = 4096  # codes that drift at once


class Sampler:
    """White coordinates and the network v: (w, t) in d + 2 WAVES numbers to d."""

    def __init__(self, steps: int = 6000, width: int = 192, pieces: int = 24, pairing: bool = False) -> None:
        self.steps, self.width, self.pieces, self.pairing = steps, width, pieces, pairing
        self.white = White(np.zeros(0, np.float32), np.zeros((0, 0), np.float32))
        self.weights: list[Tensor] = []

    def fit(self, z: np.ndarray, seed: int = 0, progress: Progress = silent) -> Sampler:
        import torch

        sampler = Sampler(self.steps, self.width, self.pieces, self.pairing)
        sampler.white, rng = White.of(z), seeds.torch_stream(seed)
        codes, dim = torch.from_numpy(sampler.white.there(z)), z.shape[1]
        weights = _mlp.drawn((dim + 2 * WAVES, self.width, self.width, self.width, dim), rng)
        average = [weight.detach().clone() for weight in weights]
        optimiser = torch.optim.Adam(weights, LEARNING_RATE, betas=(0.9, 0.99))
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps)
        batch = min(BATCH, 8 * len(codes))
        with torch.enable_grad():
            for step in range(self.steps):
                progress(step / self.steps)
                end = codes[torch.randint(len(codes), (batch,), generator=rng)]
                start = torch.randn(end.shape, generator=rng)
                if self.pairing:
                    end = end[_partners(start, end)]
                time = torch.rand((batch, 1), generator=rng)
                wind = _wind(weights, start.lerp(end, time), time)
                loss = (wind - (end - start)).square().mean()
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                falling.step()
                _mlp.follow(average, weights, step)
        progress(1.0)
        sampler.weights = average
        return sampler

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        import torch

        dim = len(self.white.mean)
        start = torch.from_numpy(seeds.numpy_stream(seed).standard_normal((n, dim), dtype=np.float32))
        with torch.inference_mode():
            ends = [self._drift(part) for part in start.split(CHUNK)]
        return self.white.back(torch.cat(ends).numpy())

    def _drift(self, w: Tensor) -> Tensor:
        """Carry white codes (n, d) from t = 0 to t = 1: Heun's method, the mean of the wind before and after a step."""
        import torch

        times = torch.linspace(0, 1, self.pieces + 1)
        for at in range(self.pieces):
            before, after = (times[index].expand(len(w), 1) for index in (at, at + 1))
            here = _wind(self.weights, w, before)
            there = _wind(self.weights, w + here / self.pieces, after)
            w = w + (here + there) / (2 * self.pieces)
        return w

    def arrays(self) -> dict[str, np.ndarray]:
        return {**self.white.arrays(), "pieces": np.array(self.pieces), **_mlp.to_arrays(self.weights)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Sampler:
        sampler = cls(pieces=int(arrays["pieces"]))
        sampler.white = White(arrays["mean"], arrays["axes"])
        sampler.weights = _mlp.from_arrays(arrays)
        sampler.width = len(sampler.weights[0])
        return sampler


def _wind(weights: list[Tensor], w: Tensor, time: Tensor) -> Tensor:
    """The velocity (n, d) at places w (n, d) and times (n, 1)."""
    import torch

    phase = time * torch.pi * torch.arange(1, WAVES + 1)
    return _mlp.run(weights, torch.cat([w, phase.sin(), phase.cos()], 1))


def _partners(start: Tensor, end: Tensor) -> Tensor:
    """Which end each start goes to so that all the ways together are shortest.

    Source: Tong et al. 2024, Improving and generalizing flow-based generative models with minibatch optimal transport,
    https://arxiv.org/abs/2302.00482.
    """
    import torch
    from scipy.optimize import linear_sum_assignment

    return torch.from_numpy(linear_sum_assignment(torch.cdist(start, end).square().numpy())[1])
