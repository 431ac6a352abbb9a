"""Un-warping: what a map tore comes home, what does not belong leaves, and distances are those of the codes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr

from manigen.nearest import Nearest
from manigen.projections import Map, _unwarp, fit_map

K = 24


def surroundings(fitted, row):
    near = Nearest(fitted.z).find(fitted.z[row], K + 1)[0][0]
    beside = fitted.neighbours(fitted.p[row], K + 1)[0][0]
    return near[near != row][:K], beside[beside != row][:K]


def torn_sheet():
    """A flat sheet in 5-D whose map is cut in two, the right half carried off to the left of the left one."""
    sheet = np.random.default_rng(0).uniform(-1, 1, (900, 2)).astype("f")
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 2)))
    p = np.where(sheet[:, :1] > 0, sheet - [3, 0], sheet).astype("f")
    return Map.of_places((sheet @ turn.T).astype("f"), p), sheet


def test_at_a_tear_the_neighbours_come_home_and_all_distances_are_the_codes_up_to_one_size():
    torn, sheet = torn_sheet()
    row = int(np.abs(sheet).sum(axis=1).argmin())  # right at the cut
    near, beside = surroundings(torn, row)
    found = _unwarp.around(torn, row, near, beside)
    assert found.rows[0] == row and np.allclose(found.places[0], torn.p[row])
    assert set(found.rows) == {row, *near, *beside}
    assert np.linalg.norm(torn.p[near] - torn.p[row], axis=1).max() > 2  # half of them were far away
    home = found.places[found.true]
    apart, true = cdist(home, home), cdist(torn.z[found.rows[found.true]], torn.z[found.rows[found.true]])
    ratio = apart[np.triu_indices(K, 1)] / true[np.triu_indices(K, 1)]
    assert ratio.std() / ratio.mean() < 0.01 and ratio.mean() == pytest.approx(1, abs=0.3)
    intruders = np.linalg.norm(found.places[~found.true][1:] - found.places[0], axis=1)
    assert intruders.min() > np.linalg.norm(home - found.places[0], axis=1).max() - 1e-3


def test_where_the_map_does_not_lie_nothing_moves():
    sheet = np.random.default_rng(0).uniform(-1, 1, (600, 2)).astype("f")
    honest = Map.of_places(sheet, sheet)
    near, beside = surroundings(honest, 3)
    found = _unwarp.around(honest, 3, near, beside)
    assert np.allclose(found.places, sheet[found.rows], atol=1e-3)


@pytest.mark.parametrize("dims", [2, 3])
def test_around_points_of_a_real_map_distances_are_far_truer_afterwards(dims):
    z = np.random.default_rng(2).normal(size=(500, 6)).astype("f")
    fitted = fit_map(z, "pca", dims=dims)
    before, after = [], []
    for row in range(0, 500, 25):
        found = _unwarp.around(fitted, row, *surroundings(fitted, row))
        true = cdist(z[found.rows], z[found.rows])[np.triu_indices(len(found.rows), 1)]
        for where, places in ((before, fitted.p[found.rows]), (after, found.places)):
            where.append(spearmanr(true, cdist(places, places)[np.triu_indices(len(found.rows), 1)])[0])
    assert np.mean(after) > np.mean(before) + 0.1


def test_copies_and_points_all_in_one_place_are_no_trouble():
    z = np.zeros((40, 3), "f")
    z[30:] = np.random.default_rng(3).normal(size=(10, 3))
    fitted = Map.of_places(z, z[:, :2])
    found = _unwarp.around(fitted, 0, *surroundings(fitted, 0))
    assert np.isfinite(found.places).all()
