"""train FAMILY --data NAME --out DIR: train a model, and put it with its codes, maps and card in a folder."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from manigen.verbs.base import Result, Stopped, data_knobs, knobs, say

if TYPE_CHECKING:
    from manigen.recipe import Run

help = "train a model and put it in a folder"
SAVE_EVERY = 30  # seconds between two checkpoints
SHOWN = ("name", "title", "family", "dim", "trained", "measures", "maps", "command")  # entries of the card


def options(parser: ArgumentParser) -> None:
    from manigen import models

    parser.add_argument("family", metavar="FAMILY", help=f"one of {', '.join(models.cards())}")
    parser.add_argument("--data", required=True, help="a data set's name, or a folder or zip of your own pictures")
    parser.add_argument("--out", required=True, help="the folder the model ends in, and its checkpoints on the way")
    parser.add_argument("--images", type=int, help="how many pictures are seen [600,000]")
    parser.add_argument("--epochs", type=float, help="the same, in rounds of the training pictures")
    parser.add_argument("--seed", type=int, default=0, help="decides all that is left to chance [0]")
    parser.add_argument("--batch", type=int, default=256, help="pictures in a step [256]")
    parser.add_argument("--learning-rate", type=float, help="of Adam [0.001, or what the family is used to]")
    parser.add_argument("--precision", default="float32", help="float32, or bfloat16 for twice the speed [float32]")
    parser.add_argument("--threads", type=int, help="processor threads to use [all]")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="[auto]")
    parser.add_argument("--maps", default="umap,tsne,pca", help="which maps are fitted, the first shown first")
    parser.add_argument("--samplers", default="", help="samplers its own is chosen from [normal,mixture,jitter,flow]")
    parser.add_argument("--rows", type=int, default=10_000, help="codes kept of each split [10,000]")
    parser.add_argument("--measures", default="", help="held-out figures to take, by name [all]")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in DIR")
    parser.add_argument("--keep", action="store_true", help="with --resume: make a model of it as it is")
    knobs(parser, models.cards())
    data_knobs(parser)


def run(given: Namespace) -> Result:
    import torch

    from manigen import checks, datasets, models, recipe, weights
    from manigen.errors import BadInput

    if given.keep and not given.resume:
        raise BadInput("--keep makes a model of what a checkpoint holds, so it goes with --resume.")
    if given.threads is not None:
        torch.set_num_threads(checks.count(given.threads, "threads", 1, 1024))
    recipe_ = recipe.Recipe(
        given.family,
        given.data,
        given.images,
        given.epochs,
        given.seed,
        given.batch,
        given.learning_rate,
        given.precision,
        given.rows,
        tuple(name for name in given.maps.split(",") if name),
        tuple(name for name in given.samplers.split(",") if name) or recipe.SAMPLERS,
        given.threads,
        tuple(name for name in given.measures.split(",") if name),
        models.card_of(given.family).typed(given.knobs),
        datasets.card_of(given.data).typed(given.data_knobs),
    )
    begun = recipe.begin(recipe_, given.out, given.resume, _device(given.device))
    if begun.finished is None and not given.keep:
        _train(begun, given.out)
    try:
        folder = begun.ship(say)
    except KeyboardInterrupt:
        raise Stopped(
            f"Stopped before the maps were made. The training is done and kept in {given.out}: "
            "the same command with --resume goes on from there."
        ) from None
    card = weights.info(folder)
    if card["encodes"]:
        say(f"next, python -m manigen geodesic {shlex.quote(given.out)} finds the kind of path that suits it")
    return {"folder": str(folder), **{entry: card[entry] for entry in SHOWN}}


def _train(begun: Run, out: str) -> None:
    """Take every step of a run, with a bar, a checkpoint now and then, and one when it is stopped."""
    from tqdm import tqdm

    from manigen.training import Diverged

    held_out = ""
    bar = tqdm(
        total=begun.training.budget,
        initial=begun.training.seen,
        unit=" pictures",
        unit_scale=True,
        file=sys.stderr,
        mininterval=0.2 if sys.stderr.isatty() else 10,
    )
    with bar, _asked_to_stop() as asked:
        begun.save()  # a folder that cannot be written to is found out now, not after an hour
        saved = time.monotonic()
        try:
            for step in begun.steps():
                if step.notice:
                    bar.write(step.notice, file=sys.stderr)
                if step.held_out is not None:
                    held_out = f"held-out {step.held_out:.4g}, "
                losses = ", ".join(f"{name} {value:.4g}" for name, value in step.losses.items() if "total" not in name)
                bar.set_postfix_str(held_out + losses, refresh=False)
                bar.update(min(step.seen, step.budget) - bar.n)
                if asked or time.monotonic() - saved > SAVE_EVERY:
                    begun.save()
                    saved = time.monotonic()
                if asked:
                    raise Stopped(
                        f"Stopped after {step.seen:,} of {step.budget:,} pictures. The checkpoint in {out} is whole: "
                        "the same command with --resume goes on from it."
                    )
        except Diverged as error:
            begun.save()
            raise Diverged(
                f"{str(error).rstrip('.')}. The state before that is kept in {out}: the same command with "
                "--resume --keep makes a model of it, and one into another folder begins anew."
            ) from None
    begun.save()


@contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """Give a list that fills when the person, or the system, asks to stop; asked again, stop at once."""
    asked: list[int] = []

    def ask(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _device(name: str) -> str:
    import torch

    from manigen.errors import NotPossible

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if not there[name]:
        raise NotPossible(f"This machine has no {name} device that torch can use; take --device cpu.")
    return name
