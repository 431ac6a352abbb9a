"""Jitter: take a real code, and shake it the way its neighbours lie.

    z = z_i + s / sqrt(k) sum_j g_j (z_j - z_i),    j over the k nearest codes of z_i,  g_j ~ N(0, 1)

So z is drawn from a Gaussian around a real code whose covariance is that of its k nearest fellows, times s^2: wide
along the manifold, thin across it. With s = 0 it copies. It keeps the codes that it shakes, and says so in `kept`.
"""

from __future__ import annotations

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.nearest import Nearest
from manigen.samplers.base import Progress, silent

card = Card(
    title="Nearest-neighbour jitter",
    sentence="Takes a real picture's code and shakes it in the directions in which its nearest neighbours lie.",
    reference="Vincent, Bengio 2003, Manifold Parzen Windows",
    link="https://papers.nips.cc/paper/2203-manifold-parzen-windows",
    knobs=(
        Knob("k", 10, "How many neighbours tell the directions.", 1, 100),
        Knob("scale", 0.7, "How far to shake: 0 copies real codes, 1 goes as far as the neighbours lie.", 0.0, 3.0),
        Knob("keep", 4000, "How many codes are kept to be shaken.", 2, 100_000),
    ),
)


class Sampler:
    """Codes `kept` (m, d) and the rows of each one's nearest fellows (m, k)."""

    def __init__(self, k: int = 10, scale: float = 0.7, keep: int = 4000) -> None:
        self.k, self.scale, self.keep = k, scale, keep
        self.adjusted = ""
        self.kept: np.ndarray = np.zeros((0, 0), np.float32)
        self.fellows: np.ndarray = np.zeros((0, 0), np.int64)

    def fit(self, z: np.ndarray, seed: int = 0, progress: Progress = silent) -> Sampler:
        chosen = np.sort(seeds.numpy_stream(seed).permutation(len(z))[: self.keep])
        return self._around(z[chosen])

    def _around(self, kept: np.ndarray) -> Sampler:
        sampler = Sampler(self.k, self.scale, self.keep)
        sampler.kept = np.ascontiguousarray(kept, np.float32)
        rows, _ = Nearest(sampler.kept).find(sampler.kept, self.k + 1)
        sampler.fellows = rows[:, 1:]  # the first is the code itself, or one equal to it
        if sampler.fellows.shape[1] < self.k:
            sampler.adjusted = f"It looks at {sampler.fellows.shape[1]} of the {self.k} neighbours: there are no more."
        return sampler

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        stream = seeds.numpy_stream(seed)
        chosen = stream.integers(len(self.kept), size=n)
        k = self.fellows.shape[1]
        pull = stream.standard_normal((n, k), dtype=np.float32) * np.float32(self.scale / np.sqrt(k))
        centre = self.kept[chosen]
        return centre + np.einsum("nk,nkd->nd", pull, self.kept[self.fellows[chosen]] - centre[:, None])

    def arrays(self) -> dict[str, np.ndarray]:
        half = self.kept.astype(np.float16)  # codes that come with a model are exact in it
        kept = half if np.array_equal(half.astype(np.float32), self.kept) else self.kept
        return {"kept": kept, "k": np.array(self.k), "scale": np.array(self.scale, np.float32)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Sampler:
        kept = arrays["kept"]
        return cls(int(arrays["k"]), float(arrays["scale"]), len(kept))._around(kept)
