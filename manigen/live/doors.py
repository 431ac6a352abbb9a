"""Doors: whether who asks for something of somebody's own is that somebody.

A page knows who its visitor is (`ui.people`: signed in, or a browser by its key) and says so here; a route, which sees
the request alone, goes by the browser's key:

    page    `admit(key, owner)`      this browser stands for that owner now
    route   `may(request, owner)`    the request's key stands for that owner, by a page's word or by itself

A browser that takes no cookies has no key. Its owner is one session, and what it makes is found by whoever was told its
address, which holds 96 bits of chance.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from starlette.requests import HTTPConnection

from manigen import home
from manigen.home import Owner

KEY = "manigen_key"  # the cookie a browser goes by
SHORTEST, LONGEST = 16, 200  # characters of a key
KEPT = 20_000  # browsers, and sessions, that are remembered


class Doors:
    """Who stands for whom, as the pages of this process say."""

    def __init__(self) -> None:
        self._of_key: OrderedDict[str, str] = OrderedDict()
        self._sessions: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, key: str, owner: Owner) -> None:
        """Take a page's word that the browser of a key stands for an owner; where it has no key, a session does."""
        with self._lock:
            if is_key(key):
                _put(self._of_key, of_key(key).name, owner.name)
            else:
                _put(self._sessions, owner.name, None)

    def may(self, request: HTTPConnection, owner: Owner) -> bool:
        """Say whether a request comes from an owner."""
        key = request.cookies.get(KEY, "")
        if not is_key(key):
            return owner.name in self._sessions
        itself = of_key(key).name
        return owner.name == self._of_key.get(itself, itself)

    def may_see(self, request: HTTPConnection, model: str) -> bool:
        """Say whether a request may see a model: one that is nobody's own, or its owner's; one that is gone too."""
        folder = home.model(model)
        return folder is None or self.may(request, home.owner_of(folder))


def is_key(key: str) -> bool:
    """Say whether this can be a browser's key."""
    return SHORTEST <= len(key) <= LONGEST


def of_key(key: str) -> Owner:
    """Return the owner that a browser is by its key, while nobody is signed in."""
    return home.owner(f"key {key}")


def _put(table: OrderedDict, name: str, value: str | None) -> None:  # type: ignore[type-arg]
    table[name] = value
    table.move_to_end(name)
    while len(table) > KEPT:
        table.popitem(last=False)


doors = Doors()
