"""What walks are worth: every kind between held-out pictures of different classes, over data, dimensions and trainings.

    python -m benchmarks.walks [--data mnist] [--dims 2,8,16] [--seeds 3] [--images 100000] [--family geometric]
        [--pairs 256] [--fog 64] [--codes 20000] [--out runs/zoo] [--stability] [--lifts MODEL,...] [--json]

Each model is trained here, in the folder and by the recipe of `benchmarks.zoo`, so that runs which are there already
are used. The density geodesic's knobs, and which kind is the model's own geodesic, are chosen on training pictures that
were kept back, first on few pairs from the whole grid, then about that choice on more; every figure is of test
pictures. Fog, which decodes with five decoders and takes longer than all else, is walked between the first pairs only
and never the one that is chosen. The pairs are the same for every training, so that it can be said how much a length
hangs on the training: `length_variation` is the standard deviation of a pair's length over the seeds in units of its
mean, averaged over pairs (Syrota, Moreno-Muñoz, Hauberg 2024).

With `--stability` only that is told, of kinds whose knobs are the same for every training: `length_variation` as above,
and `length_variation_scaled`, where each training's lengths are first divided by their mean over the pairs, so that a
decoder whose pictures are stronger all over is no other geometry. Nothing is chosen for it, and a training
that is there goes on from its checkpoint, which is at most 500 steps from its end.

With `--lifts` shipped models are walked instead, between `--pairs` of training pictures that are kept back: straight
line, great circle, graph, pull-back, and the density geodesic lifted by 0 to 1.5.

`midpoint_frechet_distance` compares the pictures half-way along the walks with held-out ones; with few pairs it reads
high, so compare the kinds with each other, not with other tables.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks import zoo
from manigen import datasets, files, geodesic, weights
from manigen.errors import ManigenError
from manigen.measures.frechet_distance import between
from manigen.weights import Codes

CHOSEN_ON, CLOSER_ON = 48, 192  # kept-back pairs: of the whole grid, and of what lies about its choice
LONGEST = 1.48  # straight lengths of a choice on those: among the more codes of all, test walks may be a little longer
SHOWN = (
    "held_out_distance",
    "sharpness",
    "sharpness_ratio",
    "confidence",
    "lowest_confidence",
    "midpoint_frechet_distance",
    "evenness",
    "length",
    "not_converged",
)
STEADY: dict[str, tuple[str, dict[str, Any]]] = {  # what is walked alike on every training
    "straight": ("straight", {}),
    "great_circle": ("great_circle", {}),
    "graph": ("graph", {}),
    "density": ("density", {"fear": 1.0, "bandwidth": 0.6}),
    "density, narrow": ("density", {"fear": 0.25, "bandwidth": 0.2}),
    "pullback": ("pullback", {"ruler": "pixels"}),
}
LIFTS = (0.0, 0.75, 1.0, 1.25, 1.5)
LIFTED: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: STEADY[name] for name in ("straight", "great_circle", "graph", "pullback")},
    **{
        f"fear 0.64, bandwidth 0.4, lift {lift}": ("density", {"fear": 0.64, "bandwidth": 0.4, "lift": lift})
        for lift in LIFTS
    },
}
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
    parser.add_argument(
        "--fog", type=int, default=64, help="of how many of the pairs fog is walked, which is slow [64]"
    )
    parser.add_argument("--codes", type=int, default=20_000, help="codes of each split [20000]; 5000 as models ship")
    parser.add_argument("--out", default="runs/zoo", help="where runs are kept")
    parser.add_argument("--stability", action="store_true", help="only how much lengths hang on the training")
    parser.add_argument("--lifts", default="", help="only what a lift does, on these shipped models, by commas")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    given = parser.parse_args(arguments)
    try:
        dims = [int(dim) for dim in given.dims.split(",")]
        if given.lifts:
            lifted = {name: lifts(name, given.pairs) for name in given.lifts.split(",")}
            print(json.dumps(lifted) if given.json else "\n\n".join(lift_table(*row) for row in lifted.items()))
            return
        if given.stability:
            steady = {dim: stability([lengths(given, dim, seed) for seed in range(given.seeds)]) for dim in dims}
            print(json.dumps(steady) if given.json else "\n\n".join(steadiness(given, *row) for row in steady.items()))
            return
        found = {dim: [one(given, dim, seed) for seed in range(given.seeds)] for dim in dims}
    except (ManigenError, ValueError) as error:
        parser.error(str(error))
    told = {dim: summary(runs) for dim, runs in found.items()}
    print(json.dumps(told) if given.json else "\n\n".join(table(given, dim, rows) for dim, rows in told.items()))


def lifts(model: str, pairs: int) -> dict[str, dict[str, float]]:
    """Return what the walks of `LIFTED` are worth on a shipped model, and its reconstructions, by name."""
    generator, known = weights.load(model), weights.codes(model)
    images = datasets.load(weights.info(model)["data"]["name"], "train")
    on = geodesic.ground(generator, known, images, pairs, kept_back=True)
    told = {"reconstructions": on.looks(on.reconstructed)}
    for name, (kind, knobs) in LIFTED.items():
        zoo.say(f"{model}: {len(on.starts)} walks, {name}")
        told[name] = on.judge(on.walk(kind, knobs))
    return told


def lift_table(model: str, told: dict[str, dict[str, float]]) -> str:
    """Return the figures of one model as a table, lengths in those of the straight line."""
    unit = told["straight"]["length"]
    rows = [f"{model}, reconstructions {told['reconstructions']['held_out_distance']:.3f}", ""]
    rows += ["| walk | distance | sharpness | sure, mean / lowest | length |", "| --- | --- | --- | --- | --- |"]
    for name, row in told.items():
        if name in LIFTED:
            sure = f"{row.get('confidence', np.nan):.3f} / {row.get('lowest_confidence', np.nan):.3f}"
            near, sharp = f"{row['held_out_distance']:.3f}", f"{row['sharpness']:.4f}"
            rows.append(f"| {name} | {near} | {sharp} | {sure} | {row['length'] / unit:.2f} |")
    return "\n".join(rows)


def place(given: argparse.Namespace, dim: int, seed: int) -> Path:
    """Return the folder of one training."""
    return Path(given.out) / f"{given.data}-{given.family}-{dim}-{given.images}-{seed}"


def one(given: argparse.Namespace, dim: int, seed: int) -> dict[str, Any]:
    """Train, or read, one model and walk on it; return its floor, its geodesic, each kind's figures and lengths."""
    folder = place(given, dim, seed)
    figures = zoo.beside(folder, f".walks-{given.pairs}-{given.fog}-{given.codes}.json")
    if figures.is_file():
        return files.read_json(figures)
    run, generator = zoo.trained(SimpleNamespace(**{**vars(given), "dim": dim}), given.family, seed, folder)
    known = codes(generator, given.codes, run.train, run.test)
    on, closer_on = (geodesic.ground(generator, known, run.train, n, kept_back=True) for n in (CHOSEN_ON, CLOSER_ON))
    on_test = geodesic.ground(generator, known, run.test, given.pairs)
    chosen = chosen_closely(on, closer_on, lambda words: zoo.say(f"{folder.name}: {words}"))
    kinds = {}
    for kind, told in chosen["walks"]["kinds"].items():
        zoo.say(f"{folder.name}: {len(on_test.starts)} walks, {kind}")
        kinds[kind] = {**walked(on_test, kind, told["knobs"]), "knobs": told["knobs"]}
    if given.fog and geodesic.able(generator, "fog", {}):
        zoo.say(f"{folder.name}: {given.fog} walks, fog")
        few = replace(on_test, starts=on_test.starts[: given.fog], ends=on_test.ends[: given.fog])
        kinds["fog"] = {**walked(few, "fog", {}), "knobs": {}}
    found = {
        "floor": on_test.floor,
        "reconstructions": on_test.looks(on_test.reconstructed),
        "geodesic": chosen["geodesic"],
        "kinds": kinds,
    }
    files.write_json(figures, found)
    return found


def chosen_closely(on: geodesic.Ground, closer_on: geodesic.Ground, progress: Callable[[str], None]) -> dict[str, Any]:
    """Return the choice among all kinds on one ground, made more and more closely on another with more pairs."""
    chosen = geodesic.choose(on, progress=progress, grid=geodesic.QUICK)
    for steps in (geodesic.NEARBY, geodesic.NEARER):
        grid = geodesic.around(chosen["geodesic"], chosen["geodesic_knobs"], steps)
        chosen = geodesic.choose(closer_on, progress=progress, grid=grid, longest=LONGEST)
    return chosen


def codes(generator: Any, most: int, *splits: Any) -> Codes:
    """Return the codes of the first pictures of each split, `most` at most, as a model that ships has them."""
    z, labels = [], []
    for images in splits:
        some = images.take(slice(most))
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
    own = on.seen_along(ways)
    x = on.pictures(on.evened(ways, own))
    real = on.extractor.of(on.held_out.reshape(-1, *x.shape[2:]))
    half_way = between(real, on.extractor.of(x[:, geodesic.FRAMES // 2]))
    return {**on.judge(ways, own), "midpoint_frechet_distance": half_way, "lengths": long(x)}


def long(x: np.ndarray) -> list[float]:
    """Return how long walks are whose pictures are x (k, frames, c, h, w)."""
    return np.linalg.norm(np.diff(x.reshape(*x.shape[:2], -1), axis=1), axis=2).sum(axis=1).tolist()


def lengths(given: argparse.Namespace, dim: int, seed: int) -> dict[str, list[float]]:
    """Return by kind how long the walks of one training are between the pairs; those that are there are read."""
    folder = place(given, dim, seed)
    figures = zoo.beside(folder, f".lengths-{given.pairs}-{given.codes}.json")
    found = files.read_json(figures) if figures.is_file() else {}
    if not set(STEADY) - set(found):
        return found
    run, generator = zoo.trained(SimpleNamespace(**{**vars(given), "dim": dim}), given.family, seed, folder)
    on = geodesic.ground(generator, codes(generator, given.codes, run.train, run.test), run.test, given.pairs)
    for name in (name for name in STEADY if name not in found):
        zoo.say(f"{folder.name}: {len(on.starts)} walks, {name}")
        found[name] = long(on.pictures(on.evened(on.walk(*STEADY[name]))))
    files.write_json(figures, found)
    return found


def stability(trainings: list[dict[str, list[float]]]) -> dict[str, dict[str, float]]:
    """Return by kind how much the length of a walk hangs on the training, from the lengths under each.

    >>> twice = stability([{"straight": [1.0, 2.0]}, {"straight": [2.0, 4.0]}])["straight"]
    >>> round(twice["length_variation"], 4), twice["length_variation_scaled"]  # std of (1, 2) over its mean; one shape
    (0.4714, 0.0)
    """
    if len(trainings) < 2:
        raise ManigenError("How much a length hangs on the training takes two trainings or more.")
    told = {}
    for kind in trainings[0]:
        each = np.array([training[kind] for training in trainings])
        told[kind] = {
            "length": float(each.mean()),
            "length_variation": varied(each),
            "length_variation_scaled": varied(each / each.mean(axis=1, keepdims=True)),
        }
    return told


def varied(each: np.ndarray) -> float:
    """The standard deviation over trainings, in units of the mean, of numbers (trainings, pairs), averaged."""
    return float((each.std(axis=0, ddof=1) / each.mean(axis=0)).mean())


def steadiness(given: argparse.Namespace, dim: int, rows: dict[str, dict[str, float]]) -> str:
    """Return one dimension's rows of `stability` as a Markdown table."""
    lines = [
        f"{given.data}, {given.family}, d = {dim}, {given.seeds} trainings of {given.images:,} pictures, {given.pairs} "
        "pairs",
        "",
        "| walk | mean length | variation over trainings | the same, each training's mean length taken as 1 |",
        "| --- | --- | --- | --- |",
    ]
    for kind, row in rows.items():
        shares = f"{row['length_variation']:.1%} | {row['length_variation_scaled']:.1%}"
        lines.append(f"| {kind} | {row['length']:.2f} | {shares} |")
    return "\n".join(lines)


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
        if len(figures) > 1:
            row["length_variation"] = varied(np.array([one["lengths"] for one in figures]))
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
