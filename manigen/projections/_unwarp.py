"""Un-warping: how the surroundings of one point would lie, were the map made for them alone.

The point's true nearest codes and whatever the map put beside it are laid out by the distances between their codes,

    min over q of  sum_ij ( |q_i - q_j| - |z_i - z_j| )^2        (metric MDS by SMACOF, from the codes' local PCA)

and set into the map: the point stays, and the turn, the mirroring and the size are those at which its neighbours move
least. Torn-off neighbours come home, intruders leave. Of a sheet that is flat there the distances are then exact.

Source: de Leeuw 1977, Applications of Convex Analysis to Multidimensional Scaling; that the hand un-warps its place:
Sankaran, Meila 2025, Interactively resolving distortion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from manigen.projections.mds import _distances, _step

if TYPE_CHECKING:
    from manigen.projections.base import Map

K = 24  # true neighbours, and as many of those on the map
STEPS = 80


@dataclass(frozen=True)
class Unwarped:
    """Rows (m,) of the map, the point itself first, the places (m, dims) they move to, and who is a true neighbour."""

    rows: np.ndarray
    places: np.ndarray
    true: np.ndarray


def around(fitted: Map, row: int, near: np.ndarray, beside: np.ndarray) -> Unwarped:
    """Return the surroundings of a point un-warped: its true neighbours `near` (k,) and those on the map, `beside`."""
    rows = np.concatenate([[row], near, np.setdiff1d(beside, near)])
    rows = rows[np.sort(np.unique(rows, return_index=True)[1])]
    z, p = fitted.z[rows].astype(np.float64), fitted.p[rows].astype(np.float64)
    true = np.isin(rows, near)
    wanted = _distances(z, z)
    _, _, axes = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
    q = np.zeros((len(z), fitted.dims))
    some = axes[: fitted.dims]
    q[:, : len(some)] = (z - z.mean(axis=0)) @ some.T
    for _ in range(STEPS):
        q, _ = _step(q, wanted)
    return Unwarped(rows, _set_in(q - q[0], p - p[0], true & np.isin(rows, beside), true) + p[0], true)


def _set_in(q: np.ndarray, p: np.ndarray, kept: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return places q turned, mirrored and sized as p, both seen from their first row, by what the map kept."""
    by = kept if kept.sum() >= 3 else true
    u, _, v = np.linalg.svd(q[by].T @ p[by])
    beside = np.linalg.norm(p[~true] if (~true).sum() > 1 and not kept.any() else p[by], axis=1)
    size = np.median(beside) / max(float(np.median(np.linalg.norm(q[by], axis=1))), 1e-30)
    return (size or 1.0) * (q @ (u @ v))
