"""As it is: codes of two or three numbers are their own map, and no projection is run.

    p = z,   z = p

A model that learned such codes has drawn the map itself. Nothing is lost on the way, so no neighbour lies on it; how
the decoder stretches it from place to place is another question.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manigen.cards import Card
from manigen.errors import BadInput
from manigen.projections.base import Embedding, Progress

card = Card(
    title="As it is",
    sentence="Draws codes of two or three numbers where they lie; nothing is projected, so nothing is lost.",
    reference="Bengio, Courville, Vincent 2013, Representation Learning: A Review and New Perspectives",
    link="https://arxiv.org/abs/1206.5538",
    facts={
        "transform": "native: the code itself",
        "inverse_transform": "native: the place itself",
        "widest": 3,
    },
)


def embed(z: np.ndarray, seed: int, dims: int, progress: Progress) -> Embedding:
    """Return the codes z (n, d) as places (n, dims), missing numbers 0. Raises `BadInput` where d is above dims."""
    progress(0.0, "drawing the codes as they are", None)
    d = z.shape[1]
    if d > dims:
        raise BadInput(f"Codes of {d} numbers cannot be drawn as they are in {dims}-D; choose another map.")
    arrays = {"shape": np.array([d, dims])}
    return Embedding(transform(z, arrays), arrays, (f"The codes have {d} numbers: the map is the codes themselves.",))


def transform(z: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return codes z (m, d) as places (m, dims)."""
    d, dims = arrays["shape"]
    return np.pad(z, ((0, 0), (0, int(dims - d))))


def inverse_transform(p: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return places p (m, dims) as codes (m, d)."""
    return p[:, : int(arrays["shape"][0])]
