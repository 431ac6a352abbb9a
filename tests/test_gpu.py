"""Where cuML is installed and a GPU is there, UMAP and t-SNE are laid out on it, and the map says so."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from manigen import maps, projections
from manigen.errors import ManigenError
from manigen.projections import _gpu

Z = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)


class Estimator:
    """Stands for one of cuML's: remembers its settings, and answers with the first numbers of the codes."""

    asked: ClassVar[list[tuple[str, dict[str, Any]]]] = []
    fails = False

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        Estimator.asked.append((type(self).__name__, settings))

    def fit_transform(self, z: np.ndarray) -> Any:
        if Estimator.fails:
            raise MemoryError("out of device memory")
        assert z.dtype == np.float32
        return SimpleNamespace(get=lambda: z[:, : self.settings["n_components"]] * np.float32(3))


class UMAP(Estimator):
    pass


class TSNE(Estimator):
    pass


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend that cuML is installed, with so many GPUs."""

    def pretend(count: int) -> None:
        monkeypatch.setattr(Estimator, "asked", [])
        monkeypatch.setattr(Estimator, "fails", False)
        fake = SimpleNamespace(__version__="26.08", manifold=SimpleNamespace(UMAP=UMAP, TSNE=TSNE))
        monkeypatch.setitem(sys.modules, "cuml", fake)
        cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=lambda: count))
        monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
        _gpu.cuml.cache_clear()

    yield pretend
    _gpu.cuml.cache_clear()


@pytest.mark.parametrize(("method", "dims"), [("umap", 2), ("umap", 3), ("tsne", 2)])
def test_where_there_is_a_gpu_the_map_is_made_there_and_says_so(method: str, dims: int, gpus: Any) -> None:
    gpus(1)
    fitted = projections.fit_map(Z, method, seed=3, dims=dims)
    ((name, settings),) = Estimator.asked
    assert name.lower() == method and settings["n_components"] == dims
    assert fitted.library == "cuml 26.08" and fitted.p.shape == (60, dims)
    before = settings
    projections.fit_map(Z, method, seed=3, dims=dims)
    projections.fit_map(Z, method, seed=4, dims=dims)
    assert Estimator.asked[1][1] == before and Estimator.asked[2][1]["random_state"] != before["random_state"]


def test_knobs_and_what_was_lowered_reach_the_gpu_too(gpus: Any) -> None:
    gpus(1)
    fitted = projections.fit_map(Z, "umap", n_neighbors=100, metric="cosine")
    assert Estimator.asked[0][1] | {"n_neighbors": 59, "metric": "cosine"} == Estimator.asked[0][1]
    assert any("lowered from 100 to 59" in note for note in fitted.notes)
    assert any("perplexity was lowered" in note for note in projections.fit_map(Z, "tsne", perplexity=60.0).notes)


@pytest.mark.parametrize(
    ("method", "dims", "count"), [("tsne", 3, 1), ("densmap", 2, 1), ("pca", 2, 1), ("tsne", 2, 0)]
)
def test_what_cuml_cannot_do_or_has_no_gpu_for_is_made_on_the_cpu(
    method: str, dims: int, count: int, gpus: Any
) -> None:
    gpus(count)
    assert "cuml" not in projections.fit_map(Z, method, dims=dims).library
    assert not Estimator.asked


def test_a_gpu_that_is_not_wanted_is_left_alone(gpus: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(1)
    monkeypatch.setenv("MANIGEN_MAPS_ON", "cpu")
    assert _gpu.cuml() is None


def test_a_broken_driver_costs_nothing_but_the_gpu(gpus: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(1)

    def broken() -> int:
        raise RuntimeError("driver version is insufficient")

    monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "getDeviceCount", broken)
    assert _gpu.cuml() is None


def test_maps_of_gpu_and_cpu_are_kept_under_different_keys(gpus: Any, place: Any) -> None:
    def key(method: str, dims: int) -> str:
        knobs = projections.card_of(method).settings()
        return maps.key(Z, method, 0, dims, knobs)

    gpus(0)
    on_cpu = {(method, dims): key(method, dims) for method in ("umap", "tsne", "pca") for dims in (2, 3)}
    gpus(1)
    changed = {of for of, known in on_cpu.items() if key(*of) != known}
    assert changed == {("umap", 2), ("umap", 3), ("tsne", 2)}


def test_a_gpu_that_fails_is_said_in_a_sentence_with_the_way_out(gpus: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(1)
    monkeypatch.setattr(Estimator, "fails", True)
    with pytest.raises(ManigenError, match=r"out of device memory.*MANIGEN_MAPS_ON=cpu"):
        projections.fit_map(Z, "umap")
