"""Directions: what each slider turns, and how much the picture changes with it.

A code is a point in d dimensions, and d straight directions at right angles reach every other one. Two such sets are
offered: the code's own numbers, one by one, and the principal directions, along which the codes vary most. Where the
codes have classes, two more sets mean something: from the mean of all codes towards the mean of each class, and across
the border between each class and the rest. Groups that a lasso chose have the latter too. All of those lean on one
another: turning one slider moves others too. A slider's
unit is one standard deviation of the real codes along its direction, so that 1 means "as usual" on every slider.

Sources: turning one number and looking is the latent traversal of Higgins et al. 2017, beta-VAE
(https://openreview.net/forum?id=Sy2fzU9gl); principal directions as controls are Härkönen, Hertzmann, Lehtinen, Paris
2020, GANSpace (https://arxiv.org/abs/2004.02546); for those of classes see `manigen.attributes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from manigen import attributes, checks
from manigen.errors import BadInput, unknown

BASES = ("numbers", "directions", "classes", "borders")
OF_CLASSES = ("classes", "borders")
CHOSEN = "selections"  # the basis of what a person has chosen; offered once there is a selection
REACH = 3.0  # a slider goes from -REACH to REACH standard deviations
MOST_CODES, MOST_PICTURES = 64, 4096  # that one measurement of all effects may take


@dataclass(frozen=True, eq=False)
class Directions:
    """k directions through the middle of the real codes, one for each slider; all arrays float32.

        s_i = (z - mean) . axes_i / scale_i,   and, at right angles,   z = mean + sum_i s_i scale_i axes_i

    `mean` (d,) is the average code. `axes` (k, d) are the directions, rows of length 1. `scale` (k,) is the standard
    deviation of the codes along each, in the units of the codes; 1 where the codes do not vary at all. `share` (k,) is
    the part of the codes' variance that lies along each, in [0, 1]. Of directions that belong to classes, `groups` (k,)
    int64 says which class, and `at` (k,) where on its slider that class's mean lies; both are empty for the others.
    """

    mean: np.ndarray
    axes: np.ndarray
    scale: np.ndarray
    share: np.ndarray
    groups: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    at: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))

    @property
    def units(self) -> np.ndarray:
        """What one step of 1 on each slider adds to a code: (k, d)."""
        return self.scale[:, None] * self.axes

    def positions(self, z: Any) -> np.ndarray:
        """Return where the sliders stand for codes z (n, d): (n, k), in standard deviations from the mean."""
        return (checks.codes(z, len(self.mean)) - self.mean) @ self.axes.T / self.scale

    def codes(self, positions: Any) -> np.ndarray:
        """Return the codes (n, d) for slider positions (n, k); the way back from `positions` at right angles only."""
        return self.mean + checks.codes(positions, len(self.axes), "positions") @ self.units


@dataclass(frozen=True, eq=False)
class Selection:
    """A group of codes that a person chose: its `name`, and how many codes `n` it holds.

    `axis` (d,) is the unit normal of a logistic probe, the selection against all the rest; `centre` (d,) its mean code.
    Both float32: they are all that a link has to carry, whatever map the lasso was drawn on.
    """

    name: str
    n: int
    axis: np.ndarray
    centre: np.ndarray


def select(z: Any, rows: Any, name: str) -> Selection:
    """Return the selection of some rows of the real codes z (n, d); `BadInput` where that is none or all of them."""
    z = checks.codes(z)
    has = np.zeros(len(z), bool)
    has[rows] = True
    axis = attributes.probe(z, has)
    return Selection(name, int(has.sum()), axis, z[has].mean(axis=0, dtype=np.float64).astype(np.float32))


def directions(z: Any, basis: str = "numbers", labels: Any = None) -> Directions:
    """Return the directions of the real codes z (n, d): "numbers", "directions", "classes" or "borders".

    "numbers" are the code's own axes. "directions" are the eigenvectors of the codes' covariance, the largest variance
    first; the sign, which is free, is chosen so that each one's largest entry is positive. "classes" lead from the mean
    of all codes to the mean of each class of `labels` (n,), "borders" straight across the border that a logistic probe
    finds between it and the rest. A label below 0 is none. Raises `BadInput` for codes that are not numbers (n, d) or
    have fewer than two classes, `UnknownName` for another basis.

    >>> directions([[0.0, 1.0], [2.0, 1.0], [4.0, 4.0]]).mean
    array([2., 2.], dtype=float32)
    """
    z = checks.codes(z)
    if basis not in BASES:
        raise unknown("basis", basis, list(BASES))
    mean = z.mean(axis=0, dtype=np.float64)
    around = z - mean
    if basis == "numbers":
        axes, variance = np.eye(z.shape[1]), np.square(around).mean(axis=0)
    elif basis in OF_CLASSES:
        return _of_classes(z, basis, np.full(len(z), -1) if labels is None else np.asarray(labels))
    else:
        variance, columns = np.linalg.eigh(around.T @ around / len(z))
        variance, axes = np.maximum(variance[::-1], 0), columns.T[::-1]
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
        axes = axes * np.sign(largest)
    deviation = np.sqrt(variance)
    scale = np.where(deviation > 1e-6 * max(1.0, deviation.max()), deviation, 1.0)
    share = variance / max(variance.sum(), 1e-30)
    return Directions(*(array.astype(np.float32) for array in (mean, axes, scale, share)))


def bases(labels: Any) -> tuple[str, ...]:
    """Return the bases that codes with these labels (n,) have: those of classes only where there are two at least."""
    labels = np.asarray(labels)
    return BASES if len(np.unique(labels[labels >= 0])) > 1 else tuple(name for name in BASES if name not in OF_CLASSES)


def _of_classes(z: np.ndarray, basis: str, labels: np.ndarray) -> Directions:
    """One direction for each class; a class whose mean is the mean of all has none of its own and is left out."""
    groups, means = attributes.class_means(z, labels)
    if len(groups) < 2:
        raise BadInput("Directions of classes need codes of two classes at least.")
    mean = z.mean(axis=0, dtype=np.float64)
    around, aside = z - mean, means - mean
    total = np.square(around).mean(axis=0).sum()
    own = np.linalg.norm(aside, axis=1) > 1e-6 * np.sqrt(total)
    groups, aside = groups[own], aside[own]
    known = labels >= 0
    axes = aside if basis == "classes" else [attributes.probe(z[known], labels[known] == group) for group in groups]
    return _towards(z, axes, means[own], groups)


def of_selections(z: Any, chosen: Sequence[Selection]) -> Directions:
    """Return one direction for each selection of the real codes z (n, d), across its border; `groups` are 0, 1, 2, ...

    Raises `BadInput` for no selection, or for one of codes of another width.
    """
    z = checks.codes(z)
    if not chosen:
        raise BadInput("There is no selection to make directions of.")
    axes, means = (
        np.concatenate([checks.codes(getattr(one, part), z.shape[1], "a selection") for one in chosen])
        for part in ("axis", "centre")
    )
    return _towards(z, axes, means, np.arange(len(chosen)))


def _towards(z: np.ndarray, axes: Any, means: np.ndarray, groups: np.ndarray) -> Directions:
    """Directions along axes (k, d) of any length, each belonging to a group whose mean (k, d) lies somewhere on it."""
    mean = z.mean(axis=0, dtype=np.float64)
    around = z - mean
    total = np.square(around).mean(axis=0).sum()
    axes = np.asarray(axes, np.float64).reshape(len(groups), z.shape[1])
    axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    variance = np.square(around @ axes.T).mean(axis=0)
    scale = np.sqrt(variance)
    scale[scale < 1e-6 * np.sqrt(total)] = 1.0
    at = ((means - mean) * axes).sum(axis=1) / scale
    mean, axes, scale, share, at = (
        array.astype(np.float32) for array in (mean, axes, scale, variance / max(total, 1e-30), at)
    )
    return Directions(mean, axes, scale, share, groups, at)


def effect(decode: Callable[[np.ndarray], np.ndarray], z: Any, along: Directions) -> np.ndarray:
    """Return how much each slider moves the picture: (k,) float32 >= 0, in pixel values of [0, 1].

        effect_i = mean_j |x(z_j + u_i / 2) - x(z_j - u_i / 2)|,   u_i = scale_i axes_i

    the L2 distance between two pictures whose codes lie one standard deviation apart along direction i, a real code z_j
    in the middle between them, averaged over `sample_rows`. `decode` turns codes (n, d) into pictures in [0, 1] of any
    shape. There is no chance in it.
    """
    z = checks.codes(z, len(along.mean))
    middle = z[sample_rows(len(z), len(along.axes))]
    moved = np.empty(len(along.axes), np.float32)
    for i, unit in enumerate(along.units):
        pictures = np.asarray(decode(np.concatenate([middle + unit / 2, middle - unit / 2])), np.float32)
        there, here = pictures.reshape(2, len(middle), -1)
        moved[i] = np.linalg.norm(there - here, axis=1).mean()
    return moved


def sample_rows(n: int, sliders: int) -> np.ndarray:
    """Return the rows of n codes that effects are measured at: evenly spaced, 64 of them, fewer beyond 32 sliders.

    On the 16-number MNIST model, 64 codes give every effect to 5 % of what 512 give, and the same order but for ties.
    """
    return np.linspace(0, n - 1, min(n, MOST_CODES, max(8, MOST_PICTURES // (2 * sliders)))).astype(int)


def within_reach(z: Any, along: Directions) -> float:
    """Return the share in [0, 1] of the real codes' positions that lie on the sliders, within -REACH to REACH."""
    return float((np.abs(along.positions(z)) <= REACH).mean())
