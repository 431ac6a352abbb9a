"""Measuring: what models' cards lack is measured in the background, one report at a time for the whole process.

What is found is kept here until the process ends, and by the measures room on disk, so that to ask again costs little.
Nothing here knows Streamlit.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from manigen import measures
from manigen.errors import ManigenError
from manigen.threads import one_thread

log = logging.getLogger("manigen.ui")
Take = Callable[[list[str], int, Callable[[int, int, str], None]], Mapping[str, measures.Result]]
_lock = threading.Lock()
_found: dict[tuple[str, str], dict[str, Any]] = {}
_tried: dict[tuple[str, str], set[str]] = {}
_running: Measuring | None = None


class _Stopped(Exception):
    """Somebody pressed Stop."""


class Measuring:
    """A run over several models: `take(names, n, progress)` measures one of them, `asked` names what it lacks.

    `asked` is keyed by model and fingerprint. `model`, `what`, `done`, `of` say where it is; `over` that it has ended,
    `error` in a sentence why, where it was not to be.
    """

    def __init__(self, asked: Mapping[tuple[str, str], list[str]], takes: Mapping[str, Take], n: int) -> None:
        self.asked, self.takes, self.n = dict(asked), dict(takes), n
        self.model, self.what, self.done = "", "", 0
        self.of = sum(len(names) for names in asked.values())
        self.over, self.stopping, self.error = False, False, ""
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="measuring", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the present measure; what is measured stays."""
        self.stopping = True

    def wait(self, seconds: float | None = None) -> None:
        self._thread.join(seconds)

    @property
    def left(self) -> float | None:
        """About how many seconds are left; None before there is anything to judge by."""
        return None if not self.done else (time.monotonic() - self._started) / self.done * (self.of - self.done)

    def _run(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)  # on Linux this thread alone: hands go first
        try:
            one_thread()
            for (model, fingerprint), names in self.asked.items():
                self._take(model, fingerprint, names)
        except _Stopped:
            pass
        except ManigenError as problem:
            self.error = str(problem)
        except Exception as problem:
            log.exception("Measuring failed.")
            self.error = f"Measuring ended early: {problem}"
        finally:
            self.over = True

    def _take(self, model: str, fingerprint: str, names: list[str]) -> None:
        self.model, before = model, self.done
        heard: list[str] = []

        def told(done: int, of: int, title: str) -> None:
            self.done, self.what = before + min(done, len(names)), title
            if self.stopping:
                raise _Stopped
            heard.append(title)

        try:
            found = self.takes[model](names, self.n, told)
        except _Stopped:
            ready = [name for name in names if measures.cards()[name].title in heard]
            if ready:  # read from the disk, where each was kept as soon as it was measured
                _keep(model, fingerprint, self.takes[model](ready, self.n, lambda done, of, title: None), ready)
            raise
        _keep(model, fingerprint, found, names)
        self.done = before + len(names)


def _keep(model: str, fingerprint: str, found: Mapping[str, measures.Result], names: list[str]) -> None:
    with _lock:
        _found.setdefault((model, fingerprint), {}).update(measures.flat(found))
        _tried.setdefault((model, fingerprint), set()).update(names)


def found(model: str, fingerprint: str) -> dict[str, Any]:
    """Return what was measured of a model in this process, flat as on a card; `fingerprint` is its weights' hash."""
    with _lock:
        return dict(_found.get((model, fingerprint), {}))


def tried(model: str, fingerprint: str) -> set[str]:
    """Return the measures that were taken of a model, with or without a figure: one that has none cannot be taken."""
    with _lock:
        return set(_tried.get((model, fingerprint), ()))


def running() -> Measuring | None:
    """Return the present run, or the last one; None where there was none."""
    return _running


def begin(asked: Mapping[tuple[str, str], list[str]], takes: Mapping[str, Take], n: int) -> Measuring:
    """Begin a run, unless one is going on: then that one is returned."""
    global _running
    with _lock:
        if _running is None or _running.over:
            _running = Measuring(asked, takes, n)
            _running.start()
        return _running
