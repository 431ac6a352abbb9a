"""People: who looks at this page, as far as it decides whose pictures, trainings and models are shown.

Signed in (`st.login`), a person is who the sign-in says; else the browser's key, a cookie it was given at the door;
else, where neither is there, this session alone.
"""

from __future__ import annotations

import secrets
from typing import Any

import streamlit as st

from manigen import home, weights
from manigen.errors import ManigenError
from manigen.home import Owner
from manigen.live.doors import KEY, doors, is_key, of_key
from manigen.ui.text import text


def me() -> Owner:
    """Return the owner this session stands for; the routes hear of it too."""
    key = st.context.cookies.get(KEY, "")
    owner = _owner(key)
    doors.admit(key, owner)
    return owner


def _owner(key: str) -> Owner:
    user = st.user.to_dict() if _signed_in() else {}
    if user:
        who = user.get("sub") or user.get("email")
        if who:
            return home.owner(f"user {user.get('iss', '')} {who}")
    if is_key(key):
        return of_key(key)
    return home.owner(f"session {st.session_state.setdefault('own:session', secrets.token_hex(16))}")


def sign_in() -> None:
    """Show who is signed in and the way out, or the way in; nothing where no sign-in is configured."""
    if not _configured():
        return
    if not _signed_in():
        st.button(
            text("sign_in"), icon=":material/login:", type="tertiary", on_click=st.login, help=text("sign_in_help")
        )
        return
    user = st.user.to_dict()
    name = str(user.get("name") or user.get("email") or user.get("sub", ""))[:40]
    with st.popover(name, icon=":material/account_circle:", type="tertiary"):
        st.button(text("sign_out"), icon=":material/logout:", on_click=st.logout)


def models() -> dict[str, dict[str, Any]]:
    """Return the cards of this person's own finished models by name, the newest first."""
    found = {}
    for folder in reversed(me().things("models")):
        try:
            found[folder.name] = weights.info(folder)
        except ManigenError:
            continue  # a training under way, or a folder that somebody tampered with
    return found


def _configured() -> bool:
    return "is_logged_in" in st.user.to_dict()


def _signed_in() -> bool:
    return bool(st.user.to_dict().get("is_logged_in", False))
