"""A walk as one HTML file that works without a network: a slider, and the pictures of each kind that it moves through.

Pictures are one PNG sheet for each kind, written into the page; the script is short and asks nobody for anything.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from manigen.figures.pictures import pixels, sheet

COLUMNS = 16

_PAGE = """<!doctype html>
<html lang="%(language)s"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>%(title)s</title>
<style>
:root { color-scheme: light dark; font: 17px/1.5 system-ui, sans-serif; }
body { max-width: 1100px; margin: 0 auto; padding: 28px 20px; }
h1 { font-size: 1.3rem; margin: 0 0 4px; } p { margin: 0 0 18px; opacity: .7; }
main { --least: max(150px, (100%% - 20px * (var(--walks) - 1)) / var(--walks)); display: grid; gap: 20px;
  grid-template-columns: repeat(auto-fit, minmax(var(--least), 1fr));
  max-width: calc(var(--walks) * (min(420px, 62vh) + 20px)); }
figure { margin: 0; } figcaption { font-weight: 600; margin-bottom: 6px; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 14px; margin: 12px 0 0; }
dl, figure p { font-size: .88rem; line-height: 1.35; } figure p { margin: 8px 0 0; }
dt { opacity: .65; } dd { margin: 0; font-variant-numeric: tabular-nums; }
canvas { width: 100%%; image-rendering: pixelated; border-radius: 12px; display: block; }
nav { position: relative; height: 24px; margin: 0 8px; font-size: .88rem; opacity: .7; }
nav b { position: absolute; transform: translateX(-50%%); border-top: 2px solid; padding: 0 6px; font-weight: 400; }
footer { position: sticky; bottom: 0; margin-top: 14px; padding: 6px 0 10px; background: Canvas; }
input { width: 100%%; height: 44px; margin: 0; accent-color: #4f46c8; border-radius: 22px; }
input:focus-visible { outline: 2px solid #4f46c8; }
</style>
<h1>%(title)s</h1><p>%(note)s</p><main style="--walks: %(count)s"></main>
<footer><input type="range" min="%(low)s" max="%(high)s" step="0.001" value="%(t)s" aria-label="%(title)s" autofocus>
%(ends)s</footer>
<script>
const walks = %(walks)s;
const slider = document.querySelector("input"), hall = document.querySelector("main");
for (const walk of walks) {
  const figure = hall.appendChild(document.createElement("figure"));
  const add = (tag, words, to = figure) => {
    const made = to.appendChild(document.createElement(tag));
    made.textContent = words;
    return made;
  };
  add("figcaption", walk.title);
  const canvas = add("canvas", ""), facts = add("dl", "");
  for (const [name, value] of Object.entries(walk.facts)) { add("dt", name, facts); add("dd", value, facts); }
  if (walk.note) add("p", walk.note);
  [canvas.width, canvas.height] = [walk.width, walk.height];
  const sheet = new Image();
  walk.draw = () => {
    const share = (slider.value - slider.min) / (slider.max - slider.min);
    const i = Math.round(share * (walk.frames - 1)), x = i %% walk.columns, y = Math.floor(i / walk.columns);
    const [w, h] = [walk.width, walk.height];
    canvas.getContext("2d").drawImage(sheet, x * w, y * h, w, h, 0, 0, w, h);
  };
  sheet.onload = walk.draw;
  sheet.src = walk.sheet;
}
slider.oninput = () => walks.forEach((walk) => walk.draw());
</script>
</html>
"""


def walk_page(
    title: str,
    note: str,
    walks: Sequence[Mapping[str, Any]],
    t: float = 0.0,
    language: str = "en",
    beyond: float = 0.0,
    marks: tuple[str, str] = ("start", "end"),
) -> bytes:
    """Return the page of several walks, each with its `title` and pictures `x` (k, c, h, w) in [0, 1].

    A walk's `facts`, words by what they tell of, stand in a table under its picture, its `note` in a line under that.
    `t` in [-beyond, 1 + beyond] is where the slider stands when the page is opened; the pictures cover as much, and the
    ends are marked, by these words, where they go on past them.
    """
    told = []
    for walk in walks:
        x = pixels(walk["x"])
        buffer = io.BytesIO()
        sheet(walk["x"], COLUMNS, 0).save(buffer, "PNG", optimize=True)
        told.append(
            {
                "title": str(walk["title"]),
                "facts": {str(name): str(value) for name, value in walk.get("facts", {}).items()},
                "note": str(walk.get("note", "")),
                "frames": len(x),
                "columns": COLUMNS,
                "height": x.shape[1],
                "width": x.shape[2],
                "sheet": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(),
            }
        )
    inside = json.dumps(told, ensure_ascii=False).replace("</", "<\\/")
    words = {"title": html.escape(title), "note": html.escape(note), "language": html.escape(language)}
    low, high = -beyond, 1 + beyond
    at = [100 * (end - low) / (high - low) for end in (0, 1)]
    named = "".join(
        f'<b style="left: {share:.2f}%">{html.escape(word)}</b>' for share, word in zip(at, marks, strict=True)
    )
    span = {"low": f"{low:.4g}", "high": f"{high:.4g}", "ends": f"<nav>{named}</nav>\n" if beyond else ""}
    at_first = {"t": f"{min(high, max(low, t)):.4f}", "count": max(1, len(told))}
    return (_PAGE % {**words, **span, **at_first, "walks": inside}).encode()
