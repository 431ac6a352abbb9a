"""A plot of a scene on paper: the same layers as an SVG, so that a sheet holds what the screen showed."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator
from typing import Any

import numpy as np

from manigen.lessons.base import Bars, Dots, Heat, Line, Mark, Plot

SIDE = 420.0
PALETTE = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#EE7733", "#44BB99", "#8C8C8C", "#7755CC")
GREY = "#7b8696"
EVEN = np.array([[43, 58, 143], [47, 127, 176], [53, 176, 165], [181, 213, 106], [253, 243, 160]], float)
SIGNED = np.array([[51, 102, 204], [150, 180, 225], [246, 246, 246], [240, 170, 130], [204, 68, 17]], float)
YAW, PITCH = 0.7, 0.42  # of a frame in three dimensions


def svg(plot: Plot, language: str) -> str:
    """Return a plot as SVG text, 420 wide; in three dimensions as it first stands on screen."""
    tall = SIDE if plot.square else SIDE * 0.45
    place = _place(plot, tall)
    parts = [part for layer in plot.layers for part in _layer(layer, place, tall, language)]
    if (plot.x or plot.y) and plot.low and plot.high:
        parts.append(f'<rect width="{SIDE:g}" height="{tall:g}" fill="none" stroke="{GREY}"/>')
        for value, at in (
            (plot.low[0], f'x="0" y="{tall + 16}"'),
            (plot.high[0], f'x="{SIDE}" y="{tall + 16}" text-anchor="end"'),
            (plot.low[1], f'x="-6" y="{tall}" text-anchor="end"'),
            (plot.high[1], 'x="-6" y="11" text-anchor="end"'),
        ):
            parts.append(f"<text {at}>{value:g}</text>")
    for words, at in (
        (plot.x, f'x="{SIDE / 2}" y="{tall + 16}"'),
        (plot.y, f'x="{-tall / 2}" y="-6" transform="rotate(-90)"'),
    ):
        if words:
            parts.append(f'<text {at} text-anchor="middle">{html.escape(words.in_(language))}</text>')
    title = html.escape(plot.alt.in_(language))
    return (
        f'<svg viewBox="-24 -8 {SIDE + 32:g} {tall + 34:g}" width="{SIDE:g}" role="img" font-size="13" font-family="sans-serif">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def legend(plot: Plot, language: str) -> str:
    """Return what the plot's lines and dots stand for, as HTML: a stroke of each one's colour and its name."""
    named = [layer for layer in plot.layers if isinstance(layer, Dots | Line) and layer.label]
    return " &ensp; ".join(
        f'<b style="color:{_colour(layer.colour)}">{"●" if isinstance(layer, Dots) else "━"}</b> '
        f"{html.escape(layer.label.in_(language))}"
        for layer in named
        if layer.label
    )


def flat(p: np.ndarray) -> np.ndarray:
    """Return places (n, 2) as they are, or (n, 3) as seen on screen."""
    p = np.asarray(p, float).reshape(-1, np.shape(p)[-1])
    if p.shape[1] == 2:
        return p
    x = np.cos(YAW) * p[:, 0] - np.sin(YAW) * p[:, 1]
    deep = np.sin(YAW) * p[:, 0] + np.cos(YAW) * p[:, 1]
    return np.stack([x, np.cos(PITCH) * p[:, 2] - np.sin(PITCH) * deep], 1)


def _place(plot: Plot, tall: float) -> Any:
    spots = [flat(np.asarray(layer.p)) for layer in plot.layers if isinstance(layer, Dots | Line | Mark)]
    spots += [np.array([layer.low, layer.high]) for layer in plot.layers if isinstance(layer, Heat)]
    if plot.low and plot.high and len(plot.low) == 2:
        spots = [np.array([plot.low, plot.high], float)]
    every = np.concatenate(spots) if spots else np.array([[0.0, 0.0], [1.0, 1.0]])
    low, high = every.min(0), every.max(0)
    size = np.maximum(high - low, 1e-9)
    if plot.square:
        middle, size = (low + high) / 2, np.full(2, size.max())
        low = middle - size / 2

    def place(p: Any) -> np.ndarray:
        share = (flat(np.asarray(p)) - low) / size
        return np.stack([share[:, 0] * SIDE, (1 - share[:, 1]) * tall], 1)

    return place


def _colour(index: int) -> str:
    return GREY if index < 0 else PALETTE[index % len(PALETTE)]


def _ramp(table: np.ndarray, share: np.ndarray) -> np.ndarray:
    at = np.clip(share, 0, 0.9999) * (len(table) - 1)
    whole = at.astype(int)
    return table[whole] + (at - whole)[..., None] * (table[whole + 1] - table[whole])


def shades(values: np.ndarray) -> np.ndarray:
    """Return a colour (n, 3), uint8, for each value (n,), as plots have them."""
    low, high = float(np.min(values)), float(np.max(values))
    return _ramp(EVEN, (np.asarray(values, float) - low) / ((high - low) or 1)).astype(np.uint8)


def _layer(layer: Any, place: Any, tall: float, language: str) -> Iterator[str]:
    if isinstance(layer, Dots):
        colours = [_colour(layer.colour)] * len(layer.p)
        if layer.group is not None:
            colours = [_colour(int(group)) for group in layer.group]
        elif layer.value is not None:
            low, high = float(np.min(layer.value)), float(np.max(layer.value))
            shades = _ramp(EVEN, (np.asarray(layer.value, float) - low) / ((high - low) or 1))
            colours = [f"rgb({r:.0f},{g:.0f},{b:.0f})" for r, g, b in shades]
        for (x, y), colour in zip(place(layer.p), colours, strict=True):
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{layer.size * 0.7:g}" fill="{colour}" opacity="{0.3 if layer.faint else 0.8}"/>'
    elif isinstance(layer, Line):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in place(layer.p))
        dash = ' stroke-dasharray="6 5"' if layer.dashed else ""
        yield f'<polyline points="{points}" fill="none" stroke="{_colour(layer.colour)}" stroke-width="{layer.width:g}"{dash}/>'
    elif isinstance(layer, Mark):
        x, y = place([layer.p])[0]
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{_colour(layer.colour)}" stroke="#fff" stroke-width="2"/>'
        if layer.label:
            anchor = "end" if x > SIDE * 0.62 else "start"
            yield f'<text x="{x + (-10 if anchor == "end" else 10):.1f}" y="{y + 4:.1f}" text-anchor="{anchor}">{html.escape(layer.label.in_(language))}</text>'
    elif isinstance(layer, Heat):
        yield _heat(layer, place)
    elif isinstance(layer, Bars):
        most, wide = max(float(np.max(layer.values)), 1e-9), SIDE / len(layer.values)
        for i, value in enumerate(layer.values):
            high = float(value) / most * (tall - 50)
            x, colour = (i + 0.5) * wide, "#4F46C8" if i == layer.ahead else GREY
            yield f'<rect x="{x - wide * 0.36:.1f}" y="{tall - 22 - high:.1f}" width="{wide * 0.72:.1f}" height="{high:.1f}" fill="{colour}"/>'
            yield f'<text x="{x:.1f}" y="{tall - 28 - high:.1f}" text-anchor="middle">{float(value):.3g}{html.escape(layer.unit)}</text>'
            yield f'<text x="{x:.1f}" y="{tall - 6:.1f}" text-anchor="middle">{html.escape(layer.names[i].in_(language))}</text>'


def heat_picture(layer: Heat) -> np.ndarray:
    """Return a heat layer as a picture uint8 (rows, columns, 3), the first row at the bottom."""
    values = np.asarray(layer.values, float)
    low, high = float(values.min()), float(values.max())
    if layer.signed:
        high = max(-low, high)
        low = -high
    return _ramp(SIGNED if layer.signed else EVEN, (values - low) / ((high - low) or 1))[::-1].astype(np.uint8)


def _heat(layer: Heat, place: Any) -> str:
    from PIL import Image

    from manigen.figures import pictures

    data = base64.b64encode(pictures.png(Image.fromarray(heat_picture(layer)))).decode()
    (x0, y1), (x1, y0) = place([layer.low])[0], place([layer.high])[0]
    where = f'x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"'
    crisp = ' style="image-rendering: pixelated"' if layer.crisp else ""
    return f'<image {where}{crisp} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'
