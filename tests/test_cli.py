"""The terminal: every verb does its work, prints one JSON object when asked, and answers a mistake with a sentence."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from manigen import choice, cli, files, links, maps, models, paths, projections, weights
from manigen.figures import walks
from manigen.nearest import Nearest
from manigen.projections import Map
from manigen.training import Training, checkpoint
from manigen.verbs import VERBS
from tests.conftest import ROOT
from tests.oracles import is_one_sentence

Terminal = Callable[..., tuple[int, str, str]]


@pytest.fixture
def terminal(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Type a command in an empty folder, and get (status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def type_in(*words: object) -> tuple[int, str, str]:
        capfd.readouterr()
        try:
            status = cli.main([str(word) for word in words])
        except SystemExit as stop:  # --help and --version leave this way
            status = int(stop.code or 0)
        out, err = capfd.readouterr()
        return status, out, err

    return type_in


@pytest.fixture
def asked(terminal: Terminal) -> Callable[..., dict[str, Any]]:
    """Type a command with --json, and get the one object it printed."""

    def ask(*words: object) -> dict[str, Any]:
        status, out, err = terminal(*words, "--json")
        assert status == 0, err
        assert out.count("\n") == 1
        return json.loads(out)

    return ask


# --- data sets and models ---------------------------------------------------------------------------------------------


def test_the_data_sets_are_listed(asked: Callable[..., dict[str, Any]], terminal: Terminal) -> None:
    listed = {entry["name"]: entry for entry in asked("data", "list")["data"]}
    assert {"digits", "mnist", "fashion_mnist", "lines", "bars"} <= set(listed)
    assert listed["digits"]["here"] and listed["digits"]["licence"] == "CC BY 4.0"
    status, out, _ = terminal("data", "list")
    assert status == 0 and re.search(r"^digits +here +1,797", out, re.MULTILINE)


def test_a_data_set_that_needs_no_files_is_fetched_at_once(asked: Callable[..., dict[str, Any]]) -> None:
    assert asked("data", "fetch", "digits") == {"name": "digits", "files": []}


def test_the_models_at_hand_are_listed_the_damaged_ones_too(
    asked: Callable[..., dict[str, Any]], terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own" / "broken").mkdir(parents=True)
    (tmp_path / "own" / "broken" / "card.json").write_text("{")
    monkeypatch.setenv("MANIGEN_WEIGHTS", str(tmp_path / "own"))
    listed = {entry["name"]: entry for entry in asked("models")["models"]}
    assert listed["mnist-vae"]["dim"] == 16 and listed["mnist-vae"]["maps"][0] == "umap"
    assert "card.json" in listed["broken"]["error"]
    status, out, _ = terminal("models")
    assert status == 0 and "mnist-vae" in out and "broken" in out


def test_info_shows_the_card(asked: Callable[..., dict[str, Any]], terminal: Terminal, small_model: Path) -> None:
    assert asked("info", small_model) == json.loads((small_model / "card.json").read_text())
    status, out, _ = terminal("info", small_model)
    assert status == 0 and re.search(r"^ +reconstruction_mse +0\.", out, re.MULTILINE)


# --- training ---------------------------------------------------------------------------------------------------------

QUICK = ("--data", "digits", "--batch", 64, "--width", 4, "--dim", 3, "--maps", "pca", "--rows", 50)


def test_a_model_is_trained_and_used_by_the_path_of_its_folder(
    asked: Callable[..., dict[str, Any]], terminal: Terminal
) -> None:
    told = asked("train", "vae", *QUICK, "--out", "mine", "--images", 640, "--beta", 0.5)
    assert told["name"] == "mine" and told["trained"]["images"] == 640 and told["maps"]["pca"]["codes"] == 100
    assert "--beta 0.5" in told["command"] and told["command"].startswith("python -m manigen train vae --data digits")
    assert asked("info", "mine")["knobs"] == {"dim": 3, "width": 4, "layout": "flat", "beta": 0.5}
    status, _, err = terminal("train", "vae", *QUICK, "--out", "mine", "--images", 64)
    assert status == 2 and "finished model with different knobs, images" in err


def test_the_knobs_of_a_family_are_options(terminal: Terminal) -> None:
    status, out, _ = terminal("train", "--help")
    assert status == 0
    for card in models.cards().values():
        for knob in card.knobs:
            assert f"--{knob.name.replace('_', '-')} VALUE" in out
    assert "--data-size" in out
    for verb, cards in (("map", projections.cards()), ("walk", paths.cards())):
        _, out, _ = terminal(verb, "--help")
        assert all(f"--{knob.name.replace('_', '-')} " in out for card in cards.values() for knob in card.knobs)


def test_epochs_and_the_options_of_a_run(asked: Callable[..., dict[str, Any]]) -> None:
    told = asked(
        *("train", "autoencoder", *QUICK, "--out", "mine", "--epochs", 0.2, "--seed", 3, "--learning-rate", 0.01),
        *("--precision", "bfloat16", "--device", "cpu", "--code-l2", 0.2, "--code-noise", 0),
    )
    assert told["trained"]["images"] == 320  # 0.2 of 1,350, in whole batches
    assert told["trained"]["learning_rate"] == 0.01 and told["trained"]["precision"] == "bfloat16"
    assert told["maps"]["pca"]["codes"] == 100
    for option in ("--epochs 0.2", "--seed 3", "--code-l2 0.2", "--code-noise 0.0", "--rows 50"):
        assert option in told["command"]


def start(*words: object, cwd: Path) -> subprocess.Popen[str]:
    """Start `python -m manigen` as a process of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "manigen", *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_a_run_that_was_stopped_goes_on_to_the_same_model(
    family: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", family, *QUICK, "--images", 640)
    step, handler = Training._step, signal.getsignal(signal.SIGINT)

    def interrupted(run: Training) -> dict[str, float]:
        if run.index == 3:
            signal.raise_signal(signal.SIGINT)  # in the midst of the fourth step, which is finished first
        return step(run)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", interrupted)
        status, out, err = terminal(*words, "--out", "broken", "--json")
    said = err.strip().splitlines()[-1]
    assert status == 130 and out == ""
    assert is_one_sentence(said) and "256 of 640" in said and "whole" in said and "--resume" in said
    assert signal.getsignal(signal.SIGINT) is handler
    assert checkpoint.read(Path("broken"))[1]["seen"] == 256

    status, _, err = terminal(*words, "--out", "broken")  # it is not begun over by mistake
    assert status == 2 and "--resume" in err
    assert terminal(*words, "--out", "broken", "--resume")[0] == 0
    assert terminal(*words, "--out", "whole")[0] == 0
    broken, whole = (weights.info(Path("./" + name)) for name in ("broken", "whole"))
    assert broken["files"] == whole["files"] and broken["measures"] == whole["measures"]
    assert not Path("broken/checkpoint.safetensors").exists()


def test_a_training_that_diverges_keeps_its_last_good_state_and_can_be_made_a_model(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, step = ("train", "vae", *QUICK, "--images", 640, "--out", "m"), Training._step

    def broken(run: Training) -> dict[str, float]:
        if run.index == 3:
            next(run.model.parameters()).register_hook(lambda gradient: gradient * math.inf)
        return step(run)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", broken)
        status, out, err = terminal(*words)
    said = err.strip().splitlines()[-1]
    assert status == 2 and out == "" and is_one_sentence(said)
    assert "gradient exploded after 192 pictures" in said and "kept in m" in said and "--resume --keep" in said
    status, _, err = terminal(*words, "--keep")
    assert status == 2 and "goes with --resume" in err
    assert terminal(*words, "--resume", "--keep")[0] == 0
    assert weights.info("./m")["trained"]["images"] == 192
    assert weights.info("./m")["trained"]["stopped_early_of"] == 640


def test_ctrl_c_while_the_maps_are_made_keeps_the_training(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("train", "vae", *QUICK, "--images", 128, "--out", "m")

    def interrupted(*args: Any, **knobs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(projections, "fit_map", interrupted)
        status, out, err = terminal(*words)
    assert status == 130 and out == "" and "The training is done and kept" in err.splitlines()[-1]
    assert terminal(*words, "--resume")[0] == 0 and weights.maps("./m") == ["pca"]


@pytest.mark.skipif(os.name == "nt", reason="signals to other processes are POSIX's")
def test_ctrl_c_and_kill_leave_a_whole_checkpoint(tmp_path: Path) -> None:
    """As a process of its own, stopped from outside at a moment that nobody chose."""
    words = ("train", "vae", *QUICK, "--images", 10**8, "--threads", 1, "--out", "m", "--json")
    mark, seen = tmp_path / "m" / "checkpoint.safetensors", 0
    for how, resume in ((signal.SIGINT, []), (signal.SIGKILL, ["--resume"])):
        command = [sys.executable, "-m", "manigen", *map(str, words), *resume]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=pipe, stderr=pipe, text=True) as process:
            written = mark.stat().st_mtime_ns if mark.exists() else 0
            wait_until(lambda: process.poll() is not None or (mark.exists() and mark.stat().st_mtime_ns > written))  # noqa: B023
            time.sleep(0.3)
            process.send_signal(how)
            out, err = process.communicate(timeout=120)
        assert process.returncode == (130 if how == signal.SIGINT else -how), err
        assert out == "" and "Traceback" not in err
        facts = checkpoint.read(tmp_path / "m")[1]
        assert facts["plan"]["budget"] == 10**8 and facts["seen"] >= seen
        seen = facts["seen"]
    assert seen > 0


def test_a_folder_that_cannot_be_written_is_found_out_before_the_training(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Training, "_step", lambda run: pytest.fail("trained in vain"))
    (tmp_path / "file").write_text("")
    status, out, err = terminal("train", "vae", *QUICK, "--images", 10**9, "--out", "file/mine")
    assert status == 2 and out == "" and "could not be written" in err.strip().splitlines()[-1]


def wait_until(true: Callable[[], bool], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


# --- pictures and codes -----------------------------------------------------------------------------------------------


def test_encode_and_decode_are_the_librarys(asked: Callable[..., dict[str, Any]], small_model: Path) -> None:
    told = asked("encode", small_model, "digits", "--out", "codes.npz")
    assert told["images"] == 297 and told["dim"] == 4
    card = weights.info(small_model)
    assert told["reconstruction_mse"] == pytest.approx(card["measures"]["reconstruction_mse"], rel=1e-5)
    held, generator = files.read_npz(Path("codes.npz")), weights.load(small_model)
    from manigen import datasets

    test = datasets.load("digits", "test")
    assert np.array_equal(held["labels"], test.labels) and list(held["classes"]) == list(test.classes)
    np.testing.assert_allclose(held["z"], generator.encode(test.float()), atol=1e-5)
    assert asked("encode", small_model, "digits", "--split", "train", "--out", "train.npz")["images"] == 1500

    assert asked("decode", small_model, "codes.npz", "--out", "x.npz")["pictures"] == 297
    np.testing.assert_allclose(files.read_npz(Path("x.npz"))["x"], generator.decode(held["z"]), atol=1e-6)
    files.write_npz(Path("few.npz"), {"z": held["z"][:5]})
    asked("decode", small_model, "few.npz", "--out", "strip.png", "--scale", 1)
    strip = np.asarray(Image.open("strip.png"))
    assert strip.shape == (8, 5 * 9 - 1)
    assert np.array_equal(strip[:, 9:17], np.rint(generator.decode(held["z"][1])[0, 0] * 255))
    asked("decode", small_model, "codes.npz", "--out", "many.webp", "--scale", 1)
    assert Image.open("many.webp").size == (18 * 9 - 1, 17 * 9 - 1)


def test_pictures_of_ones_own_are_encoded(asked: Callable[..., dict[str, Any]], terminal: Terminal) -> None:
    generator = weights.load("mnist-vae")
    x = generator.sample(12, seed=1)
    for at, picture in enumerate(x):
        Path("own/fives" if at % 2 else "own/ones").mkdir(parents=True, exist_ok=True)
        grey = np.rint(picture[0] * 255).astype(np.uint8)
        Image.fromarray(grey).save(f"own/{'fives' if at % 2 else 'ones'}/{at:02}.png")
    Path("own/fives/notes.txt").write_text("no picture")
    Path("own/fives/broken.png").write_text("no picture either")
    told = asked("encode", "mnist-vae", "own", "--out", "own.npz")
    held = files.read_npz(Path("own.npz"))
    assert told["images"] == 12 and told["skipped"] == 2
    assert sorted(held["classes"][held["labels"]]) == ["fives"] * 6 + ["ones"] * 6
    expected = generator.encode(np.rint(x * 255).astype(np.uint8))
    distance = np.linalg.norm(held["z"][:, None] - expected, axis=2).min(axis=1)
    np.testing.assert_allclose(distance, 0, atol=1e-4)
    with zipfile.ZipFile("own.zip", "w") as archive:
        archive.write("own/ones/00.png", "ones/00.png")
        archive.write("own/fives/01.png", "fives/01.png")
    assert asked("encode", "mnist-vae", "own.zip", "--out", "zip.npz")["images"] == 2
    Path("alone").mkdir()
    Path("own/ones/00.png").rename("alone/00.png")
    assert asked("encode", "mnist-vae", "alone", "--out", "alone.npz")["images"] == 1
    assert asked("encode", "mnist-vae", "alone/00.png", "--out", "one.npz")["images"] == 1
    np.testing.assert_allclose(files.read_npz(Path("one.npz"))["z"], expected[:1], atol=1e-4)
    status, _, err = terminal("encode", "mnist-vae", "own", "--out", "own.npz")
    assert status == 0 and "broken.png is no PNG" in err and "Traceback" not in err


def test_samples_are_drawn_the_same_for_a_seed(asked: Callable[..., dict[str, Any]], small_model: Path) -> None:
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        assert asked("sample", small_model, "-n", 9, "--seed", seed, "--out", name)["n"] == 9
    a, b, c = (Path(f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c
    assert Image.open("a.png").size == ((3 * 9 - 1) * 14,) * 2
    asked("sample", small_model, "-n", 9, "--seed", 1, "--out", "a.npz")
    assert np.array_equal(files.read_npz(Path("a.npz"))["x"], weights.load(small_model).sample(9, 1))


# --- maps, walks, measures --------------------------------------------------------------------------------------------


def test_a_map_is_fitted_and_can_be_read_back(asked: Callable[..., dict[str, Any]], small_model: Path) -> None:
    told = asked("map", small_model, "--method", "pca", "--out", "map.npz")
    assert told["method"] == "pca" and told["knobs"] == {} and told["points"] == 500 and not told["fitted"]
    assert 0.5 < told["trustworthiness"] <= 1 and 0.5 < told["continuity"] <= 1
    held = files.read_npz(Path("map.npz"))
    assert held["points"].shape == (500, 2) and str(held["method"]) == "pca"
    atlas = Map.from_arrays(held, held["z"])
    assert np.array_equal(atlas.p, weights.load_map(small_model, "pca").p)
    fresh = asked("map", small_model, "--method", "pca", "--fresh", "--out", "again.npz")
    assert fresh["fitted"] and np.array_equal(files.read_npz(Path("again.npz"))["points"], held["points"])
    assert asked("map", small_model, "--method", "pca", "--dims", 3)["fitted"]


def test_a_map_that_a_page_has_fitted_is_read_from_disk_and_fitted_again_when_asked(
    terminal: Terminal,
    asked: Callable[..., dict[str, Any]],
    small_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(maps, "folder", lambda: tmp_path)
    fitted, fits = projections.fit_map, []

    def counted(*given: Any, **named: Any) -> Map:
        fits.append(given[1])
        return fitted(*given, **named)

    monkeypatch.setattr(projections, "fit_map", counted)
    of = ("map", small_model, "--method", "mds", "--max-iter", 20, "--out", "map.npz")
    maps.fit(weights.codes(small_model).z, "mds", max_iter=20)  # as the page's process does
    status, _, err = terminal(*of)
    assert status == 0 and "read from disk; --fresh fits it again" in err and fits == ["mds"]
    told = asked(*of)
    assert (told["fitted"], told["source"]) == (False, "disk") and fits == ["mds"]
    read = files.read_npz(Path("map.npz"))["points"]
    status, _, err = terminal(*of, "--fresh")
    assert status == 0 and "read from disk" not in err and fits == ["mds", "mds"]
    assert np.array_equal(files.read_npz(Path("map.npz"))["points"], read)
    assert asked(*of, "--seed", 1)["source"] == "fitted" and asked(*of, "--seed", 1)["source"] == "disk"
    assert asked("map", small_model, "--method", "pca")["source"] == "shipped"


def test_a_map_kept_in_a_damaged_file_is_fitted_anew_without_a_word_of_it(
    asked: Callable[..., dict[str, Any]], small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "folder", lambda: tmp_path)
    of = ("map", small_model, "--method", "mds", "--max-iter", 20)
    assert asked(*of)["fitted"] and not asked(*of)["fitted"]
    (kept,) = tmp_path.glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:-300])
    assert asked(*of)["fitted"] and not asked(*of)["fitted"]


def test_a_map_takes_its_knobs(asked: Callable[..., dict[str, Any]], small_model: Path) -> None:
    told = asked("map", small_model, "--method", "tsne", "--perplexity", 12, "--seed", 4)
    assert told["knobs"]["perplexity"] == 12 and told["seed"] == 4 and told["fitted"]


@pytest.mark.parametrize("method", [name for name in projections.cards() if name not in ("pca", "tsne", "as_it_is")])
def test_every_projection_maps_a_model(method: str, asked: Callable[..., dict[str, Any]], small_model: Path) -> None:
    told = asked("map", small_model, "--method", method)
    assert told["points"] == 500 and told["trustworthiness"] > 0.7 and told["fitted"]


def test_codes_too_wide_to_be_drawn_as_they_are_are_refused(terminal: Terminal, small_model: Path) -> None:
    status, _, err = terminal("map", small_model, "--method", "as_it_is")
    assert status == 2 and "Codes of 4 numbers cannot be drawn as they are in 2-D" in err


@pytest.mark.parametrize("kind", ["geodesic", *(kind for kind in paths.cards() if kind != "fog")])
def test_a_walk_is_measured_and_shown(kind: str, asked: Callable[..., dict[str, Any]], small_model: Path) -> None:
    told = asked("walk", small_model, "--from", 3, "--to", 41, "--kind", kind, "--steps", 9, "--out", "walk.npz")
    z = weights.codes(small_model).z
    held = files.read_npz(Path("walk.npz"))
    assert np.array_equal(held["codes"][[0, -1]], z[[3, 41]]) and told["steps"] == 9
    assert told["length"] == pytest.approx(held["steps"].sum()) and 0 < told["evenness"] <= 1
    assert told["energy"] >= told["length"] ** 2 * 0.999 and isinstance(told["converged"], bool)


def test_walks_are_measured_by_every_ruler_a_model_has(small_model: Path) -> None:
    from manigen.verbs import measure

    given = SimpleNamespace(kind="pullback", knobs={"ruler": "encoder"}, even=False)
    generator, codes = weights.load(small_model), weights.codes(small_model)
    walker = measure._walker(given, generator, small_model)
    assert walker.kind.endswith("ruler=encoder")
    assert walker.walk(codes.z[:2], codes.z[2:4], 9).shape == (2, 9, 4)


def test_a_walk_passes_through_what_lies_on_its_way_each_leg_of_its_own_kind(
    asked: Callable[..., dict[str, Any]], small_model: Path
) -> None:
    words = ("--from", 3, "--via", 9, 5, "--to", 41, "--kind", "straight+great_circle+graph")
    told = asked("walk", small_model, *words, "--steps", 13, "--out", "walk.npz")
    assert np.array_equal(files.read_npz(Path("walk.npz"))["codes"][::4], weights.codes(small_model).z[[3, 9, 5, 41]])
    assert told["via"] == [9, 5] and told["kind"] == "straight+great_circle+graph"


def test_a_walk_with_fog_needs_several_decoders_and_says_so(terminal: Terminal, small_model: Path) -> None:
    status, _, err = terminal("walk", small_model, "--from", 3, "--to", 41, "--kind", "fog")
    assert status == 2 and "several decoders" in err and is_one_sentence(err)


def test_a_walk_is_a_film_or_a_strip(asked: Callable[..., dict[str, Any]], small_model: Path) -> None:
    words = ("walk", small_model, "--from", 3, "--to", 41, "--kind", "straight", "--steps", 21)
    asked(*words, "--out", "walk.gif", "--seconds", 2.1)
    film = Image.open("walk.gif")
    assert film.n_frames == 21 and film.size == (112, 112) and film.info["duration"] == 100
    asked(*words, "--out", "walk.png", "--scale", 1)
    assert Image.open("walk.png").size == (17 * 9 - 1, 8)


def test_several_walks_stand_side_by_side_in_films_and_on_the_page_as_the_page_hands_them_out(
    asked: Callable[..., dict[str, Any]], small_model: Path
) -> None:
    words = ("walk", small_model, "--from", 3, "--to", 41, "--kind", "straight,graph", "--steps", 9)
    told = asked(*words, "--beyond", 0.5, "--out", "walk.webp", "--scale", 2, "--there-and-back")
    film = Image.open("walk.webp")
    assert film.n_frames == 2 * 17 - 2 and film.size == (2 * (8 + walks.GAP + 8), 2 * (8 + 1 + walks.RAIL))
    assert told["kind"] == "straight,graph" and set(told["walks"]) == {"straight", "graph"}
    for numbers in told["walks"].values():
        assert numbers["greatest_distance_past_the_ends"] > 0 and "Past its ends" in numbers["notes"][-1]
    plain = asked(*words)["walks"]
    for kind, numbers in told["walks"].items():  # the ends' own, but for what a batch of another size rounds
        assert numbers["length"] == pytest.approx(plain[kind]["length"], rel=1e-5)
    asked(*words, "--beyond", 0.5, "--out", "walk.html")
    page = Path("walk.html").read_text()
    assert page.count('"evenness"') == 2 and page.count("Past its ends this walk only goes on") == 2
    asked(*words, "--beyond", 0.5, "--out", "walk.npz")
    held = files.read_npz(Path("walk.npz"))
    assert held["graph"].shape == held["straight"].shape == (17, 4) and held["at"][[0, 4, -1]].tolist() == [
        -0.5,
        0,
        1.5,
    ]


def test_the_address_of_an_interpolate_page_makes_the_same_walk_in_the_terminal(
    asked: Callable[..., dict[str, Any]], terminal: Terminal, small_model: Path
) -> None:
    z = weights.codes(small_model).z[[3, 9, 41]]
    about = {"model": small_model, "map": "pca", "walk": links.codes_to_link(list(z)), "even": "1", "bounce": "0"}
    about |= {"kinds": "density~mixed", "legs": "straight~pullback", "beyond": "0.25"}
    about |= {"knobs": "density.fear~1.5~pullback.ruler~encoder"}
    link = f"http://127.0.0.1:8501/interpolate?{urlencode(about)}"
    told = asked("walk", "--link", link, "--steps", 9, "--out", "walk.npz")
    assert told["kind"] == "density,straight+pullback" and told["beyond"] == 0.25
    held, generator = files.read_npz(Path("walk.npz")), weights.load(small_model)
    assert np.array_equal(held["ends"], z)  # bit for bit
    for kind, knobs in (("density", {"fear": 1.5}), ("straight+pullback", {"ruler": "encoder"})):
        codes = weights.codes(small_model).taught
        way = paths.walk_through(generator, z, kind, 9, codes, True, beyond=0.25, **knobs)
        assert np.allclose(held[kind], way.codes, atol=1e-6) and told["walks"][kind]["evenness"] > 0.9
        far = Nearest(weights.codes(small_model).z).how_far(way.codes)  # of all real codes, as the page tells it
        assert told["walks"][kind]["greatest_distance_to_data"] == pytest.approx(way.between(far).max(), rel=1e-4)
    usual = f"{link}&t=0.125"  # as many pictures as the page has, and its slider where it stands
    asked("walk", "--link", usual, "--out", "usual.npz")
    held = files.read_npz(Path("usual.npz"))
    assert held["t"] == 0.125 and len(held["density"]) == links.steps(3, links.STEPS, 0.25) + 2 * (len(held["at"]) // 6)
    asked("walk", "--link", usual, "--kind", "straight", "--out", "usual.html")
    assert 'value="0.1250"' in Path("usual.html").read_text()
    asked("walk", "--link", link, "--steps", 9, "--out", "walk.gif")
    assert Image.open("walk.gif").n_frames == len(way.codes)  # not there and back
    assert set(asked("walk", "--link", link, "--kind", "great_circle", "--beyond", 0.5)) >= {"length", "notes"}
    for wrong, word in (
        (("--link", "http://127.0.0.1:8501/explore?model=mnist-vae"), "no link"),
        (("--link", link.replace("walk=", "walk=!")), "cannot be read"),
        ((small_model, "--from", 3), "--to"),
    ):
        status, _, err = terminal("walk", *wrong)
        assert status == 2 and word in err and is_one_sentence(err)


def test_the_ends_of_a_walk_may_be_picture_files(
    asked: Callable[..., dict[str, Any]], terminal: Terminal, small_model: Path
) -> None:
    generator, z = weights.load(small_model), weights.codes(small_model).z
    picture = np.rint(255 * generator.decode(z[3:4])[0, 0]).astype(np.uint8)
    Image.fromarray(picture).save("three.png")
    words = ("--to", 41, "--kind", "straight", "--steps", 3, "--out", "walk.npz")
    told = asked("walk", small_model, "--from", "three.png", *words)
    assert told["from"] == "three.png" and told["to"] == 41
    seen = generator.encode(picture[None, None].astype(np.float32) / 255)
    assert np.allclose(files.read_npz(Path("walk.npz"))["ends"], [seen[0], z[41]], atol=1e-5)
    status, _, err = terminal("walk", small_model, "--from", "four.png", *words)
    assert status == 2 and "neither" in err and is_one_sentence(err)


def test_a_model_s_sampler_is_chosen_by_measurement_and_its_card_says_why(
    asked: Callable[..., dict[str, Any]], terminal: Terminal, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manigen.choice.FEWEST", 100)
    mine = Path(shutil.copytree(small_model, "mine"))
    before = {file.name: file.read_bytes() for file in mine.iterdir() if file.is_file()}
    assert weights.info(mine)["sampler"] == "normal"
    words = ("sampler", mine.absolute(), "--samplers", "normal,mixture")
    told = asked(*words, "--dry")
    assert told["before"] == "normal" and set(told["samplers"]) == {"normal", "mixture"}
    assert {file.name: file.read_bytes() for file in mine.iterdir() if file.is_file()} == before
    scores = {"normal": 3.0, "mixture": 2.0}
    monkeypatch.setattr("manigen.choice.COPIES", 1.0)  # of 250 codes every mixture is
    monkeypatch.setattr("manigen.choice.choose", _with_scores(scores))  # so that it changes, whatever the chip rounds
    assert asked(*words)["sampler"] == "mixture"
    card, generator = weights.info(mine), weights.load(mine.absolute())
    assert card["sampler"] == "mixture" and card["samplers"] == scores and "is the lowest" in card["sampler_reason"]
    assert type(generator.sampler).__module__ == "manigen.samplers.mixture"
    assert card["measures"]["frechet_distance"] != json.loads(before["card.json"])["measures"]["frechet_distance"]
    assert card["measures"]["reconstruction_mse"] == pytest.approx(
        json.loads(before["card.json"])["measures"]["reconstruction_mse"], rel=1e-5
    )
    held = {name: (mine / name).read_bytes() for name in ("sampler.npz", "model.safetensors")}
    assert asked(*words)["before"] == "mixture"  # again: nothing is made anew
    assert {name: (mine / name).read_bytes() for name in held} == held
    status, _, err = terminal("sampler", "mnist-gan")
    assert status == 2 and "no encoder" in err and is_one_sentence(err)
    status, _, err = terminal("sampler", mine.absolute(), "--samplers", "dice")
    assert status == 2 and "mixture" in err and is_one_sentence(err)


def _with_scores(scores: dict[str, float]) -> Callable[..., Any]:
    real = choice.choose

    def choose(candidates: dict[str, Any], score: Any, *rest: Any) -> Any:
        return real(candidates, lambda sampler: next(scores[n] for n, c in candidates.items() if c is sampler), *rest)

    return choose


def test_an_mp4_is_written_or_refused_in_a_sentence(
    terminal: Terminal, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("walk", small_model, "--from", 0, "--to", 1, "--kind", "straight", "--steps", 5, "--out", "walk.mp4")
    assert terminal(*words)[0] == 0 and Path("walk.mp4").read_bytes()[4:8] == b"ftyp"
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)  # as where it is not installed
    status, _, err = terminal(*words)
    assert status == 2 and is_one_sentence(err) and "pip install imageio-ffmpeg" in err


def test_measures_are_flat_and_reproduce_the_card(asked: Callable[..., dict[str, Any]], small_model: Path) -> None:
    told = asked("measure", small_model)
    assert all(isinstance(value, int | float | str) for value in told.values())
    card = weights.info(small_model)
    for name, value in card["measures"].items():
        assert told[name] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-4, abs=1e-9)), name
    assert told["trustworthiness"] == pytest.approx(card["maps"]["pca"]["trustworthiness"])
    assert told["data"] == "digits" and told["split"] == "test" and told["pictures"] == 297
    assert told["features"].startswith("FD-LeNet ") and told["coverage_n"] == 297 and 0 < told["coverage_real"] <= 1
    for name in ("reconstruction_mse", "frechet_distance", "coverage", "linear_probe", "clustering", "seconds"):
        assert name in told
    only = asked("measure", small_model, "--only", "reconstruction_mse, continuity")
    beside = {f"reconstruction_mse_{what}" for what in ("real", "n", "error")}
    about = {"model", "data", "split", "pictures", "map"}
    assert set(only) == about | beside | {"reconstruction_mse", "continuity"}


# --- mistakes ---------------------------------------------------------------------------------------------------------


def bad_files(folder: Path) -> None:
    """What a person may hand in by mistake."""
    (folder / "empty.npz").write_bytes(b"")
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("hello")
    (folder / "text.npz").write_text("hello")
    (folder / "empty folder").mkdir()
    np.savez(folder / "nan.npz", z=np.full((2, 4), np.nan, np.float32))
    np.savez(folder / "wide.npz", z=np.zeros((2, 5), np.float32))
    np.savez(folder / "other.npz", a=np.zeros(3), b=np.zeros(4))
    np.savez(folder / "objects.npz", z=np.array([{}], dtype=object))
    with zipfile.ZipFile(folder / "traversal.zip", "w") as archive:
        archive.writestr("../../outside.png", b"x")
    (folder / "not a zip.zip").write_text("hello")


SMALL = "SMALL"  # stands for the small model's folder


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fly"], "There is no verb named 'fly'"),
        (["trian"], "Did you mean 'train'?"),
        (["data", "steal"], "list"),
        (["data", "fetch"], "Which data set"),
        (["data", "fetch", "minst"], "Did you mean 'mnist'?"),
        (["info"], "MODEL"),
        (["info", "mnist-vea"], "Did you mean 'mnist-vae'?"),
        (["info", "./nowhere"], "no model's folder"),
        (["train", "vae", "--out", "m"], "--data"),
        (["train", "vea", "--data", "digits", "--out", "m"], "Did you mean 'vae'?"),
        (["train", "vae", "--data", "digitz", "--out", "m"], "Did you mean 'digits'?"),
        (["train", "vae", "--data", "digits", "--out", "m", "--penalty", "3"], "no knob 'penalty'"),
        (["train", "vae", "--data", "digits", "--out", "m", "--beta", "lots"], "beta must be a number"),
        (["train", "vae", "--data", "digits", "--out", "m", "--beta", "-1"], "beta must lie between"),
        (["train", "vae", "--data", "digits", "--out", "m", "--gamma", "1"], "--gamma"),
        (["train", "vae", "--data", "digits", "--out", "m", "--images", "0"], "budget"),
        (["train", "vae", "--data", "digits", "--out", "m", "--images", "many"], "invalid int value"),
        (["train", "vae", "--data", "digits", "--out", "m", "--images", "9", "--epochs", "9"], "one of the two"),
        (["train", "vae", "--data", "digits", "--out", "m", "--threads", "0"], "threads"),
        (["train", "vae", "--data", "digits", "--out", "m", "--resume"], "no checkpoint"),
        (["train", "vae", "--data", "digits", "--out", "m", "--maps", "umpa"], "Did you mean 'umap'?"),
        (["train", "vae", "--data", "empty folder", "--out", "m"], "holds no PNG"),
        (["train", "vae", "--data", "traversal.zip", "--out", "m"], "outside the zip"),
        (["train", "vae", "--data", "not a zip.zip", "--out", "m"], "zip"),
        (["encode", SMALL, "digits", "--out", "codes.txt"], "must end in .npz"),
        (["encode", SMALL, "mnsit", "--out", "codes.npz"], "Did you mean 'mnist'?"),
        (["encode", SMALL, "lines", "--data-n", "5", "--out", "codes.npz"], "8x8 grey"),
        (["encode", SMALL, "empty.png", "--out", "codes.npz"], "empty.png is empty"),
        (["encode", SMALL, "text.png", "--out", "codes.npz"], "text.png is no PNG"),
        (["encode", SMALL, "digits", "--out", "empty folder"], "must end in"),
        (["decode", SMALL, "nowhere.npz", "--out", "a.png"], "nowhere.npz is not in"),
        (["decode", SMALL, "empty.npz", "--out", "a.png"], "empty.npz is no npz"),
        (["decode", SMALL, "text.npz", "--out", "a.png"], "text.npz is no npz"),
        (["decode", SMALL, "objects.npz", "--out", "a.png"], "objects.npz is no npz file of plain arrays"),
        (["decode", SMALL, "nan.npz", "--out", "a.png"], "row 0 holds NaN"),
        (["decode", SMALL, "wide.npz", "--out", "a.png"], "4 numbers each"),
        (["decode", SMALL, "other.npz", "--out", "a.png"], "must hold codes"),
        (["decode", SMALL, "empty folder", "--out", "a.png"], "no npz"),
        (["sample", SMALL, "--out", "a.bmp"], ".png or"),
        (["sample", SMALL, "-n", "0", "--out", "a.png"], "n must be"),
        (["sample", SMALL, "-n", "1000001", "--out", "a.png"], "n must be"),
        (["sample", SMALL, "--seed", "-1", "--out", "a.png"], "seed"),
        (["sample", SMALL, "--columns", "-2", "--out", "a.png"], "columns"),
        (["sample", SMALL, "--scale", "0", "--out", "a.png"], "scale"),
        (["sample", SMALL, "-n", "9", "--out", "empty.npz/a.png"], "could not be written"),
        (["map", SMALL, "--method", "uamp"], "Did you mean 'umap'?"),
        (["map", SMALL, "--method", "pca", "--perplexity", "3"], "no knob 'perplexity'"),
        (["map", SMALL, "--method", "umap", "--n-neighbors", "1"], "must lie between"),
        (["walk", SMALL, "--from", "0", "--to", "99999"], "there is no code 99999"),
        (["walk", SMALL, "--from", "-1", "--to", "3"], "there is no code -1"),
        (["walk", SMALL, "--from", "0"], "--to"),
        (["walk", SMALL, "--from", "0", "--to", "1", "--via", "99999"], "there is no code 99999"),
        (["walk", SMALL, "--from", "0", "--to", "1", "--kind", "straight+gaph"], "Did you mean 'graph'?"),
        (["walk", SMALL, "--from", "0", "--to", "1", "--kind", "straigth"], "Did you mean 'straight'?"),
        (["walk", SMALL, "--from", "0", "--to", "1", "--steps", "1"], "steps"),
        (["walk", SMALL, "--from", "0", "--to", "1", "--out", "a.avi"], "must end in"),
        (["walk", SMALL, "--from", "0", "--to", "1", "--seconds", "0", "--out", "a.gif"], "lasts"),
        (["measure", SMALL, "--only", "trustworthines"], "Did you mean 'trustworthiness'?"),
        (["measure", SMALL, "--data", "lines", "--data-n", "20", "--only", "reconstruction_mse"], "8x8 grey"),
        (["app", "--port", "99999"], "port"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_gets_one_sentence(
    words: list[str], says: str, terminal: Terminal, small_model: Path, tmp_path: Path
) -> None:
    bad_files(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    status, out, err = terminal(*(str(small_model) if word == SMALL else word for word in words))
    assert status == 2 and out == "", err
    assert says in err and is_one_sentence(err)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_model_is_named(terminal: Terminal, small_model: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(small_model, tmp_path / "copy")
    (copy / "model.safetensors").write_bytes((small_model / "model.safetensors").read_bytes()[:-1])
    status, out, err = terminal("sample", copy, "--out", "a.png")
    assert status == 2 and out == "" and "copy/model.safetensors is damaged" in err and "sha256" in err


def test_a_gan_says_that_it_cannot_encode(asked: Callable[..., dict[str, Any]], terminal: Terminal) -> None:
    asked("train", "gan", *QUICK, "--images", 128, "--out", "gan")
    status, _, err = terminal("encode", "gan", "digits", "--out", "codes.npz")
    assert status == 2 and "no encoder" in err and is_one_sentence(err)
    assert "--search" in err
    from PIL import Image

    Image.new("L", (8, 8), 90).save("grey.png")
    told = asked("encode", "gan", "grey.png", "--search", "--out", "codes.npz")
    assert told["searched"] and told["images"] == 1 and 0 <= told["reconstruction_mse"] < 1
    status, _, err = terminal("measure", "gan", "--only", "reconstruction_mse")
    assert status == 2 and "no encoder" in err and is_one_sentence(err)
    assert asked("walk", "gan", "--from", 0, "--to", 99, "--kind", "straight")["length"] > 0


def test_a_full_disk_is_said_in_a_sentence(
    terminal: Terminal, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    status, out, err = terminal("sample", small_model, "--out", "a.png")
    assert status == 2 and out == "" and "No space left" in err and is_one_sentence(err)
    assert not list(Path().iterdir())


# --- the door itself --------------------------------------------------------------------------------------------------


def test_every_verb_says_what_it_does(terminal: Terminal) -> None:
    status, out, _ = terminal("--help")
    assert status == 0
    for verb in VERBS:
        assert re.search(rf"^    {verb} ", out, re.MULTILINE)
        status, helped, _ = terminal(verb, "--help")
        assert status == 0 and "--json" in helped
    assert terminal()[:2] == (0, out)
    assert terminal("--version") == (0, f"manigen {__import__('manigen').__version__}\n", "")


def test_every_verbs_file_is_a_verb() -> None:
    found = {path.stem for path in (ROOT / "manigen" / "verbs").glob("*.py")} - {"__init__", "base"}
    assert found == set(VERBS)


def test_the_terminal_starts_without_heavy_libraries(tmp_path: Path) -> None:
    script = (
        "import sys; from manigen.cli import main; main(['models', '--json']); "
        "heavy = {'torch', 'streamlit', 'umap', 'sklearn', 'plotly', 'openTSNE', 'scipy', 'PIL'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["models"]


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "manigen", "models"]
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == 0 and done.stderr == ""


def test_the_app_is_started_by_streamlit(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.web import cli as streamlit

    called: list[list[str]] = []
    monkeypatch.setattr(streamlit, "main", lambda command, standalone_mode: called.append(command))
    assert terminal("app", "--port", 8765)[0] == 0
    assert called == [["run", str(ROOT / "app.py"), "--server.port", "8765"]]
