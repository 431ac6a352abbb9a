"""Scores: the Compare page's numbers, as a table and drawn; what is missing is measured; what each loss term does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from manigen import ablation, comparison, datasets, files, measures, weights
from manigen.cards import Card
from manigen.discovery import discover
from manigen.errors import ManigenError
from manigen.live.library import library
from manigen.ui import columns, comparing, components, measuring, report, state
from manigen.ui.text import all_text, card_text, duration, text

NUMBERS = (1000, 2000, 10_000)  # pictures compared, to choose from
TERMS = weights.SHIPPED.parent / "docs" / "ablation.json"
TERMS_STYLE = Path(__file__).with_name("frontend") / "terms.css"
Cards = Mapping[str, Mapping[str, Any]]


def _take_sort() -> None:
    by = str((st.session_state["measures"].get("sort") or {}).get("by", ""))
    state.to_link(sort=by if by.lstrip("-") in known() else None)


@st.cache_resource(show_spinner=False)
def known() -> dict[str, Card]:
    """Every measure's card by name."""
    return measures.cards()


def shown() -> list[str] | None:
    """The measures that the link or the picker chose; None for all."""
    named = [name for name in (state.from_link("shown") or "").split("~") if name in known()]
    return named or None


def figures(cards: Cards, chosen: Sequence[str], only: list[str] | None) -> comparison.Table:
    """Return the table of the models' figures, those measured meanwhile among them."""
    picked = {name: cards[name] for name in chosen}
    fresh = {name: measuring.found(name, cards[name]["files"][weights.MODEL]) for name in chosen}
    return comparison.table(
        picked, known(), fresh, only, len({card["data"].get("name") for card in picked.values()}) == 1
    )


def show_measures(cards: Cards, chosen: Sequence[str]) -> None:
    """Show the table of measures and its panels, and offer to measure what is missing."""
    whole = figures(cards, chosen, None)
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare-measures-bar"):
        with st.popover(text("cmp_shown"), icon=":material/checklist:"):
            only = _choose_measures([row.name for row in whole.rows])
        _missing(cards, chosen, whole)
    made = comparison.sort(figures(cards, chosen, only), state.from_link("sort"))
    if not made.rows:
        st.info(text("cmp_no_measures"))
        return
    several = len({cards[name]["data"].get("name") for name in chosen}) > 1
    if several:
        st.caption(text("cmp_mixed"))
    components.mount(
        "measures",
        key="measures",
        data={
            "models": [columns.head(cards[name], several) | {"at": chosen.index(name)} for name in made.models],
            "rows": [_row(row) for row in made.rows],
            "sort": state.from_link("sort"),
            "note": text("cmp_different_n") if _mixed_n(made) else None,
            "features": report.features(made),
            "text": all_text(),
        },
        on_sort_change=_take_sort,
    )


def _choose_measures(names: list[str]) -> list[str] | None:
    """Show a row of measures to choose from."""
    widget, asked = "pick:shown", "~".join(shown() or [])
    if st.session_state.get("seen:shown") != asked or widget not in st.session_state:
        st.session_state[widget] = [name for name in shown() or [] if name in names]
    titles = {name: card_text(card.title) for name, card in known().items()}
    chosen: list[str] = st.pills(
        text("cmp_shown"),
        names,
        key=widget,
        selection_mode="multi",
        format_func=lambda name: titles[name],
        help=text("cmp_shown_help"),
    )
    spelled = "~".join(chosen) or None
    st.session_state["seen:shown"] = spelled or ""
    state.to_link(shown=spelled)
    return chosen or None


def _mixed_n(made: comparison.Table) -> bool:
    return any(len({cell.n for cell in row.cells if cell is not None}) > 1 for row in made.rows)


def _row(row: comparison.Row) -> dict[str, Any]:
    place = comparison.panel(row)
    reals = [cell.real for cell in row.cells if cell is not None and cell.real is not None]
    aim = row.aim
    unit = row.card.facts.get("unit", "")
    about = text("cmp_no_best") if aim is None else text("cmp_is_best", value=f"{aim:g}")
    return {
        "name": row.name,
        "title": card_text(row.card.title),
        "aim": f"{unit} · {about}" if unit else about,
        "aimValue": "" if aim is None else f"{aim:g}",
        "cells": [_cell(cell) for cell in row.cells],
        "panel": {
            "at": place.at,
            "real": place.real,
            "aim": place.aim,
            "better": place.better,
            "log": place.log,
            "realWords": comparison.words(float(np.median(reals))) if reals else "",
        },
        "why": {
            "sentence": card_text(row.card.sentence),
            "reference": row.card.reference,
            "link": row.card.link,
            "note": (discover("manigen.measures")[row.name].__doc__ or "").strip(),
            "anchor": row.name.replace("_", "-"),
        },
    }


def _cell(cell: comparison.Cell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    return {
        "value": comparison.words(cell.value),
        "real": None if cell.real is None else comparison.words(cell.real),
        "n": None if cell.n is None else f"{cell.n:,}",
        "error": None if not cell.error else comparison.words(cell.error),
        "best": cell.best,
    }


# --- what is missing --------------------------------------------------------------------------------------------------


def _missing(cards: Cards, chosen: Sequence[str], whole: comparison.Table) -> None:
    """Offer to measure what the cards lack, or show how far that has come."""
    run = measuring.running()
    if run is not None and not run.over:
        _progress(run)
        return
    if run is not None and run.error:
        st.warning(run.error)
    elif run is not None and run.stopping and st.session_state.get("cmp:told") is not run:
        st.toast(text("cmp_stopped"))
        st.session_state["cmp:told"] = run
    lacks = {name: _able(cards[name], names) for name, names in whole.missing(known()).items()}
    lacks = {name: names for name, names in lacks.items() if names}
    count = sum(len(names) for names in lacks.values())
    if not count:
        st.caption(text("cmp_missing_none"))
        return
    absent = [data for name in lacks if (data := cards[name]["data"].get("name", "")) not in comparing.here()]
    if absent:
        st.caption(text("cmp_missing_data", figures=count, data=absent[0]))
        return
    with st.container(width=150):
        n = st.selectbox(text("cmp_pictures_each"), NUMBERS, 1, format_func="{:,}".format, key="cmp:n")
    help = text("cmp_missing_help", figures=count, models=len(lacks))
    if st.button(f"{text('cmp_missing')} ({count})", icon=":material/speed:", help=help, key="cmp:measure"):
        asked = {(name, cards[name]["files"][weights.MODEL]): names for name, names in lacks.items()}
        takes = {name: partial(_take, name, cards[name]["data"].get("name", "")) for name in lacks}
        measuring.begin(asked, takes, n)
        st.rerun()


def _able(card: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return the measures that a model may be able to answer: not those that need an encoder it lacks."""
    tried = measuring.tried(card["name"], card["files"][weights.MODEL])
    return [
        name
        for name in names
        if name not in tried and (card["encodes"] or "encoder" not in known()[name].facts.get("needs", ()))
    ]


def _take(name: str, data: str, names: list[str], n: int, progress: Any) -> Mapping[str, measures.Result]:
    train, test = (comparing.images(data, split) for split in ("train", "test"))
    generator = library().open(name).generator
    return measures.report(generator, train, test, 0, names, n, progress)


def _progress(run: measuring.Measuring) -> None:
    @st.fragment(run_every=0.7)
    def look() -> None:
        if run.over:
            st.rerun()
        bar, act = st.columns([4, 1], vertical_alignment="bottom")
        left = "" if run.left is None else ", " + text("cmp_left", time=duration(run.left))
        said = text("cmp_measuring", model=run.model, what=run.what, done=run.done, of=run.of) + left
        bar.progress(min(1.0, run.done / max(1, run.of)), text("cmp_stopping") if run.stopping else said)
        if act.button(text("cmp_stop"), disabled=run.stopping, key="cmp:stop", width="stretch"):
            run.stop()

    with st.container(width="stretch"):
        look()


# --- loss terms -------------------------------------------------------------------------------------------------------


def show_terms() -> None:
    """Show what the fusion's loss loses with each of its terms."""
    if not TERMS.is_file():
        st.info(text("cmp_terms_missing"))
        return
    try:
        made = ablation.read(files.read_json(TERMS), known())
    except ManigenError as problem:
        st.error(str(problem))
        return
    seeds = text("cmp_terms_seeds", n=len(made.seeds)) if len(made.seeds) > 1 else text("cmp_terms_one_seed")
    titles = {entry.name: card_text(entry.card.title) for entry in datasets.listing()}
    st.caption(text("cmp_terms_note", data=titles.get(made.data, made.data), images=made.images, seeds=seeds))
    style = TERMS_STYLE.read_text(encoding="utf-8")
    st.html(f"<style>{style}</style>{report.terms_table(made, known())}")
