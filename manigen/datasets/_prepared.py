"""Pictures made ready: decoded once into plain files that are read in place, never held in memory as a whole.

ready/train.u8  test.u8      the pictures, uint8 (n, c, h, w) as they lie in memory
ready/labels.npz             their labels
ready/ready.json             settings, name, classes, counts, what was left out
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from manigen import files
from manigen.datasets.base import Images
from manigen.errors import BadFile, BadInput, ManigenError

Room = Callable[[tuple[int, ...]], np.ndarray]
ABOUT, LABELS = "ready.json", "labels.npz"
IN_MEMORY = 400_000_000  # bytes of pictures up to which they are held in memory
MOST_SKIPPED = 1000  # files that are listed by name


def room(shape: tuple[int, ...]) -> np.ndarray:
    """Return an array uint8 to write pictures to: in memory, or in a file without a name where they are many."""
    size = int(np.prod(shape))
    if size <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    try:
        file = tempfile.TemporaryFile(prefix="manigen-")  # noqa: SIM115 - it lives as long as the array does
        os.truncate(file.fileno(), size)
    except OSError as error:
        raise ManigenError(
            f"There is no room for {size / 1e9:.1f} GB of decoded pictures: {error.strerror}."
        ) from error
    return np.memmap(file, np.uint8, "r+", shape=shape)


class Writing:
    """A folder of pictures that is being made ready."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def room(self, split: str) -> Room:
        """Return what gives each array asked for a file of its own; the last one is the split's pictures."""

        def make(shape: tuple[int, ...]) -> np.ndarray:
            path = self.folder / f"{split}.u8"
            path.unlink(missing_ok=True)  # what was mapped there before lives on until it is let go
            try:
                return np.memmap(path, np.uint8, "w+", shape=shape)
            except OSError as error:
                raise ManigenError(f"The pictures could not be written: {error.strerror or error}.") from error

        return make

    def finish(self, parts: list[Images], settings: Mapping[str, Any]) -> dict[str, Any]:
        """Write what is known beside the pictures of both splits, and return it."""
        for images in parts:
            if isinstance(images.x, np.memmap):
                images.x.flush()
            os.truncate(self.folder / f"{images.split}.u8", images.x.size)
        files.write_npz(self.folder / LABELS, {images.split: images.labels for images in parts})
        skipped = {name: reason for images in parts for name, reason in images.skipped}
        classes = parts[0].classes
        about = {
            "settings": dict(settings),
            "name": parts[0].name,
            "classes": list(classes),
            "shape": list(parts[0].shape),
            **{images.split: len(images) for images in parts},
            "skipped": [list(entry) for entry in sorted(skipped.items())][:MOST_SKIPPED],
            "skipped_count": len(skipped),
            "sha256": {images.split: images.sha256 for images in parts},
        }
        files.write_json(self.folder / ABOUT, about)
        return about


@contextmanager
def writing(folder: str | os.PathLike[str]) -> Iterator[Writing]:
    """Give a new folder to write in, which takes `folder`'s place when the block ends well."""
    place = Path(folder)
    fresh = place.with_name(f".{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        yield Writing(fresh)
        shutil.rmtree(place, ignore_errors=True)
        os.replace(fresh, place)
    except OSError as error:
        raise ManigenError(f"The pictures could not be made ready: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def is_one(folder: str | os.PathLike[str]) -> bool:
    """Say whether a folder holds pictures made ready."""
    return (Path(folder) / ABOUT).is_file() and (Path(folder) / LABELS).is_file()


def about(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what is known of pictures made ready."""
    held = files.read_json(Path(folder) / ABOUT)
    if not isinstance(held, dict) or not isinstance(held.get("settings"), dict):
        raise BadFile(f"{Path(folder).name}/{ABOUT} says nothing of pictures made ready.")
    return held


def settings(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the knobs with which pictures were made ready."""
    return dict(about(folder)["settings"])


def read(folder: str | os.PathLike[str], split: str, given: Mapping[str, Any] | None = None) -> Images:
    """Return pictures made ready, mapped from their file. Raises `BadInput` where `given` knobs are not theirs."""
    held = about(folder)
    different = [name for name, value in (given or {}).items() if held["settings"].get(name) != value]
    if different:
        raise BadInput(f"These pictures were made ready with another {', '.join(different)}; make them ready anew.")
    labels = files.read_npz(Path(folder) / LABELS)
    path = Path(folder) / f"{split}.u8"
    try:
        shape = (int(held[split]), *map(int, held["shape"]))
        if path.stat().st_size != int(np.prod(shape)):
            raise ValueError
        x = np.memmap(path, np.uint8, "c", shape=shape)  # copied where written to, so the file stays as it is
        skipped = tuple((str(name), str(reason)) for name, reason in held["skipped"])
        return Images(x, labels[split].astype(np.int64), tuple(held["classes"]), held["name"], split, skipped=skipped)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BadFile(f"{path.name} is damaged, or not what {ABOUT} says ({type(error).__name__}).") from None
