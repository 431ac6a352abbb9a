"""The words on screen: the same keys in every language, the same blanks in every sentence, nothing written inline."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from string import Formatter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from manigen import paths
from manigen.companions import Companions
from manigen.discovery import discover
from manigen.errors import ManigenError
from manigen.ui import chinese, chinese_own, text
from manigen.ui.text import CARDS, CHINESE, ENGLISH, in_words_of

ROOT = Path(__file__).resolve().parents[1]
ROUTER = str(ROOT / "manigen" / "ui" / "router.py")
LATIN = {
    "n {n}",
    "{model}: {what} ({done} of {of})",
    "CSV",
    "σ",
    "PCA",
    "UMAP",
    "t-SNE",
    "MNIST",
    "Fashion-MNIST",
    "VAE-GAN",
}  # said alike in both


def blanks(sentence: str) -> set[tuple[str, str]]:
    """The names to be filled in, each with how it is to be written."""
    return {(name, form or "") for _, name, form, _ in Formatter().parse(sentence) if name is not None}


def test_every_key_is_in_both_languages_or_known_to_come() -> None:
    assert ENGLISH.keys() - CHINESE.keys() == chinese.TO_COME
    assert CHINESE.keys() - ENGLISH.keys() == set()


@pytest.mark.parametrize("key", CHINESE)
def test_a_translation_has_the_same_blanks_and_is_one(key: str) -> None:
    english, translated = ENGLISH[key], CHINESE[key]
    assert blanks(translated) == blanks(english)
    assert translated.count("`") == english.count("`")
    words = re.sub(r"\{.*?\}|`.*?`|[^\w]", "", english)
    if len(words) > 1 and english not in LATIN and not words.isupper() and key != "language_switch":
        assert re.search(r"[\u4e00-\u9fff]", translated), "no Chinese in it"


@pytest.mark.parametrize("room", ["projections", "paths", "models", "measures"])
def test_what_a_card_shows_on_a_page_is_in_both_languages(room: str) -> None:
    cards = [idea.card for idea in discover(f"manigen.{room}").values()]
    shown = {card.title for card in cards}
    if room != "projections":
        shown |= {card.sentence for card in cards}
    assert shown - CARDS.keys() == chinese.CARDS_TO_COME & shown


def in_chinese(sentence: str) -> str | None:
    """What the front end's `said` makes of a sentence, None where nothing fits."""
    for english, other in chinese.SAYINGS.items():
        found = re.fullmatch(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(english)), sentence)
        if found:
            return other.format(**found.groupdict())
    return None


def test_every_note_of_a_path_is_said_in_chinese() -> None:
    """Notes are constants in capitals of their files, or made there; each of the former has its translation."""
    notes = {
        value
        for room in ("base", "graph", "density", "great_circle", "_pull")
        for name, value in vars(import_module(f"manigen.paths.{room}")).items()
        if name.isupper() and isinstance(value, str) and value.endswith(".")
    }
    assert len(notes) == 20
    assert notes - chinese.SAYINGS.keys() == set()


@pytest.mark.parametrize("figures", [(0.05, 0.997), (0.3, 0.62), (0.05, 0.62)])
def test_the_companions_sentence_keeps_its_figures_in_chinese(figures: tuple[float, float]) -> None:
    for own in (False, True):
        words = Companions((), 0.1, *figures, own=own).words
        said = in_chinese(words)
        assert said is not None and re.findall(r"\d+%", said) == re.findall(r"\d+%", words)
        assert not re.search(r"[a-z]{3}", said)


def test_what_walks_refuse_is_said_in_chinese() -> None:
    codes = np.random.default_rng(0).normal(size=(30, 3)).astype("f")
    broken = SimpleNamespace(decode=lambda z: np.where(np.arange(len(z)) == 2, np.nan, z[:, 0]), members=1)
    fine = SimpleNamespace(decode=lambda z: z, members=1)
    for generator, kind, knobs in [
        (broken, "straight", {}),
        (broken, "graph", {}),
        *((fine, "pullback", {"ruler": ruler}) for ruler in ("features", "encoder", "critic")),
    ]:
        with pytest.raises(ManigenError) as problem:
            paths.walk(generator, codes[0], codes[1], kind, 9, codes, **knobs)
        assert in_chinese(str(problem.value)), problem.value
    for ends, note in [((codes[0], codes[0]), "图片都不变"), ((codes[0], -codes[0]), "恰好相对")]:
        walk = paths.walk(fine, *ends, "great_circle", 9, codes)
        assert note in str(in_chinese(walk.notes[-1]))


def test_every_knob_is_labelled_and_explained_in_chinese() -> None:
    """Of families, samplers and maps: the label on the Train page, the help, choices in words, and samplers' names."""
    rooms = {room: [idea.card for idea in discover(f"manigen.{room}").values()] for room in KNOBBED}
    knobs = [knob for cards in rooms.values() for card in cards for knob in card.knobs]
    shown = {words for knob in knobs for words in (knob.help, knob.title) if words}
    shown |= {str(choice) for knob in knobs for choice in knob.choices if str(choice).isalpha()}
    shown |= {knob.title or knob.name.replace("_", " ") for card in rooms["models"] for knob in card.knobs}
    shown |= {words for card in rooms["samplers"] for words in (card.title, card.sentence)}
    for path in sorted((ROOT / "manigen" / "foreign").glob("*.py")):  # their knobs are made where a file is looked at
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Knob":
                shown.add(ast.literal_eval(node.args[2]))
    assert len(shown) > 90
    assert shown - CARDS.keys() - chinese_own.KNOBS.keys() == set()
    for english, other in chinese_own.KNOBS.items():
        assert re.search(r"[\u4e00-\u9fff]", other), english


KNOBBED = ("models", "samplers", "projections", "paths")
# what the Train page may have to tell: raised, or told as a stage, a notice, an error
TELLING = ("workshop/*.py", "foreign/*.py", "home.py", "training/*.py", "datasets/own.py", "datasets/_[op]*.py",
           "models/networks.py", "models/pca.py", "models/forest.py")  # fmt: skip
TERMINAL = (  # what a page never comes to, since it offers nothing else, or asks nobody
    "A training can be asked", "MANIGEN_QUOTA_MB", "a budget without end", "The learning rate must", "precision must",
    "Training takes uint8", "A picture's shape", "fit is crop or pad", "Own pictures are", "Own pictures need",
    "A model that", "7. The state before",
)  # fmt: skip


def template(node: ast.expr | None) -> str | None:
    """A sentence in the source, with 7 for whatever is filled in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)
    return None


def told_in(path: Path) -> set[str]:
    """Every sentence that a file raises, or tells as a stage, a notice, an error, or as what was found in a file."""
    found: set[str | None] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        called = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if called in ("progress", "stage") or called.startswith(("Bad", "Not", "Div", "Mani", "Unread")):
            found.update(template(part) for part in node.args[:1])  # type: ignore[attr-defined]
        named = node.arg if isinstance(node, ast.keyword) else ""
        assigned = ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""
        if named in ("stage", "notice", "error") or assigned in ("said", "sentence"):
            found.add(template(node.value))  # type: ignore[attr-defined]
    return {sentence for sentence in found if sentence and re.search("[a-z]{2}", sentence)}


def test_every_stage_and_error_of_the_train_page_is_said_in_chinese() -> None:
    room = ROOT / "manigen"
    files = [path for pattern in TELLING for path in sorted(room.glob(pattern))]
    told = {sentence for path in files for sentence in told_in(path)}
    for path in (room / "recipe.py", room / "weights.py"):
        told |= {sentence for sentence in told_in(path) if re.match("(fitting|measuring|encoding)", sentence)}
    told = {sentence for sentence in told if not sentence.startswith(TERMINAL)}
    assert len(told) > 85
    missing = {one for one in told if in_words_of(chinese_own.TOLD, one) == one}
    assert missing == set()


def test_a_training_that_diverged_or_was_killed_says_so_in_chinese() -> None:
    from manigen.training import Diverged
    from manigen.workshop import worker

    for what in ("The model's loss became nan after 4,096 pictures", "The critic's gradient exploded after 9 pictures"):
        error = Diverged(f"{what}; a smaller learning rate or a smaller weight of its terms usually cures it.")
        for sentence in (str(error), f"{str(error).rstrip('.')}. The state before that is kept."):
            said = in_words_of(chinese_own.TOLD, sentence)
            assert re.search(r"[\u4e00-\u9fff]", said)
            assert not re.search(r"pictures|kept", said)
    order: Any = SimpleNamespace(out=Path("nowhere"))
    assert "内存不够" in in_words_of(chinese_own.TOLD, worker._sentence_gone(order))


@pytest.mark.parametrize("english", chinese_own.TOLD)
def test_what_is_told_has_the_same_blanks_in_chinese(english: str) -> None:
    other = chinese_own.TOLD[english]
    assert blanks(other) == blanks(english)
    assert re.search(r"[\u4e00-\u9fff]", other)


@pytest.mark.parametrize("english", chinese.SAYINGS)
def test_a_saying_has_the_same_blanks_and_is_one(english: str) -> None:
    assert blanks(chinese.SAYINGS[english]) - blanks(english) == set()
    assert re.search(r"[\u4e00-\u9fff]", chinese.SAYINGS[english])
    filled, expected = (re.sub(r"[{}]", "", words) for words in (english, chinese.SAYINGS[english]))
    assert in_chinese(filled) == expected


def test_the_page_of_a_walk_that_is_taken_away_is_in_chinese_throughout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "language", lambda: "zh")
    say = text.exported()
    monkeypatch.setattr(text, "language", lambda: "en")  # it is called later, where nobody knows who asked
    along = np.array([0.2, 0.4, 0.3], np.float32)
    told = {"distance_to_data": along, "held_out_distance": along, "fog": along, "bridges": np.array([True, False])}
    walk = paths.Walk(np.zeros((3, 2), np.float32), "density", np.ones(2), residual=0.003, **told)
    ended = [walk, replace(walk, residual=None), replace(walk, converged=False), replace(walk, residual=1e-9)]
    ended += [replace(walk, residual=None, converged=False)]
    along = np.linspace(0.1, 0.5, 5, dtype=np.float32)
    wider = {name: along for name in told} | {"bridges": np.ones(4, bool)}
    ended += [replace(walk, past=1, codes=np.zeros((5, 2), np.float32), steps=np.ones(4), **wider)]
    for one in ended:
        for name, value in one.facts(0.5, "critic").items():
            assert re.search(r"[\u4e00-\u9fff]", say(name)), name
            assert not re.search(r"[a-z]{3}", say(value).replace("critic", "")), value
    for words in (*chinese.EXPORTED, "Density", "Great circle"):
        filled = re.sub(r"\{\w+\}", "7", words)
        assert re.search(r"[\u4e00-\u9fff]", say(filled)) and say(filled).count("7") == filled.count("7")
    assert say("Nobody knows this.") == "Nobody knows this."
    assert text.exported()("start") == "start"


def test_the_link_chooses_the_language_and_the_switch_turns_it_over() -> None:
    test = AppTest.from_file(ROUTER, default_timeout=60)
    test.query_params["lang"] = "zh"
    test.run()
    assert not test.exception
    assert [control.label for control in test.get("button_group")] == [
        "地图",
        "绘制于",
        CHINESE["choose_beside"].format(n=2),
    ]
    assert [control.label for control in test.selectbox] == ["着色依据"]
    switch = next(button for button in test.button if button.label == "English")
    switch.click().run()
    assert [control.label for control in test.get("button_group")] == [
        "Map",
        "Drawn in",
        "Other maps beside this one, 2 at most",
    ]
    assert test.query_params["lang"] in ("en", ["en"])


def test_one_person_s_language_is_not_another_s() -> None:
    one, other = (AppTest.from_file(ROUTER, default_timeout=60) for _ in range(2))
    one.query_params["lang"] = "zh"
    one.run()
    other.run()
    assert one.get("button_group")[0].label == "地图"
    assert other.get("button_group")[0].label == "Map"
