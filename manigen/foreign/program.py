"""Programs: a TorchScript or torch.export file with a decoder. A program is code, so the operator has to allow it.

TorchScript: the module itself, or its method `decode`, makes pictures of codes (n, d); a method `encode` reads them.
torch.export (.pt2): its forward makes pictures. The length of the code is a knob, for a program does not say it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from manigen.cards import Knob
from manigen.errors import BadFile
from manigen.foreign._pictures import LAYOUTS, RANGES, guess_layout, guess_range
from manigen.foreign.base import Foreign, restore_short
from manigen.foreign.probe import Probe

FAMILY = "program"


class Program(Foreign):
    """A decoder, and perhaps an encoder, as a program of torch's."""

    def __init__(self, content: bytes, knobs: Mapping[str, Any]) -> None:
        program, exported = _load(content)
        dim = int(knobs["dim"])
        with torch.no_grad():
            made = _decoder(program)(torch.zeros(2, dim))
        _, shape = guess_layout(tuple(made.shape))
        super().__init__(shape, dim)
        self.content, self.turned, self.exported = content, dict(knobs), exported
        self.program = program if exported else program.eval()
        for weight in self.program.parameters():
            weight.requires_grad_(False)
        self.encodes = not exported and hasattr(program, "encode")

    def raw_decode(self, z: Tensor) -> Tensor:
        low, high = RANGES[self.turned["range"]]
        made = _decoder(self.program)(z).float()
        if self.turned["layout"] == "NHWC":
            made = made.permute(0, 3, 1, 2)
        return ((made.reshape(len(z), *self.shape) - low) / (high - low)).clamp(0, 1)

    def raw_encode(self, x: Tensor) -> Tensor:
        low, high = RANGES[self.turned["range"]]
        y = x * (high - low) + low
        return self.program.encode(y.permute(0, 2, 3, 1) if self.turned["layout"] == "NHWC" else y).flatten(1)

    def kept(self) -> dict[str, Tensor]:
        return {"program": torch.from_numpy(np.frombuffer(self.content, np.uint8).copy())}


def _decoder(program: Any) -> Any:
    return program.decode if hasattr(program, "decode") else program


def _load(content: bytes) -> tuple[Any, bool]:
    try:
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        if any(name.endswith(("models/model.json", "serialized_exported_program.json")) for name in names):
            return torch.export.load(io.BytesIO(content)).module(), True
        return torch.jit.load(io.BytesIO(content), map_location="cpu"), False
    except Exception as error:
        raise BadFile(f"This is no TorchScript or torch.export program ({type(error).__name__}).") from None


def probe(folder: Path) -> Probe | None:
    """Return what a folder with one program holds, opened only where that is allowed; None where there is none."""
    from manigen import foreign

    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in (".ts", ".pt2", ".torchscript")]
    if len(found) != 1:
        return None
    foreign.check_allowed(FAMILY)
    content = found[0].read_bytes()
    program, exported = _load(content)
    dim = _code_length(program)
    with torch.no_grad():
        made = _decoder(program)(torch.randn(2, dim, generator=torch.Generator().manual_seed(0)))
    layout, shape = guess_layout(tuple(made.shape))
    knobs = (
        Knob("dim", dim, "How many numbers a code has.", 1, 4096),
        Knob("layout", layout, "How it lays its pictures out.", choices=LAYOUTS),
        Knob("range", guess_range(made.numpy()), "Which numbers stand for black and white.", choices=tuple(RANGES)),
    )
    said = f"A program of torch's: a code of {dim} numbers becomes a {shape[2]} x {shape[1]} picture."
    encodes = not exported and hasattr(program, "encode")
    return Probe(FAMILY, said, knobs, lambda given: _opened(given, content), encodes, True)


def _code_length(program: Any) -> int:
    """How many numbers a code has: the width of the first weight matrix that takes any, found by calling it."""
    widths = [value.shape[-1] for value in program.parameters() if value.ndim == 2]
    for dim in [*widths, 2, 8, 16, 32, 64, 100, 128, 256, 512]:
        try:
            with torch.no_grad():
                _decoder(program)(torch.zeros(2, int(dim)))
            return int(dim)
        except Exception:
            continue
    raise BadFile("The program takes no codes (n, d) of a length that was tried.")


def _opened(knobs: Mapping[str, Any], content: bytes) -> Program:
    generator = Program(content, knobs)
    generator.family, generator.knobs = FAMILY, dict(knobs)
    return generator


def restore(shape: tuple[int, int, int], knobs: dict[str, Any], state: dict[str, Tensor]) -> Foreign:
    """Return the generator from the bytes of its program."""
    return restore_short(_opened(knobs, state["program"].numpy().tobytes()), state)
