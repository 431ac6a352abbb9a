"""The picture files of a folder or a zip, by name, each read when asked for.

A zip may come from a stranger: nothing is ever unpacked to disk, and what it claims of itself is checked before it is
read. Limits: see the constants.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from manigen.datasets._picture import MAX_BYTES, SUFFIXES, Unreadable
from manigen.errors import BadFile, BadInput

MAX_PICTURES = 200_000  # in one folder or zip
MAX_ENTRIES = 400_000  # of any kind, folders too
MAX_UNPACKED = 16_000_000_000  # bytes of a zip's pictures together
MAX_RATIO = 200  # how many times its packed size one file of a zip may be, where it is above 1 MB
MAX_DIRECTORY = 40_000_000  # bytes of a zip's table of contents, which is read whole

Source = str | os.PathLike[str] | bytes | BinaryIO


@dataclass
class Files:
    """What a folder or zip holds: pictures and tables by name, and what was left out, with the reason."""

    title: str
    readers: dict[str, Callable[[], bytes]] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def read(self, name: str) -> bytes:
        """Return the content of a file; raise `Unreadable` when it cannot be had."""
        try:
            return self.readers[name]()
        except (OSError, EOFError, ValueError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile):
            raise Unreadable("cannot be read: it is damaged, or closed to this user") from None

    def add(self, name: str, reader: Callable[[], bytes]) -> None:
        """Take in a file if it can be a picture or a table of labels; list it as skipped if it is anything else."""
        name = unicodedata.normalize("NFC", name)  # so that a name means the same on every system
        path = PurePosixPath(name)
        if path.suffix.lower() not in SUFFIXES and path.name.lower() != "labels.csv":
            self.skip(name, "is no PNG, JPEG, WebP, GIF or TIFF picture by its name")
        elif name in self.readers:
            self.skip(name, "is there twice; the first one was read")
        elif len(self.readers) >= MAX_PICTURES:
            raise BadFile(f"{self.title} holds more than {MAX_PICTURES:,} pictures; take fewer of them.")
        else:
            self.readers[name] = reader

    def skip(self, name: str, reason: str) -> None:
        """List a file as left out."""
        self.skipped.append((printable(name), reason))


def printable(name: str) -> str:
    """Return a name from a file system or a zip in a form that is safe to show: no control characters, not endless."""
    return "".join(c if c.isprintable() else "?" for c in name)[:200] or "(no name)"


@contextmanager
def open_files(source: Source) -> Iterator[Files]:
    """Give the files of a folder or a zip; a zip may also come as its bytes or as an open binary file.

    Raises `BadFile` when it is neither, or passes a limit; `BadInput` when it is no path at all.
    """
    if isinstance(source, bytes):
        source = io.BytesIO(source)
    if isinstance(source, str | os.PathLike):
        path = Path(source).expanduser()
        title = printable(path.name or str(path))
        if path.is_dir():
            yield _folder(path, title)
            return
        try:
            file: BinaryIO = path.open("rb")
        except OSError:
            raise BadFile(f"{title} is neither a folder nor a zip that can be opened.") from None
        with file:
            yield from _zip(file, title)
    elif hasattr(source, "read") and hasattr(source, "seek"):
        yield from _zip(source, printable(str(getattr(source, "name", "The zip"))))
    else:
        raise BadInput("Own pictures are a folder or a zip, by its path, or a zip's bytes or open file.")


def _hidden(part: str) -> bool:
    return part.startswith(".") or part in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _folder(root: Path, title: str) -> Files:
    files, entries, waiting = Files(title), 0, [root]
    while waiting:
        folder = waiting.pop()
        try:
            inside = list(_first(os.scandir(folder), MAX_ENTRIES + 1 - entries))
        except OSError:
            files.skip(folder.relative_to(root).as_posix() + "/", "is a folder that cannot be opened")
            continue
        entries += len(inside)
        if entries > MAX_ENTRIES:
            raise BadFile(f"{title} holds more than {MAX_ENTRIES:,} files and folders; choose a smaller folder.")
        for entry in sorted(inside, key=lambda entry: entry.name):
            path = Path(entry.path)
            if _hidden(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif path.is_file():
                files.add(path.relative_to(root).as_posix(), lambda path=path: _whole(path.open("rb")))  # type: ignore[misc]
            else:  # a link to a folder could lead round in a circle, a pipe could be waited for without end
                files.skip(
                    path.relative_to(root).as_posix(), "is no file, but a device, or a link to a folder or nowhere"
                )
    return files


def _first(scan: Any, count: int) -> Iterator[os.DirEntry[str]]:
    with scan:
        for _ in range(count):
            entry = next(scan, None)
            if entry is None:
                return
            yield entry


def _whole(file: Any) -> bytes:
    """Return a file's content, never more than one byte above the limit for a picture."""
    with file:
        return bytes(file.read(MAX_BYTES + 1))


class _Sparing:
    """A zip's file that refuses a gulp too large: the table of contents, read whole, says itself how long it is."""

    def __init__(self, file: BinaryIO, title: str) -> None:
        self.seek, self.tell, self._file = file.seek, file.tell, file
        self.limit, self.title = MAX_DIRECTORY, title

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size > self.limit:
            raise BadFile(f"{self.title} has a table of contents above {self.limit / 1e6:.0f} MB; pack fewer files.")
        return self._file.read(size)


def _zip(file: BinaryIO, title: str) -> Iterator[Files]:
    sparing = _Sparing(file, title)
    try:
        archive = zipfile.ZipFile(sparing)  # type: ignore[call-overload]
    except BadFile:
        raise
    except Exception:  # BadZipFile, and whatever else a table of contents made up to mislead leads to
        raise BadFile(f"{title} is neither a folder nor a whole zip file.") from None
    sparing.limit = MAX_BYTES + 1
    with archive:
        yield _entries(archive, title)


def _entries(archive: zipfile.ZipFile, title: str) -> Files:
    files, locked, unpacked = Files(title), 0, 0
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise BadFile(f"{title} holds more than {MAX_ENTRIES:,} files and folders; pack fewer of them.")
    for entry in sorted(entries, key=lambda entry: entry.filename):
        name = entry.filename.replace("\\", "/")
        if name.endswith("/") or any(_hidden(part) for part in name.split("/") if part not in (".", "..")):
            continue
        reason = _danger(entry, name)
        if reason is not None:
            locked += reason == "is encrypted"
            files.skip(name, reason)
            continue
        before = len(files.readers)
        files.add(name, lambda entry=entry: _whole(archive.open(entry)))  # type: ignore[misc]
        unpacked += entry.file_size * (len(files.readers) - before)
        if unpacked > MAX_UNPACKED:
            raise BadFile(f"{title} would unpack to more than {MAX_UNPACKED / 1e9:.0f} GB; pack fewer pictures.")
    if locked and not files.readers:
        raise BadFile(f"{title} is protected by a password; pack the pictures without one.")
    return files


def _danger(entry: zipfile.ZipInfo, name: str) -> str | None:
    """Return why an entry of a zip is not to be touched, or None."""
    if name.startswith("/") or name[1:2] == ":" or ".." in name.split("/"):
        return "has a name that leads outside the zip"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a symbolic link"
    if entry.flag_bits & 1:
        return "is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed by another method than deflate"
    if entry.file_size > MAX_BYTES:
        return f"is larger than {MAX_BYTES / 1e6:.0f} MB, the limit for one file"
    if entry.file_size > 1_000_000 and entry.file_size > MAX_RATIO * entry.compress_size:
        return f"would unpack to more than {MAX_RATIO} times its size, as a zip bomb does"
    return None
