"""Explore: the map of a model, a picture under the pointer, pins, and what a lasso holds."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from manigen import weights
from manigen.errors import ManigenError
from manigen.live import routes
from manigen.live.library import library
from manigen.ui import cache, components, directions, mapping, pickers, selection, state, upload
from manigen.ui.text import all_text, text

COLOURS = ("label", "error", "distance", "intruders", "torn", "density", "area", "stretch", "stability")

model = pickers.model()
card = cache.cards()[model]
try:
    library().open(model)
except ManigenError as problem:
    st.error(str(problem))
    pickers.open_model_dialog(model)
    st.stop()
notices = st.container()
with st.container(horizontal=True, vertical_alignment="bottom", key="explore-bar"):
    with st.container(width=280):
        pickers.open_model_dialog(model)
    with st.container(width="content"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            recipe = mapping.read(mapping.pick(model, list(card["maps"]), notices.warning))
        map_name = recipe.name()
    with st.container(width="content"):
        if st.button(text("fit_open"), icon=":material/add:", key="fit:open", help=text("fit_open_help")):
            mapping.dialog(model, recipe.dims)
    with st.container(width="content"):
        others = mapping.beside(model, list(card["maps"]), recipe)
    with st.container(width=250):
        codes = library().open(model).codes
        drawn = codes.split[0] == weights.SPLITS.index("sample")  # of no picture there is an error to know
        labelled = bool((codes.labels >= 0).any())
        known = [c for c in COLOURS if (labelled or c != "label") and not (drawn and c == "error")]
        colour = pickers.menu("colour", known, {c: text(f"colour_{c}") for c in known})

spelled = state.from_link("ends")
if spelled and spelled != st.session_state.get("read:ends"):
    try:
        state.set_tray(state.ends_from_link(spelled, model, card["dim"]), by_page=True)
    except ManigenError as problem:
        st.warning(str(problem))
    st.session_state["read:ends"] = spelled  # once it is taken over: a run may be cut short at any look at the session


try:
    state.selections(model, card["dim"])
except ManigenError as problem:
    st.warning(str(problem))


def keep_tray() -> None:
    """Take over the pins that the browser has just changed."""
    state.set_tray((st.session_state["explore"].get("tray") or {}).get("pins", []))


shown = components.mount(
    "explore",
    key="explore",
    data={
        "model": model,
        "map": map_name,
        "mapTitle": recipe.title(),
        "mapUrl": routes.map_address(model, map_name),
        "trustUrl": routes.trust_address(model, map_name),
        "kinUrl": routes.kin_address(model, map_name),
        "stretchUrl": routes.stretch_address(model, map_name),
        "stabilityUrl": routes.stability_address(model, map_name),
        "ghostsUrl": routes.ghosts_address(model, map_name),
        "unwarpUrl": routes.unwarp_address(model, map_name),
        "exportUrl": routes.export_address(model, map_name),
        "dims": recipe.dims,
        "beside": [
            {
                "map": other.name(),
                "title": other.title(),
                "mapUrl": routes.map_address(model, other.name()),
                "trustUrl": routes.trust_address(model, other.name()),
            }
            for other in others
        ],
        "forming": mapping.shown(model),
        "colourBy": colour,
        "classes": card["data"].get("classes", []),
        "tray": state.tray(),
        "most": state.MOST_PINS,
        "text": all_text(card["encodes"]),
    },
    on_tray_change=keep_tray,
    on_selection_change=lambda: None,
    on_walk_change=lambda: None,
    on_trust_change=lambda: None,
    on_upload_change=lambda: None,
    on_made_change=lambda: None,
)
ends = state.ends_to_link(state.tray()["pins"], model)
state.to_link(model=model, map=recipe.spelled(), colour=colour, ends=ends)
st.session_state["read:ends"] = ends
state.tell_selections(model)
if shown.get("walk"):
    st.switch_page(Path(__file__).with_name("interpolate.py"))
if shown.get("made"):
    if not shown["made"].get("made"):
        mapping.forget(model)
    st.rerun()
if shown.get("trust"):
    from manigen.ui import trusting

    trusting.panel(model, map_name, recipe.title())
if shown.get("upload"):
    upload.dialog(model, card)
if shown.get("selection"):
    lassoed = shown["selection"].get("map")
    lassoed = lassoed if lassoed in {other.name() for other in others} else map_name
    if selection.show(model, lassoed, shown["selection"]):
        state.tell_selections(model)
        state.to_link(basis=directions.CHOSEN)
        st.switch_page(Path(__file__).with_name("sliders.py"))
