"""Cache: thin wrappers, keyed by names, knobs and seeds, never by tensors.

What every session shares (opened models, their codes and maps) lives in the live room's library, once per process;
here are only the pictures and tables that pages show again and again.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any

import numpy as np
import streamlit as st

from manigen import weights
from manigen.errors import ManigenError
from manigen.figures import pictures
from manigen.live.engine import in_words
from manigen.live.library import library
from manigen.ui import comparing, people
from manigen.ui import directions as room
from manigen.ui.state import DEFAULT_MODEL, selections_from_link
from manigen.ui.text import card_text


@st.cache_data(ttl=10, show_spinner=False)
def at_hand() -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return every model's card by name, and a sentence for each that cannot be read; anew every ten seconds."""
    read, problems = {}, []
    for name in weights.names():
        try:
            read[name] = weights.info(name)
        except ManigenError as problem:
            problems.append(str(problem))
    return read, problems


def cards() -> dict[str, dict[str, Any]]:
    """Return every readable model's card by name, the default first, this person's own last."""
    read, _ = at_hand()
    ordered = sorted(read, key=lambda name: (name != DEFAULT_MODEL, name))
    return told_apart({name: read[name] for name in ordered} | people.models())


def told_apart(cards: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the cards, titles that an earlier one of another size has already with the size of the code behind.

    >>> two = told_apart({"a": {"title": "Digits, VAE", "dim": 16}, "b": {"title": "Digits, VAE", "dim": 2}})
    >>> [card["title"] for card in two.values()]
    ['Digits, VAE', 'Digits, VAE · 2']
    """
    sizes: dict[str, int] = {}
    for name, card in cards.items():
        title = card.get("title", name)
        if sizes.setdefault(title, card["dim"]) != card["dim"]:
            cards[name] = {**card, "title": f"{title} · {card['dim']}"}
    return cards


@st.cache_data(max_entries=200, show_spinner=False)
def face(model: str, fingerprint: str, n: int = 24, columns: int = 8) -> bytes:
    """Return a small grid of a model's pictures as PNG; `fingerprint` is its weights' hash, so a new one is painted."""
    opened = library().open(model)
    rows = np.linspace(0, len(opened.codes) - 1, n).astype(int)
    painted = library().works.decode(opened.generator, opened.codes.z[rows])
    return pictures.png(pictures.sheet(painted, columns), 2)


@st.cache_resource(max_entries=50, show_spinner=False)
def directions(model: str, fingerprint: str, basis: str, selections: str | None = None) -> room.Directions:
    """Return the sliders' directions of a model; `fingerprint` is its codes' hash, `selections` the link's."""
    codes = library().open(model).codes
    if basis == room.CHOSEN:
        return room.of_selections(codes.z, selections_from_link(selections or "", codes.z.shape[1]))
    return room.directions(codes.z, basis, codes.labels)


@st.cache_data(max_entries=50, show_spinner=False)
def within_reach(model: str, fingerprint: str, basis: str, selections: str | None = None) -> float:
    """Return the share of real codes' positions that lie on the sliders; otherwise as `directions`."""
    return room.within_reach(library().open(model).codes.z, directions(model, fingerprint, basis, selections))


@st.cache_resource(max_entries=50, show_spinner=False)
def effects(model: str, fingerprint: str, basis: str, selections: str | None = None) -> Future[np.ndarray]:
    """Return the sliders' effects on a model's pictures, which are measured in the background; the hands go first.

    `fingerprint` is its weights' hash. A `ManigenError` comes out of the future's `result`.
    """
    opened, models = library().open(model), library()
    found: Future[np.ndarray] = Future()

    def decode(z: np.ndarray) -> np.ndarray:
        return models.works.decode(opened.generator, z, humble=True) / np.float32(255)

    def measure() -> None:
        try:
            found.set_result(room.effect(decode, opened.codes.z, directions(model, fingerprint, basis, selections)))
        except Exception as error:  # whoever waits must hear of it, whatever it was
            found.set_exception(in_words(error))

    Thread(target=measure, name="effects", daemon=True).start()
    return found


@st.cache_resource(show_spinner=False)
def _painters() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, "compare")


@st.cache_resource(max_entries=600, show_spinner=False)
def answer(question: str, model: str, fingerprint: str, *asked: Any) -> Future[Any]:
    """Return what a model answers to a question of the Compare page, which is worked out in the background.

    `question` is the name of a function of `comparing`: reconstructed, sampled, walked, or met, which is asked for the
    same samples as `sampled`, and of which data set. `fingerprint` is the weights' hash. Errors come out of `result`.
    """
    opened = library().open(model)

    def work() -> Any:
        try:
            if question == "met":
                *of, data = asked
                return comparing.met(opened, answer("sampled", model, fingerprint, *of).result(), data)
            return getattr(comparing, question)(opened, *asked)
        except Exception as error:  # whoever waits must hear of it, in words
            raise in_words(error) from None

    return _painters().submit(work)


def map_title(method: str) -> str:
    """A map method's title, from its card."""
    return card_text(_map_title(method))


@st.cache_data(show_spinner=False)
def _map_title(method: str) -> str:
    from manigen.projections import cards

    return cards()[method].title
