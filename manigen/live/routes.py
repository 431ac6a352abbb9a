"""The route: what stands beside the pages in the same process, and trusts nobody.

    WebSocket /manigen/live                    the hands; see `protocol`
    GET /manigen/map/{model}/{map}             a map's points in columns; see `library.Opened.columns`
    GET ...?box=x0,x1,y0,y1&cells=N&hidden=1,2&colour=error       of many points, a view of them; see `crowd`
    GET /manigen/trust/{model}/{map}           where that map lies, or how far its measuring is (202)
    GET /manigen/stretch/{model}/{map}         how much the picture changes for a step on that map, as ellipses
    GET /manigen/stability/{model}/{map}       how steady that map is, or how far its being made again is (202)
    GET /manigen/ghosts/{model}/{map}/{row}    where a real code came to lie each time that map was made again
    GET /manigen/unwarp/{model}/{map}/{row}    how the surroundings of a real code would lie by their true distances
    GET /manigen/export/{model}/{map}          that map with its codes as npz; ?as=csv, a table of its points
    GET /manigen/kin/{model}/{map}/{row}       a real code's true nearest ones, and which of them that map keeps
    GET /manigen/fit/{key}?since=STEP          how far an ordered map is, with its places so far; see `fits`
    POST /manigen/fit/{key}/stop               stop it
    GET /manigen/static/[{version}/]{name}     scripts; see `static`
    GET /manigen/health                        device, times and counts

Everything that takes longer than a millisecond runs off the event loop: models load, walks are searched and large
replies are compressed in a few threads here, looking up and decoding happen in the engine's.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from socket import AF_INET, AF_INET6, IPPROTO_TCP, TCP_NODELAY
from typing import Any
from urllib.parse import urlsplit

import anyio
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from manigen.errors import BadInput, ManigenError, unknown
from manigen.live import protocol, scenes
from manigen.live.content import YEAR
from manigen.live.crowd import CELLS
from manigen.live.doors import KEY, doors
from manigen.live.engine import Engine, cpu_name, device_name, in_words
from manigen.live.jobs import WISHES, WalkWish, Wish
from manigen.live.library import Library, Opened, library
from manigen.live.runs import Runs
from manigen.live.signposts import Signposts
from manigen.live.static import Static
from manigen.threads import one_thread
from manigen.workshop.host import hand_moves

log = logging.getLogger("manigen.live")

RATE, BURST = 240.0, 960.0  # messages a second of one connection, and how many may come at once
CONNECTIONS, PER_ADDRESS = 256, 64  # of a process; of one client address (a class behind one router has one)
CHANNELS = 16  # channels of one connection with a wish under way
IDLE_S = 900.0  # a connection that says nothing for so long is closed; the page reconnects when it is used again
SEND_S = 30.0  # a connection whose reply cannot leave for so long is given up

VISITOR_S = 4.0  # how long torch waits for a first visitor, whose page needs the cores
PICTURE_S = 0.1  # and how long for the first picture to leave
TELL_S = 0.4  # between two words on how far a search is
QUIET_S = 0.05  # without a request, after which a browser has all it asked for

FORBIDDEN, TOO_MANY, IDLE, FAILED = 4403, 4429, 4408, 1011  # why the server closed a connection
GONE = (OSError, RuntimeError, WebSocketDisconnect)  # what sending raises once the browser has left


class Live:
    """Everything the routes share: the opened models, the connections, a few threads for slow work."""

    def __init__(
        self, models: Library | None = None, origins: Iterable[str] = (), static: Static | None = None
    ) -> None:
        self._models = models
        self.origins = {origin.rstrip("/").lower() for origin in origins}
        self.static = static or Static()
        self.addresses: Counter[str] = Counter()
        self.threads = ThreadPoolExecutor(3, thread_name_prefix="live")
        self.walkers = ThreadPoolExecutor(2, thread_name_prefix="walk", initializer=one_thread, initargs=(True,))
        self.began = time.time()
        self.base = ""  # stands before all addresses: "/demo" where the app lies under a path

    @property
    def models(self) -> Library:
        if self._models is None:
            self._models = library()
        return self._models

    def same_origin(self, connection: HTTPConnection) -> bool:
        """Say whether a page of this very host asks, or one of `origins`, or no page at all (a script, a test)."""
        origin = connection.headers.get("origin")
        if origin is None:
            return True
        host = connection.headers.get("host", "")
        return (bool(host) and urlsplit(origin).netloc.lower() == host.lower()) or origin.lower() in self.origins

    def at_hand(self, ask: Any) -> Opened | None:
        """Return the model that a message names if it is awake and the map it names is loaded."""
        opened, method = self.models.ready(ask.model), getattr(ask, "map", None)
        return opened if opened is not None and opened.awake and (method is None or opened.has(method)) else None

    def opened(self, ask: Any) -> Opened:
        """Return the model that a message names, its map loaded and something there to decode with.

        The first time that takes some tenths of a second where a first decoder can answer, else a second or two.
        """
        opened = self.models.open(ask.model)
        if getattr(ask, "map", None) is not None:
            opened.map(ask.map)
        if not opened.awake:
            _ = opened.painter if WISHES[type(ask)].plain else opened.generator
        return opened

    # --- the routes -------------------------------------------------------------------------------------------------

    async def live(self, socket: WebSocket) -> None:
        """Serve one browser's connection from handshake to goodbye."""
        if not self.same_origin(socket):
            return await socket.close(FORBIDDEN)  # before it was accepted: the browser sees HTTP 403
        address = socket.client.host if socket.client else ""
        if self.addresses.total() >= CONNECTIONS or self.addresses[address] >= PER_ADDRESS:
            await socket.accept()
            await socket.send_text(_mistake(None, "Too many connections are open; close other pages and try again."))
            return await socket.close(TOO_MANY)
        self.addresses[address] += 1
        try:
            await socket.accept()
            send_at_once(socket._receive)
            works = await self._off_loop(lambda: self.models.works)
            await Connection(self, socket, works).serve()
        finally:
            self.addresses[address] -= 1
            if not self.addresses[address]:
                del self.addresses[address]

    async def _found(self, request: Request, find: Callable[..., Any], refused: int = 500) -> Any:
        """Return what `find` finds of the model, map and row a request names, or the `Response` that says why not."""
        if not self.same_origin(request):
            return JSONResponse({"error": "Maps are for pages of this server."}, 403)
        model, *rest = (request.path_params[part] for part in ("model", "map", "row") if part in request.path_params)

        def found() -> Any:
            if not doors.may_see(request, model):
                raise unknown("model", model, self.models.names())
            return find(self.models.open(model), *rest)

        try:
            return await asyncio.to_thread(found)
        except LookupError as error:
            return JSONResponse({"error": str(error)}, 404)
        except ManigenError as error:
            return JSONResponse({"error": str(error)}, refused)

    async def _told(self, request: Request, find: Callable[..., Any], refused: int, caching: str) -> Response:
        found = await self._found(request, find, refused)
        return found if isinstance(found, Response) else JSONResponse(found, headers={"Cache-Control": caching})

    async def map(self, request: Request) -> Response:
        """Send a map's columns; under ?v=HASH, which is the ETag, for good. Of many points, the view asked for."""
        if "box" in request.query_params:
            view = await self._found(request, partial(_view, request.query_params), 400)
            return view if isinstance(view, Response) else await asyncio.to_thread(view.respond, request, "no-store")
        columns = await self._found(request, Opened.columns)
        if isinstance(columns, Response):
            return columns
        caching = "private, " + YEAR if request.query_params.get("v") == columns.version else "no-cache"
        return await asyncio.to_thread(columns.respond, request, caching)

    async def trust(self, request: Request) -> Response:
        """Send where a map lies; 202 and how far it is where that is still being measured, which asking begins."""
        from manigen.live import fits

        found = await self._found(request, Opened.trust)
        if isinstance(found, fits.Fit):
            return JSONResponse(fits.report(found)[0], 202, headers={"Cache-Control": "no-store"})
        return found if isinstance(found, Response) else await asyncio.to_thread(found.respond, request, "no-cache")

    async def stability(self, request: Request) -> Response:
        """Send how steady a map is; 202 and the order where it is being made again for that, which asking begins."""
        from manigen.live import fits

        found = await self._found(request, Opened.stability, 409)
        if isinstance(found, fits.Fit):
            about = {"url": fit_address(found.of), **fits.report(found)[0]}
            return JSONResponse(about, 202, headers={"Cache-Control": "no-store"})
        return found if isinstance(found, Response) else await asyncio.to_thread(found.respond, request, "no-cache")

    async def ghosts(self, request: Request) -> Response:
        """Send where a real code came to lie each time a map was made again."""
        return await self._told(request, Opened.ghosts, 400, "no-cache")

    async def kin(self, request: Request) -> Response:
        """Send the true nearest codes of a real one, and which of them a map keeps beside it."""
        return await self._told(request, Opened.kin, 400, "private, max-age=300")

    async def unwarp(self, request: Request) -> Response:
        """Send how the surroundings of a real code would lie on a map, were it made for them alone."""
        return await self._told(request, Opened.unwarped, 400, "private, max-age=300")

    async def export(self, request: Request) -> Response:
        """Send a map with its codes as npz: what `Map.from_arrays` reads, and the codes' columns."""
        as_table = request.query_params.get("as") == "csv"
        content = await self._found(request, Opened.table if as_table else Opened.exported)
        if isinstance(content, Response):
            return content
        ending = "csv" if as_table else "npz"
        name = {
            "Content-Disposition": 'attachment; filename="{model}-{map}.'.format(**request.path_params) + f'{ending}"'
        }
        if as_table:
            return StreamingResponse(content, media_type="text/csv", headers=name)
        return Response(content, media_type="application/octet-stream", headers=name)

    async def stretch(self, request: Request) -> Response:
        """Send how much the picture changes for a step at the places of a map, and in which direction."""
        return await self._told(request, Opened.stretch, 409, "no-cache")

    async def fit(self, request: Request) -> Response:
        """Send how far an ordered map is: a frame whose payload are its places so far, uint16 (m, 2)."""
        from manigen.live import fits

        fit = fits.fits().get(request.path_params["key"])
        if fit is None or not self.same_origin(request):
            return JSONResponse({"error": "This map is not being made; ask for it again."}, 404)
        since = request.query_params.get("since", "")
        about, places = fits.report(fit, int(since) if since.isdecimal() and len(since) < 12 else -1)
        content, kind = protocol.frame(about, places), "application/octet-stream"
        return Response(content, media_type=kind, headers={"Cache-Control": "no-store"})

    async def stop(self, request: Request) -> Response:
        """Stop an ordered map."""
        if not self.same_origin(request):
            return JSONResponse({"error": "Maps are for pages of this server."}, 403)
        from manigen.live import fits

        await asyncio.to_thread(fits.fits().stop, request.path_params["key"])
        return JSONResponse({"ok": True})

    async def file(self, request: Request) -> Response:
        """Send a script or style sheet."""
        name, version = request.path_params["name"], request.path_params.get("version")
        content = await asyncio.to_thread(self.static.content, name)
        if content is None:
            return JSONResponse({"error": str(unknown("file", name, list(self.static.paths)))}, 404)
        known = version is not None and version == await asyncio.to_thread(self.static.version)
        caching = "public, " + YEAR if known or request.query_params.get("v") else "no-cache"
        return await asyncio.to_thread(content.respond, request, caching)

    async def health(self, request: Request) -> Response:
        """Tell that the server lives, and how it does."""
        about: dict[str, Any] = {
            "ok": True,
            "seconds": round(time.time() - self.began, 1),
            "connections": self.addresses.total(),
            "models": len(self.models),
        }
        if self.models.working:
            about |= {"device": device_name(), **self.models.works.statistics.as_dict()}
        return JSONResponse(about, headers={"Cache-Control": "no-store"})

    async def _off_loop(self, work: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *given)

    def routes(self) -> list[BaseRoute]:
        return [
            WebSocketRoute(f"{self.base}/manigen/live", self.live),
            Route(f"{self.base}/manigen/map/{{model}}/{{map}}", self.map),
            Route(f"{self.base}/manigen/trust/{{model}}/{{map}}", self.trust),
            Route(f"{self.base}/manigen/stretch/{{model}}/{{map}}", self.stretch),
            Route(f"{self.base}/manigen/stability/{{model}}/{{map}}", self.stability),
            Route(f"{self.base}/manigen/ghosts/{{model}}/{{map}}/{{row:int}}", self.ghosts),
            Route(f"{self.base}/manigen/unwarp/{{model}}/{{map}}/{{row:int}}", self.unwarp),
            Route(f"{self.base}/manigen/export/{{model}}/{{map}}", self.export),
            Route(f"{self.base}/manigen/kin/{{model}}/{{map}}/{{row:int}}", self.kin),
            Route(f"{self.base}/manigen/fit/{{key}}", self.fit),
            Route(f"{self.base}/manigen/fit/{{key}}/stop", self.stop, methods=["POST"]),
            Route(f"{self.base}/manigen/static/{{name}}", self.file),
            Route(f"{self.base}/manigen/static/{{version}}/{{name}}", self.file),
            Route(f"{self.base}/manigen/health", self.health),
            *Runs(self.same_origin).routes(self.base),
        ]


def _view(query: Mapping[str, str], opened: Opened, method: str) -> Any:
    """Return the view of a map that a query asks for. Raises `BadInput` for what no browser of ours would ask."""
    if not opened.many:
        raise BadInput(f"All points of {opened.name} are sent at once; there are no views of them.")
    try:
        box = [float(number) for number in query["box"].split(",")]
        hidden = [int(group) for group in query.get("hidden", "").split(",") if group]
        cells = int(query.get("cells", CELLS))
        x0, x1, y0, y1 = box
    except ValueError:
        raise BadInput("A view is asked for by box=x0,x1,y0,y1, cells=N, hidden=1,2 and colour=NAME.") from None
    return opened.view(method, (x0, x1, y0, y1), cells, hidden[:100], query.get("colour", "label"))


class Bucket:
    """A token bucket: `rate` tokens a second flow in, at most `size` are kept; a long message takes more than one."""

    def __init__(self, rate: float = RATE, size: float = BURST) -> None:
        self.rate, self.size, self.tokens, self.when = rate, size, size, time.monotonic()

    def take(self, tokens: float = 1.0) -> float:
        """Take tokens; return how many seconds to wait for them, 0 while there are some."""
        now = time.monotonic()
        self.tokens = min(self.size, self.tokens + (now - self.when) * self.rate) - tokens
        self.when = now
        return max(0.0, -self.tokens / self.rate)


class Overtaken(Exception):
    """Nobody waits for this any more."""


class Search:
    """A path's search that is under way: it tells its browser how far it is, and hears whether it is to go on."""

    def __init__(self, connection: Connection, ask: protocol.Walk) -> None:
        self.connection, self.ask = connection, ask
        self.stopped = False
        self.stage, self.began, self.told = "", 0.0, time.monotonic()

    def __call__(self, stage: str, share: float) -> bool:
        """Hear of a stage and its share done. Raises `Overtaken` where nobody waits; called in the search's thread."""
        connection, now = self.connection, time.monotonic()
        if connection.gone or self.ask.channel in connection.slow:
            raise Overtaken
        if stage != self.stage:
            self.stage, self.began, self.first = stage, now, share
        if now - self.told >= TELL_S:
            self.told = now
            done = share - self.first
            left = (now - self.began) * (1 - share) / done if done > 0 else None
            told = {"stage": stage, "share": round(share, 3), "left": None if left is None else round(left, 1)}
            connection.aside(json.dumps({"id": self.ask.id, "channel": self.ask.channel, "progress": told}))
        return not self.stopped


class Connection:
    """One browser: its messages become wishes, its replies leave one after the other."""

    def __init__(self, live: Live, socket: WebSocket, works: Engine) -> None:
        self.live, self.socket, self.works = live, socket, works
        self.loop = asyncio.get_running_loop()
        self.tasks: anyio.abc.TaskGroup
        self.bucket = Bucket()
        self.channels: set[str] = set()  # those with a wish under way
        self.outbox: deque[tuple[str | None, bytes | str]] = deque()  # at most one reply a channel: see Engine.submit
        self.filled = asyncio.Event()
        self.slow: dict[str, tuple[Any, float]] = {}  # by channel, the newest walk or scene that waits for its turn
        self.walking = False
        self.search: Search | None = None
        self.gone = False
        self.shown: set[str] = set()  # models that this browser may see, as far as that was asked
        self.warned = 0.0

    async def serve(self) -> None:
        """Read and send until one of them ends, then leave nothing behind."""
        try:
            async with anyio.create_task_group() as self.tasks:
                for side in (self._read, self._send):
                    self.tasks.start_soon(self._until_gone, side)
        finally:
            self.gone = True
            self.works.forget(self)

    async def _until_gone(self, side: Callable[[], Awaitable[None]]) -> None:
        try:
            await side()
        except GONE:
            pass
        except Exception:
            log.exception("A live connection ended badly.")
            with suppress(*GONE):
                await self.socket.close(FAILED)
        self.tasks.cancel_scope.cancel()

    # --- reading ----------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    message = await self.socket.receive()
            except TimeoutError:
                return await self.socket.close(IDLE, "idle")
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            size = min(len(text if text is not None else message.get("bytes") or b""), protocol.LONGEST)
            if (wait := self.bucket.take(1 + size / 2048)) > 0:
                await self._slow_down(wait)
            received = time.perf_counter()
            ask, reply = None, None
            try:
                if text is None:
                    raise BadInput("Messages are JSON text, not binary.")
                ask = protocol.parse(text)
                if isinstance(ask, protocol.Ping):
                    reply = self._pong(ask)
                elif isinstance(ask, protocol.Stop):
                    if self.search is not None and self.search.ask.channel == ask.channel:
                        self.search.stopped = True
                else:
                    await self._take(ask, received)
            except Exception as error:
                of = ask.id if ask is not None else protocol.identity(text or "")
                reply = _mistake(of, str(in_words(error)))
            if reply is not None:
                await self._say(reply)

    async def _slow_down(self, wait: float) -> None:
        """Let a flood wait where it is, in the sender's own buffers, and say so once a second."""
        if time.monotonic() - self.warned > 1:
            self.warned = time.monotonic()
            await self._say(_mistake(None, f"Too many messages: at most {RATE:g} a second are read."))
        await asyncio.sleep(wait)

    async def _take(self, ask: protocol.Ask, received: float) -> None:
        if len(self.channels | {ask.channel}) > CHANNELS:
            raise BadInput(f"At most {CHANNELS} channels may be under way at once; wait for a reply.")
        if isinstance(ask, protocol.Walk | protocol.Scene):
            self.channels.add(ask.channel)
            self.slow[ask.channel] = ask, received
            if not self.walking:
                self.walking = True
                self.tasks.start_soon(self._walk)
            return
        opened = self._at_hand(ask)
        if opened is None:
            opened = await self.loop.run_in_executor(self.live.threads, self._open, ask)
        self._submit(WISHES[type(ask)](opened, ask, self._made), received)

    async def _walk(self) -> None:
        """Search the waiting walks' paths and draw the waiting scenes, one at a time for each browser."""
        while self.slow:
            channel, (ask, received) = next(iter(self.slow.items()))
            del self.slow[channel]
            try:
                if isinstance(ask, protocol.Scene):
                    self._put(channel, await self.loop.run_in_executor(self.live.walkers, scenes.answer, ask))
                    continue
                self.search = Search(self, ask)
                wish = await self.loop.run_in_executor(self.live.walkers, self._search, ask, self.search)
            except Overtaken:
                continue  # the newer question's answer tells the browser so
            except Exception as error:
                self._put(channel, _mistake(ask.id, str(in_words(error)), **_more(error)))
                continue
            if channel not in self.slow:  # else a newer one has come meanwhile
                self._submit(wish, received)
        self.walking = False

    def _at_hand(self, ask: Any) -> Opened | None:
        return self.live.at_hand(ask) if ask.model in self.shown else None

    def _open(self, ask: Any) -> Opened:
        """Return the model that a message names, if it is this browser's to see; raises `UnknownName` as for none."""
        if ask.model not in self.shown and not doors.may_see(self.socket, ask.model):
            raise unknown("model", ask.model, self.live.models.names())
        opened = self.live.opened(ask)
        self.shown.add(opened.name)
        return opened

    def _search(self, ask: protocol.Walk, search: Search) -> Wish:
        return WalkWish(self._open(ask), ask, self._made, search)

    def _submit(self, wish: Wish, received: float) -> None:
        wish.asked = received
        self.channels.add(wish.ask.channel)
        if not wish.patient:
            hand_moves()
        self.works.submit((self, wish.ask.channel), wish)

    def _pong(self, ask: protocol.Ask) -> str:
        statistics = self.works.statistics
        where = device_name() if self.works.adopted else cpu_name()
        about = {"device": where, "decode_ms": round(statistics.decode_ms, 3)}
        return json.dumps({"id": ask.id, "op": "ping", "channel": ask.channel, **about})

    # --- sending ----------------------------------------------------------------------------------------------------

    def _made(self, wish: Wish) -> None:
        """Take a finished wish from the engine's thread; what has to be compressed is handed on."""
        if wish.pictures is not None and wish.pictures.nbytes > protocol.RAW:
            self.live.threads.submit(self._answer, wish)
        else:
            self._answer(wish)

    def _answer(self, wish: Wish) -> None:
        try:
            reply = wish.answer() if wish.error is None else _mistake(wish.ask.id, str(wish.error))
        except Exception as error:
            reply = _mistake(wish.ask.id, str(in_words(error)))
        with suppress(RuntimeError):  # the loop is gone: the server stops
            self.loop.call_soon_threadsafe(self._put, wish.ask.channel, reply)
            if not wish.opened.awake:  # to import torch sooner would hold this first reply up
                self.loop.call_soon_threadsafe(lambda: self.loop.call_later(PICTURE_S, wish.opened.wake))

    def aside(self, words: str) -> None:
        """Send something that answers nothing yet; from any thread."""
        with suppress(RuntimeError):  # the loop is gone: the server stops
            self.loop.call_soon_threadsafe(self._put, None, words)

    def _put(self, channel: str | None, reply: bytes | str) -> None:
        self.outbox.append((channel, reply))
        self.filled.set()

    async def _send(self) -> None:
        while True:
            await self.filled.wait()
            self.filled.clear()
            while self.outbox:
                channel, reply = self.outbox.popleft()
                await self._say(reply)
                if channel is not None and not self.works.release((self, channel)):
                    self.channels.discard(channel)

    async def _say(self, reply: bytes | str) -> None:
        """Send one reply. Raises `TimeoutError`, an `OSError`, where the line takes nothing for too long."""
        async with asyncio.timeout(SEND_S):
            if isinstance(reply, bytes):
                await self.socket.send_bytes(reply)
            else:
                await self.socket.send_text(reply)


class Doorkeeper:
    """Middleware around every route, Streamlit's own too: small replies leave at once (`send_at_once`).

    It knows when something was last asked, so that heavy work can wait until a browser is busy with what it got.
    """

    heard = 0.0  # by the monotonic clock

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        send_at_once(receive)
        await self.app(scope, receive, self._with_key(scope, send) if scope["type"] == "http" else send)
        Doorkeeper.heard = time.monotonic()

    @staticmethod
    def _with_key(scope: Scope, send: Send) -> Send:
        """Give a browser that opens a page without one a key of its own: the cookie that says whose uploads are whose.

        No script can read it, no other site's page sends it along, and nobody can guess it.
        """
        headers = dict(scope["headers"])
        page = scope["method"] == "GET" and b"text/html" in headers.get(b"accept", b"")
        if not page or f"{KEY}=".encode() in headers.get(b"cookie", b""):
            return send
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        key = f"{KEY}={secrets.token_urlsafe(24)}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax{secure}"

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), (b"set-cookie", key.encode())]}
            await send(message)

        return sending

    @classmethod
    def wait_until_quiet(cls) -> None:
        """Return once somebody came and has asked nothing for QUIET_S, or nobody came for VISITOR_S."""
        end = time.monotonic() + VISITOR_S
        while (now := time.monotonic()) < end and (not cls.heard or now - cls.heard < QUIET_S):
            time.sleep(0.01)


def send_at_once(receive: Receive) -> bool:
    """Let small replies leave without waiting (TCP_NODELAY); return whether the connection could be told so.

    asyncio tells every socket it opens itself, but not one it is handed, as Streamlit hands its own. There a small
    reply waits until the browser has acknowledged the one before, which it does when it next speaks: as soon as two
    channels had overlapped, each picture came one message late, after 18 ms instead of 3 at sixty messages a second.
    A file's head waits so for the browser's delayed acknowledgement before its body may leave: 40 ms for each of the
    sixty small scripts that Streamlit's page is made of.
    """
    server = getattr(receive, "__self__", None)  # ASGI has no official way to the connection
    transport = getattr(server, "transport", None)
    line = transport.get_extra_info("socket") if transport is not None else None
    if line is None or line.family not in (AF_INET, AF_INET6):
        return False
    line.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    return True


def _mistake(of: int | str | None, sentence: str, **more: Any) -> str:
    """What is answered where something is wrong, and what more there is to say of it."""
    return json.dumps({"id": of, "error": sentence, **more})


def _more(error: Exception) -> dict[str, Any]:
    """What an error says beside its sentence: `fit`, what has to be made first; `stopped`, on wish."""
    return {name: value for name in ("fit", "stopped") if (value := getattr(error, name, None))}


@cache
def _live() -> Live:
    origins = os.environ.get("MANIGEN_ORIGINS", "")
    return Live(origins=[origin.strip() for origin in origins.split(",") if origin.strip()])


def routes(base: str = "") -> list[BaseRoute]:
    """Return the routes to hand to `st.App(routes=...)` or to any Starlette app; `base` is the path the app lies under.

    MANIGEN_ORIGINS, such as "https://school.example", names further origins whose pages may speak to this server: for
    a proxy that changes the Host header.
    """
    _live().base = f"/{base.strip('/')}" if base.strip("/") else ""
    return _live().routes()


def middleware(base: str = "") -> list[Middleware]:
    """Return the middleware to hand to `st.App(middleware=...)`; `base` is the path the app lies under."""
    return [Middleware(Doorkeeper), Middleware(Signposts, base=base)]


def warm(model: str, method: str | None = None) -> threading.Thread:
    """Open a model in the background, before anyone asks: a map (its first unless named), then its generator."""

    def open_it() -> None:
        try:
            opened = _live().models.open(model)
            names = [method] if method is not None else opened.maps[:1]
            for name in names:
                opened.columns(name)
            Doorkeeper.wait_until_quiet()  # what a hover needs is imported while the browser reads Streamlit's scripts
            for name in names:
                opened.map(name)
            _ = opened.painter
            opened.wake(VISITOR_S)
        except Exception:
            log.exception("The model %s could not be opened ahead.", model)

    thread = threading.Thread(target=open_it, name="warm", daemon=True)
    thread.start()
    return thread


def static_address(name: str) -> str:
    """Return the address that a page loads a script from, such as `explore.js`; it changes when the scripts do."""
    return _live().base + _live().static.address(name)


def map_address(model: str, method: str) -> str:
    """Return the address of a map's columns; it changes when the map or the codes do, and takes no time to say."""
    return f"{_live().base}/manigen/map/{model}/{method}?v={_live().models.open(model).version(method)}"


def run_address(token: str) -> str:
    """Return the address of a training; see `runs`."""
    return f"{_live().base}/manigen/run/{token}"


def download_address(model: str) -> str:
    """Return the address that one of a person's own models is taken along from, as a zip."""
    return f"{_live().base}/manigen/own/{model}.zip"


def trust_address(model: str, method: str) -> str:
    """Return the address that tells where a map lies."""
    return f"{_live().base}/manigen/trust/{model}/{method}"


def fit_address(of: str) -> str:
    """Return the address that tells how far an ordered map is."""
    return f"{_live().base}/manigen/fit/{of}"


def kin_address(model: str, method: str) -> str:
    """Return the address, without its last part, a row, that tells a real code's true nearest ones."""
    return f"{_live().base}/manigen/kin/{model}/{method}"


def stretch_address(model: str, method: str) -> str:
    """Return the address that tells how much the picture changes for a step on a map."""
    return f"{_live().base}/manigen/stretch/{model}/{method}"


def stability_address(model: str, method: str) -> str:
    """Return the address that tells how steady a map is."""
    return f"{_live().base}/manigen/stability/{model}/{method}"


def ghosts_address(model: str, method: str) -> str:
    """Return the address, without its last part, a row, that tells where a code lay when the map was made again."""
    return f"{_live().base}/manigen/ghosts/{model}/{method}"


def unwarp_address(model: str, method: str) -> str:
    """Return the address, without its last part, a row, that tells how a code's surroundings would truly lie."""
    return f"{_live().base}/manigen/unwarp/{model}/{method}"


def export_address(model: str, method: str) -> str:
    """Return the address that a map is taken along from."""
    return f"{_live().base}/manigen/export/{model}/{method}"
