"""The trainings' route: what a page shows of a training while it runs, and what its owner wants of it.

    GET  /manigen/run/{token}?after=N       JSON: the worker's status, the place in the queue, losses from byte N on
    GET  /manigen/run/{token}/fixed         a frame: labels int16 and real pictures uint8
    GET  /manigen/run/{token}/look/{n}      a frame: points float32, reconstructions and samples uint8
    POST /manigen/run/{token}/wish          {"wish": "run" | "pause" | "keep" | "delete"}
    GET  /manigen/own/{model}.zip           a finished model, to take along

A token is chance of 96 bits that only its owner's pages are told, and it is its owner's browser alone that is answered;
see `doors`. Like the live route this one answers pages of its own host only, and no word of a request becomes a path.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from manigen import files, home, weights
from manigen.errors import BadFile, BadInput, ManigenError
from manigen.live.content import YEAR
from manigen.live.doors import doors
from manigen.live.protocol import frame
from manigen.workshop import orders, traces
from manigen.workshop.host import host
from manigen.workshop.orders import Order

STALE_S = 30.0  # without a word from the worker, after which a training is shown as waiting
LARGEST = 1000  # bytes of a wish


def told(order: Order, after: int = 0) -> dict[str, Any]:
    """Return what a page shows of an order: its status, what was wished, its place in the queue, new losses, looks."""
    status, about = order.status(), order.about
    lines, at = traces.read_losses(order.folder, after)
    state = status["state"]
    if state in (orders.RUNNING, orders.FINISHING) and time.time() - status.get("updated", 0) > STALE_S:
        state = "stalled" if state == orders.FINISHING or host().working else orders.WAITING
    shown = {key: about.get(key) for key in ("title", "family", "data", "called", "images", "batch")}
    return {
        **shown,
        **status,
        "state": state,
        "wish": order.wish,
        "ahead": ahead(order) if state == orders.WAITING else 0,
        "looks": traces.frames(order.folder),
        "lines": lines,
        "at": at,
        "model": order.model if order.finished else None,
        "keepable": (order.out / weights.CHECKPOINT).is_file(),
    }


def ahead(order: Order) -> int:
    """Return how many orders are served before this one gets its first turn: its owner's older ones, others' firsts."""
    made = order.about.get("made", 0.0)
    due = [Order(owner, folder) for owner, folder in home.parts("runs")]
    due = [other for other in due if other.due and other.token != order.token]
    own = [other for other in due if other.owner == order.owner and other.about.get("made", 0.0) < made]
    return len(own) + len({other.owner for other in due if other.owner != order.owner})


def columns(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return named arrays as one frame: the header says where each lies."""
    about, parts, offset = [], [], 0
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        about.append({"name": name, "dtype": array.dtype.name, "shape": list(array.shape), "offset": offset})
        parts.append(raw + bytes(-len(raw) % 8))
        offset += len(parts[-1])
    return frame({"columns": about}, b"".join(parts))


class Runs:
    """The handlers; `same_origin` is the live route's own test of who asks."""

    def __init__(self, same_origin: Callable[[Any], bool]) -> None:
        self.same_origin = same_origin

    async def _answer(self, request: Request, work: Callable[[Order], Response]) -> Response:
        if not self.same_origin(request):
            return JSONResponse({"error": "Trainings are for pages of this server."}, 403)

        def find() -> Response:
            order = orders.find(request.path_params["token"])
            if order is None or not doors.may(request, order.owner):
                return JSONResponse({"error": "This training is not there any more."}, 404)
            return work(order)

        try:
            return await asyncio.to_thread(find)
        except ManigenError as error:
            return JSONResponse({"error": str(error)}, 400 if isinstance(error, BadInput) else 404)

    async def status(self, request: Request) -> Response:
        """Tell how a training is going; a worker is started where it should be going and is not."""

        def work(order: Order) -> Response:
            if order.due:
                host().ensure()
            given = request.query_params.get("after", "0")
            after = int(given) if given.isdecimal() and len(given) < 12 else 0
            return JSONResponse(told(order, after), headers={"Cache-Control": "no-store"})

        return await self._answer(request, work)

    async def fixed(self, request: Request) -> Response:
        """Send what stays the same while a training runs."""

        def work(order: Order) -> Response:
            held = files.read_npz(order.folder / orders.FIXED)
            return _binary(columns({"labels": held["labels"], "real": _last(held["real"])}))

        return await self._answer(request, work)

    async def look(self, request: Request) -> Response:
        """Send one look at the model: it never changes, unless the run was wound back."""
        number = request.path_params["number"]

        def work(order: Order) -> Response:
            held = files.read_npz(order.folder / orders.FRAMES / f"{int(number)}.npz")
            shown = {"seen": np.asarray(held["seen"], np.int32).reshape(1)}
            if "points" in held:
                shown["points"] = np.asarray(held["points"], np.float32)
            shown |= {name: _last(held[name]) for name in ("rebuilt", "samples") if name in held}
            return _binary(columns(shown))

        return await self._answer(request, work)

    async def wish(self, request: Request) -> Response:
        """Take down what the owner wants."""
        body = await request.body()
        if request.headers.get("origin") is None or len(body) > LARGEST:
            return JSONResponse({"error": "A wish comes from a page of this server."}, 403)
        try:
            asked = await request.json()
            wish = asked["wish"]
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": "A wish is a JSON object with the entry wish."}, 400)

        def work(order: Order) -> Response:
            order.ask(wish)
            if wish == "delete" and order.status()["state"] not in (orders.RUNNING, orders.FINISHING):
                order.remove()
            elif order.due:
                host().ensure()
            return JSONResponse({"ok": True})

        return await self._answer(request, work)

    async def packed(self, request: Request) -> Response:
        """Send a finished model of somebody's own as a zip."""
        if not self.same_origin(request):
            return JSONResponse({"error": "Models are for pages of this server."}, 403)

        def work() -> Response:
            name = request.path_params["model"]
            folder = home.model(name)
            if folder is None or not (folder / weights.CARD).is_file() or not doors.may_see(request, name):
                return JSONResponse({"error": "This model is not there any more."}, 404)
            title = str(weights.info(folder).get("title", name))
            called = quote(f"{home.plain_name(title)}.zip")
            headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{called}", "Cache-Control": "no-store"}
            return Response(orders.packed(folder, title), media_type="application/zip", headers=headers)

        try:
            return await asyncio.to_thread(work)
        except (ManigenError, OSError) as error:
            return JSONResponse({"error": str(error)}, 404)

    def routes(self, base: str) -> list[BaseRoute]:
        return [
            Route(f"{base}/manigen/run/{{token}}", self.status),
            Route(f"{base}/manigen/run/{{token}}/fixed", self.fixed),
            Route(f"{base}/manigen/run/{{token}}/look/{{number:int}}", self.look),
            Route(f"{base}/manigen/run/{{token}}/wish", self.wish, methods=["POST"]),
            Route(f"{base}/manigen/own/{{model}}.zip", self.packed),
        ]


def _last(x: np.ndarray) -> np.ndarray:
    """Pictures (n, c, h, w) with their channels last, as a browser draws them."""
    if x.ndim != 4:
        raise BadFile("The pictures of this training are damaged.")
    return x.transpose(0, 2, 3, 1)


def _binary(body: bytes) -> Response:
    return Response(body, media_type="application/octet-stream", headers={"Cache-Control": f"private, {YEAR}"})
