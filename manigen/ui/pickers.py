"""Pickers: the model's dialog of cards, and rows of choices that a link remembers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from manigen.errors import ManigenError
from manigen.ui import cache, state
from manigen.ui.text import card_text, text

NARROW = 200  # pixels of a menu that stands in a row's place


def model() -> str:
    """Return the model on screen: the link's, the session's, or the default. Stops the page where there is none."""
    known = cache.cards()
    if not known:
        st.info(text("no_models"))
        st.stop()
    asked = state.from_link("model", state.DEFAULT_MODEL)
    if asked not in known:
        if asked != state.DEFAULT_MODEL:
            st.warning(text("unknown_model", name=asked[:80]))
        asked = state.DEFAULT_MODEL if state.DEFAULT_MODEL in known else next(iter(known))
    return asked


def choice(
    key: str, options: list[str], titles: dict[str, str], asked: str | None = None, most: int | None = None
) -> str:
    """Show a row of choices and return the chosen one; the link's wins when a page is opened with one.

    `asked` is what the link asks for, where it does not stand there under this key. More choices than `most` are shown
    as a menu instead.
    """
    row = partial(st.segmented_control, required=True)
    narrow = partial(st.selectbox, width=NARROW)
    return _chosen(key, options, titles, narrow if most and len(options) > most else row, asked)


def menu(key: str, options: list[str], titles: dict[str, str]) -> str:
    """Show a menu of choices and return the chosen one; as `choice` otherwise, for lists too long for a row."""
    return _chosen(key, options, titles, st.selectbox)


def _chosen(
    key: str, options: list[str], titles: dict[str, str], show: Callable[..., Any], asked: str | None = None
) -> str:
    asked = asked or state.from_link(key)
    widget = f"pick:{key}"
    is_new = widget not in st.session_state or st.session_state.get(f"seen:{key}") != asked
    if asked in options and st.session_state.get(widget) != asked and is_new:
        st.session_state[widget] = asked
    _offered(key, widget, options)
    words = [titles.get(name, name) for name in options]
    if st.session_state.get(f"words:{key}") != words:  # the browser tells a choice by its words, and these are new
        st.session_state[widget] = st.session_state[widget]
    chosen = show(text(f"choose_{key}"), options, key=widget, format_func=lambda name: titles.get(name, name))
    st.session_state[f"seen:{key}"], st.session_state[f"words:{key}"] = chosen, words
    return chosen or options[0]


def _offered(key: str, widget: str, options: list[str]) -> None:
    """See to it that a widget's choice is among its options; one that is not comes back as soon as it is offered again.

    Unless the hand has chosen something else in the meantime.
    """
    chosen = st.session_state.get(widget)
    missed, instead = st.session_state.get(f"missed:{key}", (None, None))
    former = missed if missed is not None and chosen == instead else chosen
    if former in options:
        st.session_state.pop(f"missed:{key}", None)
        if chosen != former:
            st.session_state[widget] = former
    elif chosen not in options:
        seen = st.session_state.get(f"seen:{key}")
        st.session_state[widget] = seen if seen in options else options[0]
        if former is not None:
            st.session_state[f"missed:{key}"] = former, st.session_state[widget]


def several(
    key: str, options: list[str], titles: dict[str, str], default: list[str], help: str | None = None
) -> list[str]:
    """Show a row of choices and return the chosen ones, at least one, in the order of `options`; as `choice` otherwise.

    A link spells them with ~ between; `help` stands beside the row's label.
    """
    widget = f"pick:{key}"
    asked = state.from_link(key)
    wanted = [name for name in options if name in (asked or "").split("~")]
    if wanted and st.session_state.get(f"seen:{key}") != asked:
        st.session_state[widget] = wanted
    if not st.session_state.get(widget) or not set(st.session_state[widget]) <= set(options):
        last = [name for name in st.session_state.get(f"last:{key}") or [] if name in options]
        st.session_state[widget] = last or default
    before = st.session_state[widget]

    def keep_one() -> None:
        st.session_state[widget] = st.session_state[widget] or before

    chosen = st.pills(
        text(f"choose_{key}"), options, key=widget, selection_mode="multi", on_change=state.whole(keep_one),
        format_func=lambda name: titles.get(name, name), help=help,
    )  # fmt: skip
    chosen = [name for name in options if name in chosen]
    st.session_state[f"seen:{key}"], st.session_state[f"last:{key}"] = "~".join(chosen), chosen
    return chosen


def open_model_dialog(current: str) -> None:
    """Show the button with the present model's name; it opens the cards of all models."""
    card = cache.cards()[current]
    if st.button(
        card_text(card.get("title", current)), icon=":material/expand_more:", width="stretch", key="open-models"
    ):
        st.dialog(text("choose_model"), width="large")(_dialog)(current)


def _dialog(current: str) -> None:
    for problem in cache.at_hand()[1]:
        st.warning(problem)
    columns = st.columns(2)
    for at, (name, card) in enumerate(cache.cards().items()):
        with columns[at % 2].container(border=True):
            _card(name, card, name == current)


def _card(name: str, card: dict[str, Any], is_current: bool) -> None:
    try:
        st.image(cache.face(name, card["files"]["model.safetensors"]), width="stretch")
    except ManigenError as problem:
        st.error(str(problem))
        return
    data = card["data"].get("title", card["data"]["name"])
    size = text("cmp_dims", family=card["family"], dim=card["dim"])
    st.markdown(f"**{card_text(card.get('title', name))}**  \n{card_text(data)} · {size}")
    st.caption(card_text(card.get("sentence", "")))
    word = text("opened_model" if is_current else "open_model")
    if st.button(word, key=f"open:{name}", disabled=is_current, width="stretch"):
        state.to_link(model=name, **dict.fromkeys(state.OF_A_MODEL))
        st.rerun()
