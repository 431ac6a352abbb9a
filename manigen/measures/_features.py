"""Features: the 64 numbers of a picture by which pictures are compared, instead of its pixels.

    FD-LeNet    the features of a small classifier that this project trained on a data set's training pictures. It is
                shipped with the models, and every figure names its hash: figures of two classifiers do not compare.
    random      two layers of fixed random convolutions, for data nobody trained a classifier for: any data has them,
                and its figures compare with one another and with nothing else.

None of it is Inception, so none of it is an FID.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from manigen import files, seeds
from manigen.errors import BadFile
from manigen.measures import _lenet

SHIPPED = Path(__file__).resolve().parents[2] / "weights" / "features"
WEIGHTS, CARD = "features.safetensors", "features.json"
RANDOM = "random convolutional features, not comparable with FD-LeNet"
SEED = 20_260  # of the random features: a constant, so that they are the same everywhere
CHUNK = 500  # pictures at once


@dataclass(frozen=True, eq=False)
class Extractor:
    """What turns pictures x (n, c, h, w) in [0, 1] into features (n, 64), and, where it can, names their classes.

    `name` and `hash` stand beside every figure; `classes` is empty where the extractor knows none.
    """

    name: str
    hash: str
    classes: tuple[str, ...]
    arrays: Mapping[str, np.ndarray]
    _there: dict[Any, dict[str, Any]] = field(default_factory=dict, repr=False)  # on each device that asked

    def __str__(self) -> str:
        return f"{self.name} {self.hash[:12]}"

    def of(self, x: np.ndarray) -> np.ndarray:
        """Return the features (n, 64) float32 of pictures x (n, c, h, w) in [0, 1]."""
        import torch

        w = {name: torch.from_numpy(value) for name, value in self.arrays.items()}
        with torch.inference_mode():
            parts = [self._some(w, torch.from_numpy(x[at : at + CHUNK])) for at in range(0, len(x), CHUNK)]
        return np.concatenate([part.numpy() for part in parts])

    def see(self, x: Any) -> Any:
        """Return the features (n, 64) of a tensor of pictures x (n, c, h, w), which torch can go back from."""
        import torch

        if x.device not in self._there:
            with torch.inference_mode(False):  # they will be gone back through, whoever asks first
                w = {name: torch.from_numpy(value).to(x.device) for name, value in self.arrays.items()}
            self._there[x.device] = w
        return self._some(self._there[x.device], x)

    def named(self, f: np.ndarray) -> np.ndarray:
        """Return the class (n,) that the classifier gives pictures with features f (n, 64)."""
        import torch

        w = {name: torch.from_numpy(value) for name, value in self.arrays.items()}
        with torch.inference_mode():
            return _lenet.scores(w, torch.from_numpy(f) * w["deviation"] + w["mean"]).argmax(1).numpy()

    def sure(self, f: np.ndarray) -> np.ndarray:
        """Return how sure the classifier is (n,) in [0, 1] of the class it gives pictures with features f (n, 64)."""
        import torch

        w = {name: torch.from_numpy(value) for name, value in self.arrays.items()}
        with torch.inference_mode():
            scores = _lenet.scores(w, torch.from_numpy(f) * w["deviation"] + w["mean"])
            return scores.softmax(1).max(1).values.numpy()

    def _some(self, w: Mapping[str, Any], x: Any) -> Any:
        raw = _lenet.features(w, x) if self.classes else _random(w, x)
        return (raw - w["mean"]) / w["deviation"].clamp_min(1e-6)


def extractor(data: str, real: np.ndarray) -> Extractor:
    """Return what compares the pictures of a data set by its name: its own classifier, else the random features.

    `real` (n, c, h, w) are some of its pictures: the random features are scaled to mean 0 and deviation 1 on them, and
    a classifier of pictures of another shape is passed over.
    """
    trained = shipped(data)
    if trained is not None and trained[1] == real.shape[1:]:
        return trained[0]
    return random(real)


def reader(data: str, shape: tuple[int, ...]) -> Callable[[Any], Any] | None:
    """Return what turns a tensor of pictures of a data set into its own classifier's features, None without one.

    The classifier is read when it is first used.
    """
    if not data.isidentifier() or not (SHIPPED / data / CARD).is_file():
        return None
    if tuple(files.read_json(SHIPPED / data / CARD).get("shape", ())) != tuple(shape):
        return None

    def see(x: Any) -> Any:
        known = shipped(data)
        assert known is not None, "its card was there a moment ago"
        return known[0].see(x)

    return see


@lru_cache(maxsize=8)
def shipped(data: str) -> tuple[Extractor, tuple[int, ...]] | None:
    """Return the classifier shipped for a data set and the shape it reads, or None where there is none.

    Raises `BadFile` where its file is not the one its card describes.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    folder = SHIPPED / data
    if not data.isidentifier() or not (folder / CARD).is_file():
        return None
    card = files.read_json(folder / CARD)
    try:
        expected, shape, classes = card["sha256"], tuple(card["shape"]), tuple(card["classes"])
        if not (folder / WEIGHTS).is_file() or files.sha256(folder / WEIGHTS) != expected:
            raise BadFile(
                f"features/{data}/{WEIGHTS} is missing, damaged or was changed: it has not its card's sha256."
            )
        arrays = load_file(folder / WEIGHTS)
    except (KeyError, TypeError, SafetensorError, OSError) as error:
        raise BadFile(f"features/{data} holds no classifier this version can read ({type(error).__name__}).") from None
    return Extractor("FD-LeNet", expected, classes, arrays), shape


def random(real: np.ndarray) -> Extractor:
    """Return the random features, scaled to mean 0 and deviation 1 on `real` pictures (n, c, h, w) in [0, 1]."""
    import hashlib

    rng = seeds.numpy_stream(SEED)
    sizes = {"first": (16, real.shape[1], 5, 5), "second": (32, 16, 5, 5), "third": (_lenet.WIDTH, 32 * 16)}
    arrays = {
        name: (rng.standard_normal(size) / np.sqrt(np.prod(size[1:]))).astype("f") for name, size in sizes.items()
    }
    digest = hashlib.sha256(b"".join(value.tobytes() for value in arrays.values())).hexdigest()
    still = {"mean": np.zeros(_lenet.WIDTH, "f"), "deviation": np.ones(_lenet.WIDTH, "f")}
    raw = Extractor(RANDOM, digest, (), arrays | still).of(real)
    scale = {"mean": raw.mean(0), "deviation": raw.std(0)}
    return Extractor(RANDOM, digest, (), arrays | scale)


def _random(w: Mapping[str, Any], x: Any) -> Any:
    """Two smooth convolutions, the average over a grid of 4 x 4 fields, and 64 random sums of those."""
    from torch.nn import functional as F

    x = F.silu(4 * F.conv2d(x * 2 - 1, w["first"], stride=2, padding=2))
    x = F.silu(4 * F.conv2d(x, w["second"], stride=2, padding=2))
    return F.linear(F.adaptive_avg_pool2d(x, 4).flatten(1), w["third"])


def make(
    train: Any,
    test: Any,
    folder: Path,
    images: int = 480_000,
    seed: int = 0,
    progress: Callable[[float, str], None] = lambda share, words: None,
    **facts: Any,
) -> dict[str, Any]:
    """Train the classifier of a data set on `train` alone, write it and its card to `folder`, and return the card.

    `train` and `test` are `Images`; `images` says how many pictures it sees, one counted as often as it is seen. The
    card holds the share of `test` it names rightly. Raises `BadInput` where labels are missing.
    """
    import torch
    from safetensors.numpy import save as to_bytes

    rounds = max(1, round(images / len(train)))
    done = _lenet.train(train.x, train.labels, rounds, seed, progress)
    net = {name: torch.from_numpy(value) for name, value in done.arrays.items()}
    files.write_bytes(folder / WEIGHTS, to_bytes(done.arrays))
    card = {
        "data": train.name,
        "sha256": files.sha256(folder / WEIGHTS),
        "shape": list(train.shape),
        "classes": list(train.classes),
        "accuracy": {
            "test": _lenet.accuracy(net, test.x, test.labels),
            "validation": done.validation,
            "train": _lenet.accuracy(net, train.x, train.labels),
        },
        "trained": {"images": rounds * len(train), "rounds": rounds, "data_sha256": train.sha256, "seed": seed},
        **facts,
    }
    files.write_json(folder / CARD, card)
    return card
