"""Crowd: what a browser is sent of a map with more points than a page can hold.

A view is a box of the map. Sent of it are 20,000 points at most, and over the whole box how many points lie in each of
some 32,000 cells: less than a megabyte, however many there are. Which points is no chance: all have one seeded order,
and the first in the box are sent. So a nearer view has every point of a farther one that lies in it, and more, until
all are there; and the same view shows the same ones to everybody.

There is no index: to look through 1,000,000 points takes some milliseconds, and no hand waits for it.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from manigen import seeds
from manigen.errors import BadInput

SENT = 20_000  # points of a view, at most
CELLS = 32_768  # in which the points of a view are counted, at most
WIDEST = 512  # cells along one side
FEWEST, COARSEST = 8, 4096  # points in a cell, on average: finer ones show chance; and cells that there are in any case


@dataclass(frozen=True)
class View:
    """A box (x0, x1, y0, y1) of a map and what is sent of it.

    `total` points lie in it; `rows` (m,) int32 are those that are sent, `counts` (high, wide) uint32 how many lie in
    each cell, the lowest row of cells first. `label` (high, wide) int16 is each cell's most frequent label, -2 where it
    is empty; `mean` (high, wide) float32 the mean of what the points are coloured by, NaN where nothing is known.
    """

    box: tuple[float, float, float, float]
    total: int
    rows: np.ndarray
    counts: np.ndarray
    label: np.ndarray
    mean: np.ndarray | None


class Crowd:
    """The points p (n, 2 or 3) of a map in their seeded order, with their labels (n,)."""

    def __init__(self, p: np.ndarray, labels: np.ndarray, seed: int = 0) -> None:
        self.rows = order(len(p), seed)
        self.x, self.y = (np.ascontiguousarray(p[self.rows, axis]) for axis in (0, 1))
        self.labels = labels[self.rows].astype(np.int16)
        self.known = np.unique(self.labels)
        ends = [(float(axis.min()), float(axis.max())) for axis in (self.x, self.y)]
        self.whole = (*ends[0], *ends[1])

    @cached_property
    def middles(self) -> list[tuple[int, float, float]]:
        """Each label with the middle of its points: the medians of the first 20,000."""
        some = [(int(label), np.flatnonzero(self.labels == label)[:SENT]) for label in self.known if label >= 0]
        return [(label, float(np.median(self.x[at])), float(np.median(self.y[at]))) for label, at in some]

    def range(self, values: np.ndarray) -> tuple[float, float]:
        """Return the ends of the colours for `values` (n,): the 2 % and 98 % quantiles of the first 20,000 known."""
        some = values[self.rows[:SENT]]
        some = some[np.isfinite(some)]
        low, high = np.quantile(some, [0.02, 0.98]) if some.size else (0.0, 1.0)
        return float(low), float(high)

    def view(
        self,
        box: tuple[float, float, float, float] | None = None,
        cells: int = CELLS,
        hidden: Collection[int] = (),
        values: np.ndarray | None = None,
    ) -> View:
        """Return what is sent of a box, of the whole map unless named; labels in `hidden` are left out.

        `cells` are how many the box is cut into at most, about square ones; `values` (n,) are what the
        points are coloured by. Raises `BadInput` for a box that is none.
        """
        x0, x1, y0, y1 = self.whole if box is None else box
        if not (math.isfinite(x1 - x0 + y1 - y0) and x0 <= x1 and y0 <= y1):
            raise BadInput("A view is a box x0, x1, y0, y1 of finite numbers, the smaller ones first.")
        inside = (self.x >= x0) & (self.x <= x1) & (self.y >= y0) & (self.y <= y1)
        if hidden:
            inside &= ~np.isin(self.labels, list(hidden))
        at = np.flatnonzero(inside)
        wide, high = _sides(x1 - x0, y1 - y0, min(cells, max(COARSEST, len(at) // FEWEST)))
        cell = _cell(self.y[at], y0, y1, high) * wide + _cell(self.x[at], x0, x1, wide)
        counts = np.bincount(cell, minlength=wide * high)
        of_label = np.searchsorted(self.known, self.labels[at])
        each = np.bincount(of_label * (wide * high) + cell, minlength=len(self.known) * wide * high)
        label = self.known[each.reshape(len(self.known), -1).argmax(axis=0)]
        label[counts == 0] = -2
        mean = None
        if values is not None:
            shown = values[self.rows[at]]
            fine = np.isfinite(shown)
            with np.errstate(invalid="ignore"):
                sums = np.bincount(cell[fine], shown[fine], wide * high) / np.bincount(cell[fine], None, wide * high)
            mean = sums.astype(np.float32).reshape(high, wide)
        shape = (high, wide)
        rows = self.rows[at[:SENT]]
        return View(
            (x0, x1, y0, y1), len(at), rows, counts.astype(np.uint32).reshape(shape), label.reshape(shape), mean
        )


def order(n: int, seed: int = 0) -> np.ndarray:
    """Return the rows 0 to n - 1 in their seeded order, as int32: who is shown first."""
    return seeds.numpy_stream(seed, n).permutation(n).astype(np.int32)


def _sides(width: float, height: float, cells: int) -> tuple[int, int]:
    """How many cells lie across and up, about square ones, together at most `cells`."""
    cells = max(1, min(cells, CELLS))
    shape = max(width, 1e-30) / max(height, 1e-30)
    wide = max(1, min(WIDEST, cells, int(math.sqrt(cells * shape))))
    return wide, max(1, min(WIDEST, cells // wide, math.ceil(wide / shape)))


def _cell(values: np.ndarray, low: float, high: float, count: int) -> np.ndarray:
    """The number of the cell, 0 to count - 1, that each value from low to high falls into."""
    scaled = (values - np.float32(low)) * np.float32(count / max(high - low, 1e-30))
    return np.clip(scaled.astype(np.int64), 0, count - 1)
