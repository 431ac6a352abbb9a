"""The terminal: the verbs of the library, one line each.

    python -m manigen train vae --data mnist --out my-vae --beta 4
    python -m manigen walk my-vae --from 3 --to 41 --out walk.gif

With `--json` a verb prints one JSON object and nothing else on standard output; progress goes to standard error. A
mistake exits 2 with one plain sentence there, Ctrl-C exits 130.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, NoReturn

from manigen import __version__
from manigen.errors import BadInput, ManigenError, unknown
from manigen.verbs import VERBS
from manigen.verbs.base import Result, Stopped


def main(arguments: list[str] | None = None) -> int:
    """Run one verb and return the exit status: 0, 2 for a mistake, 130 when it was stopped."""
    try:
        given = parse(sys.argv[1:] if arguments is None else arguments)
        verb = import_module(f"manigen.verbs.{given.verb}")
        result = verb.run(given)
        if given.json:
            print(json.dumps(plain(result), ensure_ascii=False, allow_nan=False))
        else:
            print("\n".join(verb.words(result) if hasattr(verb, "words") else lines(result)))
        sys.stdout.flush()
        return 0
    except ManigenError as error:
        print(error, file=sys.stderr)
        return 2
    except MemoryError:
        print("There is not enough memory for this; take fewer pictures or a smaller model.", file=sys.stderr)
        return 2
    except (Stopped, KeyboardInterrupt) as stopped:
        print(str(stopped) or "Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the options of one verb, or raise `BadInput`. Only that verb's cards are read: they may cost an import."""
    parser = Parser(prog="manigen", description="See, walk and teach the learned manifold of an image generator.")
    parser.add_argument("--version", action="version", version=f"manigen {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    if chosen is not None and chosen not in VERBS:
        raise unknown("verb", chosen, list(VERBS))
    for name in VERBS:
        verb = import_module(f"manigen.verbs.{name}")
        sub = verbs.add_parser(name, help=verb.help, description=str(verb.__doc__), allow_abbrev=False)
        sub.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        if name == chosen:
            verb.options(sub)
    return parser.parse_args(arguments or ["--help"])


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that says what is wrong in one sentence, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message[:1].upper()}{message[1:]}; `python -m {self.prog} --help` lists what there is.")


def lines(result: Result, indent: str = "") -> Iterator[str]:
    """Yield a result line by line, as a person reads it; what is empty is left out.

    >>> print("\\n".join(lines({"length": 12.3456, "kinds": ["a", "b"], "card": {"dim": 16}, "out": None})))
    length  12.35
    kinds   a, b
    card
      dim  16
    """
    wide = max((len(name) for name, value in result.items() if not isinstance(value, Mapping)), default=0)
    for name, value in result.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}"
            yield from lines(dict(value), indent + "  ")
        elif value not in (None, [], {}, ""):
            text = f"{value:.4g}" if isinstance(value, float) else value
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else text
            yield f"{indent}{name:{wide}}  {text}"


def plain(value: Any) -> Any:
    """Return a result as JSON has it: NumPy's numbers as Python's, what is no number as null.

    >>> plain({"mse": float("nan"), "shape": (1, 28, 28)})
    {'mse': None, 'shape': [1, 28, 28]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and value - value != 0 else value
