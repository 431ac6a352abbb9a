"""Neighbours are searched for once: maps, measures and paths of the same codes share one search."""

from __future__ import annotations

import multiprocessing
import os

import numpy as np
import pytest

from manigen import files, kept, maps, nearest, paths
from manigen.measures import _distortion, _map
from manigen.nearest import Nearest
from manigen.paths import _roads
from manigen.projections import fit_map
from tests import oracles


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch, place):
    monkeypatch.setattr(nearest, "_searches", type(nearest._searches)())


@pytest.fixture
def whole(monkeypatch):
    """How often all codes were searched for among all."""
    counted = []
    find = Nearest.find

    def counting(self, z, k=1):
        if len(z) == len(self.z):
            counted.append((len(z), k))
        return find(self, z, k)

    monkeypatch.setattr(Nearest, "find", counting)
    return counted


class Plane:
    """A decoder whose pictures are the codes themselves."""

    def decode(self, z):
        return np.asarray(z, np.float32)[:, None, None, :]


@pytest.mark.slow
def test_one_search_serves_umap_tsne_trustworthiness_and_the_graph_path(whole, monkeypatch):
    monkeypatch.setattr("manigen.projections.umap.ALL_PAIRS", 0)  # so that few codes are treated as many
    z = np.random.default_rng(0).normal(size=(1100, 4)).astype("f")
    fitted = fit_map(z, "umap")
    fit_map(z, "tsne")
    fit_map(z, "isomap")
    _distortion.of(z, fitted.p)
    paths.walk(Plane(), z[0], z[9], kind="graph", codes=z)
    assert whole == [(1100, nearest.WIDE + 1)]


def test_the_shared_fellows_are_those_of_the_slow_twin_whatever_was_asked_before():
    z = np.random.default_rng(1).normal(size=(130, 3)).astype("f")
    slow_rows, slow_far = oracles.nearest(z, z, 101)
    for k in (5, 100, 12):  # within what is kept, beyond it, within again
        rows, far = nearest.fellows(z, k)
        assert (rows == slow_rows[:, 1 : k + 1]).all() and np.allclose(far, slow_far[:, 1 : k + 1], atol=1e-5)
    assert nearest.fellows(z, 500)[0].shape == (130, 129)
    assert nearest.fellows(z[:1], 3)[0].shape == (1, 0)
    assert (nearest.fellows(2 * z, 5)[1] > nearest.fellows(z, 5)[1]).all()


def test_what_is_shared_cannot_be_changed_by_one_who_asks():
    z = np.random.default_rng(2).normal(size=(50, 3)).astype("f")
    with pytest.raises(ValueError):
        nearest.fellows(z, 3)[0][0, 0] = 7


def test_only_the_last_few_code_sets_are_kept_in_memory_however_many_codes_come():
    for seed in range(6):
        nearest.fellows(np.random.default_rng(seed).normal(size=(40, 3)), 3)
    assert len(nearest._searches) == nearest.KEPT
    nearest.fellows(np.random.default_rng(9).normal(size=(nearest.TOGETHER + 1, 1)), 1)
    assert len(nearest._searches) == nearest.KEPT


def test_a_code_among_more_copies_than_neighbours_is_not_its_own_fellow():
    z = np.zeros((30, 2), "f")
    z[20:] += np.arange(10)[:, None]
    rows, far = _map.fellows(np.hstack([z, z]), 4)
    assert (rows != np.arange(30)[:, None]).all() and (far[:20] == 0).all()


@pytest.mark.parametrize("copies", [0, 5])
def test_the_roads_are_the_same_whether_the_search_was_shared_or_not(copies, monkeypatch):
    z = np.random.default_rng(3).normal(size=(120, 4)).astype("f")
    z = np.concatenate([z, z[:copies]])
    shared = _roads.Country(z, 6).edges
    monkeypatch.setattr(_roads.Country, "_shared", lambda self: self.near.find(self.near.z, 7)[0][:, 1:])
    assert (_roads.Country(z, 6).edges == shared).all()


# --- on disk ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def codes(monkeypatch):
    monkeypatch.setattr(nearest, "ON_DISK", 100)
    return np.random.default_rng(4).normal(size=(150, 3)).astype("f")


def forget():
    nearest._searches.clear()


def test_a_restarted_process_reads_the_neighbours_and_does_not_search(codes, whole, place):
    first = nearest.fellows(codes, 5)
    forget()
    again = nearest.fellows(codes, 20)
    assert whole == [(150, nearest.WIDE + 1)] and len(list(place.glob("*.npz"))) == 1
    assert (again[0][:, :5] == first[0]).all() and (again[1][:, :5] == first[1]).all() and again[0].dtype == np.int64
    with pytest.raises(ValueError):
        again[0][0, 0] = 7


def test_more_neighbours_than_are_kept_are_searched_for_once_and_kept_instead(codes, whole, place):
    nearest.fellows(codes, 5)
    forget()
    assert nearest.fellows(codes, 100)[0].shape == (150, 100)
    forget()
    assert nearest.fellows(codes, 5)[0].shape == (150, 5)
    assert whole == [(150, nearest.WIDE + 1), (150, 101)] and len(list(place.glob("*.npz"))) == 1


def test_few_codes_are_not_worth_a_file(codes, place):
    nearest.fellows(codes[:99], 3)
    assert not list(place.glob("*.npz"))


@pytest.mark.parametrize("damage", ["cut", "text", "rows", "shape", "names"])
def test_a_damaged_file_of_neighbours_is_made_anew(damage, codes, whole, place):
    right = nearest.fellows(codes, 5)
    (path,) = place.glob("*.npz")
    held = files.read_npz(path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "text":
        path.write_text("no neighbours here")
    else:
        wrong = {"rows": {"rows": held["rows"] + 100}, "shape": {"rows": held["rows"][:-1]}, "names": {}}[damage]
        files.write_npz(path, (held if damage != "names" else {"p": held["rows"]}) | wrong)
    forget()
    assert (nearest.fellows(codes, 5)[0] == right[0]).all() and len(whole) == 2
    assert (files.read_npz(path)["rows"] == held["rows"]).all()


def test_neighbours_count_towards_the_limit_of_the_folder_that_maps_lie_in(codes, place, monkeypatch):
    monkeypatch.setenv("MANIGEN_MAPS_MB", "0.3")  # two searches of 150 codes have room
    maps.fit(codes, "pca")
    os.utime(next(place.glob("*.npz")), (1, 1))  # asked for long ago
    for shift in range(3):
        nearest.fellows(codes + shift, 5)
        for path in place.glob("*.npz"):
            os.utime(path, (2 + shift, 2 + shift)) if path.stat().st_mtime > 100 else None
    left = sorted(path.stat().st_mtime for path in place.glob("*.npz"))
    assert sum(path.stat().st_size for path in place.glob("*.npz")) <= 300_000 and left == [3, 4]


def search_often(place, codes, times):
    kept.folder = lambda: place
    nearest.ON_DISK = 100
    for _ in range(times):
        nearest._searches.clear()
        for path in place.glob("*.npz"):
            path.unlink(missing_ok=True)
        nearest.fellows(codes, 5)


def test_two_processes_may_search_for_the_same_neighbours(codes, place):
    right = oracles.nearest(codes, codes, 6)[0][:, 1:]
    others = [multiprocessing.get_context("fork").Process(target=search_often, args=(place, codes, 40)) for _ in (0, 1)]
    for other in others:
        other.start()
    while any(other.is_alive() for other in others):
        forget()
        assert (nearest.fellows(codes, 5)[0] == right).all()
    for other in others:
        other.join()
        assert other.exitcode == 0
