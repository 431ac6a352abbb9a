"""Preparing: a person's uploaded pictures are made ready in a process of their own, niced, with their progress on disk.

pictures/TOKEN/about.json      title, file (as it was uploaded), knobs, ready
pictures/TOKEN/FILE.zip        what was uploaded
pictures/TOKEN/ready/          see `datasets.own.prepare`
pictures/TOKEN/progress.json   how far that is, or why it failed
"""

from __future__ import annotations

import io
import os
import sys
import time
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from manigen import files, home
from manigen.errors import BadFile, BadInput, ManigenError
from manigen.home import Owner
from manigen.workshop import errand

TELL_S = 0.3


def keep(owner: Owner, uploaded: Iterable[tuple[str, BinaryIO]], title: str = "") -> str:
    """Put uploaded files, (name, open file), into an owner's home as one zip, and return its token.

    A zip alone is kept as it is; pictures are packed into one under their names, so that folders stay labels. Raises
    `BadInput` where the quota does not hold them, `BadFile` where a zip is none.
    """
    given = list(uploaded)
    if not given:
        raise BadInput("No file was uploaded.")
    alone = len(given) == 1 and given[0][0].lower().endswith(".zip")
    size = sum(_length(file) for _, file in given)
    owner.check_room(size)
    stem = title or (Path(given[0][0]).stem if alone else _shared(name for name, _ in given))
    token, folder = owner.place("pictures")
    path = folder / f"{home.plain_name(stem)}.zip"
    try:
        with files.written_whole(path) as out:
            if alone:
                _copy(given[0][1], out)
            else:
                _pack(given, out)
        if not zipfile.is_zipfile(path):
            raise BadFile(f"{given[0][0]} is no whole zip file; it may have been cut short on its way here.")
    except BaseException:
        home.remove(folder)
        raise
    home.write_note(
        folder,
        made=time.time(),
        title=" ".join(stem.replace("_", " ").split())[:80],
        file=path.name,
        bytes=size,
        ready=False,
    )
    return token


def _pack(given: list[tuple[str, BinaryIO]], out: Any) -> None:
    taken: set[str] = set()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, file in given:
            parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
            stem, dot, end = "/".join(parts).rpartition(".")
            plain, number = "/".join(parts) or "picture", 1
            while plain in taken:  # two files of the same name are two pictures
                number += 1
                plain = f"{stem}-{number}{dot}{end}"
            taken.add(plain)
            with archive.open(plain, "w", force_zip64=True) as entry:
                _copy(file, entry)


def _copy(file: BinaryIO, out: Any) -> None:
    file.seek(0)
    while piece := file.read(1 << 20):
        out.write(piece)


def _length(file: BinaryIO) -> int:
    file.seek(0, io.SEEK_END)
    return file.tell()


def _shared(names: Iterable[str]) -> str:
    tops = {name.replace("\\", "/").split("/")[0] for name in names if "/" in name.replace("\\", "/")}
    return tops.pop() if len(tops) == 1 else "pictures"


# --- the server's side ------------------------------------------------------------------------------------------------


def begin(folder: Path, knobs: Mapping[str, Any]) -> None:
    """Begin to make pictures ready, unless that is going on."""
    errand.begin(__name__, folder, lambda: home.write_note(folder, knobs=dict(knobs), ready=False))


# --- the process ------------------------------------------------------------------------------------------------------


def prepare(folder: Path) -> None:
    """Make the pictures of a folder ready, and write down how far it is; called in the process of its own."""
    from manigen.datasets import own

    about, told = home.note(folder), 0.0

    def heard(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > TELL_S:
            told = time.monotonic()
            errand.tell(folder, share=round(done / max(total, 1), 4))

    try:
        found = own.prepare(folder / about["file"], folder / "ready", heard, **about.get("knobs", {}))
        kept = {name: found[name] for name in ("train", "test", "shape", "skipped_count")}
        home.write_note(folder, ready=True, classes=len(found["classes"]), **kept)
        errand.tell(folder, share=1.0)
    except ManigenError as error:
        errand.tell(folder, share=0.0, error=str(error))
    except Exception as error:
        errand.tell(folder, share=0.0, error=f"The pictures could not be made ready ({type(error).__name__}).")
        raise


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(10)
    prepare(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
