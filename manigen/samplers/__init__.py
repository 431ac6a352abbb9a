"""Samplers: where to drop the pins.

Drawing a picture needs a code, and where codes are drawn from is a second model, fitted after the first. Each file is
one: a `card` and a class `Sampler` with `fit(z, seed)`, `sample(n, seed)` and `arrays()` / `from_arrays()` for saving.
Not promised: that a sampler knows holes between the codes; a smooth one covers them too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from manigen import checks, seeds
from manigen.discovery import find
from manigen.errors import BadFile, BadInput

__all__ = ["fit", "from_arrays"]


def fit(name: str, z: np.ndarray, seed: int = 0, **knobs: Any) -> Any:
    """Return the sampler called `name` fitted to codes z (n, d)."""
    module = find("manigen.samplers", name)
    z = checks.codes(z)
    if len(z) < 2:
        raise BadInput("A sampler is fitted to two codes or more, and there is one.")
    return module.Sampler(**module.card.settings(knobs)).fit(z, seeds.check(seed))


def from_arrays(name: str, arrays: dict[str, np.ndarray]) -> Any:
    """Return the sampler called `name` as it was when its `arrays()` were taken; `BadFile` if they are of another."""
    sampler = find("manigen.samplers", name).Sampler
    try:
        return sampler.from_arrays(arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(f"These arrays are no {name} sampler this version can read ({error}).") from error
