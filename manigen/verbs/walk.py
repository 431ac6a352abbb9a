"""walk MODEL --from I --to J [--via K ...] --out walk.gif: a walk between codes or pictures, and its numbers.

walk --link "http://.../interpolate?..." --out walk.gif: the walk of an Interpolate page, by its address.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manigen.errors import BadInput, NotPossible
from manigen.verbs.base import SEEN_SIDE, STRIP, Result, check_out, knobs, load, model, picture_options, say

if TYPE_CHECKING:
    import numpy as np

    from manigen.links import Asked
    from manigen.models import Generator
    from manigen.paths import Walk
    from manigen.weights import Codes

help = "walk from one picture to another"
FILES = (".gif", ".webp", ".mp4", ".png", ".html", ".npz")


def options(parser: ArgumentParser) -> None:
    from manigen import paths

    end = "row of the model's codes, or a picture file"
    parser.add_argument("model", metavar="MODEL", nargs="?", help="a model's name, or its folder")
    parser.add_argument("--from", dest="start", metavar="I", help=end)
    parser.add_argument("--to", dest="end", metavar="J", help=end)
    parser.add_argument(
        "--via", metavar="K", nargs="+", default=[], help="rows or pictures that the walk passes through on its way"
    )
    parser.add_argument(
        "--link", help="the address of an Interpolate page: its model, ends, kinds and knobs, in place of all of these"
    )
    kinds = ", ".join(["geodesic", *paths.cards()])
    parser.add_argument(
        "--kind",
        help=f"one of {kinds} [geodesic: the best for this model], or one for each leg with + between; several, with "
        "commas between, are walked side by side",
    )
    parser.add_argument("--steps", type=int, help="how many pictures from end to end [65, or the page's]")
    parser.add_argument("--even", action="store_true", help="equal steps change the picture equally")
    parser.add_argument(
        "--beyond", type=float, default=0.0, metavar="SHARE", help="go on past both ends, by 0 to 1 of the length [0]"
    )
    parser.add_argument("--there-and-back", action="store_true", help="a film runs backwards again")
    parser.add_argument(
        "--out",
        help="the file to write: .gif, .webp or .mp4 (films), .png (a strip), .html (a page with a slider), .npz",
    )
    picture_options(parser)
    parser.set_defaults(seconds=None)  # longer through many ends, as on the page
    knobs(parser, paths.cards())


def run(given: Namespace) -> Result:
    from manigen import companions, files, held_out, paths, weights
    from manigen.nearest import Nearest

    suffix = check_out(given.out, *FILES) if given.out else None
    linked = _linked(given) if given.link else None
    if given.model is None or (linked is None and None in (given.start, given.end)):
        raise BadInput("A walk takes a MODEL with --from and --to, or the --link of an Interpolate page.")
    generator = load(given.model)
    codes = weights.codes(model(given.model))
    apart = held_out.at_hand(weights.info(model(given.model))["data"], generator.shape)
    if linked is None:
        words = [given.start, *given.via, given.end]
        ends = [_end(word, generator, codes) for word in words]
    else:
        words, ends = [str(number) for number in range(1, len(linked.ends) + 1)], list(linked.ends)
    given.steps = _usual(linked, suffix, given.beyond) if given.steps is None else given.steps
    asked = given.kind.split(",") if given.kind else linked.kinds if linked else ["geodesic"]
    kinds = list(dict.fromkeys(paths.kind_for(generator, kind.strip()) for kind in asked))
    if any("fog" in kind.split(paths.MIX) for kind in kinds) and not companions.join(generator, codes, look=True):
        raise NotPossible(
            f"Fog needs a model with several decoders, and {generator.name} has one: "
            f"python -m manigen fog {given.model} fits companions to it, once."
        )
    cards = paths.cards()
    owned = [{knob.name for part in kind.split(paths.MIX) for knob in cards[part].knobs} for kind in kinds]
    found: dict[str, Walk] = {}
    rulers: dict[str, str] = {}
    near = Nearest(codes.z)  # distances are told to all real codes, as on the pages
    for kind, own in zip(kinds, owned, strict=True):
        settings = {
            name: value
            for name, value in given.knobs.items()
            if name in own or not any(name in other for other in owned)  # what no kind has is refused by the first
        }
        settings = {**(linked.knobs.get(kind, {}) if linked else {}), **settings}
        rulers[kind] = str(settings.get("ruler", paths.base.PIXELS)) if "pullback" in kind else paths.base.PIXELS
        way = (ends, kind, given.steps, codes.taught, given.even)
        about: dict[str, Any] = {"held_out": apart, "beyond": given.beyond, "data": near, **settings}
        found[kind] = paths.walk_through(generator, *way, **about)
    floor = None if apart is None else apart.floor(generator, codes)
    if suffix:
        t = linked.t if linked else 0.0
        content = _file(suffix, given, generator, found, rulers, words, ends, floor, t)
        files.write_bytes(Path(given.out), content)
    rows: list[Any] = (
        [int(word) if word.isdecimal() else word for word in words] if linked is None else [None] * len(ends)
    )
    numbers = {kind: _numbers(walk, floor) for kind, walk in found.items()}
    single = next(iter(numbers.values()))
    return {
        "model": generator.name,
        "kind": ",".join(found),
        "from": rows[0],
        "via": rows[1:-1],
        "to": rows[-1],
        "steps": given.steps,
        "beyond": given.beyond,
        **(single if len(numbers) == 1 else {"walks": numbers}),
        "out": given.out,
    }


def _linked(given: Namespace) -> Asked:
    """Return the walk that an Interpolate page's address asks for, its switches and its model put among the `given`."""
    from manigen import links, weights

    said = links.read(given.link)
    given.model = given.model or said["model"]
    asked = links.asked(said, weights.info(model(given.model)))
    given.even, given.there_and_back = given.even or asked.even, given.there_and_back or asked.there_and_back
    given.beyond = given.beyond or asked.beyond
    return asked


def _usual(linked: Asked | None, suffix: str | None, beyond: float) -> int:
    """Return how many pictures a walk has where nobody said: 65, or as many as its page puts into such a file."""
    from manigen import links
    from manigen.figures.walks import FILMS

    if linked is None:
        return 65
    most = links.FILM_STEPS if (suffix or "").lstrip(".") in FILMS else links.STEPS
    return links.steps(len(linked.ends), most, beyond)


def _end(word: str, generator: Generator, codes: Codes) -> np.ndarray:
    """Return the code (d,) of one end: a row of the model's codes, or a picture, encoded or looked for."""
    from manigen import datasets, inversion
    from manigen.verbs.encode import one_picture

    if word.lstrip("-").isdecimal():
        if not 0 <= int(word) < len(codes):
            raise BadInput(f"{generator.name} comes with codes 0 to {len(codes) - 1:,}; there is no code {word}.")
        return codes.z[int(word)]
    path = Path(word).expanduser()
    if not path.is_file():
        raise BadInput(f"An end is a row of the model's codes or a picture file, and {word} is neither.")
    x = one_picture(path, generator.shape, datasets.card_of("").settings({})).float()
    if generator.encodes:
        return generator.encode(x)[0]
    say(f"looking for a code whose picture comes near to {path.name}")
    return inversion.search(generator, x, codes.z).z[0]


def _file(
    suffix: str,
    given: Namespace,
    generator: Generator,
    found: Mapping[str, Walk],
    rulers: Mapping[str, str],
    words: list[str],
    ends: list[np.ndarray],
    floor: float | None,
    t: float,
) -> bytes:
    """Return the walks as the content of a file, as the Interpolate page makes it."""
    import numpy as np

    from manigen import paths
    from manigen.figures import walks
    from manigen.figures.page import walk_page

    first = next(iter(found.values()))
    x = [generator.decode(walk.codes) for walk in found.values()]
    scale, gap = given.scale, 1
    if given.link:  # as the page draws them
        gap = walks.GAP
    elif scale is None:
        scale = max(1, round(SEEN_SIDE / x[0].shape[2]))
    if suffix == ".npz":
        own = {"codes": first.codes, "steps": first.steps, "distance_to_data": np.asarray(first.distance_to_data)}
        more = {"at": first.t, **(own if len(found) == 1 else {})}
        return walks.archive({kind: walk.codes for kind, walk in found.items()}, ends, t, more)
    if suffix == ".png":
        return walks.strips(x, STRIP, given.beyond, scale, gap)
    if suffix != ".html":
        kind = suffix.lstrip(".")
        return walks.film(x, len(ends), given.there_and_back, kind, given.beyond, given.seconds, scale)
    told = [
        {
            "title": ", ".join(paths.cards()[part].title for part in kind.split(paths.MIX)),
            "x": pictures,
            "facts": walk.facts(floor, rulers[kind]),
            "note": " ".join(walk.notes),
        }
        for (kind, walk), pictures in zip(found.items(), x, strict=True)
    ]
    names = " to ".join(Path(word).name for word in words)
    return walk_page(f"{generator.name}: {names}", "All pictures are generated.", told, t, beyond=given.beyond)


def _numbers(walk: Walk, floor: float | None) -> Result:
    """Return what is measured of a walk, between its ends, and how far from data it gets past them."""
    import numpy as np

    far = np.asarray(walk.distance_to_data)
    past = np.concatenate([far[: walk.past], far[len(far) - walk.past :]])
    return {
        "length": walk.length,
        "energy": walk.energy,
        "evenness": walk.evenness,
        **_told("distance_to_data", walk.between(far)),
        "greatest_distance_past_the_ends": float(past.max()) if walk.past else None,
        **_told("held_out_distance", None if walk.held_out_distance is None else walk.between(walk.held_out_distance)),
        "held_out_floor": floor,
        **_told("fog", None if walk.fog is None else walk.between(walk.fog)),
        "converged": walk.converged,
        "residual": walk.residual,
        "bridges": 0.0 if walk.bridges is None else float(walk.between(walk.bridges).mean()),
        "notes": list(walk.notes),
    }


def _told(name: str, along: Any) -> Result:
    """What is measured along a walk, (k,) or None, as its mean and its greatest value."""
    if along is None:
        return {f"mean_{name}": None, f"greatest_{name}": None}
    return {f"mean_{name}": float(along.mean()), f"greatest_{name}": float(along.max())}
