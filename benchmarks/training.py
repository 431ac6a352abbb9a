"""Training: pictures a second beside a bare torch loop of the same network and pythae's trainer; and two lessons.

    python -m benchmarks.training [--json] [--only throughput,families,digits,mnist] [--device cpu]

Throughput: the autoencoder (16 numbers, width 32) on MNIST's shape, batches of 256, one thread; ours, the bare loop
and, where it is installed, pythae's trainer run in turn, several rounds, and medians are compared. The bare loop has
the same network, loss and Adam and nothing else: no average of the weights, no schedule, no named losses, no watch.

Families: a step of each in units of the autoencoder's, batches of 64 in turn, one thread; the games are timed once all
play. And by how much the memory of the process grows from the 50th step of each to the 200th.

Lessons: an order goes through the workshop as the Train page's does. Digits: seconds until the map has formed, and how
many of a point's five nearest on it share its class. MNIST: seconds, and what the samples measure. `--device cuda`
takes the steps on a GPU, pythae's and the lessons' too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from benchmarks.crowd import memory_mb
from manigen import models
from manigen.training import Training

ROUNDS, STEPS, BATCH = 7, 4, 256
LAZIEST = 16  # steps after which every term that is looked at only now and then has been
SHAPE = (1, 28, 28)


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4096, *SHAPE), np.uint8)


def done(device: str) -> float:
    """Return the time, once what a GPU was given is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def ours(device: str) -> Callable[[], float]:
    """Return what takes STEPS steps of the house's loop and says how long that took."""
    model = models.build("autoencoder", SHAPE, 0).to(device)
    training = iter(Training(model, pictures(), budget=10**9, batch=BATCH))
    next(training)

    def go() -> float:
        began = done(device)
        for _ in range(STEPS):
            next(training)
        return done(device) - began

    return go


def bare(device: str) -> Callable[[], float]:
    """The same network and loss with Adam, and nothing else."""
    model = models.build("autoencoder", SHAPE, 0).to(device).train().to(memory_format=torch.channels_last)
    images, rng = torch.from_numpy(pictures()).to(device), torch.Generator(device).manual_seed(0)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        rows = torch.randint(len(images), (BATCH,), generator=rng, device=device)
        x = images[rows].float().div_(255).contiguous(memory_format=torch.channels_last)
        adam.zero_grad(set_to_none=True)
        model.losses("model", x, rng)["total"].backward()
        adam.step()

    step()

    def go() -> float:
        began = done(device)
        for _ in range(STEPS):
            step()
        return done(device) - began

    return go


def theirs(device: str) -> Callable[[], float] | None:
    """pythae's own trainer on the same network; None where it is not installed."""
    try:
        from pythae.data.datasets import BaseDataset
        from pythae.models import AE, AEConfig
        from pythae.trainers import BaseTrainer, BaseTrainerConfig
    except ImportError:
        return None
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    from manigen.models.networks import Decoder, Encoder

    class TheirEncoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = Encoder(SHAPE, 16)

        def forward(self, x: Any) -> Any:
            return ModelOutput(embedding=self.net(x))

    class TheirDecoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = Decoder(SHAPE, 16)

        def forward(self, z: Any) -> Any:
            return ModelOutput(reconstruction=self.net(z))

    x = torch.from_numpy(pictures()[: STEPS * BATCH]).float() / 255
    place = tempfile.mkdtemp()
    os.environ["TQDM_DISABLE"] = "1"
    model = AE(AEConfig(input_dim=SHAPE, latent_dim=16), TheirEncoder(), TheirDecoder())
    config = BaseTrainerConfig(output_dir=place, per_device_train_batch_size=BATCH, no_cuda=device == "cpu")
    trainer = BaseTrainer(model, BaseDataset(x, torch.zeros(len(x))), training_config=config)
    trainer.prepare_training()

    def go() -> float:
        began = done(device)
        trainer.train_step(1)
        return done(device) - began

    go()
    return go


def throughput(device: str) -> dict[str, Any]:
    """Pictures a second of each, medians of rounds taken in turn."""
    torch.set_num_threads(1)
    runners = {"ours": ours(device), "bare": bare(device)}
    if (made := theirs(device)) is not None:
        runners["pythae"] = made
    spent: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(ROUNDS):
        for name, go in runners.items():
            spent[name].append(go())
    pace = {name: STEPS * BATCH / statistics.median(times) for name, times in spent.items()}
    found: dict[str, Any] = {f"{name}_pictures_per_second": round(value) for name, value in pace.items()}
    for other in ("bare", "pythae"):
        if other in pace:
            ratios = [theirs / ours for ours, theirs in zip(spent["ours"], spent[other], strict=True)]
            found[f"ratio_to_{other}"] = round(statistics.median(ratios), 3)
    return found


def families(device: str) -> dict[str, Any]:
    """A step of every family that is trained by steps, in units of the autoencoder's; and how its memory grows."""
    torch.set_num_threads(1)
    names = [name for name in models.cards() if models.build(name, SHAPE, 0).players]
    runs = {name: steps_of(name, device) for name in sorted(names, key=lambda name: name != "autoencoder")}
    grown = {}
    for name, run in runs.items():
        take(run, 50, device)
        early = memory_mb(os.getpid())
        take(run, 150, device)
        grown[name] = memory_mb(os.getpid()) - early
    ratios: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        spent = {name: take(run, LAZIEST, device) for name, run in runs.items()}
        for name, seconds in spent.items():
            ratios[name].append(seconds / spent["autoencoder"])
    return {
        **{f"step_of_{name}": round(statistics.median(times), 2) for name, times in ratios.items()},
        **{f"memory_grown_mb_{name}": round(megabytes, 1) for name, megabytes in grown.items()},
    }


def steps_of(family: str, device: str) -> Iterator[Any]:
    """Return the steps of a run of a family, so far on that every player plays."""
    training = Training(models.build(family, SHAPE, 0).to(device), pictures(), budget=10**9, batch=64)
    training.seen = 8 * 10**8
    return iter(training)


def take(run: Iterator[Any], steps: int, device: str) -> float:
    """Take some steps of a run; return the seconds."""
    began = done(device)
    for _ in range(steps):
        next(run)
    return done(device) - began


def lesson(data: str, images: int, batch: int, rate: float, **knobs: Any) -> dict[str, Any]:
    """One order through the workshop: seconds to the formed map and to the finished model, and how good both are."""
    from manigen import files, home, weights, workshop
    from manigen.nearest import Nearest
    from manigen.workshop import orders, pace, traces
    from manigen.workshop.host import Host

    with tempfile.TemporaryDirectory() as place:
        os.environ["MANIGEN_HOME"] = place
        settings = {"batch": batch, "learning_rate": rate, "knobs": knobs, "maps": ("pca",), "threads": pace.threads()}
        began = time.perf_counter()
        order = workshop.place(home.owner("lesson"), "autoencoder", data, data, images=images, **settings)
        host = Host()  # a worker of its own, as beside a server
        host.ensure()
        while (status := order.status())["state"] not in orders.OVER and host.working:
            time.sleep(0.05)
        whole = time.perf_counter() - began
        host.stop()
        if status["state"] != "done":
            raise SystemExit(status.get("error", status["state"]))
        labels = files.read_npz(order.folder / orders.FIXED)["labels"]
        last = files.read_npz(order.folder / orders.FRAMES / f"{traces.frames(order.folder) - 1}.npz")
        codes, card = weights.codes(order.model), weights.info(order.model)
    near = Nearest(last["points"]).find(last["points"], 6)[0][:, 1:]
    wide = Nearest(codes.z).find(codes.z[:1000], 6)[0][:, 1:]
    return {
        f"{data}_map_seconds": round(whole - status["finishing_s"], 1),
        f"{data}_finished_seconds": round(whole, 1),
        f"{data}_images": card["trained"]["images"],
        f"{data}_map_same_class": round(float((labels[near] == labels[:, None]).mean()), 3),
        f"{data}_codes_same_class": round(float((codes.labels[wide] == codes.labels[:1000, None]).mean()), 3),
        f"{data}_reconstruction_mse": round(card["measures"]["reconstruction_mse"], 5),
        f"{data}_frechet_distance": round(card["measures"]["frechet_distance"], 2),
        f"{data}_frechet_distance_real": round(card["measures"]["frechet_distance_real"], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="throughput,families,digits,mnist")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given = parser.parse_args()
    os.environ["MANIGEN_TRAIN_DEVICE"] = given.device
    found: dict[str, Any] = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "device": given.device}
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "throughput": lambda: throughput(given.device),
        "families": lambda: families(given.device),
        "digits": lambda: lesson("digits", 60_000, 64, 4e-3, width=16),
        "mnist": lambda: lesson("mnist", 120_000, 128, 2e-3, width=16),
    }
    for name in given.only.split(","):
        found |= parts[name]()
    print(json.dumps(found) if given.json else "\n".join(f"{name:32} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
