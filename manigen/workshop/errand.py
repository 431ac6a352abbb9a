"""An errand: one folder's work in a process of its own, one at a time, telling on disk how far it is.

    FOLDER/progress.json   what the work last told: a share, a stage in words, an error

A module that runs errands is a program: `python -m MODULE FOLDER` does the work.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from manigen import files
from manigen.errors import BadFile, ManigenError
from manigen.workshop import pace

PROGRESS = "progress.json"
_running: dict[Path, subprocess.Popen[bytes]] = {}
_lock = threading.Lock()


def begin(module: str, folder: Path, first: Callable[[], object]) -> None:
    """Have `python -m module folder` do its work after `first`, unless that is going on.

    Raises `ManigenError` where no process can be started.
    """
    with _lock:
        if going(folder):
            return
        first()
        (folder / PROGRESS).unlink(missing_ok=True)
        try:
            _running[folder] = subprocess.Popen(
                [sys.executable, "-m", module, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=pace.surroundings(),
            )
        except OSError as error:
            raise ManigenError(f"The work cannot be begun: {error.strerror or error}.") from error


def going(folder: Path) -> bool:
    """Say whether this server has work going on in a folder."""
    process = _running.get(folder)
    return process is not None and process.poll() is None


def progress(folder: Path) -> dict[str, Any]:
    """Return what the work last told, or nothing."""
    try:
        held = files.read_json(folder / PROGRESS)
    except BadFile:
        return {}
    return held if isinstance(held, dict) else {}


def tell(folder: Path, **entries: Any) -> None:
    """Write down how far the work is, whole; where the disk will not have it, it is told the next time."""
    fresh = folder / f".{PROGRESS}.new"
    with suppress(OSError):
        fresh.write_text(json.dumps(entries), encoding="utf-8")
        os.replace(fresh, folder / PROGRESS)
