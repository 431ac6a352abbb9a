"""pythae's models as players of the zoo: its losses, the zoo's networks, pictures, schedule and measures.

Chadebec, Vincent, Allassonniere 2022, Pythae: Unifying Generative Autoencoders in Python, https://github.com/clementchadebec/benchmark_VAE.
Its own trainer is left aside, so that the average of the weights and the falling learning rate help its models as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from manigen import datasets, files, measures, recipe
from manigen.models import Generator
from manigen.models.networks import Decoder, Encoder
from manigen.training import Training

MODELS = ("VAE", "WAE_MMD", "RAE_L2", "VAEGAN")
PRIOR = {"VAE", "WAE_MMD", "VAEGAN"}  # those meant to be sampled from N(0, I); a mixture may still measure better


class Borrowed(Generator):
    """One of pythae's models behind the zoo's doors."""

    judge: str | None = None

    def __init__(self, which: str, shape: tuple[int, int, int], dim: int) -> None:
        super().__init__(shape, dim)
        self.inside = _inside(which, shape, dim)
        self.family = f"pythae {which}"
        if which == "VAEGAN":
            self.players = ("encoder", "decoder", "discriminator")

    def decode_batch(self, z: Tensor) -> Tensor:
        return self.inside.decoder(z).reconstruction

    def encode_batch(self, x: Tensor) -> Tensor:
        return self.inside.encoder(x).embedding

    def weights_of(self, player: str) -> Iterator[nn.Parameter]:
        return (getattr(self.inside, player) if len(self.players) > 1 else self.inside).parameters()

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        draw = int(torch.randint(2**62, (), generator=rng))
        with torch.random.fork_rng(devices=[]):  # pythae draws from the global stream
            torch.default_generator.manual_seed(draw)
            with torch.autocast("cpu", enabled=False):  # its cross-entropy of chances refuses half precision
                out = self.inside({"data": x})
        if len(self.players) == 1:
            return {"total": out.loss, "reconstruction": getattr(out, "recon_loss", out.loss).detach()}
        update = out[f"update_{player}"]
        return {"total": out[f"{player}_loss"] * (1.0 if update else 0.0), player: out[f"{player}_loss"].detach()}


def _inside(which: str, shape: tuple[int, int, int], dim: int) -> Any:
    """Return pythae's model `which` on the zoo's encoder and decoder, with pythae's default weights."""
    import pythae.models as theirs
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseDiscriminator, BaseEncoder

    class TheirEncoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.clouds = which in ("VAE", "VAEGAN")
            self.net = Encoder(shape, 2 * dim if self.clouds else dim)

        def forward(self, x: Tensor) -> Any:
            z = self.net(x).float()
            if not self.clouds:
                return ModelOutput(embedding=z)
            return ModelOutput(embedding=z[:, :dim], log_covariance=z[:, dim:].clamp(-10, 4))

    class TheirDecoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = Decoder(shape, dim)

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.net(z).float())

    class TheirDiscriminator(BaseDiscriminator):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.depth = Encoder(shape, 1), 2

        def forward(self, x: Tensor, output_layer_levels: list[int] | None = None) -> Any:
            seen = self.net.features(x - 0.5)
            if output_layer_levels is not None:
                return ModelOutput(**{f"embedding_layer_{level}": seen for level in output_layer_levels})
            return ModelOutput(embedding=torch.sigmoid(self.net.last(seen)).float())

    config = getattr(theirs, {"WAE_MMD": "WAE_MMD_Config", "RAE_L2": "RAE_L2_Config"}.get(which, f"{which}Config"))
    given = {"input_dim": shape, "latent_dim": dim} | ({"reconstruction_layer": 1} if which == "VAEGAN" else {})
    parts: dict[str, Any] = {"encoder": TheirEncoder(), "decoder": TheirDecoder()}
    if which == "VAEGAN":
        parts["discriminator"] = TheirDiscriminator()
    return getattr(theirs, which)(config(**given), **parts)


def one(given: argparse.Namespace, which: str, seed: int, measured: list[str]) -> dict[str, Any]:
    """Train and measure one of pythae's models, or read what was measured; return its figures."""
    folder = Path(given.out) / f"{given.data}-pythae_{which}-{given.dim}-{given.images}-{seed}"
    figures = folder.with_name(f"{folder.name}.json")
    if figures.is_file():
        return files.read_json(figures)
    train, test = datasets.load(given.data, "train"), datasets.load(given.data, "test")
    kept = min(recipe.HELD_OUT, len(train) // 10)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = Borrowed(which, train.shape, given.dim)
    model.seed, model.name = seed, folder.name
    training = Training(model, train.x[: len(train) - kept], budget=given.images, batch=given.batch, seed=seed)
    for _ in training:
        pass
    generator = training.finish()
    plan = recipe.Recipe("vae" if which in PRIOR else "autoencoder", given.data, samplers=("normal", "mixture"))
    recipe.Run(plan, folder, folder, train, test, training).choose_sampler(generator, lambda stage: None)
    found = measures.flat(measures.report(generator, train, test, seed, measured))
    found |= {"seconds": round(training.seconds, 1), "images": training.seen}
    files.write_json(figures, {key: _plain(value) for key, value in found.items()})
    return found


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
