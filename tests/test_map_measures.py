"""Where a map lies: each measure against its slow twin, at both anchors, and on maps whose lie is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from manigen import measures
from manigen.discovery import discover
from manigen.errors import BadInput
from manigen.measures import (
    _distortion,
    density_correlation,
    neighbour_recall,
    rnx_area,
    shepard_correlation,
    triplet_accuracy,
)
from manigen.measures._map import fellows
from manigen.measures.base import strangers
from tests import oracles

OF_MAPS = {name: module for name, module in discover("manigen.measures").items() if module.card.facts["of"] == "map"}
EACH = pytest.mark.parametrize("name", OF_MAPS)


@pytest.fixture(scope="module")
def small():
    """60 codes in 5 dimensions and their first two numbers, a little shaken: a map that lies here and there."""
    chance = np.random.default_rng(0)
    z = chance.normal(size=(60, 5)).astype("f")
    return z, (z[:, :2] + chance.normal(0, 0.3, (60, 2))).astype("f")


@pytest.fixture(scope="module")
def flat():
    """1,500 places, which are their own codes."""
    return np.random.default_rng(1).normal(size=(1500, 2)).astype("f")


# --- anchors ----------------------------------------------------------------------------------------------------------


@EACH
def test_a_perfect_map_has_the_best_value_and_a_shuffled_one_that_of_chance(name, flat):
    module = OF_MAPS[name]
    shuffled = np.random.default_rng(2).permutation(flat)
    by_chance = 15 / 1499 if name == "neighbour_recall" else module.card.facts["random"]
    assert module.measure(flat, 3 * flat + 1) == pytest.approx(module.card.facts["best"], abs=1e-6)
    assert module.measure(flat, shuffled) == pytest.approx(by_chance, abs=0.04)


@EACH
def test_a_sample_is_close_to_all_and_the_same_seed_gives_the_same_number(name, flat):
    module = OF_MAPS[name]
    p = (flat + np.random.default_rng(3).normal(0, 0.3, flat.shape)).astype("f")
    whole = module.measure(flat, p, sample=100_000 if name == "triplet_accuracy" else 1500)
    assert module.measure(flat, p, sample=400, seed=5) == pytest.approx(whole, abs=0.06)
    assert module.measure(flat, p, sample=400, seed=5) == module.measure(flat, p, sample=400, seed=5)


@EACH
def test_codes_and_places_that_do_not_fit_are_refused_in_a_sentence(name, flat):
    with pytest.raises(BadInput, match="equally many") as caught:
        OF_MAPS[name].measure(flat, flat[:-1])
    assert oracles.is_one_sentence(caught.value)
    with pytest.raises(BadInput, match="finite"):
        OF_MAPS[name].measure(flat, flat * np.nan)


# --- against the definitions ------------------------------------------------------------------------------------------


def test_recall_and_the_curve_are_those_of_the_co_ranking_matrix(small):
    z, p = small
    n, counts = len(z), oracles.co_ranking(z, p)
    assert neighbour_recall.measure(z, p, k=7) == pytest.approx(counts[1:8, 1:8].sum() / (7 * n))
    shares = np.array([counts[1 : k + 1, 1 : k + 1].sum() / (k * n) for k in range(1, n - 1)])
    scale = np.arange(1, n - 1)
    expected = ((n - 1) * shares - scale) / (n - 1 - scale)
    assert np.allclose(rnx_area.curve(z, p), expected)
    assert rnx_area.measure(z, p) == pytest.approx(np.average(expected, weights=1 / scale))


def test_triplets_are_those_of_all_triplets(small):
    z, p = small[0][:20], small[1][:20]
    assert triplet_accuracy.measure(z, p, sample=200_000) == pytest.approx(oracles.triplets(z, p), abs=0.005)


def test_correlations_are_scipys(small):
    from scipy.spatial.distance import pdist

    z, p = small
    assert shepard_correlation.measure(z, p) == pytest.approx(spearmanr(pdist(z), pdist(p)).statistic, abs=1e-4)
    radii = [np.log(np.sort(np.linalg.norm(a[:, None] - a, axis=2), axis=1)[:, 1:6].mean(axis=1)) for a in small]
    assert density_correlation.measure(z, p, k=5) == pytest.approx(pearsonr(*radii).statistic, abs=1e-5)
    counts = shepard_correlation.plot(z, p)
    assert counts.sum() == 60 * 59 // 2
    assert counts[-1].sum() > 0 and counts[:, -1].sum() > 0


def test_fellows_are_never_oneself_among_copies_either():
    a = np.repeat(np.random.default_rng(0).normal(size=(12, 2)), 5, axis=0).astype("f")
    for codes in (a, np.tile(a, 3)):
        rows, distances = fellows(codes, 3)
        assert (rows != np.arange(60)[:, None]).all()
        assert (distances < 1e-6).all()


# --- point by point ---------------------------------------------------------------------------------------------------


def test_ranks_among_a_drawn_sample_are_right_on_average(flat):
    p = (flat + np.random.default_rng(3).normal(0, 0.4, flat.shape)).astype("f")
    exact, drawn = strangers(p, flat, 15, 1500, 0), strangers(p, flat, 15, 1500, 0, among=500)
    assert drawn.mean() == pytest.approx(exact.mean(), abs=0.002)
    assert np.corrcoef(exact, drawn)[0, 1] > 0.98


def test_a_group_put_into_another_is_seen_as_intruders_and_a_group_cut_in_two_as_torn():
    chance = np.random.default_rng(4)
    z = np.concatenate([chance.normal(size=(100, 2)), chance.normal(size=(100, 2)) + 20]).astype("f")
    z = np.pad(z, ((0, 0), (0, 2)))
    p = z[:, :2].copy()
    p[190:] -= 20  # ten of the second group stand among the first
    found = _distortion.of(z, p)
    assert found.points["intruders"][190:].min() > 5 * found.points["intruders"][:100].mean() > 0
    assert set(range(190, 200)) <= set(found.hollow.tolist())
    cut = z[:, :2].copy()
    cut[:100, 0] += np.where(cut[:100, 0] > 0, 40, 0)
    torn = _distortion.of(z, cut).points["torn"][:100]
    edge = np.abs(z[:100, 0]) < 0.4
    assert torn[edge].mean() > 2 * torn[~edge].mean()


def test_density_and_area_are_those_of_a_stretch_that_is_known():
    chance = np.random.default_rng(5)
    p = chance.uniform(size=(3000, 2)).astype("f")
    z = p.copy()
    right = p[:, 0] > 0.5
    z[right] = (p[right] - [0.5, 0]) * 4 + [0.5, 0]  # here a step on the map covers four times as much
    found = _distortion.of(np.pad(z, ((0, 0), (0, 3))), p)
    inner = np.abs(p[:, 0] - 0.5) > 0.1
    gain = np.median(found.points["area"][right & inner]) - np.median(found.points["area"][~right & inner])
    assert gain == pytest.approx(2 * np.log(4), abs=0.1)
    thin = np.median(found.points["density"][right & inner]) - np.median(found.points["density"][~right & inner])
    assert thin == pytest.approx(-np.log(4), abs=0.1)


def test_all_figures_at_once_are_those_of_the_measures_one_by_one(small):
    z, p = small
    found = _distortion.of(z, p)
    one_by_one = measures.of_map(type("Fitted", (), {"z": z, "p": p}))
    assert set(found.figures) == set(one_by_one)
    for name, (value, error) in found.figures.items():
        assert value == pytest.approx(one_by_one[name], abs=1e-6), name
        assert error >= 0


def test_a_perfect_map_has_no_hollow_points(flat):
    assert len(_distortion.of(flat, flat).hollow) == 0


def test_a_distortion_comes_back_from_its_arrays(small):
    found = _distortion.of(*small)
    back = _distortion.from_arrays(_distortion.arrays(found))
    assert back.figures == found.figures and back.k == found.k
    assert (back.hollow == found.hollow).all() and np.allclose(back.curve, found.curve)
    for name in _distortion.POINTWISE:
        assert np.allclose(back.points[name], found.points[name], atol=5e-3)


@pytest.mark.parametrize("n", [3, 5, 31])
def test_a_handful_of_codes_can_be_measured_and_equal_places_break_nothing(n):
    z = np.random.default_rng(0).normal(size=(n, 4)).astype("f")
    for p in (z[:, :2], np.zeros((n, 2), "f")):
        found = _distortion.of(z, p)
        assert all(np.isfinite(value) for value, _ in found.figures.values())
        assert all(np.isfinite(column).all() for column in found.points.values())
