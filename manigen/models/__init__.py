"""Models: generators, one file each.

A generator turns a code z (d numbers) into a picture x in [0, 1]; where it has an encoder it goes back as well. Each
file of this room holds one family: a `card` and one class `Model` whose keyword arguments are the card's knobs. To
write a new one, subclass `Generator`, name its players (the groups of weights that take turns in training), and return
named losses for each; training, weights, pages and the terminal take it from there.

One constraint: a picture must not depend on the others in its batch and must be smooth in its code, so decoders use
no batch norm and no ReLU. Not promised: that codes of two families, or of two seeds, mean the same.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from manigen import seeds
from manigen.cards import Card
from manigen.discovery import discover, find
from manigen.errors import unknown
from manigen.models.base import Generator

__all__ = ["Generator", "build", "card_of", "cards", "complete"]

_borrowed = threading.Lock()  # held while torch's global stream is lent out


def cards() -> dict[str, Card]:
    """Return every family's card by name."""
    return {name: module.card for name, module in discover("manigen.models").items()}


def card_of(family: str) -> Card:
    """Return a family's card, or raise `UnknownName` with the list of those there are."""
    families = cards()
    if family not in families:
        raise unknown("family", family, list(families))
    return families[family]


def complete(family: str, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """Return all knobs of a family: those of a model made earlier, and the defaults of any that came since."""
    return {**card_of(family).settings(), **knobs}


def build(family: str, shape: tuple[int, int, int], seed: int = 0, **knobs: Any) -> Generator:
    """Return an untrained generator of a `family` for pictures of `shape` (c, h, w), its weights drawn from `seed`.

    Raises `UnknownName` for a family that is not there and `BadInput` for a knob or a shape it cannot take.
    """
    import torch

    settings = card_of(family).settings(knobs)
    module = find("manigen.models", family)
    seed = seeds.check(seed)
    with _borrowed, torch.random.fork_rng(devices=[]):  # layers draw from that stream: borrow it, leave it as it was
        torch.default_generator.manual_seed(seed)
        model = module.Model(shape, **settings)
    model.family, model.knobs, model.seed = family, settings | model.fixed, seed
    return model.eval()
