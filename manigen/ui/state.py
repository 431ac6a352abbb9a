"""State: what one session has chosen, and how a link spells it.

Every key of the session and of the URL is named here and nowhere else. A link wins over the session when it is opened;
afterwards the session is written back to the link, so the address bar always shows the present view. A code in a link
is exact: its float32 bytes in URL-safe base64.
"""

from __future__ import annotations

import base64
import binascii
import time
from typing import Any

import numpy as np
import streamlit as st

from manigen import checks
from manigen.errors import BadInput, ManigenError

MOST_PINS = 24
MOST_ENDS = 16  # of a walk: what one message of the live path may ask for
LATE = 5.0  # seconds within which a browser may still send a link that has been replaced
DEFAULT_MODEL = "mnist-fusion"
OF_A_MODEL = ("map", "beside", "ends", "walk", "code")  # what a link says that means nothing for another model


def spell(code: np.ndarray) -> str:
    """Return a code (d,) as text for a link.

    >>> spell(np.zeros(1, np.float32))
    'AAAAAA'
    """
    return base64.urlsafe_b64encode(np.asarray(code, "<f4").tobytes()).decode().rstrip("=")


def unspell(text: str, dim: int) -> np.ndarray:
    """Return the code (d,) that a link's `text` spells, or raise `BadInput`."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if not raw:
            raise ValueError
        code = np.frombuffer(raw, "<f4")
    except (ValueError, binascii.Error):
        raise BadInput("This link's codes cannot be read; it may have been cut short.") from None
    return checks.codes(code, dim, "this link's codes")[0]


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
    """Write the present `values` to the session and to the link; None leaves a key out."""
    for key, value in values.items():
        if value is None:
            st.query_params.pop(key, None)
            _remember(key, None)
            continue
        _remember(key, str(value))
        if st.query_params.get(key) != str(value):
            st.query_params[key] = str(value)


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
    st.session_state[f"link:{key}"] = value
    if value is None:
        st.session_state.pop(key, None)
    else:
        st.session_state[key] = value


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
    return "~".join(spell(np.array(pin["code"], np.float32)) for pin in pins if pin["model"] == model) or None


def ends_from_link(spelled: str, model: str, dim: int) -> list[dict[str, Any]]:
    """Return the pins that a link spells."""
    return [
        {"code": unspell(part, dim).tolist(), "at": None, "model": model, "map": None}
        for part in spelled.split("~")[:MOST_PINS]
        if part
    ]


# --- the ends of the walk ---------------------------------------------------------------------------------------------


def ends(model: str) -> dict[str, Any]:
    """Return the ends of this session's walk: `codes` (m lists), and an `epoch` that grows when a page changes them."""
    return st.session_state.setdefault("walk:ends", {}).get(model, {"epoch": 0, "codes": []})


def set_ends(model: str, codes: Any, dim: int, *, by_page: bool = False) -> None:
    """Replace the ends; what comes from a browser is checked. `by_page` tells the front end to take them over."""
    kept = []
    for code in list(codes)[:MOST_ENDS] if isinstance(codes, list | np.ndarray) else []:
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


def codes_to_link(codes: list[Any]) -> str | None:
    """Return codes as text for a link, None where there are none.

    >>> codes_to_link([[0.0], [0.0]])
    'AAAAAA~AAAAAA'
    """
    return "~".join(spell(np.array(code, np.float32)) for code in codes) or None


def codes_from_link(spelled: str, dim: int) -> list[list[float]]:
    """Return the codes that a link spells, bit for bit."""
    return [unspell(part, dim).tolist() for part in spelled.split("~")[:MOST_ENDS] if part]


def position(spelled: Any, default: float = 0.5) -> float:
    """Return a link's t in [0, 1]; `default` for anything else. Python spells floats so that they come back exactly."""
    try:
        t = float(spelled)
    except (TypeError, ValueError):
        return default
    return t if 0 <= t <= 1 else default
