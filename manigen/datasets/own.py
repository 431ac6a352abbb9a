"""Own pictures: a folder, or a zip, of your own.

Any PNG, JPEG, WebP, GIF (first frame) or TIFF (first page), of any size and kind, in folders as deep as you like. Each
is turned the way its EXIF says, put on a background where it is transparent, and made square.

Where the label comes from: the table `labels.csv` if there is one (two columns, file and label, with or without a
headline); else the first folder in which the pictures part ways, so that `photos/cats/a.png` and `photos/dogs/b.png`
are "cats" and "dogs"; else there is none, and it is -1.

Which split a picture is in: a tenth of the pictures are "test", those whose name has the lowest hashes. It depends on
nothing but the picture's own name (its path inside the folder or zip) and the seed, so adding pictures moves no other.
Copies of a picture under two names may therefore end up on both sides.

Files that cannot be read never stop the rest: they are listed in `Images.skipped`, by name, with the reason.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.datasets import _prepared
from manigen.datasets._own_files import MAX_PICTURES, Files, Source, open_files, printable
from manigen.datasets._picture import (
    BACKGROUNDS,
    FITS,
    MAX_BYTES,
    MAX_PIXELS,
    Unreadable,
    decode,
    read_picture,
    short_side,
)
from manigen.datasets._prepared import Room
from manigen.datasets._prepared import settings as prepared_settings
from manigen.datasets.base import SPLITS, Images, check_split
from manigen.errors import BadFile, BadInput

__all__ = ["card", "glance", "prepare", "prepared_settings", "read", "read_picture"]

TEST_SHARE = 0.1
MAX_TABLE = 10_000_000  # bytes of labels.csv
CHUNK = 10_000  # pictures copied at once
GREY = 4  # how far apart, of 255, the colours of a grey picture may lie (JPEG rounds them)

card = Card(
    title="Own pictures",
    sentence="A folder or a zip of your own pictures; sub-folders, or a table labels.csv, name their classes.",
    reference="Yours",
    link="",
    knobs=(
        Knob("size", 32, "Height and width of the pictures, in pixels.", choices=(28, 32, 64)),
        Knob(
            "channels",
            "auto",
            "Grey or colour; auto takes grey where no picture has a colour.",
            choices=("auto", "grey", "colour"),
        ),
        Knob(
            "background",
            "white",
            "What lies behind transparent pictures, and in the margins.",
            choices=tuple(BACKGROUNDS),
        ),
        Knob("fit", "crop", "crop shows the middle square of a picture, pad all of it with margins.", choices=FITS),
        Knob("seed", 0, "The seed that decides which tenth of the pictures is kept for testing.", 0, 2**31 - 1),
    ),
    facts={"pictures": MAX_PICTURES, "bytes": MAX_BYTES, "pixels": MAX_PIXELS, "licence": "yours"},
)


def read(
    split: str = "train",
    source: Source | None = None,
    progress: Callable[[int, int], None] | None = None,
    room: Room = _prepared.room,
    **knobs: Any,
) -> Images:
    """Return the pictures of a folder or zip, uint8 (n, 1 or 3, size, size), in the order of their names.

    `source` is a path, or a zip's bytes or open binary file; the path of pictures made ready (`prepare`) is read as it
    is. `progress(done, total)` is called before each picture, and at the end. `room(shape)` gives the array they are
    written to: in memory, and on disk where they are many.
    Raises `BadFile` when the source is neither a folder nor a zip, passes a limit, or has no picture that can be read
    for this split; `BadInput` for a knob out of range or no source.
    """
    settings = card.settings(knobs)
    check_split(split)
    if isinstance(source, str | os.PathLike) and _prepared.is_one(source):
        return _prepared.read(source, split, {name: settings[name] for name in knobs})
    if source is None:
        raise BadInput("Own pictures need a folder or a zip: give its path in place of a data set's name.")
    with open_files(source) as files:
        names = sorted(name for name in files.readers if PurePosixPath(name).suffix.lower() != ".csv")
        if not names:
            raise BadFile(f"{files.title} holds no PNG, JPEG, WebP, GIF or TIFF picture{_first(files)}.")
        labels = _labels(files, names)
        tested = in_test(names, int(settings["seed"]))
        rows = [name for name in names if (name in tested) == (split == "test")]
        if not rows:
            raise BadFile(f"{files.title} holds one picture only: too few to keep one for testing.")
        rest = [name for name in names if (name in tested) != (split == "test")]
        x, kept = _pictures(files, rows, rest, settings, progress, room)
        if not kept:
            raise BadFile(f"{files.title} holds no {split} picture that can be read{_first(files)}.")
    classes = sorted(set(labels.values()), key=_order)
    index = {label: number for number, label in enumerate(classes)}
    known = np.array([index[labels[name]] if name in labels else -1 for name in kept], np.int64)
    title = files.title[:-4] if files.title.lower().endswith(".zip") else files.title
    return Images(x, known, tuple(classes), title, split, skipped=tuple(files.skipped))


def prepare(source: Source, folder: str | os.PathLike[str], progress: Any = None, **knobs: Any) -> dict[str, Any]:
    """Make own pictures ready once and for all: decode both splits into `folder`, which `read` then opens at once.

    They are decoded one after the other into a file, so that none but the present one is held in memory. Returns what
    is known of them: `train` and `test` (how many), `shape`, `classes`, `skipped` ((name, reason), ...). The pictures,
    their order and their hash are those that `read` gives for the source. Raises as `read` does.
    """
    settings = card.settings(knobs)
    with _prepared.writing(folder) as fresh:

        def tell(share: int) -> Callable[[int, int], None] | None:
            return progress and (lambda done, total: progress(1000 * share + 1000 * done // max(total, 1), 2000))

        parts = [read(split, source, tell(share), fresh.room(split), **settings) for share, split in enumerate(SPLITS)]
        return fresh.finish(parts, settings)


@dataclass(frozen=True, eq=False)
class Glance:
    """A first look at own pictures: how many there are, some of them as they will be seen, what was left out."""

    count: int
    labels: dict[str, int]  # how many of each class
    shown: tuple[tuple[str, np.ndarray], ...]  # name, uint8 (c, h, w)
    skipped: tuple[tuple[str, str], ...]
    side: int  # the middle one of the shown pictures' shorter sides, in pixels


def glance(source: Source, most: int = 24, **knobs: Any) -> Glance:
    """Return a first look at a folder or zip: `most` pictures spread over it, decoded as `knobs` say.

    Raises `BadFile` when it is neither a folder nor a zip, or passes a limit; a picture that cannot be read is listed.
    """
    settings = card.settings(knobs)
    size, grey = int(settings["size"]), settings["channels"] == "grey"
    with open_files(source) as files:
        names = sorted(name for name in files.readers if PurePosixPath(name).suffix.lower() != ".csv")
        if not names:
            raise BadFile(f"{files.title} holds no PNG, JPEG, WebP, GIF or TIFF picture{_first(files)}.")
        labels = _labels(files, names)
        shown: list[tuple[str, np.ndarray]] = []
        sides: list[int] = []
        for at in np.unique(np.linspace(0, len(names) - 1, min(most, len(names))).astype(int)):
            looks = ((1 if grey else 3, size, size), str(settings["fit"]), str(settings["background"]))
            try:
                data = files.read(names[at])
                shown.append((names[at], decode(data, *looks)))
                sides.append(short_side(data))
            except Unreadable as reason:
                files.skip(names[at], str(reason))
        counts: dict[str, int] = {}
        for name in names:
            if name in labels:
                counts[labels[name]] = counts.get(labels[name], 0) + 1
        in_order = {label: counts[label] for label in sorted(counts, key=_order)}
        middle = sorted(sides)[len(sides) // 2] if sides else 0
        return Glance(len(names), in_order, tuple(shown), tuple(files.skipped), middle)


def in_test(names: list[str], seed: int = 0) -> set[str]:
    """Return those of the `names` that are kept for testing: about a tenth, at least one of two, never all.

    A name's place is its hash, sha256("seed/name") as a number in [0, 1), and below 0.1 lies the test split.
    """
    place = {name: _place(name, seed) for name in names}
    tested = {name for name in names if place[name] < TEST_SHARE}
    if not tested and len(names) > 1:
        tested = {min(names, key=place.__getitem__)}
    if len(tested) == len(names):
        tested.discard(max(names, key=place.__getitem__))
    return tested


def _place(name: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _pictures(
    files: Files,
    rows: list[str],
    rest: list[str],
    settings: dict[str, Any],
    progress: Callable[[int, int], None] | None,
    room: Room,
) -> tuple[np.ndarray, list[str]]:
    """Return the pictures of `rows` that can be read, one after the other, and their names.

    With channels "auto" the `rest`, the other split, is looked at too until a colour is found, for both splits must
    agree on what they are.
    """
    size, channels = int(settings["size"]), settings["channels"]
    shape = (1 if channels == "grey" else 3, size, size)
    looks = (shape, str(settings["fit"]), str(settings["background"]))
    x = room((len(rows), *shape))
    kept: list[str] = []
    coloured = channels != "auto"
    for done, name in enumerate(rows):
        if progress is not None:
            progress(done, len(rows))
        try:
            x[len(kept)] = picture = decode(files.read(name), *looks)
        except Unreadable as reason:
            files.skip(name, str(reason))
            continue
        kept.append(name)
        coloured = coloured or _has_colour(picture)
    for name in rest if not coloured else ():
        try:
            coloured = _has_colour(decode(files.read(name), *looks))
        except Unreadable:
            continue  # it is listed when its own split is read
        if coloured:
            break
    if progress is not None:
        progress(len(rows), len(rows))
    x = x[: len(kept)]
    if coloured:
        return x, kept
    grey = room((len(kept), 1, size, size)) if kept else x[:, 1:2]
    for at in range(0, len(kept), CHUNK):
        grey[at : at + CHUNK] = x[at : at + CHUNK, 1:2]
    return grey, kept


def _has_colour(picture: np.ndarray) -> bool:
    return bool((picture.max(axis=0) - picture.min(axis=0)).max() > GREY)


def _labels(files: Files, names: list[str]) -> dict[str, str]:
    """Return the label of each picture that has one, from labels.csv or from the folders."""
    tables = [name for name in files.readers if PurePosixPath(name).suffix.lower() == ".csv"]
    if tables:
        table = min(tables, key=lambda name: (name.count("/"), name))
        try:
            return _from_table(files, table, names)
        except Unreadable as reason:
            files.skip(table, f"{reason}; the labels are taken from the folders")
    folders = {name: PurePosixPath(name).parent for name in names}
    shared = len(PurePosixPath(posixpath.commonpath(map(str, folders.values()))).parts)
    return {name: printable(folder.parts[shared]) for name, folder in folders.items() if len(folder.parts) > shared}


def _from_table(files: Files, table: str, names: list[str]) -> dict[str, str]:
    data = files.read(table)
    if len(data) > MAX_TABLE:
        raise Unreadable(f"is larger than {MAX_TABLE / 1e6:.0f} MB")
    try:
        text = data.decode("utf-8-sig")
        comma = ";" if ";" in text.partition("\n")[0] else ","  # as spreadsheets write it in many countries
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=comma) if any(line)]
    except (UnicodeDecodeError, csv.Error):
        raise Unreadable("is no table in UTF-8") from None
    if any(len(line) != 2 for line in lines):
        raise Unreadable("must have two columns, file and label")
    beside = PurePosixPath(table).parent
    by_file: dict[str, list[str]] = {}
    for name in names:
        by_file.setdefault(PurePosixPath(name).name, []).append(name)
    known, labels = set(names), {}
    for file, label in lines:
        name = (beside / file.strip().replace("\\", "/")).as_posix()
        alike = by_file.get(file.strip(), [])
        if name not in known and len(alike) == 1:
            name = alike[0]
        if name in known:
            labels[name] = printable(label.strip())
        elif file.strip().lower() not in ("file", "filename", "name", "image", "path"):
            files.skip(file, "stands in labels.csv but is not there")
    return {name: label for name, label in labels.items() if label}


def _order(label: str) -> tuple[bool, int, str]:
    """Sort numbers by their value and before words."""
    return (False, int(label), label) if label.isdecimal() and len(label) < 19 else (True, 0, label)


def _first(files: Files) -> str:
    return f": {files.skipped[0][0]} {files.skipped[0][1]}" if files.skipped else ""
