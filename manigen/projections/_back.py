"""Ways back: from a place of a map, where others' codes are known, to a code. Several, and which is best is measured.

    mean      the smooth mean of the nearest places' codes                    z(p) = sum_i w_i z_i
    linear    the affine map that fits them best, read off at p               z(p) = m - A^T q,  q = sum_i w_i (p_i - p)
              with m the mean and A the weighted least squares of z_i - m on p_i - p - q, ridged
    triangle  the mixture of the corners of the Delaunay triangle around p    z(p) = sum_c b_c z_c

Weights w_i are those of `base.Map.inverse_transform`: they fade to zero where a neighbour leaves, so nothing jumps, and
peak at a point, so that it keeps its own code. Outside of all triangles the mean answers,
with a jump at their border.

Source: Cleveland, Devlin 1988, Locally Weighted Regression, https://doi.org/10.1080/01621459.1988.10478639; Barber,
Dobkin, Huhdanpaa 1996, The Quickhull Algorithm, https://doi.org/10.1145/235815.235821.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from manigen import seeds

if TYPE_CHECKING:
    from scipy.spatial import Delaunay

WAYS = {"mean": 32, "mean_16": 16, "linear": 32, "linear_16": 16, "triangle": 0}  # and the neighbours each asks
DEFAULT = "mean"
RIDGE = 0.3  # of the linear fit, as a share of the neighbours' spread on the map
FARTHEST = 2.0  # spreads of the neighbours that a linear fit is followed beyond their middle
HELD_OUT = 1000  # points that are asked for their codes without being among those who answer


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


def measured(z: np.ndarray, p: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Return each way's error on held-out points of a map of codes z (n, d) at places p (n, dims), as a share:

        error = mean |z(p_i) - z_i|^2 / mean |z_i - mean z|^2,    the held-out i not among those who answer

    0 is the code itself, 1 the mean code everywhere. Empty where there are fewer than 100 points.
    """
    from manigen.projections.base import Map

    n = len(z)
    if n < 100:
        return {}
    order = seeds.numpy_stream(seed).permutation(n)
    out, rest = order[: min(HELD_OUT, n // 10)], order[min(HELD_OUT, n // 10) :]
    spread = float(np.square(z[out] - z[rest].mean(axis=0)).sum(axis=1, dtype=np.float64).mean())
    asked = Map.of_places(z[rest], p[rest])
    found = {}
    for way in WAYS:
        asked.way = way
        wrong = np.square(asked.inverse_transform(p[out]) - z[out]).sum(axis=1, dtype=np.float64).mean()
        found[way] = float(wrong / max(spread, 1e-30))
    return found
