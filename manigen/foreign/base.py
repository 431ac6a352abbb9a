"""What every foreign generator has: codes laid flat and perhaps shortened, pictures in any layout and range."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from manigen import checks
from manigen.errors import BadFile, BadInput
from manigen.foreign.probe import LAYOUTS, RANGES
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


# --- pictures in any layout and range ---------------------------------------------------------------------------------


def to_pictures(made: np.ndarray, shape: tuple[int, int, int], layout: str, span: str) -> np.ndarray:
    """Return a decoder's output as pictures (n, c, h, w) float32 in [0, 1]; raise `BadInput` where it does not fit."""
    c, h, w = shape
    low, high = RANGES[span]
    n = len(made)
    try:
        if layout == "NCHW":
            x = made.reshape(n, c, h, w)
        elif layout == "NHWC":
            x = made.reshape(n, h, w, c).transpose(0, 3, 1, 2)
        elif layout == "NHW":
            x = made.reshape(n, 1, h, w)
        else:
            x = made.reshape(n, c, h, w)
    except ValueError:
        raise BadInput(f"What the decoder makes, {tuple(made.shape)}, is no {layout} picture of {c}x{h}x{w}.") from None
    return np.ascontiguousarray(np.clip((x.astype(np.float32) - low) / (high - low), 0, 1))


def from_pictures(x: np.ndarray, layout: str, span: str, kind: Any = np.float32) -> np.ndarray:
    """Return pictures (n, c, h, w) in [0, 1] as an encoder takes them: its layout, its range, its kind of number."""
    low, high = RANGES[span]
    y = x * np.float32(high - low) + np.float32(low)
    if layout == "NHWC":
        y = y.transpose(0, 2, 3, 1)
    elif layout == "NHW":
        y = y[:, 0]
    elif layout == "flat":
        y = y.reshape(len(y), -1)
    return np.ascontiguousarray(np.rint(y) if np.issubdtype(kind, np.integer) else y).astype(kind)


def guess_layout(shape: tuple[int, ...]) -> tuple[str, tuple[int, int, int]]:
    """Return the layout and picture shape (c, h, w) that an output (n, ...) seems to have.

    >>> guess_layout((1, 3, 64, 64)), guess_layout((1, 28, 28, 1)), guess_layout((2, 784))
    (('NCHW', (3, 64, 64)), ('NHWC', (1, 28, 28)), ('flat', (1, 28, 28)))
    """
    rest = shape[1:]
    if len(rest) == 3 and rest[0] in (1, 3) and not (rest[2] in (1, 3) and rest[0] > rest[2]):
        return "NCHW", (rest[0], rest[1], rest[2])
    if len(rest) == 3 and rest[2] in (1, 3):
        return "NHWC", (rest[2], rest[0], rest[1])
    if len(rest) == 2:
        return "NHW", (1, rest[0], rest[1])
    if len(rest) == 1:
        for channels in (1, 3):
            side = round((rest[0] / channels) ** 0.5)
            if channels * side * side == rest[0]:
                return "flat", (channels, side, side)
    raise BadFile(f"What the decoder makes, {shape}, is no picture: grey or colour, (n, c, h, w) or (n, h, w, c).")


def guess_range(made: np.ndarray) -> str:
    """Return the range that a decoder's numbers seem to have."""
    low, high = float(made.min()), float(made.max())
    if made.dtype == np.uint8 or high > 2:
        return "0..255"
    return "-1..1" if low < -0.05 else "0..1"


__all__ = [
    "LAYOUTS",
    "LONGEST",
    "Foreign",
    "from_pictures",
    "guess_layout",
    "guess_range",
    "restore_short",
    "to_pictures",
]
