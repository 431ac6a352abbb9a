"""measure MODEL: numbers about a model on held-out pictures, and about its first map."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from manigen.errors import NotPossible, unknown
from manigen.verbs.base import Result, data_knobs, knobs, load, model, splits

if TYPE_CHECKING:
    import numpy as np

    from manigen import measures
    from manigen.models import Generator

help = "measure a model and its map"


def options(parser: ArgumentParser) -> None:
    from manigen import measures, paths

    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")
    parser.add_argument("--data", help="which data set's pictures are used [the one the model learned from]")
    parser.add_argument("--only", metavar="A,B", help=f"some of {', '.join(measures.cards())} [all]")
    kinds = ", ".join(["geodesic", *paths.cards()])
    parser.add_argument("--kind", default="straight", help=f"how walks are walked: one of {kinds} [straight]")
    parser.add_argument("--even", action="store_true", help="equal steps of a walk change the picture equally")
    parser.add_argument("--n", type=int, default=10_000, help="how many pictures of each kind are compared [10,000]")
    parser.add_argument("--seed", type=int, default=0, help="decides which pictures are drawn where not all are [0]")
    parser.add_argument("--fresh", action="store_true", help="measure again what was measured before")
    data_knobs(parser)
    knobs(parser, paths.cards())


def run(given: Namespace) -> Result:
    from manigen import measures, weights

    known = measures.cards()
    only = None if given.only is None else [name.strip() for name in given.only.split(",") if name.strip()]
    for name in only or ():
        if name not in known:
            raise unknown("measure", name, list(known))
    wanted = {card.facts["of"] for name, card in known.items() if only is None or name in only}
    generator, folder = load(given.model), model(given.model)
    result: Result = {"model": generator.name}
    if "generator" in wanted:
        data, train, test = splits(given, generator)
        walker = _walker(given, generator, folder)
        with _told() as progress:
            found = measures.report(
                generator, train, test, given.seed, only, given.n, progress, not given.fresh, walker
            )
        result |= {"data": data, "split": "test", "pictures": len(test), **measures.flat(found)}
    maps = weights.maps(folder)
    if "map" in wanted and maps:
        result |= {"map": maps[0], **measures.of_map(weights.load_map(folder, maps[0]), given.seed, only)}
    left = sorted(set(only or ()) - set(result))
    if left:
        raise NotPossible(
            f"{left[0]} cannot be measured on {generator.name}, which has no encoder or no map for it, "
            "or the pictures have no labels, no classifier, or are too few."
        )
    return result


def _walker(given: Namespace, generator: Generator, folder: str | Path) -> measures.Walker:
    """Give what walks between codes the way that was asked for, among the codes the model comes with."""
    import numpy as np

    from manigen import companions, measures, paths, weights
    from manigen.nearest import Nearest

    kind, codes = paths.kind_for(generator, given.kind), weights.codes(folder)
    companions.join(generator, codes)  # where they are fitted: a model with one decoder has no fog without
    taught = Nearest(codes.taught)
    settings = paths.knobs_for(generator, kind) | given.knobs

    def walk(starts: np.ndarray, ends: np.ndarray, steps: int) -> np.ndarray:
        members, rulers = paths.members_of(generator), paths.rulers_of(generator)
        ways = paths.between(
            starts, ends, kind, steps, generator.decode, taught, given.even, members, rulers, **settings
        )
        return np.stack([way.codes for way in ways])

    turned = [f"{name}={value}" for name, value in sorted(settings.items())] + ["even"] * given.even
    return measures.Walker(walk, " ".join([kind, *turned]))


@contextmanager
def _told() -> Iterator[Callable[[int, int, str], None]]:
    """Give what a report tells its progress to: a bar where somebody is looking, nothing elsewhere."""
    from tqdm import tqdm

    with tqdm(unit=" measures", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:

        def told(done: int, of: int, title: str) -> None:
            bar.total, bar.n = of, done
            bar.set_postfix_str(title)

        yield told
