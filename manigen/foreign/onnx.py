"""ONNX: a decoder, and perhaps an encoder, run by onnxruntime; a graph of numbers, nothing else is executed.

Files: one `.onnx` is the decoder; of two, the encoder has "enc" in its name. Input and output layout, range and whether
a call takes one picture or many are found out by calling it; the range and layout can be put right.
onnxruntime is brought by `pip install onnxruntime`. It has no gradient: what needs one takes finite differences.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from manigen import seeds
from manigen.cards import Knob
from manigen.errors import BadFile, NotPossible
from manigen.foreign._pictures import LAYOUTS, RANGES, from_pictures, guess_layout, guess_range, to_pictures
from manigen.foreign.base import Foreign, restore_short
from manigen.foreign.probe import Probe

FAMILY = "onnx"
LARGEST = 1_000_000_000  # bytes of a file
KINDS = {"float": np.float32, "float16": np.float16, "double": np.float64, "uint8": np.uint8, "int64": np.int64}


class Session:
    """One graph with one input: what it takes, and how many pictures a call may have."""

    def __init__(self, content: bytes, what: str) -> None:
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self.graph = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises types of its own for each kind of fault
            first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            raise BadFile(
                f"The {what} is no ONNX file that can be read here ({first}); weights must lie inside the file, and "
                "operators must be standard ones."
            ) from None
        inputs = self.graph.get_inputs()
        if len(inputs) != 1:
            raise BadFile(f"The {what} takes {len(inputs)} inputs; export it so that it takes one.")
        self.what, self.name = what, str(inputs[0].name)
        self.shape: list[Any] = list(inputs[0].shape)
        kind = inputs[0].type.removeprefix("tensor(").removesuffix(")")
        if kind not in KINDS:
            raise BadFile(f"The {what} takes numbers of the kind {kind}; export it with float32.")
        self.kind: Any = KINDS[kind]
        many: Any = self.shape[0] if self.shape else None
        count = int(many) if str(many).isdecimal() else 0
        self.one, self.fixed = count == 1, count if count > 1 else None
        if not self.shape:
            raise BadFile(f"The {what} takes a single number; it needs codes (n, d) or pictures.")

    def run(self, rows: np.ndarray) -> list[np.ndarray]:
        """Call the graph for rows (n, ...); one at a time, or filled up, where it takes a fixed number."""
        size = 1 if self.one else self.fixed or len(rows)
        try:
            parts = []
            for at in range(0, len(rows), size):
                part = rows[at : at + size]
                filled = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
                parts.append([np.asarray(made)[: len(part)] for made in self.graph.run(None, {self.name: filled})])
            return [np.concatenate(made) for made in zip(*parts, strict=True)]
        except Exception as error:
            first = str(error).strip().splitlines()[0][:200]
            raise BadFile(f"The {self.what} could not be called with {tuple(rows.shape)}: {first}.") from None

    def code_shape(self) -> tuple[int, ...]:
        """The shape of one code."""
        rest = self.shape[1:]
        if not rest or not all(isinstance(side, int) and side > 0 for side in rest):
            raise BadFile(f"The {self.what}'s input is {self.shape}; all sides of it but the first must be fixed.")
        return tuple(rest)


class Onnx(Foreign):
    """A decoder and perhaps an encoder as ONNX graphs."""

    differentiable = False  # type: ignore[misc]

    def __init__(
        self, shape: tuple[int, int, int], decoder: bytes, encoder: bytes | None, knobs: Mapping[str, Any]
    ) -> None:
        self_files = {"decoder": decoder, **({"encoder": encoder} if encoder else {})}
        session = Session(decoder, "decoder")
        code = session.code_shape()
        super().__init__(shape, int(np.prod(code)))
        self.files, self.code, self.turned = self_files, code, dict(knobs)
        self.decoder, self.reader = session, Session(encoder, "encoder") if encoder else None
        self.encodes = self.reader is not None

    def raw_decode(self, z: Tensor) -> Tensor:
        rows = z.detach().cpu().numpy().reshape(len(z), *self.code).astype(self.decoder.kind)
        made = self.decoder.run(rows)[0]
        x = to_pictures(made, self.shape, self.turned["layout"], self.turned["range"])
        return torch.from_numpy(x).to(z.device)

    def raw_encode(self, x: Tensor) -> Tensor:
        assert self.reader is not None
        rows = from_pictures(
            x.detach().cpu().numpy(), self.turned["encoder_layout"], self.turned["encoder_range"], self.reader.kind
        )
        z = self.reader.run(rows.reshape(len(rows), *_sides(self.reader, rows)))[0].reshape(len(x), -1)
        if z.shape[1] == 2 * self.long:
            z = z[:, : self.long]  # mean and log-variance: the mean is the code
        if z.shape[1] != self.long:
            raise BadFile(f"The encoder gives {z.shape[1]} numbers, but the decoder takes {self.long}.")
        return torch.from_numpy(z.astype(np.float32)).to(x.device)

    def kept(self) -> dict[str, Tensor]:
        return {name: torch.from_numpy(np.frombuffer(file, np.uint8).copy()) for name, file in self.files.items()}

    def __deepcopy__(self, memo: Any) -> Onnx:
        raise NotPossible("A model that onnxruntime runs cannot be copied.")


def _sides(session: Session, rows: np.ndarray) -> tuple[int, ...]:
    rest = session.shape[1:]
    return tuple(rest) if all(isinstance(side, int) for side in rest) else rows.shape[1:]


def probe(folder: Path) -> Probe | None:
    """Return what a folder with one or two ONNX files holds; None where there is none."""
    found = sorted(folder.rglob("*.onnx"))
    if not found:
        return None
    if len(found) > 2:
        raise BadFile(f"There are {len(found)} ONNX files; bring a decoder, and perhaps an encoder.")
    if any(path.stat().st_size > LARGEST for path in found):
        raise BadFile(f"An ONNX file may have {LARGEST / 1e9:.0f} GB at most.")
    readers = [path for path in found if "enc" in path.stem.lower()]
    if len(found) == 2 and len(readers) != 1:
        raise BadFile("Of two ONNX files one must have encoder in its name, and the other decoder.")
    decoder = next((path for path in found if path not in readers), found[0]).read_bytes()
    encoder = readers[0].read_bytes() if len(found) == 2 else None
    session = Session(decoder, "decoder")
    code = session.code_shape()
    noise = seeds.numpy_stream(0).standard_normal((2, *code)).astype(session.kind)
    made = session.run(noise)[0]
    layout, shape = guess_layout(made.shape)
    span = guess_range(made)
    knobs = [
        Knob("layout", layout, "How the decoder lays its pictures out.", choices=LAYOUTS),
        Knob("range", span, "Which numbers stand for black and white.", choices=tuple(RANGES)),
    ]
    if encoder is not None:
        reader = Session(encoder, "encoder")
        sides = [side if isinstance(side, int) else 0 for side in reader.shape]
        given = guess_layout(tuple(sides))[0] if len(sides) == 4 and 0 not in sides[1:] else layout
        taken = "0..255" if reader.kind is np.uint8 else span
        knobs += [
            Knob("encoder_layout", given, "How the encoder wants its pictures.", choices=LAYOUTS),
            Knob("encoder_range", taken, "Which numbers stand for black and white there.", choices=tuple(RANGES)),
        ]
    one = "one picture a call" if session.one else "many pictures a call"
    size = f"{shape[2]} x {shape[1]} {'colour' if shape[0] == 3 else 'grey'}"
    said = f"ONNX: a code of {' x '.join(map(str, code))} numbers becomes a {size} picture, {one}."
    return Probe(
        FAMILY, said, tuple(knobs), lambda given: _opened(shape, decoder, encoder, given), encoder is not None, False
    )


def _opened(shape: tuple[int, int, int], decoder: bytes, encoder: bytes | None, knobs: Mapping[str, Any]) -> Onnx:
    generator = Onnx(shape, decoder, encoder, knobs)
    generator.family, generator.knobs = FAMILY, dict(knobs)
    return generator.eval()  # type: ignore[return-value]


def restore(shape: tuple[int, int, int], knobs: dict[str, Any], state: dict[str, Tensor]) -> Foreign:
    """Return the generator from the bytes of its graphs."""
    files = {name: state[name].numpy().tobytes() for name in ("decoder", "encoder") if name in state}
    if "decoder" not in files:
        raise BadFile("The decoder's graph is missing.")
    return restore_short(_opened(shape, files["decoder"], files.get("encoder"), knobs), state)


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise NotPossible("ONNX models need onnxruntime: `pip install onnxruntime` on the server brings it.") from None
    return onnxruntime
