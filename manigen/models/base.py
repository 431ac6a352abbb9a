"""What every generator has, and what a new family has to bring."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, overload

import numpy as np
import torch
from torch import Tensor, nn

from manigen import checks, seeds
from manigen.errors import BadInput, NotPossible
from manigen.models import _steady

CHUNK = 512  # pictures decoded or encoded at once: bounds memory, costs nothing


class Sampler(Protocol):
    """A distribution over codes, fitted after training (the `samplers` room)."""

    def sample(self, n: int, seed: int) -> np.ndarray: ...

    def arrays(self) -> dict[str, np.ndarray]: ...


class Generator(nn.Module):
    """A trained model that turns codes z (n, d) into pictures x (n, c, h, w) in [0, 1].

    A family sets `players`, builds its networks in `__init__`, and answers `decode_batch`, `losses` and, where it has
    an encoder, `encode_batch`. `losses(player, x, rng)` returns that player's named losses; `total` is the one that
    player minimises, the others are drawn as curves. What is fitted rather than descended goes into buffers by `refit`.
    A family that is fitted in one go has no players: it answers `fit_to` instead, and where its decoder has no gradient
    says `differentiable = False`.
    """

    players: tuple[str, ...] = ("model",)
    encodes: ClassVar[bool] = True
    differentiable: ClassVar[bool] = True
    judge: str | None = "total"  # the first player's loss that picks the best weights on held-out pictures, or None
    epochs: float | None = None  # how long it is trained where nobody says, else the recipe's own default
    chunk = CHUNK
    step = 0  # rounds trained so far; terms that are only due now and then look here
    progress = 0.0  # share of the training's pictures seen so far; terms that come later look here

    name = "untrained"
    family = ""
    seed = 0
    geodesic = "straight"  # the kind of path that measured best
    walk_knobs: Mapping[str, Mapping[str, Any]] = MappingProxyType({})  # the knobs with which each kind did
    features_of: Callable[[Tensor], Tensor] | None = None  # pictures to its data's classifier's features
    companions: tuple[nn.Module, ...] = ()  # further decoders, fitted to this one afterwards; see `manigen.companions`
    companions_words = ""  # what is to be said of their fog, or of that of its own decoders
    sampler: Sampler | None = None
    reject = 0.0  # the share of draws, at most 0.5, left out because the decoder is steepest there

    def __init__(self, shape: tuple[int, int, int], dim: int) -> None:
        super().__init__()
        if len(shape) != 3:
            raise BadInput(f"A picture's shape is (channels, height, width), not {tuple(shape)}.")
        self.shape: tuple[int, int, int] = tuple(int(side) for side in shape)  # type: ignore[assignment]
        self.dim = checks.count(dim, "dim", 1, 4096)
        if self.dim > int(np.prod(self.shape)):
            raise BadInput(f"A code of {dim} numbers is longer than the picture's own {int(np.prod(self.shape))}.")
        self.knobs: dict[str, Any] = {}
        self.fixed: dict[str, Any] = {}  # knobs that another knob (a preset) decides

    # --- what a family writes -------------------------------------------------------------------------------------

    def decode_batch(self, z: Tensor) -> Tensor:
        """Codes (n, d) to pictures (n, c, h, w) in [0, 1]; differentiable."""
        raise NotImplementedError

    def encode_batch(self, x: Tensor) -> Tensor:
        """Pictures (n, c, h, w) to codes (n, d): the same answer every time; differentiable."""
        raise NotPossible(f"A {self.family or 'generator'} of this kind has no encoder: it makes pictures, reads none.")

    def returned_batch(self, x: Tensor) -> Tensor:
        """Pictures (n, c, h, w) as the model's autoencoder gives them back: what its `reconstruction` is about."""
        return self.decode_batch(self.encode_batch(x))

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Named losses of `player` on pictures x (n, c, h, w); it minimises `total`. None at all: it sits out."""
        raise NotImplementedError

    def weights_of(self, player: str) -> Iterator[nn.Parameter]:
        """The weights that `player` moves: the critic its own, any other all that are not the critic's."""
        critic = getattr(self, "critic", None)
        if len(self.players) == 1 or critic is None:
            return self.parameters()
        if player == "critic":
            return critic.parameters()
        judges = {id(weight) for weight in critic.parameters()}
        return (weight for weight in self.parameters() if id(weight) not in judges)

    def settings_of(self, player: str) -> dict[str, Any]:
        """What `player`'s Adam is given beside the learning rate."""
        return {}

    def refit(self, images: Tensor, rng: torch.Generator) -> None:
        """Renew what is fitted to the data beside the descent (a mixture of the codes, say); called before each step.

        `images` (n, c, h, w) uint8 are all training pictures; `self.step` tells when it is due.
        """

    def fit_to(self, images: Tensor, rng: torch.Generator) -> dict[str, float]:
        """Fit a family without players to all training pictures (n, c, h, w) uint8, and return its named losses."""
        raise NotImplementedError

    def members_batch(self, z: Tensor) -> Tensor:
        """Codes (n, d) to every member's pictures (k, n, c, h, w), where the decoder is an ensemble of k."""
        if self.companions:
            return torch.stack([self.decode_batch(z), *(decoder(z) for decoder in self.companions)])
        raise NotPossible(f"{self.name} ({self.family}) has one decoder, and one alone cannot disagree: it has no fog.")

    # --- what everyone uses ---------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        return next(chain(self.parameters(), self.buffers())).device

    @overload
    def decode(self, z: Tensor) -> Tensor: ...
    @overload
    def decode(self, z: np.ndarray) -> np.ndarray: ...

    def decode(self, z: Any) -> Any:
        """Return the pictures x (n, c, h, w) in [0, 1] that codes z (n, d) stand for.

        A tensor stays a tensor, differentiable and unchecked; anything else is checked and comes back as NumPy.
        Raises `BadInput` for codes of another width, or that are not finite.
        """
        if isinstance(z, Tensor):
            return self.decode_batch(z)
        return self._in_chunks(self.decode_batch, checks.codes(z, self.dim))

    @overload
    def encode(self, x: Tensor) -> Tensor: ...
    @overload
    def encode(self, x: np.ndarray) -> np.ndarray: ...

    def encode(self, x: Any) -> Any:
        """Return the codes z (n, d) of pictures x (n, c, h, w) in [0, 1]: the posterior mean, no chance in it.

        Raises `NotPossible` where the model has no encoder, `BadInput` for pictures of another shape or range.
        """
        if isinstance(x, Tensor):
            return self.encode_batch(x)
        if not self.encodes:
            raise NotPossible(f"{self.name} ({self.family}) has no encoder: it makes pictures but cannot read one.")
        return self._in_chunks(self.encode_batch, checks.images(x, self.shape))

    @property
    def rulers(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """What the change of a picture can be measured on beside its pixels, by name: each turns pictures into rows."""
        found = {} if self.features_of is None else {"features": self.features_of}
        if self.encodes:
            found["encoder"] = self.encode_batch
        critic = getattr(self, "critic", None)
        if critic is not None and hasattr(critic, "features"):
            found["critic"] = lambda x: critic.features(x - 0.5)
        return found

    @property
    def members(self) -> int:
        """How many decoders the generator has; fog needs more than one."""
        return 1 + len(self.companions)

    @overload
    def fog(self, z: Tensor) -> Tensor: ...
    @overload
    def fog(self, z: np.ndarray) -> np.ndarray: ...

    def fog(self, z: Any) -> Any:
        """Return how much the k decoders of the ensemble disagree at codes z (n, d): (n,), at least 0, in grey levels.

            fog(z)^2 = mean over pixels of  1/(k-1) sum_j (D_j(z) - mean_i D_i(z))^2

        High where no data taught the decoders, once they are trained well; before that it follows contrast. A tensor
        stays a tensor. Raises `NotPossible` where there is one decoder only.
        Source: Syrota, Moreno-Munoz, Hauberg 2024, Decoder ensembling for learned latent geometries,
        https://arxiv.org/abs/2408.07507.
        """
        if isinstance(z, Tensor):
            return self._fog_batch(z)
        return self._in_chunks(self._fog_batch, checks.codes(z, self.dim))

    def _fog_batch(self, z: Tensor) -> Tensor:
        return self.members_batch(z).var(0).flatten(1).mean(1).clamp_min(1e-12).sqrt()

    def sample_codes(
        self, n: int, seed: int = 0, reject: float | None = None, sampler: Sampler | None = None
    ) -> np.ndarray:
        """Return n codes (n, d) from the model's own distribution over codes: the fitted sampler, else N(0, I).

        Another `sampler`, fitted to the model's codes, is drawn from instead of its own.

        `reject`, else the generator's own, is the share of draws in [0, 0.5] that is left out because the decoder's
        Jacobian is largest there: the junk between groups of pictures ("no GAN's land"). Raises `BadInput` beyond it.
        """
        n = checks.count(n)
        return _steady.steadiest(
            lambda drawn: self._draw(drawn, seed, sampler or self.sampler),
            lambda z: _steady.stretch(self.decode, z),
            n,
            _steady.share(self.reject if reject is None else reject),
        )

    def _draw(self, n: int, seed: int, sampler: Sampler | None) -> np.ndarray:
        if sampler is not None:
            return sampler.sample(n, seed)
        return seeds.numpy_stream(seed).standard_normal((n, self.dim), dtype=np.float32)

    def sample(self, n: int, seed: int = 0, reject: float | None = None) -> np.ndarray:
        """Return n generated pictures (n, c, h, w) in [0, 1]; the same seed gives the same pictures."""
        return self.decode(self.sample_codes(n, seed, reject))

    def _in_chunks(self, run: Any, rows: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            parts = [
                run(torch.tensor(np.ascontiguousarray(rows[at : at + self.chunk])).to(self.device)).cpu().numpy()
                for at in range(0, len(rows), self.chunk)
            ]
        return np.concatenate(parts)


def per_picture(values: Tensor) -> Tensor:
    """Sum over a picture's pixels, mean over the batch: the scale every reconstruction loss here is given in."""
    return values.flatten(1).sum(1).mean()
