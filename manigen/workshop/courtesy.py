"""Courtesy: a training goes behind everything else on its machine, and steps aside while a hand moves on a live page.

Niceness alone is not enough. On Linux a processor is shared out among sessions first (autogroups), and what is nice
within one counts for nothing outside of it: the worker, which has a session of its own, took as much as the server and
the browser together. So its session is made nice too.

And with two cores a hover needs both of them at once, browser and server, some ten times in 16 ms: each of those times
may wait for a step of a training to be put off its core. So where there are no more than two,

    server  --a byte for each tenth of a second in which a hand asks-->  the worker's standard input

and between two steps the worker waits while a hand moves: at most `PATIENCE` times as long as the step took, so that a
class that never rests still leaves a training its part.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

NICE, SESSION = 10, 5  # of 19: a tenth of a core where others in its session want all of it, a quarter where others do
FEW = 2  # cores, up to which a training steps aside
QUIET_S = 0.3  # after which a hand that asks for nothing rests
PATIENCE = 4.0  # times a step's own length that it is waited for hands


def go_behind(nice: int = NICE, session: int = SESSION) -> None:
    """Let this process, and its session where it has one of its own, go behind others, as far as these numbers say."""
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(nice)
    if hasattr(os, "getsid") and os.getsid(0) == os.getpid():
        with suppress(OSError):  # another system, or a Linux without autogroups
            Path("/proc/self/autogroup").write_text(str(session))


class Courtesy:
    """What the worker heard of hands, and how long it waits for them."""

    def __init__(self, cores: int) -> None:
        self.patience = PATIENCE if cores <= FEW else 0.0
        self.heard = -QUIET_S
        self.began = time.monotonic()

    def hear(self) -> None:
        """Take note that a hand moves, now."""
        self.heard = time.monotonic()

    def step_aside(self) -> None:
        """Wait while a hand moves; to be called after each step."""
        now = time.monotonic()
        latest = now + self.patience * (now - self.began)
        while (left := min(self.heard + QUIET_S, latest) - time.monotonic()) > 0:
            time.sleep(left)
        self.began = time.monotonic()
