"""The GPU: RAPIDS cuML has UMAP and t-SNE too, and is asked where it is installed and a GPU is there.

The projections' cards say in `facts["gpu"]` in how many directions cuML lays a map out. A map says what made it, and is
kept under the name of that: one from the GPU is another map. MANIGEN_MAPS_ON=cpu leaves the GPU alone.

Source: Nolet et al. 2021, Bringing UMAP Closer to the Speed of Light with GPU Acceleration,
https://arxiv.org/abs/2008.00325; Chan et al. 2019, GPU Accelerated t-SNE, https://arxiv.org/abs/1807.11824.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any

import numpy as np

from manigen.cards import Card
from manigen.errors import ManigenError


@cache
def cuml() -> Any | None:
    """Return RAPIDS cuML, or None where it is not installed, not wanted, or has no GPU to work on."""
    if os.environ.get("MANIGEN_MAPS_ON") == "cpu" or ("cuml" not in sys.modules and find_spec("cuml") is None):
        return None
    try:
        found = import_module("cuml")
        return found if import_module("cupy").cuda.runtime.getDeviceCount() else None
    except Exception:  # a driver that is missing or too old may raise anything
        return None


def fitted_by(card: Card, dims: int) -> tuple[str, str]:
    """Return the name and version of the library that would lay out a map in so many directions here."""
    if dims in card.facts.get("gpu", ()) and (gpu := cuml()) is not None:
        return "cuml", str(gpu.__version__)
    name = str(card.facts.get("library", "scipy"))
    return name, metadata.version(name)


def lay_out(method: Any, z: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the places (n, dims) that one of cuML's estimators finds for codes z, and the library's name.

    Raises `ManigenError` where it fails, as on a GPU with too little memory.
    """
    gpu = cuml()
    assert gpu is not None
    try:
        p = method.fit_transform(np.ascontiguousarray(z, np.float32))
        p = p.get() if hasattr(p, "get") else p  # from the GPU's memory
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:200].rstrip(".")
        raise ManigenError(
            f"The GPU could not lay these codes out ({reason}); MANIGEN_MAPS_ON=cpu does without."
        ) from error
    return np.asarray(p, np.float32), f"cuml {gpu.__version__}"
