"""The small network that learned samplers are made of: affine layers with SiLU between them.

Its weights are a plain list of tensors, drawn from a stream of their own, so that nothing global is touched and they
go to disk as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

AVERAGE = 0.999  # how much of the averaged weights survives a step


def drawn(sizes: Sequence[int], rng: torch.Generator) -> list[Tensor]:
    """Return weights (out, in) and biases (out,) of a network whose layers are of these `sizes`, ready to learn."""
    import torch

    weights: list[Tensor] = []
    for before, after in pairwise(sizes):
        weights.append(torch.randn((after, before), generator=rng) * before**-0.5)
        weights.append(torch.zeros(after))
    return [weight.requires_grad_(True) for weight in weights]


def run(weights: Sequence[Tensor], x: Tensor) -> Tensor:
    """Return the network's answers (n, out) to x (n, in)."""
    from torch.nn import functional

    for at in range(0, len(weights), 2):
        x = functional.linear(x, weights[at], weights[at + 1])
        if at + 2 < len(weights):
            x = functional.silu(x)
    return x


def follow(average: Sequence[Tensor], weights: Sequence[Tensor], step: int) -> None:
    """Move the running `average` a little towards the `weights`: fast in the first steps, slowly later."""
    import torch

    with torch.no_grad():
        torch._foreach_lerp_(list(average), list(weights), 1 - min(AVERAGE, (1 + step) / (10 + step)))


def to_arrays(weights: Sequence[Tensor]) -> dict[str, np.ndarray]:
    return {f"layer{at}": weight.detach().numpy() for at, weight in enumerate(weights)}


def from_arrays(arrays: Mapping[str, np.ndarray]) -> list[Tensor]:
    import torch

    layers = [arrays[f"layer{at}"] for at in range(sum(name.startswith("layer") for name in arrays))]
    if not layers or len(layers) % 2:
        raise KeyError("layer0")
    return [torch.from_numpy(np.array(layer, np.float32)) for layer in layers]
