"""ManiGen: see, walk and teach the learned manifold of an image generator.

    import manigen

    generator = manigen.load("mnist-vae")            # a trained model: codes z <-> pictures x
    z = manigen.weights.codes("mnist-vae").z         # the codes it comes with
    atlas = manigen.fit_map(z, method="pca")         # codes z -> points p, and back
    walk = manigen.walk(generator, z[0], z[1])       # from one picture to another

Importing this package is cheap and has no side effects: torch, umap and the rest come when they are needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from manigen.models import Generator
    from manigen.paths import Walk
    from manigen.projections import Map

__version__ = "0.1.0"
__all__ = ["fit_map", "load", "walk"]


def load(name_or_folder: str | Path, device: str | None = None) -> Generator:
    """Return a trained generator by name (`mnist-vae`) or from a folder; see `manigen.weights.load`."""
    from manigen import weights

    return weights.load(name_or_folder, device)


def fit_map(z: Any, method: str = "umap", seed: int = 0, **knobs: Any) -> Map:
    """Return a 2-D or 3-D map of codes z (n, d), fitted by `method`; see `manigen.projections.fit_map`."""
    from manigen import projections

    return projections.fit_map(z, method, seed, **knobs)


def walk(
    generator: Any,
    start: Any,
    end: Any,
    kind: str = "geodesic",
    steps: int = 65,
    codes: Any = None,
    even: bool = False,
    beyond: float = 0.0,
    **knobs: Any,
) -> Walk:
    """Return a walk of `steps` codes from `start` to `end`, or on past both of them; see `manigen.paths.walk`."""
    from manigen import paths

    return paths.walk(generator, start, end, kind, steps, codes, even, beyond=beyond, **knobs)
