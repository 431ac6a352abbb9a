"""Lessons: what they say is what they measure, in both languages; what they show is a pure function of its knobs."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from string import Formatter
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from manigen import files, lessons
from manigen.datasets import bars
from manigen.errors import BadFile, BadInput, ManigenError
from manigen.lessons import _bench, _duel, _duel_digits, _prepare, _sheets, _svg, _wire, forger
from manigen.lessons.base import Plot, Scene, Words
from manigen.live import protocol, scenes
from manigen.ui import sheets, teaching
from manigen.ui.text import CHINESE, ENGLISH
from tests.oracles import is_one_sentence

NAMES = lessons.in_order()


def module(name: str) -> ModuleType:
    return lessons.open_lesson(name)


def words_in(value: Any) -> Iterator[Words]:
    """Every sentence in a lesson, or a part of one."""
    if isinstance(value, Words):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from words_in(part)
    elif isinstance(value, dict):
        yield from words_in(list(value.values()))
    elif is_dataclass(value):
        for field in fields(value):
            yield from words_in(getattr(value, field.name))


def blanks(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


# --- what they say ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, Any]]:
    """Every lesson's figures, measured again."""
    return {name: module(name).numbers() for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_that_ship_are_those_that_are_measured(name: str, measured: dict[str, dict[str, Any]]) -> None:
    shipped = files.read_json(_bench.FOLDER / "numbers.json")[name]
    assert shipped.keys() == measured[name].keys()
    for key, value in measured[name].items():
        if isinstance(value, float):
            assert shipped[key] == pytest.approx(value, rel=0.02, abs=0.01), key
        else:
            assert shipped[key] == value, key


@pytest.mark.parametrize("name", NAMES)
def test_what_a_lesson_claims_is_so(name: str, measured: dict[str, dict[str, Any]]) -> None:
    claims = module(name).claims
    assert claims
    assert [what for what, holds in claims if not holds(measured[name])] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_has_all_its_parts(name: str) -> None:
    lesson, card = module(name).lesson, module(name).card
    numbers = lessons.numbers(name)
    assert 2 <= len(lesson.checks) <= 3
    for question in (lesson.prediction, *lesson.checks):
        assert 2 <= len(question.options) <= 4
        assert 0 <= question.answer(numbers) < len(question.options)
        assert question.why.en
    known = {knob.name for knob in card.knobs}
    assert set(lesson.tries) <= known and set(lesson.shows) <= known
    assert {key.split("=")[0] for key in lesson.knobs} <= known
    assert lesson.title.en == card.title
    assert lesson.usually_wrong.en


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_says_the_same_in_both_languages(name: str) -> None:
    numbers = lessons.numbers(name)
    for words in words_in(module(name).lesson):
        assert blanks(words.en) == blanks(words.zh), words
        assert words.in_("en", numbers) and words.in_("zh", numbers)
        if re.search("[a-z]{4}", re.sub(r"\{.*?\}|Isomap|UMAP|beta", "", words.en)):
            assert re.search(r"[\u4e00-\u9fff]", words.zh), words


@pytest.mark.parametrize("name", NAMES)
def test_a_teacher_reads_names_and_not_keys_and_a_formula_in_one_language(name: str) -> None:
    lesson, numbers = module(name).lesson, lessons.numbers(name)
    assert lesson.figures.keys() == numbers.keys()
    for tongue, words in (("en", ENGLISH), ("zh", CHINESE)):
        page = sheets.page("teacher", name, tongue, words, {}, [], teaching.formula(lesson.formula_in(tongue)))
        rows = re.findall("<tr><td>(.*?)</td>", page)
        assert len(rows) == len(set(rows)) == len(numbers), "no two figures of one name"
        assert not [key for key in numbers if "_" in key and key in re.sub("<style>.*?</style>", "", page)]
        if tongue == "zh":
            assert all(re.search(r"[\u4e00-\u9fff]", row) for row in rows)
            assert not re.search("<mtext>[^<]*[a-z]{4}", page), "words in the formula"


@pytest.mark.parametrize("name", NAMES)
def test_a_reveal_states_its_figures_as_blanks(name: str) -> None:
    """A figure that is typed in would stay when the model changes; a knob's choices and single digits are words."""
    lesson = module(name).lesson
    choices = "|".join(str(choice) for knob in module(name).card.knobs for choice in knob.choices)
    assert blanks(lesson.reveal.en)
    for words in (lesson.reveal, lesson.prediction.why):
        assert not re.search(r"\d[\d.,]*\d", re.sub(rf"\{{.*?\}}|\b({choices or 'none'})\b", "", words.en)), words.en


# --- what they show ---------------------------------------------------------------------------------------------------


def settings(name: str) -> list[dict[str, Any]]:
    """The defaults, every choice, and both ends of every number."""
    found: list[dict[str, Any]] = [{}, dict(module(name).lesson.shows)]
    for knob in module(name).card.knobs:
        ends = [end for end in (knob.low, knob.high) if end is not None]
        kind = type(knob.default)
        found += [{knob.name: value} for value in knob.choices or ([True] if kind is bool else [kind(e) for e in ends])]
    return found


def arrays(scene: Scene) -> bytes:
    described, payload = _wire.pack(scene, "en")
    return repr(described).encode() + payload


@pytest.mark.parametrize("name", NAMES)
def test_a_scene_is_a_function_of_its_knobs_and_can_be_sent_and_printed(name: str) -> None:
    words = {key: said for key, said in ENGLISH.items() if key.startswith("learn_") or key == "generated"}
    for knobs in settings(name):
        scene = lessons.scene(name, knobs)
        assert scene.panels
        assert is_a_tiling(scene.layout, len(scene.panels)), (knobs, scene.layout)
        described, payload = _wire.pack(scene, "zh")
        for ref in refs(described):
            size = math.prod(ref["shape"]) * {"u1": 1, "i2": 2, "f4": 4}[ref["type"]]
            assert ref["at"] % 8 == 0 and ref["at"] + size <= len(payload)
        assert arrays(scene) == arrays(lessons.scene(name, knobs)), knobs
        assert len(payload) < 1_000_000
        sheet = sheets.drawn(scene, "en", words)
        assert sheet.count("<figure") == len(scene.panels)


def is_a_tiling(layout: tuple[str, ...], panels: int) -> bool:
    """Whether every panel has one rectangle, the first "a"; without a layout each has a row of its own."""
    if not layout:
        return True
    cells = np.array([list(row) for row in layout])
    for letter in np.unique(cells):
        rows, columns = np.nonzero(cells == letter)
        if (np.ptp(rows) + 1) * (np.ptp(columns) + 1) != len(rows):
            return False
    return sorted(np.unique(cells).tolist()) == list("abcdefghij"[:panels])


def refs(described: Any) -> Iterator[dict[str, Any]]:
    if isinstance(described, dict) and {"at", "shape", "type"} <= described.keys():
        yield described
    elif isinstance(described, dict | list):
        for part in described.values() if isinstance(described, dict) else described:
            yield from refs(part)


@pytest.mark.parametrize("name", NAMES)
def test_every_knob_changes_what_is_seen(name: str) -> None:
    """A knob that moves nothing teaches nothing; it may take another knob to be heard."""
    module_ = module(name)
    seen = [arrays(lessons.scene(name, knobs)) for knobs in settings(name)]
    for knob in module_.card.knobs:
        if knob.name in ("picks", "show", "seed"):
            continue
        base = [one | other for one in settings(name) for other in settings(name) if knob.name not in other]
        ends = (
            [knob.low, 0.6 * knob.low + 0.4 * knob.high]
            if knob.low is not None
            else list(knob.choices) or [False, True]
        )
        kind = type(knob.default)
        assert any(
            arrays(lessons.scene(name, {**knobs, knob.name: kind(ends[0])}))
            != arrays(lessons.scene(name, {**knobs, knob.name: kind(ends[-1])}))
            for knobs in [{}, dict(module_.lesson.shows), *base[: 3 * len(seen)]]
        ), knob.name


def test_a_knob_out_of_range_is_refused() -> None:
    with pytest.raises(BadInput, match="angle"):
        lessons.scene("turning_bar", {"angle": 500})


def test_a_prepared_file_that_was_changed_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bench, "FOLDER", tmp_path)
    files.write_npz(tmp_path / "digits.npz", {"pca_mse": np.zeros(3)})
    files.write_json(tmp_path / "prepared.json", {"digits.npz": "0" * 64})
    _bench.prepared.cache_clear()
    with pytest.raises(BadFile, match=r"digits\.npz"):
        _bench.prepared("digits")
    _bench.prepared.cache_clear()


# --- single lessons against what is known otherwise -------------------------------------------------------------------


def test_the_bar_of_the_first_lesson_is_the_data_set_s() -> None:
    shown = lessons.scene("turning_bar", {"angle": 45.0, "thickness": 3.0}).panels[0]
    assert np.array_equal(shown.x[0, :, :, 0], bars.draw(np.pi / 4, 3.0)[0, 0])


def test_half_way_in_pixels_is_the_mean_of_both_bars_and_on_the_sheet_the_bar_between() -> None:
    walked, mixed = lessons.scene("turning_bar", {"angle": 0.0, "between": 0.5}).panels[0].x
    ends = bars.draw(np.array([0.0, np.pi / 2]), 4.0)[:, 0].astype(float)
    assert np.abs(mixed[:, :, 0] - ends.mean(0)).max() <= 1
    assert np.array_equal(walked[:, :, 0], bars.draw(np.pi / 4, 4.0)[0, 0])


def test_distance_to_bars_is_zero_for_a_bar_and_grows_off_the_sheet() -> None:
    lesson = module("turning_bar")
    assert lesson.distance_to_bars(lesson.picture(30.0, 2.0))[0] == pytest.approx(0, abs=1e-3)
    assert lesson.distance_to_bars(np.full((1, 32, 32, 1), 255, np.uint8))[0] > 15


def test_the_reconstructions_errors_of_the_bottlenecks_are_what_their_codes_say() -> None:
    """The bars' heights come from the cards; the codes that ship carry each held-out picture's own error."""
    lesson = module("bottleneck")
    for size, error in zip(lesson.SIZES, lesson.errors(), strict=True):
        codes = _bench.codes(lesson.model(size))
        assert codes.error[codes.split == 1].mean() == pytest.approx(error, rel=0.05)


def test_precision_and_recall_of_the_last_lesson_are_right_at_both_ends() -> None:
    lesson = module("trust")
    rng = np.random.default_rng(0)
    real = rng.standard_normal((200, 4)).astype("f")
    assert lesson.both(real, real) == (1.0, 1.0)
    assert lesson.both(real, real + 100) == (0.0, 0.0)
    precision, recall = lesson.both(real, real[:1] + 1e-3 * rng.standard_normal((200, 4)).astype("f"))
    assert precision == 1.0 and recall < 0.1


def test_a_quiz_is_half_generated_and_tells_the_truth_when_asked() -> None:
    quiz = lessons.scene("trust", {"show": True, "picks": "0-1-99"}).panels[0]
    assert sum(caption.en == "generated" for caption in quiz.captions) == 6
    assert quiz.picked == (0, 1)
    assert not lessons.scene("trust", {"picks": "0"}).panels[0].captions


# --- on paper ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tongue", "said"), [("en", "Game = hasty, "), ("zh", "对局 = 匆忙, ")])
def test_the_settings_on_a_sheet_are_said_in_its_language(tongue: str, said: str) -> None:
    words = {"en": ENGLISH, "zh": CHINESE}[tongue]
    page = sheets.page("sheet", "forger", tongue, words, {}, [{"style": "hasty"}], "<math/>")
    assert said in page and "False" not in page


@pytest.mark.parametrize("kind", ["sheet", "worksheet", "teacher"])
@pytest.mark.parametrize("tongue", ["en", "zh"])
def test_a_sheet_holds_answers_only_where_it_should(kind: str, tongue: str) -> None:
    words = CHINESE if tongue == "zh" else ENGLISH
    kept = [{"angle": 10.0, "between": 0.5}] if kind == "sheet" else []
    page = sheets.page(
        kind, "turning_bar", tongue, words, {"prediction": 1} if kind == "sheet" else {}, kept, "<math/>"
    )
    why = module("turning_bar").lesson.prediction.why.in_(tongue, lessons.numbers("turning_bar"))
    assert (why in page) == (kind != "worksheet")
    assert ('class="right"' in page) == (kind != "worksheet")
    assert ('class="chosen"' in page) == (kind == "sheet")
    assert page.count("<svg") == (1 if kind == "sheet" else 0)
    assert not re.search(r"\{\w+", page.split("</style>")[1])


def test_a_plot_on_paper_puts_its_corners_in_its_corners() -> None:
    from manigen.lessons.base import Dots, say

    plot = Plot(say("a", "b"), (Dots(np.array([[0.0, 0.0], [1.0, 1.0]])),), say("c", "d"))
    drawn = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', _svg.svg(plot, "en"))
    assert [(float(x), float(y)) for x, y in drawn] == [(0.0, 420.0), (420.0, 0.0)]


# --- on the live path and in the link ---------------------------------------------------------------------------------


def test_a_browser_gets_a_scene_s_arrays_as_they_are() -> None:
    ask = protocol.parse(
        '{"op": "scene", "id": 3, "lesson": "turning_bar", "knobs": {"angle": 45.0}, "language": "zh"}'
    )
    assert isinstance(ask, protocol.Scene)
    header, payload = protocol.unframe(scenes.answer(ask))
    ref = header["scene"]["panels"][0]["x"]
    got = np.frombuffer(payload, np.uint8, math.prod(ref["shape"]), ref["at"]).reshape(ref["shape"])
    assert np.array_equal(got[0, :, :, 0], bars.draw(np.pi / 4, 4.0)[0, 0])
    assert (header["id"], header["scene"]["panels"][0]["title"]) == (3, "图片")


@pytest.mark.parametrize(
    "wrong",
    [
        {"lesson": "../secrets"},
        {"lesson": "no_such_lesson"},
        {"knobs": []},
        {"knobs": {"angle": [1]}},
        {"knobs": {"angle": "x" * 201}},
        {"knobs": {f"k{i}": 1 for i in range(25)}},
        {"knobs": {"no_such_knob": 1}},
        {"language": "xx"},
    ],
)
def test_a_scene_that_cannot_be_shown_is_refused_in_a_sentence(wrong: dict[str, Any]) -> None:
    message = {"op": "scene", "id": 1, "lesson": "turning_bar", "knobs": {}} | wrong
    with pytest.raises(ManigenError) as caught:
        scenes.answer(protocol.parse(json.dumps(message)))
    assert is_one_sentence(caught.value)


def test_knobs_come_back_from_a_link_and_nonsense_leaves_the_defaults() -> None:
    knobs = {"angle": 77.25, "thickness": 3.0, "between": 0.0}
    spelled = teaching.spelled("turning_bar", knobs)
    assert spelled == "angle:77.25~thickness:3.0"
    assert teaching.unspelled("turning_bar", spelled) == knobs
    defaults = lessons.cards()["turning_bar"].settings()
    for nonsense in (None, "", "~~", "angle:nan~x:1", "angle:999", "angle"):
        assert teaching.unspelled("turning_bar", nonsense) == defaults


@pytest.mark.parametrize("seed", range(_duel.GAMES))
@pytest.mark.parametrize("style", _duel.STYLES)
def test_the_games_of_the_sixth_lesson_ship_as_they_are_trained(style: str, seed: int) -> None:
    """The first steps, trained again; later ones drift apart with the machine's rounding, a hasty game's after 10."""
    again = _duel.Duel(style, seed)
    for step in (0, 10 if style == "hasty" else 30):
        now, before = again.at(step), forger.seen(style, step, seed)
        for name in ("dots", "net"):
            assert np.allclose(before[name], now[name].astype(float), atol=0.05), (name, step)
        assert np.allclose(before["field"], now["field"].astype(float), atol=0.02 * np.abs(now["field"]).max()), step
        assert before["found"] == _duel.found(now["dots"].astype(np.float32))


def test_no_game_that_is_offered_is_trained_while_a_class_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_duel.Duel, "_train", lambda duel: pytest.fail(f"{duel.style} {duel.seed} is trained"))
    knobs = {knob.name: knob for knob in forger.card.knobs}
    games = [(style, seed) for style in knobs["style"].choices for seed in range(int(knobs["seed"].high or 0) + 1)]
    dots = [forger.seen(style, _duel.LAST, seed)["dots"] for style, seed in games]
    assert len(games) == 8
    assert all(np.abs(one - other).max() > 0.1 for i, one in enumerate(dots) for other in dots[:i]), "eight games"


def test_a_game_keeps_its_places_and_its_field_when_it_is_packed() -> None:
    rng = np.random.default_rng(0)
    sizes = {"dots": (7, 2), "net": (5, 5, 2), "field": (3, 3)}
    frames = [{name: scale * rng.standard_normal(size) for name, size in sizes.items()} for scale in (1, 50, 2)]
    back = _duel.unpacked(_duel.packed(frames))
    for i, frame in enumerate(frames):
        for name in ("dots", "net"):
            assert np.abs(back[name][i] - frame[name]).max() <= 0.51 * _duel.UNIT
        assert np.abs(back["field"][i] - frame["field"]).max() <= 0.51 * np.abs(frame["field"]).max() / 127
    apart = [{**frame, "dots": np.repeat(_duel.centres(), 10, 0)} for frame in frames]
    assert _duel.packed(apart)["found"].tolist() == [8, 8, 8]


def test_groups_are_counted_where_dots_are() -> None:
    assert _duel.found(np.repeat(_duel.centres(), 10, 0)) == 8
    assert _duel.found(np.repeat(_duel.centres()[:1], 80, 0)) == 1
    assert _duel.found(np.zeros((80, 2))) == 0


@pytest.mark.parametrize("style", _duel_digits.STYLES)
def test_the_games_over_digits_ship_as_they_are_trained(style: str) -> None:
    """The first steps, trained again; an ink's tone is kept to within half of one."""
    again = _duel_digits.Duel(style, 1)
    for step in (0, _duel_digits.EVERY):
        now, before = again.at(step), forger.seen_digits(style, step, 1)
        assert np.abs(now["x"][: _duel_digits.SHOWN] - before["x"]).max() <= 0.6 / _duel_digits.TONES
        assert np.abs(now["counts"] - before["counts"]).sum() <= 4


def test_no_game_over_digits_is_trained_while_a_class_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_duel_digits.Duel, "_train", lambda duel: pytest.fail(f"{duel.style} {duel.seed} is trained"))
    games = [(style, seed) for style in _duel_digits.STYLES for seed in range(_duel.GAMES)]
    last = [forger.seen_digits(style, _duel.LAST, seed)["x"] for style, seed in games]
    assert all(np.abs(one - other).max() > 0.5 for i, one in enumerate(last) for other in last[:i]), "eight games"


def test_a_hasty_forger_of_digits_paints_one_sign_over_and_over_and_never_keeps_it() -> None:
    x = {style: forger.recorded_digits(style, 0)["x"][5:] for style in _duel_digits.STYLES}
    apart = {style: float(frames.std(1).mean()) for style, frames in x.items()}
    assert apart["hasty"] < 0.6 * apart["fair"]
    sign = x["hasty"].mean(1)
    assert np.median(np.abs(sign[2:] - sign[:-2]).mean(1)) > np.median(
        np.abs(x["fair"][2:] - x["fair"][:-2]).mean((1, 2))
    )


def test_a_forged_digit_is_read_as_the_nearest_real_one_where_one_is_near() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    x, labels = _duel_digits.digits("test")
    wanted = KNeighborsClassifier(1).fit(*_duel_digits.digits()).predict(x)
    mine = _duel_digits.read(x)
    assert (mine == wanted)[mine >= 0].all() and (labels == mine)[mine >= 0].mean() > 0.95
    assert (mine >= 0).mean() == pytest.approx(_duel_digits.COMMON, abs=0.01)
    assert (_duel_digits.read(np.random.default_rng(0).random((9, 64))) == -1).all(), "noise is no digit"
    counts = _duel_digits.counted(np.array([3] * 40 + [7] * 40 + [1] + [-1] * 20))
    assert counts.sum() == 101 and counts[10] == 20 and _duel_digits.found(counts) == 2


def test_distances_of_a_turned_cloud_are_kept_and_those_of_noise_are_not() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 2))
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert _sheets.ranks_kept(x, 3 * x @ turn) == pytest.approx(1)
    assert _sheets.neighbours_kept(x, x @ turn) == 1
    assert abs(_sheets.ranks_kept(x, rng.standard_normal((80, 2)))) < 0.2
    assert module("maps_lie").moved(x, x @ turn) == pytest.approx(0, abs=1e-6)


def test_the_roll_s_way_along_its_sheet_is_its_length() -> None:
    """A fine polygon through the spiral is as long as the closed form says."""
    turn = np.linspace(1.5 * np.pi, 4.5 * np.pi, 200_001)
    polygon = np.linalg.norm(np.diff(np.stack([turn * np.cos(turn), turn * np.sin(turn)], 1), axis=0), axis=1).sum()
    assert _sheets.roll()[1][:, 0].max() == pytest.approx(polygon, rel=0.01)


def test_the_forest_paints_what_a_plain_walk_down_its_trees_finds() -> None:
    """Question by question, one code at a time; and in a box, between two thresholds, nothing changes."""
    lesson, kept = module("forest"), _bench.prepared("forest")
    z = lesson.way(2, 5, 7)
    for row, code in enumerate(z):
        leaves = []
        for tree in range(3):
            at = 0
            while at >= 0:
                above = code[kept["feature_2"][tree, at]] > kept["threshold_2"][tree, at]
                at = int(kept["child_2"][tree, at, int(above)])
            leaves.append(kept["leaf_2"][tree, -1 - at].astype(float))
        x = kept["mean"] + np.mean(leaves, 0) * kept["unit_2"] @ kept["directions"].astype(float)
        assert np.abs(lesson.grown(kept, z, 2, 3)[row].ravel() - 255 * x.clip(0, 1)).max() < 0.01
    edges = np.sort(kept["threshold_2"][0][kept["feature_2"][0] == 0])
    gap = int(np.diff(edges).argmax())
    inside = np.stack([np.linspace(edges[gap] + 1e-4, edges[gap + 1] - 1e-4, 9), np.zeros(9)], 1)
    assert (lesson.changes(lesson.painted(2, 1, inside)) == 0).all()
    assert lesson.changes(lesson.grown(kept, z, 2, 3)).max() > 0


def test_the_forest_s_errors_are_what_mnist_says_and_fall_with_more_trees() -> None:
    real = _bench.pictures("mnist", "test")
    kept = _bench.prepared("forest")
    assert all(kept[f"error_{size}"][-1] < kept[f"error_{size}"][0] for size in (2, 16))
    if real is None:
        pytest.skip("MNIST is not on this machine")
    lesson = module("forest")
    x = real.x[:500].transpose(0, 2, 3, 1)
    for size in (2, 16):
        painted = lesson.painted(size, 20, _bench.encode(lesson.model(size), x)).astype(float)
        assert np.square((painted - x) / 255).mean() == pytest.approx(kept[f"error_{size}"][-1], rel=0.1)


def test_what_is_painted_without_a_term_was_trained_alike_but_for_that_term() -> None:
    lesson = module("fusion")
    full = _bench.card(lesson.FULL)
    for off, (term, _) in lesson.TERMS.items():
        card = _bench.card(lesson.model(off))
        assert card["knobs"] == {**full["knobs"], term: 0.0}
        assert [card[key] for key in ("seed", "family", "dim")] == [full[key] for key in ("seed", "family", "dim")]
        assert card["trained"]["images"] == full["trained"]["images"] // 64 * 64
        assert np.array_equal(_bench.codes(lesson.model(off)).rows, _bench.codes(lesson.FULL).rows)


def test_an_even_decoder_s_two_directions_change_a_picture_alike_and_an_uneven_one_s_do_not() -> None:
    """The strongest direction of a step really changes more; without the term for evenness by more than with it."""
    lesson = module("fusion")
    changes = {}
    for off in ("nothing", "isometry"):
        name, ratios = lesson.model(off), []
        for seed in range(12):
            x = _bench.generator(name).decode(lesson.along(name, seed)).reshape(2, 9, -1)
            near = np.linalg.norm(x[:, 5] - x[:, 3], axis=1)
            ratios.append(near[0] / near[1])
        changes[off] = float(np.median(ratios))
    assert 1 < changes["nothing"] < changes["isometry"]


def test_the_teachers_notes_say_what_the_lessons_measure() -> None:
    """The list in docs/teaching.md is the reveals, filled in: `python -m manigen.lessons._prepare notes` writes it."""
    page = (_bench.FOLDER.parents[1] / "docs" / "teaching.md").read_text(encoding="utf-8")
    assert _prepare.notes() in page
    assert all(f"| {lessons.cards()[name].facts['number']} | {module(name).lesson.title.en}" in page for name in NAMES)


def test_the_ways_that_ship_are_those_that_a_search_finds() -> None:
    lesson = module("shortest_way")
    for model in (lesson.PLANE, lesson.MODEL):
        for kind, fear in (("pullback", 0.0), ("graph", 0.0), ("density", 4.0)):
            apart = np.abs(lesson.way(model, kind, 7, fear) - lesson.searched(model, kind, 7, fear))
            assert apart.max() < 0.02 * np.ptp(_bench.codes(model).z), (model, kind)
    shipped = _bench.prepared("ways")
    for hills in ("density", "stretch"):
        assert np.allclose(shipped[hills].astype(float), lesson.hills(hills), atol=0.02)
        assert np.ptp(shipped[hills]) > 1, "hills, not a plain"


def test_the_planes_that_ship_are_as_sure_as_the_judge_is() -> None:
    lesson = module("holes")
    sure = lesson.sureness(lesson.PLANES["vae"])
    assert np.allclose(_bench.prepared("planes")["vae"].astype(float), sure, atol=0.01)


def test_an_analogy_at_full_strength_is_a_minus_b_plus_c() -> None:
    lesson = module("arithmetic")
    shown = lessons.scene("arithmetic", {"direction": "analogy", "strength": 1.0, "picks": "4-9-2"})
    gallery = _bench.codes(lesson.MODEL).z[lesson._held_out()[0]]
    a, b, c = (gallery[i].astype(float) for i in (4, 9, 2))
    wanted = _bench.decode(lesson.MODEL, (a - b + c)[None].astype(np.float32))[0]
    assert np.abs(shown.panels[0].x[0].astype(int) - wanted).max() <= 1
    assert [caption.en for caption in shown.panels[2].captions] == ["A", "− B", "+ C"]
    assert shown.panels[3].picked == (4, 9, 2)
    fewer = lessons.scene("arithmetic", {"direction": "analogy", "picks": "4-9"})
    assert len(fewer.panels[3].picked) == 3, "until three are pressed an example stands"


def test_intruders_and_tears_are_one_minus_another_library_s_trustworthiness() -> None:
    from sklearn.manifold import trustworthiness

    lesson = module("maps_lie")
    x, p = lesson._clouds()["codes"][0], lesson.drawn("codes", "tsne", 3)
    wrong = lesson.wrong("codes", "tsne", 3)
    assert wrong["intruders"].mean() == pytest.approx(1 - trustworthiness(x, p, n_neighbors=15), abs=1e-3)
    assert wrong["torn"].mean() == pytest.approx(1 - trustworthiness(p, x, n_neighbors=15), abs=1e-3)


def test_a_class_that_asks_for_one_scene_has_it_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes._drawing.cache_clear()
    drawn: list[dict[str, Any]] = []
    begin, real = threading.Barrier(8), lessons.scene

    def counted(name: str, knobs: dict[str, Any]) -> Scene:
        drawn.append(knobs)
        return real(name, knobs)

    monkeypatch.setattr(scenes.lessons, "scene", counted)

    def ask(number: int) -> bytes:
        begin.wait()
        angle = 33.0 if number < 6 else 34.0
        asked = {"op": "scene", "id": 7, "lesson": "turning_bar", "knobs": {"angle": angle}}
        return protocol.unframe(scenes.answer(protocol.parse(json.dumps(asked))))[1]

    with ThreadPoolExecutor(8) as class_:
        answers = list(class_.map(ask, range(8)))
    assert sorted(knobs["angle"] for knobs in drawn) == [33.0, 34.0]
    assert len(set(map(bytes, answers[:6]))) == 1 and bytes(answers[6]) != bytes(answers[0])


def test_a_turn_in_the_game_is_adam_s() -> None:
    """Step by step what torch's own optimizer does, momentum left out."""
    import torch

    start = torch.Generator().manual_seed(0)
    first = torch.nn.Linear(3, 2)
    with torch.no_grad():
        for weight in first.parameters():
            weight.copy_(torch.randn(weight.shape, generator=start))
    second = torch.nn.Linear(3, 2)
    second.load_state_dict(first.state_dict())
    ours, theirs = _duel.Turn(first, 0.05), torch.optim.Adam(second.parameters(), 0.05, (0.0, 0.9))
    for _ in range(12):
        x = torch.randn(5, 3, generator=start)
        ours.take(first(x).square().mean())
        theirs.zero_grad()
        second(x).square().mean().backward()
        theirs.step()
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
