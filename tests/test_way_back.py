"""The ways back: each against a closed form or another library, none jumps, and the best by measurement is taken."""

from __future__ import annotations

import numpy as np
import pytest

from manigen import maps
from manigen.projections import Map, _back, _trials, fit_map

WAYS = pytest.mark.parametrize("way", list(_back.WAYS))


@pytest.fixture(scope="module")
def bent():
    """2,000 points over which the codes bend, with a little noise."""
    chance = np.random.default_rng(0)
    p = chance.uniform(-1, 1, (2000, 2)).astype("f")
    z = np.stack([p[:, 0], p[:, 1], np.sin(4 * p[:, 0]) * p[:, 1]], axis=1) + chance.normal(0, 0.03, (2000, 3))
    return Map.of_places(z.astype("f"), p)


@WAYS
def test_a_place_of_the_map_gives_its_own_code_back(way, bent):
    bent.way = way
    assert np.allclose(bent.inverse_transform(bent.p), bent.z, atol=1e-2 if way.startswith("linear") else 1e-4)


@pytest.mark.parametrize("way", ["linear", "linear_16", "triangle"])
def test_codes_that_change_evenly_over_the_map_are_found_exactly_which_a_mean_does_not(way, monkeypatch):
    monkeypatch.setattr(_back, "RIDGE", 1e-9)
    chance = np.random.default_rng(1)
    p = chance.uniform(-1, 1, (800, 2)).astype("f")
    turn = chance.normal(size=(2, 6))
    atlas = Map.of_places((p @ turn + 3).astype("f"), p)
    asked = chance.uniform(-0.9, 0.9, (100, 2))
    atlas.way = way
    assert np.allclose(atlas.inverse_transform(asked), asked @ turn + 3, atol=1e-4)
    atlas.way = "mean"
    assert np.abs(atlas.inverse_transform(asked) - (asked @ turn + 3)).max() > 1e-2


def test_triangles_are_those_of_scipy(bent):
    from scipy.interpolate import LinearNDInterpolator

    asked = np.random.default_rng(2).uniform(-0.9, 0.9, (200, 2)).astype("f")
    bent.way = "triangle"
    assert np.allclose(bent.inverse_transform(asked), LinearNDInterpolator(bent.p, bent.z)(asked), atol=1e-3)


@pytest.mark.parametrize("way", [way for way in _back.WAYS if way != "triangle"])
@pytest.mark.parametrize(("start", "end"), [([-0.9, -0.8], [0.7, 0.9]), ([1.5, -4.0], [1.7, 5.0])])
def test_the_code_changes_without_a_jump_as_the_pointer_moves(way, start, end, bent):
    bent.way = way

    def largest(steps):
        codes = bent.inverse_transform(np.linspace(start, end, steps))
        return np.linalg.norm(np.diff(codes, axis=0), axis=1).max()

    assert largest(50_001) < 0.3 * largest(5001)


@WAYS
def test_far_from_the_map_the_answer_stays_among_codes(way, bent):
    bent.way = way
    far = bent.inverse_transform([[80.0, -60.0], [0.0, 1e4]])
    size = np.linalg.norm(bent.z - bent.z.mean(axis=0), axis=1).max()
    assert (np.linalg.norm(far - bent.z.mean(axis=0), axis=1) < 2 * size).all()


def test_the_way_that_measures_best_on_held_out_points_is_taken(bent):
    errors = maps.take_best_way(bent)
    assert set(errors) == set(_back.WAYS)
    assert bent.way == min(errors, key=errors.get) and bent.way.startswith("linear")
    assert errors[bent.way] < errors["mean"]
    assert maps.take_best_way(bent) == errors  # the second time from disk


def test_the_decoder_alone_has_learned_the_map_the_same_one_each_time(bent):
    held = np.random.default_rng(3).uniform(-0.95, 0.95, (300, 2)).astype("f")
    true = np.stack([held[:, 0], held[:, 1], np.sin(4 * held[:, 0]) * held[:, 1]], axis=1)
    decode = _back.Decoder.fit(bent.z, bent.p)
    wrong = np.square(decode(held) - true).sum(axis=1).mean()
    assert wrong < 0.05 * np.square(true - true.mean(axis=0)).sum(axis=1).mean()
    assert (_back.Decoder.fit(bent.z, bent.p)(held) == decode(held)).all()
    assert (_back.Decoder(decode.held)(held) == decode(held)).all()  # as it is kept on disk


def test_a_decoder_that_measures_best_is_kept_with_its_network_and_not_fitted_again(bent, tmp_path, monkeypatch):
    monkeypatch.setattr(maps, "folder", lambda: tmp_path)
    errors = dict.fromkeys(_back.WAYS, 0.5) | {"decoder": 0.1}
    monkeypatch.setattr(_trials, "measured", lambda z, p: errors)
    one, other = Map.of_places(bent.z, bent.p), Map.of_places(bent.z, bent.p)
    assert maps.take_best_way(one) == errors and one.way == "decoder"
    answer = one.inverse_transform([[0.1, 0.2]])
    monkeypatch.setattr(_back.Decoder, "fit", lambda *given: pytest.fail("it was fitted a second time"))
    maps.take_best_way(other)
    assert (other.inverse_transform([[0.1, 0.2]]) == answer).all()


def test_a_formula_of_ones_own_is_kept_and_few_points_are_not_measured():
    z = np.random.default_rng(0).normal(size=(60, 3)).astype("f")
    assert maps.take_best_way(fit_map(z, "pca")) == {}
    few = Map.of_places(z, z[:, :2])
    assert maps.take_best_way(few) == {} and few.way == "mean"


def test_points_on_one_line_have_no_triangles_and_the_mean_answers():
    z = np.arange(50, dtype="f")[:, None]
    line = Map.of_places(z, np.repeat(z, 2, axis=1))
    line.way = "triangle"
    assert np.isfinite(line.inverse_transform([[3.5, 3.5], [0.0, 9.0]])).all()
