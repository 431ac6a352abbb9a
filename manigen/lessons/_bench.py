"""The bench that lessons work at: models and prepared arrays, each read once for the whole process.

Shipped models go by their names; the lessons' own small ones lie in `weights/lessons/` and are named with "lessons/"
before. What took minutes (fitted maps) is prepared by `python -m manigen.lessons._prepare` and kept there too, with its
sha256 in `prepared.json`.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np

from manigen import files, weights
from manigen.ablation import Ablation, read
from manigen.errors import BadFile
from manigen.nearest import Nearest

FOLDER = weights.SHIPPED / "lessons"


def _place(model: str) -> Any:
    return weights.SHIPPED / model if model.startswith("lessons/") else model


@cache
def generator(model: str) -> Any:
    """Return a trained generator."""
    return weights.load(_place(model))


@cache
def codes(model: str) -> weights.Codes:
    """Return the codes a model comes with."""
    return weights.codes(_place(model))


@cache
def nearest(model: str) -> Nearest:
    """Return a model's codes, ready to be asked how far a code lies from them."""
    return Nearest(codes(model).z)


@cache
def card(model: str) -> dict[str, Any]:
    """Return a model's card."""
    return weights.info(_place(model))


def decode(model: str, z: Any) -> np.ndarray:
    """Return the pictures uint8 (n, h, w, c) of codes (n, d)."""
    x = generator(model).decode(np.ascontiguousarray(z, np.float32))
    return np.ascontiguousarray(np.rint(x * 255).clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1))


def encode(model: str, x: Any) -> np.ndarray:
    """Return the codes (n, d) of pictures uint8 (n, h, w, c)."""
    x = np.ascontiguousarray(np.asarray(x, np.float32).transpose(0, 3, 1, 2) / np.float32(255))
    return np.asarray(generator(model).encode(x), np.float32)


@lru_cache(maxsize=64)
def samples(model: str, seed: int, n: int) -> np.ndarray:
    """Return codes (n, d) drawn from a model's own distribution."""
    return np.asarray(generator(model).sample_codes(n, seed), np.float32)


def level(far: float) -> str:
    """Return how far a picture can be trusted, in the words and by the limits of the live path."""
    return "near" if far <= 1.1 else "edge" if far <= 1.5 else "far"


@cache
def prepared(name: str) -> dict[str, np.ndarray]:
    """Return prepared arrays by name; a file that is not what `prepared.json` says is refused."""
    path, known = FOLDER / f"{name}.npz", files.read_json(FOLDER / "prepared.json")
    if not path.is_file() or files.sha256(path) != known.get(path.name):
        raise BadFile(f"lessons/{path.name} is missing or not as it was shipped; install ManiGen again.")
    return files.read_npz(path)


@cache
def ablation() -> Ablation:
    """Return what the fusion's figures are without each of its terms, as docs/ablation.json has them."""
    from manigen import measures

    return read(files.read_json(weights.SHIPPED.parent / "docs" / "ablation.json"), measures.cards())


@cache
def pictures(data: str, split: str = "test") -> Any:
    """Return a data set's real pictures where they are on this machine, else None; nothing is downloaded."""
    from manigen import datasets

    here = {entry.name for entry in datasets.listing() if entry.here}
    return datasets.load(data, split) if data in here else None


@cache
def judge(data: str = "mnist") -> Any:
    """Return the classifier shipped for a data set: what the measures compare pictures by."""
    from manigen.measures import _features

    found = _features.shipped(data)
    if found is None:
        raise BadFile(f"No classifier is shipped for {data}; install ManiGen again.")
    return found[0]


def features(x: Any, data: str = "mnist") -> np.ndarray:
    """Return the classifier's 64 features of pictures uint8 (n, h, w, c)."""
    return judge(data).of(np.ascontiguousarray(np.asarray(x, np.float32).transpose(0, 3, 1, 2) / np.float32(255)))


def chances(x: Any, data: str = "mnist") -> np.ndarray:
    """Return what share of its belief the classifier gives each class (n, classes), for pictures uint8 (n, h, w, c)."""
    import torch

    from manigen.measures import _lenet

    w = {name: torch.from_numpy(value) for name, value in judge(data).arrays.items()}
    f = torch.from_numpy(features(x, data)) * w["deviation"] + w["mean"]
    with torch.inference_mode():
        return _lenet.scores(w, f).softmax(1).numpy()
