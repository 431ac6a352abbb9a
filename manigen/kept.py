"""Kept: the folder of this user's cache in which lie maps, where they lie wrong, and who is near to whom.

Each file is named by the hash of what its content was made from. It is written whole or not at all, so two processes
that write the same one do no harm; one that cannot be read is thrown away and made anew. The folder holds at most
`limit()` bytes: what was not asked for longest goes first.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from manigen import files
from manigen.errors import BadFile, BadInput, ManigenError

MEGABYTES = 2000  # of the folder, unless MANIGEN_MAPS_MB says otherwise


def folder() -> Path:
    """Return the folder of this user's cache."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("manigen", appauthor=False)) / "maps"


def limit() -> int:
    """Return how many bytes the folder may hold. Raises `BadInput` where MANIGEN_MAPS_MB is no number."""
    asked = os.environ.get("MANIGEN_MAPS_MB", str(MEGABYTES))
    try:
        return int(float(asked) * 1e6)
    except ValueError:
        raise BadInput(f"MANIGEN_MAPS_MB must be a number of megabytes, not {asked[:60]!r}.") from None


def name(of: str) -> str:
    """Return the name of the file that is kept under a key."""
    return f"{of}.npz"


def read(of: str, place: Path, shipped: Path | None = None) -> dict[str, np.ndarray] | None:
    """Return what is kept under a key in `place`, or else ships, or None; a file that is damaged goes."""
    for there in (place, shipped):
        path = None if there is None else there / name(of)
        if path is None or not path.is_file():
            continue
        try:
            held = files.read_npz(path)
        except BadFile:
            if there != shipped:
                path.unlink(missing_ok=True)
            continue
        if there != shipped:
            with contextlib.suppress(OSError):
                os.utime(path)  # what was asked for last is kept longest
        return held
    return None


def write(of: str, place: Path, arrays: Mapping[str, np.ndarray], packed: bool = True) -> None:
    """Keep arrays under a key; where the disk will not have them, they are made again another time."""
    try:
        files.write_npz(place / name(of), arrays, packed)
    except ManigenError:
        return
    tidy(place)


def tidy(place: Path) -> None:
    """Throw away what was not asked for longest, until the folder holds no more than it may."""
    found = []
    for path in place.glob("*.npz"):
        with contextlib.suppress(OSError):  # another process may be tidying too
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    left = sum(size for _, size, _ in found)
    for _, size, path in sorted(found)[:-1]:
        if left <= limit():
            return
        with contextlib.suppress(OSError):
            path.unlink()
        left -= size
