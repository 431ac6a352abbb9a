"""From `streamlit run app.py` to a map that can be hovered, against a stock app with the same points.

    python -m benchmarks.start [--runs 3] [--json]

Both servers are started from nothing, in turn, and a fresh page of a running headless Chromium is opened as soon as
they answer. Stages, in seconds after the command: the server answers; the first paint of points; the interactive map is
drawn; for ours, the first picture is on screen. The stock app puts the same 20,000 points into `st.plotly_chart`; it
has no pictures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

from benchmarks.browser import ROOT, chromium, served, wait_for


def ours(browser: Any) -> dict[str, float]:
    """One start of ManiGen, by stages."""
    began = time.perf_counter()
    with served(ROOT / "app.py", wait=False) as address:
        wait_for(address)
        stages = {"server_s": time.perf_counter() - began}
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.wait_for_selector('[data-painted="raster"], [data-painted="plotly"]', timeout=120_000)
        stages["first_paint_s"] = time.perf_counter() - began
        page.wait_for_selector(".mg-map[data-shown]", timeout=120_000)
        stages["first_picture_s"] = time.perf_counter() - began
        page.wait_for_selector('[data-painted="plotly"]', timeout=120_000)
        stages["map_s"] = time.perf_counter() - began
        page.close()
    return stages


def stock(browser: Any) -> dict[str, float]:
    """One start of the stock app, by stages."""
    began = time.perf_counter()
    with served(ROOT / "benchmarks" / "stock" / "map.py", wait=False) as address:
        wait_for(address)
        stages = {"stock_server_s": time.perf_counter() - began}
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.wait_for_function(
            "() => document.querySelector('.js-plotly-plot')?._fullLayout?._plots?.xy?._scene?.count > 0"
            " || document.querySelectorAll('.gl-canvas-focus').length > 0",
            timeout=120_000,
        )
        stages["stock_map_s"] = time.perf_counter() - began
        page.close()
    return stages


def measure(runs: int) -> dict[str, float]:
    """Start both in turn, `runs` times, and return the median of every stage."""
    seen: dict[str, list[float]] = {}
    with chromium() as browser:
        for _ in range(runs):
            for key, value in {**ours(browser), **stock(browser)}.items():
                seen.setdefault(key, []).append(value)
    figures = {key: round(statistics.median(values), 2) for key, values in seen.items()}
    return {**figures, "ratio": round(figures["map_s"] / figures["stock_map_s"], 3)}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="From the command to the map, ours against a stock app.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args(arguments)
    figures = measure(options.runs)
    print(json.dumps(figures) if options.json else "\n".join(f"{key:24s} {value:>9}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
