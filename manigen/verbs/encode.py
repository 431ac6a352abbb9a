"""encode MODEL IMAGES --out codes.npz: pictures to codes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from manigen.errors import BadFile, NotPossible
from manigen.verbs.base import Result, as_own, check_out, data_knobs, is_own, load, model, say

if TYPE_CHECKING:
    import numpy as np

    from manigen.datasets import Images
    from manigen.models import Generator

help = "turn pictures into codes"
CHUNK = 2000  # pictures held as floats at once


def options(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")
    parser.add_argument("images", metavar="IMAGES", help="a picture, a folder or zip of them, or a data set's name")
    parser.add_argument("--out", required=True, help="the npz file to write: z (n, d), labels, classes")
    parser.add_argument("--split", choices=("train", "test"), default="test", help="which split of a data set [test]")
    parser.add_argument(
        "--search",
        action="store_true",
        help="look for each picture's code by optimisation; no encoder is needed",
    )
    data_knobs(parser)


def run(given: Namespace) -> Result:
    import numpy as np

    from manigen import files, weights

    check_out(given.out, ".npz")
    generator = load(given.model)
    if not generator.encodes and not given.search:
        raise NotPossible(
            f"{generator.name} ({generator.family}) has no encoder: --search looks for each picture's code instead."
        )
    parts = _pictures(given, generator.shape)
    known = weights.codes(model(given.model)).z if given.search else None
    z, error, count = [], 0.0, sum(map(len, parts))
    for images in parts:
        for at in range(0, len(images), CHUNK):
            x = images.take(slice(at, at + CHUNK)).float()
            z.append(_searched(generator, x, known, count) if given.search else generator.encode(x))
            error += float(np.square(generator.decode(z[-1]) - x).mean(axis=(1, 2, 3), dtype=np.float64).sum())
    codes, labels = np.concatenate(z), np.concatenate([images.labels for images in parts])
    files.write_npz(Path(given.out), {"z": codes, "labels": labels, "classes": np.array(parts[0].classes, dtype=str)})
    skipped = dict(entry for images in parts for entry in images.skipped)
    for name, reason in skipped.items():
        say(f"{name} {reason}; it was left out")
    return {
        "model": generator.name,
        "images": len(codes),
        "dim": generator.dim,
        "searched": given.search,
        "reconstruction_mse": error / len(codes),
        "skipped": len(skipped),
        "out": given.out,
    }


def _searched(generator: Generator, x: np.ndarray, known: np.ndarray | None, count: int) -> np.ndarray:
    """Look for the codes of pictures x, telling how far it is."""
    import sys

    from manigen import inversion

    shown = -1

    def progress(share: float) -> None:
        nonlocal shown
        if int(10 * share) > shown:
            shown = int(10 * share)
            print(f"{share:4.0%} of {len(x):,} of {count:,} pictures", file=sys.stderr, flush=True)

    return inversion.search(generator, x, known, progress=progress).z


def _pictures(given: Namespace, shape: tuple[int, int, int]) -> list[Images]:
    """Return what is to be encoded: one file, one split of a data set, or both splits of a folder or zip."""
    from manigen import datasets

    path, own = Path(given.images).expanduser(), is_own(given.images)
    if own and path.is_file() and path.suffix.lower() != ".zip":
        return [one_picture(path, shape, datasets.card_of(given.images).settings(given.data_knobs))]
    if not own or not path.exists():
        return [datasets.load(given.images, given.split, **given.data_knobs)]
    found, wrong = [], None
    for split in ("train", "test"):
        try:
            found.append(datasets.load(given.images, split, **{**as_own(shape), **given.data_knobs}))
        except BadFile as error:  # a folder of one picture has no test split
            wrong = wrong or error
    if wrong and not found:
        raise wrong
    return found


def one_picture(path: Path, shape: tuple[int, int, int], settings: Mapping[str, object]) -> Images:
    """Return the one picture of a file, made ready for a model of this shape (c, h, w); `BadFile` where it is none."""
    import numpy as np

    from manigen.datasets import Images
    from manigen.datasets.own import MAX_BYTES, read_picture

    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadFile(f"{path.name} cannot be read: {error.strerror or error}.") from None
    x = read_picture(content, shape, str(settings["fit"]), str(settings["background"]), path.name)
    return Images(x[None], np.array([-1]), (), path.name, "test")
