"""Interpolate: a walk from picture to picture; its film strip is the slider."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from manigen import links, paths
from manigen.cards import Value
from manigen.errors import ManigenError
from manigen.figures.walks import FILMS
from manigen.live import routes
from manigen.live.library import Opened, library
from manigen.ui import cache, components, pickers, state, turning, upload, walks
from manigen.ui.text import all_text, card_text, exported, language, sayings, text

model = pickers.model()
card = cache.cards()[model]
known = walks.kinds()
try:
    opened = library().open(model)
except ManigenError as problem:
    st.error(str(problem))
    st.stop()


def take_ends(rows: list[int]) -> None:
    """Let real codes, by their rows, be the ends."""
    state.set_ends(model, opened.codes.z[rows], card["dim"], by_page=True)


def add_end(code: Any) -> None:
    """Append one end."""
    codes = state.ends(model)["codes"]
    if len(codes) >= links.MOST_ENDS:
        st.toast(text("ends_full", n=links.MOST_ENDS))
        return
    state.set_ends(model, [*codes, list(code)], card["dim"], by_page=True)


def begin() -> None:
    """Find the ends this visit starts with: a new link's, newly pinned pictures, those of before, or two good ones."""
    spelled = state.from_link("walk") or st.query_params.pop("ends", None)
    pinned = [pin["code"] for pin in state.tray()["pins"] if pin["model"] == model]
    is_new = spelled and spelled != st.session_state.get("read:walk")
    pins_are_new = pinned and pinned != st.session_state.get("walk:pinned")
    taken = False
    if is_new:
        try:
            state.set_ends(model, links.codes_from_link(spelled, card["dim"]), card["dim"], by_page=True)
            taken = True
        except ManigenError as problem:
            st.warning(str(problem))
    if pins_are_new and not taken:
        state.set_ends(model, pinned, card["dim"], by_page=True)
    elif not state.has_ends(model):
        take_ends(walks.opening(opened.codes))
    st.session_state["walk:pinned"] = pinned  # once they are taken: a run may be cut short at any look at the session


def class_name(label: int) -> str:
    """What a class is called."""
    return opened.codes.classes[label]


def choose_ends() -> None:
    """Show every way to choose ends besides clicking the map."""
    st.caption(text("ends_more"))
    left, right = st.columns(2)
    if left.button(text("ends_random"), help=text("ends_random_help"), width="stretch"):
        take_ends(walks.at_random(opened.codes, state.next_seed()))
    if right.button(text("ends_add_random"), width="stretch"):
        add_end(opened.codes.z[walks.at_random(opened.codes, state.next_seed())[0]])
    pinned = [pin["code"] for pin in state.tray()["pins"] if pin["model"] == model]
    if pinned and st.button(text("ends_tray", n=len(pinned)), width="stretch"):
        state.set_ends(model, pinned, card["dim"], by_page=True)
    labels = walks.present(opened.codes)
    if len(labels) > 1:
        st.markdown(f"**{text('ends_by_class')}**", help=text("ends_by_class_help"))
        first, second, act = st.columns([2, 2, 2], vertical_alignment="bottom")
        start = first.selectbox(text("ends_from"), labels, format_func=class_name, key=f"ends:from:{model}")
        end = second.selectbox(text("ends_to"), labels, index=1, format_func=class_name, key=f"ends:to:{model}")
        if act.button(text("ends_take"), width="stretch"):
            take_ends([walks.typical(opened.codes, label) for label in (start, end)])
    st.markdown(f"**{text('ends_upload')}**")
    code = upload.code(opened, card, text("ends_add"))
    if code is not None:
        add_end(code)


def tune(kinds: list[str], told: dict[str, dict[str, Value]], beyond: float) -> float:
    """Show how far walks go past their ends, and return it; then the knobs of the kinds on screen, the finer last."""
    words = {"format": "%d %%", "help": text("beyond_help")}
    share = st.slider(text("beyond"), 0, 100, round(100 * beyond), 5, key="walk:beyond", **words)
    epoch = st.session_state.get("tune:epoch", 0)

    def turn(kind: str, finer: bool) -> None:
        knobs = [knob for knob in known[kind].knobs if knob.finer == finer]
        if knobs:
            st.markdown(f"**{titles[kind]}**")
        for knob in knobs:
            told[kind][knob.name] = turning.turn(f"walk:{model}:{kind}:{epoch}", knob, told[kind][knob.name])

    for kind in kinds:
        turn(kind, finer=False)
    finer = {kind: {knob.name: told[kind][knob.name] for knob in known[kind].knobs if knob.finer} for kind in kinds}
    if any(finer.values()):
        with st.expander(text("tune_finer"), expanded=links.knobs_to_link(finer, card) is not None):
            with st.container(width=250):  # else so long a sentence would make the popover as wide as it can be
                st.caption(text("tune_finer_help"))
            for kind in kinds:
                turn(kind, finer=True)
    if not any(known[kind].knobs for kind in kinds):
        st.caption(text("tune_none"))
    as_usual = links.knobs_to_link(told, card) is None
    st.button(text("tune_back"), on_click=state.whole(as_chosen), disabled=as_usual, width="stretch")
    return share / 100


def as_chosen() -> None:
    """Let every knob be as it was chosen for this model again."""
    state.to_link(knobs=None)
    st.session_state["tune:epoch"] = st.session_state.get("tune:epoch", 0) + 1


def export(opened: Opened, kinds: list[str], beyond: float) -> None:
    """Show a button for each kind of file; a file is made when its button is pressed."""
    ends = state.ends(model)["codes"]
    if len(ends) < 2:
        st.caption(text("export_needs_two"))
        return
    even = state.from_link("even") == "1"
    at = links.position(state.from_link("t"), beyond=beyond)
    makers = walks.exports(opened, kinds, ends, at, even, told, beyond, exported(), language())
    stem = walks.stem(model, kinds, [walks.name_of(opened, end) for end in ends])
    st.caption(text("export_help"))
    there_and_back = st.toggle(text("export_bounce"), True, key="export:bounce")
    for suffix, make in makers.items():
        make = partial(make, there_and_back) if suffix in FILMS else make
        st.download_button(text(f"export_{suffix}"), make, f"{stem}.{suffix}", on_click="ignore", width="stretch")
    if "mp4" not in makers:
        st.caption(text("export_no_mp4"))
    st.caption(text("export_named", stem=stem))


def keep_ends() -> None:
    """Take over the ends that the browser has just changed; what it sends of before a page's change is too late."""
    sent = st.session_state["interpolate"].get("ends") or {}
    if sent.get("epoch") == state.ends(model)["epoch"] and sent.get("model") == model:
        state.set_ends(model, sent.get("codes"), card["dim"])


def keep_position() -> None:
    """Take over where the hand has come to rest."""
    sent = st.session_state["interpolate"].get("position") or {}
    state.to_link(t=repr(links.position(sent.get("t"), beyond=1.0)))


def keep_legs() -> None:
    """Take over which kind each leg of the mixed walk is."""
    sent = st.session_state["interpolate"].get("legs") or {}
    chosen = [name for name in sent.get("legs") or [] if name in known]
    state.to_link(legs="~".join(chosen) or None)


def keep_even() -> None:
    """Take over whether steps are to change the picture equally."""
    sent = st.session_state["interpolate"].get("even") or {}
    state.to_link(even="1" if sent.get("even") else "0")


def keep_heat() -> None:
    """Take over whether the magnification is painted under the paths."""
    sent = st.session_state["interpolate"].get("heat") or {}
    state.to_link(heat="1" if sent.get("heat") else "0")


def keep_bounce() -> None:
    """Take over whether a walk that plays turns around at its ends."""
    sent = st.session_state["interpolate"].get("bounce") or {}
    state.to_link(bounce="1" if sent.get("bounce") else "0")


def ruler(row: str) -> str | None:
    """Return by what a row's search measures lengths, in words, None where that is pixels."""
    by = walks.ruler_of(links.knobs_of(row, told, legs))
    return by and turning.named(by)


def why_own() -> str:
    """Say why the model's own kind of path is its own, with the figures on its card."""
    figures = walks.chosen(card)
    if figures is None:
        return text("walk_own_plain")
    shown = {name: f"{value:.2f}" for name, value in figures.items() if isinstance(value, float)}
    words = text("walk_own_help" if card["encodes"] else "drawn_walk_own_help", **{**figures, **shown})
    return f"{words} {text('walk_own_set', knobs=figures['knobs'])}" if figures["knobs"] else words


begin()
legs = links.legs(state.from_link("legs"), len(state.ends(model)["codes"]), list(known))
with st.container(horizontal=True, vertical_alignment="bottom", key="walk-bar"):
    with st.container(width=240):
        pickers.open_model_dialog(model)
    with st.container(width="content"):
        map_name = pickers.choice("map", list(card["maps"]), {m: cache.map_title(m) for m in card["maps"]})
    with st.container(width="content"):
        titles = {name: card_text(kind.title) for name, kind in known.items()}
        offered = [*known, *([links.MIXED] if len(legs) > 1 else [])]
        titles[links.MIXED] = text("walk_mixed")
        own = card.get("geodesic")
        starred = {name: f"{words} ★" if name == own else words for name, words in titles.items()}
        why = why_own() if own in known else None
        usual = links.favourites(own, list(known))
        kinds = pickers.several("kinds", offered, starred, usual, None if why is None else f"★ {why}")
    spelled_kinds = [paths.MIX.join(legs) if name == links.MIXED and legs else name for name in kinds]
    told = links.knobs_from_link(state.from_link("knobs"), card)
    beyond = links.position(state.from_link("beyond"), 0.0)
    with st.popover(text("tune"), icon=":material/tune:", help=text("tune_help")):
        shown = [name for name in known if any(name in kind.split(paths.MIX) for kind in spelled_kinds)]
        beyond = tune(shown, told, beyond)
    with st.popover(text("choose_ends"), icon=":material/add_location_alt:"):
        choose_ends()
    with st.popover(text("export"), icon=":material/download:"):
        export(opened, spelled_kinds, beyond)

ends = state.ends(model)  # as they are now that every way to choose them was offered
legs = links.legs(state.from_link("legs"), len(ends["codes"]), list(known))
spelled_kinds = [paths.MIX.join(legs) if name == links.MIXED and legs else name for name in kinds]
t, even = links.position(state.from_link("t"), beyond=beyond), state.from_link("even") == "1"
heat, bounce = state.from_link("heat") == "1", state.from_link("bounce") != "0"
components.mount(
    "interpolate",
    key="interpolate",
    data={
        "model": model,
        "map": map_name,
        "mapUrl": routes.map_address(model, map_name),
        "stretchUrl": routes.stretch_address(model, map_name),
        "fitUrl": routes.fit_address("KEY"),
        "classes": card["data"].get("classes", []),
        "shape": card["shape"],
        "kinds": [
            {
                "name": name,
                "spelled": spelled_kinds[kinds.index(name)],
                "knobs": links.knobs_of(name, told, legs),
                "title": titles[name],
                "sentence": card_text(known[name].sentence) if name in known else text("walk_mixed_help"),
                "colour": offered.index(name),
                "refines": walks.refines(spelled_kinds[kinds.index(name)]),
                "ruler": ruler(name),
                "own": why if name == own else None,
            }
            for name in kinds
        ],
        "legs": legs,
        "choices": [{"name": name, "title": starred[name]} for name in known],
        "ends": ends,
        "most": links.MOST_ENDS,
        "t": t,
        "even": even,
        "heat": heat,
        "bounce": bounce,
        "beyond": beyond,
        "text": all_text(card["encodes"]),
        "sayings": sayings(),
    },
    on_ends_change=keep_ends,
    on_position_change=keep_position,
    on_even_change=keep_even,
    on_heat_change=keep_heat,
    on_bounce_change=keep_bounce,
    on_legs_change=keep_legs,
)
if "differentiable" in card:  # a model that was brought
    st.caption(text("mdl_gradient" if card["differentiable"] else "mdl_no_gradient"))
spelled = links.codes_to_link(ends["codes"])
state.to_link(
    model=model,
    map=map_name,
    kinds="~".join(kinds),
    knobs=links.knobs_to_link(told, card),
    walk=spelled,
    t=repr(t),
    even="1" if even else "0",
    heat="1" if heat else "0",
    bounce="1" if bounce else "0",
    beyond=f"{beyond:g}" if beyond else None,
)
st.session_state["read:walk"] = spelled  # last: a run cut short before this takes no old link for a new one
