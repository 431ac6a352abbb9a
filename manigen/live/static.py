"""What a browser is given besides pictures: the components' scripts, and plotly.js out of the Python package.

Only the files that are in the dictionary are served; a name from a browser is looked up there and never becomes a path.

    /manigen/static/NAME              checked with the server each time (ETag)
    /manigen/static/NAME?v=ANY        kept by the browser for a year
    /manigen/static/VERSION/NAME      kept by the browser for a year: VERSION is a hash of all files together

A script served under a version imports its neighbours (`import "./draw.js"`) under the same version, so that no page
runs half of an old release and half of a new one.
"""

from __future__ import annotations

import hashlib
import threading
from importlib.resources import files
from pathlib import Path

from manigen.live.content import Content

TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
PLOTLY = "plotly.min.js"


class Static:
    """The served files by name, each read once and again when it changes."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or Path(__file__).resolve().parents[1] / "ui" / "frontend"
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        self.paths = {path.name: path for path in found if path.suffix in TYPES}
        self.paths[PLOTLY] = Path(str(files("plotly"))) / "package_data" / PLOTLY
        self._held: dict[str, Content] = {}
        self._stamps: dict[str, tuple[int, int]] = {}  # when a file was changed, and its size: it is read again then
        self._lock = threading.Lock()

    def content(self, name: str) -> Content | None:
        """Return a file by its name, or None."""
        path = self.paths.get(name)
        if path is None or not path.is_file():
            return None
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        with self._lock:
            if self._stamps.get(name) != stamp:
                self._held[name] = Content(path.read_bytes(), TYPES[path.suffix])
                self._stamps[name] = stamp
            return self._held[name]

    def version(self) -> str:
        """Return the hash of all scripts together, as it stands in their addresses; plotly.js counts by its size."""
        parts = []
        for name, path in self.paths.items():
            held = None if name == PLOTLY else self.content(name)
            parts.append(f"{name} {held.tag if held else path.stat().st_size if path.is_file() else 0}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    def address(self, name: str) -> str:
        """Return the address a page should load a file from."""
        return f"/manigen/static/{self.version()}/{name}"
