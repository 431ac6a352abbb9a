"""Files: written whole or not at all, read with suspicion.

A file is first written beside its place and then moved there in one step, so a full disk or a pulled plug never leaves
half of one under the real name. Arrays are npz without pickle; whatever is read is checked before it is believed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from manigen.errors import BadFile, ManigenError


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that becomes `path` when the block ends well, and vanishes when it does not.

    Raises `ManigenError` where the disk is full or the place cannot be written to.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise ManigenError(f"{path.name} could not be written to {path.parent}: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with written_whole(path) as file:
        file.write(content)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON; NaN is refused, so every reader can parse it."""
    write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def write_npz(path: Path, arrays: Mapping[str, np.ndarray], packed: bool = True) -> None:
    """Write named `arrays` as an npz, compressed unless it is not to be `packed`: numbers by chance only cost time."""
    with written_whole(path) as file:
        (np.savez_compressed if packed else np.savez)(file, allow_pickle=False, **arrays)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file, or raise `BadFile` where it is not one; pickled objects are refused."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise BadFile(f"{path.name} is not in {path.parent}.") from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, AttributeError, KeyError) as error:
        raise BadFile(
            f"{path.name} is no npz file of plain arrays, or it is damaged ({type(error).__name__})."
        ) from None


def read_json(path: Path) -> Any:
    """Return what a JSON file holds, or raise `BadFile`."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadFile(f"{path.name} is not in {path.parent}.") from None
    except (ValueError, OSError) as error:
        raise BadFile(f"{path.name} is no JSON file, or it is damaged: {error}.") from None


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return named `arrays` as the bytes of a compressed npz, for a download."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def sha256(path: Path) -> str:
    """Return the sha256 of a file as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
