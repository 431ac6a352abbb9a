"""Ablation: what a model's loss loses with each of its terms.

One term is taken away at a time and the model trained anew, over several seeds. A change counts where it is larger than
chance makes it: where the figures of all seeds with the term lie on one side of those of all seeds without it. With one
seed nothing can be said about chance, and no change counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from manigen.cards import Card
from manigen.comparison import ordered
from manigen.errors import BadFile


@dataclass(frozen=True)
class Change:
    """What one measure does when a term is taken away: means over the seeds with it and without it.

    `beyond` is True where all seeds of the one lie on one side of all seeds of the other; `worse` is None where no
    value of the measure is better than another.
    """

    measure: str
    full: float
    without: float
    low: float  # the smallest and the largest figure without the term
    high: float
    beyond: bool
    worse: bool | None

    @property
    def change(self) -> float:
        return self.without - self.full


@dataclass(frozen=True)
class Ablation:
    """All changes, by the term that was taken away, and each measure's mean, smallest and largest with all terms."""

    data: str
    images: int
    seeds: tuple[int, ...]
    measures: tuple[str, ...]
    full: Mapping[str, tuple[float, float, float]]
    terms: Mapping[str, tuple[Change | None, ...]]  # in the order of `measures`


def read(content: Any, known: Mapping[str, Card]) -> Ablation:
    """Return the ablation that a file's content holds; measures that are not `known` have no better or worse.

    `content` is {"data": name, "images": n, "seeds": [..], "terms": {"full": {measure: [a figure for each seed]},
    term: {...}}}. Raises `BadFile` where it is not.
    """
    try:
        runs = {
            str(term): {str(name): _figures(values) for name, values in figures.items()}
            for term, figures in content["terms"].items()
        }
        full = runs.pop("full")
        data, images = str(content["data"]), int(content["images"])
        seeds = tuple(int(seed) for seed in content["seeds"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadFile(
            "The ablation file must hold data, images, seeds and terms, with lists of figures for `full` and each term."
        ) from None
    names = ordered(full)
    spreads = {name: (sum(full[name]) / len(full[name]), min(full[name]), max(full[name])) for name in names}
    terms = {
        term: tuple(_change(name, full[name], figures[name], known) if name in figures else None for name in names)
        for term, figures in runs.items()
    }
    return Ablation(data, images, seeds, tuple(names), spreads, terms)


def _figures(values: Any) -> list[float]:
    figures = [float(value) for value in values]
    if not figures or not all(math.isfinite(value) for value in figures):
        raise ValueError
    return figures


def _change(name: str, full: list[float], without: list[float], known: Mapping[str, Card]) -> Change:
    a, b = sum(full) / len(full), sum(without) / len(without)
    several = len(full) > 1 and len(without) > 1  # one seed alone has no spread to be beyond
    beyond = several and (max(full) < min(without) or max(without) < min(full))
    aim = known[name].facts.get("best") if name in known else None
    return Change(name, a, b, min(without), max(without), beyond, None if aim is None else abs(b - aim) > abs(a - aim))
