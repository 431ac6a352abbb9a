"""Figures kept on disk: what was measured once, on the same pictures by the same file, is not measured again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np

from manigen import files
from manigen.errors import ManigenError
from manigen.measures._context import Context, Result


def folder() -> Path:
    """Return the folder of this user's cache in which figures are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("manigen", appauthor=False)) / "measures"


def key(context: Context) -> str | None:
    """Return what tells a context from all others: weights, sampler, pictures, seed, n; None where it cannot be told.

    Four samples are part of it, so that a change in how a family decodes is noticed as well.
    """
    generator = context.generator
    if not hasattr(generator, "state_dict"):
        return None
    digest = hashlib.sha256()
    sampler = getattr(generator, "sampler", None)
    parts = {name: value.detach().cpu().numpy() for name, value in generator.state_dict().items()}
    parts |= {f"sampler {name}": value for name, value in (sampler.arrays() if sampler is not None else {}).items()}
    parts["samples"] = np.round(generator.sample(4, context.seed), 3)
    for name, value in sorted(parts.items()):
        digest.update(f"{name} {value.shape} {value.dtype}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    for images in (context._test, context._train):
        known = getattr(images, "sha256", None)
        content = known.encode() if known else np.ascontiguousarray(images).tobytes() if images is not None else b"none"
        digest.update(hashlib.sha256(content).digest())
    extractor = context.extractor if context.n > 1 else ""
    digest.update(f"{context.seed} {context.n} {getattr(context._test, 'name', '')} {extractor}".encode())
    digest.update(context.walker.kind.encode())
    return digest.hexdigest()


def read(of: str | None, name: str) -> Result | None:
    """Return a figure kept under a context's key, or None where there is none that can be read."""
    if of is None:
        return None
    try:
        return Result(**files.read_json(_place(of, name)))
    except (ManigenError, TypeError):
        return None


def write(of: str | None, name: str, result: Result) -> None:
    """Keep a figure; where the disk will not have it, it is measured again another time."""
    if of is None:
        return
    try:
        files.write_json(_place(of, name), asdict(result))
    except (ManigenError, ValueError, TypeError):
        return


def _place(of: str, name: str) -> Path:
    return folder() / f"{name}-{hashlib.sha256(f'{of} {_version(name)}'.encode()).hexdigest()[:32]}.json"


@cache
def _version(name: str) -> str:
    """The content of a measure's file and of what the measures share: when one of them changes, so may the figure."""
    room = Path(__file__).parent
    sources = [room / f"{name}.py", *sorted(room.glob("_*.py"))]
    return hashlib.sha256(json.dumps([path.read_text("utf-8") for path in sources]).encode()).hexdigest()
