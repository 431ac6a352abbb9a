"""What a sampler answers, and how it says how far its fit has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

Progress = Callable[[float], Any]  # hears the share that is done, in [0, 1], between steps; raise in it to stop the fit


def silent(share: float) -> None:
    """Hear of no progress."""


class Sampler(Protocol):
    """A distribution over codes z (n, d), float32.

    `fit` returns a new, fitted sampler; the same codes and seed give the same one, and the same seed the same draws. A
    sampler that stores some of the codes it was fitted to names them `kept` (m, d), so that copying can be looked for;
    one that too few codes made smaller than its knobs say has the sentence for it in `adjusted`.
    """

    def fit(self, z: np.ndarray, seed: int = 0, progress: Progress = silent) -> Sampler: ...

    def sample(self, n: int, seed: int = 0) -> np.ndarray: ...

    def arrays(self) -> dict[str, np.ndarray]: ...
