"""Own pictures made ready: uploads kept whole, decoded once into files, the same as read directly."""

from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from manigen import home
from manigen.datasets import _prepared, own
from manigen.errors import BadFile, BadInput
from manigen.workshop import errand, preparing


@pytest.fixture(autouse=True)
def _a_home_for_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MANIGEN_HOME", str(tmp_path / "home"))


def png(colour: tuple[int, int, int], size: tuple[int, int] = (11, 7)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def packed(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def some(count: int = 30, grey: bool = False) -> dict[str, bytes]:
    shades = [(8 * n % 256,) * 3 if grey else (8 * n % 256, 50, 200 - 4 * n) for n in range(count)]
    return {f"set/{'ab'[n % 2]}/{n}.png": png(shade) for n, shade in enumerate(shades)}


def uploaded(**files: bytes) -> list[tuple[str, io.BytesIO]]:
    return [(name, io.BytesIO(data)) for name, data in files.items()]


@pytest.mark.parametrize("grey", [False, True])
def test_pictures_made_ready_are_those_read_directly_in_the_same_order_with_the_same_hash(tmp_path, grey) -> None:
    source = tmp_path / "mine.zip"
    source.write_bytes(packed(some(grey=grey) | {"set/a/bad.png": b"no picture"}))
    told: list[tuple[int, int]] = []
    about = own.prepare(source, tmp_path / "ready", lambda done, total: told.append((done, total)), size=28)
    for split in ("train", "test"):
        plain, ready = own.read(split, source, size=28), own.read(split, tmp_path / "ready", size=28)
        np.testing.assert_array_equal(plain.x, ready.x)
        assert (plain.sha256, plain.classes, plain.name) == (ready.sha256, ready.classes, ready.name)
        assert isinstance(ready.x, np.memmap)
        assert about[split] == len(plain)
    assert about["skipped"][0][0] == "set/a/bad.png"
    assert about["shape"] == [1 if grey else 3, 28, 28]
    assert told[-1] == (2000, 2000)


def test_pictures_made_ready_one_way_are_not_taken_for_another(tmp_path) -> None:
    source = tmp_path / "mine.zip"
    source.write_bytes(packed(some()))
    own.prepare(source, tmp_path / "ready", size=28)
    with pytest.raises(BadInput, match="another size"):
        own.read("train", tmp_path / "ready", size=64)
    (tmp_path / "ready" / "train.u8").write_bytes(b"short")
    with pytest.raises(BadFile, match="damaged"):
        own.read("train", tmp_path / "ready")


def test_many_pictures_are_written_to_disk_and_not_held(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_prepared, "IN_MEMORY", 1000)
    source = tmp_path / "mine.zip"
    source.write_bytes(packed(some()))
    held = own.read("train", source, size=28)
    assert isinstance(held.x.base if held.x.base is not None else held.x, np.memmap)
    monkeypatch.setattr(_prepared, "IN_MEMORY", 10**9)
    np.testing.assert_array_equal(held.x, own.read("train", source, size=28).x)


@pytest.mark.parametrize(("sides", "middle"), [([(64, 80)] * 3, 64), ([(20, 10), (90, 50), (40, 30)], 30)])
def test_a_glance_tells_the_middle_shorter_side(sides: list[tuple[int, int]], middle: int) -> None:
    entries = {f"{at}.png": png((9, 9, 9), side) for at, side in enumerate(sides)} | {"z.png": b"GIF89a??"}
    assert own.glance(packed(entries), size=28).side == middle


def test_a_glance_shows_pictures_as_they_will_be_seen_and_names_the_broken() -> None:
    seen = own.glance(packed(some(40) | {"set/a/zz.png": b"GIF89a??"}), 41, size=28, channels="grey")
    assert seen.count == 41
    assert seen.labels == {"a": 21, "b": 20}
    assert len(seen.shown) == 40
    assert seen.shown[0][1].shape == (1, 28, 28)
    assert [name for name, _ in seen.skipped] == ["set/a/zz.png"]


# --- uploads ----------------------------------------------------------------------------------------------------------


def test_an_upload_is_kept_made_ready_and_deleted_by_its_owner() -> None:
    me = home.owner("me")
    token = preparing.keep(me, uploaded(**{"Mine.zip": packed(some() | {"set/b/bad.png": b""})}))
    folder = me.thing("pictures", token)
    assert home.note(folder)["title"] == "Mine"
    home.write_note(folder, knobs={"size": 28})
    preparing.prepare(folder)
    about = home.note(folder)
    assert about["ready"] and about["train"] + about["test"] == 30 and about["skipped_count"] == 1
    assert errand.progress(folder)["share"] == 1.0
    home.remove(folder)
    assert me.things("pictures") == []
    assert me.used() == 0


def test_single_files_become_one_zip_and_two_of_a_name_stay_two() -> None:
    me = home.owner("me")
    given = [
        (name, io.BytesIO(png((n, 0, 0)))) for n, name in enumerate(["x.png", "x.png", "pets/cat/y.png", "../z.png"])
    ]
    folder = me.thing("pictures", preparing.keep(me, given))
    with zipfile.ZipFile(folder / home.note(folder)["file"]) as archive:
        assert sorted(archive.namelist()) == ["pets/cat/y.png", "x-2.png", "x.png", "z.png"]


def test_an_upload_cut_in_half_is_refused_and_leaves_nothing() -> None:
    me, whole = home.owner("me"), packed(some())
    with pytest.raises(BadFile, match="cut short"):
        preparing.keep(me, uploaded(**{"mine.zip": whole[: len(whole) // 2]}))
    assert me.things("pictures") == []
    assert me.used() == 0


def test_a_zip_without_pictures_says_so_and_stays_for_its_owner_to_delete() -> None:
    me = home.owner("me")
    folder = me.thing("pictures", preparing.keep(me, uploaded(**{"notes.zip": packed({"a.txt": b"hello"})})))
    preparing.prepare(folder)
    assert "holds no PNG" in errand.progress(folder)["error"]
    assert not home.note(folder).get("ready")


def test_two_hundred_small_uploads_of_many_people_are_neither_lost_nor_mixed() -> None:
    def upload(n: int) -> str:
        return preparing.keep(home.owner(f"person {n % 20}"), uploaded(**{"same.png": png((n, n // 2, 3))}))

    with ThreadPoolExecutor(16) as people:  # many at once, as the server's sessions are
        tokens_in_order = list(people.map(upload, range(200)))
    kept: dict[str, list[str]] = {}
    for n, token in enumerate(tokens_in_order):
        kept.setdefault(f"person {n % 20}", []).append(token)
    for at, (who, tokens) in enumerate(kept.items()):
        owner = home.owner(who)
        assert sorted(folder.name for folder in owner.things("pictures")) == sorted(tokens)
        for turn, token in enumerate(tokens):
            folder = owner.thing("pictures", token)
            with zipfile.ZipFile(folder / home.note(folder)["file"]) as archive:
                pixel = Image.open(io.BytesIO(archive.read("same.png"))).getpixel((0, 0))
            n = at + 20 * turn
            assert pixel == (n, n // 2, 3)
    assert len({token for tokens in kept.values() for token in tokens}) == 200


def test_an_upload_above_the_quota_is_refused_before_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANIGEN_QUOTA_MB", "0.001")
    me = home.owner("me")
    with pytest.raises(BadInput, match="delete something first"):
        preparing.keep(me, uploaded(**{"mine.zip": packed(some())}))
    assert me.things("pictures") == []
