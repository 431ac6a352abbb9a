"""Side by side: what the Compare page compares, and its pictures.

What is chosen lives in the link: the models, their data set, the seeds of the held-out pictures and of the samples, the
pair, the measures shown and what they are sorted by. Pictures are worked out in the background; a page shows what there
is and comes back for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_until
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from manigen import choice, comparison, samplers, weights
from manigen.errors import ManigenError
from manigen.live.library import Opened, library
from manigen.ui import cache, columns, comparing, components, pickers, report, scores, state, walks
from manigen.ui.text import all_text, card_text, text

PATIENCE = 0.4  # seconds that the page waits for pictures before it goes on without them
MOST_LEFT_OUT = 50  # per cent of the draws
OWN = "own"  # stands for each model's own sampler
Cards = Mapping[str, Mapping[str, Any]]


# --- what is chosen ---------------------------------------------------------------------------------------------------


def begin(cards: Cards, present: str) -> None:
    """Choose what the page opens with: a link's models, those of before, or the present model and its fellows.

    A model that was opened on another page meanwhile is taken for a wish to compare that one.
    """
    link = state.from_link("models")
    named = [name for name in (link or "").split("~") if name in cards]
    is_new = link != st.session_state.get("read:models")
    if named and (is_new or present in named):
        data = {cards[name]["data"].get("name", "") for name in named}
        if is_new and not (state.from_link("data") == comparing.ALL or data == {state.from_link("data")}):
            state.to_link(data=data.pop() if len(data) == 1 else comparing.ALL)
        return
    data = cards[present]["data"].get("name", "")
    offered = {name: cards[name]["family"] for name in comparing.groups(cards)[data]}
    state.to_link(data=data, models="~".join(comparing.opening(offered, [present])))


def keep(cards: Cards, present: str, data: str, chosen: Sequence[str], view: str) -> None:
    """Write what is chosen to the link; the present model of the other pages is one of them."""
    spelled = "~".join(chosen)
    state.to_link(model=present if present in chosen else chosen[0], data=data, models=spelled, view=view)
    st.session_state["read:models"] = spelled


def _take_wish() -> None:
    """Take over what the front end has just been asked for."""
    sent = st.session_state["compare"].get("wish") or {}
    if "pictures" in sent or "seed" in sent:
        state.to_link(**{key: comparing.number(sent[key]) or None for key in ("pictures", "seed") if key in sent})
    if "pair" in sent:
        state.to_link(pair=str(sent["pair"])[:40])
    if sent.get("kind") in walks.FIRST:
        state.to_link(kind=sent["kind"])


# --- pictures ---------------------------------------------------------------------------------------------------------


def show_pictures(cards: Cards, chosen: Sequence[str]) -> None:
    """Show the models' pictures side by side, and come back as more of them are made."""
    made, waiting = pictures(cards, chosen)
    components.mount("compare", key="compare", data=made | {"text": all_text()}, on_wish_change=_take_wish)
    if made["pending"]:
        _come_back(made["pending"], waiting)


def _come_back(pending: int, waiting: list[Future[Any]]) -> None:
    @st.fragment(run_every=0.4)
    def look() -> None:
        if sum(not answer.done() for answer in waiting) < pending:
            st.rerun()

    look()


def pictures(cards: Cards, chosen: Sequence[str]) -> tuple[dict[str, Any], list[Future[Any]]]:
    """Return the models' answers as the front end shows them, with how many are `pending`, and all that was asked."""
    opened: dict[str, Opened] = {}
    problems: dict[str, str] = {}
    for name in chosen:
        try:
            opened[name] = library().open(name)
        except ManigenError as problem:
            problems[name] = str(problem)
    data = {cards[name]["data"].get("name", "") for name in chosen}
    shape = tuple(cards[chosen[0]]["shape"])
    seed, shuffle = comparing.number(state.from_link("seed")), comparing.number(state.from_link("pictures"))
    several = len(data) > 1
    models = [opened[name] for name in chosen if name in opened]
    rows = np.zeros(0, np.int64) if several else comparing.common_rows(models)
    labels = comparing.labels_of(models, rows) if len(rows) else rows
    classes = cards[chosen[0]]["data"].get("classes", [])
    start, end, pair_seed = comparing.pair(state.from_link("pair"), 0 if several else len(classes))
    kind = state.from_link("kind")
    kind = kind if kind in walks.FIRST else walks.FIRST[0]
    picked = comparing.choose(rows, labels, comparing.HELD_OUT, shuffle) if len(rows) else rows
    ends = comparing.ends(rows, labels, start, end, pair_seed) if len(rows) > 1 else None

    def ask(question: str, name: str, *asked: Any) -> Future[Any]:
        return cache.answer(question, name, cards[name]["files"][weights.MODEL], *asked)

    able = [name for name in opened if (opened[name].codes.split == comparing.TEST).any()]
    rebuilt = {name: ask("reconstructed", name, tuple(picked.tolist())) for name in able if len(picked)}
    walked = {name: ask("walked", name, ends if name in able else None, pair_seed, kind) for name in opened}
    drawn = (comparing.SAMPLES, seed, *sampling())
    sampled = {name: ask("sampled", name, *drawn) for name in opened}
    wait_until([*rebuilt.values(), *walked.values(), *sampled.values()], PATIENCE)
    near = {name: ask("met", name, *drawn, cards[name]["data"].get("name", "")) for name in opened}
    waiting = [answer for part in (rebuilt, walked, sampled, near) for answer in part.values()]

    def cells(make: Any) -> dict[str, Any]:
        return {name: columns.words_only(problems[name]) if name in problems else make(name) for name in chosen}

    names = [_class(classes, label) for label in (labels[np.searchsorted(rows, picked)] if len(picked) else ())]
    sections = [
        {
            "key": "rebuilt",
            "title": text("cmp_rebuilt"),
            "note": text("cmp_rebuilt_note"),
            "asks": bool(len(picked)),
            "count": len(picked),
            "words": text("cmp_several_data") if several else None,
            "cells": {"real": _real(data, picked, names)}
            | cells(
                lambda name: (
                    columns.of_reconstructed(rebuilt[name], names) if name in rebuilt else _no_picture(name, able)
                )
            ),
        },
        {
            "key": "sampled",
            "title": text("cmp_sampled"),
            "note": _sampled_note(),
            "asks": True,
            "count": comparing.SAMPLES,
            "cells": {"real": _usual(data, near)}
            | cells(lambda name: columns.of_sampled(sampled[name], near[name], cards[name]["encodes"])),
        },
        {
            "key": "walked",
            "title": text("cmp_walked"),
            "note": text("cmp_walked_note_mixed" if several else "cmp_walked_note"),
            "asks": True,
            "count": comparing.FRAMES,
            "classes": [] if several else [_class(classes, label) for label in range(len(classes))],
            "cells": {"real": _ends(data, ends, rows, labels, classes)}
            | cells(lambda name: columns.of_walked(walked[name], cards[name]["encodes"])),
        },
    ]
    if problems and not opened:
        sections = []
    made = {
        "models": [columns.head(cards[name], several) for name in chosen],
        "dataTitle": " · ".join(sorted({cards[name]["data"].get("title", "") for name in chosen})),
        "shape": shape,
        "sections": sections,
        "kinds": [
            {"name": name, "title": card_text(card.title)}
            for name, card in walks.kinds().items()
            if name in walks.FIRST
        ],
        "asked": {"pictures": shuffle, "seed": seed, "pair": [start, end, pair_seed], "kind": kind},
        "pending": sum(not answer.done() for answer in waiting),
    }
    return made, waiting


def sampling() -> tuple[str, float | None]:
    """Return which sampler the link asks for, "" for each model's own, and what share of the draws is left out."""
    asked = state.from_link("sampler")
    share = comparing.number(state.from_link("reject"))
    return (asked if asked in samplers.cards() else ""), min(share, MOST_LEFT_OUT) / 100 or None


def choose_sampling(cards: Cards, shown: Mapping[str, str]) -> None:
    """Show what samples are drawn from, why each of the models `shown` has its own, and how many draws are left out."""
    titles = {name: card_text(card.title) for name, card in samplers.cards().items()}
    name = pickers.menu("sampler", [OWN, *titles], {OWN: text("cmp_sampler_own")} | titles)
    st.caption(text("cmp_sampler_note") if name == OWN else card_text(samplers.card_of(name).sentence))
    if name == OWN:
        for model, called in shown.items():
            st.markdown(f"**{called}**  \n:small[{_measured(cards[model], titles)}]")
    share = st.slider(
        text("cmp_reject"), 0, MOST_LEFT_OUT, min(comparing.number(state.from_link("reject")), MOST_LEFT_OUT), 5,
        format="%d %%", help=text("cmp_reject_help"), key="pick:reject",
    )  # fmt: skip
    state.to_link(sampler=None if name == OWN else name, reject=share or None)


def _measured(card: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return in words every sampler that was measured with a model, the best first, or only its own; that is marked."""
    own, copied, scores = card.get("sampler", "normal"), card.get("samplers_copying", {}), card.get("samplers", {})
    told = []
    for name in sorted(scores, key=lambda name: float(scores[name])) or [own]:
        words = f"{titles.get(name, name)} {scores[name]:.3g}" if name in scores else titles.get(name, name)
        repeats = copied.get(name, 0.0) >= choice.COPIES
        told.append(f"**{words} ★**" if name == own else words + text("cmp_sampler_repeats") * repeats)
    return " · ".join(told)


def _sampled_note() -> str:
    name, share = sampling()
    said = [text("cmp_sampled_note")]
    if name:
        said.append(text("cmp_sampled_by", sampler=card_text(samplers.card_of(name).title)))
    if share:
        said.append(text("cmp_sampled_less", share=round(100 * share)))
    return text("cmp_gap").join(said)


def _class(classes: Sequence[str], label: int) -> str:
    return classes[label] if 0 <= label < len(classes) else ""


def _no_picture(name: str, able: Sequence[str]) -> dict[str, Any]:
    return columns.words_only(text("cmp_no_common" if name in able else "cmp_no_encoder"))


def _originals(data: set[str]) -> Any:
    """The held-out pictures, where all models learned from one data set and it is on this machine."""
    return comparing.images(next(iter(data)), "test") if len(data) == 1 else None


def _not_here(data: set[str]) -> dict[str, Any]:
    name = next(iter(data))
    known = name in comparing.known_data()
    return columns.words_only(text("cmp_no_real", data=name) if known else text("cmp_no_real_own"))


def _real(data: set[str], picked: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    images = _originals(data)
    if not len(picked):
        return columns.words_only(text("cmp_no_common"))
    if images is None or picked.max() >= len(images):
        return _not_here(data)
    return columns.originals(images.x[picked].transpose(0, 2, 3, 1), names)


def _ends(
    data: set[str], ends: tuple[int, int] | None, rows: Any, labels: Any, classes: Sequence[str]
) -> dict[str, Any]:
    if ends is None:
        return {} if len(data) > 1 else columns.words_only(text("cmp_no_common"))
    images = _originals(data)
    if images is None or max(ends) >= len(images):
        return _not_here(data)
    names = [_class(classes, label) for label in labels[np.searchsorted(rows, ends)]]
    return columns.originals(images.x[list(ends)].transpose(0, 2, 3, 1), names)


def _usual(data: set[str], near: Mapping[str, Future[Any]]) -> dict[str, Any]:
    """The cell beside the samples: how near held-out pictures lie to training ones, the yardstick for copies."""
    if len(data) > 1:
        return {}
    ready = [answer.result() for answer in near.values() if answer.done() and answer.exception() is None]
    known = next((met.usual for met in ready if met is not None and met.usual is not None), None)
    if known is not None:
        five, half = (comparison.words(value) for value in known)
        return columns.words_only(text("cmp_usual", n=comparing.YARDSTICK, half=half, five=five))
    pending = not all(answer.done() for answer in near.values())
    return {"pending": text("cmp_usual_pending")} if pending else columns.words_only(text("cmp_usual_unknown"))


# --- files ------------------------------------------------------------------------------------------------------------


def show_export(cards: Cards, chosen: Sequence[str]) -> None:
    """Show a button for each file; a file is made when its button is pressed."""
    made = comparison.sort(scores.figures(cards, chosen, scores.shown()), state.from_link("sort"))
    stem = "compare-" + "-".join(chosen)[:100]
    csv = partial(comparison.csv_text, made)
    st.download_button(text("cmp_csv"), csv, f"{stem}.csv", "text/csv", on_click="ignore", width="stretch")

    def page() -> str:
        wait_until(pictures(cards, chosen)[1], 120)
        titles = {name: columns.head(cards[name], several) for name in chosen}
        return report.page(pictures(cards, chosen)[0], made, titles)

    several = len({cards[name]["data"].get("name") for name in chosen}) > 1
    help = text("cmp_report_help")
    st.download_button(
        text("cmp_report"), page, f"{stem}.html", "text/html", on_click="ignore", width="stretch", help=help
    )
