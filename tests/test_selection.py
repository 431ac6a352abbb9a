"""The selection: what lies inside a polygon, on the plane and on the plane that a map in space is seen on."""

from __future__ import annotations

import numpy as np
import pytest

from manigen.errors import ManigenError
from manigen.ui import selection


def test_what_is_seen_of_space_is_its_shadow_on_the_camera_s_plane():
    p = np.random.default_rng(0).normal(size=(50, 3))
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    seen = selection.seen(p, {"centre": [1.0, 2.0, 3.0], "axes": turn[:2].tolist()})
    assert np.allclose(seen, [[turn[0] @ (q - [1, 2, 3]), turn[1] @ (q - [1, 2, 3])] for q in p], atol=1e-5)
    assert selection.seen(p[:, :2], {}) is not None


@pytest.mark.parametrize("axes", [None, [[1, 0], [0, 1]], [[1, 0, float("nan")], [0, 1, 0]], "axes"])
def test_a_camera_that_is_none_is_refused(axes):
    with pytest.raises((ManigenError, KeyError, TypeError, ValueError)):  # what `show` takes for an empty selection
        selection.seen(np.zeros((3, 3)), {"centre": [0, 0, 0], "axes": axes})


def test_inside_a_bent_polygon_is_under_one_of_the_two_flanks_of_its_notch():
    polygon = np.array([[0, 0], [4, 0], [4, 3], [2, 1], [0, 3]], float)
    p = np.random.default_rng(2).uniform(-1, 5, (500, 2))
    left = (p[:, 1] < 3 - p[:, 0]) | (p[:, 1] < p[:, 0] - 1)
    box = (p > 0).all(axis=1) & (p[:, 0] < 4)
    assert (selection.inside(p, polygon) == (box & left)).all()
