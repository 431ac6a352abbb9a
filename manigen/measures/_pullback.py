"""The pull-back metric on a map: how much the picture changes for one step there, and in which direction.

    G(p) = J^T J,   J = d decode(z(p)) / dp = (d decode / dz) (dz / dp)          (dims, dims) at each place p

sqrt det G is the magnification factor, how much picture-space a patch of the map covers; the ellipse v^T G v = 1 is
Tissot's indicatrix, a circle of equal change of the picture as the map shows it: wide where the map inflates.

Source: Bishop, Svensen, Williams 1997, Magnification Factors for the SOM and GTM Algorithms,
https://publications.aston.ac.uk/id/eprint/1201/; Arvanitidis, Hansen, Hauberg 2018, Latent Space Oddity,
https://arxiv.org/abs/1710.11379.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from manigen import checks
from manigen.errors import NotPossible

CHUNK = 512  # pictures pushed forward at once: codes times directions


def metric(generator: Any, z: Any, along: np.ndarray | None = None) -> np.ndarray:
    """Return G (n, m, m) at codes z (n, d) for steps `along` (n, m, d); along each number of the code unless named.

    Each column of J is one forward derivative (torch.func.jvp), and all columns of many codes are taken in one batch;
    the network is never differentiated pixel by pixel. Raises `NotPossible` where the decoder has no slope.
    """
    import torch

    z = checks.codes(z)
    if not hasattr(generator, "decode_batch"):
        raise NotPossible("This decoder is no smooth network, so its pictures have no slope to measure.")
    n, d = z.shape
    steps = np.broadcast_to(np.eye(d, dtype=np.float32), (n, d, d)) if along is None else along.astype(np.float32)
    m = steps.shape[1]
    found = np.empty((n, m, m))
    block = max(1, CHUNK // m)
    for at in range(0, n, block):
        part = slice(at, at + block)
        codes = torch.from_numpy(z[part]).to(generator.device)
        ways = torch.from_numpy(np.ascontiguousarray(steps[part].transpose(1, 0, 2))).to(generator.device)
        try:
            columns = torch.func.vmap(_push(generator.decode_batch, codes))(ways)
        except (RuntimeError, NotImplementedError) as error:
            raise NotPossible("This decoder is no smooth network, so its pictures have no slope to measure.") from error
        j = columns.detach().flatten(2).transpose(0, 1).to(torch.float32)
        found[part] = (j @ j.transpose(1, 2)).cpu().numpy()
    return found


def _push(decode: Callable[..., Any], z: Any) -> Callable[[Any], Any]:
    import torch

    return lambda way: torch.func.jvp(decode, (z,), (way,))[1]


def on_map(generator: Any, fitted: Any, p: np.ndarray) -> np.ndarray:
    """Return G (n, dims, dims) at places p (n, dims) of a map, by its own way back, differenced.

    `fitted` answers `inverse_transform(p)` and has a `spacing`, whose half is the step.
    """
    p = checks.points(p)
    step = np.float32(fitted.spacing / 2)
    ways = []
    for one in np.eye(p.shape[1], dtype=np.float32) * step:
        ways.append((fitted.inverse_transform(p + one) - fitted.inverse_transform(p - one)) / (2 * step))
    return metric(generator, fitted.inverse_transform(p), np.stack(ways, axis=1))


def ellipses(g: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return of metrics g (n, 2, 2): log sqrt det (n,), the ellipses' half axes (n, 2) longest first, their angle (n,).

    The angle is the long axis's, in radians from the first direction.
    """
    values, vectors = np.linalg.eigh(g)
    values = np.maximum(values, 1e-12 * np.maximum(values[:, -1:], 1e-30))
    angle = np.arctan2(vectors[:, 1, 0], vectors[:, 0, 0])
    return np.log(values).sum(axis=1) / 2, 1 / np.sqrt(values), angle
