"""The pace: on what a training computes here, and how long one will take, measured and remembered.

A kind of training (family, knobs that change its size, picture shape, batch, threads, a device asked for) has a pace
in pictures a second. What finished trainings of that kind kept is remembered; where there was none, some steps on noise
are timed in a process of their own: `python -m manigen.workshop.pace '{"family": ...}'`.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from manigen import files, home, seeds
from manigen.errors import BadFile, ManigenError
from manigen.threads import SLEEPING

FILE = "paces.json"
SECONDS = 1.5  # of steps that are timed
PATIENCE = 180.0  # seconds after which a trial is given up
MOST = 500  # kinds remembered


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """Return how many threads a training computes with: all cores but one, which is for the live pages."""
    return max(1, cores() - 1)


def surroundings() -> dict[str, str]:
    """Return the environment for a process that computes beside a server.

    Threads that wait for each other sleep instead of turning in circles: with all of two cores wanted by others, two
    circling threads trained 150 pictures a second where two sleeping ones trained 2,200 and one alone 3,000. NumPy's
    cannot be made to sleep, so there are as few of them as of the training's own.
    """
    package, inherited = Path(__file__).resolve().parents[2], os.environ.get("PYTHONPATH")
    path = os.pathsep.join(filter(None, [str(package), inherited]))
    few = {"OPENBLAS_NUM_THREADS": str(threads()), "MKL_NUM_THREADS": str(threads())}
    return {**os.environ, **few, **SLEEPING, "PYTHONPATH": path}


def device() -> str:
    """Return where trainings run: "cuda" where there is one, else "cpu"; MANIGEN_TRAIN_DEVICE overrides."""
    import torch

    return os.environ.get("MANIGEN_TRAIN_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")


def device_name() -> str:
    """Return the device in words."""
    import torch

    where = device()
    if where.startswith("cuda"):
        return torch.cuda.get_device_name(where)
    return f"CPU, {cores()} core{'s' * (cores() > 1)}"


def gpu_use() -> dict[str, float] | None:
    """Return the GPU's use in [0, 1] and the gigabytes this process holds of it; None without a GPU."""
    import torch

    if not device().startswith("cuda"):
        return None
    use: dict[str, float] = {"gigabytes": round(torch.cuda.memory_reserved() / 1e9, 2)}
    try:
        use["share"] = torch.cuda.utilization() / 100
    except Exception:  # it needs a package that few have
        return use
    return use


def kind(about: Mapping[str, Any], shape: tuple[int, ...], count: int) -> str:
    """Return the name of a kind of training: what its pace depends on."""
    from manigen import models

    knobs = models.card_of(about["family"]).settings(about.get("knobs") or {})
    wanted = os.environ.get("MANIGEN_TRAIN_DEVICE")
    place = [wanted] if wanted else []  # a machine's own device needs no name
    told = json.dumps([about["family"], knobs, list(shape), about.get("batch", 256), count, *place], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def known(about: Mapping[str, Any], shape: tuple[int, ...], count: int | None = None) -> float | None:
    """Return the pace of a kind of training in pictures a second, where it is remembered."""
    held = _read().get(kind(about, shape, count or threads()))
    return float(held) if isinstance(held, int | float) and held > 0 else None


def learn(about: Mapping[str, Any], shape: tuple[int, ...], count: int, per_second: float) -> None:
    """Remember a pace."""
    held = _read()
    held[kind(about, shape, count)] = float(f"{per_second:.4g}")
    files.write_json(home.root() / FILE, dict(list(held.items())[-MOST:]))


def _read() -> dict[str, Any]:
    try:
        held = files.read_json(home.root() / FILE)
    except BadFile:
        return {}
    return held if isinstance(held, dict) else {}


def measure(about: Mapping[str, Any], shape: tuple[int, ...]) -> float:
    """Return the pace of a kind of training, timed in a process of its own, and remember it.

    Raises `ManigenError` with a sentence where such a training cannot even begin.
    """
    asked = {"about": {key: about.get(key) for key in ("family", "knobs", "batch")}, "shape": list(shape)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "manigen.workshop.pace", json.dumps(asked)],
            env=surroundings(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        told = json.loads(done.stdout.strip().splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError, OSError):
        raise ManigenError("How fast this device is could not be measured; the training itself will say.") from None
    if "error" in told:
        raise ManigenError(told["error"])
    learn(about, shape, threads(), told["per_second"])
    return float(told["per_second"])


def trial(about: Mapping[str, Any], shape: tuple[int, int, int]) -> float:
    """Return the pictures a second of a few steps on noise, here and now."""
    import torch

    from manigen import models
    from manigen.training import Training

    torch.set_num_threads(threads())
    batch = int(about.get("batch") or 256)
    model = models.build(about["family"], shape, 0, **(about.get("knobs") or {})).to(device())
    noise = seeds.numpy_stream(0).integers(0, 256, (max(2 * batch, 64), *shape), np.uint8)
    if not model.players:
        began = time.perf_counter()
        list(Training(model, noise, budget=len(noise), batch=batch))
        return len(noise) / max(time.perf_counter() - began, 1e-6)
    training = Training(model, noise, budget=10**9, batch=batch)
    began, seen = time.perf_counter(), 0
    for step in training:
        now = time.perf_counter()
        if step.index == 1:
            began, seen = now, step.seen  # the first step warms up
        elif now - began > SECONDS:
            return (step.seen - seen) / (now - began)
    raise AssertionError("a budget without end ended")


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(5)
    asked = json.loads(sys.argv[1])
    try:
        told: dict[str, Any] = {"per_second": trial(asked["about"], tuple(asked["shape"]))}
    except ManigenError as error:
        told = {"error": str(error)}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
