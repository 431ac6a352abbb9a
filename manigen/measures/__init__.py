"""Measures: numbers about models and maps, one file each.

A map always lies somewhere and a model always loses something; a measure says how much, in one number with a known best
value. Each file holds one: a `card` that names its source, and `measure`, with

    measure(z, p, k, sample, seed) -> float     for a map: codes z (n, d) and their places p (n, 2 or 3);
                                                facts["of"] = "map"
    measure(context, ...) -> Result             for a generator: a `Context` holds it beside real pictures, and
                                                the samples, features and codes that all measures share;
                                                facts["of"] = "generator"

A `Result` is never a number alone: beside it stand what real pictures get in the model's place, and n.

    report = measures.report(generator, train, test)
    report["coverage"]      Result(value=0.81, real=0.96, n=10000, error=None, details={...})

The one constraint: the same input and seed give the same number, in bounded memory, however much data comes in; what is
estimated from a sample says so. Not promised: that one number is enough. A map can keep all neighbours and no distance,
a blurred model can have the smallest error.

To add one, write one file. `facts["needs"]`, some of ("encoder", "codes", "train", "labels", "classifier", "angle"),
and `facts["fewest"]`, a number of held-out pictures, leave out what it cannot be measured on; `facts["features"] =
True` has the features it compares in named beside the figure; `facts["best"]` is None where no value is better than
another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from manigen.cards import Card
from manigen.discovery import discover
from manigen.errors import NotPossible, unknown
from manigen.measures import _cache
from manigen.measures._context import Context, Result, Walker
from manigen.measures._distortion import Distortion
from manigen.measures._distortion import of as distortion
from manigen.measures._features import make as train_features
from manigen.measures._features import reader
from manigen.measures._pullback import ellipses
from manigen.measures._pullback import on_map as pulled_back
from manigen.measures._stability import Stability
from manigen.nearest import MANY

__all__ = [
    "Context",
    "Distortion",
    "Result",
    "Stability",
    "Walker",
    "cards",
    "distortion",
    "ellipses",
    "flat",
    "of_generator",
    "of_map",
    "pulled_back",
    "reader",
    "report",
    "train_features",
]


def cards() -> dict[str, Card]:
    """Return every measure's card by name."""
    return {name: module.card for name, module in discover(__name__).items()}


def of_map(fitted: Any, seed: int = 0, only: Collection[str] | None = None) -> dict[str, float]:
    """Return every measure of a map, or `only` those named: anything with codes `z` (n, d) and places `p` (n, 2 or 3).

    k is 15, or as many neighbours as fewer than 31 codes allow; of one or two codes nothing can be said, and the
    result is empty. Of more than 100,000 codes it is measured on a drawn sample, as on the page; see `_distortion`.
    """
    k = min(15, (len(fitted.z) - 1) // 2)
    if k < 1:
        return {}
    if len(fitted.z) > MANY:
        found = distortion(fitted.z, fitted.p, seed).figures
        return {name: found[name][0] for name in _of("map", only)}
    return {name: module.measure(fitted.z, fitted.p, k=k, seed=seed) for name, module in _of("map", only).items()}


def report(
    generator: Any,
    train: Any,
    test: Any,
    seed: int = 0,
    only: Collection[str] | None = None,
    n: int = 10_000,
    progress: Callable[[int, int, str], None] = lambda done, of, title: None,
    cached: bool = True,
    walker: Walker | None = None,
) -> dict[str, Result]:
    """Return every measure of a generator by name, or `only` those named, each beside its real-against-real value.

    `test` are held-out pictures and `train` those it learned from: `Images`, or arrays (n, c, h, w) of uint8 or in
    [0, 1]; `train` may be None, and no figure then has a real one beside it. `generator` is anything with
    `sample(n, seed)`; what needs codes, an encoder, labels or more pictures than there are is left out. `n` bounds the
    pictures of each kind that are compared; `walker` says how walks are walked, along straight lines without one.

    `progress` hears, before each measure, how many are done, of how many, and the title of the next; what it raises
    ends the report. Figures are kept in the user's cache by the hash of weights, pictures, seed and n, unless `cached`
    is False, so a report that was stopped goes on where it was.

    Raises `BadInput` where pictures are not of the generator's shape, `UnknownName` for a measure that is not there.
    """
    context = Context(generator, test, train, seed, n, walker)
    asked = {name: module for name, module in _of("generator", only).items() if context.able(module.card)}
    of = _cache.key(context) if cached and asked else None
    found: dict[str, Result] = {}
    for done, (name, module) in enumerate(asked.items()):
        progress(done, len(asked), module.card.title)
        kept = None if module.card.facts.get("machine") else _cache.read(of, name)
        if kept is None:
            try:
                kept = module.measure(context)
            except NotPossible:
                continue
            if module.card.facts.get("features"):
                kept = replace(kept, details={**kept.details, "features": str(context.extractor)})
            _cache.write(of, name, kept)
        found[name] = kept
    progress(len(asked), len(asked), "")
    return found


def of_generator(
    generator: Any, images: Any, seed: int = 0, only: Collection[str] | None = None, train: Any = None, n: int = 10_000
) -> dict[str, float]:
    """Return every measure of a generator on held-out pictures as a number by its name, or `only` those named.

    The short form of `report`, without the cache; what depends on the machine is left out unless it is named.
    """
    found = report(generator, train, images, seed, only, n, cached=False)
    machine = {name for name, card in cards().items() if card.facts.get("machine")}
    return {name: result.value for name, result in found.items() if only is not None or name not in machine}


def flat(results: Mapping[str, Result]) -> dict[str, float | int | str]:
    """Return a report as one level of names and numbers, for JSON and for a model's card.

    `coverage` comes with `coverage_real`, `coverage_n` and, where there is one, `coverage_error`; `features` names the
    features that pictures were compared in.

    >>> flat({"coverage": Result(0.8, 0.97, 500)})
    {'coverage': 0.8, 'coverage_real': 0.97, 'coverage_n': 500}
    """
    line: dict[str, float | int | str] = {}
    for name, result in results.items():
        line[name] = result.value
        beside = {"real": result.real, "n": result.n, "error": result.error}
        line |= {f"{name}_{what}": number for what, number in beside.items() if number is not None}
        if "features" in result.details:
            line["features"] = result.details["features"]
        line |= result.details.get("beside", {})
    return line


def _of(what: str, only: Collection[str] | None) -> dict[str, Any]:
    known = discover(__name__)
    for name in only or ():
        if name not in known:
            raise unknown("measure", name, list(known))
    return {
        name: module
        for name, module in known.items()
        if module.card.facts["of"] == what and (only is None or name in only)
    }
