"""Traces: what a chronicle wrote, read by a page; nothing heavy is imported for it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from manigen.workshop.orders import FRAMES, LOSSES


def read_losses(folder: Path, after: int = 0, most: int = 4_000_000) -> tuple[list[dict[str, Any]], int]:
    """Return the lines of losses from byte `after` on, and the byte to ask from the next time.

    Where the run was wound back the file is shorter than `after`: all of it is returned.
    """
    path = folder / LOSSES
    try:
        size = path.stat().st_size
        start = after if 0 <= after <= size else 0
        with open(path, "rb") as file:
            file.seek(start)
            whole = file.read(most).rpartition(b"\n")[0]
    except OSError:
        return [], 0
    if not whole:
        return [], start
    lines = []
    for line in whole.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines, start + len(whole) + 1


def frames(folder: Path) -> int:
    """Return how many looks there are."""
    try:
        return sum(name.endswith(".npz") and name[:-4].isdecimal() for name in os.listdir(folder / FRAMES))
    except OSError:
        return 0
