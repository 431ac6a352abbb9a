"""Panels: one measure of several things as a small SVG, a line for each of them with a dot where its figure stands.

What shows in it comes ready: places from 0 to 1, figures as words. Colours are the page's own, for light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import cos, pi, sin

COLOURS = ("#4477AA", "#EE7733", "#228833", "#AA3377", "#66CCEE", "#CCBB44")  # Tol's bright scheme, as the page's own
WIDE, LINE, TOP = 340, 24, 46
LABEL, VALUE = 132, 66  # pixels to the left and to the right of the scale
LETTERS = 19  # of a label


def panel(
    title: str,
    better: str,
    labels: Sequence[str],
    at: Sequence[float | None],
    values: Sequence[str],
    best: Sequence[bool],
    real: float | None,
    aim: float | None,
    foot: str = "",
) -> str:
    """Return the panel as SVG text: `at` (n,) are places on the scale in [0, 1], `values` (n,) what they are called.

    The `best` are bold. `real` is the place of a dashed line, `aim` of a plain one; None draws nothing.
    """
    tall = TOP + LINE * len(labels) + (22 if foot else 6)
    scale = WIDE - LABEL - VALUE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {tall}" role="img" aria-label="{_safe(title)}">',
        f'<text class="title" x="0" y="16">{_safe(title)}</text>',
        f'<text class="faint" x="0" y="34">{_safe(better)}</text>',
    ]
    for name, place in (("aim", aim), ("real", real)):
        if place is not None:
            x = LABEL + scale * place
            parts.append(
                f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{TOP + LINE * len(labels)}"/>'
            )
    for row, (label, place, value, is_best) in enumerate(zip(labels, at, values, best, strict=True)):
        y = TOP + LINE * (row + 0.5)
        cut = label if len(label) <= LETTERS else label[: LETTERS - 1] + "…"
        parts.append(f'<text class="faint" x="0" y="{y + 4:.1f}">{_safe(cut)}</text>')
        parts.append(f'<line class="grid" x1="{LABEL}" x2="{LABEL + scale}" y1="{y:.1f}" y2="{y:.1f}"/>')
        if place is not None:
            parts.append(_mark(row, LABEL + scale * place, y))
        bold = ' class="best"' if is_best else ""
        parts.append(f'<text{bold} x="{WIDE}" y="{y + 4:.1f}" text-anchor="end">{_safe(value)}</text>')
    if foot:
        parts.append(f'<text class="faint" x="0" y="{tall - 5}">{_safe(foot)}</text>')
    return "".join(parts) + "</svg>"


def _mark(row: int, x: float, y: float) -> str:
    """A shape of its own for each row beside its colour: circle, square, triangle, diamond, triangle, star."""
    fill = f'fill="{COLOURS[row % len(COLOURS)]}"'
    corners = (0, 4, 3, 4, 3, 10)[row % 6]
    if not corners:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" {fill}/>'
    turn = (0, pi / 4, pi / 2, 0, -pi / 2, pi / 2)[row % 6]
    around = [(turn + 2 * pi * i / corners, 3 if corners == 10 and i % 2 else 7) for i in range(corners)]
    points = " ".join(f"{x + r * cos(a):.1f},{y - r * sin(a):.1f}" for a, r in around)
    return f'<polygon points="{points}" {fill}/>'


def _safe(words: str) -> str:
    return escape(words, quote=True)
