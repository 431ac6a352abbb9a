"""Own models: those a person trained or brought, to open, take along or delete."""

from __future__ import annotations

import streamlit as st

from manigen.errors import ManigenError
from manigen.home import Owner
from manigen.live import routes
from manigen.live.library import library
from manigen.ui import cache, people, state
from manigen.ui.pages import EXPLORE
from manigen.ui.text import card_text, text
from manigen.workshop import orders


def show(me: Owner) -> None:
    """Show everything about a person's own models."""
    mine = people.models()
    if not mine:
        st.info(text("mdl_none"))
        return
    columns = st.columns(3)
    for at, (name, card) in enumerate(mine.items()):
        with columns[at % 3].container(border=True):
            try:
                st.image(cache.face(name, card["files"]["model.safetensors"]), width="stretch")
            except ManigenError as problem:
                st.error(str(problem))
            data = card["data"].get("title", card["data"]["name"])
            st.markdown(f"**{card.get('title', name)}**  \n:gray[{card_text(data)} · {card['family']}]")
            with st.container(horizontal=True):
                if st.button(text("trn_open"), key=f"mine:open:{name}", type="primary"):
                    state.to_link(model=name, **dict.fromkeys(state.OF_A_MODEL))
                    st.switch_page(EXPLORE)
                st.link_button(text("trn_download"), routes.download_address(name))
                if st.button("", icon=":material/delete:", key=f"mine:gone:{name}", help=text("trn_delete")):
                    st.dialog(text("trn_delete"))(_sure)(me, name, str(card.get("title", name)))


def _sure(me: Owner, name: str, title: str) -> None:
    st.write(text("mdl_delete_sure", title=title))
    if st.button(text("trn_delete_yes"), type="primary", key=f"mine:sure:{name}"):
        orders.remove_model(me, name)
        library().close(name)
        if state.from_link("model") == name:
            state.to_link(model=None, **dict.fromkeys(state.OF_A_MODEL))
        st.rerun()
