"""What the measures of one generator share: pictures, samples, features, codes, each made once, when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from manigen import checks, seeds
from manigen.cards import Card
from manigen.measures import _features, _neighbours

CHUNK = 2000  # pictures turned into something smaller at once
MEMORY = 192_000_000  # bytes that the pictures of one kind may take: bounds n for large pictures


@dataclass(frozen=True)
class Result:
    """One figure and what it takes to read it.

    `value`; `real`, the same figure for real pictures in the model's place (training pictures for its samples, or the
    held-out pictures themselves for their codes), None where that makes no sense; `n`, how many pictures or codes it
    comes from; `error`, its standard error where it has one; `details`, whatever else is worth showing, ready for JSON.
    """

    value: float
    real: float | None
    n: int
    error: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Walker:
    """How a measure walks between codes: `walk(starts (m, d), ends (m, d), steps)` gives codes (m, steps, d).

    `kind` is what that way of walking is called; without another it is the straight line.
    """

    walk: Callable[[np.ndarray, np.ndarray, int], np.ndarray]
    kind: str


def straight(starts: np.ndarray, ends: np.ndarray, steps: int) -> np.ndarray:
    """Return the codes (m, steps, d) on the lines from each start to its end."""
    t = np.linspace(0, 1, steps, dtype=np.float32)[None, :, None]
    return (1 - t) * starts[:, None] + t * ends[:, None]


class Context:
    """A generator beside the pictures it is measured on, with all that measures share.

    `test` and `train` are `Images`, or arrays (n, c, h, w) of uint8 or in [0, 1]; `train` may be left out, and what
    needs it cannot be measured then. `n` bounds how many pictures of each kind are compared; there are never more than
    there are held-out pictures, or than fit in 192 MB. The same seed gives the same pictures.

    `generator` is anything with `sample(n, seed)`; with `decode(z)` and `encode(x)` more can be measured.
    """

    def __init__(
        self,
        generator: Any,
        test: Any,
        train: Any = None,
        seed: int = 0,
        n: int = 10_000,
        walker: Walker | None = None,
    ) -> None:
        self.generator = generator
        self.walker = walker or Walker(straight, "straight")
        self.seed = seeds.check(seed)
        self._test, self._train = test, train
        x = _pictures(test)
        self.shape: tuple[int, int, int] = tuple(x.shape[1:])  # type: ignore[assignment]
        bound = max(2, MEMORY // (4 * int(np.prod(self.shape))))
        self.n = min(checks.count(n), len(x), bound)
        self.rows = self._drawn(len(x), self.n, 1)

    # --- pictures -------------------------------------------------------------------------------------------------

    @cached_property
    def real(self) -> np.ndarray:
        """Held-out pictures (n, c, h, w) in [0, 1]. Raises `BadInput` where the generator makes others."""
        return checks.images(_pictures(self._test)[self.rows], getattr(self.generator, "shape", None))

    @cached_property
    def others(self) -> np.ndarray | None:
        """As many training pictures, or fewer where there are fewer; None where there are none at hand."""
        return None if self._train is None else self.train_pictures(self.n)

    @cached_property
    def made(self) -> np.ndarray:
        """As many samples (n, c, h, w) in [0, 1]."""
        return checks.images(self.generator.sample(self.n, self.seed))

    @cached_property
    def reconstructed(self) -> np.ndarray:
        """What is left of the held-out pictures on the way to their codes and back."""
        return np.asarray(self.generator.decode(self.codes))

    @property
    def train_size(self) -> int:
        """How many training pictures there are, of which only some are ever looked at."""
        return 0 if self._train is None else len(_pictures(self._train))

    def train_pictures(self, most: int) -> np.ndarray:
        """Return at most `most` training pictures (m, c, h, w) in [0, 1]."""
        x = _pictures(self._train)
        bound = max(2, MEMORY // (4 * int(np.prod(self.shape))))
        return checks.images(x[self._drawn(len(x), min(most, bound), 2)])

    def turned_train_pictures(self, most: int, turn: Callable[[np.ndarray], Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return what `turn` makes of at most `most` labelled training pictures, in parts, and their labels (m,)."""
        x, labels = _pictures(self._train), _labels(self._train)
        rows = self._drawn(len(x), most, 2)
        rows = rows[labels[rows] >= 0]
        parts = [np.asarray(turn(checks.images(x[rows[at : at + CHUNK]]))) for at in range(0, len(rows), CHUNK)]
        return np.concatenate(parts), labels[rows]

    # --- features -------------------------------------------------------------------------------------------------

    @cached_property
    def extractor(self) -> _features.Extractor:
        """The classifier of this data set, or the random features where there is none."""
        return _features.extractor(getattr(self._test, "name", ""), self.real)

    @cached_property
    def real_features(self) -> np.ndarray:
        return self.extractor.of(self.real)

    @cached_property
    def made_features(self) -> np.ndarray:
        return self.extractor.of(self.made)

    @cached_property
    def other_features(self) -> np.ndarray | None:
        return None if self.others is None else self.extractor.of(self.others)

    def neighbours(self, k: int) -> tuple[_neighbours.Met, _neighbours.Met | None]:
        """Return how samples, and how training pictures, lie among the held-out ones; shared by four measures."""
        if k not in self._met:
            others = self.other_features
            met = _neighbours.met(self.real_features, self.made_features, k)
            self._met[k] = (met, None if others is None else _neighbours.met(self.real_features, others, k))
        return self._met[k]

    # --- codes ----------------------------------------------------------------------------------------------------

    @property
    def encodes(self) -> bool:
        return bool(getattr(self.generator, "encodes", False))

    @property
    def decodes(self) -> bool:
        """Whether there are codes to decode: of held-out pictures, or drawn."""
        return hasattr(self.generator, "decode") and (self.encodes or hasattr(self.generator, "sample_codes"))

    @cached_property
    def codes(self) -> np.ndarray:
        """Codes (n, d) of the held-out pictures; where nothing encodes, as many that the generator draws."""
        if self.encodes:
            return np.asarray(self.generator.encode(self.real))
        return np.asarray(self.generator.sample_codes(self.n, self.seed))

    def pairs(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows (m,) of the two ends of at most `most` pairs of held-out pictures or codes; all ends differ."""
        rng = seeds.numpy_stream(self.seed, 3)
        order = rng.permutation(self.n)
        return order[:most], np.roll(order, 1)[:most]

    # --- what is known of the pictures ----------------------------------------------------------------------------

    @cached_property
    def labels(self) -> np.ndarray:
        """Labels (n,) of the held-out pictures, -1 where unknown."""
        return _labels(self._test)[self.rows]

    @property
    def draw(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """What draws the true picture of any angle, where an angle is all there is to the held-out pictures."""
        return getattr(self._test, "draw", None) if getattr(self._test, "factor_names", ()) == ("angle",) else None

    def able(self, card: Card) -> bool:
        """Whether a measure finds what it needs: codes, an encoder, training pictures, labels, a classifier, and n."""
        has = {
            "encoder": lambda: self.encodes,
            "codes": lambda: self.decodes,
            "train": lambda: self._train is not None,
            "labels": self._labelled,
            "classifier": lambda: bool(self.extractor.classes),
            "angle": lambda: self.draw is not None,
            "decodes": lambda: hasattr(self.generator, "decode"),
            "parameters": lambda: hasattr(self.generator, "parameters"),
        }
        return self.n >= card.facts.get("fewest", 1) and all(has[need]() for need in card.facts.get("needs", ()))

    def _labelled(self) -> bool:
        """Whether the held-out pictures are of several known classes, and some training pictures have one as well."""
        known = self._train is not None and bool((_labels(self._train) >= 0).any())
        return known and len(np.unique(self.labels)) > 1 and self.labels.min() >= 0

    @cached_property
    def _met(self) -> dict[int, Any]:
        return {}

    def _drawn(self, of: int, most: int, stream: int) -> np.ndarray:
        """At most `most` of so many rows, in order."""
        return np.sort(seeds.numpy_stream(self.seed, stream).permutation(of)[:most])


def _pictures(images: Any) -> np.ndarray:
    return np.asarray(getattr(images, "x", images))


def _labels(images: Any) -> np.ndarray:
    return np.asarray(getattr(images, "labels", np.full(len(_pictures(images)), -1)))
