"""Held-out pictures: how far a picture lies from those that no model has learned from.

    far(x) = the L2 distance to the third-nearest held-out picture, pixels in [0, 1]

The nearest alone would be chance. Beside it stands a floor: what the model's own reconstructions of held-out pictures
score, each without its own original. Nearer than that is no nearer; and since blur is near to everything, a small
distance is praise only of a sharp picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from manigen import seeds
from manigen.errors import ManigenError

if TYPE_CHECKING:
    from manigen.weights import Codes

NEIGHBOUR = 3
BLOCK = 256  # pictures measured at once
MEMORY = 48_000_000  # bytes that the pictures may take
MOST, FLOOR = 5000, 200  # pictures compared with, and reconstructions that the floor is taken over, at most
FEWEST, LARGE = 32, 3 * 64 * 64  # of pictures larger than so, which decode slowly, the floor is taken over fewer


class HeldOut:
    """Held-out pictures x (n, c, h, w), uint8 or in [0, 1], and which rows of their split they are (n,)."""

    def __init__(self, x: np.ndarray, rows: np.ndarray | None = None) -> None:
        flat = x.reshape(len(x), -1)
        self.x = flat.astype(np.float32) / np.float32(255 if x.dtype == np.uint8 else 1)
        self.rows = np.arange(len(x)) if rows is None else rows

    @cached_property
    def _squares(self) -> np.ndarray:
        return np.einsum("np,np->n", self.x, self.x)

    def far(self, x: Any, own: np.ndarray | None = None) -> np.ndarray:
        """Return how far each picture x (k, ...) lies (k,) float32; `own` (k,) are rows not to be compared with."""
        third = min(NEIGHBOUR, len(self.x)) - 1
        return np.concatenate(
            [np.sqrt(np.maximum(np.partition(square, third, axis=1)[:, third], 0)) for square in self._apart(x, own)]
        )

    def kin(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return which three of these lie nearest to each picture x (k, ...), as places (k, 3), and `far` (k,)."""
        few = min(NEIGHBOUR, len(self.x))
        places, far = [], []
        for square in self._apart(x):
            nearest = np.argpartition(square, few - 1, axis=1)[:, :few]
            places.append(nearest)
            far.append(np.sqrt(np.maximum(np.take_along_axis(square, nearest, axis=1)[:, -1], 0)))
        return np.concatenate(places), np.concatenate(far)

    def _apart(self, x: Any, own: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """The squared distances of some pictures x (b, ...) at a time to all of these (b, n)."""
        rows = np.asarray(x).reshape(len(x), -1).astype(np.float32)
        for at in range(0, len(rows), BLOCK):
            some = rows[at : at + BLOCK]
            square = self._squares - 2 * some @ self.x.T + np.einsum("np,np->n", some, some)[:, None]
            if own is not None:
                square[self.rows[None, :] == own[at : at + BLOCK, None]] = np.inf
            yield square

    def floor(self, generator: Any, codes: Codes) -> float | None:
        """Return what a model's own reconstructions of held-out pictures score, None where it has no such codes."""
        chosen = np.flatnonzero(codes.split == 1)
        if not len(chosen):
            return None
        most = min(len(chosen), FLOOR, max(FEWEST, FLOOR * LARGE // self.x.shape[1]))
        chosen = chosen[np.linspace(0, len(chosen) - 1, most).astype(int)]
        return float(self.far(generator.decode(codes.z[chosen]), codes.rows[chosen]).mean())


def at_hand(data: Mapping[str, Any], shape: tuple[int, int, int]) -> HeldOut | None:
    """Return held-out pictures of the data set that a model's card names, None where they are not on this machine.

    Nothing is downloaded. At most 5,000 are taken, drawn with seed 0.
    """
    from manigen import datasets

    if not any(entry.name == data.get("name") and entry.here for entry in datasets.listing()):
        return None
    try:
        x = datasets.load(str(data["name"]), "test").x
    except ManigenError:
        return None
    if tuple(x.shape[1:]) != tuple(shape):
        return None
    most = max(2 * NEIGHBOUR, min(MOST, MEMORY // (4 * int(np.prod(shape)))))
    rows = np.sort(seeds.numpy_stream(0, 11).permutation(len(x))[:most])
    return HeldOut(np.asarray(x[rows]), rows)
