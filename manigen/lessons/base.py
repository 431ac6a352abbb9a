"""What every lesson is made of: words in two languages, questions, and scenes of pictures, plots and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

Numbers = Mapping[str, Any]


class Words(NamedTuple):
    """The same sentence in English and in Simplified Chinese; {blanks} are filled from a lesson's numbers."""

    en: str
    zh: str

    def in_(self, language: str, numbers: Numbers | None = None) -> str:
        """Return the sentence in "en" or "zh", its blanks filled in.

        >>> say("{n:.0f} numbers", "{n:.0f} 个数").in_("zh", {"n": 2.2})
        '2 个数'
        """
        sentence = self.zh if language == "zh" else self.en
        return sentence.format(**numbers) if numbers is not None else sentence


def say(en: str, zh: str) -> Words:
    """Return a sentence in both languages."""
    return Words(en, zh)


@dataclass(frozen=True)
class Question:
    """Something to commit to: a sentence, options, which of them is right, and why.

    `right` is the option's index, or finds it from the lesson's numbers: what the model shows decides, not the author.
    """

    ask: Words
    options: tuple[Words, ...]
    right: int | Callable[[Numbers], int]
    why: Words

    def answer(self, numbers: Numbers) -> int:
        """Return the index of the right option."""
        return self.right(numbers) if callable(self.right) else self.right


@dataclass(frozen=True)
class Lesson:
    """What is asked and said. `tries` are the knobs of the first interactive; "play on" has them all."""

    title: Words
    sentence: Words
    question: Words
    prediction: Question
    tries: tuple[str, ...]
    task: Words  # what to do with them
    reveal: Words
    shows: Mapping[str, Any]  # the knobs at which the scene shows what the reveal says
    checks: tuple[Question, ...]
    why: Words  # what is really going on
    formula: str  # in LaTeX; the words in it are English
    play_on: Words
    usually_wrong: Words  # for the teacher
    knobs: Mapping[str, Words] = field(default_factory=dict)  # a label for each knob, and for each choice "knob=choice"
    figures: Mapping[str, Words] = field(default_factory=dict)  # a name for each of the lesson's `numbers`
    formula_words: Mapping[str, str] = field(default_factory=dict)  # the formula's words, in Chinese
    plays: str = ""  # a knob that can be run through like a film, a step at a time, slowly, or at full speed
    tick: float = 0.02  # how far a step takes it

    def formula_in(self, language: str) -> str:
        """Return the formula in LaTeX, its words in "en" or "zh"."""
        formula = self.formula
        for english, chinese in self.formula_words.items() if language == "zh" else ():
            formula = formula.replace(rf"\text{{{english}}}", rf"\text{{{chinese}}}")
        return formula


# --- scenes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures uint8 (n, h, w, c), `columns` side by side, each with a caption and a level of trust where there are any.

    `pick` names a knob that is set to the number of a picture when it is pressed; where `many` is more than one, to
    the numbers of those that are pressed, with "-" between.
    """

    title: Words
    x: np.ndarray
    columns: int = 0
    captions: tuple[Words, ...] = ()
    levels: tuple[str, ...] = ()  # near, edge or far
    pick: str = ""
    many: int = 1
    picked: tuple[int, ...] = ()
    large: bool = False
    generated: bool = True


@dataclass(frozen=True, eq=False)
class Dots:
    """Points (n, 2 or 3), coloured by `group` (n,) whole numbers, or by `value` (n,) numbers, or plain."""

    p: np.ndarray
    group: np.ndarray | None = None
    value: np.ndarray | None = None
    size: float = 3.0
    faint: bool = False
    label: Words | None = None
    colour: int = -1  # of the palette, where all are alike; -1 is grey


@dataclass(frozen=True, eq=False)
class Line:
    """A line through points (n, 2 or 3)."""

    p: np.ndarray
    colour: int = 0
    dashed: bool = False
    label: Words | None = None
    width: float = 2.5


@dataclass(frozen=True, eq=False)
class Heat:
    """Values (rows, columns), the first row at the bottom, over x from `low[0]` to `high[0]`, y likewise."""

    values: np.ndarray
    low: tuple[float, float]
    high: tuple[float, float]
    signed: bool = False  # two-sided, 0 in the middle
    crisp: bool = False  # each value a square, nothing between them made up


@dataclass(frozen=True, eq=False)
class Bars:
    """One bar for each value (n,), a name under each, `ahead` marked."""

    values: np.ndarray
    names: tuple[Words, ...]
    ahead: int = -1
    unit: str = ""


@dataclass(frozen=True, eq=False)
class Mark:
    """A place (2 or 3 numbers) that stands out, such as where the hand is."""

    p: tuple[float, ...]
    label: Words | None = None
    colour: int = 1


@dataclass(frozen=True, eq=False)
class Plot:
    """Layers in one frame. `hand` names two knobs that follow a pointer on it; `alt` says what is to be seen.

    Where the layers' points have three numbers the frame can be turned.
    """

    title: Words
    layers: tuple[Dots | Line | Heat | Bars | Mark, ...]
    alt: Words
    x: Words | None = None
    y: Words | None = None
    hand: tuple[str, str] | None = None
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    square: bool = True
    tall: bool = False


@dataclass(frozen=True)
class Number:
    """A figure with its name, and a level of trust where it has one."""

    name: Words
    value: str | Words
    level: str = ""
    help: Words | None = None


@dataclass(frozen=True)
class Scene:
    """What is to be seen: panels in reading order, and figures under them.

    `layout` says where the panels lie on a wide page, a letter for each, the first "a": one text for each row, as in
    ("aab", "ccc"). A row or a letter that is repeated makes its panels larger. Without it every panel has its own row.
    """

    panels: tuple[Pictures | Plot, ...]
    figures: tuple[Number, ...] = ()
    layout: tuple[str, ...] = ()
