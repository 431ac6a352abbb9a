"""Ordering: what is to be trained, on which pictures, how long; what that will take; and the button that begins it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from manigen import home
from manigen.cards import Card, Knob, Value
from manigen.datasets import Images
from manigen.errors import ManigenError
from manigen.figures import losses, pictures
from manigen.home import Owner
from manigen.ui import state, turning
from manigen.ui.text import all_text, card_text, duration, knob_text, text, told
from manigen.workshop import pace, place
from manigen.workshop.host import host

BUDGETS = (10_000, 20_000, 50_000, 100_000, 200_000, 300_000, 600_000, 1_000_000, 2_000_000, 5_000_000)
BATCHES = (16, 32, 64, 128, 256, 512)
RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
ABREAST = 4  # weights in a row
FIRST = ("dim", "width", "members")  # knobs that are in sight; the others lie behind titles
METHODS = ("umap", "tsne", "pca")
TITLES = {"umap": "UMAP", "tsne": "t-SNE", "pca": "PCA"}
FACES = 32  # pictures of a data set's face


@dataclass(frozen=True)
class Data:
    """What the page knows of a data set: its name or token, what it is called, its face as PNG, sizes and classes."""

    name: str
    title: str
    face: bytes
    train: int
    test: int
    shape: tuple[int, int, int]
    classes: int
    called: str | None = None  # the file's name, of one's own pictures
    knobs: tuple[tuple[str, Any], ...] = ()

    @property
    def about(self) -> str:
        side = f"{self.shape[2]} × {self.shape[1]}"
        kind = text("trn_grey" if self.shape[0] == 1 else "trn_colour")
        said = text("trn_data_about", n=self.train + self.test, side=side, kind=kind)
        return f"{said} · {text('trn_classes', n=self.classes)}" if self.classes else said


@st.cache_data(max_entries=40, show_spinner=False)
def built_in(name: str) -> Data:
    """Return what the page knows of a data set that comes with ManiGen."""
    from manigen import datasets

    train, test = datasets.load(name, "train"), datasets.load(name, "test")
    face = _face(test)
    return Data(name, datasets.card_of(name).title, face, len(train), len(test), train.shape, len(train.classes))


@st.cache_data(max_entries=200, show_spinner=False)
def own(folder: str, token: str) -> Data:
    """Return what the page knows of somebody's own pictures, once they are ready."""
    from pathlib import Path

    from manigen.datasets import own as own_pictures

    place = Path(folder)
    about = home.note(place)
    train, test = (own_pictures.read(split, place / "ready") for split in ("train", "test"))
    face = _face(train)
    knobs = tuple(sorted(own_pictures.prepared_settings(place / "ready").items()))
    return Data(
        token, about.get("title", token), face, len(train), len(test), train.shape, len(train.classes),
        about.get("file", "pictures.zip"), knobs,
    )  # fmt: skip


def _face(images: Images) -> bytes:
    """Some pictures spread over a data set, as PNG."""
    rows = np.unique(np.linspace(0, len(images) - 1, min(FACES, len(images))).astype(int))
    x = images.take(rows).x.transpose(0, 2, 3, 1)
    return pictures.png(pictures.sheet(x, 8), max(1, 56 // images.shape[1]))


def choices(me: Owner) -> dict[str, str]:
    """Return the data sets a person can train on, by name or token, with their titles; their own first."""
    from manigen import datasets

    mine = {folder.name: home.note(folder) for folder in reversed(me.things("pictures"))}
    ready = {token: str(about.get("title", token)) for token, about in mine.items() if about.get("ready")}
    return ready | {entry.name: card_text(entry.card.title) for entry in datasets.listing() if entry.here}


def look_up(me: Owner, name: str) -> Data:
    """Return what the page knows of a data set by name or token. Raises `ManigenError`."""
    from manigen import datasets

    return built_in(name) if name in datasets.names() else own(str(me.thing("pictures", name)), name)


# --- the page ---------------------------------------------------------------------------------------------------------


def show(me: Owner) -> None:
    """Show the order that a person is putting together."""
    from manigen import models

    known, families = choices(me), models.cards()
    name = _asked("data_for", known, "digits")
    family = _asked("family", families, "autoencoder")
    try:
        data = look_up(me, name)
    except ManigenError as problem:
        st.error(told(str(problem)))
        data = built_in("digits")
    card = families[family]
    first, second, third = st.columns([1, 1, 1.15], gap="medium")
    with first.container(border=True, height="stretch"):
        st.markdown(f"##### {text('trn_step_data')}")
        st.image(data.face, width="stretch")
        st.markdown(f"**{card_text(data.title)}**")
        st.caption(data.about)
        if st.button(text("trn_other_data"), icon=":material/photo_library:", width="stretch"):
            st.dialog(text("trn_step_data"), width="large")(_data_dialog)(me, known, name)
    with second.container(border=True, height="stretch"):
        st.markdown(f"##### {text('trn_step_family')}")
        st.image(_drawing(family, card), width="stretch")
        st.markdown(f"**{card_text(card.title)}**")
        st.caption(card_text(card.sentence))
        if st.button(text("trn_other_family"), icon=":material/category:", width="stretch"):
            st.dialog(text("trn_step_family"), width="large")(_family_dialog)(families, family)
    with third.container(border=True, height="stretch"):
        st.markdown(f"##### {text('trn_step_knobs')}")
        given = _knobs(family, card)
        plan = _plan(data, card, str(given.get("preset", "")))
    given |= _weights(family, card)
    _begin(me, data, family, card, given, plan)


def _asked(key: str, known: Any, default: str) -> str:
    asked = state.from_link(key)
    chosen = asked if asked in known else default if default in known else next(iter(known))
    state.to_link(**{key: chosen})
    return str(chosen)


def _drawing(family: str, card: Card) -> str:
    words = {key.removeprefix("loss_"): said for key, said in all_text().items() if key.startswith("loss_")}
    ink = "#eceef3" if st.context.theme.type == "dark" else "#1b1d22"
    return losses.picture(card.facts.get("losses", ()), words, family != "gan", family == "aae", ink)


def _data_dialog(me: Owner, known: dict[str, str], current: str) -> None:
    st.caption(text("trn_own_hint"))
    columns = st.columns(3)
    for at, name in enumerate(known):
        with columns[at % 3].container(border=True):
            try:
                data = look_up(me, name)
            except ManigenError as problem:
                st.warning(told(str(problem)))
                continue
            st.image(data.face, width="stretch")
            st.markdown(f"**{card_text(data.title)}**")
            st.caption(data.about)
            word = text("opened_model" if name == current else "trn_take")
            if st.button(word, key=f"take:{name}", disabled=name == current, width="stretch"):
                state.to_link(data_for=name)
                st.rerun()


def _family_dialog(families: dict[str, Card], current: str) -> None:
    columns = st.columns(3)
    for at, (name, card) in enumerate(families.items()):
        with columns[at % 3].container(border=True):
            st.image(_drawing(name, card), width="stretch")
            st.markdown(f"**{card_text(card.title)}**")
            st.caption(card_text(card.sentence))
            word = text("opened_model" if name == current else "trn_take")
            if st.button(word, key=f"family:{name}", disabled=name == current, width="stretch"):
                state.to_link(family=name)
                st.rerun()


def _weights(family: str, card: Card) -> dict[str, Value]:
    """Show the weights of a family's losses, side by side; return those that differ from their defaults."""
    weights = [knob for knob in card.knobs if _is_weight(knob)]
    if not weights:
        return {}
    fixed = _fixed(family, card)
    with st.expander(text("trn_weights")):
        turned = {}
        for at, knob in enumerate(weights):
            if at % ABREAST == 0:
                boxes = st.columns(ABREAST, gap="medium")
            with boxes[at % ABREAST]:
                turned[knob.name] = _knob(family, knob, fixed)
        st.caption(text("trn_weights_zero"))
    return _changed(card, turned, fixed)


def _knobs(family: str, card: Card) -> dict[str, Value]:
    """Show a family's other knobs; return those that differ from their defaults."""
    near = [knob for knob in card.knobs if knob.name in FIRST]
    rest = [knob for knob in card.knobs if knob not in near and not _is_weight(knob)]
    fixed = _fixed(family, card)
    boxes = st.columns(len(near) or 1, gap="small")
    turned = {}
    for box, knob in zip(boxes, near, strict=False):
        with box:
            turned[knob.name] = _knob(family, knob, fixed)
    if rest:
        with st.expander(text("trn_more_knobs", n=len(rest))):
            turned |= {knob.name: _knob(family, knob, fixed) for knob in rest}
    return _changed(card, turned, fixed)


def _is_weight(knob: Knob) -> bool:
    return knob.log and isinstance(knob.default, float)


def _changed(card: Card, turned: Mapping[str, Value], fixed: Mapping[str, Value]) -> dict[str, Value]:
    """Return what was turned away from its default, but for what a preset fixes."""
    defaults = card.settings()
    return {name: value for name, value in turned.items() if value != defaults[name] and name not in fixed}


def _knob(family: str, knob: Knob, fixed: Mapping[str, Value]) -> Value:
    """Show one knob, or the value that the preset fixes it at; return its value."""
    prefix, label, held = f"knob:{family}", knob_text(knob.title or knob.name.replace("_", " ")), knob.name in fixed
    label = label[:1].upper() + label[1:]
    value = fixed.get(knob.name, knob.default)
    prefix += f":{value}" * held  # a widget of its own: what was typed before stands there again afterwards
    if isinstance(value, int) and not isinstance(value, bool):  # often better typed than dragged to
        low, high = (None if bound is None else int(bound) for bound in (knob.low, knob.high))
        key, said = f"{prefix}:{knob.name}", knob_text(knob.help)
        return int(st.number_input(label, low, high, value, 1, key=key, help=said, disabled=held))
    turned: Value = turning.turn(prefix, knob, value, label, held)
    return turned


def _fixed(family: str, card: Card) -> Mapping[str, Value]:
    """Return the knobs that the preset chosen for a family fixes, with their values."""
    preset = str(st.session_state.get(f"knob:{family}:preset", ""))
    fixed: Mapping[str, Value] = card.facts.get("recipes", {}).get(preset, {}).get("fixed", {})
    return fixed


@dataclass(frozen=True)
class Plan:
    """How a training is run: pictures seen, pictures a step, learning rate (None as is usual), seed, the map fitted."""

    images: int
    batch: int
    rate: float | None
    seed: int
    method: str


def _plan(data: Data, card: Card, preset: str = "") -> Plan:
    """Show how a training is run, and return it; a `preset` with a recipe of its own proposes that."""
    own = card.facts.get("recipes", {}).get(preset, {})
    usual = min(300_000, max(100_000, 20 * data.train))
    default = int(own["epochs"] * data.train) if own else min(BUDGETS, key=lambda budget: abs(budget - usual))
    images = st.select_slider(
        text("trn_budget"),
        sorted({*BUDGETS, default}),
        default,
        format_func=lambda n: text("trn_pictures", n=n),
        help=text("trn_budget_help"),
        key=f"budget:{data.name}{preset}",
    )
    rounds = images / max(1, data.train)
    st.caption(text("trn_rounds", n=f"{rounds:,.0f}" if rounds >= 10 else f"{rounds:,.1f}"))
    if own:
        st.caption(text("trn_own_recipe", n=own["epochs"], batch=own["batch"]))
    with st.expander(text("trn_more_run")):
        batch_default = own["batch"] if own else 64 if data.train < 5000 else 128 if data.train < 50_000 else 256
        batch = st.select_slider(
            text("trn_batch"), BATCHES, batch_default, help=text("trn_batch_help"), key=f"batch:{data.name}{preset}"
        )
        rate = st.select_slider(
            text("trn_rate"),
            RATES,
            min(RATES, key=lambda r: abs(r - card.facts.get("learning_rate", 1e-3))),
            format_func="{:g}".format,
            help=text("trn_rate_help"),
            key=f"rate:{card.title}",
        )
        seed = st.number_input(text("trn_seed"), 0, 2**31 - 1, 0, 1, help=text("trn_seed_help"), key="order:seed")
        method = st.segmented_control(
            text("trn_method"),
            METHODS,
            default=METHODS[0],
            required=True,
            format_func=lambda name: TITLES[name],
            help=text("trn_method_help"),
            key="order:map",
        )
    usual_rate = card.facts.get("learning_rate", 1e-3)
    return Plan(int(images), int(batch), None if rate == usual_rate else float(rate), int(seed), str(method))


def _begin(me: Owner, data: Data, family: str, card: Card, given: dict[str, Value], plan: Plan) -> None:
    """Show how long it will take, and the button that begins it."""
    with st.container(border=True), st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=330):
            title = st.text_input(
                text("trn_name"), f"{card_text(data.title)}, {card_text(card.title).lower()}"[:80], max_chars=80,
                key=f"name:{data.name}:{family}",
            )  # fmt: skip
        beside = st.container(width="stretch")
        pressed = st.button(text("trn_start"), type="primary", icon=":material/play_arrow:")
    if not pressed:
        with beside:  # what looks again by itself must not be begun on a page that is about to be another
            _estimate({"family": family, "knobs": given, "batch": plan.batch}, data.shape, plan.images)
        return
    try:
        _check(family, data.shape, given)
        order = place(
            me, family, data.name, title,
            images=plan.images, batch=plan.batch, learning_rate=plan.rate, seed=plan.seed, knobs=given,
            data_knobs=dict(data.knobs), called=data.called,
            maps=("pca",) if plan.method == "pca" else (plan.method, "pca"), threads=pace.threads(),
        )  # fmt: skip
        host().ensure()
    except ManigenError as problem:
        st.error(told(str(problem)))
        return
    state.to_link(make="runs", run=order.token)
    st.rerun()


def _check(family: str, shape: tuple[int, int, int], given: dict[str, Value]) -> None:
    """Raise `ManigenError` where this family cannot be built for these pictures with these knobs."""
    from manigen import models

    models.build(family, shape, 0, **given)


# --- how long it will take --------------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False)
def _stopwatch() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "stopwatch")


@st.cache_resource(max_entries=300, show_spinner=False)
def _measured(kind: str, _about: dict[str, Any], _shape: tuple[int, int, int]) -> Future[float]:
    return _stopwatch().submit(pace.measure, _about, _shape)


def _estimate(about: dict[str, Any], shape: tuple[int, int, int], images: int) -> None:
    """Say how long the training will take; measured in the background where nobody knows yet."""
    known = pace.known(about, shape)
    if known is not None:
        _say_estimate(images, known)
        return
    found = _measured(pace.kind(about, shape, pace.threads()), about, shape)

    @st.fragment(run_every=None if found.done() else 0.7)
    def look() -> None:
        if not found.done():
            st.caption(text("trn_measuring_pace"))
            return
        try:
            _say_estimate(images, found.result())
        except ManigenError as problem:
            st.caption(told(str(problem)))

    look()


def _say_estimate(images: int, per_second: float) -> None:
    where = text("trn_cores_word", n=pace.cores())
    st.markdown(text("trn_estimate", time=duration(images / per_second), pace=round(per_second), device=where))
