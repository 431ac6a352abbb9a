"""Learn: lessons on real models; the overview, or the one that the link names."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from manigen import lessons
from manigen.errors import ManigenError
from manigen.ui import answers, components, sheets, state, teaching
from manigen.ui.text import language, text

STEPS = ("predict", "try", "reveal", "check", "why", "play", "end")

known = lessons.in_order()
name = state.from_link("lesson")
if name is not None and name not in known:
    st.warning(text("learn_unknown", name=name[:80]))
    name = None


def sent(value: str) -> dict[str, Any]:
    """What the browser has just said, if it is of the lesson on screen."""
    said = st.session_state["learn"].get(value) or {}
    return said if said.get("lesson") in (name, None) else {}


def take_open() -> None:
    """Open another lesson, or the overview."""
    asked = str(sent("open").get("name", ""))
    state.to_link(lesson=asked if asked in known else None, step=None, knobs=None, present=None)


def take_place() -> None:
    """Keep the step and the knobs in the link."""
    place = sent("place")
    step = place.get("step") if place.get("step") in STEPS else None
    try:
        knobs = teaching.spelled(str(name), place.get("knobs") or {})
    except (ManigenError, TypeError, AttributeError):
        return
    state.to_link(step=step, knobs=knobs or None)


def take_answers() -> None:
    """Keep the answers; the browser tells all of a lesson each time."""
    told = sent("answers").get("all")
    checks = [f"check-{i + 1}" for i in range(len(lessons.open_lesson(str(name)).lesson.checks))]
    for question in ("prediction", *checks) if isinstance(told, dict) else ():
        if isinstance(told.get(question), int):
            answers.keeper().record(answers.Answer(str(name), question, told[question]))


def take_evidence() -> None:
    """Keep the settings that were on screen for the student's sheet."""
    told = sent("evidence").get("all")
    for knobs in told[-answers.MOST_EVIDENCE :] if isinstance(told, list) else ():
        with suppress(ManigenError, TypeError, AttributeError):
            answers.keep_evidence(str(name), lessons.cards()[str(name)].typed(knobs))


def take_presenting() -> None:
    """Keep in the link whether the lesson is shown to a class."""
    state.to_link(present="1" if sent("presenting").get("on") else None)


def opened(name: str) -> dict[str, Any]:
    """The lesson, with this student's answers and the link's knobs."""
    told = teaching.told(name, language())
    values = teaching.unspelled(name, state.from_link("knobs"))
    return told | {
        "knobs": [knob | {"value": values[knob["name"]]} for knob in told["knobs"]],
        "answers": dict(answers.keeper().of(name)),
        "evidence": len(answers.evidence(name)),
    }


words = teaching.own_words()
components.mount(
    "learn",
    key="learn",
    data={
        "lessons": teaching.heads() if name is None else [],
        "lesson": opened(name) if name else None,
        "step": state.from_link("step"),
        "present": state.from_link("present") == "1",
        "language": language(),
        "text": words,
    },
    on_open_change=take_open,
    on_place_change=take_place,
    on_answers_change=take_answers,
    on_evidence_change=take_evidence,
    on_presenting_change=take_presenting,
)
if name:
    given, formula = (
        dict(answers.keeper().of(name)),
        teaching.formula(lessons.open_lesson(name).lesson.formula_in(language())),
    )
    with st.container(horizontal=True, key="learn-files"):
        for kind in ("sheet", "worksheet", "teacher"):
            st.download_button(
                text(f"learn_file_{kind}"),
                partial(sheets.page, kind, name, language(), words, given, answers.evidence(name), formula),
                f"{name}-{kind}.html",
                "text/html",
                on_click="ignore",
                key=f"file-{kind}",
                icon=":material/print:" if kind != "sheet" else ":material/assignment_ind:",
                help=text(f"learn_file_{kind}_help"),
            )
