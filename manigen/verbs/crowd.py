"""crowd MODEL -n 1000000 --out DIR: a model of the same weights with many drawn codes, to see maps of many.

The codes are the model's own draws. They are no pictures of anything, so each takes the class of the model's real code
nearest to it, and nothing is known of its error. Open it with MANIGEN_WEIGHTS=<the folder that DIR lies in>.
"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from manigen.verbs.base import Result, model, say

help = "draw many codes of a model and lay them out"
MOST, ASKED = 5_000_000, 1000  # codes; and of how many it is found out how far their nearest fellow lies


def options(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")
    parser.add_argument("-n", type=int, default=1_000_000, help="how many codes [1,000,000]")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same codes [0]")
    parser.add_argument("--maps", default="pca", help="which maps are fitted, the first shown first [pca]")
    parser.add_argument("--out", required=True, help="the folder the model ends in")


def run(given: Namespace) -> Result:
    import numpy as np

    from manigen import checks, projections, seeds, weights
    from manigen.nearest import Nearest
    from manigen.weights import Codes

    n = checks.count(given.n, "n", 100, MOST)
    methods = [name for name in given.maps.split(",") if name]
    for method in methods:
        projections.card_of(method)
    place = weights.place_for(given.out)
    folder = model(given.model)
    card, held, generator = weights.info(folder), weights.codes(folder), weights.load(folder)
    say(f"drawing {n:,} codes of {generator.name}")
    z = weights.in_half(generator.sample_codes(n, given.seed))
    say("looking for the real code nearest to each")
    rows, _ = Nearest(held.z).find(z)
    say("and how far some of them lie from their nearest fellow")
    far, unknown = np.full(n, np.nan, np.float32), np.full(n, np.nan, np.float32)
    some = seeds.numpy_stream(given.seed, n).choice(n, min(n, ASKED), replace=False)
    far[some] = Nearest(z).find(z[some], 2)[1][:, 1]
    classes = held.labels[rows[:, 0]]
    codes = Codes(z, classes, np.full(n, 2), np.arange(n), unknown, held.classes, far)
    maps = {}
    for method in methods:
        say(f"fitting the {method} map of {n:,} codes")
        maps[method] = projections.fit_map(z, method, given.seed)
    say("measuring where they lie, and writing")
    words = ["python", "-m", "manigen", "crowd", str(given.model), "-n", str(n), "--seed", str(given.seed)]
    words += ["--maps", given.maps, "--out", given.out]
    title = f"{card.get('title') or generator.name}: {n:,} draws"
    weights.save(generator, place, codes, maps, {}, card["data"], title=title, command=shlex.join(words))
    return {
        "folder": str(place),
        "model": generator.name,
        "n": n,
        "seed": given.seed,
        "maps": methods,
        "bytes": _size(place),
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
