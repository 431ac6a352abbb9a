"""A class at one lesson: thirty students who open it at once and then drag its sliders now and then.

    python -m benchmarks.classroom [--json] [--students 30] [--seconds 15] [--lesson NAME ...] [--alike]
    python -m benchmarks.classroom --browser        how long a lesson takes to open in a real browser, both languages

Server (as in `benchmarks.crowd`: uvicorn as `streamlit run` sets it up, the live routes, nothing else) and students are
two processes that share this machine's cores. The server has been used before: somebody has looked at another lesson.
Each student drags one slider for two seconds, ten scenes a second, or presses one choice; then looks for one to seven
seconds. Every student has a seed of their own, where the lesson has one, so that none profits from what another has
asked for; with --alike all have the link's.

Opening is the time from the first request, all within a quarter of a second, to its scene; a latency that from a later
request to the scene that carries its id. Requests that a newer one of the same student overtook have none and are
counted.

With --browser: one browser on the whole app. The first page is Explore; after the overview has been drawn a lesson's
card is pressed, and the time ends when its question and its first scene are on screen. The first round, in English,
meets a server that has never opened a lesson; the second, in Chinese, one that has.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np

from benchmarks import browser, crowd

DRAWN = '[data-painted="plotly"]'  # the Explore page with its map
FACES = "() => [...document.querySelectorAll('.mg-lesson-face img')].every((image) => image.complete)"
OPENED = """(name) => new Promise((done) => {
  const began = performance.now();
  const look = () => document.querySelector(`.mg-learn[data-lesson="${name}"] .mg-scene[data-shown] .mg-panels figure`)
    ? requestAnimationFrame(() => done(performance.now() - began)) : requestAnimationFrame(look);
  document.querySelector(`.mg-lesson-card[data-lesson="${name}"]`).click();
  look();
})"""
PACE, DRAG_S, LOOK_S = 10.0, 2.0, (1.0, 7.0)  # scenes a second of a drag, how long it is, and how long one looks


class Student(crowd.Hand):
    """A hand that rests between its drags."""

    def __init__(self, port: int, lesson: str, seed: int, own: bool) -> None:
        from manigen import lessons

        super().__init__(port, 4.0, lambda number: "", seed)
        self.lesson, card = lesson, lessons.cards()[lesson]
        self.tries = [knob for knob in card.knobs if knob.name in lessons.open_lesson(lesson).lesson.tries]
        self.values: dict[str, Any] = {knob.name: knob.default for knob in card.knobs}
        seeds = next((knob for knob in card.knobs if knob.name == "seed"), None)
        if own and seeds is not None:
            self.values["seed"] = seed % (int(seeds.high or 0) + 1)
        self.left: list[tuple[str, Any]] = []  # of the present drag: knobs and their values

    def ask(self) -> None:
        if self.transport.is_closing():
            return
        if self.count:
            if not self.left:
                self.left = self.drag()
            name, value = self.left.pop(0)
            self.values[name] = value
        self.count += 1
        self.sent[self.count] = crowd.time.perf_counter()
        about = {"op": "scene", "channel": "scene", "id": self.count, "lesson": self.lesson, "knobs": self.values}
        self.write(1, json.dumps({**about, "language": "en"}).encode())
        self.due += 1 / PACE if self.left else self.random.uniform(*LOOK_S)
        self.loop.call_at(self.due, self.ask)

    def drag(self) -> list[tuple[str, Any]]:
        knob = self.random.choice(self.tries)
        if knob.choices or isinstance(knob.default, bool):
            return [(knob.name, self.random.choice(knob.choices or (True, False)))]
        low, high = float(knob.low or 0), float(knob.high or 0)
        kind = type(knob.default)
        ends = [self.random.uniform(low, high) for _ in range(2)]
        return [(knob.name, kind(value)) for value in np.linspace(*ends, round(PACE * DRAG_S)).tolist()]


def attend(port: int, lesson: str, students: int, seconds: float, alike: bool) -> dict[str, Any]:
    hands = [Student(port, lesson, seed, not alike) for seed in range(students)]

    async def run() -> None:
        loop = asyncio.get_running_loop()
        before = Student(port, "bottleneck" if lesson != "bottleneck" else "holes", 0, False)
        await loop.create_connection(partial(crowd._itself, before), "127.0.0.1", port)
        while not before.latencies:
            await asyncio.sleep(0.05)
        before.transport.abort()
        for hand in hands:
            await loop.create_connection(partial(crowd._itself, hand), "127.0.0.1", port)
        await asyncio.sleep(seconds)
        for hand in hands:
            hand.transport.abort()

    asyncio.run(run())
    opening = np.array([1e3 * hand.latencies[0][1] for hand in hands if hand.latencies] or [np.nan])
    later = np.array([1e3 * spent for hand in hands for _, spent in hand.latencies[1:]] or [np.nan])
    errors = [error for hand in hands for error in hand.errors]
    return {
        "opening_p50_ms": crowd._round(np.median(opening)),
        "opening_p95_ms": crowd._round(np.quantile(opening, 0.95)),
        "p50_ms": crowd._round(np.median(later)),
        "p95_ms": crowd._round(np.quantile(later, 0.95)),
        "scenes": len(later),
        "overtaken": sum(hand.overtaken for hand in hands),
        "unanswered_students": sum(not hand.latencies for hand in hands),
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
    }


def measure(lesson: str, students: int, seconds: float, alike: bool) -> dict[str, Any]:
    """Return the figures of one lesson on a server that has just begun."""
    port = crowd._free_port()
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.crowd", "--serve", str(port)])
    try:
        crowd._wait_for(port, server)
        asked = [sys.executable, "-m", "benchmarks.classroom", "--attend", str(port), "--lesson", lesson]
        asked += ["--students", str(students), "--seconds", str(seconds), *(["--alike"] if alike else [])]
        return json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    finally:
        server.terminate()
        server.wait(10)


def open_all(names: list[str]) -> dict[str, Any]:
    """Return for each language how many ms each lesson takes from the press on its card to its scene."""
    found: dict[str, Any] = {}
    with browser.served(browser.ROOT / "app.py") as address, browser.chromium() as chromium:
        first = chromium.new_page()
        first.goto(address)
        first.wait_for_selector(DRAWN)
        first.close()
        for tongue in ("en", "zh"):
            for name in names:
                page = chromium.new_page(viewport={"width": 1280, "height": 720})
                page.goto(f"{address}/learn?lang={tongue}")
                page.wait_for_selector(f'[data-lesson="{name}"]')
                page.wait_for_function(FACES)
                spent = page.evaluate(OPENED, name)
                found[f"{tongue}_{name}_ms"] = round(spent)
                page.close()
    slowest = max(found, key=lambda key: found[key])
    return {**found, "worst_ms": found[slowest], "worst": slowest}


def main() -> None:
    from manigen import lessons

    parser = argparse.ArgumentParser(prog="python -m benchmarks.classroom", description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--lesson", nargs="*", default=lessons.in_order(), choices=lessons.in_order())
    parser.add_argument("--alike", action="store_true", help="all students have the seed of the link")
    parser.add_argument("--browser", action="store_true", help="how long each lesson takes to open")
    parser.add_argument("--attend", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.attend:
        print(json.dumps(attend(given.attend, given.lesson[0], given.students, given.seconds, given.alike)))
        return
    if given.browser:
        opened = open_all(given.lesson)
        return print(json.dumps(opened) if given.json else "\n".join(f"{name:30} {ms}" for name, ms in opened.items()))
    about: dict[str, Any] = {"students": given.students, "seconds": given.seconds, "alike": given.alike, "lessons": {}}
    for name in given.lesson:
        about["lessons"][name] = measure(name, given.students, given.seconds, given.alike)
        if not given.json:
            told = about["lessons"][name]
            print(name, *(f"{key} {value}" for key, value in told.items() if value is not None), sep="  ", flush=True)
    if given.json:
        print(json.dumps(about))


if __name__ == "__main__":
    main()
