"""data list, data fetch NAME: the data sets, and bringing them to this machine."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from manigen.verbs.base import Result

help = "list the data sets; fetch one"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("what", choices=("list", "fetch"), metavar="list | fetch")
    parser.add_argument("name", nargs="?", help="which one to fetch")


def run(given: Namespace) -> Result:
    from manigen import datasets
    from manigen.errors import BadInput

    if given.what == "fetch":
        if given.name is None:
            raise BadInput(f"Which data set is to be fetched? There are {', '.join(datasets.names())}.")
        return {"name": given.name, "files": [str(path) for path in datasets.fetch(given.name, progress=True)]}
    return {
        "data": [
            {
                "name": entry.name,
                "title": entry.card.title,
                "sentence": entry.card.sentence,
                "licence": entry.card.facts.get("licence", ""),
                "here": entry.here,
                "where": entry.where,
            }
            for entry in datasets.listing()
        ]
    }


def words(result: Result) -> Iterator[str]:
    for entry in result.get("data", ()):
        yield f"{entry['name']:15} {'here' if entry['here'] else 'to fetch':9} {entry['sentence']}"
    if "files" in result:
        yield f"{result['name']} is here" + (": " + ", ".join(result["files"]) if result["files"] else ".")
