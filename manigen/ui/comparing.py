"""Comparing: the same questions put to several models, and their answers as pictures.

The same held-out pictures, the same seeds, the same pair of pictures. A held-out picture is known by its row in the
data set's test split; what a model makes of it is decoded from the code that the model came with, so no data set need
be on this machine. Where it is, the real pictures stand beside. Nothing here knows Streamlit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from manigen import datasets, paths, samplers, seeds
from manigen.checks import count
from manigen.datasets import Images
from manigen.errors import ManigenError
from manigen.live.engine import paint
from manigen.live.library import Opened, library
from manigen.nearest import Nearest
from manigen.ui import walks
from manigen.weights import SPLITS

HELD_OUT, SAMPLES, FRAMES = 10, 10, 10  # pictures of each kind
MOST, FIRST = 6, 3  # models side by side: at most, and before anyone chose
ALL = "all"  # stands for every data set
BLOCK = 4000  # training pictures compared at once: bounds the memory of a search to some 30 MB at 28 x 28
YARDSTICK = 200  # held-out pictures whose nearest training pictures say what distance is usual
TEST, TRAIN = SPLITS.index("test"), SPLITS.index("train")
LARGEST = 2**31 - 1
_measuring, _fitting = Lock(), Lock()
_fitted: WeakKeyDictionary[Opened, dict[str, Any]] = WeakKeyDictionary()  # by model and name, samplers it does not own


@dataclass(frozen=True)
class Reconstructed:
    """Held-out pictures as a model reconstructs them: `x` uint8 (n, h, w, c), `error` (n,) their mean squared error."""

    x: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class Sampled:
    """Samples: codes z (n, d), `x` uint8 (n, h, w, c), and how far (n,) each code lies from real ones, 1 is usual."""

    z: np.ndarray
    x: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True)
class Walked:
    """A walk: `x` uint8 (k, h, w, c), how far (k,) each code lies from real ones, and what its two ends are called."""

    x: np.ndarray
    distance: np.ndarray
    ends: tuple[str, str]


@dataclass(frozen=True)
class Met:
    """The nearest training picture of each sample: `x` uint8 (n, h, w, c), `distance` (n,) between the two pictures.

    `usual` (5 %, 50 %) are the distances of held-out pictures to their nearest training pictures, None where the real
    ones are not at hand and x is what the model makes of the nearest code; `real` says which.
    """

    x: np.ndarray
    distance: np.ndarray
    real: bool
    usual: tuple[float, float] | None


# --- what is asked ----------------------------------------------------------------------------------------------------


def groups(cards: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names of models by the data set they learned from, in the order of `cards`."""
    by_data: dict[str, list[str]] = {}
    for name, card in cards.items():
        by_data.setdefault(card["data"].get("name", ""), []).append(name)
    return by_data


def opening(offered: Mapping[str, str], wanted: Sequence[str]) -> list[str]:
    """Return the models that are compared before anyone chose, in the order offered.

    Those wanted, filled up to three, first by families (`offered` tells each model's) that are not there yet.

    >>> opening({"a": "vae", "a-32": "vae", "b": "gan", "c": "pca", "d": "acai"}, ["d"])
    ['a', 'b', 'd']
    """
    taken = [name for name in wanted if name in offered]
    for again in (False, True):
        for name, family in offered.items():
            there = {offered[other] for other in taken}
            if len(taken) < FIRST and name not in taken and (again or family not in there):
                taken.append(name)
    return [name for name in offered if name in taken]


def short(card: Mapping[str, Any]) -> str:
    """Return a model's title without its data set's, which all models beside it share.

    >>> short({"name": "a", "title": "MNIST, variational autoencoder", "data": {"title": "MNIST"}})
    'Variational autoencoder'
    """
    title, data = str(card.get("title", card["name"])), str(card["data"].get("title", ""))
    bare = title.removeprefix(f"{data}, ") if data else title
    return bare[:1].upper() + bare[1:]


def number(spelled: Any, default: int = 0) -> int:
    """Return a link's whole number, or `default` for anything that is none.

    >>> number("12"), number("-3"), number("x")
    (12, 0, 0)
    """
    text = str(spelled)
    return int(text) if text.isascii() and text.isdigit() and int(text) <= LARGEST else default


def pair(spelled: Any, classes: int) -> tuple[int | None, int | None, int]:
    """Return the two classes, None for any, and the seed that a link's `pair` spells; nonsense is chance with seed 0.

    >>> pair("3.8.2", 10), pair("x.x.4", 10), pair("3.99.1", 10)
    ((3, 8, 2), (None, None, 4), (3, None, 1))
    """
    first, second, seed = [*str(spelled or "").split("."), "", "", ""][:3]
    ends = [number(part, -1) for part in (first, second)]
    start, end = (label if 0 <= label < classes else None for label in ends)
    return start, end, number(seed)


def common_rows(opened: Sequence[Opened]) -> np.ndarray:
    """Return the rows of the test split, in order, that every model with an encoder has a code of; else none."""
    known = [model.codes.rows[model.codes.split == TEST] for model in opened]
    known = [rows for rows in known if len(rows)]
    if not known:
        return np.zeros(0, np.int64)
    shared = known[0]
    for rows in known[1:]:
        shared = np.intersect1d(shared, rows)
    return np.sort(shared)


def places(opened: Opened, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return where the codes of some rows of the test split stand among a model's codes."""
    held_out = np.flatnonzero(opened.codes.split == TEST)
    order = np.argsort(opened.codes.rows[held_out], kind="stable")
    at = np.searchsorted(opened.codes.rows[held_out], rows, sorter=order)
    return held_out[order[at]]


def labels_of(opened: Sequence[Opened], rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return the labels (n,) of rows of the test split, by the first model that has codes of it."""
    model = next(model for model in opened if (model.codes.split == TEST).any())
    return model.codes.labels[places(model, rows)]


def choose(rows: np.ndarray, labels: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return n of the rows (m,) drawn with `seed`, by class: one of each class first, then a second of each.

    >>> choose(np.arange(6), np.array([1, 0, 1, 0, 0, 0]), 2, 0) % 2  # row 1 or 3, 5 of class 0; row 0 or 2 of class 1
    array([1, 0])
    """
    order = seeds.numpy_stream(seed).permutation(len(rows))
    turn = np.empty(len(rows), np.int64)
    for label in np.unique(labels):
        mine = order[labels[order] == label]
        turn[mine] = np.arange(len(mine))
    taken = np.lexsort((np.argsort(order), turn))[: count(n)]
    return rows[taken[np.lexsort((turn[taken], labels[taken]))]]


def ends(rows: np.ndarray, labels: np.ndarray, start: int | None, end: int | None, seed: int) -> tuple[int, int] | None:
    """Return two of the rows (m,), of the classes `start` and `end`, drawn with `seed`; None where there are not two.

    None for a class takes any, the other's aside; where that leaves nothing, any at all.
    """
    rng = seeds.numpy_stream(seed)
    found: list[int] = []
    taken: list[int] = []
    for wanted, other in ((start, end), (end, start)):
        able = np.ones(len(rows), bool) if wanted is None else labels == wanted
        able[found] = False
        elsewhere = able & ~np.isin(labels, [label for label in (other, *taken) if label is not None])
        pool = np.flatnonzero(elsewhere if wanted is None and elsewhere.any() else able)
        if not len(pool):
            return None
        found.append(int(rng.choice(pool)))
        taken.append(int(labels[found[-1]]))
    return int(rows[found[0]]), int(rows[found[1]])


# --- what is answered -------------------------------------------------------------------------------------------------


def painted(opened: Opened, z: np.ndarray) -> np.ndarray:
    """Return the pictures uint8 (n, h, w, c) of codes; before the generator is awake its first decoder paints."""
    if not opened.awake and opened.first is not None:
        return paint(opened.first, z)
    return library().works.decode(opened.generator, z)


def reconstructed(opened: Opened, rows: Sequence[int]) -> Reconstructed:
    """Return what a model makes of rows of the test split."""
    at = places(opened, rows)
    return Reconstructed(painted(opened, opened.codes.z[at]), opened.codes.error[at])


def sampled(opened: Opened, n: int, seed: int, sampler: str = "", reject: float | None = None) -> Sampled:
    """Return n samples; the same seed gives the same ones.

    They are drawn by the `sampler` of that name, fitted to the codes of training pictures, or by the model's own;
    `reject` is the share of draws, the steepest, that is left out, or the model's own.
    """
    other = fitted(opened, sampler) if sampler else None
    z = opened.generator.sample_codes(n, seed, reject, other)
    return Sampled(z, painted(opened, z), opened.nearest.how_far(z))


def fitted(opened: Opened, sampler: str) -> Any:
    """Return the sampler of that name fitted to a model's codes of training pictures; made once for each model."""
    codes = opened.codes
    with _fitting:
        known = _fitted.setdefault(opened, {})
        if sampler not in known:
            trained_on = codes.split == TRAIN
            known[sampler] = samplers.fit(sampler, codes.z[trained_on] if trained_on.any() else codes.z)
        return known[sampler]


def walked(opened: Opened, rows: tuple[int, int] | None, seed: int, kind: str, frames: int = FRAMES) -> Walked:
    """Return a walk between the codes of two rows of the test split, or, where there are none, of two codes by seed."""
    codes = opened.codes
    at = np.array(walks.at_random(codes, seed)) if rows is None else places(opened, rows)
    first, second = (opened.label(i) or f"#{codes.rows[i]:,}" for i in at)
    generator = opened.generator
    settings = {"members": paths.members_of(generator), **paths.knobs_for(generator, kind)}
    line = paths.through(codes.z[at], kind, frames, generator.decode, opened.taught, **settings).codes
    return Walked(painted(opened, line), opened.nearest.how_far(line), (first, second))


def images(data: str, split: str) -> Images | None:
    """Return a data set's pictures where they are on this machine, else None; nothing is downloaded."""
    return _read(data, split) if data in here() else None


def here() -> set[str]:
    """Return the names of the data sets that are on this machine."""
    return {entry.name for entry in datasets.listing() if entry.here}


def known_data() -> list[str]:
    """Return the names of the data sets that anyone can have."""
    return datasets.names()


@lru_cache(maxsize=6)
def _read(data: str, split: str) -> Images | None:
    try:
        return datasets.load(data, split)
    except ManigenError:
        return None


def met(opened: Opened, samples: Sampled, data: str) -> Met | None:
    """Return the nearest training picture of each sample; None where nothing is known of any.

    The distance is Euclidean, over all pixels in [0, 1]. With the data set at hand the nearest of all its training
    pictures is found; without it, the nearest training code stands for it, as the model paints it.
    """
    train, test = images(data, "train"), images(data, "test")
    if train is not None and test is not None and train.x.shape[1:] == samples.x.transpose(0, 3, 1, 2).shape[1:]:
        rows, distance = nearest(samples.x.transpose(0, 3, 1, 2), train.x)
        return Met(train.x[rows].transpose(0, 2, 3, 1), distance, True, usual(data))
    learned = np.flatnonzero(opened.codes.split == TRAIN)
    if not len(learned):
        return None
    at = learned[Nearest(opened.codes.z[learned]).find(samples.z)[0][:, 0]]
    x = painted(opened, opened.codes.z[at])
    apart = np.square(x.astype(np.float32) / 255 - samples.x.astype(np.float32) / 255).sum(axis=(1, 2, 3))
    return Met(x, np.sqrt(apart), False, None)


def nearest(x: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest of pictures `among` (m, c, h, w) to each of `x` (n, c, h, w), both uint8: rows, distances.

    Euclidean over all pixels in [0, 1]. Whole numbers up to 255 squared and summed are exact in float64, so nothing is
    lost in the expanded square.
    """
    flat = x.reshape(len(x), -1).astype(np.float32)
    squares = np.einsum("nd,nd->n", flat, flat, dtype=np.float64)
    best, rows = np.full(len(x), np.inf), np.zeros(len(x), np.int64)
    for start in range(0, len(among), BLOCK):
        part = among[start : start + BLOCK].reshape(-1, flat.shape[1]).astype(np.float32)
        apart = np.einsum("nd,nd->n", part, part)[None] - 2 * (flat @ part.T)
        at = apart.argmin(axis=1)
        value = apart[np.arange(len(x)), at] + squares
        better = value < best
        best[better], rows[better] = value[better], start + at[better]
    exact = np.square(flat - among[rows].reshape(len(x), -1)).sum(axis=1, dtype=np.float64)
    return rows, (np.sqrt(exact) / 255).astype(np.float32)


def usual(data: str) -> tuple[float, float] | None:
    """Return how far held-out pictures lie from their nearest training picture: the 5 % quantile and the median."""
    with _measuring:  # who comes second waits for the first instead of doing it again
        return _usual(data)


@lru_cache(maxsize=6)
def _usual(data: str) -> tuple[float, float] | None:
    train, test = images(data, "train"), images(data, "test")
    if train is None or test is None:
        return None
    some = test.x[seeds.numpy_stream(0).permutation(len(test))[:YARDSTICK]]
    five, half = np.quantile(nearest(some, train.x)[1], [0.05, 0.5])
    return float(five), float(half)
