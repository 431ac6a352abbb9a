"""State: what one session has chosen, and how a link spells it.

Every key of the session and of the URL is named here and nowhere else. A link wins over the session when it is opened;
afterwards the session is written back to the link, so the address bar always shows the present view. A code in a link
is exact: its float32 bytes in URL-safe base64.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import streamlit as st
from streamlit.runtime.scriptrunner import RerunException, get_script_run_ctx
from streamlit.runtime.state.safe_session_state import SafeSessionState

from manigen import checks, links
from manigen.errors import BadInput, ManigenError
from manigen.ui.directions import Selection

MOST_PINS = 24
LATE = 5.0  # seconds within which a browser may still send a link that has been replaced
MOST_CUTS = 8  # how often one change may be cut short by runs that wait; one that asks for a run itself ends, too
DEFAULT_MODEL = "mnist-fusion"
MOST_SELECTIONS = 12  # sliders made of lasso selections
# what a link says that means nothing for another model
OF_A_MODEL = ("map", "beside", "ends", "walk", "code", "selections")


def from_link(key: str, default: Any = None) -> Any:
    """Return what the link says of `key` when it was opened with one, else the session's value, else `default`.

    A browser that reruns the page twice in a row may still send the link of before the first run; a value that was
    replaced a moment ago is therefore not taken for a new link.
    """
    asked = st.query_params.get(key)
    if asked is not None and asked != st.session_state.get(f"link:{key}"):
        replaced = st.session_state.get(f"replaced:{key}", {}).get(asked, -LATE)
        if time.monotonic() - replaced >= LATE:
            _remember(key, asked)
    return st.session_state.get(key, default)


def to_link(**values: Any) -> None:
    """Write the present `values` to the session and to the link; None leaves a key out.

    A run that began with the link of before the last change would write that back; so what is a moment old goes in too.
    """
    now = time.monotonic()
    fresh = [key for key, (page, when) in _changes().items() if page == _page() and now - when < LATE]
    for key, value in ({key: st.session_state.get(f"link:{key}") for key in fresh} | values).items():
        if value is None:
            st.query_params.pop(key, None)
            _remember(key, None)
            continue
        _remember(key, str(value))
        if st.query_params.get(key) != str(value):
            st.query_params[key] = str(value)


def _changes() -> dict[str, tuple[str, float]]:
    """By key of the link: on which page it was last changed, and when."""
    return st.session_state.setdefault("link changes", {})


def _page() -> str:
    context = get_script_run_ctx(suppress_warning=True)
    return context.page_script_hash if context else ""


def _remember(key: str, value: str | None) -> None:
    before = st.session_state.get(f"link:{key}")
    if before == value:
        return
    replaced = st.session_state.setdefault(f"replaced:{key}", {})
    now = time.monotonic()
    for old in [old for old, when in replaced.items() if now - when >= LATE]:
        del replaced[old]
    if before is not None:
        replaced[before] = now
    if value is None:
        st.session_state.pop(key, None)
    else:
        st.session_state[key] = value
    _changes()[key] = _page(), now
    st.session_state[f"link:{key}"] = value  # last: a change that is cut short before this is made when begun again


def whole(change: Callable[..., None]) -> Callable[..., None]:
    """Return a widget's callback that is done whole, also where a further run of the page is already asked for.

    Streamlit would end it at the first look at the session, and what was pressed would be lost. The runs that wait are
    taken up afterwards. A change may be begun several times, so only its last step may add to what was.
    """

    @wraps(change)
    def done(*given: Any) -> None:
        waiting: list[RerunException] = []
        for _ in range(MOST_CUTS):
            try:
                change(*given)
                break
            except RerunException as further:  # out of the queue now: it ends the next attempt no more
                waiting.append(further)
        if waiting:
            try:
                st.session_state.get("tray")  # a look at the session: what was asked for meanwhile is the newest
            except RerunException as newest:
                waiting.append(newest)
            _wait_again(waiting[:-1])
            raise waiting[-1]

    return done


def _wait_again(waiting: list[RerunException]) -> None:
    """Put runs back into the queue, in their order; Streamlit makes one of them, with every press of each."""
    context = get_script_run_ctx(suppress_warning=True)
    if waiting and context and context.script_requests:
        context.script_requests.request_rerun_batch([further.rerun_data for further in waiting])


def hear_presses() -> None:
    """Have a run of a page hear what was pressed also where a further run, already asked for, is to take its place.

    Streamlit (1.67) looks for further runs before it calls a run's callbacks. What was pressed for a run that had not
    begun by then, as while the last one was tidied up after, would be heard by neither.
    """
    begin = SafeSessionState.on_script_will_rerun
    known = {"_state", "_lock", "_yield_callback"} <= SafeSessionState.__annotations__.keys()
    if not known or getattr(begin, "hears_presses", False):
        return

    @wraps(begin)
    def heard(self: SafeSessionState, states: Any, **more: Any) -> None:
        try:
            self._yield_callback()
        except RerunException as further:
            _wait_again([further])
        with self._lock:
            self._state.on_script_will_rerun(states, **more)

    heard.hears_presses = True  # type: ignore[attr-defined]
    SafeSessionState.on_script_will_rerun = heard  # type: ignore[method-assign, assignment]


# --- the tray ---------------------------------------------------------------------------------------------------------


def tray() -> dict[str, Any]:
    """Return this session's tray: `pins` ({code, at, model, map}), and an `epoch` that a page's change raises."""
    return st.session_state.setdefault("tray", {"epoch": 0, "pins": []})


def set_tray(pins: Any, *, by_page: bool = False) -> None:
    """Replace the pins; what comes from a browser is checked. `by_page` tells the front end to take them over."""
    kept = []
    for pin in list(pins)[:MOST_PINS] if isinstance(pins, list) else []:
        try:
            code = checks.codes(pin["code"])[0].tolist()
            at = None if pin.get("at") is None else checks.points(pin["at"])[0].tolist()
            kept.append({"code": code, "at": at, "model": str(pin["model"])[:200], "map": str(pin.get("map"))[:50]})
        except (ManigenError, KeyError, TypeError, AttributeError):
            continue
    before = tray()
    st.session_state["tray"] = {"epoch": before["epoch"] + by_page, "pins": kept}


def ends_to_link(pins: list[dict[str, Any]], model: str) -> str | None:
    """Return the pins of one model as text for a link, None where there are none."""
    return "~".join(links.spell(np.array(pin["code"], np.float32)) for pin in pins if pin["model"] == model) or None


def ends_from_link(spelled: str, model: str, dim: int) -> list[dict[str, Any]]:
    """Return the pins that a link spells."""
    return [
        {"code": links.unspell(part, dim).tolist(), "at": None, "model": model, "map": None}
        for part in spelled.split("~")[:MOST_PINS]
        if part
    ]


def pin(model: str, code: Any) -> None:
    """Put one more pin into the tray, on the page's own account."""
    new = {"code": np.asarray(code).tolist(), "at": None, "model": model, "map": None}
    set_tray([*tray()["pins"], new], by_page=True)


# --- selections that became sliders -----------------------------------------------------------------------------------


def selections(model: str, dim: int) -> list[Selection]:
    """Return this session's selections of a model; a link that spells some replaces them, or raises `BadInput`."""
    kept = st.session_state.setdefault("selections:of", {})
    spelled = from_link("selections")
    if spelled and spelled != st.session_state.get("read:selections"):
        st.session_state["read:selections"] = spelled
        kept[model] = selections_from_link(spelled, dim)
    return kept.get(model, [])


def set_selections(model: str, chosen: list[Selection]) -> None:
    """Replace a model's selections; the latest `MOST_SELECTIONS` are kept."""
    st.session_state.setdefault("selections:of", {})[model] = chosen[-MOST_SELECTIONS:]


def tell_selections(model: str) -> str | None:
    """Write a model's selections to the link, and return how it spells them."""
    spelled = selections_to_link(st.session_state.get("selections:of", {}).get(model, []))
    to_link(selections=spelled)
    st.session_state["read:selections"] = spelled  # last: a run cut short before this takes nothing old for a new link
    return spelled


def selections_to_link(chosen: list[Selection]) -> str | None:
    """Return selections as text for a link, None where there are none: name, count, axis and centre of each."""
    return "~".join(f"{one.name}~{one.n}~{links.spell(one.axis)}~{links.spell(one.centre)}" for one in chosen) or None


def selections_from_link(spelled: str, dim: int) -> list[Selection]:
    """Return the selections that a link spells, bit for bit; raises `BadInput` where it was cut short."""
    words = spelled.split("~")[: 4 * MOST_SELECTIONS]
    found = []
    for name, n, axis, centre in zip(*(words[part::4] for part in range(4)), strict=False):
        if not n.isdecimal() or not links.unspell(axis, dim).any():
            raise BadInput("This link's selections cannot be read; it may have been cut short.")
        found.append(Selection(named(name), int(n[:9]), links.unspell(axis, dim), links.unspell(centre, dim)))
    if len(words) % 4:
        raise BadInput("This link's selections cannot be read; it may have been cut short.")
    return found


def named(words: str) -> str:
    """Return what a selection may be called: one short line without the sign that parts a link.

    >>> named(" ~ open   fours ")
    'open fours'
    """
    return " ".join(words.replace("~", " ").split())[:40]


# --- the ends of the walk ---------------------------------------------------------------------------------------------


def ends(model: str) -> dict[str, Any]:
    """Return the ends of this session's walk: `codes` (m lists), and an `epoch` that grows when a page changes them."""
    return st.session_state.setdefault("walk:ends", {}).get(model, {"epoch": 0, "codes": []})


def set_ends(model: str, codes: Any, dim: int, *, by_page: bool = False) -> None:
    """Replace the ends; what comes from a browser is checked. `by_page` tells the front end to take them over."""
    kept = []
    for code in list(codes)[: links.MOST_ENDS] if isinstance(codes, list | np.ndarray) else []:
        try:
            kept.append(checks.codes(code, dim)[0].tolist())
        except ManigenError:
            continue
    st.session_state["walk:ends"][model] = {"epoch": ends(model)["epoch"] + by_page, "codes": kept}


def has_ends(model: str) -> bool:
    """Say whether ends of this model were ever chosen; none at all may be a choice too."""
    return model in st.session_state.get("walk:ends", {})


def next_seed() -> int:
    """Return this session's next seed: 1, 2, 3, ..., so that what chance picked can be picked again."""
    st.session_state["seed"] = st.session_state.get("seed", 0) + 1
    return st.session_state["seed"]
