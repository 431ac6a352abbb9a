"""walk MODEL --from I --to J [--via K ...] --out walk.gif: a walk between the model's codes, and its numbers."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from manigen.errors import BadInput, NotPossible
from manigen.verbs.base import WRITERS, Result, check_out, knobs, load, model, picture_options, write_pictures

help = "walk from one picture to another"


def options(parser: ArgumentParser) -> None:
    from manigen import paths

    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")
    parser.add_argument("--from", dest="start", metavar="I", type=int, required=True, help="row of the model's codes")
    parser.add_argument("--to", dest="end", metavar="J", type=int, required=True, help="row of the model's codes")
    parser.add_argument(
        "--via", metavar="K", type=int, nargs="+", default=[], help="rows that the walk passes through on its way"
    )
    kinds = ", ".join(["geodesic", *paths.cards()])
    parser.add_argument(
        "--kind",
        default="geodesic",
        help=f"one of {kinds} [geodesic: the best for this model], or one for each leg with + between",
    )
    parser.add_argument("--steps", type=int, default=65, help="how many pictures [65]")
    parser.add_argument("--even", action="store_true", help="equal steps change the picture equally")
    parser.add_argument(
        "--out", help="the file to write: .gif, .mp4, .png or .webp (a strip), .html (a page with a slider), .npz"
    )
    picture_options(parser)
    knobs(parser, paths.cards())


def run(given: Namespace) -> Result:
    import numpy as np

    from manigen import companions, files, held_out, paths, weights

    suffix = check_out(given.out, *WRITERS, ".mp4", ".html") if given.out else None
    generator = load(given.model)
    codes = weights.codes(model(given.model))
    apart = held_out.at_hand(weights.info(model(given.model))["data"], generator.shape)
    rows = [given.start, *given.via, given.end]
    for row in rows:
        if not 0 <= row < len(codes):
            raise BadInput(f"{generator.name} comes with codes 0 to {len(codes) - 1:,}; there is no code {row}.")
    kind = paths.kind_for(generator, given.kind)
    if "fog" in kind.split(paths.MIX) and not companions.join(generator, codes, look=True):
        raise NotPossible(
            f"Fog needs a model with several decoders, and {generator.name} has one: "
            f"python -m manigen fog {given.model} fits companions to it, once."
        )
    found = paths.walk_through(
        generator, list(codes.z[rows]), kind, given.steps, codes.taught, given.even, held_out=apart, **given.knobs
    )
    far = np.asarray(found.distance_to_data)
    if suffix == ".npz":
        files.write_npz(Path(given.out), {"codes": found.codes, "steps": found.steps, "distance_to_data": far})
    elif suffix == ".html":
        from manigen.figures.page import walk_page

        titles = ", ".join(paths.cards()[name].title for name in found.kind.split(paths.MIX))
        floor = None if apart is None else apart.floor(generator, codes)
        facts = found.facts(floor, given.knobs.get("ruler", paths.base.PIXELS))
        told = {"title": titles, "x": generator.decode(found.codes), "facts": facts, "note": " ".join(found.notes)}
        title = f"{generator.name}: {' to '.join(map(str, rows))}"
        files.write_bytes(Path(given.out), walk_page(title, "All pictures are generated.", [told]))
    elif suffix:
        write_pictures(given, generator.decode(found.codes))
    return {
        "model": generator.name,
        "kind": found.kind,
        "from": given.start,
        "via": given.via,
        "to": given.end,
        "steps": len(found.codes),
        "length": found.length,
        "energy": found.energy,
        "evenness": found.evenness,
        "mean_distance_to_data": float(far.mean()),
        "greatest_distance_to_data": float(far.max()),
        **_told("held_out_distance", found.held_out_distance),
        "held_out_floor": None if apart is None else apart.floor(generator, codes),
        **_told("fog", found.fog),
        "converged": found.converged,
        "residual": found.residual,
        "bridges": 0.0 if found.bridges is None else float(found.bridges.mean()),
        "notes": list(found.notes),
        "out": given.out,
    }


def _told(name: str, along: Any) -> Result:
    """What is measured along a walk, (k,) or None, as its mean and its greatest value."""
    if along is None:
        return {f"mean_{name}": None, f"greatest_{name}": None}
    return {f"mean_{name}": float(along.mean()), f"greatest_{name}": float(along.max())}
