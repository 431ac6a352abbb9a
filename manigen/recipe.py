"""Recipes: all that a training run depends on, from the data set to the folder with the finished model.

    run = begin(Recipe("vae", "mnist", images=1_800_000), "weights/mnist-vae")
    for step in run.steps():
        ...
    run.ship()

A recipe has a command that remakes its model, and the model's card carries it. While a run is under way its folder
holds a checkpoint; when it is finished the folder holds the model instead.
"""

from __future__ import annotations

import platform
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from manigen import __version__, checks, choice, datasets, measures, models, projections, samplers, seeds, weights
from manigen.datasets import Images
from manigen.errors import BadFile, BadInput, unknown
from manigen.models import Generator
from manigen.training import Step, Training

IMAGES = 600_000  # pictures seen where neither images nor epochs are given
LEARNING_RATE = 1e-3  # where a family's card names none of its own (facts["learning_rate"])
MAPS = ("umap", "tsne", "pca")
SAMPLERS = ("normal", "mixture", "jitter", "flow")  # those a model's own is chosen from, the simplest first
HELD_OUT = 2000  # pictures of the train split, at most, on which the best weights are chosen


@dataclass(frozen=True)
class Recipe:
    """How a model is made: the family and its knobs, the data set (a name, or a path) and its knobs, and the run.

    `images` is how many pictures are seen, `epochs` the same in rounds of the train split; `rows` is how many codes of
    each split are kept, `maps` which maps are fitted to them, and `samplers` those the model's own is chosen from, by
    measurement. `threads` is how many the processor computes with, for another number may round otherwise; `measures`
    are the held-out figures on the card, all of them where none is named. A knob that is not given has its default.
    """

    family: str
    data: str
    images: int | None = None
    epochs: float | None = None
    seed: int = 0
    batch: int = 256
    learning_rate: float | None = None
    precision: str = "float32"
    rows: int = weights.ROWS
    maps: tuple[str, ...] = MAPS
    samplers: tuple[str, ...] = SAMPLERS
    threads: int | None = None
    measures: tuple[str, ...] = ()
    knobs: Mapping[str, Any] = field(default_factory=dict)
    data_knobs: Mapping[str, Any] = field(default_factory=dict)

    def command(self, out: str | Path) -> str:
        """Return the line that makes this recipe's model in the folder `out`; what is a default is left out."""
        options = {
            "images": self.images,
            "epochs": self.epochs,
            "seed": self.seed or None,
            "batch": None if self.batch == 256 else self.batch,
            "learning_rate": self.learning_rate,
            "precision": None if self.precision == "float32" else self.precision,
            "rows": None if self.rows == weights.ROWS else self.rows,
            "maps": None if self.maps == MAPS else ",".join(self.maps),
            "samplers": None if self.samplers == SAMPLERS else ",".join(self.samplers),
            "threads": self.threads,
            "measures": ",".join(self.measures) or None,
            **{f"data_{name}": value for name, value in self.data_knobs.items()},
            **self.knobs,
        }
        words = ["python", "-m", "manigen", "train", self.family, "--data", self.data, "--out", str(out)]
        for name, value in options.items():
            if value is not None:
                words += [f"--{name.replace('_', '-')}", str(value)]
        return shlex.join(words)


@dataclass(frozen=True, eq=False)
class Run:
    """A recipe at work: its pictures, its training, and the folder it ends in."""

    recipe: Recipe
    out: Path
    named: str | Path  # the folder as it was named, for the command on the card
    train: Images
    test: Images
    training: Training
    finished: Generator | None = None  # the model, where the folder held it already
    called: str | None = None  # the data as the command on the card names them, where that is not their path
    title: str | None = None  # the model's, where a person gave it one

    def steps(self) -> Iterator[Step]:
        """Train: yield each step until the budget is spent; nothing where the model is finished."""
        return iter(()) if self.finished else iter(self.training)

    def save(self) -> Path:
        """Write the checkpoint from which `begin(..., resume=True)` goes on."""
        return self.training.save(self.out)

    def ship(self, progress: Callable[[str], None] = lambda stage: None, quick: bool = False) -> Path:
        """Put the best weights, codes, maps and held-out figures in the run's folder, with a card; the checkpoint goes.

        A `quick` one is there in seconds: it has only maps that take no time, and its card names those still to be
        fitted (`maps_to_come`); its figures come with `measure`.
        `progress` hears each stage in words. Raises `ManigenError` where the disk is full; the checkpoint then stays.
        """
        family, data = models.card_of(self.recipe.family), datasets.card_of(self.recipe.data)
        generator, trained = self.finished or self.training.finish(), self._trained()
        chosen = self.choose_sampler(generator, progress)
        if adjusted := getattr(generator.sampler, "adjusted", ""):
            chosen = replace(chosen, reason=f"{chosen.reason} {adjusted}")
        maps, to_come = weights.soon(self.recipe.maps) if quick else (self.recipe.maps, ())
        codes, fitted, measured = weights.make(
            generator,
            self.train,
            self.test,
            maps=maps,
            rows=self.recipe.rows,
            seed=self.recipe.seed,
            measured=None if quick else self.recipe.measures,
            progress=progress,
        )
        about = {
            "name": self.train.name,
            "title": self.called or data.title,
            "sha256": self.train.sha256,
            "licence": data.facts.get("licence", ""),
            "classes": list(self.train.classes),
        }
        return weights.save(
            generator,
            self.out,
            codes,
            fitted,
            measured,
            about,
            title=self.title or f"{data.title}, {family.title.lower()}",
            sentence=family.sentence,
            command=replace(self.recipe, data=self.called or self.recipe.data).command(self.named),
            trained=trained,
            **chosen.facts(),
            **({weights.TO_COME: list(to_come)} if to_come else {}),
        )

    def measure(self, progress: Callable[[str], None] = lambda stage: None) -> None:
        """Put held-out figures on the card of the finished model in the run's folder."""
        progress("measuring on held-out pictures")
        seed, wanted = self.recipe.seed, self.recipe.measures
        found = weights.held_out_figures(weights.load(self.out), self.train, self.test, seed, wanted)
        weights.add_figures(self.out, found)

    def choose_sampler(self, generator: Generator, progress: Callable[[str], None]) -> choice.Choice:
        """Give the generator the sampler that measures best on pictures it has not trained on, and return why."""
        usual, seed, kept = models.card_of(self.recipe.family).facts["sampler"], self.recipe.seed, self._held_out()
        names = [name for name in self.recipe.samplers if name != "normal" or usual == "normal"]
        weights.round_weights(generator)  # as it will be kept, so that shipping it again chooses alike
        generator.sampler = None
        if not generator.encodes:
            return choice.Choice("normal", reason="It has no encoder, so there are no codes to fit another to.")
        rows = np.sort(seeds.numpy_stream(seed, 0).permutation(len(self.train))[: self.recipe.rows])
        rows = rows[rows < len(self.train) - kept]  # the codes that are kept, less those to measure by
        z = weights.in_half(generator.encode(self.train.take(rows).float()))
        return choose_sampler(generator, z, self.held_out, names, usual, seed, progress)

    @property
    def held_out(self) -> Images | None:
        """The pictures of the train split that the model does not train on: choices are made by them."""
        return kept_back(self.train)

    def _held_out(self) -> int:
        """How many pictures, the last of the train split, the model does not train on."""
        return kept_of(len(self.train))

    def _trained(self) -> dict[str, Any]:
        """What the card says of the training."""
        import torch

        if self.finished:
            return dict(weights.info(self.out).get("trained", {}))
        run, device = self.training, self.training.model.device
        return {
            "images": run.seen,
            **({"stopped_early_of": run.budget} if run.seen < run.budget else {}),
            **({"seconds": round(run.seconds, 4), "per_second": round(run.seen / run.seconds)} if run.seconds else {}),
            **({"held_out_loss": run.best_score} if run.best is not None else {}),
            "held_out": len(self.train) - len(run.images),
            "batch": run.batch,
            "learning_rate": run.learning_rate,
            "precision": run.precision,
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "manigen": __version__,
            },
        }


def kept_of(n: int) -> int:
    """Return how many of n training pictures, the last, no model trains on: a tenth, `HELD_OUT` at most."""
    return min(HELD_OUT, n // 10)


def kept_back(train: Images) -> Images | None:
    """Return the pictures of a train split that no model trains on: choices are made by them. None of fewer than 10."""
    kept = kept_of(len(train))
    return train.take(np.arange(len(train) - kept, len(train))) if kept else None


def choose_sampler(
    generator: Generator,
    z: np.ndarray,
    held_out: Images | None,
    names: Sequence[str],
    usual: str,
    seed: int = 0,
    progress: Callable[[str], None] = lambda stage: None,
) -> choice.Choice:
    """Give a generator the one of `names` that measures best on pictures it has not trained on, and return why.

    They are fitted to codes `z` (n, d) and scored by the Frechet distance of what they paint to `held_out`, as
    `choice.choose` does. Where there are too few of those to choose by, the `usual` one is taken.
    """
    if held_out is None or len(held_out) < choice.FEWEST or len(names) < 2:
        name = names[0] if len(names) == 1 else usual
        generator.sampler = None if name == "normal" else samplers.fit(name, z, seed)
        kept = 0 if held_out is None else len(held_out)
        few = f"It is usual for this family; {kept:,} held-out pictures are too few to choose by."
        return choice.Choice(name, reason="It was asked for." if len(names) == 1 else few)
    candidates: dict[str, Any] = {}
    for name in names:
        progress(f"fitting the {name} sampler")
        candidates[name] = samplers.fit(name, z, seed)

    def score(sampler: Any) -> float:
        progress("measuring a sampler on pictures not trained on")
        generator.sampler = sampler
        return measures.of_generator(generator, held_out, seed, ["frechet_distance"])["frechet_distance"]

    chosen = choice.choose(candidates, score, z, generator.encode(held_out.float()), seed, "Frechet distance")
    generator.sampler = None if chosen.name == "normal" else candidates[chosen.name]
    return chosen


def begin(
    recipe: Recipe,
    out: str | Path,
    resume: bool = False,
    device: str = "cpu",
    called: str | None = None,
    title: str | None = None,
) -> Run:
    """Return the run of a `recipe` that ends in the folder `out`, from its start or, to `resume`, from its checkpoint.

    `called` is how the command on the card names the data, `title` what the model is called, where a person says so.
    A finished model is trained anew only by the recipe that made it, and to resume it is to ship it again. Everything
    that can be wrong is looked at before the first step: raises `UnknownName`, `BadInput`, `BadFile` or `DataMissing`.
    """
    card = models.card_of(recipe.family)
    knobs = card.settings(recipe.knobs)
    for method in recipe.maps:
        projections.card_of(method)
    for name in recipe.samplers:
        samplers.card_of(name)
    for name in recipe.measures:
        if name not in measures.cards():
            raise unknown("measure", name, list(measures.cards()))
    checks.count(recipe.rows, "rows", 2)
    seeds.check(recipe.seed)
    folder = weights.place_for(out)
    train = datasets.load(recipe.data, "train", **recipe.data_knobs)
    test = datasets.load(recipe.data, "test", **recipe.data_knobs)
    kept = min(HELD_OUT, len(train) // 10)
    x, rate = train.x[: len(train) - kept], recipe.learning_rate
    model = models.build(recipe.family, train.shape, recipe.seed, **knobs).to(device)
    training = Training(
        model,
        x,
        budget=_budget(recipe, len(x), model.epochs),
        batch=recipe.batch,
        learning_rate=card.facts.get("learning_rate", LEARNING_RATE) if rate is None else rate,
        seed=recipe.seed,
        held_out=train.x[len(train) - kept :] if kept else None,
        precision=recipe.precision,
    )
    run = Run(recipe, folder, out, train, test, training, called=called, title=title)
    under_way, finished = (folder / weights.CHECKPOINT).is_file(), (folder / weights.CARD).is_file()
    if under_way and resume:
        training.resume(folder)
    elif under_way:
        raise BadInput(f"{out} holds a run that is not finished: add --resume to go on, or name another folder.")
    elif finished:
        _same_recipe(run)
        if resume:
            return replace(run, finished=weights.load(folder))
    elif resume:
        raise BadFile(f"There is no checkpoint in {out} to resume from; leave --resume out to begin.")
    return run


def _budget(recipe: Recipe, pictures: int, usual: float | None) -> int:
    """How many pictures are to be seen, from whichever of images and epochs was given, else as is `usual` (epochs)."""
    if recipe.images is not None and recipe.epochs is not None:
        raise BadInput("A run is as long as its images or as its epochs say; give one of the two.")
    epochs = usual if recipe.epochs is None and recipe.images is None else recipe.epochs
    if epochs is None:
        return IMAGES if recipe.images is None else recipe.images
    if not 0 < epochs <= 1e6:
        raise BadInput(f"epochs must lie above 0 and be at most 1,000,000, not {epochs}.")
    return max(1, round(epochs * pictures))


def _same_recipe(run: Run) -> None:
    """Raise `BadInput` where the finished model in the run's folder was made by another recipe."""
    card, training = weights.info(run.out), run.training
    ours = {
        "family": training.model.family,
        "knobs": training.model.knobs,
        "seed": training.seed,
        "data": run.train.sha256,
        "images": -(-training.budget // training.batch) * training.batch  # in whole batches, or in one go
        if training.model.players
        else max(training.budget, len(training.images)),
    }
    held = {
        "family": card["family"],
        "knobs": models.complete(card["family"], card["knobs"]) | training.model.fixed,
        "seed": card.get("seed"),
        "data": card["data"].get("sha256"),
        "images": card.get("trained", {}).get("images", ours["images"]),
    }
    different = [name for name, value in ours.items() if held[name] != value]
    if different:
        words = ", ".join(different)
        raise BadInput(f"{run.named} holds a finished model with different {words}; name another folder.")
