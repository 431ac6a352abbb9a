"""Data sets: pictures in, one file for each data set.

A data set is a list of pictures of one size and, where they are known, a class for each. A generator learns from
nothing else, so all that a map shows later was in here, or was made up.

The one constraint: `read(split, **knobs)` returns `Images`, uint8 (n, c, h, w), the same pictures in the same order
every time, and the pictures of "test" are never among those of "train".

What is not promised: that the classes are right, or equally large; that pictures are centred; that a data set is on
this machine (`listing` says so, and `fetch` brings those that can be downloaded).

Where files are looked for: in the folder that MANIGEN_DATA names, then in this user's cache, then at the published
mirrors. A file counts only if its sha256 is the published one.

To add a data set, write one file with a `card` and a `read`. It then has its place in the pickers and on the command
line. One that needs files also has `files`, an object with `found()` and `fetch(progress)`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manigen.cards import Card
from manigen.datasets.base import Images
from manigen.discovery import discover, find
from manigen.errors import unknown

__all__ = ["Entry", "Images", "card_of", "fetch", "listing", "load", "names"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list of data sets: its name and card, whether it is on this machine, and where."""

    name: str
    card: Card
    here: bool
    where: str


def names() -> list[str]:
    """Return the names of the data sets that need no path, in alphabetical order."""
    return [name for name in discover(__name__) if name != "own"]


def load(name_or_path: str | os.PathLike[str], split: str = "train", **knobs: Any) -> Images:
    """Return the pictures of a data set by its name, or of a folder or zip of your own pictures by its path.

    `split` is "train" or "test", `knobs` are those of the data set's card. In a name '-' and '_' are alike, and a name
    goes before a folder that is called the same (write "./digits" for the folder).

    Raises `UnknownName` when there is neither, `BadInput` for a knob that is not there, `DataMissing` when the files
    are not on this machine and cannot be downloaded, `BadFile` when they are not what they should be.
    Whoever serves strangers hands only one of `names` in, for a path is opened as it is.
    """
    name = _plain(name_or_path)
    if name in names():
        return find(__name__, name).read(split, **knobs)
    path = os.path.expanduser(name_or_path)
    if os.path.exists(path):
        return find(__name__, "own").read(split, source=path, **knobs)
    raise unknown("data set, folder or zip", os.fspath(name_or_path), names())


def card_of(name_or_path: str | os.PathLike[str]) -> Card:
    """Return the card of what `load` would read: a data set's by its name, that of own pictures for anything else."""
    name = _plain(name_or_path)
    return find(__name__, name if name in names() else "own").card


def listing() -> list[Entry]:
    """Return every data set with its card, whether it is on this machine, and where it is or would be put."""
    entries = []
    for name in names():
        idea = find(__name__, name)
        here, where = idea.files.found() if hasattr(idea, "files") else (True, str(idea.card.facts.get("where", "")))
        entries.append(Entry(name, idea.card, here, where))
    return entries


def fetch(name: str, progress: Any = False) -> tuple[Path, ...]:
    """Return the paths of a data set's files, downloading those that are not on this machine, each hash checked.

    `progress=True` draws a bar in the terminal; an object with pooch's `total`, `update`, `reset` and `close` is told
    instead. A data set without files of its own (drawn, or part of a library) returns none.
    Raises `UnknownName`, `DataMissing` when there is no network, `BadFile` when a file in MANIGEN_DATA was changed.
    """
    plain = _plain(name)
    if plain not in names():
        raise unknown("data set", name, names())
    idea = find(__name__, plain)
    return idea.files.fetch(progress) if hasattr(idea, "files") else ()


def _plain(name: str | os.PathLike[str]) -> str:
    return os.fspath(name).strip().lower().replace("-", "_")
