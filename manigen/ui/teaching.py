"""Teaching: lessons as the Learn page's front end wants them, in the present language, with figures filled in."""

from __future__ import annotations

import base64
import inspect
from functools import cache
from typing import Any

from manigen import lessons
from manigen.cards import Knob
from manigen.errors import ManigenError
from manigen.lessons import _bench
from manigen.lessons.base import Question
from manigen.ui import answers
from manigen.ui.text import all_text, language


def heads() -> list[dict[str, Any]]:
    """Return what the overview shows of each lesson, in the order they are taught."""
    tongue = language()
    cards = lessons.cards()
    return [
        {
            "name": name,
            "number": cards[name].facts["number"],
            "minutes": cards[name].facts["minutes"],
            "title": lessons.open_lesson(name).lesson.title.in_(tongue),
            "sentence": lessons.open_lesson(name).lesson.sentence.in_(tongue),
            "face": _face(name),
            "optional": bool(cards[name].facts.get("optional")),
            "done": "prediction" in answers.keeper().of(name),
        }
        for name in lessons.in_order()
    ]


@cache
def _face(name: str) -> str:
    """A lesson's picture as a data URL."""
    path = _bench.FOLDER / "faces" / f"{name}.webp"
    return f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}" if path.is_file() else ""


@cache
def formula(latex: str) -> str:
    """Return a formula as MathML, which browsers draw by themselves; its parts stand under one another."""
    from latex2mathml.converter import convert

    parts = [part.strip(" ,") for part in latex.split(r"\qquad")]
    if len(parts) == 1:
        return convert(latex, display="block")
    rows = r" \\ ".join(parts)
    made = convert(rf"\begin{{array}}{{c}} {rows} \end{{array}}", display="block")
    return made.replace("<mtable>", '<mtable displaystyle="true" rowspacing="0.7em">')


@cache
def told(name: str, tongue: str) -> dict[str, Any]:
    """Return all that is asked and said in a lesson; the same for everybody."""
    module = lessons.open_lesson(name)
    lesson, card, numbers = module.lesson, module.card, lessons.numbers(name)

    def question(of: Question) -> dict[str, Any]:
        return {
            "ask": of.ask.in_(tongue, numbers),
            "options": [option.in_(tongue, numbers) for option in of.options],
            "right": of.answer(numbers),
            "why": of.why.in_(tongue, numbers),
        }

    def knob(of: Knob) -> dict[str, Any]:
        labels = lesson.knobs
        return {
            "name": of.name,
            "label": labels[of.name].in_(tongue) if of.name in labels else "",
            "type": type(of.default).__name__,
            "low": of.low,
            "high": of.high,
            "log": of.log,
            "default": of.default,
            "help": of.help if tongue == "en" else "",
            "choices": [
                {
                    "value": value,
                    "label": labels[key].in_(tongue) if (key := f"{of.name}={value}") in labels else str(value),
                }
                for value in of.choices
            ],
        }

    return {
        "name": name,
        "number": card.facts["number"],
        "minutes": card.facts["minutes"],
        "title": lesson.title.in_(tongue),
        "question": lesson.question.in_(tongue, numbers),
        "prediction": question(lesson.prediction),
        "tries": list(lesson.tries),
        "task": lesson.task.in_(tongue, numbers),
        "reveal": lesson.reveal.in_(tongue, numbers),
        "shows": dict(lesson.shows),
        "checks": [question(check) for check in lesson.checks],
        "why": lesson.why.in_(tongue, numbers),
        "formula": formula(lesson.formula_in(tongue)),
        "reference": card.reference,
        "link": card.link,
        "playOn": lesson.play_on.in_(tongue, numbers),
        "knobs": [knob(of) for of in card.knobs],
        "plays": lesson.plays,
        "tick": lesson.tick,
        "source": inspect.getsource(module.scene),
    }


def own_words() -> dict[str, str]:
    """Return the Learn page's own words in the present language."""
    return {key: words for key, words in all_text().items() if key.startswith("learn_") or key == "generated"}


def spelled(name: str, knobs: dict[str, Any]) -> str:
    """Return knobs as a link spells them, those at their defaults left out: "angle:30~between:0.5"."""
    card = lessons.cards()[name]
    typed = card.typed(knobs)
    return "~".join(
        f"{knob.name}:{round(value, 4) if isinstance(value := typed[knob.name], float) else value}"
        for knob in card.knobs
        if knob.name in typed and typed[knob.name] != knob.default
    )


def unspelled(name: str, text: str | None) -> dict[str, Any]:
    """Return every knob of a lesson, as a link spells them; what cannot be read stays at its default."""
    card = lessons.cards()[name]
    given: dict[str, Any] = {}
    for part in (text or "").split("~"):
        key, _, value = part.partition(":")
        try:
            given |= card.typed({key: value})
        except ManigenError:
            continue
    return card.settings(given)
