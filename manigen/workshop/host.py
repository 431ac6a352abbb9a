"""The host: what the server does for the workshop. It sees that a worker is there whenever there is work."""

from __future__ import annotations

import atexit
import logging
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress

from manigen import home
from manigen.errors import ManigenError
from manigen.workshop import pace
from manigen.workshop.orders import Order

log = logging.getLogger("manigen.workshop")
HAND_S = 0.1  # between two words to the worker that a hand moves
AGAIN_S = 5.0  # between two starts: where another server's worker holds the home, ours ends at once
LOG = "worker.log"


class Host:
    """Starts the worker, and starts it again when it dies while there is work."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._when, self._told = -AGAIN_S, -HAND_S
        self._lock = threading.Lock()

    @property
    def working(self) -> bool:
        """Whether this server's worker lives."""
        return self._process is not None and self._process.poll() is None

    def ensure(self) -> None:
        """Start a worker if there is something due and none here. Raises `ManigenError` where it cannot be started."""
        with self._lock:
            if self.working or time.monotonic() - self._when < AGAIN_S:
                return
            if not any(Order(owner, folder).due for owner, folder in home.parts("runs")):
                return
            self._when = time.monotonic()
            self._process = self._start()

    def hand(self) -> None:
        """Let the worker know that a hand moves, unless it was told a moment ago; takes no time."""
        process, now = self._process, time.monotonic()
        if process is None or process.stdin is None or now - self._told < HAND_S:
            return
        self._told = now
        with suppress(OSError, ValueError):  # it is gone, or does not listen
            os.write(process.stdin.fileno(), b".")

    def _start(self) -> subprocess.Popen[bytes]:
        folder = home.root()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with open(folder / LOG, "ab") as out:
                process = subprocess.Popen(
                    [sys.executable, "-m", "manigen.workshop"],
                    stdin=subprocess.PIPE,  # ends when this server does, however it does
                    stdout=out,
                    stderr=out,
                    env=pace.surroundings(),
                    start_new_session=True,
                )
                assert process.stdin is not None
                os.set_blocking(process.stdin.fileno(), False)
                return process
        except OSError as error:
            raise ManigenError(f"The training process could not be started: {error.strerror or error}.") from error

    def stop(self, wait: float = 20.0) -> None:
        """Let the worker end at a checkpoint."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        with suppress(OSError):
            assert process.stdin is not None
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(wait)


_host: Host | None = None
_making = threading.Lock()


def host() -> Host:
    """Return this process's host."""
    global _host
    with _making:
        if _host is None:
            _host = Host()
            atexit.register(_host.stop, 0.5)
        return _host


def hand_moves() -> None:
    """Let a worker that this process has know that a hand moves on a live page."""
    if _host is not None:
        _host.hand()


def look() -> None:
    """See that a worker is there where there is work, as the server starts; what goes wrong is only logged."""
    try:
        host().ensure()
    except Exception:
        log.exception("The workshop could not be looked at.")
