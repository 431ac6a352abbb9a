"""Upload: a person's own picture, shown beside what the model makes of it."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import streamlit as st

from manigen import inversion
from manigen.datasets.own import read_picture
from manigen.errors import ManigenError
from manigen.figures import pictures
from manigen.live.library import Opened, library
from manigen.threads import one_thread
from manigen.ui import state, walks
from manigen.ui.text import card_text, text

SIDE, GAP, WORDS = 180, 16, 240  # pixels: the two pictures where there is room, between them, the words beside them


def dialog(model: str, card: dict[str, Any]) -> None:
    """Show the dialog in which a person's own picture is pinned: its code has a place on every map."""

    @st.dialog(text("mine_title"), width="medium")
    def ask() -> None:
        found = code(library().open(model), card, text("mine_go"))
        if found is None:
            return
        if len(state.tray()["pins"]) >= state.MOST_PINS:
            st.error(text("tray_full", n=state.MOST_PINS))
            return
        state.pin(model, found)
        st.rerun()

    ask()


def code(opened: Opened, card: dict[str, Any], act: str) -> np.ndarray | None:
    """Show an uploader; return the code (d,) of the picture once the button named `act` is pressed, else None.

    Where no encoder reads it off, or a better one is wished for, it is searched for, with progress. The error is said.
    """
    if not card["encodes"]:
        st.caption(text("upload_no_encoder", title=card_text(card.get("title", opened.name))))
    file = st.file_uploader(text("ends_upload_help"), type=None)
    if file is None:
        return None
    try:
        picture = read_picture(file.getvalue(), tuple(card["shape"]), name=file.name)
        generator = opened.generator
        own = generator.decode(opened.codes.z[:64])
        swap = st.toggle(
            text("ends_invert"), walks.inverted(picture, own), help=text("ends_invert_help"), key=f"swap:{file.file_id}"
        )
        picture = 255 - picture if swap else picture
        search = not card["encodes"] or (
            generator.differentiable
            and st.toggle(text("upload_better"), help=text("upload_better_help"), key=f"better:{file.file_id}")
        )
        row = st.container(horizontal=True, vertical_alignment="center")  # words at their side where there is room
        pair = row.container(horizontal=True, width=2 * SIDE + GAP)  # side by side on a phone too
        left, right, beside = pair.container(), pair.container().empty(), row.container(width=WORDS)
        _show(left, picture.transpose(1, 2, 0)[None], "ends_yours", card)
        found = _searched(opened, picture, right, card) if search else generator.encode(picture[None])[0]
        painted = generator.decode(found[None])
        _show(right, painted, "ends_reconstructed", card)
    except ManigenError as problem:
        st.error(str(problem))
        return None
    missed = float(np.square(painted[0] - picture / np.float32(255)).mean())
    pressed = beside.button(act, type="primary", width="stretch")
    beside.caption(text("upload_error", error=missed, level=_usual(own)))
    return found if pressed else None


def _show(column: Any, x: np.ndarray, words: str, card: dict[str, Any]) -> None:
    column.image(pictures.png(pictures.sheet(x, 1), max(1, SIDE // card["shape"][1])), text(words), width="stretch")


def _searched(opened: Opened, picture: np.ndarray, place: Any, card: dict[str, Any]) -> np.ndarray:
    """Return the code (d,) that is found for a picture; each is looked for once, `place` is dark meanwhile."""
    name = f"{opened.name}:{hashlib.sha256(picture.tobytes()).hexdigest()}"
    kept = st.session_state.setdefault("inverted", {})
    if name not in kept:
        _show(place, np.zeros((1, *picture.shape), np.float32), "upload_searching", card)
        bar = st.progress(0.0)

        def progress(share: float) -> None:
            bar.progress(min(1.0, share))

        one_thread()  # threads that share one search wait for each other, and for whoever else needs the cores
        kept[name] = inversion.search(opened.generator, picture[None], opened.codes.z, progress=progress).z[0]
        bar.empty()
    return kept[name]


def _usual(x: np.ndarray) -> float:
    """How far two of a model's own pictures x lie apart, as a mean squared error: a miss is compared with it."""
    return float(np.square(x[:32] - x[32:]).mean()) if len(x) == 64 else float(x.var())
