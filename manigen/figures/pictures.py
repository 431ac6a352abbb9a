"""Pictures: arrays of images as PNG, GIF and WebP.

Images come as the rest of the program has them, float (n, c, h, w) in [0, 1], or as a screen does, uint8 (n, h, w, c).
The same arrays give the same bytes with the same version of Pillow.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from manigen import checks
from manigen.errors import BadInput, NotPossible

if TYPE_CHECKING:
    from PIL import Image

WIDEST = 30_000  # pixels along one side of a sheet: more is refused by browsers and by WebP


def pixels(x: Any) -> np.ndarray:
    """Return images as a screen wants them, uint8 (n, h, w, c) with c = 1 (grey) or 3 (colour).

    `x` is float (n, c, h, w) in [0, 1], or uint8 (n, h, w, c) and returned as it is. Raises `BadInput` otherwise.

    >>> pixels(np.full((1, 1, 2, 2), 0.5, np.float32))[0, :, :, 0]
    array([[128, 128],
           [128, 128]], dtype=uint8)
    """
    x = np.asarray(x)
    if x.dtype != np.uint8:
        x = np.rint(checks.images(x).clip(0, 1).transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    if x.ndim != 4 or not x.size or x.shape[3] not in (1, 3):
        raise BadInput(f"Pictures must be float (n, 1 or 3, h, w) or uint8 (n, h, w, 1 or 3), not of shape {x.shape}.")
    return x


def sheet(x: Any, columns: int, gap: int = 1) -> Image.Image:
    """Return the images x as one, `columns` side by side, row by row, `gap` black pixels between them."""
    from PIL import Image

    x, columns, gap = pixels(x), checks.count(columns, "columns"), checks.count(gap, "gap", 0, 1000)
    n, height, width, channels = x.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    tall, wide = rows * (height + gap) - gap, columns * (width + gap) - gap
    if max(tall, wide) > WIDEST:
        raise BadInput(f"A sheet of {wide:,} x {tall:,} pixels is above the limit of {WIDEST:,}; take fewer pictures.")
    field = np.zeros((tall, wide, channels), np.uint8)
    for at, picture in enumerate(x):
        top, left = (at // columns) * (height + gap), (at % columns) * (width + gap)
        field[top : top + height, left : left + width] = picture
    return Image.fromarray(field[..., 0] if channels == 1 else field)


def strip(x: Any, frames: int | None = None, gap: int = 1) -> Image.Image:
    """Return the images x side by side in one row: all, or `frames` of them evenly spaced, the ends among them.

    >>> strip(np.zeros((9, 1, 4, 4), np.float32), frames=3, gap=2).size
    (16, 4)
    """
    x = pixels(x)
    frames = len(x) if frames is None else min(checks.count(frames, "frames"), len(x))
    return sheet(x[np.linspace(0, len(x) - 1, frames).round().astype(int)], frames, gap)


def png(image: Image.Image, scale: int = 1) -> bytes:
    """Return an image as PNG, each of its pixels `scale` pixels wide."""
    buffer = io.BytesIO()
    enlarged(image, scale).save(buffer, "PNG")
    return buffer.getvalue()


def webp(image: Image.Image, scale: int = 1) -> bytes:
    """Return an image as WebP without loss, each of its pixels `scale` pixels wide."""
    buffer = io.BytesIO()
    enlarged(image, scale).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def gif(x: Any, seconds: float = 4.0, scale: int = 1, there_and_back: bool = False, kind: str = "GIF") -> bytes:
    """Return the images x as an endless GIF that takes about `seconds` a round, or as a lossless film of `kind` "WEBP".

    A frame lasts a whole number of hundredths of a second, two at least, since browsers slow down anything faster. With
    `there_and_back` the frames run backwards again, without showing an end twice.
    """
    from PIL import Image

    x = pixels(x)
    _check_seconds(seconds)
    if there_and_back:
        x = np.concatenate([x, x[-2:0:-1]])
    hundredths = max(2, round(100 * seconds / len(x)))
    frames = [enlarged(Image.fromarray(frame[..., 0] if frame.shape[2] == 1 else frame), scale) for frame in x]
    buffer = io.BytesIO()
    more = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=10 * hundredths, loop=0, **more)
    return buffer.getvalue()


def mp4(x: Any, seconds: float = 4.0, scale: int = 1) -> bytes:
    """Return the images x as an MP4 film (H.264) that takes `seconds`; sides that are odd lose a row of pixels.

    Raises `NotPossible` where imageio-ffmpeg, which brings the encoder, is not installed.
    """
    import tempfile
    from pathlib import Path

    from PIL import Image

    try:
        import imageio_ffmpeg
    except ImportError:
        raise NotPossible(
            "An MP4 film needs imageio-ffmpeg, which is not installed: run `pip install imageio-ffmpeg`, or take a GIF."
        ) from None
    x = pixels(x)
    _check_seconds(seconds)
    frames = [enlarged(Image.fromarray(np.broadcast_to(frame, (*frame.shape[:2], 3))), scale) for frame in x]
    even = (frames[0].width // 2 * 2, frames[0].height // 2 * 2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        film = imageio_ffmpeg.write_frames(path, even, fps=len(x) / seconds, macro_block_size=2, quality=9)
        film.send(None)
        for frame in frames:
            film.send(frame.crop((0, 0, *even)).tobytes())
        film.close()
        return path.read_bytes()


def _check_seconds(seconds: float) -> None:
    if not 0 < seconds <= 3600:
        raise BadInput(f"A film lasts more than 0 and at most 3,600 seconds, not {seconds}.")


def enlarged(image: Image.Image, scale: int) -> Image.Image:
    """Return an image with each of its pixels `scale` pixels wide and sharp."""
    from PIL import Image

    scale = checks.count(scale, "scale", 1, 64)
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST) if scale > 1 else image
