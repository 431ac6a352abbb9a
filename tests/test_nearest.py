from __future__ import annotations

import numpy as np
import pytest

from manigen import nearest as room
from manigen.errors import BadInput
from manigen.nearest import Nearest
from tests import oracles


@pytest.mark.parametrize(("n", "d", "k"), [(1, 3, 1), (7, 5, 3), (31, 2, 5), (33, 2, 5), (1009, 11, 13)])
def test_the_nearest_are_those_of_a_search_through_all(n, d, k):
    rng = np.random.default_rng(n)
    z, query = rng.normal(3, 1, (n, d)).astype("f"), rng.normal(3, 1, (17, d)).astype("f")
    rows, distances = Nearest(z).find(query, k)
    expected_rows, expected = oracles.nearest(z, query, k)
    assert (rows == expected_rows).all()
    assert np.allclose(distances, expected, rtol=1e-6)


def test_the_answer_does_not_depend_on_the_size_of_the_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    near, query = Nearest(rng.normal(size=(500, 7))), rng.normal(size=(41, 7))
    at_once = near.find(query, 5)
    monkeypatch.setattr(room, "BLOCK", 1500)
    for whole, blocks in zip(at_once, near.find(query, 5), strict=True):
        assert (whole == blocks).all()


def test_far_from_the_origin_no_digit_is_lost():
    z = (1e4 + np.random.default_rng(0).normal(0, 0.1, (400, 5))).astype("f")
    rows, distances = Nearest(z).find(z, 1)
    assert (rows[:, 0] == np.arange(400)).all()
    assert (distances == 0).all()


def test_codes_far_from_all_others_are_told_apart_all_the_same():
    rng = np.random.default_rng(0)
    remote = 1000 + rng.normal(0, 0.05, (6, 3))
    near = Nearest(np.concatenate([rng.normal(size=(500, 3)), remote]))
    query = (remote + rng.normal(0, 0.01, remote.shape)).astype("f")
    assert (near.find(query)[0] == oracles.nearest(near.z, query, 1)[0]).all()


def test_of_two_copies_the_earlier_is_named_first():
    once = np.random.default_rng(0).normal(size=(100, 3)).astype("f")
    rows, _ = Nearest(np.concatenate([once, once])).find(once, 2)
    assert (rows == np.arange(100)[:, None] + [0, 100]).all()


def test_fewer_codes_than_asked_for_are_all_returned():
    rows, _ = Nearest([[0.0], [1.0], [5.0]]).find([[0.9]], 10)
    assert rows.tolist() == [[1, 0, 2]]


def test_typical_is_the_quantile_of_the_distances_between_fellows():
    z = np.cumsum(np.arange(1, 101))[:, None].astype("f")  # gaps 2, 3, ... 100, so nearest fellows at 2, 2, 3, ... 100
    fellows = [2.0, *range(2, 101)]
    assert Nearest(z).typical == pytest.approx(np.quantile(fellows, 0.95))


def test_how_far_is_nothing_on_a_code_and_about_one_between_codes_of_one_kind():
    rng = np.random.default_rng(0)
    near = Nearest(rng.normal(size=(2000, 6)))
    assert (near.how_far(near.z[:9]) == 0).all()
    share_within = (near.how_far(rng.normal(size=(2000, 6))) <= 1).mean()
    assert 0.93 < share_within < 0.97
    assert near.how_far([[50.0] * 6])[0] > 20


def test_copies_of_a_code_and_a_code_alone_still_have_a_finite_distance():
    assert Nearest(np.ones((5, 2))).how_far([[1.0, 3.0]]) == [2.0]
    assert Nearest([[1.0, 1.0]]).how_far([[1.0, 3.0]]) == [2.0]
    once = np.random.default_rng(0).normal(size=(300, 3))
    assert Nearest(np.repeat(once, 2, axis=0)).typical == Nearest(once).typical


@pytest.mark.filterwarnings("error")
def test_codes_absurdly_far_away_are_infinitely_far_without_a_warning():
    near = Nearest(np.random.default_rng(0).normal(size=(100, 4)))
    assert near.how_far([[1e30] * 4])[0] > 1e29
    assert np.isinf(near.how_far([[3e38] * 4])[0])


@pytest.mark.parametrize("bad", [np.full((3, 2), np.nan), np.zeros((0, 2)), "codes", [[1.0], [1.0, 2.0]]])
def test_bad_codes_are_refused_in_a_sentence(bad):
    with pytest.raises(BadInput, match="codes must"):
        Nearest(bad)


def test_a_code_of_another_width_is_refused():
    with pytest.raises(BadInput, match="2 numbers"):
        Nearest(np.zeros((3, 2))).find(np.zeros((1, 3)))
