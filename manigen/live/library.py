"""The opened models: what a live page needs of each, loaded once for everyone.

A model is opened by the first who asks for it. Only the models at hand can be opened, by their exact names, and those
that were registered in this process: a picture's fine-tuned model, a user's own. Registered names are listed nowhere,
so that what one person brings is not shown to another.
"""

from __future__ import annotations

import csv
import io
import logging
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from manigen import checks, files, weights
from manigen.errors import BadInput, NotPossible, unknown
from manigen.live import first
from manigen.live.content import Content
from manigen.live.crowd import CELLS, SENT, Crowd, order
from manigen.live.engine import Engine, engine, one_blas_thread
from manigen.live.protocol import frame
from manigen.nearest import MANY, Nearest
from manigen.threads import one_thread

if TYPE_CHECKING:
    from manigen.held_out import HeldOut
    from manigen.live.first import FirstDecoder
    from manigen.live.fits import Fit
    from manigen.measures import Stability
    from manigen.models import Generator
    from manigen.projections import Map
    from manigen.weights import Codes

log = logging.getLogger("manigen.live")

THUMBNAILS = 48 << 20  # bytes of decoded neighbours kept for each model: all of MNIST's 60,000
GRID, NEAR_CELL = 27, 0.55  # crossings along a map's longer side; how many cells from a point one may lie
BLOCK = 5000  # lines of a table that are written at once
LAYOUT = 1  # of a map's columns; to be raised whenever they change, since browsers keep them


class Thumbnails:
    """The pictures of real codes as the model reconstructs them, kept in bounded memory.

    Row i lives in place i mod `places`; where two rows share a place, the later one stays.
    """

    def __init__(self, shape: tuple[int, int, int], rows: int, budget: int = THUMBNAILS) -> None:
        channels, height, width = shape
        self.places = max(1, min(rows, budget // (channels * height * width)))
        self._pictures = np.empty((self.places, height, width, channels), np.uint8)  # costs memory only once written
        self._rows = np.full(self.places, -1, np.int64)
        self._lock = threading.Lock()

    def known(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which of `rows` (m,) are kept, as bool (m,), and pictures uint8 (m, h, w, c), right where they are."""
        with self._lock:
            place = rows % self.places
            return self._rows[place] == rows, self._pictures[place]

    def keep(self, rows: np.ndarray, pictures: np.ndarray) -> None:
        with self._lock:
            place = rows % self.places
            self._rows[place], self._pictures[place] = rows, pictures


class Opened:
    """One model: its codes, nearest codes and maps; its generator, on the device, and thumbnails once asked for.

    A map is drawn, and where `first` reads a first decoder also hovered, before torch is imported: the generator is
    loaded in the background meanwhile. `generator` and each of `maps` are the thing itself or a function that loads it.
    """

    def __init__(
        self,
        name: str,
        generator: Generator | Callable[[], Generator],
        codes: Codes,
        maps: Mapping[str, Map | Callable[[], Map]],
        versions: Mapping[str, str] | None = None,
        first: Callable[[], FirstDecoder | None] = lambda: None,
    ) -> None:
        self.name, self.codes = name, codes
        self._versions = {method: secrets.token_hex(8) for method in maps} | dict(versions or {})
        self.nearest = Nearest(codes.z)
        if self.many and codes.nearest is not None and np.isfinite(codes.nearest).any():
            self.nearest.typical = float(np.nanquantile(codes.nearest, 0.95))  # to find it out takes seconds
        self._maps = dict(maps)
        self._rehearsed: set[str] = set()
        self._columns: dict[str, Content] = {}
        self._crowds: dict[str, Crowd] = {}
        self._values: dict[str, dict[str, np.ndarray]] = {}  # by map, what its points can be coloured by
        self._trust: dict[str, Content] = {}
        self._stretch: dict[str, dict[str, Any]] = {}
        self._stability: dict[str, Stability] = {}
        self._stretching = threading.Lock()
        self._comparing = threading.Lock()
        self._lock = threading.RLock()
        self._waking = threading.Lock()
        self._call = threading.Event()
        self._waker: threading.Thread | None = None
        self._read_first = first
        at_hand = hasattr(generator, "decode")
        self._generator = cast("Generator", generator) if at_hand else None
        self._load = None if at_hand else cast("Callable[[], Generator]", generator)

    @property
    def awake(self) -> bool:
        """Whether the generator is loaded, so that a picture takes milliseconds."""
        return self._generator is not None

    @property
    def generator(self) -> Generator:
        """The generator, on the engine's device; loaded at the first call (about a second). Raises `BadFile`."""
        if self._generator is None:
            with self._waking:
                if self._generator is None:
                    assert self._load is not None
                    loaded = self._load()
                    self.nearest.how_far(self.codes.z[:1])  # its tables are made now, not under the first hand
                    self._generator = loaded
        return self._generator

    @cached_property
    def first(self) -> FirstDecoder | None:
        """What decodes until the generator is awake; None where nothing can."""
        self.nearest.how_far(self.codes.z[:1])
        return self._read_first()

    @property
    def painter(self) -> Generator | FirstDecoder:
        """What decodes now: the generator if it is awake, else the first decoder; else the generator is waited for."""
        return self._generator or self.first or self.generator

    def wake(self, after: float = 0.0) -> None:
        """Have the generator loaded in the background: in `after` seconds, or as soon as this is asked for again."""
        with self._lock:
            if self._waker is not None or self.awake:
                return self._call.set()
            self._waker = threading.Thread(target=self._wake, args=(after,), name="wake", daemon=True)
        self._waker.start()

    def _wake(self, after: float) -> None:
        self._call.wait(after)
        try:
            _ = self.generator
        except Exception:
            log.exception("The model %s could not be loaded.", self.name)
            self._waker = None

    @cached_property
    def taught(self) -> Nearest:
        """The codes that walks go among, with their graph once it is built; of many, those shown first."""
        z = self.codes.taught
        if len(z) > MANY:
            return Nearest(z[order(len(z))[:SENT]])
        return self.nearest if len(z) == len(self.codes) else Nearest(z)

    @cached_property
    def held_out(self) -> tuple[HeldOut, float | None] | None:
        """Held-out pictures of the model's data set and the floor beside them; None where they are not at hand."""
        from manigen import held_out

        with self._comparing:
            card = weights.info(self.name) if self.name in weights.names() else {"data": {}}
            found = held_out.at_hand(card["data"], self.generator.shape)
            return None if found is None else (found, found.floor(self.generator, self.codes))

    @cached_property
    def thumbnails(self) -> Thumbnails:
        """The pictures of real codes that were decoded so far."""
        return Thumbnails(self.painter.shape, len(self.codes.z))

    @property
    def many(self) -> bool:
        """Whether these are so many codes that a page is sent views of their maps; see `crowd`."""
        return len(self.codes) > MANY

    @property
    def maps(self) -> list[str]:
        return list(self._maps)

    def has(self, method: str) -> bool:
        """Say whether a map is loaded and rehearsed already, so that asking for it takes no time."""
        return method in self._rehearsed

    def map(self, method: str) -> Map:
        """Return a map by its name, read from disk at the first call. Raises `UnknownName`."""
        fitted = self._loaded(method)
        if method not in self._rehearsed:
            with self._lock:
                fitted.inverse_transform(fitted.p[:1])  # builds its search tree now, not under the first hand
                fitted.gap(fitted.p[:1])
                self._rehearsed.add(method)
        return fitted

    def _loaded(self, method: str) -> Map:
        held = self._maps.get(method)
        if held is None:
            raise unknown("map", method, self.maps)
        if callable(held):
            with self._lock:
                held = self._maps[method]
                if callable(held):
                    held = self._maps[method] = held()
        return held

    def add_map(self, method: str, fitted: Map) -> None:
        """Add or replace a map of this model's codes. Raises `BadInput` where it is a map of others."""
        if len(fitted.p) != len(self.codes.z):
            raise BadInput(f"This map places {len(fitted.p):,} codes, but {self.name} has {len(self.codes.z):,}.")
        with self._lock:
            self._maps[method] = fitted
            self._rehearsed.discard(method)
            self._columns.pop(method, None)
            self._crowds.pop(method, None)
            self._values.pop(method, None)
            self._trust.pop(method, None)
            self._stretch.pop(method, None)
            self._stability.pop(method, None)
            self._versions[method] = secrets.token_hex(8)

    def label(self, row: int) -> str:
        """The class name of a real code, or "" where it has none."""
        label = int(self.codes.labels[row])
        return self.codes.classes[label] if 0 <= label < len(self.codes.classes) else str(label) if label >= 0 else ""

    @cached_property
    def nearest_distance(self) -> np.ndarray:
        """How far each real code lies from its nearest fellow (n,) float32, in units of `nearest.typical`.

        Codes that come without it are looked at in pairs: half a second for 20,000 codes of 16 numbers.
        """
        if self.codes.nearest is not None:
            return self.codes.nearest / np.float32(self.nearest.typical)
        one_blas_thread()
        return self.nearest.find(self.codes.z, k=2)[1][:, -1] / np.float32(self.nearest.typical)

    def columns(self, method: str) -> Content:
        """Return a map's points and what they are coloured by, as one binary frame; made once.

        Header: model, map, codes (n), classes, columns [{name, dtype, shape, offset}]. Columns, all of n rows:
        points float32 (n, dims), label int16, error float32 (NaN where unknown), distance float32 (to the nearest
        fellow, 1 is typical), row int32 (the code's number here), data_row int32 and split uint8 (in the data set).
        Of many codes it is the view of the whole map; see `view`.
        """
        with self._lock:
            if method not in self._columns:
                made = self.view(method) if self.many else self._build(method)
                self._columns[method] = replace(made, version=self.version(method))
            return self._columns[method]

    def crowd(self, method: str) -> Crowd:
        """Return a map's points in the order in which they are shown; made once."""
        fitted = self._loaded(method)
        with self._lock:
            if method not in self._crowds:
                self._crowds[method] = Crowd(fitted.p, self.codes.labels)
            return self._crowds[method]

    def view(
        self,
        method: str,
        box: tuple[float, float, float, float] | None = None,
        cells: int = CELLS,
        hidden: Collection[int] = (),
        colour: str = "label",
    ) -> Content:
        """Return what is sent of a box of a map with many points, as one binary frame.

        Header: as in `columns`, and many {whole, box, total, cells [wide, high], labels, middles [[label, x, y]]}.
        Columns, of the points sent: points, label, row, hollow uint8 and, where they are coloured by it, `colour`
        float32; of the cells: counts uint32, main int16 (the most frequent label) and mean float32. A map in space has
        its 20,000 points wherever the box lies.
        """
        crowd, fitted = self.crowd(method), self._loaded(method)
        values = self._coloured(method, colour)
        seen = crowd.view(box if fitted.dims == 2 else None, cells, hidden, values)
        arrays: dict[str, np.ndarray] = {
            "points": fitted.p[seen.rows],
            "counts": seen.counts,
            "row": seen.rows,
            "label": self.codes.labels[seen.rows].astype(np.int16),
            "main": seen.label.astype(np.int16),
            "hollow": np.isin(seen.rows, self._values.get(method, {}).get("hollow", ())).astype(np.uint8),
        }
        if values is not None and seen.mean is not None:
            arrays |= {colour: values[seen.rows].astype(np.float32), "mean": seen.mean}
        about, payload = packed(arrays)
        header = {
            **self._header(method),
            "columns": about,
            "many": {
                "whole": crowd.whole,
                "box": seen.box,
                "total": seen.total,
                "sent": len(seen.rows),
                "cells": seen.counts.shape[::-1],
                "labels": crowd.known.tolist(),
                "middles": crowd.middles,
                "colour": colour if values is not None else "label",
                "range": None if values is None else crowd.range(values),
            },
        }
        return Content(frame(header, payload), "application/octet-stream")

    def _coloured(self, method: str, colour: str) -> np.ndarray | None:
        """What the points of a map are coloured by (n,), None where it is their class or not known (yet)."""
        if colour == "error":
            return self.codes.error
        if colour == "distance":
            return self.nearest_distance
        return self._values.get(method, {}).get(colour)

    def trust(self, method: str) -> Content | Fit:
        """Return where a map lies as one binary frame, or the order to measure it, which is given by asking.

        Header: model, map, codes (n), fitted (how many of them the method laid out itself), k, figures {name: [value,
        standard error]}, columns as in `columns`. Columns: intruders, torn, recall, density, area uint8 (n,), 0 to 255
        from each one's `low` to `high`; hollow int32, the rows least to be trusted.
        """
        if (held := self._trust.get(method)) is not None:
            return held
        from manigen import maps as kept
        from manigen import projections
        from manigen.live.fits import fits

        fitted = self._loaded(method)
        p = fitted.p
        found = kept.known_distortion(self.codes.z, p)
        if found is None:
            return fits().distortion(self.codes.z, p)
        arrays: dict[str, np.ndarray] = {"hollow": found.hollow.astype(np.int32)}
        ends = {}
        if self.many:  # they go with each view
            self._values.setdefault(method, {}).update(found.points, hollow=found.hollow)
            arrays["hollow"] = arrays["hollow"][:0]
        for name, column in {} if self.many else found.points.items():
            low, high = np.quantile(column, [0.005, 0.995]) if name in ("density", "area") else (0.0, 1.0)
            if name in ("intruders", "torn"):
                high = max(float(np.quantile(column, 0.98)), 1e-3)
            ends[name] = {"low": float(low), "high": float(max(high, low + 1e-6))}
            scaled = (column - low) / (ends[name]["high"] - low)
            arrays[name] = np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
        about, payload = packed(arrays)
        header = {
            "model": self.name,
            "map": method,
            "codes": len(p),
            "fitted": projections.fitted_on(fitted.card, len(p)),
            "k": found.k,
            "figures": {name: [round(value, 5), round(error, 5)] for name, (value, error) in found.figures.items()},
            "columns": [{**column, **ends.get(column["name"], {})} for column in about],
        }
        kept.take_best_way(fitted)  # measured with the rest; until now its smooth mean has answered
        version = f"{LAYOUT}-{kept.distortion_key(self.codes.z, p)[:24]}"
        self._trust[method] = Content(frame(header, payload), "application/octet-stream", version)
        return self._trust[method]

    def stability(self, method: str) -> Content | Fit:
        """Return how steady a map is as one binary frame, or the order to make it again, which is given by asking.

        Header: model, map, codes (n), maps, typical, columns as in `columns`. Column: stability float32 (n,), how far
        each point's ghosts are strewn, as a share of the map's radius.
        """
        from manigen import maps as kept
        from manigen.live.fits import fits

        fitted = self._loaded(method)
        found = self._stability.get(method) or kept.known_stability(fitted)
        if found is None:
            return fits().stability(fitted)
        self._stability[method] = found
        if self.many:
            self._values.setdefault(method, {})["stability"] = found.spread
        about, payload = packed({} if self.many else {"stability": found.spread})
        header = {"model": self.name, "map": method, "codes": len(fitted.p), "maps": found.ghosts.shape[1]}
        header |= {"typical": round(found.typical, 4), "columns": about}
        return Content(frame(header, payload), "application/octet-stream")

    def ghosts(self, method: str, row: int) -> dict[str, Any]:
        """Return where a real code came to lie each time a map was made again.

        Raises `BadInput` for a row that is not there, `NotPossible` where the map was not made again.
        """
        row = checks.count(row, "row", 0, len(self.codes.z) - 1)
        found = self._stability.get(method)
        if found is None:
            raise NotPossible("This map was not made again yet: colour it by stability first.")
        places = found.ghosts[row]
        there = places[np.isfinite(places).all(axis=1)]
        return {"row": row, "places": there.round(5).tolist(), "spread": round(float(found.spread[row]), 4)}

    def exported(self, method: str) -> bytes:
        """Return a map with its codes as the bytes of an npz file."""
        fitted, codes = self._loaded(method), self.codes
        rows = {"z": codes.z, "labels": codes.labels, "split": codes.split, "rows": codes.rows}
        return files.npz_bytes({**fitted.arrays(), "points": fitted.p, **rows})

    def table(self, method: str) -> Iterator[str]:
        """Yield a map as the text of a CSV file, some thousand points at a time: one line for each."""
        fitted, codes = self._loaded(method), self.codes
        known = {name: column for name, column in self._values.get(method, {}).items() if name != "hollow"}
        more = {"error": codes.error, **known}
        hollow = np.zeros(len(codes), np.uint8)
        hollow[self._values.get(method, {}).get("hollow", np.empty(0, np.int32))] = 1
        yield ",".join(["row", "split", "data_row", "label", "class", *"xyz"[: fitted.dims], *more, "hollow"]) + "\n"
        for at in range(0, len(codes), BLOCK):
            out = io.StringIO()
            write = csv.writer(out, lineterminator="\n").writerow
            for row in range(at, min(at + BLOCK, len(codes))):
                about = [row, weights.SPLITS[codes.split[row]], codes.rows[row], codes.labels[row], self.label(row)]
                place = [f"{value:.6g}" for value in fitted.p[row]]
                values = [f"{column[row]:.5g}" if np.isfinite(column[row]) else "" for column in more.values()]
                write([*about, *place, *values, hollow[row]])
            yield out.getvalue()

    def stretch(self, method: str) -> dict[str, Any]:
        """Return how much the picture changes for a step on a map, at the crossings of a grid that lie near points.

        `low` [x, y] is the grid's corner, `cell` its width. Each of `cells` is [column, row, log magnification around
        the median, the half axes of the ellipse of equal change, longest first, around 1, and its angle].
        Raises `NotPossible` where the decoder has no slope, or the map is not 2-D.
        """
        with self._stretching:
            if method not in self._stretch:
                self._stretch[method] = self._measure_stretch(method)
            return self._stretch[method]

    def _measure_stretch(self, method: str) -> dict[str, Any]:
        from manigen import measures

        fitted = self.map(method)
        if fitted.dims != 2:
            raise NotPossible("Ellipses are drawn on flat maps, and this one is 3-D.")
        one_thread()
        low, high = fitted.p.min(axis=0), fitted.p.max(axis=0)
        cell = float((high - low).max()) / GRID
        columns, rows = (np.maximum(1, np.ceil((high - low) / cell)).astype(int)).tolist()
        at = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
        p = (low + (at + 0.5) * cell).astype(np.float32)
        near = fitted.neighbours(p, 1)[1][:, 0] < max(NEAR_CELL * cell, fitted.spacing)
        at, p = at[near], p[near]
        log, axes, angle = measures.ellipses(measures.pulled_back(self.generator, fitted, p))
        log = log - np.median(log)
        axes = axes / np.median(np.sqrt(axes.prod(axis=1)))
        found = np.column_stack([at, log, axes, angle]).round(4).tolist()
        return {"low": low.tolist(), "cell": cell, "cells": found}

    def kin(self, method: str, row: int, k: int = 15) -> dict[str, Any]:
        """Return the k true nearest codes of a real code, and which of them are among its k nearest on a map.

        Raises `BadInput` for a row that is not there.
        """
        row = checks.count(row, "row", 0, len(self.codes.z) - 1)
        fitted = self.map(method)
        near, distances = self.nearest.find(self.codes.z[row], k + 1)
        others = np.flatnonzero(near[0] != row)[:k]
        beside = fitted.neighbours(fitted.p[row], k + 1)[0][0]
        return {
            "row": row,
            "rows": near[0, others].tolist(),
            "kept": np.isin(near[0, others], beside).tolist(),
            **self.whereabouts(method, near[0, others]),
            "distances": [round(float(far) / self.nearest.typical, 3) for far in distances[0, others]],
        }

    def unwarped(self, method: str, row: int) -> dict[str, Any]:
        """Return how the surroundings of a real code would lie, were the map made for them alone: rows and places.

        Raises `BadInput` for a row that is not there.
        """
        from manigen.projections import _unwarp

        row = checks.count(row, "row", 0, len(self.codes.z) - 1)
        fitted = self.map(method)
        near = self.nearest.find(self.codes.z[row], _unwarp.K + 1)[0][0]
        beside = fitted.neighbours(fitted.p[row], _unwarp.K + 1)[0][0]
        found = _unwarp.around(fitted, row, near[near != row][: _unwarp.K], beside[beside != row][: _unwarp.K])
        about = {"rows": found.rows.tolist(), "places": found.places.round(5).tolist(), "true": found.true.tolist()}
        return about | self.whereabouts(method, found.rows)

    def whereabouts(self, method: str, rows: np.ndarray) -> dict[str, Any]:
        """Return as `where` the places and labels of some rows, for a page that has not all points; else nothing."""
        if not self.many:
            return {}
        at, labels = self._loaded(method).p[rows].round(5).tolist(), self.codes.labels[rows].tolist()
        return {"where": {"rows": rows.tolist(), "at": at, "labels": labels}}

    def _build(self, method: str) -> Content:
        fitted, codes = self._loaded(method), self.codes
        count = len(codes.z)
        arrays: dict[str, np.ndarray] = {
            "points": np.asarray(fitted.p, np.float32),
            "error": np.asarray(codes.error, np.float32),
            "distance": np.asarray(self.nearest_distance, np.float32),
            "row": np.arange(count, dtype=np.int32),
            "data_row": np.asarray(codes.rows, np.int32),
            "label": np.asarray(codes.labels, np.int16),
            "split": np.asarray(codes.split, np.uint8),
        }
        about, payload = packed(arrays)
        header = {**self._header(method), "columns": about}
        return Content(frame(header, payload), "application/octet-stream")

    def _header(self, method: str) -> dict[str, Any]:
        codes = self.codes
        about = {"classes": list(codes.classes), "splits": list(weights.SPLITS)}
        return {"model": self.name, "map": method, "codes": len(codes), **about}

    def version(self, method: str) -> str:
        """Return what changes whenever a map's columns do: the hashes on the model's card, or else chance."""
        if method not in self._maps:
            raise unknown("map", method, self.maps)
        return self._versions[method]


def packed(arrays: Mapping[str, np.ndarray]) -> tuple[list[dict[str, Any]], bytes]:
    """Return columns as what a header says of them, [{name, dtype, shape, offset}], and as bytes."""
    about, parts, offset = [], [], 0
    for name, array in arrays.items():
        raw = array.tobytes()
        about.append({"name": name, "dtype": array.dtype.name, "shape": list(array.shape), "offset": offset})
        parts.append(raw + bytes(-len(raw) % 8))
        offset += len(parts[-1])
    return about, b"".join(parts)


class Library:
    """All opened models of a process, by name."""

    def __init__(self, works: Engine | None = None) -> None:
        self._works = works
        self._opened: dict[str, Opened] = {}
        self._opening: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    @property
    def works(self) -> Engine:
        """The engine that the models are opened for; started at the first call."""
        if self._works is None:
            self._works = engine()
        return self._works

    @property
    def working(self) -> bool:
        """Whether the engine has a generator, and its device is known."""
        return self._works is not None and self._works.adopted

    def names(self) -> list[str]:
        """Return the names of the models that everyone may open."""
        return weights.names()

    def ready(self, name: str) -> Opened | None:
        """Return a model if it is open, else None; takes no time."""
        return self._opened.get(name)

    def open(self, name: str) -> Opened:
        """Return a model, reading its codes at the first call.

        Raises `UnknownName` for a name that is neither at hand nor registered, `BadFile` for damaged weights.
        """
        if (held := self._opened.get(name)) is not None:
            return held
        known = self.names()
        # a name is only ever compared, or found well-formed: no other word from a browser becomes a path
        if name not in known and not weights.is_own(name):
            raise unknown("model", name, known)
        with self._lock:
            opening = self._opening.setdefault(name, threading.Lock())
        with opening:
            if name not in self._opened:
                self._opened[name] = self._read(name)
        return self._opened[name]

    def _read(self, name: str) -> Opened:
        codes = weights.codes(name)
        hashes = weights.info(name)["files"]
        maps = {method: partial(weights.load_map, name, method, codes.z) for method in weights.maps(name)}
        of_codes = hashes[weights.CODES]
        versions = {method: f"{LAYOUT}-{of_codes[:12]}-{hashes[f'maps/{method}.npz'][:12]}" for method in maps}
        load, sketch = lambda: self.works.adopt(weights.load(name)), partial(first.read, name)
        return Opened(name, load, codes, maps, versions, sketch)

    def register(self, name: str, generator: Generator, codes: Codes, maps: Mapping[str, Map]) -> Opened:
        """Open a model that is not at hand as files, under a name that only those who are told can use.

        Raises `BadInput` for a name that is taken by a model at hand.
        """
        if name in self.names():
            raise BadInput(f"The name {name!r} is taken by a model at hand; register yours under another.")
        opened = Opened(name, self.works.adopt(generator), codes, maps)
        self._opened[name] = opened
        return opened

    def close(self, name: str) -> None:
        """Let go of a model; one at hand is loaded again when it is asked for."""
        self._opened.pop(name, None)

    def __len__(self) -> int:
        return len(self._opened)


_library: Library | None = None
_lock = threading.Lock()


def library() -> Library:
    """Return this process's library."""
    global _library
    with _lock:
        if _library is None:
            _library = Library()
        return _library
