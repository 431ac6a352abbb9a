"""Neighbours are searched for once: maps, measures and paths of the same codes share one search."""

from __future__ import annotations

import numpy as np
import pytest

from manigen import nearest, paths
from manigen.measures import _distortion, _map
from manigen.nearest import Nearest
from manigen.paths import _roads
from manigen.projections import fit_map
from tests import oracles


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
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


def test_only_the_last_few_code_sets_are_kept_and_many_codes_are_not():
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
