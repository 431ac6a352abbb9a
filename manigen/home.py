"""The home: where the pictures people bring and the models they make are kept, each person's apart.

    HOME/owners/OWNER/pictures/TOKEN/    what was uploaded, and the pictures made ready from it
    HOME/owners/OWNER/models/own-TOKEN/  a model as `weights` knows it; before it is finished, its checkpoint
    HOME/owners/OWNER/runs/TOKEN/        what was ordered of a training, and what can be seen of it

HOME is the folder that MANIGEN_HOME names, else this user's data folder. OWNER is a hash of what a person shows at the
door (a cookie, a sign-in), so the folder's name lets nobody in. A TOKEN is chance of 96 bits: a thing in here is found
by whoever was told its token, and listed only to its owner. No word from outside becomes a path: it is compared with
what a token looks like first.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manigen import files
from manigen.errors import BadFile, BadInput, ManigenError, unknown

QUOTA_MB = 4000  # of one owner, where MANIGEN_QUOTA_MB says nothing
MOST = {"pictures": 200, "models": 100, "runs": 100, "drafts": 20}  # of one owner
PREFIX = "own-"  # begins the name of every model in here, and of no other
_TOKEN = re.compile(r"[0-9a-f]{24}")
_OWNER = re.compile(r"[0-9a-f]{32}")
NOTE = "about.json"  # what a folder says of itself


def root() -> Path:
    """Return the home's folder, whether it is there or not."""
    named = os.environ.get("MANIGEN_HOME", "").strip()
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("manigen", appauthor=False))


def new_token() -> str:
    """Return a new token: 24 hexadecimal digits nobody can guess."""
    return secrets.token_hex(12)


def owner(identity: str) -> Owner:
    """Return the owner that goes by an `identity`: anything that only this person can show."""
    return Owner(hashlib.sha256(f"manigen owner {identity}".encode()).hexdigest()[:32])


def owners() -> list[Owner]:
    """Return everyone who keeps something here."""
    folder = root() / "owners"
    found = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    return [Owner(name) for name in found if _OWNER.fullmatch(name)]


def find(room: str, token: str) -> Path | None:
    """Return the folder of a thing by its token, whoever owns it; None where there is none."""
    if not _TOKEN.fullmatch(token):
        return None
    name = PREFIX + token if room == "models" else token
    for one in owners():
        folder = one.folder / room / name
        if folder.is_dir():
            return folder
    return None


def model(name: str) -> Path | None:
    """Return the folder of somebody's own model by its name `own-TOKEN`; None for any other name."""
    return find("models", name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None


def owner_of(folder: Path) -> Owner:
    """Return whose a thing in here is, by its folder."""
    return Owner(folder.parents[1].name)


@dataclass(frozen=True)
class Owner:
    """One person's part of the home."""

    name: str

    @property
    def folder(self) -> Path:
        return root() / "owners" / self.name

    def things(self, room: str) -> list[Path]:
        """Return the folders in one of the rooms "pictures", "models" and "runs", the oldest first."""
        folder = self.folder / room
        there = [entry for entry in folder.iterdir() if _named(entry.name)] if folder.is_dir() else []
        return sorted(there, key=lambda entry: (_made(entry), entry.name))

    def thing(self, room: str, token: str) -> Path:
        """Return one of this owner's folders by its token. Raises `UnknownName` for one that is another's, or gone."""
        name = PREFIX + token if room == "models" else token
        folder = self.folder / room / name
        if not _TOKEN.fullmatch(token) or not folder.is_dir():
            raise unknown(f"entry among your {room}", token, [])
        return folder

    def place(self, room: str, token: str | None = None) -> tuple[str, Path]:
        """Return a new token, or the given one, and the folder for it, which is made. Raises `BadInput` when full."""
        if len(self.things(room)) >= MOST[room]:
            raise BadInput(f"You keep {MOST[room]} {room} here already, which is the limit; delete one first.")
        self.check_room(0)
        token = token or new_token()
        folder = self.folder / room / (PREFIX + token if room == "models" else token)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ManigenError(f"Nothing can be kept in {root()}: {error.strerror or error}.") from error
        return token, folder

    def used(self) -> int:
        """Return how many bytes this owner's files take."""
        return sum(size_of(self.folder / room) for room in MOST)

    def check_room(self, more: int) -> None:
        """Raise `BadInput` where `more` bytes would pass this owner's quota, or the disk has no room for them."""
        used, most = self.used(), quota()
        if used + more >= most:
            raise BadInput(
                f"Your files here take {megabytes(used)} of {megabytes(most)}, and this needs {megabytes(more)}; "
                "delete something first."
            )
        folder = root()
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if more + 100_000_000 > free:
            raise BadInput(f"The server's disk has {megabytes(free)} left, too little for this ({megabytes(more)}).")


def quota() -> int:
    """Return how many bytes one owner may keep."""
    named = os.environ.get("MANIGEN_QUOTA_MB", "").strip()
    try:
        return round(float(named) * 1e6) if named else QUOTA_MB * 1_000_000
    except ValueError:
        raise BadInput(f"MANIGEN_QUOTA_MB is a number of megabytes, not {named[:60]!r}.") from None


def megabytes(count: float) -> str:
    """Return a number of bytes in words.

    >>> megabytes(2_152_011), megabytes(4e9)
    ('2.2 MB', '4 GB')
    """
    number, unit = (count / 1e9, "GB") if count >= 1e9 else (count / 1e6, "MB")
    return f"{number:.1f}".removesuffix(".0") + f" {unit}"


def size_of(folder: Path) -> int:
    """Return how many bytes the files under a folder take; one that vanishes meanwhile counts nothing."""
    return sum(_size(Path(place) / name) for place, _, names in os.walk(folder) for name in names)


def note(folder: Path) -> dict[str, Any]:
    """Return what a folder's note says; nothing where it has none, or a damaged one."""
    try:
        held = files.read_json(folder / NOTE)
    except BadFile:
        return {}
    return held if isinstance(held, dict) else {}


def write_note(folder: Path, **entries: Any) -> dict[str, Any]:
    """Add `entries` to a folder's note, and return it whole."""
    held = {**note(folder), **entries}
    files.write_json(folder / NOTE, held)
    return held


def remove(folder: Path) -> None:
    """Delete a folder: it is out of sight at once, and gone as soon as no file of it is open."""
    gone = folder.with_name(f".gone-{secrets.token_hex(6)}")
    try:
        os.replace(folder, gone)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ManigenError(f"{folder.name} could not be deleted: {error.strerror or error}.") from error
    shutil.rmtree(gone, ignore_errors=True)


def plain_name(name: str, most: int = 60) -> str:
    """Return a person's words as a file's name: letters, digits, and - in place of anything else.

    >>> plain_name("Mes émojis / 2024.zip")
    'Mes-émojis-2024.zip'
    """
    kept = "".join(c if c.isalnum() or c in "._" else "-" for c in name)
    return re.sub(r"-{2,}", "-", kept).strip("-.")[:most] or "pictures"


def parts(room: str) -> Iterator[tuple[Owner, Path]]:
    """Yield everyone's folders of a room with their owner: for the worker, never for a page."""
    for one in owners():
        for folder in one.things(room):
            yield one, folder


def _named(name: str) -> bool:
    return bool(_TOKEN.fullmatch(name.removeprefix(PREFIX)))


def _made(folder: Path) -> float:
    held = note(folder).get("made")
    try:
        return float(held) if isinstance(held, int | float) else folder.stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat(follow_symlinks=False).st_size
    except OSError:
        return 0
