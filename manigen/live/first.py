"""The first pictures: a decoder in NumPy, for the second in which torch is not yet there.

To import torch takes about a second, and while it goes on everything else in the process waits for its turn. So the
map is drawn and the first hover answered without it: the small convolutional family that `models.networks.Decoder`
builds is a few matrix products. Its pictures are those of torch but for the rounding of a grey level, at 0.4 ms each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from manigen import weights

FAMILIES = ("aae", "acai", "autoencoder", "fusion", "gan", "geometric", "vae", "vaegan", "wae")  # that paint with it
LEADER, FOLLOWERS = "decoder.leader.", "decoder.followers."  # in an ensemble the leader paints
KEY = re.compile(r"decoder\.(first|up\.\d+|last)\.(weight|bias)")


class FirstDecoder:
    """The decoder of a model of one of `FAMILIES`; `state` are its weights by name, as its file holds them."""

    def __init__(self, state: Mapping[str, np.ndarray], shape: tuple[int, int, int]) -> None:
        self.shape = shape
        layers = sorted({int(name.split(".")[2]) for name in state if name.startswith("decoder.up.")})
        self._first = np.ascontiguousarray(state["decoder.first.weight"].T), state["decoder.first.bias"]
        self._up = [
            (np.ascontiguousarray(state[f"decoder.up.{i}.weight"].transpose(0, 2, 3, 1)), state[f"decoder.up.{i}.bias"])
            for i in layers
        ]
        self._last = state["decoder.last.weight"].transpose(2, 3, 1, 0), state["decoder.last.bias"]
        self.dim = len(self._first[0])

    def paint(self, z: np.ndarray) -> np.ndarray:
        """Return the pictures uint8 (n, h, w, c) of codes z (n, d): round(255 x)."""
        weight, bias = self._first
        channels = self._up[0][0].shape[0] if self._up else self._last[0].shape[2]
        side = round((len(bias) / channels) ** 0.5)
        x = silu(z @ weight + bias).reshape(len(z), channels, side, side).transpose(0, 2, 3, 1)
        for weight, bias in self._up:
            x = silu(twice_as_wide(x, weight) + bias)
        weight, bias = self._last
        return np.rint(255 * sigmoid(same_width(x, weight) + bias)).astype(np.uint8)


def sigmoid(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def silu(x: np.ndarray) -> np.ndarray:
    return x * sigmoid(x)


def twice_as_wide(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the transposed convolution at stride 2, padding 1, of x (n, h, w, in) with weight (in, 4, 4, out)."""
    count, height, width, channels = x.shape
    _, tall, wide, out = weight.shape
    parts = (x.reshape(-1, channels) @ weight.reshape(channels, -1)).reshape(count, height, width, tall, wide, out)
    made = np.zeros((count, 2 * height + 2, 2 * width + 2, out), np.float32)
    for row in range(tall):
        for column in range(wide):
            made[:, row : row + 2 * height : 2, column : column + 2 * width : 2] += parts[:, :, :, row, column]
    return made[:, 1:-1, 1:-1]


def same_width(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the convolution at stride 1, padding 1, of x (n, h, w, in) with weight (3, 3, in, out)."""
    count, height, width, channels = x.shape
    framed = np.zeros((count, height + 2, width + 2, channels), np.float32)
    framed[:, 1:-1, 1:-1] = x
    seen = np.lib.stride_tricks.sliding_window_view(framed, (3, 3), (1, 2)).transpose(0, 1, 2, 4, 5, 3)
    return (seen.reshape(count * height * width, -1) @ weight.reshape(-1, weight.shape[3])).reshape(*x.shape[:3], -1)


def read(name: str) -> FirstDecoder | None:
    """Return the first decoder of a model at hand, None for a family it cannot speak for. Raises `BadFile`."""
    card = weights.info(name)
    if card["family"] not in FAMILIES:
        return None
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        state = load_file(weights.checked(weights.folder_of(name), weights.MODEL, card))
    except (SafetensorError, OSError):
        return None  # the loader of the model itself says what is wrong with it
    held = {
        key.replace(LEADER, "decoder."): value.astype(np.float32)
        for key, value in state.items()
        if key.startswith("decoder.") and not key.startswith(FOLLOWERS)
    }
    flat = held["decoder.first.weight"].ndim == 2 if "decoder.first.weight" in held else False
    plain = all(KEY.fullmatch(key) for key in held)
    return FirstDecoder(held, tuple(card["shape"])) if flat and plain else None
