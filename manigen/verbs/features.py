"""features DATA: train the small classifier in whose features the pictures of a data set are compared."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from manigen.verbs.base import Result, say

help = "train the classifier that measures compare pictures with"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help="a data set's name; it needs labels")
    parser.add_argument("--out", required=True, help="the folder it is put in; weights/features/DATA is looked in")
    parser.add_argument("--images", type=int, default=480_000, help="how many pictures it sees [480,000]")
    parser.add_argument("--seed", type=int, default=0, help="decides all that is left to chance [0]")


def run(given: Namespace) -> Result:
    import torch

    from manigen import checks, datasets
    from manigen.measures import train_features

    torch.set_num_threads(1)  # sums in the same order everywhere, so that the command remakes the same file
    images = checks.count(given.images, "images", 1, 100_000_000)
    train, test = datasets.load(given.data, "train"), datasets.load(given.data, "test")
    command = ["python", "-m", "manigen", "features", train.name, "--out", given.out]
    command += [] if images == 480_000 else ["--images", str(images)]
    command += [] if given.seed == 0 else ["--seed", str(given.seed)]
    facts = {"command": shlex.join(command), "licence": datasets.card_of(given.data).facts.get("licence", "")}
    folder = Path(given.out)
    card = train_features(train, test, folder, images, given.seed, lambda share, words: say(words), **facts)
    return {"folder": str(folder), **card}
