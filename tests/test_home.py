"""The home: owners' folders, tokens, quotas."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manigen import home
from manigen.errors import BadInput, UnknownName


@pytest.fixture(autouse=True)
def _a_home_for_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MANIGEN_HOME", str(tmp_path / "home"))


def test_an_identity_always_leads_to_the_same_owner_and_is_not_in_its_name() -> None:
    assert home.owner("key secret") == home.owner("key secret")
    assert home.owner("key secret") != home.owner("key other")
    assert "secret" not in home.owner("key secret").name


@given(st.text(max_size=40))
def test_no_word_but_a_token_finds_anything(word: str) -> None:
    assert home.find("models", word) is None
    assert home.model(f"own-{word}") is None


@pytest.mark.parametrize("word", ["../../etc", "..", "", "a" * 24 + "/..", "A" * 24, "0" * 23, "own-" + "0" * 24])
def test_a_path_is_no_token(word: str) -> None:
    (home.root() / "owners" / home.owner("x").name / "runs").mkdir(parents=True)
    assert home.find("runs", word) is None
    with pytest.raises(UnknownName):
        home.owner("x").thing("runs", word)


def test_a_thing_is_found_by_its_token_and_listed_to_its_owner_only() -> None:
    mine, theirs = home.owner("me"), home.owner("them")
    token, folder = mine.place("pictures")
    assert home.find("pictures", token) == folder
    assert mine.things("pictures") == [folder]
    assert theirs.things("pictures") == []
    with pytest.raises(UnknownName):
        theirs.thing("pictures", token)
    home.remove(folder)
    assert home.find("pictures", token) is None


def test_what_passes_the_quota_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANIGEN_QUOTA_MB", "1")
    one = home.owner("me")
    _, folder = one.place("pictures")
    (folder / "a").write_bytes(bytes(600_000))
    one.check_room(300_000)
    with pytest.raises(BadInput, match=r"0\.6 MB of 1 MB"):
        one.check_room(500_000)
    home.owner("another").check_room(900_000)


def test_too_many_of_a_kind_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(home.MOST, "runs", 2)
    one = home.owner("me")
    one.place("runs")
    one.place("runs")
    with pytest.raises(BadInput, match="delete one first"):
        one.place("runs")
