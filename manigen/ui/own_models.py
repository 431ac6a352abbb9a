"""Own models: bring one that was trained elsewhere; open, take along or delete those that are here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from manigen import home, seeds, weights
from manigen.errors import ManigenError
from manigen.figures import pictures
from manigen.home import Owner
from manigen.live import routes
from manigen.live.library import library
from manigen.ui import cache, ordering, people, state
from manigen.ui.pages import EXPLORE
from manigen.ui.text import card_text, knob_text, text, told
from manigen.workshop import bringing, errand, orders

LARGEST = 500  # megabytes of one upload
SHOWN = 16  # pictures from random codes
SHORTS = (16, 32, 64, 128, 256)  # lengths a long code is shortened to
LONG = 256


def show(me: Owner) -> None:
    """Show the uploader, what was uploaded and is not a model yet, and the models."""
    with st.container(border=True):
        st.markdown(f"##### {text('mdl_add')}")
        _upload(me)
        st.caption(text("mdl_what", upload=LARGEST))
    for folder in reversed(me.things("drafts")):
        with st.container(border=True):
            _draft(me, folder)
    mine = people.models()
    if not mine:
        st.info(text("mdl_none"))
    columns = st.columns(3)
    for at, (name, card) in enumerate(mine.items()):
        with columns[at % 3].container(border=True):
            _card(me, name, card)


def _card(me: Owner, name: str, card: dict[str, Any]) -> None:
    try:
        st.image(cache.face(name, card["files"][weights.MODEL]), width="stretch")
    except ManigenError as problem:
        st.error(told(str(problem)))
    data = card_text(str(card["data"].get("title", card["data"]["name"])))
    st.markdown(f"**{card.get('title', name)}**  \n:gray[{data} · {card['family']}]")
    if "code_kept" in card:
        st.caption(text("mdl_kept", percent=round(100 * card["code_kept"])))
    if card.get("differentiable") is False:
        st.caption(text("mdl_no_gradient"))
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


# --- bringing one -----------------------------------------------------------------------------------------------------


def _upload(me: Owner) -> None:
    turn = st.session_state.setdefault("mdl:turn", 0)
    given = st.file_uploader(
        text("mdl_drop"),
        accept_multiple_files=True,
        max_upload_size=LARGEST,
        key=f"mdl:files:{turn}",
        label_visibility="collapsed",
    )
    if said := st.session_state.get("mdl:said"):
        st.error(told(said))
    if not given:
        return
    st.session_state["mdl:turn"] = turn + 1
    try:
        folder = me.thing("drafts", bringing.take(me, [(file.name, file) for file in given]))
        try:
            _look_through(me, folder)
        except ManigenError:
            home.remove(folder)
            raise
        st.session_state["mdl:said"] = None
    except ManigenError as problem:
        st.session_state["mdl:said"] = str(problem)
    st.rerun()


def _look_through(me: Owner, folder: Path) -> None:
    """Put a model of ManiGen's own among the models at once; look whether anything else can be read at all."""
    from manigen import foreign

    made = bringing.made_here(folder / "files")
    if made is not None:
        bringing.install(me, made)
        home.remove(folder)
    else:
        foreign.probe(folder / "files")


@st.cache_resource(max_entries=6, show_spinner=False)
def _probed(folder: str) -> Any:
    from manigen import foreign

    return foreign.probe(Path(folder))


@st.cache_data(max_entries=20, show_spinner=False)
def _random(folder: str, knobs: tuple[tuple[str, Any], ...]) -> tuple[bytes, tuple[int, int, int], int]:
    """Return pictures of random codes as PNG, the shape of a picture and the length of a code."""
    generator = _probed(folder).open(dict(knobs))
    z = seeds.numpy_stream(0).standard_normal((SHOWN, generator.dim), dtype=np.float32)
    x = generator.decode(z)
    scale = max(1, 96 // generator.shape[1])
    return pictures.png(pictures.sheet(x, SHOWN // 2), scale), generator.shape, generator.dim


@st.cache_data(max_entries=20, show_spinner=False)
def _read_back(
    folder: str, knobs: tuple[tuple[str, Any], ...], _me: Owner, data: str, shape: tuple[int, int, int]
) -> tuple[bytes, float]:
    """Return some pictures above what the model makes of them as PNG, and the mean squared error."""
    x = bringing.some_pictures(_me, data, shape, SHOWN // 2)
    generator = _probed(folder).open(dict(knobs))
    made = generator.decode(generator.encode(x))
    sheet = pictures.sheet(np.concatenate([x, made]), len(x))
    return pictures.png(sheet, max(1, 96 // shape[1])), float(np.square(made - x).mean())


def _draft(me: Owner, folder: Path) -> None:
    token, title = folder.name, str(home.note(folder).get("title") or text("mdl_unnamed"))
    if errand.going(folder):
        st.markdown(f"**{title}**")
        _wait(folder)
        return
    heard = errand.progress(folder)
    if heard.get("model"):
        home.remove(folder)
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{title}**  \n:gray[{text('mdl_draft')}]")
        if st.button("", icon=":material/delete:", key=f"draft:gone:{token}", help=text("own_delete")):
            home.remove(folder)
            st.rerun()
    if heard.get("error"):
        st.error(told(heard["error"]))
    place = str(folder / "files")
    try:
        found = _probed(place)
        st.write(told(found.said))
        knobs = _knobs(found, token)
        image, shape, dim = _random(place, tuple(sorted(knobs.items())))
    except ManigenError as problem:
        st.error(told(str(problem)))
        return
    left, right = st.columns(2)
    left.image(image, width="stretch")
    slope = text("mdl_gradient" if found.differentiable else "mdl_no_gradient")
    left.caption(f"{text('mdl_random')}{text('own_stop')} {slope}")
    data, short = _pictures(me, token, found, shape, dim)
    if data is not None:
        try:
            back, error = _read_back(place, tuple(sorted(knobs.items())), me, data, shape)
            right.image(back, width="stretch")
            right.caption(text("mdl_back", error=error))
        except ManigenError as problem:
            right.error(told(str(problem)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        called = st.text_input(text("trn_name"), title, max_chars=80, key=f"draft:{token}:name")
        pressed = st.button(
            text("mdl_bring"), type="primary", key=f"draft:{token}:go", disabled=found.encodes and data is None
        )
    if pressed:
        given = {name: value for name, value in knobs.items() if name not in found.fixed}
        bringing.begin(me, folder, knobs=given, title=called or title, data=data, short=short, maps=["umap", "pca"])
        st.rerun()


def _knobs(found: Any, token: str) -> dict[str, Any]:
    """Show what was guessed, to put right."""
    turned: dict[str, Any] = {}
    if found.knobs:
        st.caption(text("mdl_guess"))
        for box, knob in zip(st.columns(max(4, len(found.knobs))), found.knobs, strict=False):
            label, key = text(f"mdl_knob_{knob.name}"), f"draft:{token}:{knob.name}"
            if knob.choices:
                turned[knob.name] = box.selectbox(
                    label, list(knob.choices), knob.choices.index(knob.default), key=key, help=knob_text(knob.help)
                )
            else:
                turned[knob.name] = box.number_input(
                    label, 1, 4096, int(knob.default), key=key, help=knob_text(knob.help)
                )
    settings: dict[str, Any] = found.settings(turned)
    return settings


def _pictures(me: Owner, token: str, found: Any, shape: tuple[int, int, int], dim: int) -> tuple[str | None, int]:
    """Ask which pictures are encoded, and how long a code may be; return both, None where no pictures are to be had."""
    if not found.encodes:
        st.caption(text("mdl_no_encoder"))
        return None, 0
    known = {name: said for name, said in ordering.choices(me).items() if _fits(me, name, shape)}
    if not known:
        st.warning(text("mdl_no_pictures", side=f"{shape[2]} × {shape[1]}"))
        return None, 0
    left, right = st.columns(2)
    data = left.selectbox(
        text("mdl_pictures"),
        list(known),
        format_func=known.__getitem__,
        help=text("mdl_reads"),
        key=f"draft:{token}:data",
    )
    lengths = [length for length in SHORTS if length < dim] + [0]
    short = right.selectbox(
        text("mdl_short"),
        lengths,
        0 if dim <= LONG and len(lengths) == 1 else len(lengths) - (1 if dim <= LONG else 2),
        format_func=lambda n: str(n) if n else text("mdl_short_all", n=dim),
        help=text("mdl_short_help"),
        key=f"draft:{token}:short",
    )
    return data, short


def _fits(me: Owner, name: str, shape: tuple[int, int, int]) -> bool:
    """Whether pictures can be had in a shape: one's own can be decoded anew, the others are as they are."""
    from manigen import datasets
    from manigen.datasets import own

    if name not in datasets.names():
        sizes = next(knob.choices for knob in own.card.knobs if knob.name == "size")
        return shape[1] == shape[2] and shape[1] in sizes
    try:
        return ordering.look_up(me, name).shape == shape
    except ManigenError:
        return False


def _wait(folder: Path) -> None:
    @st.fragment(run_every=0.6)
    def look() -> None:
        if not errand.going(folder):
            st.rerun()
        heard = errand.progress(folder)
        share, stage = float(heard.get("share", 0.0)), told(heard.get("stage", "opening"))
        percent = f" ({round(100 * share)} %)" if share else ""
        st.progress(min(1.0, share), text("mdl_bringing", stage=stage) + percent)

    look()
