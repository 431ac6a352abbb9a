"""Measures: numbers about models and maps, one file each.

A map always lies somewhere and a model always loses something; a measure says how much, in one number with a known best
value. Each file holds one: a `card` that names its source, and `measure(...) -> float`, with

    measure(z, p, k, sample, seed)     for a map: codes z (n, d) and their places p (n, 2 or 3); facts["of"] = "map"
    measure(generator, x, seed)        for a generator and images x (n, c, h, w); facts["of"] = "generator"

The one constraint: the same input and seed give the same number, in bounded memory, however much data comes in; what is
estimated from a sample says so. Not promised: that one number is enough. A map can keep all neighbours and no distance,
a blurred model can have the smallest error.

To add one, write one file; `facts["needs"] = "encoder"` leaves out generators that have none, and
`facts["fewest"] = 6` data sets of fewer than six held-out pictures.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from manigen.cards import Card
from manigen.discovery import discover

__all__ = ["cards", "of_generator", "of_map"]


def cards() -> dict[str, Card]:
    """Return every measure's card by name."""
    return {name: module.card for name, module in discover(__name__).items()}


def of_map(fitted: Any, seed: int = 0, only: Collection[str] | None = None) -> dict[str, float]:
    """Return every measure of a map, or `only` those named: anything with codes `z` (n, d) and places `p` (n, 2 or 3).

    k is 15, or as many neighbours as fewer than 31 codes allow; of one or two codes nothing can be said, and the
    result is empty.
    """
    k = min(15, (len(fitted.z) - 1) // 2)
    if k < 1:
        return {}
    return {name: module.measure(fitted.z, fitted.p, k=k, seed=seed) for name, module in _of("map", only).items()}


def of_generator(generator: Any, images: Any, seed: int = 0, only: Collection[str] | None = None) -> dict[str, float]:
    """Return every measure of a generator on held-out pictures by name, or `only` those named.

    `images` are `Images`, or an array (n, c, h, w) of uint8 or in [0, 1]. A generator without an encoder has no
    measures that need one, and few pictures none that need more.
    """
    x = np.asarray(getattr(images, "x", images))
    able = {
        name: module
        for name, module in _of("generator", only).items()
        if (module.card.facts.get("needs") != "encoder" or generator.encodes)
        and len(x) >= module.card.facts.get("fewest", 1)
    }
    return {name: module.measure(generator, x, seed=seed) for name, module in able.items()}


def _of(what: str, only: Collection[str] | None) -> dict[str, Any]:
    return {
        name: module
        for name, module in discover(__name__).items()
        if module.card.facts["of"] == what and (only is None or name in only)
    }
