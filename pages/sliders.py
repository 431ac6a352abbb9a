"""Sliders: one for each direction of a model's codes; the picture follows every one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from manigen import attributes, links
from manigen.errors import ManigenError
from manigen.live import routes
from manigen.live.library import library
from manigen.ui import cache, components, pickers, state, upload, walks
from manigen.ui import directions as room
from manigen.ui.text import all_text, text

PATIENCE = 0.35  # seconds that the page waits for the effects before it goes on without them

model = pickers.model()
card = cache.cards()[model]
try:
    opened = library().open(model)
except ManigenError as problem:
    st.error(str(problem))
    st.stop()


def start_at(code: np.ndarray) -> None:
    """Let the sliders begin anew at a code (d,)."""
    before = st.session_state.get("sliders:start", {"epoch": 0})
    st.session_state["sliders:start"] = {"epoch": before["epoch"] + 1, "model": model, "code": links.spell(code)}


def begin() -> None:
    """Find the code that the sliders start at: a new link's, this session's, or a typical one near the middle."""
    start = st.session_state.get("sliders:start", {"model": None, "code": None})
    spelled = state.from_link("code")
    if start["model"] == model and spelled in (None, start["code"]):
        return
    if spelled and spelled != start["code"]:
        try:
            return start_at(links.unspell(spelled, card["dim"]))
        except ManigenError as problem:
            if start["model"] in (None, model):
                st.warning(str(problem))
    start_at(opened.codes.z[walks.central(opened)])


def keep_code() -> None:
    """Take over where the sliders have come to rest."""
    sent = st.session_state["sliders"].get("code") or {}
    start = st.session_state["sliders:start"]
    try:
        code = links.spell(links.unspell(str(sent.get("code")), card["dim"]))
    except ManigenError:
        return
    if sent.get("model") == start["model"]:
        start["code"] = code
        state.to_link(code=code)


def keep_tray() -> None:
    """Take over the pins that the browser has just changed."""
    state.set_tray((st.session_state["sliders"].get("tray") or {}).get("pins", []))


def forget(at: int) -> None:
    """Take one selection's slider away."""
    state.set_selections(model, [one for i, one in enumerate(chosen) if i != at])


def groups() -> None:
    """Show every group that has a middle: a class or a selection, each to be pinned; selections can be taken away."""
    st.caption(text("groups_more"))
    full = len(state.tray()["pins"]) >= state.MOST_PINS
    found, means = attributes.class_means(opened.codes.z, opened.codes.labels)
    if len(found):
        with st.container(horizontal=True, gap="small"):
            for group, mean in zip(found, means, strict=True):
                name = opened.codes.classes[group]
                st.button(
                    name, key=f"groups:class:{group}", help=text("groups_pin", name=name), disabled=full,
                    on_click=state.whole(state.pin), args=(model, mean),
                )  # fmt: skip
    for at, one in enumerate(chosen):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                f"{one.name} · {one.n:,}", key=f"groups:chosen:{at}", help=text("groups_pin", name=one.name),
                disabled=full, on_click=state.whole(state.pin), args=(model, one.centre), width="stretch",
            )  # fmt: skip
            st.button(
                text("groups_remove"), icon=":material/delete:", key=f"groups:forget:{at}",
                help=text("groups_forget", name=one.name), on_click=state.whole(forget), args=(at,),
            )  # fmt: skip
    if not chosen:
        st.caption(text("groups_none"))


@st.fragment(run_every=0.4)
def wait_for(effects: Any) -> None:
    """Show the page again once the effects are measured."""
    if effects.done():
        st.rerun()


with st.container(horizontal=True, vertical_alignment="bottom", key="sliders-bar"):
    with st.container(width=310):
        pickers.open_model_dialog(model)
    with st.container(width="content"):
        try:
            chosen = state.selections(model, card["dim"])
        except ManigenError as problem:
            chosen = []
            st.warning(str(problem))
        bases = (*room.bases(opened.codes.labels), *([room.CHOSEN] if chosen else []))
        basis = pickers.choice("basis", list(bases), {name: text(f"basis_{name}") for name in bases})
    map_name = None
    if card["maps"]:
        with st.container(width="content"):
            map_name = pickers.choice("map", list(card["maps"]), {m: cache.map_title(m) for m in card["maps"]})
    with st.popover(text("groups"), icon=":material/workspaces:", help=text("groups_help")):
        groups()
    with st.popover(text("start_upload"), icon=":material/upload:"):
        code = upload.code(opened, card, text("start_here"))
        if code is not None:
            start_at(code)
            state.to_link(code=links.spell(code))
begin()
spelled = state.tell_selections(model)
spelled = spelled if basis == room.CHOSEN else None  # what the other bases do not depend on
along = cache.directions(model, card["files"]["codes.npz"], basis, spelled)
effects = cache.effects(model, card["files"]["model.safetensors"], basis, spelled)
try:
    effect = effects.result(PATIENCE).tolist()
    failed = False
except TimeoutError:
    effect, failed = None, False
except ManigenError:
    effect, failed = None, True

shown = components.mount(
    "sliders",
    key="sliders",
    data={
        "model": model,
        "shape": card["shape"],
        "encodes": card["encodes"],
        "classes": card["data"].get("classes", []),
        "basis": basis if spelled is None else f"{basis}~{spelled}",
        "mean": along.mean.tolist(),
        "units": along.units.tolist(),
        "scale": along.scale.tolist(),
        "share": along.share.tolist(),
        "names": [f"{one.name} · {one.n:,}" for one in chosen] if spelled else card["data"].get("classes", []),
        "groups": along.groups.tolist(),
        "at": along.at.tolist(),
        "reach": room.REACH,
        "within": cache.within_reach(model, card["files"]["codes.npz"], basis, spelled),
        "effect": effect,
        "failed": failed,
        "asked": len(room.sample_rows(len(opened.codes), len(along.axes))),
        "start": st.session_state["sliders:start"],
        "map": map_name,
        "mapUrl": routes.map_address(model, map_name) if map_name else None,
        "tray": state.tray(),
        "most": state.MOST_PINS,
        "text": all_text(card["encodes"]),
    },
    on_code_change=keep_code,
    on_tray_change=keep_tray,
    on_walk_change=lambda: None,
)
state.to_link(model=model, basis=basis, map=map_name, code=st.session_state["sliders:start"]["code"])
if shown.get("walk"):
    st.switch_page(Path(__file__).with_name("interpolate.py"))
if effect is None and not failed:
    wait_for(effects)
