"""The fitter: a process of its own that fits maps and measures where they lie, so that no hand waits for it.

    python -m manigen.live.fitter

It reads one order a line from standard input and answers with lines of JSON on standard output, whose last one for each
order has `done` or `error`. An order names its arrays as a file; what comes of it is kept by `maps`, where whoever
ordered finds it. A file named in `stop` that appears ends the work at the next step, the end of the input at once:
nobody waits any more.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from manigen import companions, files, kept, maps, projections, weights
from manigen.errors import ManigenError

EVERY = 0.2  # seconds between two words on how far it is
ANSWERS = sys.stdout  # what libraries print goes elsewhere
SEEN = 20_000  # places that are shown while a map forms


class Stopped(Exception):
    """Whoever ordered does not want it any more."""


class Teller:
    """Writes how far an order is, not too often, with the places so far; raises `Stopped` once told to."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._stop, self._said, self._line = Path(order["stop"]), 0.0, {"of": order["of"]}

    def __call__(self, share: float, words: str = "measuring", p: np.ndarray | None = None) -> None:
        if self._stop.exists():
            raise Stopped
        now = time.monotonic()
        if share and now - self._said < EVERY:
            return
        self._said = now
        line = {**self._line, "share": round(float(share), 4), "words": words}
        say({**line, "places": packed(p)} if p is not None and share < 1 else line)


def packed(p: np.ndarray) -> str:
    """Return the first two numbers of at most 20,000 places as base64 of uint16, 0 to 65,535 over their box."""
    step = -(-len(p) // SEEN)
    shown = p[::step, :2].astype(np.float64)
    low, size = shown.min(axis=0), max(float(np.ptp(shown, axis=0).max()), 1e-12)
    return base64.b64encode(((shown - low) / size * 65535).astype("<u2").tobytes()).decode()


def say(line: dict[str, Any]) -> None:
    ANSWERS.write(json.dumps(line) + "\n")
    ANSWERS.flush()


def work(order: dict[str, Any]) -> None:
    """Do what an order says.

    Fit a map of `z`; measure the map of `z` at places `p`; see how steady that one is; fit a model's companions.
    """
    held, tell = files.read_npz(Path(order["arrays"])), Teller(order)
    maps.folder = kept.folder = lambda: Path(order["folder"])  # type: ignore[assignment]
    if order["what"] == "map":
        tell(0.0, "starting")
        maps.fit(held["z"], order["method"], order["seed"], order["dims"], tell, **order["knobs"])
    elif order["what"] == "companions":
        tell(0.0, "starting")
        companions.fit(weights.load(order["model"]), weights.codes(order["model"]), tell)
    elif order["what"] == "stability":
        made_by = (order["method"], order["seed"], order["dims"])
        fitted = projections.Map.of_places(held["z"], held["p"], *made_by, **order["knobs"])
        maps.stability(fitted, tell)
    else:
        maps.ways(held["z"], held["p"])  # first, since whoever waits for the figures asks for these right after
        maps.distortion(held["z"], held["p"], tell)


def listen(orders: queue.Queue[str]) -> None:
    for text in sys.stdin:
        orders.put(text)
    signal.raise_signal(signal.SIGTERM)  # whatever library is at work, and for however long


def main() -> None:
    """Take orders until nobody gives any more."""
    import contextlib

    orders: queue.Queue[str] = queue.Queue()
    threading.Thread(target=listen, args=(orders,), daemon=True).start()
    with contextlib.suppress(OSError):
        os.nice(10)  # the hands go first
    sys.stdout = sys.stderr
    while True:
        order = json.loads(orders.get())
        began = time.monotonic()
        try:
            work(order)
            say({"of": order["of"], "done": True, "seconds": round(time.monotonic() - began, 2)})
        except Stopped:
            say({"of": order["of"], "error": "", "stopped": True})
        except ManigenError as problem:
            say({"of": order["of"], "error": str(problem)})
        except MemoryError:
            say(
                {
                    "of": order["of"],
                    "error": "This map needs more memory than there is; take fewer neighbours.",
                }
            )
        except BrokenPipeError:
            return
        except Exception as problem:
            sys.stderr.write(f"{type(problem).__name__}: {problem}\n")
            say({"of": order["of"], "error": "This map could not be made: something inside failed; try other knobs."})


if __name__ == "__main__":
    main()
