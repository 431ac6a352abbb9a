"""Stability: what is steady reads 0, what chance laid out reads 1, and ghosts lie where the map was made again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from manigen import maps, projections
from manigen.live.fits import Fits
from manigen.measures import _stability
from manigen.projections import Map, fit_map

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def codes():
    return (np.random.default_rng(0).normal(size=(400, 5)) * [5, 3, 1, 1, 1]).astype("f")


def test_every_code_is_left_out_once_and_each_making_has_four_fifths():
    rows = _stability.folds(103, seed=4)
    assert len(rows) == 5 and all(len(part) in (82, 83) for part in rows)
    assert (np.bincount(np.concatenate(rows), minlength=103) == 4).all()
    assert not np.array_equal(rows[0], _stability.folds(103, seed=5)[0])


@pytest.mark.parametrize("dims", [2, 3])
def test_a_map_that_was_only_turned_mirrored_moved_and_scaled_is_perfectly_steady(dims):
    chance = np.random.default_rng(1)
    p = chance.normal(size=(300, dims))
    makings = []
    for rows in _stability.folds(300):
        turn, _ = np.linalg.qr(chance.normal(size=(dims, dims)))
        makings.append((rows, 7 * p[rows] @ turn * [-1, *[1] * (dims - 1)] + 30))
    found = _stability.of(p, makings)
    assert found.spread.max() < 1e-5 and found.typical < 1e-5
    assert np.isnan(found.ghosts).all(axis=2).sum(axis=1).tolist() == [1] * 300
    assert np.allclose(np.nanmean(found.ghosts, axis=1), p, atol=1e-5)


def test_a_map_laid_out_by_chance_alone_reads_one_and_is_not_shrunk_to_a_dot():
    chance = np.random.default_rng(2)
    makings = [(rows, chance.normal(size=(len(rows), 2))) for rows in _stability.folds(4000)]
    found = _stability.of(chance.normal(size=(4000, 2)), makings)
    assert np.sqrt(np.square(found.spread).mean()) == pytest.approx(1, abs=0.03)


def test_the_turn_is_that_of_scipys_procrustes():
    chance = np.random.default_rng(3)
    p, made = chance.normal(size=(50, 2)), chance.normal(size=(50, 2)) * 4
    turn, _ = orthogonal_procrustes(made - made.mean(0), p - p.mean(0))
    expected = (made - made.mean(0)) @ turn
    expected *= np.linalg.norm(p - p.mean(0)) / np.linalg.norm(expected)
    assert np.allclose(_stability.laid_over(made, p), expected + p.mean(0))


def test_only_the_points_that_moved_are_strewn():
    p = np.random.default_rng(4).normal(size=(500, 2))
    makings = []
    for b, rows in enumerate(_stability.folds(500)):
        made = p[rows].copy()
        made[rows < 5] += 4 * np.array([np.cos(b), np.sin(b)])
        makings.append((rows, made))
    spread = _stability.of(p, makings).spread
    assert spread[:5].min() > 10 * spread[5:].max()


def test_pca_is_steadier_than_a_map_of_noise_and_it_is_found_out_once(codes, monkeypatch):
    steady = fit_map(codes, "pca")
    assert maps.known_stability(steady) is None
    told = []
    found = maps.stability(steady, lambda share, words, p: told.append(share))
    assert found.typical < 0.1 and told == sorted(told) and 0 < max(told) <= 1
    noise = np.random.default_rng(5).normal(size=(200, 40)).astype("f")
    assert maps.stability(fit_map(noise, "pca")).typical > 3 * found.typical
    monkeypatch.setattr(projections, "fit_map", lambda *given, **named: pytest.fail("it was made a second time"))
    assert (maps.stability(steady).spread == found.spread).all()
    assert maps.known_stability(fit_map(codes + 1, "pca")) is None


def test_of_many_codes_some_are_drawn_each_time_and_the_others_are_placed(codes, monkeypatch):
    monkeypatch.setattr(maps, "AGAIN", 100)
    fitted, sizes = [], fit_map
    monkeypatch.setattr(projections, "fit_map", lambda z, *given, **named: fitted.append(len(z)) or sizes(z, *given))
    found = maps.stability(fit_map(codes, "pca"))
    assert fitted == [100] * 5
    assert np.isfinite(found.ghosts).all(axis=2).sum(axis=1).tolist() == [4] * 400


def test_it_is_found_out_elsewhere_with_progress_and_stopped(codes):
    queue = Fits()
    try:
        fit = queue.stability(fit_map(codes, "pca"))
        assert fit.ended.wait(60) and fit.state == "done", fit.error
        assert maps.known_stability(fit_map(codes, "pca")).ghosts.shape == (400, 5, 2)
        long = np.random.default_rng(1).normal(size=(1500, 30)).astype("f")
        slow = queue.stability(Map.of_places(long, long[:, :2], "mds", max_iter=1000))
        while slow.share == 0 and not slow.over:
            slow.ended.wait(0.02)
        queue.stop(slow.of)
        assert slow.ended.wait(20) and slow.state == "stopped"
    finally:
        queue.close()


def test_a_damaged_file_is_found_out_anew(codes, place):
    steady = fit_map(codes, "pca")
    maps._write(maps.stability_key(steady), {"ghosts": np.zeros(3), "spread": np.zeros(2)})
    assert maps.known_stability(steady) is None
    assert maps.stability(steady).typical < 0.1
