"""What a lesson shows, on the live path: a scene for the knobs that a hand is turning.

The knobs are checked by the lesson's card; a lesson's name is only ever looked up among the lessons there are. A scene
is a pure function of its knobs, so a class that opens the same link, or turns to the same place, has it drawn once:
those who ask meanwhile wait for that one drawing.
"""

from __future__ import annotations

import threading
import time
from functools import lru_cache
from typing import Any

from manigen import lessons
from manigen.lessons import _wire
from manigen.live.engine import cpu_name
from manigen.live.protocol import Scene, frame

KEPT = 256  # scenes, of at most some 60 KB each


class _Drawing:
    """One scene, drawn by whoever asks first."""

    def __init__(self, lesson: str, knobs: dict[str, Any], language: str) -> None:
        self.wanted = lesson, knobs, language
        self.lock = threading.Lock()
        self.drawn: tuple[dict[str, Any], bytes] | None = None

    def get(self) -> tuple[dict[str, Any], bytes]:
        with self.lock:
            if self.drawn is None:
                lesson, knobs, language = self.wanted
                self.drawn = _wire.pack(lessons.scene(lesson, knobs), language)
            return self.drawn


@lru_cache(maxsize=KEPT)
def _drawing(lesson: str, knobs: tuple[tuple[str, Any], ...], language: str) -> _Drawing:
    return _Drawing(lesson, dict(knobs), language)


def answer(ask: Scene) -> bytes:
    """Return the frame of a scene. Raises `UnknownName`, `BadInput`."""
    began = time.perf_counter()
    knobs = lessons.open_lesson(ask.lesson).card.settings(ask.knobs)
    described, payload = _drawing(ask.lesson, tuple(knobs.items()), ask.language).get()
    header = {
        "id": ask.id,
        "op": ask.op,
        "channel": ask.channel,
        "lesson": ask.lesson,
        "device": cpu_name(),
        "ms": {"total": round(1e3 * (time.perf_counter() - began), 2)},
        "scene": described,
    }
    return frame(header, payload)
