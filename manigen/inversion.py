"""Inversion: a code for a picture, found by looking for it, where no encoder reads it off or reads it only roughly.

    min over z of  |D(z) - x|^2  +  w |(z - m) / s|^2

by Adam from several starts at once: those of the model's own codes whose pictures are nearest to x, and what an encoder
reads off, where there is one. m and s are the mean and deviation of these codes; the weak second term keeps the search
among codes that the decoder was trained for. The best code that was passed is returned with its error, which says how
much of the picture the model can paint: a picture from elsewhere has no code, and the search then ends at the nearest
thing the model makes.

Source: Zhu, Krähenbühl, Shechtman, Efros 2016, Generative Visual Manipulation on the Natural Image Manifold,
https://arxiv.org/abs/1609.03552.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from manigen import checks, seeds
from manigen.errors import NotPossible

if TYPE_CHECKING:
    from manigen.models import Generator

STEPS, STARTS = 200, 8
RATE = 0.08  # of the codes' deviation, each step at first
WEIGHT = 2e-3  # of the second term, for each number of the code
LOOKED_AT = 2000  # of the model's codes that are looked through for starts

Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Found:
    """Codes z (n, d) for n pictures, and how well they do: mean squared errors (n,), pixels in [0, 1].

    `error` is that of the codes found, `start` that of the best of the codes where the search began.
    """

    z: np.ndarray
    error: np.ndarray
    start: np.ndarray


def search(
    generator: Generator,
    x: Any,
    codes: Any = None,
    steps: int = STEPS,
    seed: int = 0,
    progress: Progress = lambda share: None,
) -> Found:
    """Return codes whose pictures come near to x (n, c, h, w), uint8 or in [0, 1]; the same answer every time.

    `codes` (m, d) are the model's own, else some are drawn with `seed`. `progress` hears the share done; what it raises
    ends the search. Raises `NotPossible` where the decoder has no slope, `BadInput` for pictures of another shape.
    """
    x = checks.images(x, generator.shape)
    steps = checks.count(steps, "steps", 1, 10_000)
    if not generator.differentiable:
        raise NotPossible(f"{generator.name} has no smooth decoder, so no code of a picture can be searched for.")
    known = generator.sample_codes(LOOKED_AT, seed) if codes is None else checks.codes(codes, generator.dim)
    known = known[np.sort(seeds.numpy_stream(seed, 12).permutation(len(known))[:LOOKED_AT])]
    painted = generator.decode(known).reshape(len(known), -1)
    mean, deviation = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)

    def part(i: int) -> Progress:
        return lambda share: progress((i + share) / len(x))

    read = generator.encode(x) if generator.encodes else None
    found = []
    for i, one in enumerate(x):
        starts = _starts(generator, one, known, painted, None if read is None else read[i])
        found.append(_one(generator, one, *starts, mean, deviation, steps, part(i)))
    z, error, start = (np.array(column, np.float32) for column in zip(*found, strict=True))
    return Found(z, error, start)


def _starts(
    generator: Generator, picture: np.ndarray, known: np.ndarray, painted: np.ndarray, read: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes (k, d) at which a picture's search begins, the best first, and their errors (k,)."""
    off = np.square(painted - picture.ravel()).mean(axis=1)
    nearest = np.argsort(off, kind="stable")[:STARTS]
    z, off = known[nearest], off[nearest]
    if read is not None:
        z = np.concatenate([z, read[None]])
        off = np.append(off, np.square(generator.decode(read[None])[0] - picture).mean())
    order = np.argsort(off, kind="stable")
    return z[order], off[order]


def _one(
    generator: Generator,
    picture: np.ndarray,
    starts: np.ndarray,
    off: np.ndarray,
    mean: np.ndarray,
    deviation: np.ndarray,
    steps: int,
    progress: Progress,
) -> tuple[np.ndarray, float, float]:
    import torch

    m, s, goal = (torch.from_numpy(np.asarray(part, np.float32)).to(generator.device)
                  for part in (mean, deviation, picture[None]))  # fmt: skip
    best, least = starts[0], float(off[0])
    with torch.enable_grad():
        u = ((torch.from_numpy(starts).to(generator.device) - m) / s).requires_grad_(True)
        adam = torch.optim.Adam([u], RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps, RATE / 20)
        for step in range(steps):
            adam.zero_grad()
            z = m + s * u
            missed = (generator.decode_batch(z) - goal).square().flatten(1)
            value, at = missed.detach().mean(1).min(0)
            if float(value) < least:
                best, least = z[at].detach().cpu().numpy(), float(value)
            (missed.sum(1) + WEIGHT * u.square().sum(1)).sum().backward()
            adam.step()
            schedule.step()
            if step % 10 == 0:
                progress(step / steps)
    return best, least, float(off[0])
