"""From the hand to the picture: ManiGen's strip and map against a stock `st.slider` + `st.image` app.

    python -m benchmarks.live [--seconds 4] [--points 60000] [--json]
    python -m benchmarks.live --beside-training [--seconds 10] [--json]
    python -m benchmarks.live --refined 24 [--model mnist-fusion] [--json]

One headless Chromium drags ManiGen's film strip, hovers its map, and drags the slider of a stock app with the same
decoder, each for some seconds at 60 moves a second, on one machine in one run. Measured in the page, by the page's own
clock: every pointer move is stamped when the browser receives it, every changed picture when its pixels are written
(canvas) or its new image is loaded (stock). A picture answers the earliest move that no picture has answered yet, so a
lost move counts against the app. The stock slider shows nothing until the hand lets go; its time is from the release,
and, as its best case, from one key press, to the new picture.

With --points, the map that is hovered has that many points: those of mnist-vae, repeated, each copy put a little aside
on the map and among the codes, in a model of its own that lies in a temporary folder. Then also measured: how long the
page takes to its first points and its first picture, how smoothly it pans and zooms (milliseconds between two frames,
views shown in a second, tasks that held the page up for more than 50 ms), how many bytes of points it is sent, at
first and with each step of zooming in, and how long the server takes from a place to its code (`way_back`), at random
places of the map.

With --beside-training, nothing is compared with the stock app: the map is hovered and the strip dragged first with the
server alone, then while it trains a variational autoencoder on MNIST that was ordered on the Train page, and then alone
once more; the training's own pace, from its status, is told too.

With --refined N, an end of the walk on Interpolate is dragged N times to random places of the map, first with each
kind of geodesic alone beside the straight line, then with all at once; told is how long after the release of the hand
each is shown as a sketch, where it is sketched, and how long after it is shown refined.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.browser import ROOT, chromium, quantiles, served
from manigen.nearest import MANY

WATCH = """
(selector) => {
  const log = (window.watched = { moves: 0, waits: [], pictures: 0, last: null });
  let unanswered = null;
  const raw = "onpointerrawupdate" in window ? "pointerrawupdate" : "pointermove"; // as soon as the browser knows
  document.addEventListener(raw, (event) => { log.moves++; unanswered ??= event.timeStamp; }, true);
  const shown = () => {
    log.pictures++;
    if (unanswered !== null) log.waits.push(performance.now() - unanswered);
    unanswered = null;
  };
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (image, ...rest) {
    put.call(this, image, ...rest);
    if (!this.canvas.matches?.(selector)) return;
    let sum = 0;
    for (let i = 0; i < image.data.length; i += 4) sum = (sum * 31 + image.data[i]) | 0;
    if (sum !== log.last) { log.last = sum; shown(); }
  };
}
"""
WATCH_FRAMES = """
() => {
  const log = (window.frames_seen = { times: [], changed: 0, long: [] });
  const view = () => JSON.stringify(document.querySelector(".mg-explore").parentElement.manigen.map.view);
  let before = view();
  const frame = (now) => {
    if (log.over) return;
    log.times.push(now);
    if (view() !== before) { before = view(); log.changed++; }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  log.observer = new PerformanceObserver((list) => log.long.push(...list.getEntries().map(({ duration }) => duration)));
  log.observer.observe({ type: "longtask" });
}
"""
WATCH_WALKS = """
() => {
  const log = (window.walked = []);
  let released = null;
  document.addEventListener("pointerdown", () => (released = null), true);
  document.addEventListener("pointerup", (event) => (released = event.timeStamp), true);
  const page = document.querySelector(".mg-interpolate").parentElement.manigen;
  const take = page.take;
  page.take = function (name, reply, drag) {
    take.call(this, name, reply, drag);
    if (released !== null && !drag) log.push([name, Boolean(reply.header?.coarse), performance.now() - released]);
  };
}
"""
GEODESICS = ("density", "pullback", "fog")
WATCH_STOCK = """
() => {
  const log = (window.watched = { moves: 0, pictures: [], released: [], pressed: [] });
  document.addEventListener("pointermove", () => log.moves++, true);
  document.addEventListener("pointerup", (event) => log.released.push(event.timeStamp), true);
  document.addEventListener("keydown", (event) => log.pressed.push(event.timeStamp), true);
  let before = document.querySelector("img").src;
  const look = () => {
    const image = document.querySelector("img");
    if (image && image.complete && image.src !== before) { before = image.src; log.pictures.push(performance.now()); }
    setTimeout(look, 1);
  };
  look();
}
"""


@contextmanager
def crowded(points: int, model: str = "mnist-vae", method: str = "umap") -> Iterator[tuple[str, str]]:
    """Give the name of a model whose map has so many points, and the folder to name as MANIGEN_WEIGHTS."""
    from manigen import measures, weights
    from manigen.nearest import Nearest
    from manigen.projections import Map

    card, held = weights.info(model), weights.codes(model)
    fitted = weights.load_map(model, method, held.z)
    rng = np.random.default_rng(0)
    rows = np.arange(points) % len(held)

    def aside(values: np.ndarray, reach: float) -> np.ndarray:
        copies = values[rows]
        copies[len(held) :] += rng.normal(scale=reach, size=copies[len(held) :].shape)
        return copies.astype(np.float32)

    columns = {name: getattr(held, name)[rows] for name in ("labels", "split", "rows", "error")}
    z = aside(held.z, 0.05 * held.z.std())
    far = None
    if points > MANY:  # as `crowd` does: the nearest fellow of each of so many would take an hour to find
        far, some = np.full(points, np.nan, np.float32), rng.choice(points, 1000, replace=False)
        far[some] = Nearest(z).find(z[some], 2)[1][:, 1]
    codes = replace(held, z=z, nearest=far, **columns)
    arrays = fitted.arrays()
    header = json.loads(str(arrays["header"])) | {"codes": list(codes.z.shape)}
    arrays |= {"p": aside(fitted.p, fitted.spacing), "header": np.array(json.dumps(header))}
    name = f"{model}-{points}"
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(measures, "of_map", lambda fitted: {}):
        maps = {method: Map.from_arrays(arrays, codes.z)}
        weights.save(
            weights.load(model), Path(folder) / name, codes, maps, {}, card["data"], title=f"{points:,} points"
        )
        yield name, folder


def move(page: Any, path: Any, seconds: float) -> float:
    """Move the mouse along `path(t)`, t in [0, 1], at about 60 moves a second; return how long it took."""
    began = time.perf_counter()
    steps = int(seconds * 60)
    for step in range(steps):
        page.mouse.move(*path(step / steps))
        time.sleep(max(0.0, began + (step + 1) / 60 - time.perf_counter()))
    return time.perf_counter() - began


def hover(browser: Any, address: str, seconds: float, points: int = 0) -> dict[str, float]:
    """Hover the map, of at least so many points, along a loop over the groups and the empty space between them."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    sent: list[Any] = []
    page.on("requestfinished", lambda asked: sent.append(asked) if "/manigen/map/" in asked.url else None)
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector('[data-painted="plotly"], [data-painted="canvas"]', timeout=90_000)
    found = {"points_seconds": time.perf_counter() - began}
    page.wait_for_selector(".mg-map[data-shown]", timeout=90_000)
    found["picture_seconds"] = time.perf_counter() - began
    if points > MANY:
        page.wait_for_selector(".mg-map[data-total]", timeout=90_000)
        drawn = int(page.get_attribute(".mg-map", "data-total"))
    else:
        drawn = page.evaluate("document.querySelector('.mg-plot').data.reduce((sum, trace) => sum + trace.x.length, 0)")
    if drawn < points:
        raise RuntimeError(f"The map shows {drawn:,} points, not {points:,}.")
    if points:  # where it lies is measured once for all, and not while a hand is timed
        page.wait_for_selector('.mg-honest[data-level="edge"], .mg-honest[data-level="near"]', timeout=900_000)
    box = page.locator(".mg-map").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def loop(t: float) -> tuple[float, float]:
        turn = 2 * math.pi * 3 * t
        reach = 0.12 + 0.26 * t
        return middle[0] + reach * box["width"] * math.cos(turn), middle[1] + reach * box["height"] * math.sin(turn)

    move(page, loop, 1)  # the first pictures warm caches up
    page.evaluate(WATCH, ".mg-stage .mg-frame canvas")
    took = move(page, loop, seconds)
    page.wait_for_timeout(200)
    log = page.evaluate("window.watched")
    figures = {**quantiles("hover", log["waits"]), "hover_pictures_per_second": round(log["pictures"] / took, 1)}
    if not points:
        page.close()
        return figures
    figures |= smoothness(page, seconds)
    for _ in range(12 if points > MANY else 0):
        before = len(sent)
        page.locator('[data-tool="closer"]').click()
        wait_until(page, lambda before=before: len(sent) > before)
    sizes = [asked.sizes()["responseBodySize"] for asked in sent]
    page.close()
    figures |= {name: round(value, 2) for name, value in found.items()}
    return figures | {"first_bytes": sizes[0], "largest_view_bytes": max(sizes), "views": len(sizes)}


def smoothness(page: Any, seconds: float) -> dict[str, float]:
    """Pan the map with a pressed hand, then zoom with the wheel: frames, those with another view, long tasks."""
    box = page.locator(".mg-map").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def sway(t: float) -> tuple[float, float]:
        turn = 2 * math.pi * 2 * t
        return middle[0] + 0.2 * box["width"] * math.sin(turn), middle[1] + 0.2 * box["height"] * math.sin(2 * turn)

    def pan() -> None:
        page.mouse.down()
        move(page, sway, seconds)
        page.mouse.up()

    def zoom() -> None:
        began, steps = time.perf_counter(), int(60 * seconds)
        for step in range(steps):
            page.mouse.wheel(0, -15 if step < steps / 2 else 15)
            time.sleep(max(0.0, began + (step + 1) / 60 - time.perf_counter()))

    figures: dict[str, float] = {}
    for name, gesture in (("pan", pan), ("zoom", zoom)):
        page.mouse.move(*middle)
        page.wait_for_timeout(500)
        page.evaluate(WATCH_FRAMES)
        began = time.perf_counter()
        gesture()
        took = time.perf_counter() - began
        log = page.evaluate("Object.assign(window.frames_seen, { over: true })")
        figures |= quantiles(f"{name}_frame", list(np.diff(log["times"])))
        figures[f"{name}_views_per_second"] = round(log["changed"] / took, 1)
        figures[f"{name}_long_tasks"] = len(log["long"])
        figures[f"{name}_longest_task_ms"] = round(max(log["long"], default=0.0))
    return figures


def wait_until(page: Any, true: Callable[[], bool], seconds: float = 20) -> None:
    """Return once something is true that the page's own events make true."""
    end = time.perf_counter() + seconds
    while not true():
        if time.perf_counter() > end:
            raise TimeoutError("The page did not ask for what it was to ask for.")
        page.wait_for_timeout(20)


def way_back(name: str, places: int = 1000) -> dict[str, float]:
    """From random places of a model's first map to their codes, and to the nearest real ones as a hover has them."""
    from manigen.live.library import Library

    opened = Library().open(name)
    fitted = opened.map(opened.maps[0])
    low, high = fitted.p.min(axis=0), fitted.p.max(axis=0)
    at = np.random.default_rng(0).uniform(low, high, (places, fitted.dims)).astype(np.float32)
    opened.nearest.how_far(fitted.z[:1])
    spent, backs = [], []
    for place in at:
        began = time.perf_counter()
        code = fitted.inverse_transform(place[None])
        backs.append(1000 * (time.perf_counter() - began))
        fitted.gap(place[None])
        opened.nearest.find(code, 6)
        spent.append(1000 * (time.perf_counter() - began))
    return {**quantiles("way_back", backs), **quantiles("looked_up", spent)}


def drag(browser: Any, address: str, seconds: float) -> dict[str, float]:
    """Drag the thumb of the film strip back and forth."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/interpolate")
    page.wait_for_selector('.mg-row[data-kind="straight"][data-empty="false"]', timeout=90_000)
    box = page.locator(".mg-track").first.bounding_box()
    y = box["y"] + box["height"] / 2

    def sway(t: float) -> tuple[float, float]:
        return box["x"] + box["width"] * (0.5 + 0.45 * math.sin(2 * math.pi * 1.5 * t)), y

    page.mouse.move(*sway(0))
    page.mouse.down()
    move(page, sway, 1)
    page.evaluate(WATCH, ".mg-frame canvas")
    took = move(page, sway, seconds)
    log = page.evaluate("window.watched")
    page.mouse.up()
    page.close()
    return {**quantiles("drag", log["waits"]), "drag_pictures_per_second": round(log["pictures"] / took, 1)}


def stock(browser: Any, address: str, seconds: float) -> dict[str, float]:
    """Drag the stock slider, let go, and then press its arrow key some times."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    page.wait_for_selector("img", timeout=90_000)
    page.evaluate(WATCH_STOCK)
    thumb, track = page.get_by_role("slider"), page.locator('[data-testid="stSlider"]').bounding_box()
    box = thumb.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    took = move(page, lambda t: (track["x"] + track["width"] * (0.1 + 0.8 * t), box["y"] + 6), seconds)
    during = page.evaluate("window.watched.pictures.length")
    page.mouse.up()
    page.wait_for_function("window.watched.pictures.length > 0", timeout=20_000)
    released = page.evaluate("window.watched.pictures[0] - window.watched.released.at(-1)")
    waits = []
    thumb.focus()
    for _ in range(25):
        count = page.evaluate("window.watched.pictures.length")
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(f"window.watched.pictures.length > {count}", timeout=20_000)
        waits.append(page.evaluate("window.watched.pictures.at(-1) - window.watched.pressed.at(-1)"))
    page.close()
    return {
        **quantiles("stock_key", waits),
        "stock_release_ms": round(released, 1),
        "stock_pictures_per_second_while_dragging": round(during / took, 1),
    }


def measure(seconds: float, points: int = 0) -> dict[str, float]:
    """Run all three side by side and return their figures; with `points`, the map has so many."""
    if not points:
        return compare(seconds)
    with (
        crowded(points) as (name, folder),
        mock.patch.dict(os.environ, MANIGEN_WEIGHTS=folder, XDG_CACHE_HOME=folder),
    ):
        return {"points": points} | way_back(name) | compare(seconds, f"/?model={name}", points)


def compare(seconds: float, page: str = "", points: int = 0, **variables: Any) -> dict[str, float]:
    """Hover `page` of ManiGen, drag its strip and the stock slider; `variables` are added to ManiGen's environment."""
    stock_script = ROOT / "benchmarks" / "stock" / "slider.py"
    with served(ROOT / "app.py", **variables) as ours, served(stock_script) as other, chromium() as browser:
        figures = hover(browser, ours + page, seconds, points)
        figures |= drag(browser, ours, seconds)
        figures |= stock(browser, other, seconds)
    figures["p95_ms"] = max(figures["hover_p95_ms"], figures["drag_p95_ms"])
    figures["speedup"] = round(figures["stock_key_p50_ms"] / figures["drag_p50_ms"], 1)  # slider against slider
    figures["hover_speedup"] = round(figures["stock_key_p50_ms"] / figures["hover_p50_ms"], 1)
    return figures


def beside_training(seconds: float) -> dict[str, float]:
    """Hover and drag with the server alone, beside a training that it runs, and alone again."""
    with (
        tempfile.TemporaryDirectory() as home,
        served(ROOT / "app.py", MANIGEN_HOME=home) as address,
        chromium() as browser,
    ):

        def hands() -> dict[str, float]:
            return hover(browser, address, seconds) | drag(browser, address, seconds)

        alone = hands()
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        run = order(page, address)
        pace = [run()["seen"]]
        began = time.perf_counter()
        beside = hands()
        pace.append(run()["seen"])
        took = time.perf_counter() - began
        page.get_by_role("button", name="Pause").click()
        page.wait_for_selector(".mg-train[data-state=paused]")
        page.close()
        again = hands()
    figures = {f"alone_{name}": value for name, value in alone.items()}
    figures |= {f"beside_{name}": value for name, value in beside.items()}
    figures |= {f"alone_again_{name}": value for name, value in again.items()}
    figures["p95_ms"] = max(beside["hover_p95_ms"], beside["drag_p95_ms"])
    figures["training_pictures_per_second"] = round((pace[1] - pace[0]) / took)
    return figures


def refined(model: str, drops: int) -> dict[str, float]:
    """Drag an end to `drops` places, with each kind of geodesic alone and with all; time what the release brings."""
    figures: dict[str, float] = {}
    with served(ROOT / "app.py") as address, chromium() as browser:
        for some in [*((kind,) for kind in GEODESICS), GEODESICS]:
            for name, times in after_release(browser, address, model, some, drops).items():
                figures |= quantiles(f"{'all_' if len(some) > 1 else ''}{name}", times)
    return figures


def after_release(browser: Any, address: str, model: str, kinds: tuple[str, ...], drops: int) -> dict[str, list[float]]:
    """Return by kind, and by kind and `sketch`, the milliseconds from each release to what is then shown."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/interpolate?model={model}&kinds={'~'.join(('straight', *kinds))}")
    for kind in kinds:
        page.wait_for_selector(f'.mg-row[data-kind="{kind}"][data-sketch="false"]', timeout=300_000)
    page.wait_for_selector('[data-painted="plotly"]')
    page.evaluate(WATCH_WALKS)
    times: dict[str, list[float]] = {}
    box = page.locator(".mg-map").bounding_box()
    for x, y in np.random.default_rng(0).uniform(0.25, 0.75, (drops, 2)):
        page.evaluate("walked.length = 0")
        end = page.locator(".mg-handle").first.bounding_box()
        page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=12)
        page.mouse.up()
        done = "(kinds) => kinds.every((kind) => walked.some(([name, coarse]) => name === kind && !coarse))"
        page.wait_for_function(done, arg=list(kinds), timeout=60_000)
        for name, coarse, took in page.evaluate("walked"):
            if name in kinds:
                times.setdefault(f"{name}_sketch" if coarse else name, []).append(took)
    page.close()
    return times


def order(page: Any, address: str) -> Callable[[], dict[str, Any]]:
    """Order a long training on the Train page, as a person does; return what asks for its status, once it trains."""
    page.goto(f"{address}/train?make=new&data_for=mnist&family=vae")
    page.get_by_role("slider").first.focus()
    page.keyboard.press("End")
    page.get_by_text("5,000,000").first.wait_for()
    page.get_by_role("button", name="Start training").click()
    page.wait_for_selector(".mg-train[data-state=running] .mg-curve", timeout=90_000)
    token = page.url.partition("run=")[2].partition("&")[0]
    return lambda: page.evaluate(f"fetch('{address}/manigen/run/{token}').then((answer) => answer.json())")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="From the hand to the picture, ours against a stock app.")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--points", type=int, default=0, help="points of the map that is hovered; 0: as shipped")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--beside-training", action="store_true", help="with and without a training on the same server")
    parser.add_argument("--refined", type=int, default=0, help="drag an end so often, and time what follows")
    parser.add_argument("--model", default="mnist-fusion", help="whose geodesics [mnist-fusion]")
    options = parser.parse_args(arguments)
    if options.refined:
        figures = refined(options.model, options.refined)
    elif options.beside_training:
        figures = beside_training(options.seconds)
    else:
        figures = measure(options.seconds, options.points)
    print(json.dumps(figures) if options.json else "\n".join(f"{key:44s} {value:>9}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
