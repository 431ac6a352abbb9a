"""The words on screen: the same keys in every language, the same blanks in every sentence, nothing written inline."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest
from streamlit.testing.v1 import AppTest

from manigen.discovery import discover
from manigen.ui import chinese
from manigen.ui.text import CARDS, CHINESE, ENGLISH

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


def test_the_link_chooses_the_language_and_the_switch_turns_it_over() -> None:
    test = AppTest.from_file(ROUTER, default_timeout=60)
    test.query_params["lang"] = "zh"
    test.run()
    assert not test.exception
    assert [control.label for control in test.get("button_group")] == ["地图", "绘制于", "并排"]
    assert [control.label for control in test.selectbox] == ["着色依据"]
    switch = next(button for button in test.button if button.label == "English")
    switch.click().run()
    assert [control.label for control in test.get("button_group")] == ["Map", "Drawn in", "Beside it"]
    assert test.query_params["lang"] in ("en", ["en"])


def test_one_person_s_language_is_not_another_s() -> None:
    one, other = (AppTest.from_file(ROUTER, default_timeout=60) for _ in range(2))
    one.query_params["lang"] = "zh"
    one.run()
    other.run()
    assert one.get("button_group")[0].label == "地图"
    assert other.get("button_group")[0].label == "Map"
