"""The chronicle of a training: its losses, and what its model makes of the same pictures as it learns.

    losses.jsonl    a line for each of about 1,500 stretches of the run: pictures seen, mean of each loss, held out
    fixed.npz       what stays the same: the labels of the mapped pictures, the pictures that are reconstructed
    frames/N.npz    a look: pictures seen, points (n, 2) of the mapped pictures, reconstructions, samples

Looks are taken of the averaged weights, which are what is kept: one before the first step, then more often at first,
and never so often that they take more than a small share of the training's time.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from manigen import files, seeds
from manigen.errors import BadFile
from manigen.workshop import steady
from manigen.workshop.orders import FIXED, FRAMES, LOSSES

if TYPE_CHECKING:
    from manigen.datasets import Images
    from manigen.training import Step, Training

MAPPED = 1000  # pictures whose codes are followed
SHOWN = 16  # pictures reconstructed, and samples drawn
LOOKS = 80  # of a run, at most
LINES = 1500  # of losses
SHARE = 0.08  # of the time that looks may take
EARLY = 1.6  # looks are due at (k / LOOKS)^EARLY of the run


class Chronicle:
    """Written by the worker while it trains; one for each turn of an order, going on where the last one ended."""

    def __init__(self, folder: Path, training: Training, train: Images, test: Images) -> None:
        self.folder, self.training = folder, training
        model = training.model
        rows = np.sort(seeds.numpy_stream(training.seed, 7).permutation(len(training.images))[:MAPPED])
        self.mapped = train.take(rows)
        shown = test if len(test) >= 2 else train
        self.shown = shown.take(_spread(shown.labels, SHOWN, training.seed))
        self.x, self.real = self.mapped.float(), self.shown.float()
        self.noise = seeds.numpy_stream(training.seed, 8).standard_normal((SHOWN, model.dim)).astype(np.float32)
        self.every = max(1, training.budget // LINES)
        self.sums: dict[str, tuple[float, int]] = {}
        self.held_out: float | None = None
        self.count = self._wind_back()
        self.written = training.seen // self.every
        self.last = self._last_points()
        self.cost, self.when = 0.0, -1e9
        if not (folder / FIXED).is_file():
            fixed = {"labels": self.mapped.labels.astype(np.int16), "real": self.shown.x}
            files.write_npz(folder / FIXED, fixed)

    # --- losses -----------------------------------------------------------------------------------------------------

    def add(self, step: Step) -> None:
        """Take in a step; write a line when enough have come."""
        for name, value in step.losses.items():
            total, n = self.sums.get(name, (0.0, 0))
            self.sums[name] = total + value, n + 1
        if step.held_out is not None:
            self.held_out = step.held_out
        place = step.seen // self.every
        if place == self.written and step.seen < step.budget:
            return
        self.written = place
        line: dict[str, Any] = {"seen": step.seen, "losses": {name: _tidy(s / n) for name, (s, n) in self.sums.items()}}
        if self.held_out is not None:
            line["held_out"] = _tidy(self.held_out)
        self.sums, self.held_out = {}, None
        with open(self.folder / LOSSES, "a", encoding="ascii") as file:
            file.write(json.dumps(line) + "\n")

    def _wind_back(self) -> int:
        """Drop what was written after the checkpoint that the run goes on from; return how many looks are left."""
        seen = self.training.seen
        path = self.folder / LOSSES
        if path.is_file():
            kept = [line for line in path.read_text(encoding="ascii").splitlines() if _seen(line) <= seen]
            files.write_bytes(path, "".join(line + "\n" for line in kept).encode())
        folder = self.folder / FRAMES
        folder.mkdir(parents=True, exist_ok=True)
        count = 0
        while (path := folder / f"{count}.npz").is_file():
            try:
                if int(files.read_npz(path)["seen"]) > seen:
                    break
            except (BadFile, KeyError):
                break
            count += 1
        for extra in folder.glob("*.npz"):
            if extra.stem.isdecimal() and int(extra.stem) >= count:
                extra.unlink(missing_ok=True)
        return count

    # --- looks ------------------------------------------------------------------------------------------------------

    def due(self) -> bool:
        """Say whether it is time for a look."""
        if self.count == 0:
            return True
        if time.monotonic() - self.when < self.cost / SHARE:
            return False
        share = self.training.seen / self.training.budget
        return share >= (self.count / LOOKS) ** EARLY

    def look(self) -> None:
        """Take a look at the model as it is now."""
        began = time.monotonic()
        with self.training.averaged() as model:
            model.eval()
            arrays: dict[str, np.ndarray] = {"seen": np.array(self.training.seen)}
            if model.encodes:
                z = model.encode(self.x)
                self.last = steady.look(z, self.last)
                arrays["points"] = self.last.astype(np.float32)
                arrays["rebuilt"] = _bytes(model.decode(model.encode(self.real)))
                arrays["samples"] = _bytes(model.decode(bell(z, self.noise)))
            else:
                arrays["samples"] = _bytes(model.decode(self.noise))
        files.write_npz(self.folder / FRAMES / f"{self.count}.npz", arrays)
        self.count += 1
        self.when = time.monotonic()
        self.cost = self.when - began

    def _last_points(self) -> np.ndarray | None:
        if not self.count:
            return None
        return files.read_npz(self.folder / FRAMES / f"{self.count - 1}.npz").get("points")


def bell(z: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return draws (k, d) from the normal distribution with the mean and covariance of codes z (n, d).

    The same standard normal `noise` (k, d) each time, so that a sample changes as the model does and not by chance.
    """
    middle = z.mean(axis=0)
    spread = np.cov(z, rowvar=False, dtype=np.float64).reshape(z.shape[1], z.shape[1])
    variance, turn = np.linalg.eigh(spread)
    root = (turn * np.sqrt(np.maximum(variance, 0))) @ turn.T
    return (middle + noise @ root).astype(np.float32)


def _spread(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return rows of `count` pictures, of as many classes as there are, one after the other."""
    order = seeds.numpy_stream(seed, 9).permutation(len(labels))
    turn = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        own = np.flatnonzero(labels[order] == label)
        turn[own] = np.arange(len(own))
    return order[np.lexsort((labels[order], turn))][:count]


def _bytes(x: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(np.nan_to_num(x), 0, 1) * 255).astype(np.uint8)


def _seen(line: str) -> float:
    try:
        return float(json.loads(line)["seen"])
    except (ValueError, KeyError, TypeError):
        return float("inf")


def _tidy(value: float) -> float:
    return float(f"{value:.5g}")
