"""Sliders: one for each direction of a model's codes; the picture follows every one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from manigen.errors import ManigenError
from manigen.live import routes
from manigen.live.library import library
from manigen.ui import cache, components, pickers, state, upload
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
    st.session_state["sliders:start"] = {"epoch": before["epoch"] + 1, "model": model, "code": state.spell(code)}


def begin() -> None:
    """Find the code that the sliders start at: a new link's, this session's, or the real code nearest to the mean."""
    start = st.session_state.get("sliders:start", {"model": None, "code": None})
    spelled = state.from_link("code")
    if start["model"] == model and spelled in (None, start["code"]):
        return
    if spelled and spelled != start["code"]:
        try:
            return start_at(state.unspell(spelled, card["dim"]))
        except ManigenError as problem:
            if start["model"] in (None, model):
                st.warning(str(problem))
    mean = opened.codes.z.mean(axis=0, dtype=np.float64)
    start_at(opened.codes.z[opened.nearest.find(mean)[0][0, 0]])


def keep_code() -> None:
    """Take over where the sliders have come to rest."""
    sent = st.session_state["sliders"].get("code") or {}
    start = st.session_state["sliders:start"]
    try:
        code = state.spell(state.unspell(str(sent.get("code")), card["dim"]))
    except ManigenError:
        return
    if sent.get("model") == start["model"]:
        start["code"] = code
        state.to_link(code=code)


def keep_tray() -> None:
    """Take over the pins that the browser has just changed."""
    state.set_tray((st.session_state["sliders"].get("tray") or {}).get("pins", []))


@st.fragment(run_every=0.4)
def wait_for(effects: Any) -> None:
    """Show the page again once the effects are measured."""
    if effects.done():
        st.rerun()


with st.container(horizontal=True, vertical_alignment="bottom", key="sliders-bar"):
    with st.container(width=310):
        pickers.open_model_dialog(model)
    with st.container(width="content"):
        bases = room.bases(opened.codes.labels)
        basis = pickers.choice("basis", list(bases), {name: text(f"basis_{name}") for name in bases})
    map_name = None
    if card["maps"]:
        with st.container(width="content"):
            map_name = pickers.choice("map", list(card["maps"]), {m: cache.map_title(m) for m in card["maps"]})
    with st.popover(text("start_upload"), icon=":material/upload:"):
        code = upload.code(opened, card, text("start_here"))
        if code is not None:
            start_at(code)
            state.to_link(code=state.spell(code))
begin()
along = cache.directions(model, card["files"]["codes.npz"], basis)
effects = cache.effects(model, card["files"]["model.safetensors"], basis)
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
        "basis": basis,
        "mean": along.mean.tolist(),
        "units": along.units.tolist(),
        "scale": along.scale.tolist(),
        "share": along.share.tolist(),
        "groups": along.groups.tolist(),
        "at": along.at.tolist(),
        "reach": room.REACH,
        "within": cache.within_reach(model, card["files"]["codes.npz"], basis),
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
