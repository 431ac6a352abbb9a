"""sample MODEL -n 64 --out grid.png: pictures drawn from the model's own distribution over codes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from manigen.verbs.base import WRITERS, Result, check_out, load, picture_options, square, write_pictures

help = "draw new pictures"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")
    parser.add_argument("-n", type=int, default=64, help="how many pictures [64]")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same pictures [0]")
    parser.add_argument("--out", required=True, help="the file to write: .png, .webp, .gif, or .npz with x and z")
    parser.add_argument("--columns", type=int, help="pictures side by side [a square]")
    picture_options(parser)


def run(given: Namespace) -> Result:
    from manigen import files

    suffix = check_out(given.out, *WRITERS)
    generator = load(given.model)
    z = generator.sample_codes(given.n, given.seed)
    x = generator.decode(z)
    if suffix == ".npz":
        files.write_npz(Path(given.out), {"z": z, "x": x})
    else:
        write_pictures(given, x, given.columns or square(len(x)))
    return {"model": generator.name, "n": len(x), "seed": given.seed, "out": given.out}
