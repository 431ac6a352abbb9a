"""Compare: several models side by side, in pictures, in measures, and one loss without each of its terms."""

from __future__ import annotations

import streamlit as st

from manigen.ui import cache, comparing, pickers, scores, side_by_side
from manigen.ui.text import card_text, text

VIEWS = ("pictures", "measures", "terms")

present = pickers.model()
cards = cache.cards()
side_by_side.begin(cards, present)
by_data = comparing.groups(cards)

with st.container(horizontal=True, vertical_alignment="bottom", key="compare-bar"):
    with st.container(width="content"):
        view = pickers.choice("view", list(VIEWS), {name: text(f"cmp_view_{name}") for name in VIEWS})
    with st.container(width="content", key="compare-data"):
        titles = {data: card_text(cards[models[0]]["data"].get("title", data)) for data, models in by_data.items()}
        options = [*by_data, *([comparing.ALL] if len(by_data) > 1 else [])]
        data = pickers.choice("data", options, titles | {comparing.ALL: text("cmp_all_data")})
    export = st.popover(text("export"), icon=":material/download:")
    sampling = st.popover(text("cmp_sampling"), icon=":material/casino:") if view == "pictures" else None
    several = data == comparing.ALL
    offered = list(cards) if several else by_data[data]
    with st.container(width="content", key="compare-models"):
        names = {
            name: card_text(cards[name].get("title", name) if several else comparing.short(cards[name]))
            for name in offered
        }
        families = {name: cards[name]["family"] for name in offered}
        chosen = pickers.several("models", offered, names, comparing.opening(families, [present]))
side_by_side.keep(cards, present, data, chosen, view)
shown = chosen[: comparing.MOST]
with export:
    side_by_side.show_export(cards, shown)
if sampling is not None:
    with sampling:
        side_by_side.choose_sampling(cards, {name: names[name] for name in shown})
if view == "terms":  # one run of its own, whatever is chosen
    st.html("<style>.st-key-compare-data, .st-key-compare-models { display: none; }</style>")
    scores.show_terms()
else:
    if len(chosen) > comparing.MOST:
        st.caption(text("cmp_too_many", most=comparing.MOST))
    if len(chosen) == 1:
        st.caption(text("cmp_one"))
    show = scores.show_measures if view == "measures" else side_by_side.show_pictures
    show(cards, shown)
