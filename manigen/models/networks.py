"""The one small convolutional family every model here is made of.

An encoder halves the picture with strided 4x4 convolutions until it is at most 7 pixels wide, a decoder mirrors it.
4x4 kernels at stride 2 cover every pixel equally often, which keeps checkerboards out (Odena, Dumoulin, Olah 2016,
"Deconvolution and Checkerboard Artifacts", https://distill.pub/2016/deconv-checkerboard). SiLU keeps the decoder
smooth, so that its Jacobian is a usable metric.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from manigen.errors import BadInput

SMALLEST = 7  # the width at which halving stops


def stages(shape: tuple[int, int, int]) -> list[int]:
    """Return the widths a square picture passes through on its way down.

    >>> stages((1, 28, 28)), stages((3, 64, 64))
    ([28, 14, 7], [64, 32, 16, 8, 4])
    """
    channels, height, width = shape
    if height != width or channels not in (1, 3) or not 8 <= width <= 128:
        raise BadInput(f"Pictures must be square, 8 to 128 pixels wide, grey or colour, not {tuple(shape)}.")
    sizes = [width]
    while sizes[-1] > SMALLEST:
        if sizes[-1] % 2:
            raise BadInput(f"A width of {width} cannot be halved down to {SMALLEST} or less; use 8, 28, 32 or 64.")
        sizes.append(sizes[-1] // 2)
    return sizes


def widths(sizes: list[int], width: int) -> list[int]:
    """Return the channels at each of `sizes` below the picture's own: `width` first, at most four times it."""
    return [width * min(2**step, 4) for step in range(len(sizes) - 1)]


class Encoder(nn.Module):
    """Pictures (n, c, h, w) in [0, 1] to `out` numbers each (n, out)."""

    def __init__(self, shape: tuple[int, int, int], out: int, width: int = 32) -> None:
        super().__init__()
        sizes = stages(shape)
        channels = [shape[0], *widths(sizes, width)]
        self.down = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=2, padding=1) for before, after in pairwise(channels)
        )
        self.last = nn.Linear(channels[-1] * sizes[-1] ** 2, out)

    def features(self, x: Tensor) -> Tensor:
        """The last layer's input (n, features): what a critic of this shape looks at."""
        for layer in self.down:
            x = nn.functional.silu(layer(x))
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.features(x - 0.5))


class Decoder(nn.Module):
    """Codes (n, d) to pictures (n, c, h, w) in (0, 1); `logits` gives them before the sigmoid."""

    def __init__(self, shape: tuple[int, int, int], dim: int, width: int = 32) -> None:
        super().__init__()
        sizes = stages(shape)
        channels = [shape[0], *widths(sizes, width)][::-1]
        self.start = (channels[0], sizes[-1], sizes[-1])
        self.first = nn.Linear(dim, channels[0] * sizes[-1] ** 2)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(before, max(after, width // 2), 4, stride=2, padding=1)
            for before, after in pairwise(channels)
        )
        self.last = nn.Conv2d(max(channels[-1], width // 2), shape[0], 3, padding=1)

    def logits(self, z: Tensor) -> Tensor:
        x = nn.functional.silu(self.first(z)).unflatten(1, self.start)
        for layer in self.up:
            x = nn.functional.silu(layer(x))
        return self.last(x)

    def forward(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.logits(z))
