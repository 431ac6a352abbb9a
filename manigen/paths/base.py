"""What every path shares: what it is told of the manifold, what it answers, and the numbers of a walk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from manigen.errors import BadInput, ManigenError
from manigen.nearest import Nearest

Decode = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class Manifold:
    """What a path may know of the manifold it crosses: the decoder, and the real codes, where there are any.

    `decode` turns codes (k, d) into pictures (k, ...); `near` finds the real codes nearest to any. Asking for one that
    was not given raises `BadInput` with a sentence.
    """

    decoder: Decode | None = None
    real: Nearest | None = None

    @property
    def decode(self) -> Decode:
        if self.decoder is None:
            raise BadInput("This kind of path needs a generator that decodes; none was given.")
        return self.decoder

    @property
    def near(self) -> Nearest:
        if self.real is None:
            raise BadInput("This kind of path needs the codes of real pictures to walk among: give codes=z.")
        return self.real


@dataclass(frozen=True)
class Trace:
    """A path before it is walked: codes (k, d) float32 from one end to the other, t = 0 to 1 in equal steps.

    `converged` is False where a search for the path had to stop early; `notes` are sentences on what was adjusted.
    """

    codes: np.ndarray
    converged: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Walk:
    """A path and what it is worth: the codes and, measured on the decoded pictures, how long and how even it is.

    `codes` (k, d) float32; `kind` the path's name; `steps` (k-1,) float64, the L2 distances between consecutive
    pictures, flattened, pixels in [0, 1]; `distance_to_data` (k,) float32, each code's distance to the nearest real
    one, 1 being as far as real codes lie from one another, or None where no codes were given; `converged` and `notes`
    as in `Trace`.
    """

    codes: np.ndarray
    kind: str
    steps: np.ndarray
    distance_to_data: np.ndarray | None = None
    converged: bool = True
    notes: tuple[str, ...] = ()

    @property
    def length(self) -> float:
        """How far the picture changes along the way: sum_i |x_{i+1} - x_i|, in units of a fully changed pixel."""
        return float(self.steps.sum())

    @property
    def energy(self) -> float:
        """The effort of walking it in unit time: (k - 1) sum_i |x_{i+1} - x_i|^2, at least the length squared."""
        return float(len(self.steps) * (self.steps**2).sum())

    @property
    def evenness(self) -> float:
        """How evenly the picture changes, in (0, 1]: length^2 / energy, which is 1 at constant speed and 1 standing."""
        return min(self.length**2 / self.energy, 1.0) if self.energy else 1.0


def measured(trace: Trace, kind: str, decode: Decode, real: Nearest | None = None) -> Walk:
    """Return the walk along a trace, its pictures decoded and measured; `ManigenError` where one is not finite."""
    x = pictures(decode, trace.codes)
    steps = np.linalg.norm(np.diff(x, axis=0), axis=1)
    far = None if real is None else real.how_far(trace.codes)
    notes = trace.notes if steps.any() else (*trace.notes, "The picture stays the same all along this walk.")
    return Walk(trace.codes, kind, steps, far, trace.converged, notes)


def pictures(decode: Decode, z: np.ndarray) -> np.ndarray:
    """Return the decoded codes as flat float64 rows (k, pixels)."""
    x = decode(z)
    if hasattr(x, "detach"):  # a tensor from a generator of the user's own
        x = x.detach().cpu().numpy()
    x = np.asarray(x, np.float64)
    if x.ndim < 1 or len(x) != len(z):
        raise ManigenError(f"decode must return one picture for each of {len(z)} codes, not shape {x.shape}.")
    x = x.reshape(len(z), -1)
    good = np.isfinite(x).all(axis=1)
    if not good.all():
        raise ManigenError(f"decode returned NaN or infinity at step {np.argmin(good)} of the walk; choose other ends.")
    return x
