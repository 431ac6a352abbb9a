"""One picture file of a stranger, made safe and small.

Everything about the file is doubted: its name, its size, the size it claims to have in pixels, and whether it ends
where it should. The size in pixels is read from the header and checked before any pixel is decoded.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from manigen.errors import BadFile, BadInput

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".tif", ".tiff")
MAX_BYTES = 64_000_000  # of one file
MAX_PIXELS = 52_000_000  # of one picture: a phone's 50 megapixels, at most half a gigabyte while it is decoded
FITS = ("crop", "pad")
BACKGROUNDS = {"white": 255, "black": 0}


class Unreadable(Exception):
    """Why one file cannot be read, worded to follow its name: "is empty (0 bytes)"."""


def read_picture(
    data: bytes, shape: tuple[int, int, int], fit: str = "crop", background: str = "white", name: str = "The picture"
) -> np.ndarray:
    """Return one uploaded picture as uint8 (c, h, w), ready for a model of that `shape`.

    `data` is the file's content: PNG, JPEG, WebP, or the first frame of a GIF or TIFF, of any size and mode. It is
    turned the way its EXIF says, put on the `background` ("white" or "black") where it is transparent, and resized
    with `fit` "crop" (the middle that has the right proportions) or "pad" (all of it, with margins of the background).
    With c = 1 colours become grey by ITU-R 601-2 luma, 0.299 R + 0.587 G + 0.114 B. No colour is inverted.
    Raises `BadFile` with a sentence that begins with `name` when the file is empty, damaged, no picture, or too large;
    `BadInput` for a shape or choice that does not exist.
    """
    channels, height, width = shape
    if channels not in (1, 3) or not (1 <= height <= 4096 and 1 <= width <= 4096):
        raise BadInput(f"A picture's shape is (1 or 3, h, w), not {tuple(shape)}.")
    if fit not in FITS or background not in BACKGROUNDS:
        raise BadInput(f"fit is crop or pad and background white or black, not {fit!r} and {background!r}.")
    try:
        return decode(data, shape, fit, background)
    except Unreadable as reason:
        raise BadFile(f"{name} {reason}.") from None


def decode(data: bytes, shape: tuple[int, int, int], fit: str, background: str) -> np.ndarray:
    """Do the work of `read_picture`; raise `Unreadable` for a file that cannot be read."""
    from PIL import Image, ImageOps

    channels, height, width = shape
    if not data:
        raise Unreadable("is empty (0 bytes)")
    if len(data) > MAX_BYTES:
        raise Unreadable(f"is larger than {MAX_BYTES / 1e6:.0f} MB, the limit for one file")
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable(f"has more than {MAX_PIXELS / 1e6:.0f} million pixels, the limit for one picture") from None
    except Exception:  # Pillow's readers raise whatever the bytes lead them to: OSError, SyntaxError, struct.error, ...
        raise Unreadable("is no PNG, JPEG, WebP, GIF or TIFF picture, whatever its name says") from None
    with picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise Unreadable(
                f"has {picture.width:,} x {picture.height:,} pixels, "
                f"more than {MAX_PIXELS / 1e6:.0f} million, the limit for one picture"
            )
        try:
            picture.draft(None, (2 * max(width, height),) * 2)  # lets a large JPEG be decoded at a fraction of its size
            ImageOps.exif_transpose(picture, in_place=True)
            return _fitted(_plain(picture), channels, (width, height), fit, BACKGROUNDS[background])
        except Exception:
            raise Unreadable("is cut short or damaged") from None


def short_side(data: bytes) -> int:
    """Return the shorter side, in pixels, that the head of a picture that can be read tells."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        return min(picture.size)


def _plain(picture: Image.Image) -> Image.Image:
    """Return the picture in 8 bits a channel: mode L, LA, RGB or RGBA.

    Whole numbers of more bits are taken for 16-bit and divided by 257; fractions for [0, 1] where none passes 1, else
    for 0..255.
    """
    from PIL import Image

    if picture.mode == "F" or picture.mode.startswith("I"):
        bands = [(top, min(top + 64, picture.height)) for top in range(0, picture.height, 64)]

        def values(band: tuple[int, int]) -> np.ndarray:  # in bands, for an array of the whole could be large
            return np.nan_to_num(np.asarray(picture.crop((0, band[0], picture.width, band[1])), np.float32))

        scale = 1 / 257 if picture.mode != "F" else 255 if max(values(band).max() for band in bands) <= 1 else 1
        grey = np.empty((picture.height, picture.width), np.uint8)
        for band in bands:
            grey[slice(*band)] = np.rint(np.clip(values(band) * np.float32(scale), 0, 255))
        return Image.fromarray(grey)
    if picture.mode in ("LA", "RGBA") or (picture.mode in ("L", "RGB") and not picture.has_transparency_data):
        return picture
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _fitted(picture: Image.Image, channels: int, size: tuple[int, int], fit: str, level: int) -> np.ndarray:
    """Return the picture at `size` (w, h) as uint8 (c, h, w), on a background of that grey `level`."""
    from PIL import Image

    scales = size[0] / picture.width, size[1] / picture.height
    scale = max(scales) if fit == "crop" else min(scales)
    inner = tuple(min(side, max(1, round(scale * length))) for side, length in zip(size, picture.size, strict=True))
    margins = (max(0.0, (length - side / scale) / 2) for side, length in zip(size, picture.size, strict=True))
    left, top = margins  # of the picture, cut away
    box = (left, top, picture.width - left, picture.height - top)
    # Bicubic with its support widened by the scale, so that nothing aliases; Pillow premultiplies the alpha.
    small = picture.resize((inner[0], inner[1]), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    canvas = Image.new("RGB", size, (level, level, level))
    corner = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas.paste(small.convert("RGB"), corner, small.getchannel("A") if small.mode.endswith("A") else None)
    if channels == 1:
        return np.array(canvas.convert("L"))[None]
    return np.ascontiguousarray(np.asarray(canvas).transpose(2, 0, 1))
