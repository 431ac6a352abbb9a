"""Principal component analysis: the flat view in which the codes spread most.

    p = (z - m) V^T,   z = m + p V

with m the mean code and V (dims, d) the first right singular vectors of the centred codes. It is the one map that is
exact both ways: straight lines stay straight, and each place of the plane has one code.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manigen.cards import Card
from manigen.projections.base import Embedding, Progress

card = Card(
    title="PCA",
    sentence="Turns the cloud of codes until its two longest directions face you, and shows its flat shadow.",
    reference="Pearson 1901, On lines and planes of closest fit to systems of points in space",
    link="https://doi.org/10.1080/14786440109462720",
    facts={
        "transform": "native: the code's shadow on the plane",
        "inverse_transform": "native: the code on the plane, exact for codes that lie on it",
    },
)


def embed(z: np.ndarray, seed: int, dims: int, progress: Progress) -> Embedding:
    """Return the places (n, dims) of codes z (n, d); no chance in it, whatever the `seed`."""
    progress(0.0, "finding the directions", None)
    mean, components, share = directions(z, dims)
    arrays = {"mean": mean, "components": components}
    notes = [f"These {dims} directions hold {share.sum():.0%} of the codes' spread."] if share.sum() else []
    if len(z) == 1:
        notes.append("There is one code, and it lies in the middle.")
    elif share.sum() == 0:
        notes.append("All codes are equal, so all of them lie in one place.")
    elif (share == 0).any():
        notes.append(f"The codes fill only {int((share > 0).sum())} of the map's {dims} directions.")
    return Embedding(transform(z, arrays), arrays, tuple(notes))


def directions(z: np.ndarray, dims: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean (d,), the first principal directions (dims, d) and their shares of the variance (dims,).

    Directions are orthonormal, each turned so that its largest entry is positive; those that are not there, since z
    does not spread that way, are zero.
    """
    mean = z.mean(axis=0, dtype=np.float64)
    _, spread, vectors = np.linalg.svd(z - mean, full_matrices=False)
    components, share = np.zeros((dims, z.shape[1])), np.zeros(dims)
    there = int((spread[:dims] > 1e-6 * spread[0]).sum())
    components[:there] = vectors[:there]
    components *= np.sign(np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1))
    share[:there] = spread[:there] ** 2 / max((spread**2).sum(), 1e-300)
    return mean.astype(np.float32), components.astype(np.float32), share


def transform(z: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the shadows (m, dims) of codes z (m, d)."""
    return (z - arrays["mean"]) @ arrays["components"].T


def inverse_transform(p: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the codes (m, d) that lie on the plane at places p (m, dims)."""
    return arrays["mean"] + p @ arrays["components"]
