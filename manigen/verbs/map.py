"""map MODEL --method umap --out map.npz: a map of the model's codes, and how far it can be trusted."""

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
    parser.add_argument("--fresh", action="store_true", help="fit it even where the model comes with this very map")
    knobs(parser, projections.cards())


def run(given: Namespace) -> Result:
    import numpy as np

    from manigen import files, measures, projections, weights

    if given.out:
        check_out(given.out, ".npz")
    folder = model(given.model)
    about, codes = weights.info(folder), weights.codes(folder)
    settings: dict[str, Any] = projections.card_of(given.method).settings(given.knobs)
    held = about.get("maps", {}).get(given.method, {})
    ready = given.dims == 2 and not given.fresh and (held.get("knobs"), held.get("seed")) == (settings, given.seed)
    if ready:
        atlas = weights.load_map(folder, given.method, codes.z)
    else:
        say(f"fitting the {given.method} map of {len(codes):,} codes")
        atlas = projections.fit_map(codes.z, given.method, given.seed, given.dims, **settings)
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
        "fitted": not ready,
        **found,
        "notes": list(atlas.notes),
        "out": given.out,
    }
