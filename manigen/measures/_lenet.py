"""The small classifier in whose features generated and real pictures are compared.

    x (c, h, w) -> conv 5x5, 12 -> pool -> conv 5x5, 32 -> pool -> f (64) -> class

Two pictures are alike if they are alike to somebody who learned to read: that is what f, the 64 numbers before the
last layer, are for. They are taken before their activation, where they are spread like a bell rather than cut off at
zero, and scaled to mean 0 and deviation 1 on the training pictures. Dropout, slight turns and shifts, and a short
training keep f from collapsing to one point for each class.

A network is a dictionary of arrays and two functions. The layout is that of LeCun, Bottou, Bengio, Haffner 1998,
Gradient-Based Learning Applied to Document Recognition, https://doi.org/10.1109/5.726791.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from manigen import seeds
from manigen.errors import BadInput

if TYPE_CHECKING:
    from torch import Generator, Tensor

WIDTH = 64  # numbers in f
BATCH, RATE, KEPT = 128, 2e-3, 0.7  # of training: pictures in a step, Adam's step, the share of f that dropout keeps
TURN, STRETCH, SHIFT = 10.0, 0.1, 0.07  # degrees, and shares of the picture's size, that a training picture is moved by
AVERAGED = 0.999  # how much of the running average of the weights a step keeps


@dataclass(frozen=True, eq=False)
class Trained:
    """A classifier's arrays, and the share of pictures it names rightly: of those kept back, and epoch by epoch."""

    arrays: dict[str, np.ndarray]
    validation: float
    epochs: tuple[float, ...]


def features(w: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Return f (n, 64) of pictures x (n, c, h, w) in [0, 1], as it comes: not scaled yet."""
    from torch.nn import functional as F

    x = F.max_pool2d(F.silu(F.conv2d(x * 2 - 1, w["first"], w["first_bias"], padding=2)), 2)
    x = F.max_pool2d(F.silu(F.conv2d(x, w["second"], w["second_bias"], padding=2)), 2)
    return F.linear(x.flatten(1), w["third"], w["third_bias"])


def scores(w: Mapping[str, Tensor], f: Tensor, kept: Tensor | float = 1.0) -> Tensor:
    """Return one score for each class (n, classes), the highest for the most likely; f (n, 64) as it comes."""
    from torch.nn import functional as F

    return F.linear(F.silu(f) * kept, w["last"], w["last_bias"])


def fresh(shape: tuple[int, int, int], classes: int, rng: Generator) -> dict[str, Tensor]:
    """Return a network for pictures of `shape` that has learned nothing."""
    import torch

    c, h, w = shape
    sizes = {"first": (12, c, 5, 5), "second": (32, 12, 5, 5), "third": (WIDTH, 32 * (h // 4) * (w // 4))}
    made: dict[str, Tensor] = {}
    for name, size in {**sizes, "last": (classes, WIDTH)}.items():
        spread = float(np.sqrt(2 / np.prod(size[1:])))
        made[name] = torch.randn(size, generator=rng) * spread
        made[f"{name}_bias"] = torch.zeros(size[0])
    return made


def train(
    x: np.ndarray,
    labels: np.ndarray,
    epochs: int = 6,
    seed: int = 0,
    progress: Callable[[float, str], None] = lambda share, words: None,
) -> Trained:
    """Train a classifier of pictures x (n, c, h, w) uint8 with labels (n,), a twelfth of them kept back to choose by.

    The weights are a running average over the steps, those of the epoch that did best on the pictures kept back. Each
    epoch is told to `progress`. Raises `BadInput` where a label is missing or there is one class only.
    """
    import torch
    from torch.nn import functional as F

    classes = int(labels.max()) + 1
    if labels.min() < 0 or classes < 2:
        raise BadInput("A classifier learns from pictures of at least two classes, all of them labelled.")
    rng, order = seeds.torch_stream(seed), seeds.numpy_stream(seed)
    rows = order.permutation(len(x))
    kept_back, rows = rows[: len(x) // 12], rows[len(x) // 12 :]
    net = {name: value.requires_grad_(True) for name, value in fresh(x.shape[1:], classes, rng).items()}
    average = {name: value.detach().clone() for name, value in net.items()}
    adam = torch.optim.Adam(net.values(), lr=RATE)
    steps = epochs * (len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, total_steps=max(1, steps), pct_start=0.2)
    best, best_share, history = average, -1.0, []
    for epoch in range(epochs):
        order.shuffle(rows)
        for at in range(0, len(rows) - BATCH + 1, BATCH):
            chosen = rows[at : at + BATCH]
            f = features(net, _moved(torch.from_numpy(x[chosen]).float() / 255, rng))
            dropped = (torch.rand(f.shape, generator=rng) < KEPT) / KEPT
            adam.zero_grad()
            F.cross_entropy(scores(net, f, dropped), torch.from_numpy(labels[chosen])).backward()
            adam.step()
            schedule.step()
            with torch.no_grad():
                keep = min(AVERAGED, 1 - 1 / (1 + int(schedule.last_epoch)))
                for name, value in net.items():
                    average[name].lerp_(value, 1 - keep)
        share = accuracy(average, x[kept_back], labels[kept_back])
        history.append(share)
        progress(
            (epoch + 1) / epochs, f"round {epoch + 1} of {epochs}: {share:.2%} of the pictures kept back are right"
        )
        if share >= best_share:
            best, best_share = {name: value.clone() for name, value in average.items()}, share
    with torch.inference_mode():
        f = torch.cat(
            [features(best, torch.from_numpy(x[at : at + 500]).float() / 255) for at in range(0, len(x), 500)]
        )
        best |= {"mean": f.mean(0), "deviation": f.std(0)}
    return Trained({name: value.numpy() for name, value in best.items()}, best_share, tuple(history))


def accuracy(w: Mapping[str, Any], x: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of pictures x (n, c, h, w) uint8 whose class the network `w` names rightly."""
    import torch

    right = 0
    with torch.inference_mode():
        for at in range(0, len(x), 500):
            said = scores(w, features(w, torch.from_numpy(x[at : at + 500]).float() / 255)).argmax(1)
            right += int((said.numpy() == labels[at : at + 500]).sum())
    return right / len(x)


def _moved(x: Tensor, rng: Generator) -> Tensor:
    """Return pictures each turned, stretched and shifted a little, by chance."""
    import torch
    from torch.nn import functional as F

    turn, stretch, right, down = (torch.rand((4, len(x)), generator=rng) * 2 - 1).unbind()
    angle, size = turn * np.deg2rad(TURN), 1 + stretch * STRETCH
    rows = (
        torch.stack([angle.cos() * size, -angle.sin() * size, right * SHIFT * 2], 1),
        torch.stack([angle.sin() * size, angle.cos() * size, down * SHIFT * 2], 1),
    )
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)
