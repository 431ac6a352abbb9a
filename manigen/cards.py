"""Cards: what a model, a map, a path, a measure, a data set or a lesson says of itself.

One idea is one file, and the file carries one `card`. From the card come the picker's entry, the sliders, the share
link, the option on the command line and the contract tests; nothing else has to be edited.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from manigen.errors import BadInput

Value = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting a person may turn: its standard name, default, range and a sentence of help.

    A knob's type is its default's type. Numbers lie in [`low`, `high`]; a knob with `choices` takes one of them. A page
    calls it by its `title`, where it has one, and by its name.
    """

    name: str
    default: Value
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[Value, ...] = ()
    log: bool = False  # a slider for it is drawn on a logarithmic scale
    title: str = ""
    finer: bool = False  # well set as it is, for each model where it was measured: a page keeps it behind the others

    def check(self, value: Any) -> Value:
        """Return `value` as this knob's type, or raise `BadInput` naming the range. Text from a terminal is parsed."""
        kind = type(self.default)
        try:
            if kind is bool:
                parsed: Value = value if isinstance(value, bool) else _truth(value)
            elif kind is int:
                parsed = int(value) if float(value) == int(float(value)) else _fail()
            else:
                parsed = kind(value)
        except (TypeError, ValueError, OverflowError):
            raise BadInput(f"{self.name} must be {_WORDS[kind]}, not {str(value)[:60]!r}.") from None
        if self.choices and parsed not in self.choices:
            raise BadInput(f"{self.name} must be one of {', '.join(map(str, self.choices))}, not {parsed!r}.")
        if isinstance(parsed, int | float) and not isinstance(parsed, bool):
            low, high = (-math.inf if self.low is None else self.low), (math.inf if self.high is None else self.high)
            if not low <= parsed <= high or not math.isfinite(parsed):
                raise BadInput(f"{self.name} must lie between {low:g} and {high:g}, not at {parsed:g}.")
        return parsed


def weight(name: str, default: float, help: str, high: float, title: str = "") -> Knob:
    """Return the knob of a loss term's weight, in [0, `high`]; at 0 the term is left out."""
    return Knob(name, default, help, 0.0, high, log=True, title=title)


@dataclass(frozen=True, slots=True)
class Card:
    """The face of one idea: a title, one sentence for a student, where it comes from, and its knobs."""

    title: str
    sentence: str
    reference: str  # authors, title, year
    link: str  # URL or DOI
    knobs: tuple[Knob, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)  # what one kind of card needs beyond the rest

    def settings(self, given: Mapping[str, Any] | None = None) -> dict[str, Value]:
        """Return every knob's value: the default, or what was `given`, checked.

        >>> Card("Title", "Sentence.", "Source", "", (Knob("k", 15, "neighbours", 2, 200),)).settings({"k": "30"})
        {'k': 30}
        """
        return {knob.name: knob.default for knob in self.knobs} | self.typed(given or {})

    def typed(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """Return the knobs that were `given`, and no others, checked."""
        unknown = sorted(set(given) - {knob.name for knob in self.knobs})
        if unknown:
            known = ", ".join(knob.name for knob in self.knobs) or "none"
            raise BadInput(f"{self.title} has no knob {unknown[0]!r}; its knobs are: {known}.")
        return {knob.name: knob.check(given[knob.name]) for knob in self.knobs if knob.name in given}


_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _truth(value: Any) -> bool:
    text = str(value).strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise ValueError(value)


def _fail() -> int:
    raise ValueError
