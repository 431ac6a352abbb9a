"""fog MODEL: fit companions to a model that has one decoder, so that it too says where it is guessing."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from manigen.verbs.base import Result, load, model, say

help = "give a model with one decoder its fog"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")


def run(given: Namespace) -> Result:
    from manigen import companions, weights

    generator, codes = load(given.model), weights.codes(model(given.model))
    if generator.members > 1:
        found = companions.own(generator, codes)
        say(found.words.rstrip("."))
        return {"model": generator.name, "members": generator.members, "own": True, **_told(found)}
    shown = -1

    def progress(share: float, words: str) -> None:
        nonlocal shown
        if int(20 * share) > shown:
            shown = int(20 * share)
            print(f"{share:4.0%} {words}", file=sys.stderr, flush=True)

    found = companions.fit(generator, codes, progress)
    say(found.words.rstrip("."))
    return {
        "model": generator.name,
        "members": 1 + len(found.decoders),
        "own": False,
        **_told(found),
    }


def _told(found: Any) -> Result:
    """How well decoders have learned, and whether what they disagree by means anything."""
    return {
        "error": found.error,
        "missed": found.missed,
        "thicker_far_from_data": found.apart,
        "meaningful": found.meaningful,
    }
