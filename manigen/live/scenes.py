"""What a lesson shows, on the live path: a scene for the knobs that a hand is turning.

The knobs are checked by the lesson's card; a lesson's name is only ever looked up among the lessons there are.
"""

from __future__ import annotations

import time

from manigen import lessons
from manigen.lessons import _wire
from manigen.live.engine import cpu_name
from manigen.live.protocol import Scene, frame


def answer(ask: Scene) -> bytes:
    """Return the frame of a scene. Raises `UnknownName`, `BadInput`."""
    began = time.perf_counter()
    described, payload = _wire.pack(lessons.scene(ask.lesson, ask.knobs), ask.language)
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
