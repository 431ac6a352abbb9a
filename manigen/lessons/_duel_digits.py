"""The same forger and critic on handwritten digits of 8 x 8 pixels, small enough to be trained while a class watches.

The players, their losses and their steps are those of `_duel`; what is forged is a picture: noise of 16 numbers in, the ink of
64 pixels out. The real ones are the 1,500 training digits that come with scikit-learn (Alpaydin, Kaynak 1998,
https://doi.org/10.24432/C50P49).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache

import numpy as np

from manigen.lessons import _duel
from manigen.seeds import numpy_stream

NOISE, WIDTH, SIDE = 16, 128, 8
STYLES = {"fair": (1.0, 2e-3, 2e-3), "hasty": (0.0, 1e-3, 4e-3)}  # the penalty p, the critic's and the forger's rate
EVERY = 20  # steps between two pictures of a game that is kept
SHOWN, READ = 24, 512  # digits shown, and digits read by the judge
TONES = 15  # of ink, as a game is kept
PARTS = ("x", "counts")  # of a game that is kept
COMMON = 0.95  # of real digits lie no farther from the nearest other one than what still counts as a digit


@cache
def digits(split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Return real digits (n, 64), ink in [0, 1], and which digit each one is (n,)."""
    from manigen import datasets

    real = datasets.load("digits", split)
    return real.x.reshape(len(real.x), -1).astype(np.float32) / 255, np.asarray(real.labels)


def real(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return n real digits (n, 64)."""
    x = digits()[0]
    return x[rng.integers(0, len(x), n)]


def _nearest(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each picture (n, 64) the nearest training digit's number and its distance."""
    all_ = digits()[0]
    apart = np.sqrt(np.maximum((x**2).sum(1)[:, None] + (all_**2).sum(1) - 2 * x @ all_.T, 0))
    return apart.argmin(1), apart.min(1)


@cache
def reach() -> float:
    """Return how far a held-out digit lies from the nearest training digit, but for the farthest 1 - COMMON of them."""
    return float(np.quantile(_nearest(digits("test")[0])[1], COMMON))


def read(x: np.ndarray) -> np.ndarray:
    """Return for each picture (n, 64) the digit of the nearest real one; -1 where none is within `reach`."""
    at, apart = _nearest(np.asarray(x, np.float32))
    return np.where(apart <= reach(), digits()[1][at], -1)


def counted(which: np.ndarray) -> np.ndarray:
    """Return how many of some pictures, by `read`, are a 0, a 1, ..., a 9, and no digit (11,)."""
    return np.bincount(np.where(which < 0, 10, which), minlength=11)


def found(counts: np.ndarray) -> np.ndarray:
    """Return how many of the ten digits get at least the share that a group has to get; counts (..., 11)."""
    return (counts[..., :10] >= _duel.SHARE * counts.sum(-1, keepdims=True)).sum(-1)


class Duel(_duel.Duel):
    """One training on digits, as far as it was asked for: pictures x (SHOWN, 64) in [0, 1], and what READ draws are read as."""

    def _train(self) -> Iterator[dict[str, np.ndarray]]:
        import torch

        start = torch.Generator().manual_seed(self.seed)
        forger = _duel.network(NOISE, WIDTH, SIDE * SIDE, start, torch.nn.Sigmoid())
        critic = _duel.network(SIDE * SIDE, WIDTH, 1, start)
        fixed = torch.from_numpy(numpy_stream(self.seed, 22).standard_normal((READ, NOISE)).astype("f"))
        for _ in _duel.play(forger, critic, real, STYLES[self.style], numpy_stream(self.seed, 21)):
            with torch.no_grad():
                x = forger(fixed).numpy()
            yield {"x": x[:SHOWN].copy(), "counts": counted(read(x))}


@lru_cache(maxsize=len(STYLES) * _duel.GAMES)
def duel(style: str, seed: int) -> Duel:
    """Return the training of this style and seed that this process has begun."""
    return Duel(style, seed)


def packed(frames: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return a game small: its pictures in TONES of ink."""
    tones = np.rint(TONES * np.stack([frame["x"] for frame in frames])).astype(np.uint8)
    return {"x": tones, "counts": np.stack([frame["counts"] for frame in frames]).astype(np.int16)}


def unpacked(kept: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the frames of a game that was `packed`: x (t, SHOWN, 64) in [0, 1], counts (t, 11)."""
    return {"x": kept["x"] / np.float32(TONES), "counts": kept["counts"]}
