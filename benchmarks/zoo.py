"""The zoo: every family on the same pictures, the same network and the same budget, over several seeds.

    python -m benchmarks.zoo [--data digits] [--images 20000] [--seeds 3] [--families a,b] [--pythae] [--json]
                             [--set distance=5,isometry=0.5] [--held-out] [--save docs/zoo.json]

Each run is a recipe in a folder of its own below --out; what is finished there is not trained again, what was broken
off goes on. The short run above takes minutes; the tables of docs/models.md are

    python -m benchmarks.zoo --data mnist --images 600000 --seeds 3 --pythae

Figures are held-out ones of the measures room, as mean and spread (half the range) over the seeds, beside their
real-against-real value. With --pythae its VAE, WAE-MMD, RAE-L2 and VAE-GAN are trained beside, on the same networks,
pictures and number of pictures (pip install pythae; it is in no requirements file). With --save every run's figures go
into a file, beside those of other data sets, budgets and families that are in it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manigen import files, measures, models, recipe, weights
from manigen.errors import ManigenError

SHOWN = (  # what the table shows, and which way is better
    ("reconstruction_mse", min),
    ("frechet_distance", min),
    ("coverage", max),
    ("midpoint_frechet_distance", min),
    ("distance_rank_correlation", max),
    ("metric_condition", min),
    ("density", max),
    ("sharpness", None),
    ("linear_probe", max),
    ("clustering", max),
)
MEASURED = [name for name, _ in SHOWN]
HELD_OUT = (
    "measure on the train split's last pictures, which no run trains on: to choose knobs by, never the test split"
)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits", help="a data set's name, or a folder of pictures")
    parser.add_argument("--images", type=int, default=20_000, help="pictures each run sees")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--dim", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=1, help="how many training seeds, from 0 up")
    parser.add_argument("--families", help="some of the families, by commas [all with a decoder to train]")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--pythae", action="store_true", help="train pythae's models beside")
    parser.add_argument("--held-out", action="store_true", help=HELD_OUT)
    parser.add_argument("--set", default="", metavar="KNOB=VALUE,...", help="knobs turned away from their defaults")
    parser.add_argument("--save", help="a JSON file that the figures of every run are added to")
    parser.add_argument("--out", default="runs/zoo", help="where runs are kept")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    given = parser.parse_args(arguments)
    try:
        found = run(given)
    except ManigenError as error:
        parser.error(str(error))
    if given.save:
        save(given, found)
    rows = {family: summary(runs) for family, runs in found.items()}
    print(json.dumps(rows) if given.json else table(rows))


def run(given: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Train and measure every family over every seed; return the figures of each run by family."""
    changes = dict(pair.split("=", 1) for pair in given.set.split(",") if "=" in pair)
    variant = given.set if changes else "full"
    families = given.families.split(",") if given.families else [name for name in models.cards() if name != "forest"]
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for seed in range(given.seeds):
        for family in families:
            found[family].append(one(given, family, seed, changes, variant))
        if given.pythae:
            from benchmarks import zoo_pythae

            for name in zoo_pythae.MODELS:
                found[f"pythae {name}"].append(zoo_pythae.one(given, name, seed, MEASURED))
    return dict(found)


def save(given: argparse.Namespace, found: Mapping[str, list[dict[str, Any]]]) -> None:
    """Put every run's figures into the file `given.save`: {"mnist, d = 16, ...": {family: {figure: [by seed]}}}."""
    path = Path(given.save)
    held = files.read_json(path) if path.is_file() else {}
    judged = "the end of the train split" if given.held_out else "the test split"
    of = f"{given.data}, d = {given.dim}, {given.images:,} pictures, {given.precision}, measured on {judged}"
    rows = held.setdefault(of, {})
    for family, runs in found.items():
        name = f"{family}, {given.set}" if given.set else family
        rows[name] = {figure: [run[figure] for run in runs if figure in run] for figure in (*MEASURED, "seconds")}
    every = [run for runs in found.values() for run in runs]
    rows["real against real"] = {
        figure: sum(values) / len(values)
        for figure in MEASURED
        if (values := [run[f"{figure}_real"] for run in every if run.get(f"{figure}_real") is not None])
    }
    files.write_json(path, held)


def one(
    given: argparse.Namespace, family: str, seed: int, changes: Mapping[str, Any] | None = None, variant: str = "full"
) -> dict[str, Any]:
    """Train, or go on, or just read, one run, its knobs at their defaults but for `changes`; return its figures."""
    folder = place(given, family, seed, variant)
    figures = beside(folder, ".held-out.json" if given.held_out else ".json")
    if figures.is_file():
        return files.read_json(figures)
    begun, generator = trained(given, family, seed, folder, changes)
    say(f"{folder.name}: measuring")
    begun.choose_sampler(generator, lambda stage: None)
    against = begun.held_out if given.held_out else begun.test
    found = measures.flat(measures.report(generator, begun.train, against, seed, MEASURED))
    found |= {"seconds": round(begun.training.seconds, 1), "images": begun.training.seen}
    files.write_json(figures, found)
    return found


def place(given: argparse.Namespace, family: str, seed: int, variant: str = "full") -> Path:
    """Return the folder of one run: a family's, or one of its variants', which are knobs or a term that is off."""
    marked = family if variant == "full" else f"{family}_{variant}" if "=" in variant else f"{family}_without_{variant}"
    return Path(given.out) / f"{given.data}-{marked}-{given.dim}-{given.images}-{seed}"


def beside(folder: Path, ending: str) -> Path:
    """Return the file beside a run's folder that holds what was found of it; a knob's point is no suffix."""
    return folder.with_name(folder.name + ending)


def trained(
    given: argparse.Namespace, family: str, seed: int, folder: Path, changes: Mapping[str, Any] | None = None
) -> tuple[recipe.Run, Any]:
    """Train one run in its folder, or go on with it, and return it with its generator."""
    known = {knob.name for knob in models.card_of(family).knobs}
    plan = recipe.Recipe(
        family,
        given.data,
        images=given.images,
        seed=seed,
        batch=given.batch,
        precision=given.precision,
        maps=(),
        rows=10_000,
        samplers=("normal", "mixture"),
        knobs={**({"dim": given.dim} if "dim" in known else {}), **(changes or {})},
    )
    under_way = (folder / weights.CHECKPOINT).is_file() or (folder / weights.CARD).is_file()
    begun = recipe.begin(plan, folder, resume=under_way)
    for step in begun.steps():
        if step.notice:
            say(f"{folder.name}: {step.notice}")
        if step.index % 500 == 0:
            begun.save()
            say(f"{folder.name}: {step.seen:,} of {step.budget:,} pictures, {step.remaining_seconds:.0f} s left")
    if begun.finished is None:
        begun.save()  # so that whoever asks again has no step to take
    generator = begun.finished or begun.training.finish()
    generator.name = folder.name
    return begun, generator


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return each figure's mean, spread (half the range) and real value over the runs of one family."""
    row: dict[str, Any] = {"runs": len(runs), "seconds": sum(run.get("seconds", 0) for run in runs) / len(runs)}
    for name in MEASURED:
        values = [run[name] for run in runs if name in run]
        if values:
            row[name] = sum(values) / len(values)
            row[f"{name}_spread"] = (max(values) - min(values)) / 2
            row |= {f"{name}_real": run[f"{name}_real"] for run in runs if run.get(f"{name}_real") is not None}
    return row


def table(rows: dict[str, Any]) -> str:
    """Return the rows as a Markdown table; the best of each column is bold."""
    best = {
        name: better([row[name] for row in rows.values() if name in row])
        for name, better in SHOWN
        if better is not None and any(name in row for row in rows.values())
    }
    real = {name: row.get(f"{name}_real") for name in MEASURED for row in rows.values() if f"{name}_real" in row}
    lines = ["| | " + " | ".join(MEASURED) + " | s |", "| --- " * (len(MEASURED) + 2) + "|"]
    for family, row in rows.items():
        cells = [cell(row, name, best.get(name)) for name in MEASURED]
        lines.append(f"| {family} | " + " | ".join(cells) + f" | {row['seconds']:.0f} |")
    lines.append(
        "| real against real | " + " | ".join(f"{real[n]:.3g}" if n in real else "" for n in MEASURED) + " | |"
    )
    return "\n".join(lines)


def cell(row: dict[str, Any], name: str, best: float | None) -> str:
    if name not in row:
        return ""
    spread = f" ± {row[f'{name}_spread']:.2g}" if row["runs"] > 1 else ""
    return f"**{row[name]:.4g}**{spread}" if row[name] == best else f"{row[name]:.4g}{spread}"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
