"""The fusion with each of its terms off: which number does a term move, and by how much?

    python -m benchmarks.ablation [--data mnist] [--images 150000] [--seeds 3] [--save docs/ablation.json] [--fog]

Every variant sees the same pictures in the same order from the same first weights. A term earns its place when the
number it is there for gets worse without it by more than the spread over the seeds. With --fog it is asked what the
decoders' disagreement means: how much of the first one's pictures' variance the others miss at held-out codes, and how
often they disagree more far away from all data. Terms that did not earn their place are at zero by default and can be
asked for by name: --terms full,cycle=0.5,weight_decay=1e-5.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from benchmarks import zoo
from manigen import companions, files, weights
from manigen.errors import ManigenError

OFF: dict[str, dict[str, float]] = {  # what each variant changes
    "full": {},
    "adversarial": {"adversarial": 0.0},
    "between": {"between": 0.0},
    "penalty": {"penalty": 0.0},
    "distance": {"distance": 0.0},
    "isometry": {"isometry": 0.0},
    "code_noise": {"code_noise": 0.0},
    "code_l2": {"code_l2": 0.0},
    "ensemble": {"members": 1},
}
ON: dict[str, dict[str, float]] = {  # what did not earn its place, back again
    "cycle=0.5": {"cycle": 0.5},
    "weight_decay=1e-5": {"weight_decay": 1e-5},
}
CHANGES = {**OFF, **ON}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--images", type=int, default=150_000, help="pictures each run sees")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--dim", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--terms", help="some of the terms, by commas [all]")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--out", default="runs/zoo", help="where runs are kept")
    parser.add_argument("--save", help="a JSON file for the figures, as the Compare page reads it")
    parser.add_argument("--fog", action="store_true", help="ask what the fog of each run means, and nothing else")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.set_defaults(held_out=False)
    given = parser.parse_args(arguments)
    wanted = given.terms.split(",") if given.terms else list(OFF)
    unknown = [term for term in wanted if term not in CHANGES]
    if unknown:
        parser.error(f"There is no term {', '.join(unknown)}; there are {', '.join(CHANGES)}.")
    try:
        if given.fog:
            for term in wanted:
                print(json.dumps({"term": term, "fog": [fog(given, term, seed) for seed in range(given.seeds)]}))
            return
        seeds = range(given.seeds)
        found = {term: [zoo.one(given, "fusion", seed, CHANGES[term], term) for seed in seeds] for term in wanted}
    except ManigenError as error:
        parser.error(str(error))
    about = {"data": given.data, "images": given.images, "seeds": list(seeds)}
    columns = {
        term: {name: [run[name] for run in runs if name in run] for name in zoo.MEASURED}
        for term, runs in found.items()
    }
    if given.save:
        files.write_json(given.save, {**about, "terms": columns})
    if given.json:
        print(json.dumps({**about, "terms": columns}))
    else:
        print(zoo.table(named({term: zoo.summary(runs) for term, runs in found.items()})))


def fog(given: argparse.Namespace, term: str, seed: int) -> dict[str, float]:
    """Return the two figures of one run's fog, trained where it is not; {} where it has one decoder."""
    folder = zoo.place(given, "fusion", seed, term)
    run, generator = zoo.trained(given, "fusion", seed, folder, CHANGES[term])
    if generator.members < 2:
        return {}
    told = companions.own(generator, weights.encode_splits(generator, run.train, run.test, 5000, seed))
    return {"missed": told.missed, "apart": told.apart}


def named(rows: dict[str, Any]) -> dict[str, Any]:
    """Return the rows by what was done to the whole: a term taken away, or put back."""

    def words(term: str) -> str:
        return term if term == "full" else f"with {term}" if term in ON else f"without {term}"

    return {words(term): row for term, row in rows.items()}


if __name__ == "__main__":
    main()
