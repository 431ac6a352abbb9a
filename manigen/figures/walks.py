"""Walks as files: decoded walks side by side as a film, one above the other as strips, and their codes.

Where walks go on past their ends, a rail under the pictures is bright between the ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from manigen import files
from manigen.figures import pictures

SIDE = 256  # pixels that a film's pictures are about as tall as
FILMS = ("gif", "webp", "mp4")
FRAMES = 17  # of a printed strip
GAP = 2  # black pixels between two kinds in one film
RAIL, DIM, BRIGHT, HERE = 2, 56, 150, 255  # how thick the rail is, and its grey levels: past the ends, between, and now


def film(
    walks: Sequence[np.ndarray],
    ends: int = 2,
    there_and_back: bool = True,
    kind: str = "gif",
    beyond: float = 0.0,
    seconds: float | None = None,
    scale: int | None = None,
) -> bytes:
    """Return decoded walks, each (k, c, h, w) in [0, 1], side by side as one film: four seconds for the first leg.

    `kind` is "gif", "webp" or, where imageio-ffmpeg is installed, "mp4"; `seconds` is how long one way takes, `scale`
    how many pixels wide a pixel is drawn; `beyond` is the share of their length that the walks go on past either end.
    """
    x = [pictures.pixels(walk) for walk in walks]
    gap = np.zeros((*x[0].shape[:2], GAP, x[0].shape[3]), np.uint8)
    side_by_side = [part for walk in x for part in (gap, walk)][1:]
    frames = np.concatenate(side_by_side, axis=2)
    scale = _scale(frames.shape[1]) if scale is None else scale
    if beyond:
        at = np.linspace(0, 1, len(frames))
        rails = np.stack([rail(frames.shape[2], beyond, share) for share in at])[..., None]
        frames = np.concatenate([frames, np.broadcast_to(rails, (*rails.shape[:3], frames.shape[3]))], axis=1)
    seconds = 4 + 2.5 * max(0, ends - 2) if seconds is None else seconds
    seconds *= 2 if there_and_back else 1
    if kind == "mp4":
        return pictures.mp4(np.concatenate([frames, frames[-2:0:-1]]) if there_and_back else frames, seconds, scale)
    return pictures.gif(frames, seconds, scale, there_and_back, kind.upper())


def strips(
    walks: Sequence[np.ndarray],
    frames: int = FRAMES,
    beyond: float = 0.0,
    scale: int | None = None,
    gap: int = GAP,
) -> bytes:
    """Return decoded walks, each (k, c, h, w) in [0, 1], as one PNG: a row for each, `frames` pictures long."""
    from PIL import Image

    rows = [walk[np.linspace(0, len(walk) - 1, min(frames, len(walk))).round().astype(int)] for walk in walks]
    sheet = pictures.sheet(np.concatenate(rows), len(rows[0]), gap)
    if beyond:
        half = walks[0].shape[3] / 2 / sheet.width  # the first picture's middle is where the rail begins
        under = Image.fromarray(rail(sheet.width, beyond, margin=half)).convert(sheet.mode)
        whole = Image.new(sheet.mode, (sheet.width, sheet.height + under.height))
        whole.paste(sheet, (0, 0))
        whole.paste(under, (0, sheet.height))
        sheet = whole
    return pictures.png(sheet, max(1, _scale(walks[0].shape[2]) // 2) if scale is None else scale)


def rail(width: int, beyond: float, at: float | None = None, margin: float = 0.0) -> np.ndarray:
    """Return a rail uint8 (1 + RAIL, width): dim past the ends, bright between, brightest at the share `at` in [0, 1].

    `margin` is the share of the width that is left free at either side.
    """
    line = np.zeros((1 + RAIL, width), np.uint8)

    def column(share: float) -> int:
        return round((margin + share * (1 - 2 * margin)) * (width - 1))

    line[1:, column(0) : column(1) + 1] = DIM
    line[1:, column(beyond / (1 + 2 * beyond)) : column((1 + beyond) / (1 + 2 * beyond)) + 1] = BRIGHT
    if at is not None:
        line[1:, max(0, column(at) - 1) : column(at) + 2] = HERE
    return line


def archive(
    traces: Mapping[str, np.ndarray], ends: Sequence[np.ndarray], t: float, more: Mapping[str, np.ndarray] | None = None
) -> bytes:
    """Return the codes of each kind's walk (k, d), the ends (m, d), the position t and `more` arrays as an npz."""
    return files.npz_bytes({**traces, "ends": np.stack(ends), "t": np.array(t), **(more or {})})


def _scale(height: int) -> int:
    return max(1, round(SIDE / height))
