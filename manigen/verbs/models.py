"""models: the trained models at hand."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from manigen.errors import ManigenError
from manigen.verbs.base import Result

help = "list the trained models at hand"
SHOWN = ("name", "title", "sentence", "family", "dim", "shape", "encodes")  # entries of a card


def options(parser: ArgumentParser) -> None:
    pass


def run(given: Namespace) -> Result:
    from manigen import weights

    listed = []
    for name in weights.names():
        try:
            card = weights.info(name)
        except ManigenError as error:  # one damaged model hides no other
            listed.append({"name": name, "error": str(error)})
            continue
        about = {"data": card["data"].get("name"), "maps": list(card.get("maps", {}))}
        listed.append({entry: card.get(entry) for entry in SHOWN} | about | {"measures": card.get("measures", {})})
    return {"models": listed}


def words(result: Result) -> Iterator[str]:
    for entry in result["models"]:
        if "error" in entry:
            yield f"{entry['name']:22} {entry['error']}"
        else:
            yield f"{entry['name']:22} d = {entry['dim']!s:4} {', '.join(entry['maps']):16} {entry['title']}"
    if not result["models"]:
        yield "There is no trained model here yet; `python -m manigen train --help` says how to make one."
