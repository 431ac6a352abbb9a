"""Watching: a person's trainings, and the live view of one of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import streamlit as st

from manigen import weights
from manigen.errors import ManigenError
from manigen.home import Owner
from manigen.live import routes
from manigen.ui import components, scores, state
from manigen.ui.pages import COMPARE, EXPLORE
from manigen.ui.text import all_text, all_told, card_text, text
from manigen.workshop import Order, of

MARKS = {"waiting": "◌", "running": "●", "paused": "‖", "finishing": "●", "done": "✓", "failed": "✕"}


def pick(me: Owner) -> Order | None:
    """Show all trainings where there are several, and return the one to look at; None where there is none."""
    mine = {order.token: order for order in of(me)}
    if not mine:
        return None
    asked = state.from_link("run")
    token = asked if asked in mine else next(iter(mine))
    return mine[_pick(mine, token) if len(mine) > 1 else token]


def show(order: Order | None) -> None:
    """Show one of the trainings."""
    if order is None:
        st.info(text("trn_none"))
        return
    token = order.token
    state.to_link(run=token)
    shown = components.mount(
        "train",
        key="train",
        data={
            "url": routes.run_address(token),
            "download": routes.download_address(order.model),
            "titles": _titles(),
            "figures": _figures(order),
            "text": all_text(),
            "sayings": all_told(),
        },
        on_open_change=lambda: None,
        on_compare_change=lambda: None,
        on_gone_change=lambda: None,
        on_done_change=lambda: None,
    )
    if shown.get("gone"):
        state.to_link(run=None)
        st.rerun()
    if shown.get("done"):
        st.rerun()
    if shown.get("open") and order.finished:
        state.to_link(model=order.model, **dict.fromkeys(state.OF_A_MODEL))
        st.switch_page(EXPLORE)
    if shown.get("compare") and order.finished:
        data = weights.info(order.model)["data"].get("name")
        state.to_link(model=order.model, data=data, models=None, **dict.fromkeys(state.OF_A_MODEL))
        st.switch_page(COMPARE)


def _pick(mine: dict[str, Order], token: str) -> str:
    widget = "pick:run"
    if st.session_state.get("seen:run") != token or st.session_state.get(widget) not in mine:
        st.session_state[widget] = token
    names: dict[str, str] = {}
    counted: Counter[str] = Counter()
    for one, order in reversed(mine.items()):  # the oldest first: of those of one name the later are numbered
        title = str(order.about.get("title", one))
        counted[title] += 1
        again = f" · {counted[title]}" if counted[title] > 1 else ""
        names[one] = f"{MARKS.get(order.status()['state'], '●')} {title}{again}"
    chosen = st.pills(
        text("trn_yours"),
        list(mine),
        key=widget,
        format_func=names.__getitem__,
        required=True,
        label_visibility="collapsed",
    )
    st.session_state["seen:run"] = chosen
    return chosen or token


def _titles() -> dict[str, str]:
    """What families and data sets are called in the present language, by name."""
    from manigen import datasets, models

    return {name: card_text(card.title) for name, card in models.cards().items()} | {
        name: card_text(datasets.card_of(name).title) for name in datasets.names()
    }


def _figures(order: Order) -> list[dict[str, Any]]:
    """The held-out figures of a finished model, each with what real pictures get."""
    if not order.finished:
        return []
    try:
        measured = weights.info(order.model).get("measures", {})
    except ManigenError:
        return []
    return [
        {
            "title": card_text(card.title),
            "sentence": card_text(card.sentence),
            "value": measured[name],
            "real": measured.get(f"{name}_real"),
        }
        for name, card in scores.known().items()
        if isinstance(measured.get(name), int | float)
    ]
