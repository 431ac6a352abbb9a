"""bring SOURCE --out DIR: make a model's folder of one that was trained elsewhere."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from manigen.verbs.base import Result, say

help = "bring a model trained elsewhere: ONNX, diffusers, tiny autoencoders, TorchScript, a class of yours"
KNOBS = ("layout", "range", "encoder_layout", "encoder_range", "size", "dim")


def options(parser: ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="a folder or file of the model's, or module:Class of your own")
    parser.add_argument("--out", required=True, help="the folder the model ends in")
    parser.add_argument("--data", help="a data set's name, or a folder or zip of pictures, to encode for its maps")
    parser.add_argument("--title", default="", help="what it is called [the source's name]")
    parser.add_argument("--short", type=int, help="numbers in a code, at most [256]; 0 leaves it as it is")
    parser.add_argument("--maps", default="umap,pca", help="which maps are fitted, the first shown first")
    parser.add_argument("--rows", type=int, default=3000, help="codes kept of each split [3,000]")
    for name in KNOBS:
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"put right what was guessed: {name.replace('_', ' ')}")
    parser.add_argument(
        "--allow-code", action="store_true", help="open formats that are code and would run here: TorchScript, .pt2"
    )


def run(given: Namespace) -> Result:
    import os

    from manigen import datasets, foreign, weights
    from manigen.errors import BadInput
    from manigen.foreign import base, python
    from manigen.workshop import bringing

    own_class = ":" in given.source and not Path(given.source).exists()
    if given.allow_code or own_class:
        os.environ[foreign.ALLOW] = "1"
        if given.allow_code:
            say("opening a format that can run code, as you allowed")
    if own_class and "" not in sys.path:
        sys.path.insert(0, "")
    source = Path(given.source).expanduser()
    if not own_class and not source.exists():
        raise BadInput(f"{given.source} is neither a file or folder nor module:Class.")
    with tempfile.TemporaryDirectory() as place:
        folder = source
        if not own_class and source.is_file():
            folder = Path(place)
            shutil.copy(source, folder / source.name)
        found = python.named(given.source) if own_class else foreign.probe(folder)
        say(found.said.rstrip("."))
        turned = {name: value for name in KNOBS if (value := getattr(given, name)) is not None}
        unknown = sorted(set(turned) - {knob.name for knob in found.knobs})
        if unknown:
            raise BadInput(
                f"This model has no {unknown[0]!r} to put right; it has {[knob.name for knob in found.knobs]}."
            )
        generator = found.open(found.settings(turned))
    train = test = None
    if given.data is not None and generator.encodes:
        knobs = {} if datasets.card_of(given.data) is not datasets.card_of("") else {
            "size": generator.shape[1], "channels": "grey" if generator.shape[0] == 1 else "colour"
        }  # fmt: skip
        train, test = (datasets.load(given.data, split, **knobs) for split in ("train", "test"))
        if train.shape != generator.shape:
            raise BadInput(f"The pictures of {given.data} are {train.shape}, and this model takes {generator.shape}.")
    short = (base.LONGEST if generator.dim > base.LONGEST else 0) if given.short is None else given.short
    words = ["python", "-m", "manigen", "bring", given.source, "--out", given.out]
    for name, value in {"data": given.data, **turned}.items():
        words += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
    title = given.title or source.stem
    maps = tuple(name for name in given.maps.split(",") if name)
    made = bringing.build(
        generator, given.out, title, train, test,
        short=short, maps=maps, rows=given.rows, command=shlex.join(words), data=given.data or "",
        progress=lambda stage, share: None if share else say(stage),
    )  # fmt: skip
    card = weights.info(made)
    shown = ("name", "title", "family", "shape", "dim", "encodes", "differentiable", "code_kept", "measures", "maps")
    return {"folder": str(made), **{entry: card[entry] for entry in shown if entry in card}}
