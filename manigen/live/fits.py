"""Fits: the queue of maps that are being made, and the one process that makes them (`fitter`).

Whoever wants a map, or to know where one lies, orders it; the same order by two people is one. An order waits, works,
and is done, failed or stopped; meanwhile it tells its place in the queue, the share done, what is being done, how long
it may still take and, where the method shows them, the places so far. What comes of it is found through `maps`.

The process is started with the first order, warm for the next ones, and ends when there were none for ten minutes, or
with this one.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from manigen import checks, files, maps, projections, seeds, threads
from manigen.errors import ManigenError

log = logging.getLogger("manigen.live")

WAITING = 12  # orders in the queue at most
KEPT = 40  # orders that are remembered once they have ended
IDLE_S = 600.0  # without an order, after which the process ends
GRACE_S = 4.0  # that a stopped order has to end by itself


@dataclass(eq=False)
class Fit:
    """One order: a map to fit (`what` is "map"), to measure ("distortion") or to make again ("stability")."""

    of: str
    what: str
    arrays: Mapping[str, np.ndarray]
    order: dict[str, Any]
    state: str = "waiting"  # then working; in the end done, failed or stopped
    share: float = 0.0
    words: str = ""
    error: str = ""
    places: bytes = b""  # uint16 (m, 2), 0 to 65,535 across their box
    step: int = 0  # grows with each change
    began: float = 0.0
    seconds: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed", "stopped")

    def left(self) -> float | None:
        """Return about how many seconds it will still take, None where that cannot be said yet."""
        if self.state != "working" or self.share < 0.06:
            return None
        return (time.monotonic() - self.began) * (1 - self.share) / self.share


class Fits:
    """The queue and its process. `command` starts a fitter."""

    def __init__(self, command: tuple[str, ...] = (sys.executable, "-m", "manigen.live.fitter")) -> None:
        self._command = command
        self._orders: OrderedDict[str, Fit] = OrderedDict()
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None

    # --- ordering ---------------------------------------------------------------------------------------------------

    def map(self, z: np.ndarray, method: str, seed: int = 0, dims: int = 2, **knobs: Any) -> Fit:
        """Order a map, and return the order; nothing is done where it is kept already.

        Raises `UnknownName` and `BadInput` for what no projection can do, `ManigenError` where too many wait.
        """
        card = projections.card_of(method)
        settings, seed, dims = card.settings(knobs), seeds.check(seed), checks.count(dims, "dims", 2, 3)
        of = maps.key(z, method, seed, dims, settings)
        order = {"method": method, "seed": seed, "dims": dims, "knobs": settings}
        return self._add(Fit(of, "map", {"z": z}, order), maps.known(z, method, seed, dims, **settings) is not None)

    def distortion(self, z: np.ndarray, p: np.ndarray) -> Fit:
        """Order the measuring of a map, and return the order; nothing is done where it is kept already."""
        of = maps.distortion_key(z, p)
        return self._add(Fit(of, "distortion", {"z": z, "p": p}, {}), maps.known_distortion(z, p) is not None)

    def companions(self, model: str, of: str) -> Fit:
        """Order the companions of a model by its name, whose key is `of`, and return the order."""
        return self._add(Fit(of, "companions", {}, {"model": model}), False)

    def stability(self, fitted: projections.Map) -> Fit:
        """Order that a map be made again, to see how steady it is; nothing is done where that is kept already."""
        order = {"method": fitted.method, "seed": fitted.seed, "dims": fitted.dims, "knobs": fitted.knobs}
        fit = Fit(maps.stability_key(fitted), "stability", {"z": fitted.z, "p": fitted.p}, order)
        return self._add(fit, maps.known_stability(fitted) is not None)

    def _add(self, fit: Fit, kept: bool) -> Fit:
        with self._lock:
            held = self._orders.get(fit.of)
            if held is not None and (held.state in ("waiting", "working") or (held.state == "done" and kept)):
                return held
            if kept:
                fit.state, fit.share = "done", 1.0
                fit.ended.set()
            elif sum(other.state == "waiting" for other in self._orders.values()) >= WAITING:
                raise ManigenError(f"{WAITING} maps are waiting to be made already; try again when some are done.")
            self._orders.pop(fit.of, None)
            self._orders[fit.of] = fit
            for old in [other.of for other in self._orders.values() if other.over][:-KEPT]:
                del self._orders[old]
            if not kept and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, name="fits", daemon=True)
                self._thread.start()
            self._lock.notify_all()
        return fit

    def get(self, of: str) -> Fit | None:
        """Return an order by its key, if it is known."""
        return self._orders.get(of)

    def position(self, fit: Fit) -> int:
        """Return how many orders come before one that waits."""
        waiting = [other for other in self._orders.values() if other.state in ("waiting", "working")]
        return waiting.index(fit) if fit in waiting else 0

    def stop(self, of: str) -> None:
        """Stop an order, whether it waits or works; what is over stays as it is."""
        with self._lock:
            fit = self._orders.get(of)
            if fit is None or fit.over:
                return
            if fit.state == "waiting":
                return self._end(fit, "stopped")
            fit.words = "stopping"
            fit.step += 1
            self._ask_to_stop(fit)
        threading.Thread(target=self._insist, args=(fit, self._process), daemon=True).start()

    def _ask_to_stop(self, fit: Fit) -> None:
        if "stop" in fit.order:  # else it has only just been taken up, and is asked when it knows where to look
            with contextlib.suppress(OSError):
                Path(fit.order["stop"]).touch()

    def _insist(self, fit: Fit, process: subprocess.Popen[str] | None) -> None:
        if not fit.ended.wait(GRACE_S) and process is not None and process is self._process:
            process.kill()  # a library that does not listen: the next order has a new process

    def _end(self, fit: Fit, state: str, error: str = "") -> None:
        fit.state, fit.error, fit.arrays, fit.places = state, error, {}, b""
        fit.share = 1.0 if state == "done" else fit.share
        fit.step += 1
        fit.ended.set()

    # --- working ----------------------------------------------------------------------------------------------------

    def _next(self) -> Fit | None:
        with self._lock:
            end = time.monotonic() + IDLE_S
            while True:
                waiting = [fit for fit in self._orders.values() if fit.state == "waiting"]
                if waiting:  # what only measures takes seconds, so it goes before a map that may take minutes
                    fit = min(waiting, key=lambda one: one.what != "distortion")
                    fit.state, fit.began, fit.step = "working", time.monotonic(), fit.step + 1
                    return fit
                if (left := end - time.monotonic()) <= 0:
                    self._thread = None
                    return None
                self._lock.wait(left)

    def _run(self) -> None:
        while (fit := self._next()) is not None:
            try:
                with tempfile.TemporaryDirectory(prefix="manigen-fit-") as scratch:
                    self._work(fit, Path(scratch))
            except Exception:
                log.exception("A map could not be made.")
                self._end(fit, "failed", "This map could not be made: the server's log says what failed.")
        self.close()

    def _work(self, fit: Fit, scratch: Path) -> None:
        paths = {"arrays": str(scratch / "arrays.npz"), "stop": str(scratch / "stop"), "folder": str(maps.folder())}
        with self._lock:
            fit.order |= paths
            if fit.words == "stopping":
                self._ask_to_stop(fit)
        files.write_npz(Path(paths["arrays"]), fit.arrays)
        answers = self._start()
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps({"of": fit.of, "what": fit.what, **fit.order}) + "\n")
        self._process.stdin.flush()
        for text in answers:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if line.get("of") != fit.of:
                continue
            if line.get("done"):
                fit.seconds = line["seconds"]
                return self._end(fit, "done")
            if "error" in line:
                return self._end(fit, "stopped" if line.get("stopped") else "failed", line["error"])
            self._hear(fit, line)
        stopped = Path(paths["stop"]).exists()
        self.close()
        self._end(
            fit, "stopped" if stopped else "failed", "" if stopped else "The process that makes maps ended badly."
        )

    def _hear(self, fit: Fit, line: dict[str, Any]) -> None:
        if fit.words != "stopping":
            fit.words = str(line.get("words", ""))
        fit.share = max(fit.share, float(line.get("share", 0)))
        if "places" in line:
            fit.places = base64.b64decode(line["places"])
        fit.step += 1

    def _start(self) -> IO[str]:
        if self._process is None or self._process.poll() is not None:
            root = str(Path(__file__).resolve().parents[2])
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=root,
                env={**os.environ, **threads.SLEEPING},
            )
        assert self._process.stdout is not None
        return self._process.stdout

    def close(self) -> None:
        """End the process; the next order starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


_fits: Fits | None = None
_lock = threading.Lock()


def fits() -> Fits:
    """Return this process's queue."""
    global _fits
    with _lock:
        if _fits is None:
            _fits = Fits()
        return _fits


def report(fit: Fit, since: int = -1) -> tuple[dict[str, Any], bytes]:
    """Return how an order stands, and its places so far where they are newer than step `since`."""
    left = fit.left()
    about: dict[str, Any] = {
        "state": fit.state,
        "share": round(fit.share, 3),
        "words": fit.words,
        "error": fit.error,
        "step": fit.step,
        "waiting": fits().position(fit) if fit.state == "waiting" else 0,
        "left": None if left is None else round(left, 1),
        "seconds": fit.seconds,
    }
    return about, fit.places if fit.step > since else b""
