"""The data sets that come as four gzipped idx files: pictures and labels, for training and for testing.

An idx file is two zero bytes, a type byte (8: unsigned bytes), the number of dimensions, each dimension as a big-endian
32-bit integer, then the values in C order.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from manigen.datasets.base import Images, cache_folder, check_split, data_folder, file_sha256
from manigen.errors import BadFile, DataMissing

STEMS = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class IdxSet:
    """Four idx files with their published hashes, and the mirrors they can be downloaded from."""

    name: str
    classes: tuple[str, ...]
    sha256: Mapping[str, str]  # file name -> hash
    mirrors: tuple[str, ...]  # addresses that end in a slash

    @property
    def folder(self) -> str:
        return self.name.replace("_", "-")

    def find(self, file: str) -> Path | None:
        """Return where `file` lies on this machine, MANIGEN_DATA before the cache, or None; nothing is downloaded."""
        places = [cache_folder() / self.folder]
        data = data_folder()
        if data is not None:
            places = [data / self.folder, data / self.name, *places]
        return next((place / file for place in places if (place / file).is_file()), None)

    def found(self) -> tuple[bool, str]:
        """Return whether all four files are on this machine, and the folder where they are or would be."""
        paths = [self.find(file) for file in self.sha256]
        here = [path for path in paths if path is not None]
        return len(here) == len(paths), str(here[0].parent if here else cache_folder() / self.folder)

    def get(self, file: str, progress: Any = False) -> Path:
        """Return the path of `file`, downloaded to the cache if it is nowhere, its hash checked in either case.

        `progress` is handed to pooch: True draws a bar in the terminal (with tqdm), an object with `total`, `update`,
        `reset` and `close` is told instead. Raises `BadFile` when a file in MANIGEN_DATA has another hash, and
        `DataMissing` when the file is not here and cannot be downloaded.
        """
        path, cache = self.find(file), cache_folder() / self.folder
        if path is not None:
            came = file_sha256(path)
            if came == self.sha256[file]:
                return path
            if path.parent != cache:
                raise BadFile(f"{path} is not the published file: its sha256 is {came}, not {self.sha256[file]}.")
        import pooch

        pooch.get_logger().setLevel("ERROR")  # rooms do not print; what goes wrong is raised below
        reason = ""
        for mirror in self.mirrors:
            try:
                got = pooch.retrieve(
                    mirror + file,
                    known_hash=f"sha256:{self.sha256[file]}",
                    fname=file,
                    path=cache,
                    downloader=pooch.HTTPDownloader(progressbar=progress, timeout=20),
                )
                return Path(got)
            except (OSError, ValueError) as error:  # no network, a full disk; a file with another hash
                reason = " ".join(str(error).split())[:160] or type(error).__name__
        state = "not on this machine" if path is None else "damaged in the cache"
        raise DataMissing(
            f"{file} of {self.name} is {state} and could not be downloaded ({reason}): run "
            f"`python -m manigen data fetch {self.name}` where there is a network, or set MANIGEN_DATA to a folder "
            f"that holds {self.folder}/{file}."
        )

    def fetch(self, progress: Any = False) -> tuple[Path, ...]:
        """Return the paths of all four files, downloading those that are not here."""
        return tuple(self.get(file, progress) for file in self.sha256)

    def read(self, split: str = "train") -> Images:
        """Return the pictures and labels of one split, in the published order."""
        stem = STEMS[check_split(split)]
        x = read_idx(self.get(f"{stem}-images-idx3-ubyte.gz"), 3)
        labels = read_idx(self.get(f"{stem}-labels-idx1-ubyte.gz"), 1)
        return Images(x[:, None], labels.astype(np.int64), self.classes, self.name, split)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Return the uint8 array of a gzipped idx file; raise `BadFile` when it is anything else."""
    try:
        data = gzip.decompress(path.read_bytes())
        shape = struct.unpack_from(f">{dimensions}I", data, 4)
    except (OSError, EOFError, zlib.error, struct.error):
        raise BadFile(f"{path} is not a whole gzipped idx file.") from None
    if data[:4] != bytes([0, 0, 8, dimensions]) or len(data) != 4 + 4 * dimensions + int(np.prod(shape)):
        raise BadFile(f"{path} is not an idx file of unsigned bytes with {dimensions} dimensions and nothing missing.")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy()
