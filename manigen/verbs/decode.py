"""decode MODEL codes.npz --out strip.png: codes to pictures."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from manigen.errors import BadInput
from manigen.verbs.base import STRIP, WRITERS, Result, check_out, load, picture_options, square, write_pictures

help = "turn codes into pictures"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")
    parser.add_argument("codes", metavar="CODES", help="an npz file with codes z (n, d)")
    parser.add_argument(
        "--out", required=True, help="the file to write: .png, .webp, .gif, or .npz with x (n, c, h, w)"
    )
    parser.add_argument("--columns", type=int, help="pictures side by side [all of a few, a square of many]")
    picture_options(parser)


def run(given: Namespace) -> Result:
    from manigen import files

    suffix = check_out(given.out, *WRITERS)
    held = files.read_npz(Path(given.codes))
    wide = [name for name, array in held.items() if array.ndim == 2]
    name = "z" if "z" in held else wide[0] if len(wide) == 1 else None
    if name is None:
        raise BadInput(f"{given.codes} must hold codes (n, d) as z; it has {', '.join(held) or 'nothing'}.")
    generator = load(given.model)
    x = generator.decode(held[name])
    if suffix == ".npz":
        files.write_npz(Path(given.out), {"x": x})
    else:
        write_pictures(given, x, given.columns or (len(x) if len(x) <= 2 * STRIP else square(len(x))))
    return {"model": generator.name, "pictures": len(x), "shape": list(x.shape[1:]), "out": given.out}
