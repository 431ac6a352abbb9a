"""Foreign models: those that were trained elsewhere, brought in as files, used like any other.

One file = one format. Each answers

    probe(folder) -> Probe | None             what a folder of files seems to hold, guesses and all; None if not
    restore(shape, knobs, state) -> Foreign   the generator, from what `weights` keeps: knobs and named tensors

The guesses (layout, range, size) are knobs, so a person can put them right. A grid of latents is laid flat, and a long
code is shortened to its strongest directions over given pictures (`base.shorten`), so that maps, sliders and links hold
it. Brought in, a model is a folder like any other: safetensors, codes, maps and a card.

One constraint: nothing of a stranger's is ever executed. What formats hold code (TorchScript, torch.export, a class of
one's own) are read only where the operator allowed it (MANIGEN_ALLOW_CODE=1, `python -m manigen app --allow-code`).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manigen.errors import BadFile, BadInput
from manigen.foreign.probe import Probe

if TYPE_CHECKING:
    from torch import Tensor

    from manigen.foreign.base import Foreign

FORMATS = {  # family on the card -> the file here
    "onnx": "onnx",
    "tiny autoencoder": "tiny",
    "diffusers KL autoencoder": "kl",
    "program": "program",
    "python class": "python",
}
CODE = ("program", "python class")
ALLOW = "MANIGEN_ALLOW_CODE"

__all__ = ["CODE", "FORMATS", "Probe", "allowed", "is_one", "probe", "restore"]


def is_one(family: str) -> bool:
    """Say whether a card's family is a format of this room."""
    return family in FORMATS


def allowed() -> bool:
    """Say whether whoever runs this allowed files that hold code."""
    return os.environ.get(ALLOW, "") not in ("", "0")


def check_allowed(family: str) -> None:
    """Raise `BadFile` for a format that holds code where that is not allowed."""
    if family in CODE and not allowed():
        raise BadFile(
            f"A {family} is code and would run on this machine, so it is not opened: export it as ONNX "
            f"(torch.onnx.export), or, if you trust it and run ManiGen yourself, set {ALLOW}=1."
        )


def probe(folder: Path) -> Probe:
    """Return what a folder of files holds. Raises `BadFile`, with how to convert it, where no format here reads it."""
    for name in FORMATS.values():
        found: Probe | None = importlib.import_module(f"manigen.foreign.{name}").probe(folder)
        if found is not None:
            check_allowed(found.family)
            return found
    names = sorted(path.name for path in folder.rglob("*") if path.is_file())
    endings = {Path(name).suffix.lower() for name in names}
    if endings & {".pt", ".pth", ".pkl", ".ckpt", ".bin", ".joblib", ".pickle"}:
        raise BadFile(
            "A .pt, .pth, .ckpt, .bin or .pkl file can run code when it is opened, so it is not: save the weights with "
            "safetensors.torch.save_file, or the network with torch.onnx.export, and bring that."
        )
    if endings & {".h5", ".keras", ".pb", ".tflite"}:
        raise BadFile("A Keras or TensorFlow model is not read here: convert it with tf2onnx, and bring the ONNX file.")
    first = ", ".join(names[:4]) or "nothing"
    raise BadFile(f"No model that can be read was found in it ({first}): bring ONNX, diffusers or ManiGen files.")


def restore(family: str, shape: tuple[int, int, int], knobs: Mapping[str, Any], state: dict[str, Tensor]) -> Foreign:
    """Return a foreign generator from its knobs and tensors, as `weights` keeps them."""
    if family not in FORMATS:
        raise BadInput(f"There is no format named {family!r}.")
    check_allowed(family)
    module = importlib.import_module(f"manigen.foreign.{FORMATS[family]}")
    generator: Foreign = module.restore(shape, dict(knobs), state)
    generator.family, generator.knobs = family, dict(knobs)
    return generator
