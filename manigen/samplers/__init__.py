"""Samplers: where to drop the pins.

Drawing a picture needs a code, and where codes are drawn from is a second model, fitted after the first. Each file is
one: a `card` and a class `Sampler` with `fit(z, seed, progress)`, `sample(n, seed)` and `arrays()` / `from_arrays()`
for saving. The one constraint: the same codes and seed give the same draws, and what it stores is small.
Not promised: that a sampler knows holes between the codes; a smooth one covers them too (`generator.reject` drops the
draws over which the decoder is steepest, which is where they show).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import checks, seeds
from manigen.cards import Card
from manigen.discovery import discover, find
from manigen.errors import BadFile, BadInput
from manigen.samplers.base import Progress, silent

__all__ = ["Progress", "card_of", "cards", "fit", "from_arrays", "silent"]


def cards() -> dict[str, Card]:
    """Return every sampler's card by name."""
    return {name: module.card for name, module in discover(__name__).items()}


def card_of(name: str) -> Card:
    """Return a sampler's card, or raise `UnknownName` with the list of those there are."""
    card: Card = find(__name__, name).card
    return card


def fit(name: str, z: np.ndarray, seed: int = 0, progress: Progress = silent, **knobs: Any) -> Any:
    """Return the sampler called `name` fitted to codes z (n, d).

    `progress` hears the share that is done, in [0, 1]; an exception raised in it stops the fit and comes out here.
    Raises `UnknownName` for a name that is not there, `BadInput` for a knob or codes it cannot take.
    """
    module = find(__name__, name)
    z = checks.codes(z)
    if len(z) < 2:
        raise BadInput("A sampler is fitted to two codes or more, and there is one.")
    return module.Sampler(**module.card.settings(knobs)).fit(z, seeds.check(seed), progress)


def from_arrays(name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Return the sampler called `name` as it was when its `arrays()` were taken; `BadFile` if they are of another."""
    sampler = find(__name__, name).Sampler
    try:
        return sampler.from_arrays(arrays)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise BadFile(f"These arrays are no {name} sampler this version can read ({error}).") from error
