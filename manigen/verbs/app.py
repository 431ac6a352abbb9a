"""app: serve the app, here, until it is stopped."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from manigen.verbs.base import Result

help = "start the app in the browser"
ENTRY = Path(__file__).resolve().parents[2] / "app.py"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help="the port to serve it on [8501, or the next that is free]")
    parser.add_argument(
        "--allow-code",
        action="store_true",
        help="open uploaded TorchScript and .pt2 files, which run as you: only where you trust every visitor",
    )


def run(given: Namespace) -> Result:
    from manigen import checks
    from manigen.errors import NotPossible

    command = ["run", str(ENTRY)]
    if given.port is not None:
        command += ["--server.port", str(checks.count(given.port, "port", 1, 65535))]
    if not ENTRY.is_file():
        raise NotPossible(f"The app's file {ENTRY} is not there: run this from a clone of the repository.")
    if given.allow_code:
        from manigen import foreign
        from manigen.verbs.base import say

        os.environ[foreign.ALLOW] = "1"
        say("warning: whoever opens this app can run code on this machine, by uploading a model that is a program")
    from streamlit.web import cli

    cli.main(command, standalone_mode=False)
    return {}
