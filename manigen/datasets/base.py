"""What every data set hands back: `Images`, and where its files are looked for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from manigen.errors import BadInput, UnknownName

SPLITS = ("train", "test")


@dataclass(frozen=True, eq=False)
class Images:
    """Pictures with what is known about each of them.

    `x` is uint8 (n, c, h, w) in 0..255, with c = 1 (grey) or 3 (colour); `float` turns it into the x of the rest of
    the program, float32 in [0, 1]. `labels` is int64 (n,): the index into `classes`, or -1 where the class is unknown.
    Data sets that are drawn also know the true `factors`, float32 (n, k), named by `factor_names`, and `draw` the
    picture of any others. `skipped` lists the files that could not be read, as (name, reason).

    Raises `BadInput` when an array has another type or shape, or a label points past the classes.
    """

    x: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    name: str
    split: str
    factors: np.ndarray | None = None
    factor_names: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    draw: Callable[[np.ndarray], np.ndarray] | None = None

    def __post_init__(self) -> None:
        if self.x.dtype != np.uint8 or self.x.ndim != 4 or self.x.shape[1] not in (1, 3) or not self.x.size:
            raise BadInput(f"x must be uint8 (n, 1 or 3, h, w), not {self.x.dtype} of shape {self.x.shape}.")
        if self.labels.dtype != np.int64 or self.labels.shape != (len(self.x),):
            raise BadInput(
                f"labels must be int64 of shape ({len(self.x)},), one for each picture, "
                f"not {self.labels.dtype} of shape {self.labels.shape}."
            )
        if self.labels.min() < -1 or self.labels.max() >= len(self.classes):
            raise BadInput(
                f"labels must lie between -1 (unknown) and {len(self.classes) - 1}, the last of the classes, "
                f"but run from {self.labels.min()} to {self.labels.max()}."
            )
        check_split(self.split)
        shape = None if self.factors is None else self.factors.shape
        if shape is not None and shape != (len(self.x), len(self.factor_names)):
            raise BadInput(
                f"factors must have the shape ({len(self.x)}, {len(self.factor_names)}), "
                f"a row for each picture and a column for each name, not {shape}."
            )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (c, h, w) of one picture."""
        return self.x.shape[1:]  # type: ignore[return-value]

    def float(self) -> np.ndarray:
        """Return the pictures as float32 (n, c, h, w) in [0, 1]."""
        return self.x.astype(np.float32) / np.float32(255)

    def take(self, rows: Sequence[int] | np.ndarray | slice) -> Images:
        """Return the pictures of these `rows`, with their labels and factors."""
        factors = None if self.factors is None else self.factors[rows]
        return replace(self, x=self.x[rows], labels=self.labels[rows], factors=factors)

    @cached_property
    def sha256(self) -> str:
        """The fingerprint of the content (pictures, labels, class names) that a model's card records."""
        digest = hashlib.sha256(repr((self.x.shape, self.classes)).encode())
        digest.update(np.ascontiguousarray(self.x).data)
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
        return digest.hexdigest()


def check_split(split: str) -> str:
    """Return `split` if it is "train" or "test"; raise `UnknownName` otherwise."""
    if split not in SPLITS:
        raise UnknownName(f"A data set has the splits train and test, not {str(split)[:60]!r}.")
    return split


def data_folder() -> Path | None:
    """Return the folder that the environment variable MANIGEN_DATA names, or None where it is not set."""
    named = os.environ.get("MANIGEN_DATA", "").strip()
    return Path(named).expanduser() if named else None


def cache_folder() -> Path:
    """Return the folder of this user's cache in which downloaded data sets are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("manigen", appauthor=False))


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
