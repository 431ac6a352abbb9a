"""The words of the live path: what a browser may say, and the frames it gets back.

A message is JSON text of at most 64 KiB, an object with `op`, `id` (echoed), `channel` (a short name; the newest wish
of a channel wins) and what the op needs:

    hover   model, map, at [x, y], k <= 12, thumbs, want_code      the picture at a place of the map, and its neighbours
    decode  model, codes [[...], ...] <= 256, map, k <= 12         the pictures of codes; with a map their places
    rows    model, rows [...] <= 256, map, want_code               the pictures of real codes, by their numbers
    sweep   model, code, along [[...], ...] <= 64, here [...], at [...] <= 33, levels      pictures along lines of codes
    sample  model, seed, n <= 64                                   the model's own draws, with their codes
    walk    model, map, kind, ends [{row}|{code}|{at}, ...] <= 16, steps <= 257, even     a path's pictures, all;
                                                        kind may be one for each leg: straight+graph;
                                                        beyond [0, 1] goes on past both ends by that share;
                                                        with knobs {name: value}, coarse for an answer at once,
                                                        report for distance to held-out pictures, and fog;
                                                        beside to hear of the straight line too
    scene   lesson, knobs {name: value}, language                  what a lesson shows for these knobs
    stop    channel                                                ends the search under way there
    ping                                                           device and times, nothing else

A reply with pictures is one binary frame; `ping` and mistakes are answered in JSON text, the latter as {id, error}.
While a walk is searched for, {id, progress: {stage, share, left}} tells how far that is; `stop` ends it.

    4 bytes     length of the header, little-endian, so chosen that the payload starts at a multiple of 8
    header      JSON in UTF-8, filled up with spaces
    payload     pictures uint8 (n, h, w, c), C order ("raw"), or one losslessly compressed sheet of them ("webp", "png")

Whatever a browser sends is checked here, once; nothing else reads it.
"""

from __future__ import annotations

import io
import json
import math
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from manigen.errors import BadInput

LONGEST = 64 * 1024  # characters of a message
MOST_PICTURES = 256  # of one decode or rows message
MOST_NEIGHBOURS = 12
MOST_ENDS = 16
MOST_STEPS = 257
MOST_LINES, MOST_STOPS = 64, 33  # lines of a sweep, pictures on each; together at most MOST_PICTURES
MOST_DRAWS = 64
MOST_KNOBS = 24  # of a lesson, or of a walk
FARTHEST = 1e4  # largest number in a code or a place: beyond, squares of it leave float32
RAW = 96 * 1024  # bytes of pictures that are sent as they are; more are compressed


@dataclass(frozen=True)
class Ask:
    """What every message says."""

    op: str
    id: int | str
    channel: str


@dataclass(frozen=True)
class Ping(Ask):
    pass


@dataclass(frozen=True)
class Stop(Ask):
    """End the search under way on this channel: what it has is answered, to the question it was asked with."""


@dataclass(frozen=True)
class Hover(Ask):
    model: str
    map: str
    at: tuple[float, ...]  # a place on the map, 2 or 3 numbers
    k: int = 0
    thumbs: bool = True  # send the neighbours' pictures too
    want_code: bool = False


@dataclass(frozen=True, eq=False)
class Decode(Ask):
    model: str
    codes: np.ndarray  # (n, d) float32
    map: str | None = None  # tell the codes' places on this map
    k: int = 0  # neighbours of the first code
    thumbs: bool = True


@dataclass(frozen=True)
class Rows(Ask):
    model: str
    rows: tuple[int, ...]
    map: str | None = None  # tell the codes' places on this map
    want_code: bool = False


@dataclass(frozen=True, eq=False)
class Sweep(Ask):
    """Pictures of z_ij = code + (at_j - here_i) along_i: what each slider of a page would show at each of its stops."""

    model: str
    code: np.ndarray  # (d,) float32
    along: np.ndarray  # (lines, d): one unit of each slider
    here: np.ndarray  # (lines,): where each slider stands now, in its units
    at: np.ndarray  # (stops,)
    levels: bool = False  # tell how far each picture can be trusted, too


@dataclass(frozen=True)
class Sample(Ask):
    model: str
    seed: int
    n: int = 1


@dataclass(frozen=True)
class Walk(Ask):
    model: str
    kind: str
    ends: tuple[End, ...]
    steps: int = 65
    map: str | None = None  # tell the codes' places on this map
    even: bool = False  # each step changes the picture equally
    beyond: float = 0.0  # of its length it goes on past either end, in steps of its own
    knobs: dict[str, int | float | str | bool] = field(default_factory=dict)
    coarse: bool = False  # answer at once, not with the best
    report: bool = False  # tell how far from held-out pictures it is, and the fog
    beside: bool = False  # tell the length and the greatest distance of the straight line too


@dataclass(frozen=True)
class Scene(Ask):
    lesson: str
    knobs: dict[str, int | float | str | bool]
    language: str = "en"


@dataclass(frozen=True)
class End:
    """One end of a walk: a real code's number, a code, or a place on the map; exactly one is given."""

    row: int | None = None
    code: tuple[float, ...] | None = None
    at: tuple[float, ...] | None = None


# --- reading ----------------------------------------------------------------------------------------------------------


def parse(text: str) -> Ask:
    """Return what a message asks for. Raises `BadInput`, and nothing else, for anything that is not a message.

    >>> parse('{"op": "rows", "id": 7, "model": "mnist-vae", "rows": [3, 1]}')
    Rows(op='rows', id=7, channel='rows', model='mnist-vae', rows=(3, 1), map=None, want_code=False)
    """
    message = Message(_json(text))
    op = message.choice("op", tuple(_OPS))
    common = {"op": op, "id": message.identity(), "channel": message.word("channel", op)}
    return _OPS[op](message, common)


def identity(text: str) -> int | str | None:
    """Return the id of a message that is at fault, as far as it has one, so that the answer can carry it."""
    try:
        return Message(_json(text)).identity()
    except BadInput:
        return None


def _json(text: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise BadInput(f"A message may have {LONGEST // 1024} KiB of text at most.")
    try:
        message = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadInput("A message must be JSON: an object with op, id and what the op needs.") from None
    if not isinstance(message, dict):
        raise BadInput("A message must be a JSON object with op, id and what the op needs.")
    return message


def _no_constant(name: str) -> None:
    raise ValueError(name)


class Message:
    """A JSON object, asked for its entries one by one; each answer is of the right type and within its limits."""

    def __init__(self, entries: Mapping[str, Any]) -> None:
        self.entries = entries

    def get(self, key: str) -> Any:
        if key not in self.entries:
            raise BadInput(f"The message lacks {key!r}.")
        return self.entries[key]

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        value = self.get(key)
        if not isinstance(value, str) or value not in known:
            raise BadInput(f"{key} must be one of {', '.join(known)}, not {_short(value)}.")
        return value

    def identity(self) -> int | str:
        value = self.entries.get("id", 0)
        if isinstance(value, str) and len(value) <= 64 and value.isprintable():
            return value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53:
            return value
        raise BadInput("id must be a whole number from 0 to 2**53 - 1, or text of at most 64 characters.")

    def word(self, key: str, default: str | None = None) -> str:
        value = self.entries.get(key, default)
        if not isinstance(value, str) or not re.fullmatch(r"[\w-]{1,64}", value, re.ASCII):
            raise BadInput(f"{key} must be a name of letters, digits, - and _, at most 64, not {_short(value)}.")
        return value

    def mix(self, key: str) -> str:
        """A name, or some with + between."""
        value = self.get(key)
        if not isinstance(value, str) or len(value.split("+")) >= MOST_ENDS:
            raise BadInput(f"{key} must be one name, or one for each leg with + between, not {_short(value)}.")
        for name in value.split("+"):
            Message({key: name}).word(key)
        return value

    def maybe_word(self, key: str) -> str | None:
        return None if self.entries.get(key) is None else self.word(key)

    def count(self, key: str, default: int, low: int, high: int) -> int:
        return whole(self.entries.get(key, default), key, low, high)

    def switch(self, key: str, default: bool) -> bool:
        value = self.entries.get(key, default)
        if not isinstance(value, bool):
            raise BadInput(f"{key} must be true or false, not {_short(value)}.")
        return value

    def share(self, key: str, default: float) -> float:
        value = self.entries.get(key, default)
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise BadInput(f"{key} must be a share from 0 to 1, not {_short(value)}.")
        return float(value)

    def place(self, key: str) -> tuple[float, ...]:
        return numbers(self.get(key), key, (2, 3))

    def knobs(self) -> dict[str, int | float | str | bool]:
        knobs = self.entries.get("knobs", {})
        if not isinstance(knobs, dict) or len(knobs) > MOST_KNOBS:
            raise BadInput(f"knobs must be an object of at most {MOST_KNOBS} values.")
        for value in knobs.values():
            if not isinstance(value, bool | int | float | str) or len(str(value)) > 200:
                raise BadInput("A knob's value must be a number, true or false, or a short text.")
        return knobs

    def items(self, key: str, most: int, fewest: int = 1) -> list[Any]:
        value = self.get(key)
        if not isinstance(value, list) or not fewest <= len(value) <= most:
            raise BadInput(f"{key} must be a list of {fewest} to {most}.")
        return value


def whole(value: Any, what: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadInput(f"{what} must be a whole number from {low} to {high}, not {_short(value)}.")
    return value


def numbers(value: Any, what: str, lengths: tuple[int, ...] | None = None) -> tuple[float, ...]:
    """Return a list of plain JSON numbers as floats within [-FARTHEST, FARTHEST]."""
    if not isinstance(value, list) or not value or (lengths and len(value) not in lengths):
        size = f" {' or '.join(map(str, lengths))}" if lengths else ""
        raise BadInput(f"{what} must be a list of{size} numbers.")
    for number in value:
        if type(number) not in (int, float) or not -FARTHEST <= number <= FARTHEST:
            raise BadInput(f"{what} must be finite numbers within {FARTHEST:g} of zero, not {_short(number)}.")
    return tuple(map(float, value))


def _hover(message: Message, common: dict[str, Any]) -> Hover:
    return Hover(
        **common,
        model=message.word("model"),
        map=message.word("map"),
        at=message.place("at"),
        k=message.count("k", 0, 0, MOST_NEIGHBOURS),
        thumbs=message.switch("thumbs", True),
        want_code=message.switch("want_code", False),
    )


def _decode(message: Message, common: dict[str, Any]) -> Decode:
    codes = [numbers(code, "a code") for code in message.items("codes", MOST_PICTURES)]
    if len(set(map(len, codes))) > 1:
        raise BadInput("codes must all be of the same length.")
    return Decode(
        **common,
        model=message.word("model"),
        codes=np.array(codes, np.float32),
        map=message.maybe_word("map"),
        k=message.count("k", 0, 0, MOST_NEIGHBOURS),
        thumbs=message.switch("thumbs", True),
    )


def _rows(message: Message, common: dict[str, Any]) -> Rows:
    rows = tuple(whole(row, "a row", 0, 2**31 - 1) for row in message.items("rows", MOST_PICTURES))
    return Rows(
        **common,
        model=message.word("model"),
        rows=rows,
        map=message.maybe_word("map"),
        want_code=message.switch("want_code", False),
    )


def _sweep(message: Message, common: dict[str, Any]) -> Sweep:
    code = numbers(message.get("code"), "code")
    along = [numbers(line, "a line of along", (len(code),)) for line in message.items("along", MOST_LINES)]
    here = numbers(message.get("here"), "here", (len(along),))
    at = numbers(message.items("at", MOST_STOPS), "at")
    if len(along) * len(at) > MOST_PICTURES:
        raise BadInput(f"A sweep may have {MOST_PICTURES} pictures, not {len(along)} lines of {len(at)}.")
    return Sweep(
        **common,
        model=message.word("model"),
        code=np.array(code, np.float32),
        along=np.array(along, np.float32),
        here=np.array(here, np.float32),
        at=np.array(at, np.float32),
        levels=message.switch("levels", False),
    )


def _sample(message: Message, common: dict[str, Any]) -> Sample:
    return Sample(
        **common,
        model=message.word("model"),
        seed=message.count("seed", 0, 0, 2**53 - 1),
        n=message.count("n", 1, 1, MOST_DRAWS),
    )


def _walk(message: Message, common: dict[str, Any]) -> Walk:
    map_name = message.maybe_word("map")
    ends = tuple(_end(entry) for entry in message.items("ends", MOST_ENDS, fewest=2))
    if map_name is None and any(end.at is not None for end in ends):
        raise BadInput("An end given by its place needs the map it is a place on: name it as map.")
    return Walk(
        **common,
        model=message.word("model"),
        map=map_name,
        kind=message.mix("kind"),
        ends=ends,
        steps=message.count("steps", 65, 2, MOST_STEPS),
        even=message.switch("even", False),
        beyond=message.share("beyond", 0.0),
        knobs=message.knobs(),
        coarse=message.switch("coarse", False),
        report=message.switch("report", False),
        beside=message.switch("beside", False),
    )


def _end(entry: Any) -> End:
    if not isinstance(entry, dict) or len(entry) != 1 or next(iter(entry)) not in ("row", "code", "at"):
        raise BadInput('An end must be an object with one entry: {"row": 3}, {"code": [...]} or {"at": [x, y]}.')
    ((key, value),) = entry.items()
    if key == "row":
        return End(row=whole(value, "a row", 0, 2**31 - 1))
    return End(code=numbers(value, "a code")) if key == "code" else End(at=numbers(value, "at", (2, 3)))


def _scene(message: Message, common: dict[str, Any]) -> Scene:
    return Scene(
        **common,
        lesson=message.word("lesson"),
        knobs=message.knobs(),
        language=message.choice("language", ("en", "zh")) if "language" in message.entries else "en",
    )


def _ping(message: Message, common: dict[str, Any]) -> Ping:
    return Ping(**common)


_OPS: dict[str, Callable[[Message, dict[str, Any]], Ask]] = {
    "hover": _hover,
    "decode": _decode,
    "rows": _rows,
    "sweep": _sweep,
    "sample": _sample,
    "walk": _walk,
    "scene": _scene,
    "ping": _ping,
    "stop": lambda message, common: Stop(**common),
}


def _short(value: Any) -> str:
    """A value as an error may quote it: a few characters, whatever was sent."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and abs(value) >= 10**40:
        return "a number that long"
    return repr(value)[:60]


# --- writing ----------------------------------------------------------------------------------------------------------


def frame(header: Mapping[str, Any], payload: bytes = b"") -> bytes:
    """Return one binary frame; see the head of this file.

    >>> frame({"id": 1}, b"xy")
    b'\\x0c\\x00\\x00\\x00{"id":1}    xy'
    """
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-(len(text) + 4) % 8)
    return struct.pack("<I", len(text)) + text + payload


def unframe(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and payload of a frame: what the browser does, for tests and Python clients."""
    (length,) = struct.unpack_from("<I", data)
    return json.loads(data[4 : 4 + length]), data[4 + length :]


def pack(header: Mapping[str, Any], pictures: np.ndarray) -> bytes:
    """Return the frame of pictures uint8 (n, h, w, c): raw where they are few, else as one compressed sheet.

    The header gains `shape`, `encoding` and, for a sheet, `columns`: picture i stands in row i // columns, column
    i % columns.
    """
    about = {**header, "shape": list(pictures.shape), "encoding": "raw"}
    if pictures.nbytes <= RAW:
        return frame(about, pictures.tobytes())
    columns = math.ceil(math.sqrt(len(pictures)))
    encoding, data = compress(sheet(pictures, columns))
    return frame({**about, "encoding": encoding, "columns": columns}, data)


def sheet(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Return pictures (n, h, w, c) side by side on one sheet (rows h, columns w, c), the rest of it black."""
    count, height, width, channels = pictures.shape
    rows = math.ceil(count / columns)
    full = np.zeros((rows * columns, height, width, channels), np.uint8)
    full[:count] = pictures
    grid = full.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, channels)


def compress(image: np.ndarray) -> tuple[str, bytes]:
    """Return one picture uint8 (h, w, c) losslessly compressed, with the name of the format."""
    from PIL import Image, features

    picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    buffer = io.BytesIO()
    if features.check("webp") and max(image.shape) <= 16383:  # the largest side WebP has
        picture.convert("RGB").save(buffer, "WEBP", lossless=True, quality=0, method=1)
        return "webp", buffer.getvalue()
    picture.save(buffer, "PNG", compress_level=1)
    return "png", buffer.getvalue()
