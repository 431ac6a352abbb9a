"""Walks on a page: the ends it offers, the files it hands out, and links that restore both bit for bit."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence
from streamlit.testing.v1 import AppTest

from manigen import links, paths, weights
from manigen.errors import BadInput
from manigen.figures import walks as films
from manigen.nearest import Nearest
from manigen.ui import turning, walks
from manigen.weights import Codes

DIM = 5


def codes_of(labels: list[int], seed: int = 0) -> Codes:
    """Codes in groups, one for each label, that do not overlap."""
    rng = np.random.default_rng(seed)
    z = np.array([3 * label + rng.uniform(-1, 1, DIM) for label in labels], np.float32)
    n = len(labels)
    return Codes(z, np.array(labels), np.zeros(n, int), np.arange(n), np.zeros(n, np.float32), ("ant", "bee", "cat"))


class Painter:
    """A generator whose picture shows its code's first number as a grey level."""

    shape = (1, 6, 7)

    def decode(self, z: np.ndarray) -> np.ndarray:
        grey = np.clip(np.asarray(z)[:, 0] / 10 + 0.1, 0, 1)
        return np.broadcast_to(grey[:, None, None, None], (len(z), *self.shape)).astype(np.float32)


def opened(codes: Codes) -> SimpleNamespace:
    """What the page knows of an opened model."""
    label = lambda row: codes.classes[codes.labels[row]] if codes.labels[row] >= 0 else ""  # noqa: E731
    return SimpleNamespace(
        name="plates", codes=codes, nearest=Nearest(codes.z), taught=Nearest(codes.z), generator=Painter(), label=label
    )


# --- ends -------------------------------------------------------------------------------------------------------------


def test_typical_code_is_the_nearest_to_its_class_median() -> None:
    codes = codes_of([0] * 20 + [1] * 20)
    rows = range(20, 40)
    median = [sorted(codes.z[row, k] for row in rows) for k in range(DIM)]
    middle = [(values[9] + values[10]) / 2 for values in median]
    slow = min(rows, key=lambda row: sum((codes.z[row, k] - middle[k]) ** 2 for k in range(DIM)))
    assert walks.typical(codes, 1) == slow


def test_sliders_begin_at_a_typical_code_and_not_in_the_empty_middle() -> None:
    far = codes_of([0] * 20 + [1] * 20 + [2] * 20)
    assert walks.central(opened(far)) == walks.typical(far, 1)  # the class in the middle
    z = np.concatenate([far.z[:20], far.z[40:], [[0.5] * DIM, [3.0] * DIM]]).astype(np.float32)
    z[:12] = 6.1 + 0.01 * z[:12]  # a crowd, far from the lonely code in the middle
    without = replace(far, z=z, labels=np.full(len(z), -1), split=np.zeros(len(z), int), rows=np.arange(len(z)))
    assert walks.central(opened(without)) < 12


def test_typical_code_of_a_class_without_codes_is_refused_in_words() -> None:
    with pytest.raises(BadInput, match="choose another"):
        walks.typical(codes_of([0, 0, 1]), 2)


def test_opening_ends_are_of_the_two_classes_that_lie_farthest_apart() -> None:
    codes = codes_of([0] * 10 + [1] * 10 + [2] * 10)
    assert {int(codes.labels[row]) for row in walks.opening(codes)} == {0, 2}


def test_opening_ends_without_classes_are_ordinary_and_far_apart() -> None:
    codes = codes_of([-1] * 30)
    codes.z[4] += 50  # a stray
    off = [float(np.linalg.norm(z - codes.z.mean(axis=0))) for z in codes.z]
    ordinary = [row for row in range(30) if off[row] <= sorted(off)[15]]
    apart = {(a, b): float(np.linalg.norm(codes.z[a] - codes.z[b])) for a in ordinary for b in ordinary if a < b}
    first, second = sorted(walks.opening(codes))
    assert {first, second} <= set(ordinary) and 4 not in (first, second)
    assert apart[first, second] >= 0.9 * max(apart.values()) > 0


def test_random_ends_are_of_different_classes_and_the_same_for_a_seed() -> None:
    codes = codes_of([0] * 10 + [1] * 10 + [2] * 10 + [-1] * 10)
    drawn = [walks.at_random(codes, seed) for seed in range(40)]
    assert all(codes.labels[a] != codes.labels[b] and min(codes.labels[a], codes.labels[b]) >= 0 for a, b in drawn)
    assert drawn == [walks.at_random(codes, seed) for seed in range(40)]
    assert len({tuple(pair) for pair in drawn}) > 20
    assert {int(codes.labels[a]) for a, _ in drawn} == {0, 1, 2}


def test_random_ends_without_classes_are_two_different_codes() -> None:
    codes = codes_of([-1] * 4)
    assert all(len(set(walks.at_random(codes, seed))) == 2 for seed in range(20))


def test_one_code_alone_is_both_ends() -> None:
    assert walks.opening(codes_of([-1])) == walks.at_random(codes_of([-1]), 0) == [0, 0]


@pytest.mark.parametrize("ends", range(2, 17))
def test_every_end_is_met_by_a_step(ends: int) -> None:
    count = links.steps(ends)
    assert (count - 1) % (ends - 1) == 0
    assert 16 * (ends - 1) < count <= 257  # what one message of the live path may ask for
    stops = np.random.default_rng(ends).normal(size=(ends, DIM)).astype(np.float32)
    line = paths.through(stops, "great_circle", count).codes
    assert np.array_equal(line[:: (count - 1) // (ends - 1)], stops)


def test_ink_on_paper_is_turned_for_a_model_of_light_on_dark() -> None:
    paper = np.full((1, 8, 8), 250, np.uint8)
    paper[0, 1:7, 1:7] = 0  # dark on average, and still paper
    dark, light = np.zeros((4, 1, 8, 8), np.float32), np.ones((4, 1, 8, 8), np.float32)
    assert walks.inverted(paper, dark) and walks.inverted(255 - paper, light)
    assert not walks.inverted(paper, light) and not walks.inverted(255 - paper, dark)


def test_kinds_begin_with_the_closed_forms_and_hold_every_file() -> None:
    kinds = walks.kinds()
    assert list(kinds)[:2] == ["straight", "great_circle"]
    assert set(kinds) == set(paths.cards())


def test_a_mixed_walk_has_a_kind_for_each_leg_whatever_a_link_says() -> None:
    known = list(walks.kinds())
    assert links.legs("density~graph~pullback", 3, known) == ["density", "graph"]
    assert links.legs(None, 4, known) == ["straight", "great_circle", "straight"]
    assert links.legs("../secret~density", 3, known) == ["straight", "density"]
    assert links.legs("density", 1, known) == []


def test_what_is_turned_travels_in_a_link_and_nonsense_does_not() -> None:
    card = {"geodesic": "density", "geodesic_knobs": {"fear": 4.0, "bandwidth": 0.8}}
    told = links.knobs_from_link("density.fear~3.5~pullback.ruler~critic~density.bandwidth~99~x.y~1~pullback", card)
    assert told["density"] == {"fear": 3.5, "bandwidth": 0.8, "lift": 0.0}
    assert told["pullback"]["ruler"] == "critic"
    assert links.knobs_to_link(told, card) == "density.fear~3.5~pullback.ruler~critic"
    assert links.knobs_to_link(links.knobs_from_link(None, card), card) is None
    assert links.knobs_of(links.MIXED, told, ["density", "pullback"]) == told["density"] | told["pullback"]


def test_every_kind_begins_with_the_knobs_that_measured_best_for_it_not_the_models_own_kind_alone() -> None:
    card = {"geodesic": "graph", "walks": {"kinds": {"density": {"knobs": {"fear": 0.16, "bandwidth": 0.2}}}}}
    card["walks"]["kinds"]["pullback, critic"] = {"knobs": {"ruler": "critic"}}  # type: ignore[index]
    assert links.defaults("density", card) == {"fear": 0.16, "bandwidth": 0.2, "lift": 0.0}
    assert links.defaults("pullback", card)["ruler"] == "pixels"
    shipped, told = weights.load("lines-fusion"), weights.info("lines-fusion")
    assert paths.kind_for(shipped) == "graph"
    own = told["walks"]["kinds"]["density"]["knobs"]
    assert paths.knobs_for(shipped, "density") == own != {}
    assert links.defaults("density", told) == {"lift": 0.0} | own


def test_favourite_kinds_compare_the_straight_line_with_the_models_own_geodesic() -> None:
    known = ["straight", "great_circle", "graph"]
    assert links.favourites("graph", known) == ["straight", "graph"]
    for without in ("straight", "no such kind", None):
        assert links.favourites(without, known) == ["straight", "great_circle"]


def test_why_a_kind_is_the_models_own_is_told_from_the_figures_on_its_card() -> None:
    kinds = {
        "straight": {"held_out_distance": 5.5, "length": 20.0, "knobs": {}},
        "pullback": {"held_out_distance": 5.2, "length": 18.0, "knobs": {}},
        "pullback, features": {"held_out_distance": 4.5, "length": 25.0, "knobs": {"ruler": "features"}},
    }
    card = {"geodesic": "pullback", "geodesic_knobs": {"ruler": "features"}}
    card["walks"] = {"pairs": 24, "floor": 4.6, "kinds": kinds}
    told = {"pairs": 24, "own": 4.5, "straight": 5.5, "floor": 4.6, "share": 1.25, "knobs": "ruler features"}
    assert walks.chosen(card) == told
    assert walks.chosen({}) is walks.chosen({"geodesic": "graph"}) is walks.chosen({**card, "geodesic": "fog"}) is None
    assert walks.ruler_of({"ruler": "features"}) == "features"
    assert walks.ruler_of({"ruler": "pixels"}) is walks.ruler_of({}) is None


# --- files ------------------------------------------------------------------------------------------------------------


def test_film_has_every_frame_there_and_back_and_all_kinds_side_by_side() -> None:
    ramp = np.linspace(0, 1, 9, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 6, 7), np.float32)
    film = Image.open(io.BytesIO(films.film([ramp, ramp[::-1]])))
    scale = round(films.SIDE / 6)
    assert film.size == ((7 + films.GAP + 7) * scale, 6 * scale)
    assert film.n_frames == 16
    left = [int(np.asarray(frame.convert("L"))[3, 3]) for frame in ImageSequence.Iterator(film)]
    right = [int(np.asarray(frame.convert("L"))[3, -3]) for frame in ImageSequence.Iterator(film)]
    there = np.rint(255 * ramp[:, 0, 0, 0])
    assert np.abs(np.array(left) - [*there, *there[-2:0:-1]]).max() <= 1
    assert np.abs(np.array(right) + np.array(left) - 255).max() <= 2


def test_film_one_way_has_each_frame_once() -> None:
    ramp = np.linspace(0, 1, 9, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 6, 7), np.float32)
    assert Image.open(io.BytesIO(films.film([ramp], there_and_back=False))).n_frames == 9


def test_strip_has_a_row_for_each_kind_with_both_ends() -> None:
    ramp = np.linspace(0, 1, 129, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 6, 7), np.float32)
    sheet = np.asarray(Image.open(io.BytesIO(films.strips([ramp, ramp[::-1]], 17))))
    scale = round(films.SIDE / 6) // 2
    assert sheet.shape == ((2 * 6 + films.GAP) * scale, (17 * 7 + 16 * films.GAP) * scale)
    assert (sheet[0, 0], sheet[0, -1], sheet[-1, 0], sheet[-1, -1]) == (0, 255, 255, 0)


def test_past_the_ends_a_rail_under_film_and_strip_is_bright_between_them() -> None:
    ramp = np.linspace(0, 1, 9, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 6, 41), np.float32)
    film = Image.open(io.BytesIO(films.film([ramp], beyond=0.5, scale=1, kind="webp", seconds=1)))
    assert film.size == (41, 6 + 1 + films.RAIL) and film.n_frames == 16
    rails = [np.asarray(frame.convert("L"))[-1].astype(int) for frame in ImageSequence.Iterator(film)]
    assert [int(rail.argmax()) for rail in rails[1:9]] == [4, 9, 14, 19, 24, 29, 34, 39]  # where it is
    assert (rails[0][10:31] == films.BRIGHT).all() and (rails[0][31:] == films.DIM).all()
    sheet = np.asarray(Image.open(io.BytesIO(films.strips([ramp, ramp], 9, 0.5, scale=1))))
    assert sheet.shape == (2 * 6 + films.GAP + 1 + films.RAIL, 9 * 43 - films.GAP)
    bright = np.flatnonzero(sheet[-1] == films.BRIGHT)
    assert abs(bright[0] - (2 * 43 + 20)) <= 1 and abs(bright[-1] - (6 * 43 + 20)) <= 1  # the middles of both ends
    assert set(sheet[-1].tolist()) == {0, films.DIM, films.BRIGHT}


def test_exports_are_made_from_the_walks_on_screen_and_only_when_asked(tmp_path: Path) -> None:
    codes = codes_of([0] * 10 + [1] * 10)
    model = opened(codes)
    made: list[int] = []
    decode = model.generator.decode
    model.generator = SimpleNamespace(decode=lambda z: (made.append(len(z)), decode(z))[1])
    files = walks.exports(model, ["straight", "great_circle"], codes.z[[0, 12, 3]].tolist(), 0.25)  # type: ignore[arg-type]
    assert list(files) == ["gif", "webp", "mp4", "png", "html", "npz"] and not made
    held = np.load(io.BytesIO(files["npz"]()), allow_pickle=False)
    assert np.array_equal(held["ends"], codes.z[[0, 12, 3]]) and held["t"] == 0.25
    for kind in ("straight", "great_circle"):
        assert np.array_equal(held[kind], paths.through(codes.z[[0, 12, 3]], kind, 129).codes)
        assert np.array_equal(held[kind][[0, 64, 128]], codes.z[[0, 12, 3]])
    film = Image.open(io.BytesIO(files["gif"]()))
    assert film.n_frames == 128  # type: ignore[attr-defined]
    assert Image.open(io.BytesIO(files["png"]())).format == "PNG" and made
    beyond = walks.exports(model, ["straight"], codes.z[[0, 12]].tolist(), 1.25, beyond=0.5)  # type: ignore[arg-type]
    on = np.load(io.BytesIO(beyond["npz"]()), allow_pickle=False)
    assert np.array_equal(on["straight"], paths.through(codes.z[[0, 12]], "straight", 129, beyond=0.5).codes)
    assert on["at"][[0, 64, -1]].tolist() == [-0.5, 0.0, 1.5] and on["t"] == 1.25
    page = beyond["html"]().decode()
    assert (
        'min="-0.5" max="1.5"' in page and 'value="1.2500"' in page and "Past its ends this walk only goes on" in page
    )
    assert '<b style="left: 25.00%">start</b>' in page and "<nav>" not in files["html"]().decode()
    (tmp_path / "film.mp4").write_bytes(files["mp4"]())
    frames = imageio_ffmpeg.read_frames(str(tmp_path / "film.mp4"))
    about = next(frames)
    assert about["size"] == film.size and about["codec"] == "h264" and about["duration"] == pytest.approx(13, abs=0.1)
    assert sum(1 for _ in frames) == 128


def test_a_kind_that_cannot_be_walked_is_left_out_of_a_file_and_costs_no_other_its_place() -> None:
    codes = codes_of([0] * 10 + [1] * 10)
    model, ends = opened(codes), codes.z[[0, 12]].tolist()
    files = walks.exports(model, ["straight", "fog"], ends, 0.5)  # type: ignore[arg-type]
    held = np.load(io.BytesIO(files["npz"]()), allow_pickle=False)
    assert "straight" in held and "fog" not in held
    assert "Left out, since there was no such walk: Fog." in files["html"]().decode()
    assert Image.open(io.BytesIO(files["png"]())).format == "PNG"
    with pytest.raises(BadInput, match="several decoders"):
        walks.exports(model, ["fog"], ends, 0.5)["gif"]()  # type: ignore[arg-type]


def test_where_the_encoder_is_missing_a_page_offers_no_mp4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "find_spec", lambda name: None)
    codes = codes_of([0] * 10)
    files = walks.exports(opened(codes), ["straight"], codes.z[:2].tolist(), 0.5)  # type: ignore[arg-type]
    assert list(files) == ["gif", "webp", "png", "html", "npz"]


def test_file_names_say_model_kinds_and_ends_and_are_safe() -> None:
    assert walks.stem("mnist-vae", ["straight"], ["3", "8"]) == "mnist-vae-straight-3-to-8"
    wild = walks.stem("mnist-vae", ["straight"], ["../../etc", 'T-shirt/top "new"'])
    assert "/" not in wild and '"' not in wild and not wild.startswith(".")
    assert walks.stem("m", ["straight"], list("12345678")).endswith("1-to-2-to-3-to-4-and-on")
    assert len(walks.stem("m" * 300, ["straight"], ["1", "2"])) <= 120


def test_an_end_is_named_after_its_nearest_real_code() -> None:
    codes = codes_of([0] * 5 + [2] * 5)
    assert walks.name_of(opened(codes), codes.z[7] + 0.01) == "cat"  # type: ignore[arg-type]


def test_an_end_without_a_class_has_a_name_of_its_own_numbers() -> None:
    codes = codes_of([-1] * 5)
    first, again, other = (walks.name_of(opened(codes), codes.z[row]) for row in (1, 1, 2))  # type: ignore[arg-type]
    assert first == again != other and len(first) == 6


# --- links ------------------------------------------------------------------------------------------------------------


def test_codes_come_back_from_a_link_bit_for_bit() -> None:
    z = np.random.default_rng(3).normal(size=(16, 7)).astype(np.float32) * np.float32(1e-3)
    spelled = links.codes_to_link(z.tolist())
    assert spelled is not None and set(spelled) <= set("~-_") | set(map(chr, range(48, 123)))
    assert np.array_equal(np.array(links.codes_from_link(spelled, 7), np.float32), z)


def test_no_codes_are_no_link() -> None:
    assert links.codes_to_link([]) is None


@pytest.mark.parametrize("spelled", ["AAAA", "AAAAAA~!!!!", "AAAAAAA~AAAAAA", "AACAfw", "é"])
def test_a_damaged_link_is_refused_in_words(spelled: str) -> None:
    with pytest.raises(BadInput, match="link"):
        links.codes_from_link(spelled, 1)


def test_a_link_holds_at_most_as_many_ends_as_a_walk() -> None:
    spelled = "~".join([links.spell(np.zeros(1, np.float32))] * 40)
    assert len(links.codes_from_link(spelled, 1)) == links.MOST_ENDS


@pytest.mark.parametrize("t", [0.0, 1.0, 0.1 + 0.2, 1 / 3, 2**-40])
def test_a_position_comes_back_exactly(t: float) -> None:
    assert links.position(repr(t)) == t
    assert links.position(repr(t - 0.5), beyond=0.5) == t - 0.5 and links.position("-0.6", beyond=0.5) == 0.5


@pytest.mark.parametrize("spelled", [None, "", "nan", "inf", "-0.1", "1.01", "half", "1e400"])
def test_a_position_that_is_none_is_the_middle(spelled: str | None) -> None:
    assert links.position(spelled) == 0.5


def test_ends_from_a_browser_are_checked_one_by_one() -> None:
    def page() -> None:
        import json

        import streamlit as st

        from manigen.ui import state

        good = [0.25, -1.5]
        sent = [good, [1.0], "text", None, [float("nan"), 0.0], [1e40, 0.0], {"a": 1}, good]
        assert not state.has_ends("m")
        state.set_ends("m", sent, 2)
        state.set_ends("m", [*sent, *[good] * 40], 2, by_page=True)
        state.set_ends("other", "no list", 2)
        st.text(json.dumps([state.ends("m"), state.ends("other"), state.has_ends("other")]))

    app = AppTest.from_function(page).run()
    assert not app.exception
    of_model, of_other, has_other = json.loads(app.text[0].value)
    assert of_model == {"epoch": 1, "codes": [[0.25, -1.5]] * (links.MOST_ENDS - 6)}
    assert of_other == {"epoch": 0, "codes": []} and has_other


def test_the_page_of_a_walk_asks_nobody_for_anything_and_holds_every_picture() -> None:
    codes = codes_of([0] * 10 + [1] * 10)
    files = walks.exports(opened(codes), ["straight", "great_circle"], codes.z[[0, 12]].tolist(), 0.25)  # type: ignore[arg-type]
    page = files["html"]().decode()
    assert "http" not in page and page.count("data:image/png;base64,") == 2
    assert 'value="0.2500"' in page and "Great circle" in page
    sheet = Image.open(io.BytesIO(base64.b64decode(page.split("base64,")[1].split('"')[0])))
    told = json.loads(page.split("const walks = ")[1].split(";\nconst slider")[0])[0]
    assert sheet.size == (told["columns"] * told["width"], -(-told["frames"] // told["columns"]) * told["height"])
    assert told["frames"] == 129 and told["note"] == ""
    walk = paths.walk_through(Painter(), codes.z[[0, 12]], "straight", 129, codes.z)
    assert told["facts"] == walk.facts() and walk.facts()["length"] == f"{walk.length:.1f}"
    assert list(told["facts"]) == ["length", "energy", "evenness", "distance to data", "search"]


def test_the_numbers_of_a_walk_are_told_in_words_and_what_was_not_measured_is_left_out() -> None:
    z, steps = np.zeros((4, 2), np.float32), np.array([1.0, 2.0, 3.0])
    bare = paths.Walk(z, "straight", steps).facts(4.8)
    assert bare == {"length": "6.0", "energy": "42", "evenness": "86%", "search": "exact"}
    far, bridges = np.array([0.1, 0.2, 1.25, 0.1], np.float32), np.array([False, True, False])
    full = paths.Walk(
        z, "pullback", steps, far, False, ("A note.",), 0.0412, bridges, held_out_distance=4 * far, fog=far
    )
    told = full.facts(4.8, "features")
    assert told["searched by"] == "features; length, energy and evenness are on pixels"
    assert told["distance to data"] == "1.25 × at most" and told["fog"] == "0.412"
    assert told["distance to held-out pictures"] == "1.65 (its own reconstructions 4.80)"
    assert told["search"] == "stopped early, residual 4.12%" and told["invented roads"] == "33% of its steps"
    ended = [replace(full, converged=True, residual=residual).facts()["search"] for residual in (3e-4, 1e-6, None)]
    assert ended == ["converged, residual 0.03%", "converged, residual under 0.01%", "exact"]
    assert replace(full, residual=None).facts()["search"] == "not converged"


def test_a_lossless_film_shows_the_very_pictures() -> None:
    ramp = np.linspace(0, 1, 9, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 8, 8), np.float32)
    film = Image.open(io.BytesIO(films.film([ramp], there_and_back=False, kind="webp")))
    assert film.n_frames == 9  # type: ignore[attr-defined]
    film.seek(4)
    assert np.ptp(np.asarray(film.convert("L"))) == 0 and abs(int(np.asarray(film.convert("L"))[0, 0]) - 128) <= 1


def test_only_what_takes_long_is_sketched_first() -> None:
    assert [kind for kind in walks.kinds() if walks.refines(kind)] == ["fog", "pullback"]
    assert walks.refines("straight+pullback") and not walks.refines("straight+density")


def turned() -> None:
    """A page with one knob, whose value goes into the link and comes back from there."""
    import streamlit as st

    from manigen import paths
    from manigen.ui import turning

    knob = next(knob for knob in paths.cards()["density"].knobs if knob.name == "fear")
    told = turning.turn("walk", knob, float(st.query_params.get("fear", 0.1406)))
    st.query_params["fear"] = str(told)


def test_a_knob_over_decades_is_a_slider_that_is_as_fine_for_little_as_for_much() -> None:
    for kind, name in (("density", "fear"), ("density", "bandwidth"), ("fog", "shyness")):
        knob = next(knob for knob in paths.cards()[kind].knobs if knob.name == name)
        stops = turning.stops(knob, float(knob.default))  # type: ignore[arg-type]
        assert stops == sorted(set(stops)) and (stops[0], stops[-1]) == (knob.low, knob.high)
        assert knob.default in stops and all(knob.check(stop) == stop for stop in stops)
        steps = np.divide(stops[2:], stops[1:-1])
        assert steps.min() > 1 and steps.max() <= 1.1 + 1e-9  # no step changes it by more than a tenth
    page = AppTest.from_function(turned).run()
    assert page.select_slider[0].value == 0.1406  # what a card says is shown, round or not
    page.select_slider[0].set_value(0.36).run()
    assert not page.exception and page.select_slider[0].value == 0.36
    assert page.query_params["fear"] == "0.36"
