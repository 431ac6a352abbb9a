"""The one small convolutional family every model here is made of.

An encoder halves the picture with strided 4x4 convolutions until it is at most 7 pixels wide, a decoder mirrors it.
4x4 kernels at stride 2 cover every pixel equally often, which keeps checkerboards out (Odena, Dumoulin, Olah 2016,
"Deconvolution and Checkerboard Artifacts", https://distill.pub/2016/deconv-checkerboard). SiLU keeps the decoder
smooth, so that its Jacobian is a usable metric. A code is laid out `flat`, behind a dense layer, or as a `grid` of 2x2
places with d / 4 channels each, with convolutions only (the layout of the lines benchmark of Berthelot et al. 2018). It
is twice as deep, and torch's usual first weights let the signal fade by a third at every layer: it then settles on an
empty picture and stays there. So a grid's first weights keep the signal as large as it came (He, Zhang, Ren, Sun 2015,
"Delving Deep into Rectifiers", https://arxiv.org/abs/1502.01852, with SiLU's own gain).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from manigen.cards import Knob
from manigen.errors import BadInput

SMALLEST = 7  # the width at which halving stops
GRID = 2  # the width a code laid out as a grid has
GAIN = 1.68  # 1 / (E silu(x)^2)^(1/2) for x ~ N(0, 1): what keeps a signal's size through SiLU

DIM = Knob("dim", 16, "How many numbers a code has.", 1, 512, title="Numbers in a code")
WIDTH = Knob("width", 32, "Channels of the first layer: more draws finer and trains slower.", 4, 256)
LAYOUT = Knob("layout", "flat", "A code behind a dense layer, or as a 2x2 grid of channels.", choices=("flat", "grid"))


def stages(shape: tuple[int, int, int], smallest: int = SMALLEST) -> list[int]:
    """Return the widths a square picture passes through on its way down.

    >>> stages((1, 28, 28)), stages((3, 64, 64))
    ([28, 14, 7], [64, 32, 16, 8, 4])
    """
    channels, height, width = shape
    if height != width or channels not in (1, 3) or not 8 <= width <= 128:
        raise BadInput(f"Pictures must be square, 8 to 128 pixels wide, grey or colour, not {tuple(shape)}.")
    sizes = [width]
    while sizes[-1] > smallest:
        if sizes[-1] % 2:
            raise BadInput(f"A width of {width} cannot be halved down to {smallest} or less; use 8, 28, 32 or 64.")
        sizes.append(sizes[-1] // 2)
    return sizes


def widths(sizes: list[int], width: int) -> list[int]:
    """Return the channels at each of `sizes` below the picture's own: `width` first, at most four times it."""
    return [width * min(2**step, 4) for step in range(len(sizes) - 1)]


class Encoder(nn.Module):
    """Pictures (n, c, h, w) in [0, 1] to `out` numbers each (n, out)."""

    def __init__(self, shape: tuple[int, int, int], out: int, width: int = 32, layout: str = "flat") -> None:
        super().__init__()
        sizes = _sizes(shape, out, layout)
        channels = [shape[0], *widths(sizes, width)]
        self.down = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=2, padding=1) for before, after in pairwise(channels)
        )
        self.last = (
            nn.Linear(channels[-1] * sizes[-1] ** 2, out)
            if layout == "flat"
            else nn.Conv2d(channels[-1], out // GRID**2, 3, padding=1)
        )
        if layout == "grid":
            _keep_size(self)

    def features(self, x: Tensor) -> Tensor:
        """The last layer's input (n, features): what a critic of this shape looks at."""
        return self._body(x).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        body = self._body(x - 0.5)
        return self.last(body.flatten(1) if isinstance(self.last, nn.Linear) else body).flatten(1)

    def _body(self, x: Tensor) -> Tensor:
        for layer in self.down:
            x = nn.functional.silu(layer(x))
        return x


class Decoder(nn.Module):
    """Codes (n, d) to pictures (n, c, h, w) in (0, 1); `logits` gives them before the sigmoid."""

    def __init__(self, shape: tuple[int, int, int], dim: int, width: int = 32, layout: str = "flat") -> None:
        super().__init__()
        sizes = _sizes(shape, dim, layout)
        channels = [shape[0], *widths(sizes, width)][::-1]
        self.start = (channels[0], sizes[-1], sizes[-1])
        self.first = (
            nn.Linear(dim, channels[0] * sizes[-1] ** 2)
            if layout == "flat"
            else nn.Conv2d(dim // GRID**2, channels[0], 3, padding=1)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(before, max(after, width // 2), 4, stride=2, padding=1)
            for before, after in pairwise(channels)
        )
        self.last = nn.Conv2d(max(channels[-1], width // 2), shape[0], 3, padding=1)
        if layout == "grid":
            _keep_size(self)

    def logits(self, z: Tensor) -> Tensor:
        if isinstance(self.first, nn.Linear):
            x = self.first(z).unflatten(1, self.start)
        else:
            x = self.first(z.unflatten(1, (-1, GRID, GRID)))
        x = nn.functional.silu(x)
        if not self.training:  # channels last: a CPU convolves up to twice as fast so, slopes too
            x = x.movedim(1, -1).contiguous().movedim(-1, 1)
        for layer in self.up:
            x = nn.functional.silu(layer(x))
        return self.last(x)

    def forward(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.logits(z))


class Perceptron(nn.Sequential):
    """A small dense network with SiLU between its layers: the critic of codes."""

    def __init__(self, *sizes: int) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.SiLU()]
        super().__init__(*layers[:-1])


def _keep_size(network: Encoder | Decoder) -> None:
    """Draw first weights with which a signal neither fades nor grows from one layer to the next; biases start at 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            taps = layer.kernel_size[0] * layer.kernel_size[1]
            if isinstance(layer, nn.ConvTranspose2d):
                taps //= layer.stride[0] * layer.stride[1]  # a place of the output is reached by so many
            gain = 1.0 if layer is network.last else GAIN
            nn.init.normal_(layer.weight, std=gain / (layer.in_channels * taps) ** 0.5)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


def _sizes(shape: tuple[int, int, int], dim: int, layout: str) -> list[int]:
    if layout == "flat":
        return stages(shape)
    sizes, width = stages(shape, GRID), shape[1]
    if dim % GRID**2 or sizes[-1] != GRID:
        raise BadInput(
            f"A grid layout takes pictures 8, 16, 32 or 64 wide and a dim divisible by 4, not {width}, {dim}."
        )
    return sizes
