"""Interpolation: do the pictures of a walk stay lines, and does the line turn evenly?

    mean distance = mean over pictures x of  min_a (1 - cos(x, line(a)))
    smoothness    = mean over walks of  max_i |a_{i+1} - a_i| / |a_k - a_1|  -  1 / (k - 1)

256 walks of k = 16 pictures between held-out lines, both ends encoded; line(a) are 10,000 lines at equal angles, all
pixels in [-1, 1], and a_i the angle of the line nearest to picture i, unwrapped. Every half-way picture is a line or is
not, so nobody's taste is asked. Smoothness is 0 at constant speed and 0.933 where one step does it all.

Published, straight walks: plain autoencoder 6.88e-3 and 0.44, variational 1.21e-3 and 0.49, ACAI 0.24e-3 and 0.10.
"""

from __future__ import annotations

import numpy as np

from manigen.cards import Card
from manigen.measures._context import Context, Result

card = Card(
    title="Interpolation",
    sentence="How far the pictures of a walk between two lines are from being lines: 0 is a line at every step.",
    reference="Berthelot, Raffel, Roy, Goodfellow 2018, Understanding and Improving Interpolation in Autoencoders via "
    "an Adversarial Regularizer",
    link="https://arxiv.org/abs/1807.07543",
    facts={
        "of": "generator",
        "unit": "cosine distance",
        "best": 0.0,
        "fewest": 4,
        "needs": ("encoder", "angle", "decodes"),
    },
)
WALKS, FRAMES, LINES = 256, 16, 10_000
STANDING = 1e-4  # radians: a walk that turns less has no speed to judge
BLOCK = 512


def measure(context: Context) -> Result:
    """Return the mean distance >= 0; `real` is that of the reconstructed ends alone, hard to undercut.

    Beside it stand, as figures of their own: `mean_distance`, `smoothness`, its median, how many walks stand still
    (their angle changes by less than 1e-4, and they count for no smoothness), and the kind of path that was walked.
    Each has its n; beside a smoothness stands 0, that of a real line which turns evenly from one end to the other.
    """
    pairs = min(WALKS, context.n // 2)
    x = context.real[: 2 * pairs]
    z = np.asarray(context.generator.encode(x))
    walks = context.walker.walk(z[:pairs], z[pairs:], FRAMES)
    made = np.asarray(context.generator.decode(walks.reshape(-1, z.shape[1])))
    distance, angle = nearest_lines(made, context.draw)
    angle = angle.reshape(pairs, FRAMES)
    speeds, standing = smoothness(angle)
    floor, _ = nearest_lines(np.asarray(context.generator.decode(z)), context.draw)
    beside = {
        "mean_distance": float(distance.mean()),
        "mean_distance_real": float(floor.mean()),
        "mean_distance_n": pairs,
        "smoothness": float(speeds.mean()) if len(speeds) else 0.0,
        "smoothness_real": 0.0,
        "smoothness_n": len(speeds),
        "smoothness_median": float(np.median(speeds)) if len(speeds) else 0.0,
        "smoothness_median_real": 0.0,
        "smoothness_median_n": len(speeds),
        "smoothness_standing": standing,
        "smoothness_standing_n": pairs,
        "interpolation_kind": context.walker.kind,
    }
    return Result(float(distance.mean()), float(floor.mean()), pairs, details={"beside": beside})


def nearest_lines(x: np.ndarray, draw: object, lines: int = LINES) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosine distance (n,) of pictures x (n, c, h, w) in [0, 1] to the nearest line, and its angle (n,)."""
    angles = 2 * np.pi * np.arange(lines) / lines
    known = _unit(draw(angles).astype(np.float32) / np.float32(255))  # type: ignore[operator]
    distance, nearest = np.empty(len(x)), np.empty(len(x), np.int64)
    for at in range(0, len(x), BLOCK):
        alike = _unit(x[at : at + BLOCK]) @ known.T
        nearest[at : at + BLOCK] = alike.argmax(axis=1)
        distance[at : at + BLOCK] = 1 - alike.max(axis=1)
    return np.maximum(distance, 0), angles[nearest]


def smoothness(angle: np.ndarray) -> tuple[np.ndarray, int]:
    """Return how unevenly each walk turns, from the angles (m, k) of its pictures, and how many walks stand still.

    >>> smoothness(np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 2.0], [1.0, 1.0, 1.0]]))
    (array([0. , 0.5]), 1)
    """
    angle = np.unwrap(angle, axis=1)
    steps, whole = np.abs(np.diff(angle, axis=1)).max(axis=1), np.abs(angle[:, -1] - angle[:, 0])
    moves = whole >= STANDING
    return steps[moves] / whole[moves] - 1 / (angle.shape[1] - 1), int((~moves).sum())


def _unit(x: np.ndarray) -> np.ndarray:
    rows = x.reshape(len(x), -1).astype(np.float32) * 2 - 1
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
