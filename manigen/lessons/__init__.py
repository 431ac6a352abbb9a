"""Lessons: what a class can find out in eight minutes, one file each.

A lesson is one question, a prediction that is made before anything moves, a scene that answers, the one surprising
thing with its number, and a few questions to see whether it was understood. Each file holds

    card       title, sentence, source, knobs, and facts: number (its place in the order) and minutes
    lesson     a `Lesson`: what is asked and said, in English and Chinese side by side
    scene      knobs in, a `Scene` out: pictures, plots and numbers, the same ones for the same knobs
    numbers    every figure that a sentence of the lesson states, measured on the spot from the same data
    claims     what those figures have to obey for the lesson to be true; the tests hold it

The one constraint: a lesson is pure. It knows no page, no session, no clock; what it draws is arrays. So a scene runs on
the live path, in a test, in a printed sheet and in a notebook alike. Sentences state figures as {blanks}, never as
digits, so that a model trained anew cannot make a sentence false unseen.

To add one, write one file; the overview, the link, the worksheets and the contract tests find it.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

from manigen import files
from manigen.cards import Card
from manigen.discovery import discover, find
from manigen.lessons import _bench
from manigen.lessons.base import Lesson, Scene, Words, say

__all__ = ["Lesson", "Scene", "Words", "cards", "in_order", "numbers", "open_lesson", "say", "scene"]


def cards() -> dict[str, Card]:
    """Return every lesson's card by its name."""
    return {name: module.card for name, module in discover(__name__).items()}


def in_order() -> list[str]:
    """Return the lessons' names in the order they are taught in."""
    known = cards()
    return sorted(known, key=lambda name: known[name].facts["number"])


def open_lesson(name: str) -> ModuleType:
    """Return a lesson's file. Raises `UnknownName`."""
    return find(__name__, name)


def scene(name: str, knobs: dict[str, Any] | None = None) -> Scene:
    """Return what a lesson shows for these knobs, the others at their defaults. Raises `UnknownName`, `BadInput`."""
    module = open_lesson(name)
    return module.scene(**module.card.settings(knobs))


@cache
def numbers(name: str) -> dict[str, Any]:
    """Return every figure that a lesson's sentences state.

    They were measured when the lessons were prepared, so that a lesson opens at once; the tests measure them again. Those
    of a lesson that was not prepared are measured now.
    """
    told = files.read_json(_bench.FOLDER / "numbers.json") if (_bench.FOLDER / "numbers.json").is_file() else {}
    return told.get(name) or open_lesson(name).numbers()
