"""The picture of a family's losses: a picture goes through code and decoder, and each loss pulls where it pulls.

x --E--> z --D--> x'        what a loss compares is joined by a bow, what it looks at alone is marked above it
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

PLACES = {"x": 34, "z": 150, "made": 266}
BOWS = {  # the losses that compare two of them
    "reconstruction": ("x", "made"),
    "features": ("x", "made"),
    "distance": ("x", "z"),
    "isometry": ("z", "made"),
    "autoencoder": ("x", "made"),
}
ABOVE = {  # the losses that look at one of them
    "kl": "z",
    "code_l2": "z",
    "discrepancy": "z",
    "follower": "made",
    "forger": "made",
    "critic": "made",
    "penalty": "made",
    "between": "made",
    "ends": "made",
}
COLOURS = ("#4477AA", "#EE7733", "#228833", "#AA3377", "#66CCEE", "#CCBB44")
WIDE, HIGH, LINE = 300, 128, 98
STEP, SAG = 15, 24  # between two marks above one another, and two bows below one another


def picture(
    losses: Sequence[str],
    words: dict[str, str],
    encodes: bool = True,
    codes_judged: bool = False,
    ink: str = "#1b1d22",
) -> str:
    """Return the drawing as SVG text, its lines in the colour `ink`; `words` says what each loss is called.

    `codes_judged`: the critic looks at codes and not at pictures.
    """
    parts = [_node(name, label) for name, label in (("x", "x"), ("z", "z"), ("made", "x&#8242;"))]
    if not encodes:
        parts[0] = _node("x", "x", faint=True)
    parts += [_arrow("x", "z", "E", faint=not encodes), _arrow("z", "made", "D")]
    above: dict[str, int] = {}
    # what joins neighbours hangs side by side, what spans all three below that
    far = [name for name in losses if BOWS.get(name) == ("x", "made")]
    near = any(name in BOWS and name not in far for name in losses)
    depths = {name: 1.7 * near + at for at, name in enumerate(far)}
    for at, name in enumerate(losses):
        colour, said = COLOURS[at % len(COLOURS)], escape(words.get(name, name.replace("_", " ")))
        if name in BOWS:
            parts.append(_bow(*BOWS[name], colour, said, depths.get(name, 0)))
            continue
        place = "z" if codes_judged and name in ("forger", "critic", "penalty") else ABOVE.get(name, "made")
        row = above[place] = above.get(place, -1) + 1
        parts.append(_mark(place, colour, said, row))
    top = min(0, _row(max(above.values(), default=0)) - STEP)
    high = max(HIGH, _low(max(depths.values(), default=0)) + STEP) - top
    return (
        f'<svg viewBox="0 {top} {WIDE} {high}" role="img" aria-label="{escape(", ".join(losses))}" '
        f'xmlns="http://www.w3.org/2000/svg" width="{WIDE}" height="{high}" '
        f'style="color:{ink};font:11px sans-serif">{"".join(parts)}</svg>'
    )


def _row(row: int) -> int:
    """The height of a mark's words."""
    return 42 - STEP * row


def _low(depth: float) -> float:
    """How low a bow is drawn to hang; its words stand below that."""
    return LINE + SAG * depth


def _node(name: str, label: str, faint: bool = False) -> str:
    x, opacity = PLACES[name], 0.35 if faint else 1
    shape = (
        f'<circle cx="{x}" cy="{LINE - 32}" r="13"' if name == "z" else
        f'<rect x="{x - 13}" y="{LINE - 45}" width="26" height="26" rx="5"'
    )  # fmt: skip
    return (
        f'<g opacity="{opacity}">{shape} fill="none" stroke="currentColor" stroke-width="1.4"/>'
        f'<text x="{x}" y="{LINE - 28}" text-anchor="middle" fill="currentColor" font-style="italic">{label}</text></g>'
    )


def _arrow(start: str, end: str, label: str, faint: bool = False) -> str:
    a, b, y = PLACES[start] + 19, PLACES[end] - 19, LINE - 32
    return (
        f'<g opacity="{0.35 if faint else 0.75}"><path d="M{a} {y}H{b}M{b - 5} {y - 4}L{b} {y}L{b - 5} {y + 4}" '
        f'fill="none" stroke="currentColor" stroke-width="1.3"/><text x="{(a + b) / 2}" y="{y - 5}" '
        f'text-anchor="middle" fill="currentColor">{label}</text></g>'
    )


def _bow(start: str, end: str, colour: str, said: str, depth: float) -> str:
    a, b, y, low = PLACES[start], PLACES[end], LINE - 14, _low(depth)
    return (
        f'<path d="M{a} {y}C{a} {low},{b} {low},{b} {y}" fill="none" stroke="{colour}" stroke-width="2"/>'
        f'<text x="{(a + b) / 2}" y="{low + 8}" text-anchor="middle" fill="{colour}" font-weight="600">{said}</text>'
    )


def _mark(place: str, colour: str, said: str, row: int) -> str:
    x, y = PLACES[place], _row(row)
    anchor, at = ("middle", x) if place == "z" else ("end", WIDE - 4)
    return (
        f'<text x="{at}" y="{y}" text-anchor="{anchor}" fill="{colour}" font-weight="600">{said}</text>'
    )  # fmt: skip
