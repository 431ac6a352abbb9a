"""The descent that all searched paths share: many paths at once, each to the bottom of its own energy.

A path is a chain of knots z_0, ..., z_m with both ends fixed, and its energy a sum over the steps between them. Plain
gradient descent moves such a chain by one link a step; here each step is first solved through the chain's own stiffness
(the weighted second difference, the energy's main part), then bent by what the last steps have taught (L-BFGS, Nocedal,
Wright 2006, Numerical Optimization, ch. 7), so that some tens of steps do, however many knots there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MEMORY = 6  # steps remembered
FEW = 5  # steps over which it is judged whether the descent still saves anything
ARMIJO, SHORTEST = 1e-4, 2.0**-12  # what a step must save of what it promised, and the shortest tried

# of chains z (a, m + 1, d) and their numbers (a,): energies (a,), gradients (a, m - 1, d) of the inner knots, and the
# stiffness (a, m) of each link
Energy = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
Moved = list[tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass(eq=False)
class State:
    """Where the chains are, and what their energy is there."""

    z: np.ndarray
    value: np.ndarray
    gradient: np.ndarray
    stiff: np.ndarray


@dataclass(frozen=True, eq=False)
class Found:
    """Chains (k, m + 1, d), their energies (k,), what is left to save of them (k,), and what the search has learned.

    The residual is the share of a chain's energy that one more step promises to save, or that the last five steps have
    saved, whichever is less; of a chain that could not take those, the former, and 1 at most.
    """

    z: np.ndarray
    energy: np.ndarray
    residual: np.ndarray
    steps: int
    moved: Moved


def descend(
    energy: Energy,
    z: np.ndarray,
    most: int = 100,
    tolerance: float = 1e-3,
    moved: Moved | None = None,
    goes_on: Callable[[int], bool] | None = None,
) -> Found:
    """Return the chains z (k, m + 1, d) moved downhill until less than `tolerance` of each energy is left to save.

    Their ends stay. A step that would raise an energy, or lead where it is not finite, is shortened, in the end to
    nothing: no chain ever ends higher than it began. `moved` is what an earlier search of the same chains has learned.
    Before each step `goes_on(step)` may end the search where it is.
    """
    z = z.astype(np.float64).copy()
    moved = [] if moved is None else moved
    state = State(z, *energy(z, np.arange(len(z))))
    residual = np.full(len(z), np.inf)
    values = [state.value]
    went: list[np.ndarray] = []  # who could take each step
    step, stuck, done = 0, np.zeros(len(z), bool), np.zeros(len(z), bool)
    for step in range(most + 1):
        way = -_bent(state.stiff, state.gradient, moved)
        slope = np.einsum("kmd,kmd->k", way, state.gradient)
        if (astray := ~(slope < 0) | stuck).any():
            plain = -_solved(state.stiff, state.gradient)
            way[astray], slope[astray] = plain[astray], np.einsum("kmd,kmd->k", plain, state.gradient)[astray]
        size = np.where(state.value > 1e-300, state.value, 1.0)  # what has no energy has none to save: see below
        left = np.minimum(-slope / 2 / size, 1.0)
        if len(values) > FEW:
            with np.errstate(invalid="ignore"):  # of what never had a finite energy
                saved = np.where(np.all(went[-FEW:], axis=0), values[-1 - FEW] - state.value, np.inf)
            left = np.minimum(left, saved / size)
        left[state.value <= 0] = 0.0
        left[~np.isfinite(state.value)] = np.inf
        residual[~done] = left[~done]  # a chain at rest stays so, and is as it would be were it alone
        done |= (residual < tolerance) | ~np.isfinite(state.value)
        if done.all() or step == most or (goes_on is not None and not goes_on(step)):
            break
        before = state
        state, taken = _along(energy, before, way, slope, ~done)
        if (done | (stuck & ~taken)).all():
            break
        stuck = ~taken
        _learn(before, state, moved)
        values.append(state.value)
        went.append(taken)
    return Found(state.z, state.value, residual, step, moved)


def _along(
    energy: Energy, at: State, way: np.ndarray, slope: np.ndarray, waiting: np.ndarray
) -> tuple[State, np.ndarray]:
    """Go each waiting chain's way, as far as it leads downhill; say which could."""
    length = np.ones(len(at.z))
    new = State(*(part.copy() for part in (at.z, at.value, at.gradient, at.stiff)))
    waiting = waiting.copy()
    taken = ~waiting
    while waiting.any():
        rows = np.flatnonzero(waiting)
        tried = at.z[rows].copy()
        tried[:, 1:-1] += length[rows, None, None] * way[rows]
        value, gradient, stiff = energy(tried, rows)
        good = np.isfinite(value) & (value <= at.value[rows] + ARMIJO * length[rows] * slope[rows])
        kept = rows[good]
        new.z[kept], new.value[kept], new.gradient[kept], new.stiff[kept] = (
            part[good] for part in (tried, value, gradient, stiff)
        )
        taken[kept] = True
        missed = rows[~good]  # the lowest point of the parabola through what is known, within a tenth and a half
        rise = value[~good] - at.value[missed] - length[missed] * slope[missed]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = -slope[missed] * length[missed] / (2 * rise)
        length[missed] *= np.clip(np.nan_to_num(share, nan=0.1, posinf=0.5, neginf=0.1), 0.1, 0.5)
        waiting &= ~taken & (length > SHORTEST)
    return new, taken


def _learn(before: State, after: State, moved: Moved) -> None:
    """Remember a step, what it did to the gradient, and the inverse of their product, 0 where it teaches nothing."""
    step, change = after.z[:, 1:-1] - before.z[:, 1:-1], after.gradient - before.gradient
    inner, size = np.einsum("kmd,kmd->k", step, change), np.einsum("kmd,kmd->k", change, change)
    useful = inner > 1e-12 * size
    rho = np.zeros(len(inner))
    rho[useful] = 1 / inner[useful]
    moved.append((step, change, rho))
    del moved[:-MEMORY]


@np.errstate(over="ignore", invalid="ignore")  # a way that is not a number is not taken
def _bent(stiff: np.ndarray, gradient: np.ndarray, moved: Moved) -> np.ndarray:
    """The gradient through the inverse of what is known of the energy's second derivatives."""
    q = gradient.copy()
    shares = []
    for s, y, rho in reversed(moved):
        share = rho * np.einsum("kmd,kmd->k", s, q)
        q -= share[:, None, None] * y
        shares.append(share)
    q = _solved(stiff, q)
    if moved:  # as long as the last step says that the stiffness is right
        s, y, rho = moved[-1]
        through = np.einsum("kmd,kmd->k", y, _solved(stiff, y))
        right = (rho > 0) & (through > 0)
        q *= np.where(right, 1 / np.where(right, rho * through, 1.0), 1.0)[:, None, None]
    for (s, y, rho), share in zip(moved, reversed(shares), strict=True):
        q += (share - rho * np.einsum("kmd,kmd->k", y, q))[:, None, None] * s
    return q


def _solved(stiff: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Solve (D^T diag(2 w) D) x = g for each chain: w (k, m) the links' stiffness, D the differences of its knots.

    A chain of springs held at both ends: each link pulls as hard as the one before it less what its knot takes up, and
    what the links give adds up to nothing, which says how hard the first one pulls.
    """
    w = 2 * stiff[:, :, None]
    taken = np.concatenate([np.zeros_like(gradient[:, :1]), gradient.cumsum(axis=1)], axis=1)
    given = taken / w
    return (given.sum(axis=1, keepdims=True) / (1 / w).sum(axis=1, keepdims=True) / w - given).cumsum(axis=1)[:, :-1]
