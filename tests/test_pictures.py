"""Pictures: arrays to PNG, WebP, GIF and MP4, and back, pixel by pixel."""

from __future__ import annotations

import io
import itertools
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from manigen import models
from manigen.errors import BadInput, NotPossible
from manigen.figures import losses, pictures
from tests.oracles import is_one_sentence


def some(n: int = 7, c: int = 3, h: int = 5, w: int = 11) -> np.ndarray:
    return np.random.default_rng(0).random((n, c, h, w), dtype=np.float32)


def read(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_floats_become_bytes_rounded_to_the_nearest() -> None:
    x = np.array([0, 0.4 / 255, 0.6 / 255, 0.5, 254.6 / 255, 1], np.float32).reshape(1, 1, 2, 3)
    assert pictures.pixels(x).tolist() == [[[[0], [0], [1]], [[128], [255], [255]]]]
    ready = np.zeros((2, 3, 4, 1), np.uint8)
    assert pictures.pixels(ready) is ready


@pytest.mark.parametrize("c", [1, 3])
@pytest.mark.parametrize("columns", [1, 3, 7, 50])
def test_every_picture_is_in_its_place_on_a_sheet(columns: int, c: int) -> None:
    x, gap = some(c=c), 2
    sheet = np.asarray(pictures.sheet(x, columns, gap)).reshape(-1, 13 * min(columns, 7) - gap, c)
    whole = pictures.pixels(x)
    inked = np.zeros(sheet.shape[:2], bool)
    for at in range(7):
        top, left = at // columns * (5 + gap), at % columns * (11 + gap)
        assert np.array_equal(sheet[top : top + 5, left : left + 11], whole[at])
        inked[top : top + 5, left : left + 11] = True
    assert not sheet[~inked].any()


def test_a_strip_shows_its_ends_and_evenly_between() -> None:
    x = np.arange(65, dtype=np.float32).reshape(65, 1, 1, 1) / 255 * np.ones((1, 1, 2, 2), np.float32)
    strip = np.asarray(pictures.strip(x, 17, gap=0))
    assert strip[0, ::2].tolist() == list(range(0, 65, 4))
    assert pictures.strip(x).size == (65 * 3 - 1, 2)


@pytest.mark.parametrize("write", [pictures.png, pictures.webp])
def test_what_is_written_is_read_back_pixel_by_pixel(write: object) -> None:
    for c in (1, 3):
        image = pictures.sheet(some(c=c), 3)
        for scale in (1, 4):
            back = np.asarray(read(write(image, scale)).convert(image.mode))  # type: ignore[operator]
            assert np.array_equal(back[::scale, ::scale], np.asarray(image))
            assert np.array_equal(back, np.asarray(image).repeat(scale, 0).repeat(scale, 1))


def test_a_grey_film_has_every_frame_and_its_time() -> None:
    x = some(9, 1, 8, 8)
    film = read(pictures.gif(x, seconds=1.8, scale=2))
    assert film.n_frames == 9 and film.size == (16, 16) and film.info["loop"] == 0
    for at in range(9):
        film.seek(at)
        assert film.info["duration"] == 200
        frame = np.asarray(film.convert("L"))[::2, ::2]
        np.testing.assert_allclose(frame, pictures.pixels(x)[at, :, :, 0], atol=1)


def test_a_film_in_colour_keeps_its_colours() -> None:
    x = np.zeros((3, 3, 8, 8), np.float32)
    for at in range(3):
        x[at, at] = 1
    film = read(pictures.gif(x))
    for at, colour in enumerate(((255, 0, 0), (0, 255, 0), (0, 0, 255))):
        film.seek(at)
        assert film.convert("RGB").getpixel((4, 4)) == colour


def test_there_and_back_shows_no_end_twice() -> None:
    x = (np.arange(4, dtype=np.float32) / 4).reshape(4, 1, 1, 1) * np.ones((1, 1, 8, 8), np.float32)
    film = read(pictures.gif(x, there_and_back=True))
    shades = []
    for at in range(film.n_frames):
        film.seek(at)
        shades.append(film.convert("L").getpixel((0, 0)))
    assert shades == [0, 64, 128, 191, 128, 64]


def test_the_same_arrays_give_the_same_bytes() -> None:
    x = some()
    assert pictures.gif(x) == pictures.gif(x.copy())
    assert pictures.png(pictures.sheet(x, 3)) == pictures.png(pictures.sheet(x.copy(), 3))


def test_a_film_as_mp4_and_a_sentence_on_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    import imageio_ffmpeg

    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(pictures.mp4(some(12, 1, 28, 28), seconds=3, scale=3))
        file.flush()
        frames = imageio_ffmpeg.read_frames(file.name)
        assert next(frames)["size"] == (84, 84) and sum(1 for _ in frames) == 12
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)  # as where it is not installed
    with pytest.raises(NotPossible, match="pip install imageio-ffmpeg") as caught:
        pictures.mp4(some())
    assert is_one_sentence(caught.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pictures.pixels(np.zeros((2, 4, 5, 5), np.float32)), "1 or 3"),
        (lambda: pictures.pixels(np.full((1, 1, 5, 5), np.nan)), "NaN"),
        (lambda: pictures.pixels(np.full((1, 1, 5, 5), 3.0)), r"\[0, 1\]"),
        (lambda: pictures.pixels(np.zeros((5, 1, 28, 28), np.uint8)), "uint8"),
        (lambda: pictures.sheet(some(), 0), "columns"),
        (lambda: pictures.sheet(some(), 3, -1), "gap"),
        (lambda: pictures.sheet(np.zeros((2000, 28, 28, 1), np.uint8), 2000), "limit"),
        (lambda: pictures.png(pictures.sheet(some(), 3), 0), "scale"),
        (lambda: pictures.gif(some(), seconds=0), "film lasts"),
        (lambda: pictures.gif(some(), seconds=float("nan")), "film lasts"),
    ],
)
def test_what_cannot_be_drawn_gets_one_sentence(call: object, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        call()  # type: ignore[operator]
    assert is_one_sentence(caught.value)


@pytest.mark.parametrize("family", sorted(models.cards()))
def test_every_loss_of_a_family_is_named_inside_its_drawing_and_on_no_other_name(family: str) -> None:
    named = models.cards()[family].facts.get("losses", ())
    drawn = ElementTree.fromstring(
        losses.picture(named, {name: name for name in named}, family != "gan", family == "aae")
    )
    left, top, wide, high = map(float, drawn.attrib["viewBox"].split())
    there = {text.text: text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert set(named) <= set(there)
    places = [(float(there[name].attrib["x"]), float(there[name].attrib["y"])) for name in named]
    assert all(left <= x <= left + wide and top + 9 <= y <= top + high - 3 for x, y in places)  # 11 px letters
    assert all(abs(a[0] - b[0]) > 60 or abs(a[1] - b[1]) >= 14 for a, b in itertools.combinations(places, 2))
