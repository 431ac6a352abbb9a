"""What every foreign generator has: codes laid flat, and perhaps shortened."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from manigen import checks
from manigen.errors import BadFile, BadInput
from manigen.models import Generator
from manigen.models.base import CHUNK

LONGEST = 256  # numbers in a code that maps, links and sliders hold well
PIXELS = 2**18  # of the pictures made or read at once: with 64 channels as wide as the picture, 67 MB for each layer
MIDDLE, BASIS = "short.middle", "short.basis"


class Foreign(Generator):
    """A generator somebody brought. A format answers `raw_decode` and, where it can, `raw_encode`, on flat codes.

    The code may be shortened: z (n, k) stands for the long code middle + z basis, with basis (k, d) orthogonal rows of
    one length, found by `shorten`.
    """

    players: tuple[str, ...] = ()
    judge = None
    encodes: bool = True  # type: ignore[misc]
    differentiable: bool = True  # type: ignore[misc]
    long_codes: ClassVar[bool] = True

    def __init__(self, shape: tuple[int, int, int], dim: int) -> None:
        super().__init__(shape, checks.count(dim, "the length of a code", 1, 1_000_000) if dim <= 4096 else 1)
        self.dim = self.long = dim
        self.chunk = max(1, min(CHUNK, PIXELS // (self.shape[1] * self.shape[2])))
        self.middle: Tensor | None = None
        self.basis: Tensor | None = None
        self.register_buffer("nothing", torch.zeros(1), persistent=False)  # says which device this lives on

    def raw_decode(self, z: Tensor) -> Tensor:
        """Codes (n, d) as the model has them to pictures (n, c, h, w) in [0, 1]."""
        raise NotImplementedError

    def raw_encode(self, x: Tensor) -> Tensor:
        """Pictures (n, c, h, w) in [0, 1] to codes (n, d) as the model has them."""
        raise NotImplementedError

    def decode_batch(self, z: Tensor) -> Tensor:
        if self.basis is not None and self.middle is not None:
            z = self.middle + z @ self.basis
        return self.raw_decode(z)

    def encode_batch(self, x: Tensor) -> Tensor:
        if not self.encodes:
            return super().encode_batch(x)
        z = self.raw_encode(x)
        if self.basis is not None and self.middle is not None:
            z = (z - self.middle) @ self.basis.T / self.basis.square().sum(1)
        return z

    def shorten(self, z: np.ndarray, k: int) -> float:
        """Let codes be positions along the k widest directions of codes z (n, d); return the share kept, in [0, 1].

        The directions have one common length, so that positions have a standard deviation of 1 in the mean.
        """
        long = torch.as_tensor(z, dtype=torch.float64)
        middle = long.mean(0)
        _, sizes, directions = torch.linalg.svd(long - middle, full_matrices=False)
        variance = sizes.square() / max(1, len(z) - 1)
        k = min(k, int((variance > 1e-12 * variance[0]).sum()))
        if k < 1:
            raise BadInput("These pictures all have the same code, so there are no directions to follow.")
        scale = variance[:k].mean().sqrt()
        self.take(middle.float(), (directions[:k] * scale).float())
        return float(variance[:k].sum() / variance.sum())

    def take(self, middle: Tensor, basis: Tensor) -> None:
        """Shorten codes by a `middle` (d,) and a `basis` (k, d)."""
        if middle.shape != (self.long,) or basis.ndim != 2 or basis.shape[1] != self.long:
            raise BadFile("The directions of this model's code do not fit the code.")
        self.middle, self.basis = middle.to(self.device), basis.to(self.device)
        self.dim = len(basis)

    def kept(self) -> dict[str, Tensor]:
        """The tensors that the model is restored from."""
        return {}

    def state_dict(self, *given: Any, **more: Any) -> Any:
        """The tensors that are written to disk: the model's own, and those that shorten its code."""
        short = {} if self.middle is None or self.basis is None else {MIDDLE: self.middle, BASIS: self.basis}
        return {**self.kept(), **short}

    def load_state_dict(self, *given: Any, **more: Any) -> Any:
        raise BadInput("A model that was brought is restored whole, not filled with other weights.")

    @property
    def device(self) -> torch.device:
        return self.nothing.device  # type: ignore[union-attr, return-value]

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        if self.middle is not None and self.basis is not None:
            self.middle, self.basis = fn(self.middle), fn(self.basis)
        return self


def restore_short(generator: Foreign, state: dict[str, Tensor]) -> Foreign:
    """Give a generator the directions its code is shortened to, where its tensors hold some."""
    if MIDDLE in state and BASIS in state:
        generator.take(state[MIDDLE].float(), state[BASIS].float())
    return generator
