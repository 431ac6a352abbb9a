"""Locally linear embedding: each code is a mixture of its neighbours, and stays the same mixture on the map.

    w = argmin sum_i |z_i - sum_j w_ij z_j|^2,  sum_j w_ij = 1;     p = argmin sum_i |p_i - sum_j w_ij p_j|^2

under mean 0 and covariance 1, from the bottom eigenvectors of (I - W)^T (I - W). The variants ask for more than one
mixture of each neighbourhood: modified LLE for several, Hessian LLE for no curvature, LTSA for aligned tangent planes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.errors import ManigenError
from manigen.nearest import Nearest
from manigen.projections import _graph
from manigen.projections.base import Embedding, Progress

card = Card(
    title="LLE",
    sentence="Writes each code as a mixture of its neighbours, and places it so that the same mixture still holds.",
    reference="Roweis, Saul 2000, Nonlinear Dimensionality Reduction by Locally Linear Embedding",
    link="https://doi.org/10.1126/science.290.5500.2323",
    knobs=(
        Knob("n_neighbors", 15, "Neighbours each code is mixed of: few follow detail, many the large shape.", 4, 200),
        Knob(
            "variant",
            "standard",
            "What the map must keep of each neighbourhood: one mixture, several, no curvature, or the tangent plane.",
            choices=("standard", "modified", "hessian", "ltsa"),
        ),
    ),
    facts={
        "library": "scikit-learn",
        "transform": "native: the same mixture of its nearest codes' places",
        "inverse_transform": "neighbours: the weighted mean of the nearest places' codes",
        "fewest": 12,
        "different": True,
        "landmarks": 4000,
    },
)
SOFTNESS = 1e-3  # of the mixtures, as a share of the neighbourhood's size: keeps them from hanging on rounding
FLAT = 0.2  # of a map of variance 1: where nine in ten codes lie within that, it shows nothing


def embed(z: np.ndarray, seed: int, dims: int, progress: Progress, n_neighbors: int, variant: str) -> Embedding:
    """Return the places (n, dims) of different codes z (n, d), scaled to variance 1.

    Chance, by `seed`, only starts the search for eigenvectors. Modified LLE: Zhang, Wang 2006,
    https://papers.nips.cc/paper/3132; Hessian: Donoho, Grimes 2003, https://doi.org/10.1073/pnas.1031596100; LTSA:
    Zhang, Zha 2004, https://doi.org/10.1137/S1064827502419154.
    """
    k, notes = _graph.few(n_neighbors, len(z))
    least = dims * (dims + 3) // 2 + 1 if variant == "hessian" else dims + 1
    if k < least:
        notes.append(f"n_neighbors was raised from {k} to {least}: the {variant} variant needs that many in {dims}-D.")
        k = least
    progress(0.0, "starting LLE", None)
    import sklearn
    from scipy.sparse.csgraph import connected_components
    from sklearn.manifold import locally_linear_embedding

    progress(0.05, "finding the nearest neighbours", None)
    rows, _ = _graph.fellows(z, k)
    pieces = connected_components(_ties(rows), directed=False, return_labels=False)
    if pieces > 1:
        notes += [f"The neighbourhood graph fell into {pieces} pieces, which LLE cannot place: more n_neighbors help."]
    progress(0.2, "mixing each code of its neighbours", None)
    chance = int(seeds.numpy_stream(seed).integers(2**31))
    for solver in ("auto", "dense"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                p, _ = locally_linear_embedding(
                    np.asarray(z, np.float64), n_neighbors=k, n_components=dims, reg=SOFTNESS, method=variant,
                    eigen_solver=solver, random_state=chance,
                )  # fmt: skip
            break
        except (ValueError, np.linalg.LinAlgError) as error:  # the iterative solver may fail
            if solver == "dense":
                raise ManigenError(f"LLE ({variant}) found no places for these codes; try more n_neighbors.") from error
            progress(0.5, "solving exactly, since the fast way failed", None)
    p = _graph.signed(p - p.mean(axis=0))
    p /= np.maximum(p.std(axis=0), 1e-30)
    low, high = np.quantile(p, [0.05, 0.95], axis=0)
    if (high - low).min() < FLAT:
        notes += [f"Most codes fell into one spot: {variant} LLE found no flat sheet here, with {k} neighbours."]
    arrays = {"z": z, "places": p.astype(np.float32), "k": np.array(k)}
    return Embedding(p, arrays, tuple(notes), f"scikit-learn {sklearn.__version__}")


def _ties(rows: np.ndarray):  # type: ignore[no-untyped-def]
    from scipy.sparse import csr_matrix

    n, k = rows.shape
    return csr_matrix((np.ones(n * k), (np.repeat(np.arange(n), k), rows.ravel())), (n, n))


def transform(z: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the places (m, dims) of codes z (m, d): each the mixture of its k nearest codes that is closest to it."""
    near, _ = Nearest(arrays["z"]).find(z, int(arrays["k"]))
    weights = mixtures(z, arrays["z"], near)
    return _graph.at_home(z, np.einsum("mk,mkd->md", weights, arrays["places"][near]), arrays)


def mixtures(z: np.ndarray, of: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return the weights (m, k), summing to 1, with which rows `near` (m, k) of codes `of` come closest to z (m, d)."""
    weights = np.empty(near.shape)
    block = max(1, _graph.BLOCK // (near.shape[1] * max(near.shape[1], z.shape[1])))
    for at in range(0, len(z), block):
        part = slice(at, at + block)
        apart = of[near[part]].astype(np.float64) - z[part, None]
        gram = apart @ apart.transpose(0, 2, 1)
        size = np.trace(gram, axis1=1, axis2=2)
        gram += np.eye(near.shape[1]) * np.where(size > 0, SOFTNESS * size, SOFTNESS)[:, None, None]
        found = np.linalg.solve(gram, np.ones((*gram.shape[:2], 1)))[:, :, 0]
        weights[part] = found / found.sum(axis=1, keepdims=True)
    return weights
