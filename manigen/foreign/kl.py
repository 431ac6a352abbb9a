"""AutoencoderKL: the variational autoencoder of latent diffusion models, as a diffusers folder on this machine.

config.json and its safetensors file; the code is the mean of the posterior, a grid laid flat. Nothing is downloaded.
The network is diffusers' own: `pip install diffusers`.
Source: Rombach et al. 2022, High-resolution image synthesis with latent diffusion models,
https://arxiv.org/abs/2112.10752.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from manigen import files
from manigen.cards import Knob
from manigen.errors import BadFile, NotPossible
from manigen.foreign.base import Foreign, restore_short
from manigen.foreign.probe import Probe

FAMILY = "diffusers KL autoencoder"
SIZES = (32, 64, 96, 128, 256)


class KL(Foreign):
    """A diffusers AutoencoderKL for pictures of one size, pictures in [-1, 1] inside."""

    def __init__(self, size: int, config: Mapping[str, Any], state: dict[str, Tensor]) -> None:
        net = _network(config)
        try:
            net.load_state_dict({name: value.float() for name, value in state.items()})
        except RuntimeError as error:
            raise BadFile(f"The weights do not fit config.json: {str(error).splitlines()[-1].strip()[:160]}.") from None
        factor = 2 ** (len(net.config.block_out_channels) - 1)
        channels = int(net.config.latent_channels)
        if size % factor:
            raise BadFile(f"Pictures must be a multiple of {factor} pixels wide for this model, and {size} is none.")
        grid = (channels, size // factor, size // factor)
        super().__init__((int(net.config.out_channels), size, size), channels * grid[1] * grid[2])
        self.grid, self.net = grid, net.eval().requires_grad_(False)

    def raw_decode(self, z: Tensor) -> Tensor:
        return (self.net.decode(z.unflatten(1, self.grid)).sample / 2 + 0.5).clamp(0, 1)

    def raw_encode(self, x: Tensor) -> Tensor:
        return self.net.encode(2 * x - 1).latent_dist.mode().flatten(1)

    def kept(self) -> dict[str, Tensor]:
        return {f"net.{name}": value for name, value in self.net.state_dict().items()}


def probe(folder: Path) -> Probe | None:
    """Return what a diffusers folder holds; None where there is none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    found = sorted(folder.rglob("config.json"))
    if len(found) != 1:
        return None
    config = files.read_json(found[0])
    if not isinstance(config, dict) or config.get("_class_name") != "AutoencoderKL":
        return None
    weights = sorted(found[0].parent.glob("*.safetensors"))
    if len(weights) != 1:
        raise BadFile("A diffusers folder has one safetensors file beside its config.json; .bin files are not opened.")
    try:
        state = dict(load_file(weights[0]))
    except (SafetensorError, OSError) as error:
        raise BadFile(f"{weights[0].name} is damaged ({type(error).__name__}).") from None
    plain = {key: value for key, value in config.items() if not key.startswith("_")}
    channels = plain.get("latent_channels", 4)
    size = Knob("size", 64, "Width and height of the pictures.", choices=SIZES)
    said = f"A diffusers AutoencoderKL with {channels} channels of latents, laid out as a grid."
    return Probe(FAMILY, said, (size,), lambda knobs: _opened(knobs, state), True, True, {"config": json.dumps(plain)})


def _opened(knobs: Mapping[str, Any], state: dict[str, Tensor]) -> KL:
    generator = KL(int(knobs["size"]), json.loads(knobs["config"]), state)
    generator.family, generator.knobs = FAMILY, dict(knobs)
    return generator.eval()  # type: ignore[return-value]


def restore(shape: tuple[int, int, int], knobs: dict[str, Any], state: dict[str, Tensor]) -> Foreign:
    """Return the generator from its config and tensors."""
    own = {name.removeprefix("net."): value for name, value in state.items() if name.startswith("net.")}
    return restore_short(_opened(knobs, own), state)


def _network(config: Mapping[str, Any]) -> Any:
    try:
        from diffusers import AutoencoderKL
    except ImportError:
        raise NotPossible(
            "An AutoencoderKL needs diffusers: `pip install diffusers` on the server brings it."
        ) from None
    try:
        return AutoencoderKL.from_config(dict(config))
    except (TypeError, ValueError, KeyError) as error:
        raise BadFile(f"config.json describes no AutoencoderKL that can be built ({str(error)[:120]}).") from None
