"""Held-out pictures: the distance to the third-nearest of them, the floor beside it, and what a walk reports."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from manigen import held_out, paths, weights
from manigen.held_out import HeldOut
from manigen.weights import Codes

X = np.random.default_rng(0).integers(0, 256, (40, 1, 3, 5)).astype(np.uint8)


def test_the_distance_is_that_to_the_third_nearest_of_a_slow_search():
    x = np.random.default_rng(1).random((7, 1, 3, 5)).astype("f")
    slow = [sorted(np.linalg.norm(one - other / 255) for other in X)[2] for one in x]
    assert HeldOut(X).far(x) == pytest.approx(slow, rel=1e-4)
    assert HeldOut(X[:2]).far(x[:1])[0] == pytest.approx(
        max(np.linalg.norm(x[0] - one / 255) for one in X[:2]), rel=1e-4
    )


def test_a_picture_is_not_compared_with_its_own_original_where_that_is_named():
    pictures = HeldOut(X, np.arange(100, 140))
    seen = pictures.far(X[:4] / np.float32(255), np.arange(100, 104))
    slow = [
        sorted(np.linalg.norm(X[i] / 255.0 - other / 255.0) for j, other in enumerate(X) if j != i)[2] for i in range(4)
    ]
    assert seen == pytest.approx(slow, rel=1e-3)


def test_the_floor_is_what_reconstructions_score_without_their_originals():
    z = X.reshape(40, -1).astype("f") / 255
    model = SimpleNamespace(decode=lambda z: z)
    blank = np.zeros(40, np.float32)
    codes = Codes(z, np.zeros(40, int), np.repeat([0, 1], 20), np.arange(40), blank)
    floor = HeldOut(X).floor(model, codes)
    slow = [sorted(np.linalg.norm(z[i] - other) for j, other in enumerate(z) if j != i)[2] for i in range(20, 40)]
    assert floor == pytest.approx(np.mean(slow), rel=1e-3)
    assert HeldOut(X).floor(model, Codes(z, codes.labels, np.full(40, 2), codes.rows, blank)) is None


def test_the_floor_of_large_pictures_which_decode_slowly_is_taken_over_fewer():
    for side, asked in ((8, 200), (128, 50), (512, 32)):
        decoded: list[int] = []

        def decode(z, side=side, decoded=decoded):
            decoded.append(len(z))
            return np.zeros((len(z), 3, side, side), np.float32)

        many = np.arange(300)
        codes = Codes(np.zeros((300, 2), np.float32), many, np.ones(300, int), many, np.zeros(300, np.float32))
        HeldOut(np.zeros((4, 3, side, side), np.uint8)).floor(SimpleNamespace(decode=decode), codes)
        assert sum(decoded) == asked


def test_pictures_are_at_hand_only_where_their_data_set_is_and_fits():
    found = held_out.at_hand({"name": "digits"}, (1, 8, 8))
    assert found is not None and len(found.x) == len(found.rows) > 100 and found.x.max() <= 1
    assert held_out.at_hand({"name": "digits"}, (1, 28, 28)) is None
    assert held_out.at_hand({"name": "/etc"}, (1, 8, 8)) is None
    assert held_out.at_hand({}, (1, 8, 8)) is None


def test_a_walk_reports_its_distance_to_held_out_pictures_and_its_fog():
    model, codes = weights.load("bars-geometric"), weights.codes("bars-geometric")
    pictures = held_out.at_hand({"name": "bars"}, model.shape)
    way = paths.walk(model, codes.z[0], codes.z[9], "straight", 9, codes.taught, held_out=pictures)
    assert way.held_out_distance == pytest.approx(pictures.far(model.decode(way.codes)), rel=1e-4)
    assert way.fog == pytest.approx(model.fog(way.codes)) and way.fog.shape == (9,)
    plain = paths.walk(SimpleNamespace(decode=model.decode), codes.z[0], codes.z[9], "straight", 9)
    assert plain.fog is None and plain.held_out_distance is None
