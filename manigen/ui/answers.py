"""Answers: what a student predicted and chose, and the settings kept as evidence.

One small interface, so that another keeper can stand behind it: a class-wide one with a database has to answer the same
two verbs. Here answers stay in the session and leave it only in the sheet that the student takes along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import streamlit as st

MOST_EVIDENCE = 6  # of a lesson


@dataclass(frozen=True)
class Answer:
    """An option chosen for a question of a lesson: `prediction`, or `check-1`, `check-2`, ...; the first one counts."""

    lesson: str
    question: str
    choice: int


class Keeper(Protocol):
    """Who keeps answers."""

    def record(self, answer: Answer) -> None:
        """Keep an answer; a question that has one keeps it."""

    def of(self, lesson: str) -> Mapping[str, int]:
        """Return the answers of a lesson: the chosen option by question."""


class Session:
    """Keeps the answers of one session."""

    def record(self, answer: Answer) -> None:
        self._all().setdefault(answer.lesson, {}).setdefault(answer.question, answer.choice)

    def of(self, lesson: str) -> dict[str, int]:
        return dict(self._all().get(lesson, {}))

    def _all(self) -> dict[str, dict[str, int]]:
        return st.session_state.setdefault("learn:answers", {})


def keeper() -> Keeper:
    """Return who keeps the present student's answers."""
    return Session()


def keep_evidence(lesson: str, knobs: dict[str, Any]) -> None:
    """Keep the settings of a scene, from which it can be drawn again exactly; the newest few stay."""
    kept = st.session_state.setdefault("learn:evidence", {}).setdefault(lesson, [])
    if knobs not in kept:
        kept.append(knobs)
    del kept[:-MOST_EVIDENCE]


def evidence(lesson: str) -> list[dict[str, Any]]:
    """Return the settings kept of a lesson."""
    return list(st.session_state.get("learn:evidence", {}).get(lesson, []))
