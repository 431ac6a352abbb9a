"""The selection: what a lasso or a box on the map holds."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import streamlit as st

from manigen import checks, figures, files, weights
from manigen.errors import ManigenError
from manigen.figures import pictures
from manigen.live.library import Opened, library
from manigen.ui import directions, state
from manigen.ui.text import text

GALLERY = 48


def inside(p: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Return which places p (n, 2) lie inside a polygon (m, 2): a ray from them crosses it oddly often.

    >>> inside(np.array([[0.5, 0.5], [2.0, 0.5]]), np.array([[0, 0], [1, 0], [1, 1], [0, 1]]))
    array([ True, False])
    """
    found = np.zeros(len(p), bool)
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    near = np.flatnonzero(((p >= low) & (p <= high)).all(axis=1))  # of many points a small lasso asks few
    if len(near) < len(p):
        found[near] = inside(p[near], polygon)
        return found
    x, y = p[:, 0], p[:, 1]
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y0 != y1:
            crosses = (y0 > y) != (y1 > y)
            found ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return found


def rows_of(opened: Opened, map_name: str, chosen: dict[str, Any]) -> np.ndarray:
    """Return the rows of the codes that a browser's selection holds; classes that are switched off are left out."""
    polygon = checks.points(chosen["polygon"], 2)[:1000]
    hidden = [int(group) for group in chosen.get("hidden", [])]
    found = inside(seen(opened.map(map_name).p, chosen), polygon)
    return np.flatnonzero(found & ~np.isin(opened.codes.labels, hidden))


def seen(p: np.ndarray, chosen: dict[str, Any]) -> np.ndarray:
    """Return where places p are seen (n, 2): flat ones where they lie, those in space on the plane they are seen on."""
    if p.shape[1] == 2:
        return p
    centre, axes = checks.points(chosen["centre"], 3), checks.points(chosen["axes"], 3)
    return (p - centre) @ axes[:2].T


def table(opened: Opened, map_name: str, rows: np.ndarray) -> str:
    """Return the selected rows as CSV text."""
    out = io.StringIO()
    writer = csv.writer(out)
    codes, p = opened.codes, opened.map(map_name).p
    writer.writerow(["index", "split", "row", "label", "class", *"xyz"[: p.shape[1]], "error"])
    for row in rows:
        error = codes.error[row]
        about = row, weights.SPLITS[codes.split[row]], codes.rows[row], codes.labels[row], opened.label(row)
        place = [f"{number:.6g}" for number in p[row]]
        writer.writerow([*about, *place, f"{error:.6g}" if np.isfinite(error) else ""])
    return out.getvalue()


def show(model: str, map_name: str, chosen: dict[str, Any]) -> bool:
    """Show a selection: count, gallery, mean picture, classes, the two exports, and what can be made of it.

    Say whether it has just become a slider.
    """
    opened = library().open(model)
    try:
        rows = rows_of(opened, map_name, chosen)
    except (ManigenError, KeyError, TypeError, ValueError):
        rows = np.zeros(0, int)
    st.subheader(text("selection"), anchor=False)
    if not len(rows):
        st.info(text("selection_empty"))
        return False
    codes = opened.codes
    st.caption(text("selection_count", n=len(rows), all=len(codes)))
    gallery, mean, classes = st.columns([5, 2, 4])
    picked = rows[np.linspace(0, len(rows) - 1, min(GALLERY, len(rows))).astype(int)]
    with gallery:
        st.caption(text("selection_gallery"))
        painted = library().works.decode(opened.generator, codes.z[picked])
        st.image(pictures.png(pictures.sheet(painted, 12), 3), width="stretch")
    with mean:
        st.caption(text("selection_mean"))
        some = library().works.decode(opened.generator, codes.z[rows[:: -(-len(rows) // 2000)]])
        average = np.rint(some.mean(axis=0, keepdims=True)).astype(np.uint8)
        st.image(pictures.png(pictures.sheet(average, 1), 6), width="stretch")
    with classes:
        st.caption(text("selection_classes"))
        if (codes.labels[rows] >= 0).any():
            counts = np.bincount(codes.labels[rows][codes.labels[rows] >= 0], minlength=len(codes.classes))
            st.plotly_chart(figures.histogram(codes.classes, counts), key="histogram", config={"displayModeBar": False})
        else:
            st.write(text("selection_no_labels"))
    download = st.columns([2, 2, 2, 3, 2], vertical_alignment="bottom")
    stem = f"{model}-{map_name}-{len(rows)}"
    download[0].download_button(
        text("selection_csv"),
        lambda: table(opened, map_name, rows),
        f"{stem}.csv",
        "text/csv",
        on_click="ignore",
        width="stretch",
    )

    def arrays() -> bytes:
        kept = {"z": codes.z[rows], "rows": codes.rows[rows], "split": codes.split[rows], "labels": codes.labels[rows]}
        return files.npz_bytes(kept)

    download[1].download_button(text("selection_npz"), arrays, f"{stem}.npz", on_click="ignore", width="stretch")
    centre = codes.z[rows].mean(axis=0, dtype=np.float64).astype(np.float32)
    full = len(state.tray()["pins"]) >= state.MOST_PINS
    download[2].button(
        text("selection_pin"), key="selection:pin", help=text("selection_pin_help"), width="stretch", disabled=full,
        on_click=state.whole(state.pin), args=(model, centre),
    )  # fmt: skip
    before = state.selections(model, codes.z.shape[1])
    usual = text("selection_usual", n=len(before) + 1)
    name = download[3].text_input(text("selection_name"), key="selection:name", placeholder=usual, max_chars=40)
    made = download[4].button(
        text("selection_slider"), key="selection:slider", help=text("selection_slider_help"), width="stretch",
        disabled=len(rows) == len(codes),
    )  # fmt: skip
    if not made:
        return False
    try:
        new = directions.select(codes.z, rows, state.named(name) or usual)
    except ManigenError as problem:
        st.warning(str(problem))
        return False
    state.set_selections(model, [*before, new])
    return True
