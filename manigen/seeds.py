"""Randomness is an argument.

One process serves many students, so no global generator is ever seeded or read: whoever needs chance is handed a seed
and makes a stream of its own from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from manigen.errors import BadInput

if TYPE_CHECKING:
    import torch


def check(seed: int) -> int:
    """Return `seed` as an int in [0, 2**63), or raise `BadInput`."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= int(seed) < 2**63:
        raise BadInput(f"A seed is a whole number from 0 to 2**63 - 1, not {str(seed)[:60]!r}.")
    return int(seed)


def numpy_stream(seed: int, *path: int) -> np.random.Generator:
    """Return an independent NumPy stream for `seed`; `path` numbers streams that must not resemble each other."""
    return np.random.default_rng([check(seed), *path])


def torch_stream(seed: int, device: str = "cpu") -> torch.Generator:
    """Return an independent torch stream for `seed` on `device`."""
    import torch

    return torch.Generator(device).manual_seed(check(seed))
