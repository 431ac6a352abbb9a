"""One anti-aliased stroke in a picture of 32 x 32: what `lines` and `bars` are drawn with.

With u = (cos a, sin a), y pointing up and the origin in the middle of the picture, the stroke runs from b u to f u. A
pixel at q lies at the distance r = |q - min(max(q.u, b), f) u| from it, and its brightness is w + 1/2 - r, cut to
[0, 1]: round ends, a half-width of w pixels, edges that fade over one pixel, so the picture changes smoothly with all
four of a, b, f, w.
"""

from __future__ import annotations

import numpy as np

SIZE = 32
CHUNK = 2048  # strokes drawn at a time, which bounds the memory for distances to some 80 MB


def stroke(angle: np.ndarray, back: np.ndarray, front: np.ndarray, half_width: np.ndarray) -> np.ndarray:
    """Return one picture for each row of the arguments, all (n,): uint8 (n, 1, 32, 32), white on black.

    `angle` in radians, 0 to the right and growing anti-clockwise; the others in pixels.
    """
    x = np.empty((len(angle), 1, SIZE, SIZE), np.uint8)
    middle = np.arange(SIZE) + 0.5 - SIZE / 2
    right, up = middle[None, None, :], -middle[None, :, None]  # (1, 1, w), (1, h, 1)
    for start in range(0, len(angle), CHUNK):
        rows = slice(start, start + CHUNK)
        # In float64, so that a last bit of the cosine that differs between machines does not change a pixel.
        a, b, f, w = (np.asarray(each[rows], np.float64)[:, None, None] for each in (angle, back, front, half_width))
        cos, sin = np.cos(a), np.sin(a)
        along = np.clip(right * cos + up * sin, b, f)  # (n, h, w)
        distance = np.sqrt((right - along * cos) ** 2 + (up - along * sin) ** 2)
        x[rows, 0] = np.rint(255 * np.clip(w + 0.5 - distance, 0, 1))
    return x


def sectors(angle: np.ndarray, count: int, turn: float) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the nearest of `count` directions that share a `turn` evenly, int64 (n,), and their names in degrees."""
    step = turn / count
    labels = np.rint(np.asarray(angle, np.float64) / step).astype(np.int64) % count
    return labels, tuple(f"{round(np.degrees(sector * step))}°" for sector in range(count))
