"""Discovery: a room's folder is its registry.

Each file of a room that does not begin with an underscore, and is not one of the room's own machinery, is one idea
with one `card`. A file without a card, or one that fails to import, stops the program with its name: a picker that
silently lacks an entry is worse than an error.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from manigen.cards import Card
from manigen.errors import ManigenError, unknown

MACHINERY = {"base", "networks", "room"}  # files of a room that hold what its ideas share


@cache
def discover(room: str) -> dict[str, ModuleType]:
    """Return the ideas of a `room` ("manigen.paths"), each by its file's name, in alphabetical order."""
    package = importlib.import_module(room)
    ideas: dict[str, ModuleType] = {}
    for entry in sorted(pkgutil.iter_modules(package.__path__), key=lambda entry: entry.name):
        if entry.name.startswith("_") or entry.name in MACHINERY:
            continue
        module = importlib.import_module(f"{room}.{entry.name}")
        if not isinstance(getattr(module, "card", None), Card):
            raise ManigenError(f"{room}.{entry.name} has no `card`; every file of this room is one idea with one card.")
        ideas[entry.name] = module
    return ideas


def find(room: str, name: str) -> ModuleType:
    """Return the idea called `name` in `room`, or raise `UnknownName` with the list of those there are."""
    ideas = discover(room)
    if name not in ideas:
        raise unknown(room.rpartition(".")[2].rstrip("s"), name, list(ideas))
    return ideas[name]
