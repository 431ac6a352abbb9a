"""Upload: a person's own picture, shown beside what the model makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from manigen.datasets.own import read_picture
from manigen.errors import ManigenError
from manigen.figures import pictures
from manigen.live.library import Opened
from manigen.ui import walks
from manigen.ui.text import card_text, text

SIDE = 192  # pixels that the two pictures are about as tall as


def code(opened: Opened, card: dict[str, Any], act: str) -> np.ndarray | None:
    """Show an uploader; return the code (d,) of the picture once the button named `act` is pressed, else None.

    A model without an encoder says that it cannot read pictures.
    """
    if not card["encodes"]:
        st.caption(text("upload_no_encoder", title=card_text(card.get("title", opened.name))))
        return None
    file = st.file_uploader(text("ends_upload_help"), type=None)
    if file is None:
        return None
    try:
        picture = read_picture(file.getvalue(), tuple(card["shape"]), name=file.name)
        generator = opened.generator
        usual = walks.inverted(picture, generator.decode(opened.codes.z[:64]))
        swap = st.toggle(text("ends_invert"), usual, help=text("ends_invert_help"), key=f"swap:{file.file_id}")
        picture = 255 - picture if swap else picture
        found = generator.encode(picture[None])[0]
        painted = generator.decode(found[None])
    except ManigenError as problem:
        st.error(str(problem))
        return None
    left, right = st.columns(2)
    shown = (left, picture.transpose(1, 2, 0)[None], "ends_yours"), (right, painted, "ends_reconstructed")
    for column, x, words in shown:
        scale = max(1, SIDE // card["shape"][1])
        column.image(pictures.png(pictures.sheet(x, 1), scale), text(words), width=SIDE)
    return found if st.button(act, type="primary", width="stretch") else None
