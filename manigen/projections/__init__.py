"""Projections: maps of the codes, one file each.

Codes have many numbers, a page has two directions. A projection lays the codes out flat so that codes near each other
lie near each other; how far it succeeds is for the `measures` to say, since every map lies somewhere.

The one constraint: a place on the map must lead back to a code, empty places included, so that a picture can follow the
pointer. Every map does so through `Map.inverse_transform`, the one door for it.

What is not promised: that directions, sizes or distances on a map mean anything (only PCA keeps straight lines), or
that two methods, two versions of a library or two machines agree. The same codes, knobs and seed give the same map on
one machine.

To add a projection, write one file with a `card` and

    embed(z, seed, dims, progress, **knobs) -> Embedding(p, arrays, notes, library)

and, where the method can say where new codes go or which code a place stands for, `transform(z, arrays) -> p` and
`inverse_transform(p, arrays) -> z`; where it cannot, the map asks its own points. The card's facts say which of the two
it is (`transform`, `inverse_transform`), and may set `fewest` (different codes it needs; with less, PCA stands in) and
`landmarks` (codes it can take in reasonable time; of more, it fits a sample and places the rest), `of_many` (the same
where there are more than 100,000 codes), `different` (copies
of a code are laid out once and share the place), `widest` (numbers a code may have).
"""

from __future__ import annotations

from typing import Any

from manigen.cards import Card
from manigen.discovery import discover, find
from manigen.projections._gpu import fitted_by
from manigen.projections.base import Embedding, Map, Progress, fitted_on

__all__ = ["Embedding", "Map", "Progress", "card_of", "cards", "fit_map", "fitted_by", "fitted_on"]


def cards() -> dict[str, Card]:
    """Return every projection's card by name."""
    return {name: module.card for name, module in discover(__name__).items()}


def card_of(method: str) -> Card:
    """Return a projection's card, or raise `UnknownName` with the list of those there are."""
    return find(__name__, method).card


def fit_map(
    z: Any, method: str = "umap", seed: int = 0, dims: int = 2, progress: Progress | None = None, **knobs: Any
) -> Map:
    """Return a map of codes z (n, d), fitted by `method` with its card's `knobs`; 2-D, or 3-D with dims=3.

    `progress(done, words, p)` is called while it is fitted: the share done in [0, 1], what is being done, the places so
    far or None. Raising from it stops the fit.
    Raises `UnknownName` for a method that is not there, `BadInput` for a knob out of range or codes not finite.

    >>> fit_map([[0.0, 0.0], [3.0, 4.0]], "pca").p.round(3)
    array([[-2.5,  0. ],
           [ 2.5,  0. ]], dtype=float32)
    """
    return Map(method, seed, dims, **knobs).fit(z, progress)
