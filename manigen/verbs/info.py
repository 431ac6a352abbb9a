"""info MODEL: all that a model's card says of it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from manigen.verbs.base import Result, model

help = "show a model's card"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")


def run(given: Namespace) -> Result:
    from manigen import weights

    return weights.info(model(given.model))
