"""The data sets: what they hold, where they are looked for, and how they bear a stranger's files."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import logging.handlers
import math
import os
import struct
import subprocess
import sys
import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from manigen import datasets
from manigen.datasets import _own_files, _picture, bars, digits, emoji, fashion_mnist, lines, mnist, own
from manigen.datasets._idx import IdxSet, read_idx
from manigen.datasets.base import Images
from manigen.discovery import discover
from manigen.errors import BadFile, BadInput, DataMissing, ManigenError, UnknownName

DATA = Path(os.environ.get("MANIGEN_DATA", "/nowhere"))


def some_images(**changes: object) -> Images:
    rng = np.random.default_rng(0)
    fields = {
        "x": rng.integers(0, 256, (5, 3, 7, 11), np.uint8),
        "labels": np.array([0, 1, -1, 1, 0]),
        "classes": ("a", "b"),
        "name": "some",
        "split": "train",
    }
    return Images(**(fields | changes))  # type: ignore[arg-type]


# --- Images ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"x": np.zeros((5, 3, 7, 11), np.float32)},
        {"x": np.zeros((5, 2, 7, 11), np.uint8)},
        {"x": np.zeros((0, 3, 7, 11), np.uint8), "labels": np.zeros(0, np.int64)},
        {"labels": np.zeros(4, np.int64)},
        {"labels": np.zeros(5, np.int32)},
        {"labels": np.array([0, 1, 2, 0, 0])},
        {"labels": np.array([0, 1, -2, 0, 0])},
        {"factors": np.zeros((5, 2), np.float32), "factor_names": ("angle",)},
    ],
)
def test_images_that_do_not_fit_together_are_refused(changes: dict) -> None:
    with pytest.raises(BadInput):
        some_images(**changes)


def test_images_as_floats_fill_zero_to_one_and_leave_the_bytes_alone() -> None:
    images = some_images(x=np.array([0, 255, 51, 102, 204], np.uint8).reshape(5, 1, 1, 1))
    x = images.float()
    assert x.dtype == np.float32 and images.x.dtype == np.uint8
    np.testing.assert_allclose(x.ravel(), [0, 1, 0.2, 0.4, 0.8], rtol=1e-6)


def test_the_fingerprint_knows_pixels_labels_and_class_names_but_not_the_layout_in_memory() -> None:
    images = some_images()
    pixel = images.x.copy()
    pixel[4, 2, 6, 10] ^= 1
    others = [
        some_images(x=pixel),
        some_images(labels=np.array([0, 1, -1, 1, 1])),
        some_images(classes=("a", "c")),
        some_images(x=images.x.reshape(5, 3, 11, 7)),
    ]
    assert len({each.sha256 for each in [images, *others]}) == 5
    assert some_images(x=np.asfortranarray(images.x)).sha256 == images.sha256
    assert len(images.sha256) == 64


def test_taking_rows_keeps_pictures_labels_and_factors_together() -> None:
    images = lines.read("test", n=40)
    rows = np.array([31, 2, 7])
    some = images.take(rows)
    np.testing.assert_array_equal(some.x, images.x[rows])
    np.testing.assert_array_equal(some.labels, images.labels[rows])
    np.testing.assert_array_equal(some.factors, images.factors[rows])
    assert len(some) == 3 and some.shape == (1, 32, 32) and some.split == "test"


# --- the room -------------------------------------------------------------------------------------------------------


def test_every_data_set_has_a_card_with_a_licence_and_a_read() -> None:
    ideas = discover("manigen.datasets")
    assert set(ideas) >= {"bars", "digits", "fashion_mnist", "lines", "mnist", "own"}
    for idea in ideas.values():
        assert idea.card.title and idea.card.sentence.endswith(".") and idea.card.facts["licence"]
        assert callable(idea.read) and idea.__doc__


@pytest.mark.parametrize("name", ["digits", "Digits", " digits "])
def test_names_are_found_in_any_case(name: str) -> None:
    assert datasets.load(name).name == "digits"


def test_a_card_is_found_by_name_and_a_path_has_that_of_own_pictures() -> None:
    assert datasets.card_of("Fashion-MNIST") is fashion_mnist.card
    assert datasets.card_of("some/folder") is own.card


def test_dashes_and_underscores_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "read", lambda split, **knobs: (split, knobs))
    assert datasets.load("fashion-mnist", "test") == datasets.load("Fashion_MNIST", "test") == ("test", {})


def test_an_unknown_name_is_answered_with_the_nearest_and_the_whole_list() -> None:
    with pytest.raises(UnknownName, match=r"'mnits'.*mean 'mnist'.*bars, digits, emoji, fashion_mnist, lines, mnist"):
        datasets.load("mnits")
    for name in ("\0", "~nobody-of-that-name/x", "x" * 5000, "own", ""):
        with pytest.raises(UnknownName):
            datasets.load(name)
    with pytest.raises(UnknownName, match="mean 'mnist'"):
        datasets.fetch("mnits")


@pytest.mark.parametrize("name", ["digits", "lines", "bars", "mnist", "fashion-mnist"])
def test_a_split_or_knob_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="train and test"):
        datasets.load(name, "validation")
    with pytest.raises(BadInput, match="no knob 'colour'"):
        datasets.load(name, colour=3)


def test_the_listing_says_what_is_here_and_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MANIGEN_DATA", str(tmp_path / "none"))
    monkeypatch.setattr("manigen.datasets._idx.cache_folder", lambda: tmp_path / "cache")
    entries = {entry.name: entry for entry in datasets.listing()}
    assert list(entries) == datasets.names() == ["bars", "digits", "emoji", "fashion_mnist", "lines", "mnist"]
    assert entries["digits"].here and entries["digits"].where == "comes with scikit-learn"
    assert not entries["mnist"].here and entries["mnist"].where == str(tmp_path / "cache/mnist")
    assert entries["lines"].card is lines.card
    assert datasets.fetch("lines") == ()


def test_the_room_and_the_small_sets_need_no_heavy_library() -> None:
    code = (
        "import sys; from manigen import datasets; datasets.listing();"
        "[datasets.load(n) for n in ('digits',)]; datasets.load('lines', n=3);"
        "print({'sklearn', 'torch', 'scipy', 'PIL', 'pooch', 'streamlit'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()" and done.stderr == ""


# --- digits ---------------------------------------------------------------------------------------------------------


def test_digits_are_those_of_scikit_learn_each_in_one_split() -> None:
    from sklearn.datasets import load_digits

    train, test, truth = digits.read("train"), digits.read("test"), load_digits()
    assert train.x.shape == (1500, 1, 8, 8) and test.x.shape == (297, 1, 8, 8)
    assert train.x.min() == 0 and train.x.max() == 255
    ours = [
        (tuple(np.rint(x.ravel() / 255 * 16)), label)
        for s in (train, test)
        for x, label in zip(s.x, s.labels, strict=True)
    ]
    theirs = [(tuple(x), label) for x, label in zip(truth.data, truth.target, strict=True)]
    assert sorted(ours) == sorted(theirs)
    assert min(np.bincount(test.labels)) >= 15  # a random split leaves every digit in both
    assert digits.read("train").sha256 == train.sha256


# --- lines and bars -------------------------------------------------------------------------------------------------


def slow_stroke(angle: float, back: float, front: float, half_width: float) -> np.ndarray:
    """One pixel after the other, by the three cases of school geometry: before the stroke, behind it, beside it."""
    picture = np.zeros((32, 32))
    start = (back * math.cos(angle), back * math.sin(angle))
    end = (front * math.cos(angle), front * math.sin(angle))
    length = math.dist(start, end)
    for row in range(32):
        for column in range(32):
            q = (column + 0.5 - 16, 16 - row - 0.5)
            to_q, along = (q[0] - start[0], q[1] - start[1]), (end[0] - start[0], end[1] - start[1])
            if to_q[0] * along[0] + to_q[1] * along[1] < 0:
                distance = math.dist(q, start)
            elif (q[0] - end[0]) * along[0] + (q[1] - end[1]) * along[1] > 0:
                distance = math.dist(q, end)
            else:
                distance = abs(to_q[0] * along[1] - to_q[1] * along[0]) / length
            picture[row, column] = 255 * min(1.0, max(0.0, half_width + 0.5 - distance))
    return picture


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.1, math.pi / 2, 2.5, 4.0, 6.1])
def test_lines_agree_with_a_pixel_by_pixel_drawing(angle: float) -> None:
    assert np.abs(lines.draw([angle])[0, 0] - slow_stroke(np.float32(angle), 0, 15, 1)).max() <= 0.501


@pytest.mark.parametrize(("angle", "thickness"), [(0.0, 2.0), (0.4, 8.0), (1.9, 3.3), (3.0, 5.7)])
def test_bars_agree_with_a_pixel_by_pixel_drawing(angle: float, thickness: float) -> None:
    t = float(np.float32(thickness))
    slow = slow_stroke(float(np.float32(angle)), t / 2 - 14, 14 - t / 2, t / 2)
    assert np.abs(bars.draw(angle, thickness)[0, 0] - slow).max() <= 0.501


def test_strokes_hold_as_much_white_as_their_area() -> None:
    angles = np.linspace(0, 6, 50)
    white = lines.draw(angles).sum(axis=(1, 2, 3)) / 255
    np.testing.assert_allclose(white, 15 * 2 + math.pi, rtol=0.03)
    thickness = np.linspace(2, 8, 50)
    white = bars.draw(angles, thickness).sum(axis=(1, 2, 3)) / 255
    np.testing.assert_allclose(white, (28 - thickness) * thickness + math.pi * thickness**2 / 4, rtol=0.03)


def test_lines_close_after_a_full_turn_and_bars_after_half_a_turn() -> None:
    angles = np.linspace(0, 3, 20)
    apart = lines.draw(angles).astype(int) - lines.draw(angles + 2 * np.pi)
    assert np.abs(apart).max() <= 1  # the angle is float32
    assert np.abs(lines.draw(angles).astype(int) - lines.draw(angles + np.pi)).max() == 255
    assert np.abs(bars.draw(angles, 5).astype(int) - bars.draw(angles + np.pi, 5)).max() <= 1


def test_a_quarter_turn_of_the_angle_is_a_quarter_turn_of_the_picture() -> None:
    first, turned = lines.draw([0.3, 0.3 + np.pi / 2])[:, 0].astype(int)
    assert np.abs(np.rot90(first) - turned).max() <= 1


def test_lines_change_smoothly_with_the_angle() -> None:
    x = lines.draw(np.linspace(0, 2 * np.pi, 2001)).astype(float)
    steps = np.abs(np.diff(x, axis=0))
    # A pixel's distance to the line changes by at most 16 pixels a radian, its brightness by 255 times that.
    assert steps.max() <= 255 * 16 * 2 * np.pi / 2000 + 1
    lengths = np.sqrt((steps**2).sum(axis=(1, 2, 3)))
    assert lengths.min() > 0.3 * lengths.max()  # it moves on everywhere, and nowhere jumps


@pytest.mark.parametrize("idea", [lines, bars])
def test_drawn_sets_repeat_for_a_seed_and_differ_between_seeds_and_splits(idea) -> None:
    train = idea.read("train", n=300)
    assert train.x.shape == (300, 1, 32, 32) and train.sha256 == idea.read("train", n=300).sha256
    assert train.sha256 != idea.read("train", n=300, seed=1).sha256
    assert not set(train.factors[:, 0]) & set(idea.read("test", n=300).factors[:, 0])
    np.testing.assert_array_equal(train.factors, idea.factors("train", n=300))
    np.testing.assert_array_equal(idea.draw(*train.factors.T), train.x)
    np.testing.assert_array_equal(idea.read("train", n=100).x, train.x[:100])  # more pictures move none


def test_the_labels_of_drawn_sets_are_the_nearest_directions() -> None:
    for images, turn, count in ((lines.read(n=500), 360, 12), (bars.read(n=500), 180, 6)):
        assert images.classes == tuple(f"{round(turn / count * k)}°" for k in range(count))
        named = np.array([int(images.classes[label][:-1]) for label in images.labels])
        apart = np.abs((np.degrees(images.factors[:, 0]) - named + turn / 2) % turn - turn / 2)
        assert apart.max() <= 15.001 and set(images.labels) == set(range(count))


def test_drawing_refuses_what_cannot_be_drawn() -> None:
    for draw in (lambda: lines.draw([0.1, np.nan]), lambda: bars.draw([0.1, np.inf], 3), lambda: bars.draw(0.1, 9),
                 lambda: bars.draw([0, 1, 2], [3, 4])):  # fmt: skip
        with pytest.raises(BadInput):
            draw()


# --- MNIST and Fashion-MNIST ----------------------------------------------------------------------------------------


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.tobytes(), mtime=0)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[IdxSet, dict[str, bytes], Path]:
    """A data set of 4 + 3 pictures of 5 x 7, its files, and an empty place for the cache."""
    rng = np.random.default_rng(0)
    contents = {
        "train-images-idx3-ubyte.gz": idx(rng.integers(0, 256, (4, 5, 7), np.uint8)),
        "train-labels-idx1-ubyte.gz": idx(np.array([0, 1, 1, 0], np.uint8)),
        "t10k-images-idx3-ubyte.gz": idx(rng.integers(0, 256, (3, 5, 7), np.uint8)),
        "t10k-labels-idx1-ubyte.gz": idx(np.array([1, 0, 1], np.uint8)),
    }
    monkeypatch.delenv("MANIGEN_DATA", raising=False)
    monkeypatch.setattr("manigen.datasets._idx.cache_folder", lambda: tmp_path / "cache")
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return IdxSet("ti_ny", ("no", "yes"), hashes, ("http://127.0.0.1:9/",)), contents, tmp_path


def put(folder: Path, contents: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def mirror(tmp_path: Path):
    """A web server for one folder, which counts what was asked of it."""
    asked: list[str] = []
    folder = tmp_path / "mirror"

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)

        def log_message(self, *args) -> None:
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("folder", ["ti-ny", "ti_ny"])
def test_idx_files_are_read_from_the_data_folder_in_their_order(tiny, monkeypatch, folder: str) -> None:
    files, contents, tmp = tiny
    put(tmp / "data" / folder, contents)
    monkeypatch.setenv("MANIGEN_DATA", str(tmp / "data"))
    assert files.found() == (True, str(tmp / "data" / folder))
    train, test = files.read("train"), files.read("test")
    raw = gzip.decompress(contents["train-images-idx3-ubyte.gz"])[16:]
    assert train.x.tobytes() == raw and train.x.shape == (4, 1, 5, 7)
    assert list(train.labels) == [0, 1, 1, 0] and list(test.labels) == [1, 0, 1] and test.split == "test"
    train.x[0, 0, 0, 0] ^= 1  # it is the caller's own copy
    assert files.read("train").x.tobytes() == raw


def test_a_changed_file_in_the_data_folder_is_refused_by_name_with_both_hashes(tiny, monkeypatch) -> None:
    files, contents, tmp = tiny
    changed = idx(np.zeros((4, 5, 7), np.uint8))
    put(tmp / "data/ti-ny", contents | {"train-images-idx3-ubyte.gz": changed})
    monkeypatch.setenv("MANIGEN_DATA", str(tmp / "data"))
    with pytest.raises(BadFile) as caught:
        files.read("train")
    for part in (
        "ti-ny/train-images-idx3-ubyte.gz",
        hashlib.sha256(changed).hexdigest(),
        files.sha256["train-images-idx3-ubyte.gz"],
    ):
        assert part in str(caught.value)
    assert len(files.read("test")) == 3


def test_without_files_or_network_one_sentence_says_how_to_get_them(tiny) -> None:
    files, _, _ = tiny
    assert files.found()[0] is False
    with pytest.raises(DataMissing, match=r"python -m manigen data fetch ti_ny.*MANIGEN_DATA.*ti-ny/train-images"):
        files.read("train")


def test_missing_files_are_downloaded_once_from_the_first_mirror_that_answers(tiny, mirror) -> None:
    import pooch

    said = logging.handlers.BufferingHandler(1000)
    pooch.get_logger().setLevel("INFO")
    pooch.get_logger().addHandler(said)
    files, contents, tmp = tiny
    folder, address, asked = mirror
    put(folder, contents)
    files = IdxSet(files.name, files.classes, files.sha256, (*files.mirrors, address))
    paths = files.fetch()
    assert [path.read_bytes() for path in paths] == list(contents.values())
    assert {path.parent for path in paths} == {tmp / "cache/ti-ny"} and len(asked) == 4
    assert files.fetch() == paths and len(files.read("test")) == 3 and len(asked) == 4

    paths[0].write_bytes(b"half a file")
    assert files.fetch() == paths and paths[0].read_bytes() == contents[paths[0].name] and len(asked) == 5
    pooch.get_logger().removeHandler(said)
    assert said.buffer == []  # rooms do not print


def test_a_download_tells_its_progress(tiny, mirror) -> None:
    class Bar:
        total, done = 0, 0

        def update(self, count: int) -> None:
            self.done += count

        def reset(self) -> None:
            self.done = 0

        def close(self) -> None:
            pass

    files, contents, _ = tiny
    put(mirror[0], contents)
    bar = Bar()
    IdxSet(files.name, files.classes, files.sha256, (mirror[1],)).get("train-images-idx3-ubyte.gz", bar)
    assert bar.total == bar.done == len(contents["train-images-idx3-ubyte.gz"])


def test_a_mirror_with_other_content_is_not_believed(tiny, mirror) -> None:
    files, contents, tmp = tiny
    put(mirror[0], dict.fromkeys(contents, b"something else"))
    with pytest.raises(DataMissing, match="hash"):
        IdxSet(files.name, files.classes, files.sha256, (mirror[1],)).read("train")
    assert not any(path.is_file() for path in (tmp / "cache").rglob("*"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        idx(np.zeros((4, 5, 7), np.uint8))[:-9],
        gzip.compress(b"\0\0\x08", mtime=0),
        gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 4, 5, 7) + bytes(139), mtime=0),
        gzip.compress(b"\0\0\x0d\x03" + struct.pack(">3I", 4, 5, 7) + bytes(140), mtime=0),
        idx(np.zeros(140, np.uint8)),
    ],
)
def test_a_file_that_is_no_whole_idx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=r"images\.gz"):
        read_idx(path, 3)


PUBLISHED_MD5 = {  # as the makers of the two data sets give them
    mnist: (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    fashion_mnist: (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
}


@pytest.mark.parametrize(
    ("idea", "first", "counts"),
    [
        (mnist, [5, 0, 4, 1, 9], [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        (fashion_mnist, [9, 0, 0, 3, 0], [6000] * 10),
    ],
)
def test_the_published_sets_are_whole(idea, first: list[int], counts: list[int]) -> None:
    if not (DATA / idea.files.folder).is_dir():
        pytest.skip(f"MANIGEN_DATA holds no {idea.files.folder}")
    paths = datasets.fetch(idea.files.name)
    assert tuple(hashlib.md5(path.read_bytes()).hexdigest() for path in paths) == PUBLISHED_MD5[idea]
    train, test = datasets.load(idea.files.name), datasets.load(idea.files.name, "test")
    assert train.x.shape == (60_000, 1, 28, 28) and test.x.shape == (10_000, 1, 28, 28)
    assert list(train.labels[:5]) == first and list(np.bincount(train.labels)) == counts
    assert len(train.classes) == 10 and train.x.min() == 0 and train.x.max() == 255


def test_emoji_are_colour_pictures_on_white_and_a_tenth_is_kept_for_testing() -> None:
    if not emoji.files.found()[0]:
        pytest.skip("MANIGEN_DATA holds no emojione")
    train, test = datasets.load("emoji"), datasets.load("emoji", "test")
    assert train.x.shape[1:] == (3, 64, 64) and len(train) + len(test) == 1832 and 150 < len(test) < 220
    assert (train.x[:, :, 0, 0] == 255).mean() > 0.9 and set(train.labels) == {-1}  # corners are background


def test_emoji_that_are_not_there_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MANIGEN_DATA", str(tmp_path))
    with pytest.raises(DataMissing, match="emojione_64x64_png") as caught:
        datasets.load("emoji")
    assert str(caught.value).count(". ") == 0 and str(caught.value).endswith(".")


# --- one picture ----------------------------------------------------------------------------------------------------


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(color: object = (200, 30, 60), size: tuple[int, int] = (20, 14), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, color)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF"])
def test_each_format_is_read_and_a_plain_picture_stays_plain(kind: str) -> None:
    x = own.read_picture(saved(plain(), kind), (3, 28, 32))
    assert x.shape == (3, 28, 32) and x.dtype == np.uint8 and x.flags.c_contiguous
    assert np.abs(x.astype(int) - np.array([200, 30, 60])[:, None, None]).max() <= 4


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    shape=st.tuples(st.sampled_from([1, 3]), st.integers(1, 64), st.integers(1, 64)),
    mode=st.sampled_from(["1", "L", "P", "RGB", "CMYK", "I;16", "I", "F"]),
    fit=st.sampled_from(["crop", "pad"]),
)
def test_a_white_picture_of_any_size_and_mode_stays_white(size, shape, mode, fit) -> None:
    white = {"1": 1, "CMYK": (0, 0, 0, 0), "I;16": 65535, "I": 65535, "F": 1.0, "RGB": (255,) * 3}.get(mode, 255)
    picture = plain((255,) * 3, size).convert("P") if mode == "P" else Image.new(mode, size, white)
    assert (own.read_picture(saved(picture, "TIFF"), shape, fit) == 255).all()


def test_crop_shows_the_middle_and_pad_shows_all_with_margins() -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, :10], wide[:, 10:20], wide[:, 20:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    data = saved(Image.fromarray(wide))
    crop = own.read_picture(data, (3, 30, 30), "crop")
    assert (crop[:, 5:-5, 5:-5] == np.array([0, 255, 0])[:, None, None]).all()
    pad = own.read_picture(data, (3, 30, 30), "pad", "black")
    assert (pad[:, :10] == 0).all() and (pad[:, 20:] == 0).all()
    np.testing.assert_array_equal(pad[:, 10:20], wide.transpose(2, 0, 1))
    pad = own.read_picture(data, (3, 30, 30), "pad", "white")
    assert (pad[:, :10] == 255).all() and (pad[:, 20:] == 255).all()


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 80), st.integers(1, 80)),
    side=st.tuples(st.integers(16, 48), st.integers(16, 48)),
    seed=st.integers(0, 9),
)
def test_crop_and_pad_agree_with_pillows_own(size: tuple[int, int], side: tuple[int, int], seed: int) -> None:
    width, height = side
    picture = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))
    theirs = np.asarray(ImageOps.fit(picture, side, Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    ours = own.read_picture(saved(picture), (3, height, width), "crop")
    assert np.abs(ours.astype(int) - theirs).max() <= 2  # rounding of the box
    if round(min(width / size[0], height / size[1]) * min(size)) > 0:  # Pillow lets thin pictures vanish
        inner = ImageOps.contain(picture, side, Image.Resampling.BICUBIC)
        canvas = Image.new("RGB", side)
        canvas.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
        ours = own.read_picture(saved(picture), (3, height, width), "pad", "black")
        assert np.abs(ours.astype(int) - np.asarray(canvas).transpose(2, 0, 1)).max() <= 2


def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    turn = ImageOps.exif_transpose

    def spy(picture: Image.Image, *, in_place: bool) -> None:
        turn(picture, in_place=True)
        seen.append(picture.size)

    monkeypatch.setattr(ImageOps, "exif_transpose", spy)
    assert (own.read_picture(saved(plain(90, (1600, 1200), "L"), "JPEG"), (1, 64, 64)) == 90).all()
    assert seen == [(200, 150)]


def test_one_channel_is_the_luma_and_nothing_is_inverted() -> None:
    x = own.read_picture(saved(plain((200, 30, 60))), (1, 28, 28))
    assert x.shape == (1, 28, 28) and (x == round(0.299 * 200 + 0.587 * 30 + 0.114 * 60)).all()
    assert (own.read_picture(saved(plain(0, mode="L")), (1, 28, 28)) == 0).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize(("background", "level"), [("white", 255), ("black", 0)])
def test_transparent_parts_show_the_background(mode: str, background: str, level: int) -> None:
    picture = Image.new("RGBA", (40, 40), (0, 255, 0, 0))
    picture.paste((90, 90, 90, 255), (0, 0, 20, 40))
    data = saved(picture.convert(mode), "PNG") if mode != "P" else saved(picture, "GIF")
    x = own.read_picture(data, (3, 40, 40), "crop", background)
    assert (x[:, :, :20] == 90).all() and (x[:, :, 20:] == level).all()
    # Shrunk, the green that hides under the transparent part must not bleed in: only mixtures of the two may appear.
    x = own.read_picture(data, (3, 28, 28), "crop", background).astype(int)
    assert x.min() >= min(90, level) - 2 and x.max() <= max(90, level) + 2 and np.ptp(x, axis=0).max() <= 2


def test_half_transparency_mixes_by_the_alpha() -> None:
    x = own.read_picture(saved(Image.new("RGBA", (9, 9), (100, 0, 0, 128))), (3, 28, 28))
    assert np.abs(x[:, 14, 14].astype(float) - [255 - 128 / 255 * 155, 127, 127]).max() <= 1.5


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("size", [(40, 20), (1600, 800)])
def test_pictures_are_turned_the_way_their_exif_says(kind: str, size: tuple[int, int]) -> None:
    picture = Image.new("L", size)  # lies on its side: white at the left
    picture.paste(255, (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise: white at the top
    x = own.read_picture(saved(picture.convert("RGB"), kind, exif=exif), (1, 64, 64), "pad", "black")[0]
    assert x[:28, 32].min() > 240 and x[36:, 32].max() < 15 and x[:, :10].max() < 15


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_become_eight_by_the_high_byte_not_by_clipping(order: str) -> None:
    ramp = np.linspace(0, 65535, 32).astype(f"{order}u2")[None].repeat(32, axis=0)
    x = own.read_picture(saved(Image.fromarray(ramp), "TIFF"), (1, 32, 32))
    np.testing.assert_allclose(x[0], ramp.astype(float) / 257, atol=0.51)


def test_fractions_are_taken_for_zero_to_one_or_for_zero_to_255() -> None:
    ramp = np.linspace(0, 1, 32, dtype=np.float32)[None].repeat(32, axis=0)
    for picture in (ramp, 255 * ramp):
        x = own.read_picture(saved(Image.fromarray(picture), "TIFF"), (1, 32, 32))
        np.testing.assert_allclose(x[0], 255 * ramp, atol=0.51)
    holed = ramp.copy()
    holed[3, 5] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = own.read_picture(saved(Image.fromarray(holed), "TIFF"), (1, 32, 32))
    holed[3, 5] = 0
    np.testing.assert_allclose(x[0], 255 * holed, atol=0.51)


def test_only_the_first_frame_of_an_animation_is_read() -> None:
    frames = [plain((255, 0, 0)), plain((0, 0, 255))]
    for kind in ("GIF", "TIFF", "WEBP", "PNG"):
        x = own.read_picture(saved(frames[0], kind, save_all=True, append_images=frames[1:]), (3, 28, 28))
        assert x[0].min() > 240 and x[2].max() < 15


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has next to nothing in it: a decompression bomb's face."""
    chunk = b"IHDR" + struct.pack(">2I5B", width, height, 8, 6, 0, 0, 0)
    end = b"\0\0\0\0IEND" + struct.pack(">I", 0xAE426082)
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", __import__("zlib").crc32(chunk)) + end
    )


GOOD = saved(Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)), "PNG")
BAD_PICTURES = {
    "empty.png": (b"", "is empty"),
    "text.png": (b"This is a text file named .png, long enough to be looked at.", "is no PNG"),
    "cut.png": (GOOD[: len(GOOD) // 2], "is cut short"),
    "cut.jpg": (saved(Image.open(io.BytesIO(GOOD)), "JPEG")[:700], "is cut short"),
    "cut.webp": (saved(Image.open(io.BytesIO(GOOD)), "WEBP", lossless=True)[:700], "is cut short|is no PNG"),
    "cut.tif": (saved(Image.open(io.BytesIO(GOOD)), "TIFF")[:900], "is cut short|is no PNG"),
    "bomb.png": (png_header(8_000, 7_000), "8,000 x 7,000 pixels, more than 52 million"),
    "bigger-bomb.png": (png_header(60_000, 60_000), "more than 52 million"),
    "drawing.svg.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no PNG"),
    "script.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no PNG"),
    "other.png": (saved(plain(), "BMP"), "is no PNG"),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_bad_picture_gets_one_plain_sentence(name: str) -> None:
    data, reason = BAD_PICTURES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(BadFile, match=rf"^{name} .*({reason}).*\.$"):
            own.read_picture(data, (1, 28, 28), name=name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BadFile):
            own.read_picture(data, (1, 28, 28))


def test_a_file_above_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_picture, "MAX_BYTES", len(GOOD) - 1)
    with pytest.raises(BadFile, match="is larger than"):
        own.read_picture(GOOD, (3, 28, 28))


def test_a_shape_or_choice_that_does_not_exist_is_refused() -> None:
    for arguments in (((2, 28, 28),), ((1, 0, 28),), ((1, 28, 10**6),), ((1, 28, 28), "stretch"),
                      ((1, 28, 28), "pad", "pink")):  # fmt: skip
        with pytest.raises(BadInput):
            own.read_picture(GOOD, *arguments)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]),
    end=st.integers(0, 400),
    change=st.lists(st.tuples(st.integers(0, 399), st.integers(0, 255)), max_size=4),
)
def test_damaged_bytes_give_a_picture_or_a_sentence_and_nothing_else(kind, end, change) -> None:
    data = bytearray(saved(plain(size=(9, 9)), kind))[:end]
    for at, value in change:
        if at < len(data):
            data[at] = value
    try:
        assert own.read_picture(bytes(data), (3, 28, 28)).shape == (3, 28, 28)
    except BadFile as error:
        assert str(error).startswith("The picture ") and str(error).endswith(".")


# --- a folder or zip of pictures ------------------------------------------------------------------------------------


def picture_bytes(number: int, colour: bool = True) -> bytes:
    level = 10 * (number % 25)
    return saved(plain((level, 255 - level, 7) if colour else (level,) * 3))


def folder_of(tmp_path: Path, contents: dict[str, bytes]) -> Path:
    root = tmp_path / "pictures"
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def zip_of(contents: dict[str, bytes], path: Path | None = None) -> Path | bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    if path is None:
        return buffer.getvalue()
    path.write_bytes(buffer.getvalue())
    return path


TWO_CLASSES = {f"{'cats' if n % 2 else 'dogs'}/deep/{n:02}.png": picture_bytes(n) for n in range(20)}


def test_a_folder_and_a_zip_of_it_give_the_same_pictures(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, TWO_CLASSES)
    path = zip_of(TWO_CLASSES, tmp_path / "pictures.ZIP")
    for split in ("train", "test"):
        images = datasets.load(folder, split, size=28)
        assert images.x.shape[1:] == (3, 28, 28) and images.classes == ("cats", "dogs") and images.name == "pictures"
        for other in (datasets.load(str(path), split, size=28), own.read(split, path.read_bytes(), size=28),
                      own.read(split, path.open("rb"), size=28)):  # fmt: skip
            np.testing.assert_array_equal(other.x, images.x)
            np.testing.assert_array_equal(other.labels, images.labels)
            assert other.classes == images.classes and not other.skipped


def test_pictures_labels_and_names_stay_together(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, TWO_CLASSES)
    tested = own.in_test(sorted(TWO_CLASSES))
    images = datasets.load(folder)
    names = [name for name in sorted(TWO_CLASSES) if name not in tested]
    assert len(images) == len(names)
    for x, label, name in zip(images.x, images.labels, names, strict=True):
        assert images.classes[label] == name.split("/")[0]
        assert (x[0] == 10 * (int(name[-6:-4]) % 25)).all()


def test_the_splits_share_nothing_and_hold_nine_tenths_and_one_tenth() -> None:
    names = [f"{n}.png" for n in range(5000)]
    tested = own.in_test(names)
    assert 400 < len(tested) < 600  # five standard deviations around 500
    more = own.in_test([f"more/{n}.png" for n in range(3000)] + names)
    assert tested <= more and not (more - tested) & set(names)  # adding pictures moves none
    assert own.in_test(names, seed=1) != tested


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_handful_of_pictures_still_has_both_splits(count: int) -> None:
    for seed in range(400):  # of two, both fall below a tenth once in a hundred times
        tested = own.in_test([f"{n}.png" for n in range(count)], seed)
        assert 1 <= len(tested) < count


def test_a_single_picture_is_for_training_only() -> None:
    data = zip_of({"one.png": GOOD})
    assert len(own.read("train", data)) == 1
    with pytest.raises(BadFile, match="one picture only"):
        own.read("test", data)


def test_labels_are_unknown_without_folders_and_shared_folders_do_not_count() -> None:
    flat = own.read("train", zip_of({f"photos/2024/{n}.png": GOOD for n in range(5)}))
    assert flat.classes == () and set(flat.labels) == {-1}
    mixed = own.read("train", zip_of({f"all/{'a/' if n % 2 else ''}{n}.png": GOOD for n in range(40)}))
    assert mixed.classes == ("a",) and set(mixed.labels) == {-1, 0}


@pytest.mark.parametrize(
    "table",
    [
        "file,label\n0.png,10\n1.png,9\nsub/2.png,cat\ngone.png,cat\n",
        "\ufeff0.png;10\r\n1.png;9\r\n2.png;cat\r\ngone.png;cat\r\n",
    ],
)
def test_a_table_names_the_labels(table: str) -> None:
    contents = {"0.png": GOOD, "1.png": GOOD, "sub/2.png": GOOD, "3.png": GOOD}
    for prefix in ("", "photos/"):
        packed = {prefix + name: data for name, data in (contents | {"labels.csv": table.encode()}).items()}
        found: dict[str, str] = {}
        for split in ("train", "test"):
            images = own.read(split, zip_of(packed))
            assert images.classes == ("9", "10", "cat")  # numbers by value, before words
            assert ("gone.png", "stands in labels.csv but is not there") in images.skipped
            tested = own.in_test(sorted(prefix + name for name in contents))
            names = [n for n in sorted(prefix + n for n in contents) if (n in tested) == (split == "test")]
            found |= {n: images.classes[lab] if lab >= 0 else "" for n, lab in zip(names, images.labels, strict=True)}
        assert found == {
            prefix + "0.png": "10",
            prefix + "1.png": "9",
            prefix + "sub/2.png": "cat",
            prefix + "3.png": "",
        }


def test_of_several_tables_the_outermost_counts() -> None:
    contents = {f"{n}.png": GOOD for n in range(5)}
    contents |= {"a/labels.csv": b"0.png,inner\n", "labels.csv": b"\n".join(b"%d.png,outer" % n for n in range(5))}
    assert own.read("train", zip_of(contents)).classes == ("outer",)


@pytest.mark.parametrize("table", [b"\xff\xfe\x00junk", b"a,b,c\n1,2,3\n", b'0.png,"' + b"x" * 200_000])
def test_a_broken_table_is_named_and_the_folders_count(table: bytes) -> None:
    images = own.read("train", zip_of({**TWO_CLASSES, "labels.csv": table}))
    assert images.classes == ("cats", "dogs")
    assert images.skipped[0][0] == "labels.csv" and "taken from the folders" in images.skipped[0][1]


def test_auto_takes_grey_where_no_picture_of_either_split_has_a_colour() -> None:
    grey = {f"{n}.png": picture_bytes(n, colour=False) for n in range(12)}
    tested = own.in_test(sorted(grey))
    for split in ("train", "test"):
        images = own.read(split, zip_of(grey))
        assert images.shape == (1, 32, 32)
        np.testing.assert_array_equal(images.x, own.read(split, zip_of(grey), channels="grey").x)
        for name in (min(tested), min(set(grey) - tested)):  # one colour on either side makes both coloured
            assert own.read(split, zip_of({**grey, name: picture_bytes(3)})).shape == (3, 32, 32)
    assert own.read("train", zip_of(grey), channels="colour").shape == (3, 32, 32)
    assert own.read("train", zip_of(TWO_CLASSES), channels="grey").shape == (1, 32, 32)


def test_the_knobs_choose_size_background_and_fit() -> None:
    data = zip_of({f"{n}.png": saved(Image.new("RGBA", (20, 10), (50, 50, 50, 255))) for n in range(3)})
    x = own.read("train", data, size=64, fit="pad", background="black").x
    assert x.shape[2:] == (64, 64) and (x[0, :, 0] == 0).all() and (x[0, :, 32] == 50).all()
    for knob in ({"size": 33}, {"fit": "stretch"}, {"background": "pink"}, {"channels": "rgb"}, {"seed": -1}):
        with pytest.raises(BadInput):
            own.read("train", data, **knob)


@pytest.mark.parametrize("packed", [False, True])
def test_broken_files_are_listed_by_name_and_the_rest_is_read(tmp_path: Path, packed: bool) -> None:
    contents = {f"good/{n}.png": GOOD for n in range(30)} | {
        f"bad/{name}": data for name, (data, _) in BAD_PICTURES.items()
    }
    contents |= {
        "notes.txt": b"hello",
        ".hidden.png": b"x",
        "__MACOSX/good/1.png": b"x",
        "good/Thumbs.db": b"x",
        ".git/x.png": b"x",
    }
    source = zip_of(contents) if packed else folder_of(tmp_path, contents)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        both = [own.read(split, source) for split in ("train", "test")]
    assert sum(map(len, both)) == 30
    listed = dict(both[0].skipped) | dict(both[1].skipped)
    assert set(listed) == {f"bad/{name}" for name in BAD_PICTURES} | {"notes.txt"}
    assert "by its name" in listed["notes.txt"] and "is empty" in listed["bad/empty.png"]
    assert "pixels" in listed["bad/bomb.png"] and "is cut short" in listed["bad/cut.png"]


def test_where_nothing_is_left_one_sentence_names_the_first_reason() -> None:
    with pytest.raises(BadFile, match=r"no train picture that can be read: .*empty"):
        own.read("train", zip_of({f"{n}.png": b"" for n in range(3)}))
    with pytest.raises(BadFile, match=r"holds no PNG.*: notes.txt is no PNG"):
        own.read("train", zip_of({"notes.txt": b"hello"}))
    with pytest.raises(BadFile, match="holds no PNG"):
        own.read("train", zip_of({}))


def test_what_is_neither_folder_nor_zip_is_refused(tmp_path: Path) -> None:
    whole = zip_of(TWO_CLASSES)
    for content in (b"", b"PK\5\6", b"hello" * 100, whole[: len(whole) // 2], whole[:-30]):
        path = tmp_path / "thing.zip"
        path.write_bytes(content)
        with pytest.raises(BadFile, match=r"^thing.zip is neither a folder nor a whole zip"):
            datasets.load(path)
    with pytest.raises(BadFile):
        own.read("train", tmp_path / "gone")
    with pytest.raises(BadInput, match="in place of a data set's name"):
        own.read("train")
    with pytest.raises(BadInput, match="by its path"):
        own.read("train", 7)  # type: ignore[arg-type]


def test_entries_of_a_zip_that_lead_outside_are_not_touched(tmp_path: Path) -> None:
    evil = {"../up.png": GOOD, "/root.png": GOOD, "a/../../b.png": GOOD, "C:/win.png": GOOD, "..\\back.png": GOOD}
    images = own.read("train", zip_of({**{f"{n}.png": GOOD for n in range(9)}, **evil}))
    assert len(images.skipped) == 5 and {reason for _, reason in images.skipped} == {
        "has a name that leads outside the zip"
    }
    assert len(images) + len(own.read("test", zip_of({f"{n}.png": GOOD for n in range(9)}))) == 9
    with pytest.raises(BadFile, match="leads outside"):
        own.read("train", zip_of(evil))
    assert not list(tmp_path.iterdir())


def test_symbolic_links_in_a_zip_are_not_followed() -> None:
    buffer = io.BytesIO(zip_of({f"{n}.png": GOOD for n in range(3)}))
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("link.png")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert own.read("train", buffer.getvalue()).skipped == (("link.png", "is a symbolic link"),)


def test_links_and_devices_in_a_folder_do_not_lead_astray(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {f"{n}.png": GOOD for n in range(5)})
    (folder / "round").symlink_to(folder)
    (folder / "nowhere.png").symlink_to(folder / "gone.png")
    os.mkfifo(folder / "pipe.png")
    images = own.read("train", folder)
    assert {name for name, _ in images.skipped} == {"round", "nowhere.png", "pipe.png"}
    (folder / "friend.png").symlink_to(folder / "0.png")  # a link to a real picture is one
    assert len(own.read("train", folder)) + len(own.read("test", folder)) == 6


def change_entries(data: bytes, offset: int, value: bytes, which: str = "both") -> bytes:
    """Overwrite a field of every entry's local header (at `offset`) and of its line in the table of contents."""
    out = bytearray(data)
    for mark, shift in ((b"PK\3\4", 0), (b"PK\1\2", 2)):
        at = out.find(mark)
        while at >= 0:
            out[at + offset + shift : at + offset + shift + len(value)] = value
            at = out.find(mark, at + 4)
    return bytes(out)


def test_an_encrypted_zip_is_said_to_be_one() -> None:
    data = zip_of({f"{n}.png": GOOD for n in range(3)})
    with pytest.raises(BadFile, match="protected by a password"):
        own.read("train", change_entries(data, 6, b"\1\0"))


def test_a_method_of_packing_other_than_deflate_is_left_alone() -> None:
    data = zip_of({f"{n}.png": GOOD for n in range(3)})
    with pytest.raises(BadFile, match="another method than deflate"):
        own.read("train", change_entries(data, 8, struct.pack("<H", zipfile.ZIP_LZMA)))


def test_an_entry_that_unpacks_to_far_more_is_left_alone() -> None:
    contents = {f"{n}.png": GOOD for n in range(3)} | {"bomb.tif": bytes(5_000_000)}
    images = own.read("train", zip_of(contents))
    assert dict(images.skipped)["bomb.tif"].startswith("would unpack to more than 200 times")


def test_an_entry_that_lies_about_its_size_is_found_damaged() -> None:
    data = change_entries(zip_of({"a.png": GOOD, "b.png": GOOD}), 22, struct.pack("<I", 100))  # unpacked: 100 bytes
    with pytest.raises(BadFile, match=r"cannot be read: it is damaged"):
        own.read("train", data)


def test_an_entry_that_claims_too_much_is_refused_unread() -> None:
    data = change_entries(zip_of({"a.png": GOOD, "b.png": GOOD}), 22, struct.pack("<I", 4_000_000_000))
    with pytest.raises(BadFile, match="is larger than 64 MB"):
        own.read("train", data)


def test_the_limits_on_number_and_sum_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, folder = zip_of(TWO_CLASSES), folder_of(tmp_path, TWO_CLASSES)
    total = sum(map(len, TWO_CLASSES.values()))
    for limit, value, sources in (
        ("MAX_PICTURES", 19, (data, folder)),
        ("MAX_ENTRIES", 19, (data, folder)),
        ("MAX_UNPACKED", total - 1, (data,)),
        ("MAX_DIRECTORY", 500, (data,)),
    ):
        for source in sources:
            with monkeypatch.context() as patch:
                patch.setattr(_own_files, limit, value)
                with pytest.raises(BadFile, match=r"(pack|take|choose)"):
                    own.read("train", source)
    monkeypatch.setattr(_own_files, "MAX_PICTURES", 20)
    monkeypatch.setattr(_own_files, "MAX_UNPACKED", total)
    assert len(own.read("train", data)) + len(own.read("test", data)) == 20


def test_a_table_of_contents_that_claims_gigabytes_is_refused_before_it_is_read() -> None:
    data = bytearray(zip_of({"a.png": GOOD}) + bytes(0))
    end = data.rfind(b"PK\5\6")
    data[end + 12 : end + 16] = struct.pack("<I", 3_000_000_000)
    with pytest.raises(BadFile):
        own.read("train", bytes(data))


def test_a_stored_picture_larger_than_the_table_of_contents_may_be_is_read(monkeypatch) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.png", GOOD)
    monkeypatch.setattr(_own_files, "MAX_DIRECTORY", 100)
    assert len(own.read("train", buffer.getvalue())) == 1


def test_the_same_name_twice_is_read_once() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            archive.writestr("a.png", GOOD)
    images = own.read("train", buffer.getvalue())
    assert len(images) == 1 and images.skipped == (("a.png", "is there twice; the first one was read"),)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_zip_gives_pictures_or_a_sentence_and_nothing_else(changes: list[tuple[int, int]]) -> None:
    data = bytearray(zip_of({f"{n}.png": saved(plain(size=(5, 5))) for n in range(4)}))
    for at, value in changes:
        data[at % len(data)] = value
    try:
        assert len(own.read("train", bytes(data))) >= 1
    except ManigenError as error:
        assert str(error).endswith(".") and "\n" not in str(error)


def test_names_are_shown_without_control_characters_and_mean_the_same_in_every_spelling() -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"
    first = own.read("train", zip_of({f"{composed}/{n}.png": picture_bytes(n) for n in range(9)} | {"b/1.png": GOOD}))
    other = own.read("train", zip_of({f"{apart}/{n}.png": picture_bytes(n) for n in range(9)} | {"b/1.png": GOOD}))
    assert first.sha256 == other.sha256 and first.classes == ("b", composed)
    odd = own.read("train", zip_of({f"x\n\x1b[2J/{n}.png": GOOD for n in range(9)} | {"b/1.png": GOOD, "c\t.txt": b""}))
    assert odd.classes == ("b", "x??[2J") and odd.skipped[0][0] == "c?.txt"


def test_progress_is_told_and_ends_at_the_total() -> None:
    told: list[tuple[int, int]] = []
    images = own.read("train", zip_of(TWO_CLASSES), lambda done, total: told.append((done, total)))
    assert told == [(n, len(images)) for n in range(len(images) + 1)]
