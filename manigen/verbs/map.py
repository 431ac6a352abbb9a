"""map MODEL --method umap --out map.npz: a map of the model's codes, and how far it can be trusted.

A map that ships with the model, or that was fitted on this machine before, by a page or here, is read and not fitted.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from manigen.verbs.base import Result, check_out, knobs, model, say

help = "fit a map of a model's codes"


def options(parser: ArgumentParser) -> None:
    from manigen import projections

    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")
    parser.add_argument("--method", default="umap", help=f"one of {', '.join(projections.cards())} [umap]")
    parser.add_argument("--seed", type=int, default=0, help="decides all that is left to chance [0]")
    parser.add_argument("--dims", type=int, choices=(2, 3), default=2, help="2-D or 3-D [2]")
    parser.add_argument("--out", help="the npz file to write: points (n, 2), and what brings the map back")
    parser.add_argument("--fresh", action="store_true", help="fit it even where this very map ships or is kept on disk")
    knobs(parser, projections.cards())


def run(given: Namespace) -> Result:
    import numpy as np

    from manigen import files, maps, measures, projections, weights

    if given.out:
        check_out(given.out, ".npz")
    folder = model(given.model)
    about, codes = weights.info(folder), weights.codes(folder)
    settings: dict[str, Any] = projections.card_of(given.method).settings(given.knobs)
    held = about.get("maps", {}).get(given.method, {})
    ships = given.dims == 2 and (held.get("knobs"), held.get("seed")) == (settings, given.seed)
    atlas, source = None, "fitted"
    if ships and not given.fresh:
        atlas, source = weights.load_map(folder, given.method, codes.z), "shipped"
    elif not given.fresh:
        atlas = maps.known(codes.z, given.method, given.seed, given.dims, **settings)
    if atlas is None:
        say(f"fitting the {given.method} map of {len(codes):,} codes")
        atlas = maps.refit(codes.z, given.method, given.seed, given.dims, **settings)
    elif not ships:
        source = "disk"
        say("this map was fitted before and is read from disk; --fresh fits it again")
    found = measures.of_map(atlas)
    if given.out:
        rows = {"z": codes.z, "labels": codes.labels, "split": codes.split, "rows": codes.rows}
        facts = {"method": np.array(given.method), "knobs": np.array(json.dumps(settings))}
        numbers = {name: np.array(value) for name, value in found.items()}
        files.write_npz(Path(given.out), {**atlas.arrays(), "points": atlas.p, **rows, **facts, **numbers})
    return {
        "model": about["name"],
        "method": given.method,
        "knobs": settings,
        "seed": given.seed,
        "dims": given.dims,
        "points": len(atlas.p),
        "fitted": source == "fitted",
        "source": source,
        "library": atlas.library,
        **found,
        "notes": list(atlas.notes),
        "out": given.out,
    }
