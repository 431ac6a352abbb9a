"""Pictures in any layout and range, to ours and back, and what a decoder's seem to be in."""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen.errors import BadFile, BadInput

RANGES = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}
LAYOUTS = ("NCHW", "NHWC", "NHW", "flat")


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
