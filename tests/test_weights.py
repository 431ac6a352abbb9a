"""The weights: what is saved comes back, and what is damaged is refused by name."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shlex
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from manigen import datasets, files, measures, models, samplers, weights
from manigen.errors import BadFile, BadInput, ManigenError, UnknownName
from manigen.models import Generator
from manigen.projections import fit_map
from manigen.weights import Codes
from tests.oracles import is_one_sentence

DATA = {"name": "digits", "title": "Digits", "sha256": "0" * 64, "licence": "CC BY 4.0", "classes": ["a", "b"]}


def a_model(family: str = "autoencoder", seed: int = 3) -> tuple[Generator, Codes]:
    """An untrained generator with a sampler, and made-up codes for it."""
    wide = {"width": 4} if any(knob.name == "width" for knob in models.card_of(family).knobs) else {}
    model = models.build(family, (1, 8, 8), seed, dim=3, **wide)
    rng = np.random.default_rng(0)
    z = rng.standard_normal((60, 3)).astype(np.float32)
    model.sampler = samplers.fit("mixture", z, components=2)
    half = np.repeat([0, 1], 30)
    codes = Codes(z, half, half, np.tile(np.arange(30), 2), rng.random(60).astype(np.float32), ("a", "b"))
    return model, codes


def saved(folder: Path, family: str = "autoencoder", seed: int = 3, **facts: Any) -> Path:
    model, codes = a_model(family, seed)
    maps = {"pca": fit_map(codes.z, "pca")}
    return weights.save(model, folder, codes, maps, {"reconstruction_mse": 0.25}, DATA, title="A model", **facts)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- there and back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", list(models.cards()))
def test_a_model_comes_back_as_it_was_saved(family: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / "some-model", family)
    model, codes = a_model(family)
    back = weights.load(folder)
    assert np.array_equal(back.decode(codes.z), model.decode(codes.z))
    assert np.array_equal(back.sample(9, seed=2), model.sample(9, seed=2))
    assert (back.name, back.family, back.knobs, back.dim) == ("some-model", family, model.knobs, 3)
    assert not any(weight.requires_grad for weight in back.parameters()) and not back.training
    x = np.random.default_rng(0).random((4, 1, 8, 8), dtype=np.float32)
    if model.encodes:
        assert np.array_equal(back.encode(x), model.encode(x))


def test_codes_and_maps_come_back_as_they_were_saved(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m")
    _, codes = a_model()
    back = weights.codes(folder)
    for name in ("z", "labels", "split", "rows"):
        assert np.array_equal(getattr(back, name), getattr(codes, name)), name
    np.testing.assert_allclose(back.error, codes.error, rtol=5e-4)  # in half precision
    assert back.classes == ("a", "b") and len(back) == 60
    atlas, fresh = weights.load_map(folder, "pca"), fit_map(codes.z, "pca")
    assert np.array_equal(atlas.p, fresh.p)
    assert np.array_equal(atlas.inverse_transform([[0.3, -0.2]]), fresh.inverse_transform([[0.3, -0.2]]))
    assert weights.maps(folder) == ["pca"]


def test_the_card_says_what_is_in_the_folder(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", command="python -m manigen train ...")
    card = json.loads((folder / "card.json").read_text())
    assert set(card["files"]) == set(content(folder)) - {"card.json"}
    assert all(files.sha256(folder / name) == digest for name, digest in card["files"].items())
    assert card["data"] == DATA and card["title"] == "A model" and card["command"].startswith("python")
    assert card["sampler"] == "mixture" and card["measures"] == {"reconstruction_mse": 0.25}
    assert card["maps"]["pca"]["codes"] == 60 and 0 <= card["maps"]["pca"]["trustworthiness"] <= 1


def test_a_map_and_figures_that_come_later_both_stay_and_the_map_is_the_best(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", **{weights.TO_COME: ["tsne", "umap"]})
    _, codes = a_model()
    later = fit_map(codes.z, "mds")
    at_once = threading.Barrier(2)

    def add(what: Callable[..., None], *given: Any) -> None:
        at_once.wait()
        for _ in range(20):
            what(folder, *given)

    others = [
        threading.Thread(target=add, args=(weights.add_map, "umap", later)),
        threading.Thread(target=add, args=(weights.add_figures, {"ssim": 0.5})),
    ]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    card = weights.info(folder)
    assert (list(card["maps"]), card[weights.TO_COME], card["measures"]) == (["umap", "pca"], ["tsne"], {"ssim": 0.5})
    assert np.array_equal(weights.load_map(folder, "umap").p, later.p)


def test_nothing_in_the_folder_is_pickled(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m")
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".safetensors", ".npz", ".json"}
    for path in folder.rglob("*.npz"):
        with np.load(path, allow_pickle=False) as archive:
            assert all(archive[name].dtype.kind in "fiuU" for name in archive.files)


def test_a_pickle_in_place_of_arrays_is_never_run(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m")
    ran = tmp_path / "ran"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (ran,))

    np.savez(folder / "codes.npz", z=np.array([Trap()], dtype=object))
    sign(folder)
    with pytest.raises(BadFile, match=r"codes\.npz"):
        weights.codes(folder)
    (folder / "codes.npz").write_bytes(pickle.dumps(Trap()))
    (folder / "model.safetensors").write_bytes(pickle.dumps(Trap()))
    sign(folder)
    for read in (weights.codes, weights.load):
        with pytest.raises(BadFile):
            read(folder)
    assert not ran.exists()


# --- what is damaged is refused ---------------------------------------------------------------------------------------


def sign(folder: Path, **changes: Any) -> None:
    """Put the hashes of the files as they are now on the card, and other changes: damage that no hash can find."""
    card = json.loads((folder / "card.json").read_text())
    card["files"] = {name: files.sha256(folder / name) for name in card["files"]}
    (folder / "card.json").write_text(json.dumps(card | changes))


READERS: dict[str, Callable[[Path], Any]] = {
    "model.safetensors": weights.load,
    "sampler.npz": weights.load,
    "codes.npz": weights.codes,
    "maps/pca.npz": lambda folder: weights.load_map(folder, "pca"),
}


@pytest.mark.parametrize("damage", ["a bit", "half", "empty", "gone"])
@pytest.mark.parametrize("name", list(READERS))
def test_a_damaged_file_is_refused_by_name_with_its_hash(name: str, damage: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / "some-model")
    path = folder / name
    whole = path.read_bytes()
    READERS[name](folder)  # whole, it is read
    if damage == "gone":
        path.unlink()
    else:
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        path.write_bytes({"a bit": flipped, "half": whole[:middle], "empty": b""}[damage])
    with pytest.raises(BadFile) as caught:
        READERS[name](folder)
    message = str(caught.value)
    assert is_one_sentence(message) and "some-model" in message and name in message
    if damage != "gone":
        assert files.sha256(path)[:16] in message and "sha256" in message


@pytest.mark.parametrize("damage", ["half", "empty", "text"])
@pytest.mark.parametrize("name", list(READERS))
def test_a_damaged_file_with_the_right_hash_is_refused_too(name: str, damage: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / "m")
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes({"half": whole[: len(whole) // 2], "empty": b"", "text": b"hello, world"}[damage])
    sign(folder)
    with pytest.raises(BadFile) as caught:
        READERS[name](folder)
    assert is_one_sentence(caught.value)


@pytest.mark.parametrize(
    "card",
    [b"", b"{", b"[]", b"null", b'{"name": "m"}', b"\xff\xfe\x00", b'{"name": 1, "family": "vae", "shape": {}}'],
    ids=repr,
)
def test_a_card_that_is_none_is_refused(card: bytes, tmp_path: Path) -> None:
    folder = saved(tmp_path / "m")
    (folder / "card.json").write_bytes(card)
    for read in (weights.info, weights.load, weights.codes, weights.maps):
        with pytest.raises(BadFile, match=r"card\.json") as caught:
            read(folder)
        assert is_one_sentence(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"family": "vae"},  # other weights than these
        {"family": "nothing"},
        {"shape": [1, 28, 28]},
        {"shape": [1, 9, 9]},
        {"shape": [1]},
        {"shape": ["a", "b", "c"]},
        {"knobs": {"dim": 4, "width": 4}},
        {"knobs": {"dim": "many"}},
        {"knobs": {"gamma": 1}},
        {"seed": "zero"},
        {"sampler": "nothing"},
        {"sampler": "normal"},
        {"sampler": None},
    ],
    ids=str,
)
def test_a_card_that_describes_another_model_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    folder = saved(tmp_path / "m")
    sign(folder, **changes)
    with pytest.raises(ManigenError) as caught:
        weights.load(folder)
    assert is_one_sentence(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("labels"),
        lambda arrays: arrays.update(rows=arrays["rows"][:-1]),
        lambda arrays: arrays.update(error=arrays["error"][:, None]),
        lambda arrays: arrays["z"].__setitem__((3, 1), np.nan),
        lambda arrays: arrays.update(z=arrays["z"][None]),
        lambda arrays: arrays.update(labels=np.array(["a"] * 60)),
    ],
)
def test_codes_that_do_not_belong_together_are_refused(change: Callable[[Any], Any], tmp_path: Path) -> None:
    folder = saved(tmp_path / "m")
    arrays = files.read_npz(folder / "codes.npz")
    change(arrays)
    files.write_npz(folder / "codes.npz", arrays)
    sign(folder)
    with pytest.raises(ManigenError) as caught:
        weights.codes(folder)
    assert is_one_sentence(caught.value)


def test_a_map_of_other_codes_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m")
    files.write_npz(folder / "maps/pca.npz", fit_map(np.eye(3), "pca").arrays())
    sign(folder)
    with pytest.raises(BadFile, match="belongs to codes"):
        weights.load_map(folder, "pca")
    with pytest.raises(UnknownName, match="no map named 'umap'"):
        weights.load_map(folder, "umap")


# --- finding ----------------------------------------------------------------------------------------------------------


def test_models_of_ones_own_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path / "one" / "lines-vae-2")
    saved(tmp_path / "two" / "another")
    (tmp_path / "two" / "no model").mkdir()
    monkeypatch.setattr(weights, "SHIPPED", tmp_path / "nothing here")
    monkeypatch.setenv("MANIGEN_WEIGHTS", os.pathsep.join([str(tmp_path / "one"), str(tmp_path / "two")]))
    assert weights.names() == ["lines-vae-2", "another"]
    assert weights.load("lines_vae-2").name == "lines-vae-2"
    assert weights.info("another")["family"] == "autoencoder"


@pytest.mark.parametrize("asked", ["lines-vea", "../lines-vae", "/etc/passwd", ".", "", "nothing like it", "x" * 5000])
def test_an_unknown_name_gets_one_sentence(asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path / "lines-vae")
    monkeypatch.setattr(weights, "SHIPPED", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ManigenError) as caught:
        weights.load(asked)
    assert is_one_sentence(caught.value)
    if asked == "lines-vea":
        assert isinstance(caught.value, UnknownName) and "Did you mean 'lines-vae'?" in str(caught.value)


# --- writing ----------------------------------------------------------------------------------------------------------


def fails_at(count: int) -> Callable[..., Any]:
    """Return an `os.replace` that finds the disk full at its `count`-th call, and works otherwise."""
    real, calls = os.replace, []

    def replace(source: Any, target: Any) -> None:
        calls.append(target)
        if len(calls) == count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    return replace


@pytest.mark.parametrize("moment", range(1, 8))  # each file, the card, the old folder away, the new one in its place
def test_a_full_disk_leaves_the_old_model_whole(moment: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = saved(tmp_path / "m")
    before = content(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fails_at(moment))
        with pytest.raises(ManigenError, match="No space left") as caught:
            saved(folder, seed=4)
    assert is_one_sentence(caught.value)
    assert content(folder) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["m"]
    weights.load(folder)


def test_a_full_disk_leaves_nothing_of_a_new_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(ManigenError, match=r"codes\.npz could not be written.*No space left"):
        saved(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_model_takes_the_place_of_an_older_one_and_of_its_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "checkpoint.safetensors").write_bytes(b"...")
    (folder / ".checkpoint.safetensors.k1ll3d").write_bytes(b"half of one")  # a killed process leaves this behind
    saved(folder)
    first = content(folder)
    assert not any("checkpoint" in name for name in first)
    (folder / "maps" / "umap.npz").write_bytes(b"of the older model")
    saved(folder, seed=4)
    assert set(content(folder)) == set(first) and content(folder) != first
    assert [entry.name for entry in tmp_path.iterdir()] == ["m"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("It was a dark and stormy night.")
    (tmp_path / "a file").write_text("")
    for place in ("thesis", "a file"):
        with pytest.raises(BadInput) as caught:
            saved(tmp_path / place)
        assert is_one_sentence(caught.value)
    assert content(tmp_path / "thesis") == {"chapter1.tex": b"It was a dark and stormy night."}


def test_a_place_that_cannot_be_written_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ManigenError, match="could not be written") as caught:
        saved(tmp_path / "file" / "m")
    assert is_one_sentence(caught.value)


# --- what ships -------------------------------------------------------------------------------------------------------

SHIPPED = weights.names()


def test_a_model_ships() -> None:
    assert "mnist-vae" in SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_is_whole(name: str) -> None:
    folder, card = weights.folder_of(name), weights.info(name)
    for file, digest in card["files"].items():
        assert files.sha256(folder / file) == digest, file
    assert set(content(folder)) == {*card["files"], "card.json"}
    generator, codes = weights.load(name), weights.codes(name)
    assert generator.shape == tuple(card["shape"]) and generator.dim == codes.z.shape[1]
    assert np.isfinite(generator.sample(4)).all()
    assert weights.maps(name)[0] == "umap" and {"umap", "tsne", "pca"} <= set(weights.maps(name))
    for method in weights.maps(name):
        atlas = weights.load_map(name, method, codes.z)
        assert (
            len(atlas.p) == len(codes) >= (1_832 if card["data"]["name"] == "emoji" else 10_000)
        )  # all emoji there are
        assert card["maps"][method]["trustworthiness"] > 0.6


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_card_says_where_its_model_comes_from(name: str) -> None:
    card = weights.info(name)
    assert card["title"] and card["sentence"].endswith(".")
    assert card["data"]["licence"] and len(card["data"]["sha256"]) == 64
    assert card["command"].startswith(f"python -m manigen train {card['family']} --data {card['data']['name']}")
    emoji = card["data"]["name"] == "emoji"  # 1,635 pictures to learn from: four times the rounds others make
    assert card["trained"]["images"] >= (40 * 1_635 if emoji else 500_000)
    assert not card["encodes"] or card["measures"]["reconstruction_mse"] > 0


FOLDERS = [path.parent for path in sorted(weights.SHIPPED.rglob("card.json"))]


@pytest.mark.parametrize("folder", FOLDERS, ids=[str(path.relative_to(weights.SHIPPED)) for path in FOLDERS])
def test_the_command_on_a_shipped_card_asks_for_the_knobs_that_the_card_has(folder: Path) -> None:
    card = weights.info(folder)
    words = shlex.split(card["command"])
    said = {word[2:].replace("-", "_"): words[at + 1] for at, word in enumerate(words) if word.startswith("--")}
    for knob in models.card_of(card["family"]).knobs:  # whatever has become of the defaults since
        asked = said.get(knob.name, knob.default)
        assert str(card["knobs"][knob.name]) == str(type(card["knobs"][knob.name])(asked)), knob.name


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_models_codes_know_their_pictures(name: str, needs_data: Callable[..., None]) -> None:
    card, codes = weights.info(name), weights.codes(name)
    if not card["encodes"]:
        assert (codes.split == weights.SPLITS.index("sample")).all() and (codes.labels == -1).all()
        return
    needs_data(card["data"]["name"])
    generator = weights.load(name)
    for number, split in enumerate(("train", "test")):
        images = datasets.load(card["data"]["name"], split)
        rows = np.flatnonzero(codes.split == number)[:300]
        assert np.array_equal(images.labels[codes.rows[rows]], codes.labels[rows])
        z = generator.encode(images.take(codes.rows[rows]).float())
        np.testing.assert_allclose(z, codes.z[rows], rtol=5e-4, atol=1e-3)  # kept in half precision


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_models_held_out_figure_can_be_reproduced(name: str, needs_data: Callable[..., None]) -> None:
    card = weights.info(name)
    if not card["encodes"]:
        pytest.skip(f"{name} has no encoder, so nothing to reconstruct")
    needs_data(card["data"]["name"])
    test = datasets.load(card["data"]["name"], "test")
    rows = np.random.default_rng(1).permutation(len(test))[:500]
    generator = weights.load(name)
    x = test.take(rows).float()
    errors = np.square(generator.decode(generator.encode(x)) - x).mean(axis=(1, 2, 3), dtype=np.float64)
    uncertainty = errors.std() / np.sqrt(len(errors))
    assert abs(errors.mean() - card["measures"]["reconstruction_mse"]) < 4 * uncertainty
    assert measures.of_generator(generator, x, only=["reconstruction_mse"])["reconstruction_mse"] == pytest.approx(
        errors.mean(), rel=1e-4
    )


def test_a_model_that_is_copied_elsewhere_still_loads(tmp_path: Path) -> None:
    copy = shutil.copytree(weights.folder_of("mnist-vae"), tmp_path / "mine")
    assert np.array_equal(weights.load(copy).sample(3), weights.load("mnist-vae").sample(3))


def test_a_sampler_that_needs_no_file_leaves_none_of_the_old_one_behind(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(weights.SHIPPED / "bars-geometric", tmp_path / "bars"))
    generator = weights.load(folder)
    assert (folder / weights.SAMPLER).is_file()
    generator.sampler = None
    weights.set_sampler(folder, {"sampler": "normal"}, generator)
    assert not (folder / weights.SAMPLER).exists() and weights.SAMPLER not in weights.info(folder)["files"]
    assert weights.load(folder).sampler is None
