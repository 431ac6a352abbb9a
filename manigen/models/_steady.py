"""Steady draws: leave out the codes at which the smallest step would change the picture most.

A decoder is continuous, so between two groups of pictures it has to cross what belongs to neither, and it crosses it
fast: there its Jacobian J is large. To drop the draws with the largest norm of J drops the junk between the groups,
and costs some variety with it.
Source: Tanielian, Issenhuth, Dohmatob, Mary 2020, Learning disconnected manifolds: a no GAN's land,
https://arxiv.org/abs/2006.04596.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from manigen import seeds
from manigen.errors import BadInput

Decode = Callable[[np.ndarray], np.ndarray]

PROBES = 8  # directions in which a code is nudged
NUDGE = 0.05  # how far, as a share of the codes' spread: small, and more than the threshold of a tree apart
FEWEST = 100  # codes among which the steep ones are looked for, however few are wanted
MOST = 0.5  # the largest share that may be dropped


def share(reject: float) -> float:
    """Return the share of draws to drop, or raise `BadInput` where it does not lie in [0, 0.5]."""
    if isinstance(reject, bool) or not isinstance(reject, int | float) or not 0 <= reject <= MOST:
        raise BadInput(f"The share of draws to reject must lie between 0 and {MOST:g}, not at {str(reject)[:60]}.")
    return float(reject)


def stretch(decode: Decode, z: np.ndarray, probes: int = PROBES) -> np.ndarray:
    """Return how strongly the decoder stretches space at codes z (n, d): about |J|_F (n,), pixels over codes.

        |J|_F^2 = d E |J u|^2,    u a random direction;    J u ~ (D(z + h u) - D(z)) / h

    over `probes` directions that stand at right angles to each other, the same for every code, so that with d of them
    nothing is estimated. It needs decodes only, no gradient, so a forest of steps has a stretch as well.
    """
    z = np.asarray(z, np.float32)
    dim = z.shape[1]
    probes = min(probes, dim)
    directions = np.linalg.qr(seeds.numpy_stream(0, dim).standard_normal((dim, probes)))[0].T.astype(np.float32)
    step = np.float32(NUDGE * max(float(z.std()), 1e-3))
    here = decode(z)
    total = np.zeros(len(z))
    for direction in directions:
        change = (decode(z + step * direction) - here) / step
        total += np.square(change).reshape(len(z), -1).sum(1, dtype=np.float64)
    return np.sqrt(total * dim / probes).astype(np.float32)


def steadiest(
    draw: Callable[[int], np.ndarray], norm: Callable[[np.ndarray], np.ndarray], n: int, reject: float
) -> np.ndarray:
    """Return n codes (n, d): as many more are drawn, and the share `reject` of them with the largest `norm` goes.

    At least 100 are drawn, or a share of them could not be told. They keep the order they were drawn in.
    """
    if not reject:
        return draw(n)
    drawn = max(FEWEST, math.ceil(n / (1 - reject)))
    while drawn - math.floor(reject * drawn) < n:
        drawn += 1
    z = draw(drawn)
    calm = np.argsort(norm(z), kind="stable")[: drawn - math.floor(reject * drawn)]
    return z[np.sort(calm)[:n]]
