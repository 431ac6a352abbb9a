"""Turning: a card's knobs as widgets, each under its standard name."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from manigen.cards import Knob, Value
from manigen.ui.text import card_text, knob_text


def turn(prefix: str, knob: Knob, value: Value | None = None, label: str = "", disabled: bool = False) -> Any:
    """Show one knob, at `value` or at its default, and return its value; widgets of one `prefix` are one set."""
    label = label or f"{knob_text(knob.title)} `{knob.name}`".strip()
    form: dict[str, Any] = {"key": f"{prefix}:{knob.name}", "help": knob_text(knob.help), "disabled": disabled}
    value = knob.default if value is None else value
    if knob.choices:
        index = list(knob.choices).index(value)
        return st.selectbox(label, list(knob.choices), index, format_func=named, **form)
    if isinstance(knob.default, bool):
        return st.toggle(label, bool(value), **form)
    assert knob.low is not None and knob.high is not None
    if isinstance(knob.default, int):
        return st.slider(label, int(knob.low), int(knob.high), int(value), 1, **form)
    if knob.log:
        return st.select_slider(label, stops(knob, float(value)), float(value), _short, **form)
    step = 0.01 if knob.high - knob.low <= 6 else 0.1 if knob.high - knob.low <= 10 else 0.5
    return st.slider(label, float(knob.low), float(knob.high), float(value), step, **form)


def stops(knob: Knob, value: float) -> list[float]:
    """Return where a logarithmic knob stops: at all numbers of two digits from a hundredth of its default up, and here.

    Its lowest, which may be 0, is a stop as well; where 0 is the default, 0.01 is the next.
    """
    low, high = float(knob.low or 0), float(knob.high or 0)
    least = max(low, 10.0 ** math.floor(math.log10(float(knob.default or 1) / 100)))
    decades = range(math.floor(math.log10(least)), math.floor(math.log10(high)) + 1)
    fine = (float(f"{digits}e{decade - 1}") for decade in decades for digits in range(10, 100))
    return sorted({low, high, value, *(stop for stop in fine if least <= stop <= high)})


def _short(stop: float) -> str:
    return f"{stop:g}"


def named(choice: Any) -> str:
    """Return what a choice is called: by the card that offers it, where its word is also the label of a knob."""
    said = card_text(str(choice))
    return knob_text(said) if said == choice else said
