"""`python3 -m tests`: everything that must hold, from a fresh clone with nothing but Python.

Makes the virtual environment `.venv` (or MANIGEN_VENV) where it is not there, installs what the tests need, finds or
installs a browser, and runs in turn: ruff, mypy, import-linter, pytest (rooms, contracts, pages, a real browser). What
is given on the command line goes to pytest. The status is 0 only if all of them passed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / os.environ.get("MANIGEN_VENV", ".venv")
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may have an older one
        print(f"ManiGen needs Python 3.11 or newer, and this is {sys.version.split()[0]}.", file=sys.stderr)
        return 2
    if Path(sys.prefix).resolve() != VENV.resolve():
        return inside_the_environment(arguments)
    if not quietly([sys.executable, "-m", "pip", "install", "-q", "-r", str(ROOT / "requirements-dev.txt")]):
        return 1
    find_a_browser()
    checks = {
        "ruff check": [sys.executable, "-m", "ruff", "check", "."],
        "ruff format": [sys.executable, "-m", "ruff", "format", "--check", "."],
        "mypy": [sys.executable, "-m", "mypy"],
        "import-linter": [str(PYTHON.with_name("lint-imports")), "--no-cache"],
    }
    failed = [name for name, command in checks.items() if not told(name, command)]
    if failed:  # before pytest, whose summary is to be the last line
        print(f"Failed: {', '.join(failed)}.", flush=True)
    tests = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode
    return tests or bool(failed)


def inside_the_environment(arguments: list[str]) -> int:
    """Run this again with the environment's own Python, making the environment first where it is not there."""
    if not PYTHON.exists():
        print(f"Making {VENV.name}.", flush=True)
        venv.create(VENV, with_pip=True)
    return subprocess.run([str(PYTHON), "-m", "tests", *arguments], cwd=ROOT, check=False).returncode


def find_a_browser() -> None:
    """Make sure a Chromium is there; where none can be had the browser tests say so themselves."""
    if any(shutil.which(name) for name in BROWSERS) or playwrights_own():
        return
    print("Installing Chromium for the browser tests.", flush=True)
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        quietly(["apt-get", "update", "-q"])
        if quietly(["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"]):
            return
    quietly([sys.executable, "-m", "playwright", "install", "chromium"])


def playwrights_own() -> bool:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).exists()


def quietly(command: list[str]) -> bool:
    """Run a command, showing what it said only where it failed."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        print(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}", flush=True)
    return done.returncode == 0


def told(name: str, command: list[str]) -> bool:
    """Run one of the checks under its name."""
    print(f"--- {name}", flush=True)
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
