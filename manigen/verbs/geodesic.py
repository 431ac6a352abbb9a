"""geodesic MODEL: walk every kind of path between held-out pictures, and make the best the model's own."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from manigen.verbs.base import Result, data_knobs, load, model, splits

help = "measure a model's walks and choose its geodesic"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")
    parser.add_argument("--data", help="which data set's pictures judge the walks [the one the model learned from]")
    parser.add_argument(
        "--pairs", type=int, default=24, help="how many pairs of held-out pictures are walked between [24]"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides which pairs are drawn [0]")
    parser.add_argument(
        "--odd", action="store_true", help="measure on the other half of the test pictures; what is chosen is the same"
    )
    parser.add_argument(
        "--quick", action="store_true", help="leave out fog and the rulers other than pixels, which take longest"
    )
    parser.add_argument("--dry", action="store_true", help="only tell; leave the model's card as it is")
    data_knobs(parser)


def run(given: Namespace) -> Result:
    from manigen import checks, geodesic, weights

    checks.count(given.pairs, "pairs", 2, 5000)
    generator, folder = load(given.model), model(given.model)
    _, train, test = splits(given, generator)
    codes = weights.codes(folder)
    on = geodesic.ground(generator, codes, train, given.pairs, given.seed, kept_back=True)
    shown = geodesic.ground(generator, codes, test, given.pairs, given.seed, given.odd)
    grid = geodesic.QUICK if given.quick else geodesic.GRID
    found = geodesic.choose(on, shown, lambda words: print(words, file=sys.stderr), grid)
    if not given.dry and not given.odd:
        geodesic.write(folder, found)
    return {"model": generator.name, **found}
