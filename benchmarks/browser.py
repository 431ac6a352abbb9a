"""What the browser benchmarks share: servers on loopback, a headless Chromium, quantiles."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Without a GPU, WebGL is drawn by SwiftShader and the page put together by the browser's own software compositor.
FLAGS = ["--no-sandbox", "--disable-background-networking", "--enable-unsafe-swiftshader", "--disable-gpu-compositing"]


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(script: Path, wait: bool = True, port: int | None = None, **variables: str) -> Iterator[str]:
    """Run a Streamlit script or app on a port of loopback and give its address; it is stopped at the end.

    `variables` are added to its environment.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1", "--browser.gatherUsageStats=false"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet)
    address = f"http://127.0.0.1:{port}"
    try:
        if wait:
            wait_for(address)
        yield address
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()


def wait_for(address: str, seconds: float = 90) -> None:
    """Return once a server answers at `address`."""
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).read()
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > end:
                raise TimeoutError(f"Nothing answered at {address} within {seconds:g} s.") from None
            time.sleep(0.02)


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Give a headless Chromium: the system's, or the one Playwright has."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def quantiles(name: str, values: list[float]) -> dict[str, float]:
    """Return the median and 95 % quantile of some milliseconds under `name_p50_ms` and `name_p95_ms`."""
    at = np.quantile(np.asarray(values, float), [0.5, 0.95]) if values else [float("nan")] * 2
    return {f"{name}_p50_ms": round(float(at[0]), 2), f"{name}_p95_ms": round(float(at[1]), 2)}
