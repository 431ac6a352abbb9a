"""sample MODEL -n 64 --out grid.png: pictures drawn from the model's own distribution over codes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from manigen.verbs.base import (
    WRITERS,
    Result,
    check_out,
    knobs,
    load,
    model,
    picture_options,
    say,
    square,
    write_pictures,
)

if TYPE_CHECKING:
    from manigen.models import Generator

help = "draw new pictures"


def options(parser: ArgumentParser) -> None:
    from manigen import samplers

    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")
    parser.add_argument("-n", type=int, default=64, help="how many pictures [64]")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same pictures [0]")
    parser.add_argument("--out", required=True, help="the file to write: .png, .webp, .gif, or .npz with x and z")
    parser.add_argument("--columns", type=int, help="pictures side by side [a square]")
    parser.add_argument("--sampler", choices=[*samplers.cards()], help="where codes are drawn from [the model's own]")
    parser.add_argument("--reject", type=float, default=0.0, help="share of draws, the least steady, to leave out [0]")
    knobs(parser, samplers.cards(), "sampler_knobs", "sampler-")
    picture_options(parser)


def run(given: Namespace) -> Result:
    from manigen import files

    suffix = check_out(given.out, *WRITERS)
    generator = load(given.model)
    if given.sampler is not None or given.sampler_knobs:
        _fit_another(generator, given)
    z = generator.sample_codes(given.n, given.seed, given.reject)
    x = generator.decode(z)
    if suffix == ".npz":
        files.write_npz(Path(given.out), {"z": z, "x": x})
    else:
        write_pictures(given, x, given.columns or square(len(x)))
    return {"model": generator.name, "n": len(x), "seed": given.seed, "out": given.out}


def _fit_another(generator: Generator, given: Namespace) -> None:
    """Give a generator the sampler that was asked for, fitted to its shipped codes where it is not its own."""
    from manigen import samplers, weights

    own = type(generator.sampler).__module__.rpartition(".")[2] if generator.sampler is not None else "normal"
    name = given.sampler or own
    turned = samplers.card_of(name).typed(given.sampler_knobs)
    if name == own and not turned:
        return
    codes = weights.codes(model(given.model))
    trained_on = codes.split == weights.SPLITS.index("train")
    z = codes.z[trained_on] if trained_on.any() else codes.z
    say(f"fitting the {name} sampler to {len(z):,} codes of {generator.name}, whose own is {own}")
    generator.sampler = samplers.fit(name, z, 0, samplers.silent, **turned)
    if adjusted := getattr(generator.sampler, "adjusted", ""):
        say(adjusted)
