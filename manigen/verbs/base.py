"""What the verbs share: finding a model, turning cards into options, writing pictures, saying what is going on."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manigen.errors import BadInput

if TYPE_CHECKING:
    from manigen.cards import Card
    from manigen.datasets import Images
    from manigen.models import Generator

Result = dict[str, Any]
WRITERS = (".png", ".webp", ".gif", ".npz")  # what pictures can be written as
SEEN_SIDE = 112  # pixels: smaller pictures are enlarged, pixel by pixel, to about this
STRIP = 17  # frames of a walk, at most, that a strip of it shows


class Stopped(Exception):
    """The person stopped the work; the message says what is kept and how to go on."""


def say(stage: str) -> None:
    """Tell on standard error what is being done, while standard output waits for the result."""
    print(stage[:1].upper() + stage[1:] + ".", file=sys.stderr, flush=True)


# --- models -----------------------------------------------------------------------------------------------------------


def model(text: str) -> str | Path:
    """Return a model's name, or its folder where the text is a path and no name."""
    from manigen import weights

    path = Path(text).expanduser()
    return path if text not in weights.names() and (path / weights.CARD).is_file() else text


def load(text: str) -> Generator:
    """Return the generator of a model by its name or its folder."""
    from manigen import weights

    return weights.load(model(text))


# --- knobs ------------------------------------------------------------------------------------------------------------


class _Turn(argparse.Action):
    """Put a knob's value under its name in the dictionary `dest`, as text; its card reads it."""

    def __call__(self, parser: object, namespace: argparse.Namespace, values: Any, option: str | None = None) -> None:
        setattr(namespace, self.dest, {**getattr(namespace, self.dest), self.const: values or "true"})


def knobs(parser: argparse.ArgumentParser, cards: Mapping[str, Card], dest: str = "knobs", prefix: str = "") -> None:
    """Add every knob of several cards as an option, `--code-l2` for `code_l2`; which card takes which, the card checks.

    What is given is found in the dictionary `dest`. Its help names the cards, the ranges and the defaults.
    """
    owners: dict[str, list[tuple[str, Any]]] = {}
    for name, card in cards.items():
        for knob in card.knobs:
            owners.setdefault(knob.name, []).append((name, knob))
    parser.set_defaults(**{dest: {}})
    group = parser.add_argument_group("knobs" if not prefix else f"knobs of {prefix.rstrip('-')}")
    for knob_name, owned in owners.items():
        knob = owned[0][1]
        names = "" if len(owned) == len(cards) else f" ({', '.join(name for name, _ in owned)})"
        span = f"{knob.low:g} to {knob.high:g}, " if knob.low is not None and knob.high is not None else ""
        choices = f"{', '.join(map(str, knob.choices))}; " if knob.choices else ""
        usual = {str(one.default): [name for name, other in owned if other.default == one.default] for _, one in owned}
        default = ", ".join(f"{of} ({', '.join(who)})" for of, who in usual.items()) if len(usual) > 1 else knob.default
        group.add_argument(
            f"--{prefix}{knob_name.replace('_', '-')}",
            action=_Turn,
            dest=dest,
            const=knob_name,
            nargs="?" if isinstance(knob.default, bool) else None,
            default=argparse.SUPPRESS,
            metavar="VALUE",
            help=f"{knob.help} [{choices}{span}default {default}]{names}".replace("%", "%%"),
        )


def data_knobs(parser: argparse.ArgumentParser) -> None:
    """Add the knobs of every data set as options, `--data-size` for `size`."""
    from manigen.datasets import card_of, names

    knobs(parser, {name: card_of(name) for name in [*names(), "own"]}, "data_knobs", "data-")


# --- files to write ---------------------------------------------------------------------------------------------------


def picture_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for how pictures are written."""
    parser.add_argument("--scale", type=int, help="how many pixels wide a pixel is drawn [what makes them easy to see]")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long a film takes [4]")


def check_out(out: str, *allowed: str) -> str:
    """Return the ending of a file to write; raise `BadInput`, before the work begins, where it cannot be written."""
    suffix = Path(out).suffix.lower()
    if suffix not in allowed:
        raise BadInput(f"The name of the file to write must end in {' or '.join(allowed)}, and {out} does not.")
    if Path(out).is_dir():
        raise BadInput(f"{out} is a folder; name a file to write.")
    return suffix


def write_pictures(given: argparse.Namespace, x: Any, columns: int | None = None) -> None:
    """Write images x (n, c, h, w) as what was named: a film, or a sheet (without `columns` a strip of a few frames)."""
    from manigen import files
    from manigen.figures import pictures

    scale = max(1, round(SEEN_SIDE / x.shape[2])) if given.scale is None else given.scale
    suffix = Path(given.out).suffix.lower()
    if suffix in (".gif", ".mp4"):
        content = (pictures.gif if suffix == ".gif" else pictures.mp4)(x, given.seconds, scale)
    else:
        image = pictures.strip(x, STRIP) if columns is None else pictures.sheet(x, columns)
        content = (pictures.png if suffix == ".png" else pictures.webp)(image, scale)
    files.write_bytes(Path(given.out), content)


def square(n: int) -> int:
    """Return how many columns make n pictures a square sheet."""
    return math.isqrt(n - 1) + 1


# --- pictures to read -------------------------------------------------------------------------------------------------


def is_own(data: str) -> bool:
    """Return whether `data` is a path to pictures of one's own, and not the name of a data set."""
    from manigen import datasets

    return datasets.card_of(data) is datasets.card_of("")


def as_own(shape: Sequence[int]) -> dict[str, Any]:
    """Return the knobs that make one's own pictures fit a model of this shape (c, h, w)."""
    return {"size": shape[1], "channels": {1: "grey", 3: "colour"}[shape[0]]}


def splits(given: argparse.Namespace, generator: Generator) -> tuple[str, Images, Images]:
    """Return what a model learned from, or what --data names: what it is called, its train and its test pictures."""
    from manigen import datasets, weights

    data = given.data or weights.info(model(given.model))["data"].get("name", "")
    if is_own(data) and given.data is None:
        raise BadInput(f"{generator.name} was trained on somebody's own pictures ({data}); name them with --data.")
    settings = {**(as_own(generator.shape) if is_own(data) else {}), **given.data_knobs}
    return data, datasets.load(data, "train", **settings), datasets.load(data, "test", **settings)
