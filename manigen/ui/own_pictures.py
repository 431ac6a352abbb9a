"""Own pictures: upload them, see how they will be seen, make them ready, train on them, delete them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from manigen import home
from manigen.datasets import own
from manigen.errors import ManigenError
from manigen.figures import pictures
from manigen.home import Owner
from manigen.ui import ordering, state
from manigen.ui.text import text, told
from manigen.workshop import errand, preparing

LARGEST = 500  # megabytes of one upload
LISTED = 200  # broken files shown by name
SHOWN_CLASSES = 12


def show(me: Owner) -> None:
    """Show the uploader, and everything that was uploaded."""
    facts = own.card.facts
    limits = text(
        "own_limits", pictures=facts["pictures"], upload=LARGEST, bytes=home.megabytes(facts["bytes"]),
        pixels=round(facts["pixels"] / 1e6), used=home.megabytes(me.used()), quota=home.megabytes(home.quota()),
    )  # fmt: skip
    with st.container(border=True):
        st.markdown(f"##### {text('own_add')}")
        _upload(me)
        st.caption(limits)
    for folder in reversed(me.things("pictures")):
        with st.container(border=True):
            _entry(me, folder)


def _upload(me: Owner) -> None:
    folders = st.toggle(text("own_folder"), help=text("own_folder_help"), key="own:folder")
    turn = st.session_state.setdefault("own:turn", 0)
    given = st.file_uploader(
        text("own_drop"),
        accept_multiple_files="directory" if folders else True,
        max_upload_size=LARGEST,
        key=f"own:files:{turn}:{folders}",
        label_visibility="collapsed",
    )
    if not given:
        return
    try:
        token = preparing.keep(me, [(file.name, file) for file in given])
    except ManigenError as problem:
        st.error(told(str(problem)))
        return
    st.session_state["own:turn"] = turn + 1
    st.session_state["own:fresh"] = token
    st.rerun()


def _entry(me: Owner, folder: Path) -> None:
    about, token = home.note(folder), folder.name
    with st.container(horizontal=True, vertical_alignment="center"):
        size = home.megabytes(home.size_of(folder))
        st.markdown(f"**{about.get('title', token)}**  \n:gray[{about.get('file', '')} · {size}]")
        if about.get("ready") and st.button(text("own_train"), key=f"own:train:{token}", type="primary"):
            state.to_link(make="new", data_for=token)
            st.rerun()
        if st.button("", icon=":material/delete:", key=f"own:gone:{token}", help=text("own_delete")):
            st.dialog(text("own_delete"))(_sure)(folder, str(about.get("title", token)))
    if about.get("ready"):
        _ready(me, folder)
    elif errand.going(folder):
        _wait(folder)
    else:
        _look(folder, about)


def _sure(folder: Path, title: str) -> None:
    st.write(text("own_delete_sure", title=title))
    if st.button(text("trn_delete_yes"), type="primary", key=f"own:sure:{folder.name}"):
        home.remove(folder)
        st.rerun()


def _ready(me: Owner, folder: Path) -> None:
    try:
        data = ordering.own(str(folder), folder.name)
        images = own.read("train", folder / "ready")
    except ManigenError as problem:
        st.error(told(str(problem)))
        return
    face, words = st.columns([2, 3], vertical_alignment="center")
    face.image(data.face, width="stretch")
    with words:
        st.write(text("own_ready", train=data.train, test=data.test, about=data.about))
        if images.classes:
            counts = {name: int((images.labels == at).sum()) for at, name in enumerate(images.classes)}
            st.caption(_counted(counts))
        _skipped(list(images.skipped))


@st.cache_data(max_entries=40, show_spinner=False)
def _glance(path: str, stamp: float, knobs: tuple[tuple[str, Any], ...]) -> own.Glance:
    return own.glance(path, **dict(knobs))


def _look(folder: Path, about: dict[str, Any]) -> None:
    """Show how the pictures will be cropped, resized and coloured, with the knobs that decide it."""
    path, token = folder / str(about.get("file", "")), folder.name
    failed = errand.progress(folder).get("error")
    if failed:
        st.error(told(failed))
    knobs: dict[str, Any] = {}
    try:
        stamp = path.stat().st_mtime
        usual = {"size": _size(_glance(str(path), stamp, ()).side)}
        boxes = st.columns(4)
        for box, knob in zip(boxes, (knob for knob in own.card.knobs if knob.choices), strict=False):
            words = {choice: _said(knob.name, choice) for choice in knob.choices}
            knobs[knob.name] = box.selectbox(
                text(f"own_{knob.name}"), knob.choices, knob.choices.index(usual.get(knob.name, knob.default)),
                format_func=words.__getitem__, key=f"own:{token}:{knob.name}",
                help=text("own_size_help") if knob.name == "size" else None,
            )  # fmt: skip
        seen = _glance(str(path), stamp, tuple(sorted(knobs.items())))
    except (ManigenError, OSError) as problem:
        st.error(told(str(problem)) if isinstance(problem, ManigenError) else text("own_lost"))
        return
    if seen.shown:
        x = np.stack([picture for _, picture in seen.shown]).transpose(0, 2, 3, 1)
        st.image(pictures.png(pictures.sheet(x, 12), max(1, 84 // x.shape[1])), width="stretch")
    st.caption(text("own_preview", shown=len(seen.shown), n=seen.count))
    if seen.labels:
        st.caption(_counted(seen.labels))
    else:
        st.caption(text("own_no_labels"))
    _skipped(list(seen.skipped))
    if st.button(text("own_prepare"), type="primary", key=f"own:go:{token}"):
        try:
            preparing.begin(folder, knobs)
        except ManigenError as problem:
            st.error(told(str(problem)))
            return
        st.rerun()


def _size(side: int) -> int:
    """The size that is offered first: small pictures' own, or the nearest to it; the usual one for larger pictures."""
    knob = next(knob for knob in own.card.knobs if knob.name == "size")
    sizes = [int(size) for size in knob.choices]
    return min(sizes, key=lambda size: abs(size - side)) if 0 < side <= max(sizes) else int(knob.default)


def _said(knob: str, choice: Any) -> str:
    return text("own_pixels", n=choice) if knob == "size" else text(f"own_{knob}_{choice}")


def _wait(folder: Path) -> None:
    @st.fragment(run_every=0.5)
    def look() -> None:
        if not errand.going(folder):
            st.rerun()
        share = errand.progress(folder).get("share", 0.0)
        st.progress(min(1.0, share), text("own_preparing", percent=round(100 * share)))

    look()


def _counted(counts: dict[str, int]) -> str:
    first = list(counts.items())[:SHOWN_CLASSES]
    more = f" … (+{len(counts) - len(first)})" if len(counts) > len(first) else ""
    return text("own_classes", n=len(counts)) + " " + ", ".join(f"{name} {n:,}" for name, n in first) + more


def _skipped(skipped: list[tuple[str, str]]) -> None:
    if not skipped:
        return
    with st.expander(text("own_skipped", n=len(skipped)), icon=":material/report:"):
        stop = text("own_stop")
        lines = "\n".join(f"{name} {told(reason)}{stop}" for name, reason in skipped[:LISTED])
        st.code(lines, language=None)
