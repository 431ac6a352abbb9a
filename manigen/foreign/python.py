"""A class of one's own, named `module:Class` on the command line and nowhere else, for it is code.

class Mine:
    dim, shape = 8, (1, 28, 28)
    def decode(self, z): ...        # torch tensor (n, dim) to (n, c, h, w) in [0, 1]
    def encode(self, x): ...        # optional
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from manigen.errors import BadInput
from manigen.foreign.base import Foreign, restore_short
from manigen.foreign.probe import Probe

FAMILY = "python class"


class Own(Foreign):
    """A generator that asks an object with `decode`, and perhaps `encode`."""

    def __init__(self, named: str) -> None:
        module, _, name = named.partition(":")
        try:
            made = getattr(importlib.import_module(module), name)()
        except (ImportError, AttributeError, TypeError) as error:
            raise BadInput(
                f"{named} could not be made: {error}. Write module:Class, of a class without arguments."
            ) from None
        shape, dim = getattr(made, "shape", None), getattr(made, "dim", None)
        if not callable(getattr(made, "decode", None)) or not isinstance(dim, int) or len(shape or ()) != 3:
            raise BadInput(f"{named} must have dim (numbers in a code), shape (c, h, w) and decode(z).")
        super().__init__(tuple(shape), dim)  # type: ignore[arg-type]
        self.made, self.encodes = made, callable(getattr(made, "encode", None))

    def raw_decode(self, z: Tensor) -> Tensor:
        return torch.as_tensor(self.made.decode(z), dtype=torch.float32).reshape(len(z), *self.shape).clamp(0, 1)

    def raw_encode(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.made.encode(x), dtype=torch.float32).reshape(len(x), -1)

    def kept(self) -> dict[str, Tensor]:
        return {"nothing": torch.zeros(1)}


def probe(folder: Path) -> Probe | None:
    """A class is never found in files."""
    return None


def named(text: str) -> Probe:
    """Return the class that a command line names `module:Class`."""
    opened = Own(text)
    said = f"The class {text}: a code of {opened.dim} numbers becomes a {opened.shape[2]} x {opened.shape[1]} picture."
    return Probe(FAMILY, said, (), _opened, opened.encodes, True, {"class": text})


def _opened(knobs: Mapping[str, Any]) -> Own:
    generator = Own(str(knobs["class"]))
    generator.family, generator.knobs = FAMILY, dict(knobs)
    return generator


def restore(shape: tuple[int, int, int], knobs: dict[str, Any], state: dict[str, Tensor]) -> Foreign:
    """Return the generator from the name of its class."""
    return restore_short(_opened(knobs), state)
