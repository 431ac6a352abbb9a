"""From `streamlit run app.py` to a map that can be hovered, against a stock app with the same points.

    python -m benchmarks.start [--runs 5] [--json]

Both servers are started from nothing, in turn, and a fresh page of a running headless Chromium is opened as soon as
they answer. Stages, in seconds after the command, by the page's own clock: the server answers; the points are drawn;
the map can be zoomed and panned, it takes a turn of the wheel; it can be hovered, its first picture is drawn; it can be
lassoed, Plotly has taken over from the first drawing, which looks the same. The stock app puts the same 20,000 points
into `st.plotly_chart`, which is drawn and can be hovered, zoomed and lassoed at the same moment; it has no pictures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.browser import ROOT, chromium, served, wait_for

STAGES = """
const seen = (window.stages = {});
const look = () => {
  const now = (performance.timeOrigin + performance.now()) / 1000;
  const field = document.querySelector(".mg-map");
  if (field?.dataset.painted) seen.first_paint_s ??= now;
  if (field?.dataset.painted && !seen.zoomable_s) { // a wheel that is not turned: the map says that it is at work
    if (!field.dispatchEvent(new WheelEvent("wheel", { deltaY: 0, cancelable: true }))) seen.zoomable_s = now;
  }
  if (field?.dataset.shown && field.dataset.painted) seen.hoverable_s ??= now;
  if (field?.dataset.painted === "plotly") seen.plotly_s ??= now;
  const plot = document.querySelector(".js-plotly-plot");
  if (!field && plot?._fullLayout?._plots?.xy?._scene?.count > 0) seen.stock_map_s ??= now;
};
new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
setInterval(look, 5);
"""


def start(browser: Any, script: Path, prefix: str, last: str) -> dict[str, float]:
    """Start one app and open its page; return its stages up to `last`, in seconds after the command."""
    began, clock = time.perf_counter(), time.time()
    with served(script, wait=False) as address:
        wait_for(address)
        answered = time.perf_counter() - began
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(STAGES)
        page.goto(address)
        page.wait_for_function(f"window.stages.{last}", timeout=120_000)
        stages = page.evaluate("window.stages")
        page.close()
    return {f"{prefix}server_s": answered, **{name: value - clock for name, value in stages.items()}}


def measure(runs: int) -> dict[str, float]:
    """Start both in turn, `runs` times, and return the median of every stage."""
    seen: dict[str, list[float]] = {}
    with chromium() as browser:
        for _ in range(runs):
            ours = start(browser, ROOT / "app.py", "", "plotly_s")
            stock = start(browser, ROOT / "benchmarks" / "stock" / "map.py", "stock_", "stock_map_s")
            for key, value in {**ours, **stock}.items():
                seen.setdefault(key, []).append(value)
    figures = {key: round(statistics.median(values), 2) for key, values in seen.items()}
    figures["hoverable_ratio"] = round(figures["hoverable_s"] / figures["stock_map_s"], 3)
    figures["zoomable_ratio"] = round(figures["zoomable_s"] / figures["stock_map_s"], 3)
    figures["plotly_ratio"] = round(figures["plotly_s"] / figures["stock_map_s"], 3)
    return figures


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="From the command to the map, ours against a stock app.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args(arguments)
    figures = measure(options.runs)
    print(json.dumps(figures) if options.json else "\n".join(f"{key:24s} {value:>9}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
