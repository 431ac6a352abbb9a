"""What walks are worth: every kind between held-out pictures of different classes, over data, dimensions and trainings.

    python -m benchmarks.walks [--data mnist] [--dims 2,8,16] [--seeds 3] [--images 100000] [--family geometric]
        [--pairs 256] [--out runs/zoo] [--json]

Each model is trained here, in the folder and by the recipe of `benchmarks.zoo`, so that runs which are there already
are used. The density geodesic's knobs, and which kind is the model's own geodesic, are chosen on training pictures that
were kept back; every figure is of test pictures. The pairs are the same for every training, so that it can be said how
much a length hangs on the training: `length_variation` is the standard deviation of a pair's length over the seeds in
units of its mean, averaged over pairs (Syrota, Moreno-Muñoz, Hauberg 2024).

`midpoint_frechet_distance` compares the pictures half-way along the walks with held-out ones; with few pairs it reads
high, so compare the kinds with each other, not with other tables.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks import zoo
from manigen import files, geodesic
from manigen.errors import ManigenError
from manigen.measures.frechet_distance import between
from manigen.weights import Codes

GRID = tuple((kind, knobs) for kind, knobs in geodesic.GRID if kind != "pullback" or knobs == {"ruler": "pixels"})
CODES = 5000  # of each split
CHOSEN_ON = 48  # kept-back pairs
SHOWN = (
    "held_out_distance",
    "sharpness",
    "confidence",
    "lowest_confidence",
    "midpoint_frechet_distance",
    "evenness",
    "length",
    "not_converged",
)
OWN = "geodesic"  # the row of the kind that each training chose


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist", help="a data set's name")
    parser.add_argument("--dims", default="2,8,16", help="dimensions of the code, by commas")
    parser.add_argument("--seeds", type=int, default=3, help="how many training seeds, from 0 up")
    parser.add_argument("--images", type=int, default=100_000, help="pictures each training sees")
    parser.add_argument("--family", default="geometric")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--pairs", type=int, default=256)
    parser.add_argument("--out", default="runs/zoo", help="where runs are kept")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    given = parser.parse_args(arguments)
    try:
        found = {dim: [one(given, dim, seed) for seed in range(given.seeds)] for dim in map(int, given.dims.split(","))}
    except (ManigenError, ValueError) as error:
        parser.error(str(error))
    told = {dim: summary(runs) for dim, runs in found.items()}
    print(json.dumps(told) if given.json else "\n\n".join(table(given, dim, rows) for dim, rows in told.items()))


def one(given: argparse.Namespace, dim: int, seed: int) -> dict[str, Any]:
    """Train, or read, one model and walk on it; return its floor, its geodesic, each kind's figures and lengths."""
    folder = Path(given.out) / f"{given.data}-{given.family}-{dim}-{given.images}-{seed}"
    figures = folder.with_suffix(f".walks-{given.pairs}.json")
    if figures.is_file():
        return files.read_json(figures)
    run, generator = zoo.trained(SimpleNamespace(**{**vars(given), "dim": dim}), given.family, seed, folder)
    known = codes(generator, run.train, run.test)
    on = geodesic.ground(generator, known, run.train, CHOSEN_ON, kept_back=True)
    on_test = geodesic.ground(generator, known, run.test, given.pairs)
    chosen = geodesic.choose(on, progress=lambda words: zoo.say(f"{folder.name}: {words}"), grid=GRID)
    kinds = {}
    for kind, told in chosen["walks"]["kinds"].items():
        zoo.say(f"{folder.name}: {len(on_test.starts)} walks, {kind}")
        kinds[kind] = {**walked(on_test, kind, told["knobs"]), "knobs": told["knobs"]}
    found = {"floor": on_test.floor, "geodesic": chosen["geodesic"], "kinds": kinds}
    files.write_json(figures, found)
    return found


def codes(generator: Any, *splits: Any) -> Codes:
    """Return the codes of the first pictures of each split, as a model that ships has them."""
    z, labels = [], []
    for images in splits:
        some = images.take(slice(CODES))
        x = some.float()
        z.append(np.concatenate([generator.encode(x[at : at + 500]) for at in range(0, len(x), 500)]))
        labels.append(np.asarray(some.labels))
    sizes = [len(part) for part in z]
    return Codes(
        np.concatenate(z),
        np.concatenate(labels),
        np.repeat(np.arange(len(splits)), sizes),
        np.concatenate([np.arange(size) for size in sizes]),
        np.full(sum(sizes), np.nan),
    )


def walked(on: geodesic.Ground, kind: str, knobs: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one kind's walks, and the length of each."""
    ways = on.walk(kind, knobs)
    x = on.pictures(ways)
    lengths = np.linalg.norm(np.diff(x.reshape(*x.shape[:2], -1), axis=1), axis=2).sum(axis=1)
    real = on.extractor.of(on.held_out.reshape(-1, *x.shape[2:]))
    half_way = between(real, on.extractor.of(x[:, geodesic.FRAMES // 2]))
    return {**on.judge(ways), "midpoint_frechet_distance": half_way, "lengths": lengths.tolist()}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return each kind's figures as mean and spread (half the range) over the trainings, and of what each chose."""
    told: dict[str, Any] = {
        "floor": [run["floor"] for run in runs],
        "chosen": [{"kind": run["geodesic"], "knobs": run["kinds"][run["geodesic"]]["knobs"]} for run in runs],
    }
    rows = {kind: [run["kinds"][kind] for run in runs] for kind in runs[0]["kinds"]}
    rows[OWN] = [run["kinds"][run["geodesic"]] for run in runs]
    for kind, figures in rows.items():
        row: dict[str, Any] = {}
        for name in SHOWN:
            if all(name in one for one in figures):
                row |= spread(name, [one[name] for one in figures])
        lengths = np.array([one["lengths"] for one in figures])
        if len(lengths) > 1:
            row["length_variation"] = float((lengths.std(axis=0, ddof=1) / lengths.mean(axis=0)).mean())
        told[kind] = row
    return told


def spread(name: str, values: list[float]) -> dict[str, float]:
    return {name: float(np.mean(values)), f"{name}_spread": (max(values) - min(values)) / 2}


def table(given: argparse.Namespace, dim: int, rows: dict[str, Any]) -> str:
    """Return one dimension's rows as a Markdown table."""
    shown = [*SHOWN, "length_variation"]
    lines = [
        f"{given.data}, {given.family}, d = {dim}, {given.seeds} trainings of {given.images:,} pictures, {given.pairs} "
        f"pairs; reconstructions {np.mean(rows['floor']):.3f}; chosen: {', '.join(map(worded, rows['chosen']))}",
        "",
        "| | " + " | ".join(shown) + " |",
        "| --- " * (len(shown) + 1) + "|",
    ]
    for kind, row in rows.items():
        if kind not in ("floor", "chosen"):
            lines.append(f"| {kind} | " + " | ".join(cell(row, name) for name in shown) + " |")
    return "\n".join(lines)


def worded(chosen: dict[str, Any]) -> str:
    return " ".join([chosen["kind"], *(f"{name} {value}" for name, value in chosen["knobs"].items())])


def cell(row: dict[str, Any], name: str) -> str:
    if name not in row:
        return ""
    return f"{row[name]:.4g}" + (f" ± {row[f'{name}_spread']:.2g}" if f"{name}_spread" in row else "")


if __name__ == "__main__":
    main()
