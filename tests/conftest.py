"""What tests of several rooms share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]

hypothesis.settings.register_profile("manigen", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("manigen")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, where maps are kept."""
    from manigen import kept, maps

    monkeypatch.setattr(maps, "folder", lambda: tmp_path)
    monkeypatch.setattr(kept, "folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real, small model: a VAE of 4 numbers, seconds of training on the digits, with a PCA map."""
    from manigen.recipe import Recipe, begin

    knobs = {"dim": 4, "width": 8, "beta": 0.05}
    recipe = Recipe("vae", "digits", None, 15, batch=64, learning_rate=0.01, rows=250, maps=("pca",), knobs=knobs)
    run = begin(recipe, tmp_path_factory.mktemp("models") / "small")
    for _ in run.steps():
        pass
    return run.ship()


@pytest.fixture(scope="session")
def needs_data() -> Callable[..., None]:
    """Skip the test that calls it where a data set is not on this machine; MANIGEN_DATA may name its folder."""

    def needs(*names: str) -> None:
        from manigen import datasets

        here = {entry.name: entry.here for entry in datasets.listing()}
        for name in names:
            if not here[name]:
                pytest.skip(f"{name} is not on this machine: python -m manigen data fetch {name}")

    return needs


@pytest.fixture(autouse=True)
def _no_figures_of_yesterday(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests keep what they measured in a folder of their own, not in the user's cache."""
    from manigen.measures import _cache

    kept = tmp_path_factory.getbasetemp() / "measures"
    monkeypatch.setattr(_cache, "folder", lambda: kept)


@pytest.fixture(autouse=True)
def _no_maps_of_yesterday(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests keep the maps they fit in a folder of their own, not in the user's cache."""
    from manigen import maps

    kept = tmp_path_factory.getbasetemp() / "maps"
    monkeypatch.setattr(maps, "folder", lambda: kept)


@pytest.fixture(autouse=True)
def _no_models_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see the shipped models only, whatever MANIGEN_WEIGHTS says here."""
    if "MANIGEN_WEIGHTS" in os.environ:
        monkeypatch.delenv("MANIGEN_WEIGHTS")


@pytest.fixture(autouse=True)
def _no_home_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests keep uploads and trainings in a folder of their own, not in the user's."""
    monkeypatch.setenv("MANIGEN_HOME", str(tmp_path_factory.getbasetemp() / "home"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the browser tests run last: the quick ones fail first, and Playwright's event loop is in nobody's way."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)
