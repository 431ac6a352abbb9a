"""Recipes: a run from its data to its folder, broken off and gone on with, and the command that remakes it."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from manigen import cli, datasets, models, recipe, weights
from manigen.errors import BadFile, BadInput, DataMissing, ManigenError, UnknownName
from manigen.recipe import Recipe, begin
from tests.oracles import is_one_sentence

KNOBS = {"dim": 3, "width": 4}
FOREST = {"rehearsal": 640, "trees": 5, "leaves": 20}


def knobs_of(family: str) -> dict[str, int]:
    """The knobs that make a family small, those of them it has."""
    known = {knob.name for knob in models.cards()[family].knobs} if family in models.cards() else KNOBS
    return {name: value for name, value in {**KNOBS, **FOREST}.items() if name in known}


def a_recipe(**changes: Any) -> Recipe:
    settings: dict[str, Any] = {
        "family": "vae",
        "data": "digits",
        "images": 640,
        "batch": 64,
        "maps": ("pca",),
        "rows": 200,
    }
    family = changes.get("family", "vae")
    return Recipe(**{**settings, "knobs": knobs_of(family), **changes})


def finished(folder: Path, **changes: Any) -> Path:
    run = begin(a_recipe(**changes), folder)
    for _ in run.steps():
        pass
    return run.ship()


def fingerprint(folder: Path) -> dict[str, str]:
    return weights.info(folder)["files"]


@pytest.mark.parametrize("family", list(models.cards()))
def test_a_recipe_ends_in_a_whole_model(family: str, tmp_path: Path) -> None:
    heard: list[str] = []
    run = begin(a_recipe(family=family), tmp_path / "mine")
    seen = 640 if run.training.model.players else 1350  # fitted in one go: to all of them
    assert [step.seen for step in run.steps()][-1] == seen
    folder = run.ship(heard.append)
    card, codes = weights.info(folder), weights.codes(folder)
    generator = weights.load(folder)
    assert card["name"] == "mine" and card["title"].startswith("Digits, ")
    assert card["knobs"].items() >= knobs_of(family).items()
    assert card["data"]["name"] == "digits" and card["data"]["licence"] == "CC BY 4.0"
    assert card["trained"]["images"] == seen and card["trained"]["held_out"] == 150
    assert card["trained"]["seconds"] > 0 and set(card["trained"]["versions"]) == {"python", "torch", "manigen"}
    assert weights.maps(folder) == ["pca"] and len(weights.load_map(folder, "pca").p) == len(codes)
    assert any("encoding" in stage for stage in heard) and any("pca" in stage for stage in heard)
    if generator.encodes:
        assert len(codes) == 400 and (codes.labels >= 0).all() and np.isfinite(codes.error).all()
        assert card["measures"]["reconstruction_mse"] > 0
    else:
        assert (codes.split == 2).all() and np.isnan(codes.error).all()
    assert not (folder / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("family", list(models.cards()))
def test_twenty_pictures_and_a_class_with_one_of_them_are_enough(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {}
    for split in ("train", "test"):
        whole = datasets.load("digits", split)
        few[split] = whole.take(np.r_[np.flatnonzero(whole.labels < 4)[:19], np.flatnonzero(whole.labels == 4)[:1]])
    monkeypatch.setattr(recipe.datasets, "load", lambda name, split, **knobs: few[split])
    run = begin(a_recipe(family=family, images=200), tmp_path / "m")
    notices = [step.notice for step in run.steps() if step.notice]
    folder = run.ship()
    card, generator = weights.info(folder), weights.load(folder)
    assert np.isfinite(generator.sample(30)).all() and card["trained"]["held_out"] == 2
    if run.training.model.players:
        assert len(notices) == 1 and "18 pictures, not 64" in notices[0] and card["trained"]["batch"] == 18
    if card["sampler"] == "mixture":
        assert "It has 3 of the 50 bells: 18 codes carry no more." in card["sampler_reason"]
    assert all(np.isfinite(value) for value in card["measures"].values() if isinstance(value, float))


def test_the_card_names_the_threads_of_the_training_whatever_the_maps_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, make = begin(a_recipe(), tmp_path / "m"), weights.make
    list(run.steps())
    threads = torch.get_num_threads()

    def greedy(*args: Any, **kwargs: Any) -> Any:
        torch.set_num_threads(threads + 1)
        return make(*args, **kwargs)

    monkeypatch.setattr(weights, "make", greedy)
    try:
        assert weights.info(run.ship())["trained"]["threads"] == threads
    finally:
        torch.set_num_threads(threads)


def test_the_held_out_pictures_are_the_last_of_the_train_split_and_not_trained_on(tmp_path: Path) -> None:
    run = begin(a_recipe(), tmp_path / "m")
    assert np.array_equal(run.training.images.numpy(), run.train.x[:1350])
    assert run.training.held_out is not None and np.array_equal(run.training.held_out.numpy(), run.train.x[1350:])


def test_the_command_on_the_card_remakes_the_model_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    knobs = {**KNOBS, "beta": 0.5}
    folder = finished(Path("a model"), knobs=knobs, seed=5, learning_rate=0.003, precision="bfloat16")
    command = shlex.split(weights.info(folder)["command"])
    assert command[:3] == ["python", "-m", "manigen"] and command[command.index("--out") + 1] == "a model"
    before = fingerprint(folder)
    shutil.rmtree(folder)
    assert cli.main(command[3:]) == 0
    assert fingerprint(folder) == before


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_a_run_broken_off_anywhere_ends_in_the_same_model(family: str, tmp_path: Path) -> None:
    whole = finished(tmp_path / "whole", family=family)
    run = begin(a_recipe(family=family), tmp_path / "broken")
    for step in run.steps():
        if step.index == 4:
            break
    run.save()
    run = begin(a_recipe(family=family), tmp_path / "broken", resume=True)
    assert [step.index for step in run.steps()] == [5, 6, 7, 8, 9, 10]
    run.save()  # stopped once more, with the training done and the maps not made
    run = begin(a_recipe(family=family), tmp_path / "broken", resume=True)
    assert list(run.steps()) == []
    assert fingerprint(run.ship()) == fingerprint(whole)


def test_to_resume_a_finished_model_is_to_ship_it_again(tmp_path: Path) -> None:
    folder = finished(tmp_path / "m", maps=())
    before, card = fingerprint(folder), weights.info(folder)
    run = begin(a_recipe(maps=("pca",)), folder, resume=True)
    assert list(run.steps()) == []
    run.ship()
    after = fingerprint(folder)
    assert set(after) - set(before) == {"maps/pca.npz"} and after["model.safetensors"] == before["model.safetensors"]
    assert weights.info(folder)["trained"] == card["trained"]


def test_an_unfinished_run_is_not_begun_over_by_mistake(tmp_path: Path) -> None:
    run = begin(a_recipe(), tmp_path / "m")
    next(run.steps())
    before = run.save().read_bytes()
    with pytest.raises(BadInput, match="add --resume") as caught:
        begin(a_recipe(), tmp_path / "m")
    assert is_one_sentence(caught.value)
    assert (tmp_path / "m" / "checkpoint.safetensors").read_bytes() == before


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"family": "autoencoder"}, "family"),
        ({"knobs": {"dim": 4, "width": 4}}, "knobs"),
        ({"seed": 1}, "seed"),
        ({"images": 1280}, "images"),
        ({"images": 576}, "images"),
        ({"data": "lines", "data_knobs": {"n": 200}}, "data"),
    ],
)
def test_a_finished_model_is_not_replaced_by_another(
    changes: dict[str, Any], word: str, resume: bool, tmp_path: Path
) -> None:
    folder = finished(tmp_path / "m")
    before = fingerprint(folder)
    with pytest.raises(BadInput, match=f"different .*{word}") as caught:
        begin(a_recipe(**changes), folder, resume)
    assert is_one_sentence(caught.value) and fingerprint(folder) == before


def test_a_finished_model_may_be_made_anew_by_its_own_recipe(tmp_path: Path) -> None:
    folder = finished(tmp_path / "m")
    before = fingerprint(folder)
    assert fingerprint(finished(folder)) == before


def test_epochs_are_rounds_of_the_training_pictures(tmp_path: Path) -> None:
    assert begin(a_recipe(images=None, epochs=2), tmp_path / "m").training.budget == 2700
    assert begin(a_recipe(images=None, epochs=0.1), tmp_path / "m").training.budget == 135
    assert begin(a_recipe(images=None), tmp_path / "m").training.budget == recipe.IMAGES


def test_a_family_is_trained_at_the_learning_rate_it_is_used_to(tmp_path: Path) -> None:
    assert begin(a_recipe(), tmp_path / "m").training.learning_rate == 1e-3
    assert begin(a_recipe(family="gan"), tmp_path / "m").training.learning_rate == 5e-4
    assert begin(a_recipe(family="gan", learning_rate=0.01), tmp_path / "m").training.learning_rate == 0.01


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"family": "vea"}, UnknownName, "Did you mean 'vae'"),
        ({"data": "minst"}, UnknownName, "Did you mean 'mnist'"),
        ({"knobs": {"penalty": 1}}, BadInput, "no knob 'penalty'"),
        ({"data_knobs": {"n": 3}}, BadInput, "no knob 'n'"),
        ({"maps": ("pca", "umpa")}, UnknownName, "umap"),
        ({"rows": 0}, BadInput, "rows"),
        ({"samplers": ("mixtur",)}, UnknownName, "mixture"),
        ({"images": 0}, BadInput, "budget"),
        ({"epochs": 2}, BadInput, "one of the two"),
        ({"images": None, "epochs": 0}, BadInput, "epochs"),
        ({"images": None, "epochs": float("nan")}, BadInput, "epochs"),
        ({"seed": -1}, BadInput, "seed"),
        ({"learning_rate": 0}, BadInput, "learning rate"),
        ({"precision": "half"}, BadInput, "precision"),
        ({"batch": 0}, BadInput, "batch"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_before_anything_is_written(
    changes: dict[str, Any], error: type[ManigenError], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words) as caught:
        begin(a_recipe(**changes), tmp_path / "m")
    assert is_one_sentence(caught.value) and not (tmp_path / "m").exists()


def test_data_that_is_not_there_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from manigen.datasets import _idx

    monkeypatch.setenv("MANIGEN_DATA", str(tmp_path))
    monkeypatch.setattr(_idx, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr("pooch.retrieve", lambda *args, **kwargs: (_ for _ in ()).throw(OSError("no network")))
    with pytest.raises(DataMissing, match="python -m manigen data fetch mnist"):
        begin(a_recipe(data="mnist"), tmp_path / "m")


def test_there_must_be_something_to_resume(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no checkpoint") as caught:
        begin(a_recipe(), tmp_path / "m", resume=True)
    assert is_one_sentence(caught.value)


def test_a_folder_of_other_files_is_refused_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match=r"notes\.txt"):
        begin(a_recipe(), tmp_path)


def test_ones_own_pictures_make_a_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label in ("cats", "dogs"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(12):
            picture = rng.integers(0, 256, (40, 50, 3), np.uint8)
            Image.fromarray(picture).save(tmp_path / "pets" / label / f"{number}.png")
    own = {"data": str(tmp_path / "pets"), "data_knobs": {"size": 28}, "images": 64, "batch": 8}
    folder = finished(tmp_path / "m", **own)
    card = weights.info(folder)
    assert card["shape"] == [3, 28, 28] and card["data"]["classes"] == ["cats", "dogs"]
    assert card["data"]["licence"] == "yours" and "--data-size 28" in card["command"]
    assert len(weights.codes(folder)) == 24
    json.dumps(card)


def test_a_handful_of_pictures_is_enough(tmp_path: Path) -> None:
    """Too few to hold any out: then nothing is held out."""
    run = begin(a_recipe(data="bars", data_knobs={"n": 5}, images=10), tmp_path / "m")
    assert run.training.held_out is None and len(run.training.images) == 5
    list(run.steps())
    assert weights.load(run.ship()).shape == (1, 32, 32)


@pytest.mark.parametrize("family", ["pca", "forest"])
def test_what_is_fitted_in_one_go_is_made_anew_bit_for_bit_and_shipped_again_on_resuming(
    family: str, tmp_path: Path
) -> None:
    folder = finished(tmp_path / "m", family=family)
    before = fingerprint(folder)
    assert fingerprint(finished(folder, family=family)) == before
    run = begin(a_recipe(family=family), folder, resume=True)
    assert list(run.steps()) == [] and fingerprint(run.ship()) == before
    broken = begin(a_recipe(family=family), tmp_path / "broken")
    list(broken.steps())
    broken.save()  # stopped with the fit done and nothing shipped
    again = begin(a_recipe(family=family), tmp_path / "broken", resume=True)
    assert list(again.steps()) == [] and fingerprint(again.ship()) == before


def test_the_sampler_that_measures_best_on_held_out_pictures_becomes_the_models_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[np.ndarray] = []

    def measured(generator: Any, images: Any, seed: int, only: list[str]) -> dict[str, float]:
        looked_at.append(images.x)
        name = "normal" if generator.sampler is None else type(generator.sampler).__module__.rpartition(".")[2]
        return {only[0]: {"normal": 3.0, "mixture": 2.0, "jitter": 2.5}[name]}

    monkeypatch.setattr("manigen.choice.FEWEST", 100)
    monkeypatch.setattr("manigen.measures.of_generator", measured)
    run = begin(a_recipe(samplers=("normal", "mixture", "jitter"), maps=()), tmp_path / "m")
    list(run.steps())
    monkeypatch.setattr(weights, "make", lambda generator, train, test, **_: (_codes(generator, train), {}, {}))
    card = weights.info(run.ship())
    assert all(np.array_equal(x, run.train.x[1350:]) for x in looked_at) and len(looked_at) == 3
    assert card["samplers"] == {"normal": 3.0, "mixture": 2.0, "jitter": 2.5} and set(card["samplers_copying"])
    assert card["sampler"] == "mixture" and "Frechet distance of 2 is the lowest" in card["sampler_reason"]
    assert type(weights.load(tmp_path / "m").sampler).__module__ == "manigen.samplers.mixture"


def _codes(generator: Any, train: Any) -> Any:
    return weights.encode_splits(generator, train, train, 50)


def test_few_held_out_pictures_leave_the_family_its_usual_sampler_and_the_card_says_so(tmp_path: Path) -> None:
    card = weights.info(finished(tmp_path / "m", maps=()))
    assert card["sampler"] == "normal" and "150 held-out pictures are too few" in card["sampler_reason"]
    asked = weights.info(finished(tmp_path / "asked", maps=(), samplers=("jitter",)))
    assert asked["sampler"] == "jitter" and "--samplers jitter" in asked["command"]
