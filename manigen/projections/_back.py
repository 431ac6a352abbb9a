"""Ways back: from a place of a map, where others' codes are known, to a code. Several; `_trials` says which is best.

    mean      the smooth mean of the nearest places' codes                    z(p) = sum_i w_i z_i
    linear    the affine map that fits them best, read off at p               z(p) = m - A^T q,  q = sum_i w_i (p_i - p)
              with m the mean and A the weighted least squares of z_i - m on p_i - p - q, ridged
    triangle  the mixture of the corners of the Delaunay triangle around p    z(p) = sum_c b_c z_c
    decoder   a small network f fitted with the map, mended by its neighbours  z(p) = f(p) + sum_i w_i (z_i - f(p_i))
              with two hidden layers of 128 on the place and 128 waves over it (random Fourier features)

Weights w_i are those of `base.Map.inverse_transform`: they fade to zero where a neighbour leaves, so nothing jumps, and
peak at a point, so that it keeps its own code. Outside of all triangles the mean answers,
with a jump at their border.

Source: Cleveland, Devlin 1988, Locally Weighted Regression, https://doi.org/10.1080/01621459.1988.10478639; Barber,
Dobkin, Huhdanpaa 1996, The Quickhull Algorithm, https://doi.org/10.1145/235815.235821; Tancik et al. 2020, Fourier
Features Let Networks Learn High Frequency Functions, https://arxiv.org/abs/2006.10739.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from manigen import seeds

if TYPE_CHECKING:
    from scipy.spatial import Delaunay

WAYS = {
    "mean": 32,
    "mean_16": 16,
    "linear": 32,
    "linear_16": 16,
    "triangle": 0,
    "decoder": 32,
}  # and the neighbours each asks
DEFAULT = "mean"
RIDGE = 0.3  # of the linear fit, as a share of the neighbours' spread on the map
FARTHEST = 2.0  # spreads of the neighbours that a linear fit is followed beyond their middle
WAVES, PITCH = 128, 12.0  # that the decoder sees of a place: how many, and how many radians over the map's radius
TAUGHT, ROUNDS = 20_000, 15  # points the decoder is fitted on at most, and how often it sees each


def linear(p: np.ndarray, z: np.ndarray, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the codes (m, d) of places p (m, dims), by the fit to neighbours at `places` (m, k, dims)."""
    steps = places - p[:, None]
    middle = np.einsum("mk,mkj->mj", weights, steps)
    mean = np.einsum("mk,mkd->md", weights, z)
    steps = steps - middle[:, None]
    spread = np.einsum("mk,mki,mkj->mij", weights, steps, steps)
    size = np.trace(spread, axis1=1, axis2=2) / p.shape[1]
    together = np.einsum("mk,mki,mkd->mid", weights, steps, z - mean[:, None])
    spread += np.eye(p.shape[1]) * np.maximum(RIDGE * size, 1e-30)[:, None, None]
    reach = FARTHEST * np.sqrt(np.maximum(size, 1e-30))
    middle = middle / np.maximum(1, np.linalg.norm(middle, axis=1) / reach)[:, None]
    return mean - np.einsum("mi,mid->md", middle, np.linalg.solve(spread, together))


def triangle(p: np.ndarray, z: np.ndarray, net: Delaunay) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes (m, d) of places p by their triangles' corners, and which places lie in a triangle."""
    at = net.find_simplex(p)
    inside = at >= 0
    turn = net.transform[at]
    dims = p.shape[1]
    shares = np.einsum("mij,mj->mi", turn[:, :dims], p - turn[:, dims])
    shares = np.concatenate([shares, 1 - shares.sum(axis=1, keepdims=True)], axis=1)
    inside &= np.isfinite(shares).all(axis=1)
    shares = np.where(inside[:, None], shares, 0)
    return np.einsum("mk,mkd->md", shares, z[net.simplices[at]].astype(np.float64)), inside


class Decoder:
    """A network from places (m, dims) to codes (m, d), fitted to a map's points; seeded, some seconds for 10,000.

    Outside of the map it answers as at its border, so that it never leaves the codes.
    """

    def __init__(self, held: Mapping[str, np.ndarray]) -> None:
        self.held = dict(held)
        count = sum(name.startswith("weights_") for name in held)
        self.layers = [(self.held[f"weights_{at}"], self.held[f"biases_{at}"]) for at in range(count)]

    @classmethod
    def fit(cls, z: np.ndarray, p: np.ndarray, seed: int = 0) -> Decoder:
        """Return the decoder of a map of codes z (n, d) at places p (n, dims)."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPRegressor

        chance = seeds.numpy_stream(seed)
        middle = p.mean(axis=0, dtype=np.float64)
        far = np.linalg.norm(p - middle, axis=1)
        size = max(float(np.sqrt(np.square(far).mean())), 1e-30)
        scale = np.array([size, float(far.max()) / size])
        mean, spread = z.mean(axis=0, dtype=np.float64), max(float(z.std(axis=0).max()), 1e-30)
        waves = chance.normal(0, PITCH, (p.shape[1], WAVES))
        held = {"middle": middle, "scale": scale, "mean": mean, "spread": np.array(spread), "waves": waves}
        rows = chance.permutation(len(z))[:TAUGHT]
        net = MLPRegressor(
            hidden_layer_sizes=(128, 128), batch_size=min(250, len(rows)), learning_rate_init=2e-3, max_iter=ROUNDS,
            tol=0.0, n_iter_no_change=ROUNDS, random_state=int(chance.integers(2**31)),
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped early, and measured
            net.fit(_seen(p[rows], held), ((z[rows] - mean) / spread).astype(np.float32))
        for at, (weights, biases) in enumerate(zip(net.coefs_, net.intercepts_, strict=True)):
            held |= {f"weights_{at}": weights.astype(np.float32), f"biases_{at}": biases.astype(np.float32)}
        return cls(held)

    def __call__(self, p: np.ndarray) -> np.ndarray:
        """Return the codes (m, d) of places p (m, dims)."""
        x = _seen(p, self.held)
        for weights, biases in self.layers[:-1]:
            x = np.maximum(x @ weights + biases, 0)
        weights, biases = self.layers[-1]
        return (x @ weights + biases).reshape(len(p), -1) * self.held["spread"] + self.held["mean"]


def _seen(p: np.ndarray, held: Mapping[str, np.ndarray]) -> np.ndarray:
    """What the decoder sees of places: themselves in units of the map's radius, and waves over them."""
    size, farthest = held["scale"]
    u = (p - held["middle"]) / size
    u = u / np.maximum(1.0, np.linalg.norm(u, axis=1, keepdims=True) / max(farthest, 1e-30))
    turns = u @ held["waves"]
    return np.concatenate([u, np.sin(turns), np.cos(turns)], axis=1).astype(np.float32)
