"""Tiny autoencoders: TAESD and its kin, as a diffusers folder (AutoencoderTiny) or as its author's pair of files.

    encoder  3x3 convolutions and residual blocks, three halvings      x (n, 3, h, w)  ->  latent (n, c, h/8, w/8)
    decoder  the same the other way, latents softly clamped first      3 tanh(z / 3)

The network is read off the names and shapes of its tensors, so no library but torch is needed. A latent is a grid of
codes; it is laid flat. Source: Bohan, TAESD, Tiny AutoEncoder for Stable Diffusion, https://github.com/madebyollin/taesd.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from manigen.cards import Knob
from manigen.errors import BadFile
from manigen.foreign.base import Foreign, restore_short
from manigen.foreign.probe import Probe

FAMILY = "tiny autoencoder"
SIZES = (32, 64, 96, 128, 256)
GROUPS = 4  # of the group norm in middle blocks


class Block(nn.Module):
    """A residual block of three convolutions; a middle block first adds what it sees over all places."""

    def __init__(self, width: int, pooled: int) -> None:
        super().__init__()

        def conv() -> nn.Conv2d:
            return nn.Conv2d(width, width, 3, padding=1)

        self.conv = nn.Sequential(conv(), nn.ReLU(), conv(), nn.ReLU(), conv())
        self.pool = (
            nn.Sequential(
                nn.Conv2d(width, pooled, 1, bias=False),
                nn.GroupNorm(GROUPS, pooled),
                nn.ReLU(),
                nn.Conv2d(pooled, width, 1, bias=False),
            )
            if pooled
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.pool is not None:
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + x)


def network(state: Mapping[str, Tensor], encoder: bool) -> nn.Sequential:
    """Return the network whose tensors are named N.weight, N.conv.M.weight, ...; raise `BadFile` for any other."""
    numbers = {int(match[1]) for name in state if (match := re.match(r"(\d+)\.", name))}
    if not numbers:
        raise BadFile("The tensors of this autoencoder have no names that are known.")
    first = min(numbers)
    layers: list[tuple[str, nn.Module]] = []
    for number in range(first, max(numbers) + 1):
        weight = state.get(f"{number}.weight")
        if weight is not None:
            stride = 2 if encoder and f"{number}.bias" not in state else 1
            out, into = weight.shape[:2]
            layer: nn.Module = nn.Conv2d(into, out, 3, stride, padding=1, bias=f"{number}.bias" in state)
        elif (inner := state.get(f"{number}.conv.0.weight")) is not None:
            pool = state.get(f"{number}.pool.0.weight")
            layer = Block(len(inner), 0 if pool is None else len(pool))
        else:
            layer = nn.ReLU() if number == first + 1 else nn.Upsample(scale_factor=2)
        layers.append((str(number), layer))
    net = nn.Sequential()
    for name, layer in layers:
        net.add_module(name, layer)
    try:
        net.load_state_dict({name: value.float() for name, value in state.items()})
    except RuntimeError as error:
        raise BadFile(f"The tensors fit no tiny autoencoder: {str(error).splitlines()[-1].strip()[:160]}.") from None
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # convolves in a quarter less time
    return net.eval().requires_grad_(False)


class Tiny(Foreign):
    """Encoder and decoder of a tiny autoencoder, for pictures of one size."""

    def __init__(self, size: int, decoder: dict[str, Tensor], encoder: dict[str, Tensor] | None) -> None:
        net = network(decoder, encoder=False)
        factor = 2 ** sum(isinstance(layer, nn.Upsample) for layer in net)
        channels = next(layer for layer in net if isinstance(layer, nn.Conv2d)).in_channels
        if size % factor:
            raise BadFile(f"Pictures must be a multiple of {factor} pixels wide for this model, and {size} is none.")
        self_grid = (channels, size // factor, size // factor)
        super().__init__((3, size, size), channels * self_grid[1] * self_grid[2])
        self.grid = self_grid
        self.decoder, self.encoder = net, None if encoder is None else network(encoder, encoder=True)
        self.encodes = encoder is not None

    def raw_decode(self, z: Tensor) -> Tensor:
        return self.decoder(3 * torch.tanh(z.unflatten(1, self.grid) / 3)).clamp(0, 1)

    def raw_encode(self, x: Tensor) -> Tensor:
        assert self.encoder is not None
        return self.encoder(x).flatten(1)

    def kept(self) -> dict[str, Tensor]:
        parts = {"decoder": self.decoder, **({"encoder": self.encoder} if self.encoder is not None else {})}
        return {f"{part}.{name}": value for part, net in parts.items() for name, value in net.state_dict().items()}


def probe(folder: Path) -> Probe | None:
    """Return what a folder with a tiny autoencoder holds; None where there is none."""
    state = _tensors(folder)
    if state is None:
        return None
    decoder, encoder = _part(state, "decoder"), _part(state, "encoder")
    if not decoder:
        raise BadFile("There is an encoder, but no decoder: bring both files.")
    trial = Tiny(64, decoder, encoder or None)
    factor = 64 // trial.grid[1]
    said = f"A tiny autoencoder: {factor} x {factor} pixels become {trial.grid[0]} numbers, laid out as a grid."
    size = Knob("size", 64, "Width and height of the pictures.", choices=SIZES)
    return Probe(FAMILY, said, (size,), lambda knobs: _opened(knobs, decoder, encoder), bool(encoder), True)


def _opened(knobs: Mapping[str, Any], decoder: dict[str, Tensor], encoder: dict[str, Tensor]) -> Tiny:
    generator = Tiny(int(knobs["size"]), decoder, encoder or None)
    generator.family, generator.knobs = FAMILY, dict(knobs)
    return generator.eval()  # type: ignore[return-value]


def restore(shape: tuple[int, int, int], knobs: dict[str, Any], state: dict[str, Tensor]) -> Foreign:
    """Return the generator from its tensors."""
    return restore_short(_opened(knobs, _part(state, "decoder"), _part(state, "encoder")), state)


def _part(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    found = {name.removeprefix(f"{part}."): value for name, value in state.items() if name.startswith(f"{part}.")}
    return {name.removeprefix("layers."): value for name, value in found.items()}


def _tensors(folder: Path) -> dict[str, Tensor] | None:
    """The tensors of both parts, by names that begin with their part; None where the files are something else."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = sorted(folder.rglob("*.safetensors"))
    try:
        pair = {part: [path for path in files if part in path.stem.lower()] for part in ("decoder", "encoder")}
        if any(pair.values()) and all(len(found) < 2 for found in pair.values()):
            state = {
                f"{part}.{name}": value
                for part, found in pair.items()
                for path in found
                for name, value in load_file(path).items()
            }
        elif len(files) == 1:
            state = dict(load_file(files[0]))
        else:
            return None
    except (SafetensorError, OSError) as error:
        raise BadFile(f"A safetensors file is damaged ({type(error).__name__}).") from None
    blocks = [name for name in state if re.fullmatch(r"(de|en)coder\.(layers\.)?\d+\.conv\.0\.weight", name)]
    return state if blocks else None
