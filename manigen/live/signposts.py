"""Signposts: addresses that lead to another one, put up around Streamlit's own routes.

- `/explore` leads to `/`, where that page is, with all that stands after it: the other pages have their names in the
  address bar, so people type this one's too.
- Who signs in or out comes back to the page and the link they left. Streamlit leads everybody to `/`:
  https://docs.streamlit.io/develop/concepts/connections/authentication

The link that was left is kept here, by the browser's key, and not in the address or in a cookie, which it may be too
long for. Only its path and its query are kept, so it leads nowhere else.
"""

from __future__ import annotations

from collections import OrderedDict
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from manigen.live.doors import KEY, is_key

LEAVING = ("/auth/login", "/auth/logout")
COMING = "/oauth2callback"
KEPT = 2_000  # browsers on their way
LONGEST = 60_000  # characters of a link


class Signposts:
    """Middleware that leads on; `base` is the path the app lies under."""

    def __init__(self, app: ASGIApp, base: str = "") -> None:
        self.app = app
        self.base = f"/{base.strip('/')}" if base.strip("/") else ""
        self._left: OrderedDict[str, str] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self.app(scope, receive, send)
        path = scope["path"].removeprefix(self.base)
        if path.rstrip("/") == "/explore":
            return await _lead(send, f"{self.base}/", scope["query_string"])
        if path in LEAVING:
            self._leave(scope)
        await self.app(scope, receive, self._back(scope, send) if path == COMING else send)

    def _leave(self, scope: Scope) -> None:
        """Keep the link of the page that somebody leaves, if its browser says both who it is and where it was."""
        key, came = _key(scope), urlsplit(HTTPConnection(scope).headers.get("referer", ""))
        link = came.path + (f"?{came.query}" if came.query else "")
        if key and len(link) <= LONGEST and self._is_here(link):
            self._left[key] = link
            self._left.move_to_end(key)
            while len(self._left) > KEPT:
                self._left.popitem(last=False)

    def _is_here(self, link: str) -> bool:
        """Say whether a link is a path of this app: no scheme, and no other host, which two slashes would be."""
        return link.startswith(f"{self.base}/") and link[1:2] not in ("/", "\\")

    def _back(self, scope: Scope, send: Send) -> Send:
        """Let an answer that leads to the first page lead to the one that was left instead."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and 300 <= message["status"] < 400:
                headers = list(message.get("headers", []))
                place = dict(headers).get(b"location", b"").decode("latin-1")
                link = self._left.pop(_key(scope), None)
                if link and urlsplit(place).path in (f"{self.base}/", self.base):
                    headers = [pair for pair in headers if pair[0] != b"location"]
                    message = {**message, "headers": [*headers, (b"location", link.encode("latin-1"))]}
            await send(message)

        return sending


async def _lead(send: Send, path: str, query: bytes) -> None:
    place = path.encode("latin-1") + (b"?" + query if query else b"")
    headers = [(b"location", place), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 307, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _key(scope: Scope) -> str:
    """The key of the browser that asks; "" where it has none."""
    key = HTTPConnection(scope).cookies.get(KEY, "")
    return key if is_key(key) else ""
