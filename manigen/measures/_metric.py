"""The pull-back metric: how the decoder stretches the space of codes.

    G(z) = J(z)^T J(z),   J(z) = d decode / d z,   pixels by numbers of a code

A short step dz in the codes is a step of length (dz^T G dz)^(1/2) in the pictures. The singular values of J are the
stretches along its main directions, and their squares the eigenvalues of G.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from manigen.errors import NotPossible
from manigen.measures._context import Context

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 64  # codes at once
STEP = 1e-2  # of a finite difference, in deviations of the codes
FLOOR = 1e-6  # of the largest stretch: below it a float32 decoder has nothing but rounding


def stretches(context: Context, sample: int) -> np.ndarray:
    """Return the singular values (m, d) of J at `sample` held-out codes (drawn codes where nothing encodes).

    Kept in the context: two measures ask. Values below a millionth of a code's largest are raised to that.
    Raises `NotPossible` where pictures do not change with codes, as a random forest's do not between its thresholds.
    """
    kept = context.__dict__.setdefault("_stretches", {})
    if sample not in kept:
        z = context.codes[context.pairs(sample)[0]].astype(np.float32)
        spread = float(context.codes.std(axis=0).mean()) or 1.0
        columns = (jacobian(context.generator, z[at : at + CHUNK], STEP * spread) for at in range(0, len(z), CHUNK))
        kept[sample] = np.concatenate([singular_values(j) for j in columns])
    values = kept[sample]
    if not (values[:, 0] > 0).all():
        raise NotPossible("The pictures of this generator do not change with a small step in its codes: no slope.")
    return np.maximum(values, FLOOR * values[:, :1])


def singular_values(j: np.ndarray) -> np.ndarray:
    """Return the singular values (m, d) of Jacobians j (m, pixels, d), largest first; beyond the pixels they are 0."""
    values = np.linalg.svd(j.astype(np.float64), compute_uv=False)
    return np.pad(values, ((0, 0), (0, j.shape[2] - values.shape[1])))


def jacobian(generator: Any, z: np.ndarray, step: float) -> np.ndarray:
    """Return J (m, pixels, d) of a generator's decoder at codes z (m, d), column by column.

    By differentiating backward twice, which every smooth layer can; where the decoder is none of torch's, or has a
    layer that cannot, by central differences of length `step`.
    """
    if hasattr(generator, "decode_batch"):
        import torch

        try:
            return _backward_twice(generator.decode_batch, torch.from_numpy(z).to(generator.device)).cpu().numpy()
        except (RuntimeError, NotImplementedError):
            pass
    steps = np.eye(z.shape[1], dtype=np.float32) * np.float32(step)
    moved = [(generator.decode(z + one) - generator.decode(z - one)).reshape(len(z), -1) / (2 * step) for one in steps]
    return np.stack(moved, axis=2)


def _backward_twice(decode: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """J as two backward passes: v^T J is linear in v, and its derivative by v along u is J u, a column for each u.

    A picture depends on its own code alone, so a column of all codes is found at once.
    """
    import torch

    with torch.enable_grad():
        z = z.clone().requires_grad_(True)
        x = decode(z).flatten(1)
        v = torch.zeros_like(x, requires_grad=True)
        (back,) = torch.autograd.grad(x, z, v, create_graph=True)
        columns = []
        for i in range(z.shape[1]):
            along = torch.zeros_like(z)
            along[:, i] = 1
            columns.append(torch.autograd.grad(back, v, along, retain_graph=True)[0])
    return torch.stack(columns, 2).detach()
