"""Checks at the door: arrays are validated once, in words, where they enter.

Inside the house they are trusted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen.errors import BadInput


def codes(z: Any, dim: int | None = None, what: str = "codes") -> np.ndarray:
    """Return `z` as finite float32 codes (n, d); a single code (d,) becomes (1, d).

    Raises `BadInput` when the array is not numeric, not two-dimensional, not finite, empty, or not `dim` wide.
    """
    array = _numbers(z, what)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or not array.size:
        raise BadInput(f"{what} must be an array (n, d) with at least one row, not of shape {array.shape}.")
    if dim is not None and array.shape[1] != dim:
        raise BadInput(f"{what} must have {dim} numbers each, as this model's codes do, not {array.shape[1]}.")
    return _finite(array, what)


def points(p: Any, dim: int | None = None) -> np.ndarray:
    """Return `p` as finite float32 map positions (n, 2) or (n, 3)."""
    array = _numbers(p, "points")
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] not in (2, 3) or (dim is not None and array.shape[1] != dim):
        raise BadInput(f"points must be an array (n, {dim or '2 or 3'}), not of shape {array.shape}.")
    return _finite(array, "points")


def images(x: Any, shape: tuple[int, int, int] | None = None) -> np.ndarray:
    """Return `x` as float32 images (n, c, h, w) in [0, 1]; uint8 is divided by 255, one picture (c, h, w) gets its n.

    Raises `BadInput` when the shape is not `shape`, a value is not finite, or a value lies outside [0, 1].
    """
    array = np.asarray(x)
    scale = 255.0 if array.dtype == np.uint8 else 1.0
    array = _numbers(array, "images") / np.float32(scale)
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or not array.size:
        raise BadInput(f"images must be an array (n, c, h, w) with at least one picture, not of shape {array.shape}.")
    if shape is not None and array.shape[1:] != tuple(shape):
        raise BadInput(f"images must be {_size(shape)} for this model, not {_size(array.shape[1:])}.")
    array = _finite(array, "images")
    if array.min() < -1e-6 or array.max() > 1 + 1e-6:
        raise BadInput(f"images must lie in [0, 1]; these run from {array.min():g} to {array.max():g}.")
    return array


def count(n: Any, what: str = "n", low: int = 1, high: int = 1_000_000) -> int:
    """Return `n` as an int between `low` and `high`, or raise `BadInput`."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not low <= int(n) <= high:
        raise BadInput(f"{what} must be a whole number from {low:,} to {high:,}, not {str(n)[:60]!r}.")
    return int(n)


def _numbers(values: Any, what: str) -> np.ndarray:
    if hasattr(values, "detach"):  # a torch tensor, wherever it lives
        values = values.detach().cpu().numpy()
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise TypeError
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused as such
            return array.astype(np.float32, copy=False)
    except (TypeError, ValueError):
        raise BadInput(f"{what} must be an array of numbers, all rows of the same length.") from None


def _finite(array: np.ndarray, what: str) -> np.ndarray:
    if not np.isfinite(array).all():
        bad = int(np.argmin(np.isfinite(array).reshape(len(array), -1).all(axis=1)))
        raise BadInput(f"{what} must be finite numbers; row {bad} holds NaN or infinity.")
    return array


def _size(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    kind = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
    return f"{height}x{width} {kind} ({channels}, {height}, {width})"
