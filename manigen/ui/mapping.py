"""Mapping: maps of one's own. A recipe names one in the link, the dialog orders it, the session remembers it.

A recipe is the method's name and what differs from its card's defaults, joined by ~: `tsne~perplexity~50~seed~3`. So a
link to a map that nobody has fitted yet fits it, and shows it where it was fitted before. The picker shows each recipe
once; a switch beside it says whether its map in the plane or in space is on screen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Thread
from typing import Any

import streamlit as st

from manigen import projections, weights
from manigen.cards import Card, Knob
from manigen.errors import BadInput, ManigenError
from manigen.live import routes
from manigen.live.library import Opened, library
from manigen.ui import pickers, state, turning
from manigen.ui.text import card_text, text

IN_A_ROW = 3  # maps; more of them stand in a menu, and the page's controls on one line
MOST_BESIDE = 2  # maps beside the one on screen
MOST = 8  # maps of one's own that a session keeps in the picker, for each model


@dataclass(frozen=True)
class Recipe:
    """A method, its seed, the knobs that are not at their defaults, and how many directions the map has."""

    method: str
    seed: int = 0
    knobs: dict[str, Any] = field(default_factory=dict)
    dims: int = 2

    @property
    def card(self) -> Card:
        return projections.card_of(self.method)

    def spelled(self) -> str:
        """Return the recipe as text for a link.

        >>> Recipe("tsne", 3, {"perplexity": 50.0}).spelled()
        'tsne~perplexity~50~seed~3'
        """
        parts = [self.method]
        for name, value in sorted(self.knobs.items()):
            parts += [name, f"{value:g}" if isinstance(value, float) else str(value)]
        parts += ["seed", str(self.seed)] if self.seed else []
        return "~".join([*parts, *(["dims", "3"] if self.dims == 3 else [])])

    def flat(self) -> str:
        """Return the recipe of the same map in the plane, spelled."""
        return replace(self, dims=2).spelled()

    def name(self) -> str:
        """Return the name that the live path knows the map by."""
        if not self.knobs and not self.seed and self.dims == 2:
            return self.method
        return f"{self.method}-{hashlib.sha256(self.spelled().encode()).hexdigest()[:10]}"

    def title(self) -> str:
        """Return what the picker shows."""
        more = [f"{value:g}" if isinstance(value, float) else str(value) for _, value in sorted(self.knobs.items())]
        more += [text("fit_seed_n", n=self.seed)] if self.seed else []
        more += ["3-D"] if self.dims == 3 else []
        return " · ".join([card_text(self.card.title), *more])


def read(spelled: str) -> Recipe:
    """Return the recipe that a link spells. Raises `UnknownName` or `BadInput` for anything else.

    >>> read("umap~n_neighbors~30").knobs
    {'n_neighbors': 30}
    >>> read("umap~dims~3").dims, read("umap~dims~3").flat()
    (3, 'umap')
    """
    method, *rest = spelled[:300].split("~")
    card = projections.card_of(method)
    if len(rest) % 2:
        raise BadInput("This link's map cannot be read; it may have been cut short.")
    given = dict(zip(rest[::2], rest[1::2], strict=True))
    seed = Knob("seed", 0, "", 0, 2**31).check(given.pop("seed", 0))
    dims = Knob("dims", 2, "", 2, 3).check(given.pop("dims", 2))
    defaults = card.settings()
    knobs = {name: value for name, value in card.typed(given).items() if value != defaults[name]}
    return Recipe(method, int(seed), knobs, int(dims))


# --- what a session has ---------------------------------------------------------------------------------------------


def own(model: str) -> list[str]:
    """Return the recipes, spelled, of the maps that this session made of a model."""
    return st.session_state.setdefault("maps:own", {}).setdefault(model, [])


def ready(model: str, spelled: str) -> bool:
    """Say whether a map of one's own is at hand, having put it among the model's maps where it was fitted before."""
    from manigen import maps

    recipe, opened = read(spelled), library().open(model)
    if recipe.name() in opened.maps:
        return True
    fitted = maps.known(opened.codes.z, recipe.method, recipe.seed, recipe.dims, **recipe.knobs)
    if fitted is None:
        return False
    opened.add_map(recipe.name(), fitted)
    if spelled in to_come(model):  # measuring it takes seconds, and the page has it already
        Thread(target=weights.add_map, args=(model, recipe.method, fitted), name="keep-map", daemon=True).start()
    return True


def to_come(model: str) -> list[str]:
    """Return the maps that one's own model is still to have: they are fitted when it is first opened."""
    return list(weights.info(model).get(weights.TO_COME, ())) if weights.is_own(model) else []


def remember(model: str, spelled: str) -> None:
    """Add a map to those the session shows in the picker."""
    mine = own(model)
    if spelled not in mine:
        mine.append(spelled)
        del mine[:-MOST]


def order(model: str, spelled: str) -> None:
    """Have a map fitted in the background; the page shows it forming. Raises what the queue and the card object to."""
    from manigen.live.fits import fits

    recipe, opened = read(spelled), library().open(model)
    fit = fits().map(opened.codes.z, recipe.method, recipe.seed, recipe.dims, **recipe.knobs)
    st.session_state.setdefault("maps:forming", {})[model] = (spelled, fit.of)


def forming(model: str) -> tuple[str, str] | None:
    """Return the recipe and the key of the map that this session has ordered of a model, if there is one."""
    return st.session_state.get("maps:forming", {}).get(model)


def forget(model: str) -> None:
    """No map of this model is being waited for any more; where it was the one in space, the plane stays."""
    given_up = st.session_state.get("maps:forming", {}).pop(model, None)
    st.session_state["maps:stay"] = given_up is not None and read(given_up[0]).dims == 3


def pick(model: str, shipped: list[str], say: Callable[[str], Any] = st.warning) -> str:
    """Show the picker of maps and the switch beside it; return the recipe, spelled, of the map to show.

    `say` is told why a map cannot be had.
    """
    known = options(model, shipped, say)
    asked = _asked(model)
    flat = list(dict.fromkeys(read(spelled).flat() for spelled in known))
    chosen = read(
        pickers.choice(
            "map", flat, {each: read(each).title() for each in flat}, asked.flat() if asked else None, most=IN_A_ROW
        )
    )
    if st.session_state.pop("maps:stay", False):
        st.session_state["pick:dims"] = "2"
    dims = pickers.choice("dims", ["2", "3"], {"2": "2-D", "3": "3-D"}, str(asked.dims) if asked else None)
    wanted = replace(chosen, dims=int(dims)).spelled()
    if wanted in known or ready(model, wanted):
        remember(model, wanted)
        return wanted
    if (forming(model) or ("",))[0] != wanted:
        try:
            order(model, wanted)
        except ManigenError as problem:
            say(str(problem))
    return next((other for other in known if read(other).flat() == chosen.flat()), shipped[0])


def beside(model: str, shipped: list[str], shown: Recipe) -> list[Recipe]:
    """Show the button that puts other maps beside the one on screen; return those chosen, in the link as `beside`."""
    titles = {spelled: title for spelled, title in at_hand(model, shipped).items() if spelled != shown.spelled()}
    asked = [spelled for spelled in (state.from_link("beside") or "").split(",") if spelled in titles][:MOST_BESIDE]
    picked = [spelled for spelled in st.session_state.get("pick:beside") or [] if spelled in titles]
    # set in each run: what lies in a popover is drawn when it is opened, and must then know what was picked
    st.session_state["pick:beside"] = picked if st.session_state.get("seen:beside") == asked else asked
    with st.popover(text("beside"), icon=":material/view_column_2:", help=text("beside_help")):
        chosen = st.pills(
            text("choose_beside", n=MOST_BESIDE), list(titles), key="pick:beside", selection_mode="multi",
            format_func=lambda spelled: titles[spelled],
        )[:MOST_BESIDE]  # fmt: skip
    st.session_state["seen:beside"] = chosen
    state.to_link(beside=",".join(chosen) or None)
    return [read(spelled) for spelled in chosen]


def _asked(model: str) -> Recipe | None:
    """Return the recipe that the link names, or is being made since it named it; None where it cannot be read."""
    spelled = (forming(model) or ("",))[0] or state.from_link("map")
    try:
        return read(spelled) if spelled else None
    except ManigenError:
        return None


def options(model: str, shipped: list[str], say: Callable[[str], Any] = st.warning) -> dict[str, str]:
    """Return the maps at hand; the one the link names is ordered where it is not, or `say` is told why it cannot be."""
    asked = state.from_link("map") or next(iter(to_come(model)), None)
    if asked and asked not in shipped and asked not in own(model) and (forming(model) or ("",))[0] != asked:
        try:
            spelled = read(asked).spelled()
            if ready(model, spelled):
                remember(model, spelled)
            else:
                order(model, spelled)
        except ManigenError as problem:
            say(str(problem))
    if (now := forming(model)) is not None and ready(model, now[0]):
        st.session_state["maps:forming"].pop(model)
        remember(model, now[0])
        state.to_link(map=now[0])
    return at_hand(model, shipped)


def at_hand(model: str, shipped: list[str]) -> dict[str, str]:
    """Return the maps that need no fitting: recipe, spelled, to title."""
    mine = [spelled for spelled in own(model) if spelled not in shipped and ready(model, spelled)]
    return {spelled: read(spelled).title() for spelled in [*shipped, *mine]}


def shown(model: str) -> dict[str, str] | None:
    """Return what the front end needs to show the map that forms, or None."""
    now = forming(model)
    return None if now is None else {"url": routes.fit_address(now[1]), "title": read(now[0]).title()}


# --- the dialog -------------------------------------------------------------------------------------------------------


def dialog(model: str, dims: int) -> None:
    """Show the dialog in which a map of so many directions is ordered."""

    @st.dialog(text("fit_title"), width="medium")
    def ask() -> None:
        opened = library().open(model)
        cards = {
            name: card for name, card in projections.cards().items()
            if opened.codes.z.shape[1] < card.facts.get("widest", 10**9)
        }  # fmt: skip
        chosen = st.selectbox(
            text("fit_method"), list(cards), key="fit:method", format_func=lambda name: card_text(cards[name].title)
        )
        card = cards[chosen]
        st.caption(f"{card_text(card.sentence)} [{card.reference}]({card.link})")
        knobs = {knob.name: turning.turn(f"fit:{chosen}", knob) for knob in card.knobs}
        seed = int(st.number_input(text("fit_seed"), 0, 2**31, 0, key="fit:seed", help=text("fit_seed_help")))
        _say_landmarks(card, opened)
        if st.button(text("fit_go"), type="primary", key="fit:go"):
            defaults = card.settings()
            changed = {name: value for name, value in knobs.items() if value != defaults[name]}
            spelled = Recipe(chosen, seed, changed, dims).spelled()
            try:
                if ready(model, spelled):
                    remember(model, spelled)
                    state.to_link(map=spelled)
                else:
                    order(model, spelled)
            except ManigenError as problem:
                st.error(str(problem))
                return
            st.rerun()

    ask()


def _say_landmarks(card: Card, opened: Opened) -> None:
    n = len(opened.codes)
    most = projections.fitted_on(card, n)
    if n > most:
        st.info(text("fit_landmarks", most=most, n=n, title=card_text(card.title)), icon=":material/filter_alt:")
