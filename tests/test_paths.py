from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manigen import paths
from manigen.discovery import discover
from manigen.errors import BadInput, ManigenError, UnknownName
from manigen.nearest import Nearest
from manigen.paths.base import Manifold

KINDS = pytest.mark.parametrize("kind", list(discover("manigen.paths")))
RNG = np.random.default_rng(0)
CODES = RNG.normal(size=(53, 7)).astype("f")


def decoder(decode):
    """A generator that only decodes, as a user's own may."""
    return SimpleNamespace(decode=decode)


SAME = decoder(lambda z: z)
SPHERE = decoder(lambda z: z / np.linalg.norm(z, axis=1, keepdims=True))


def trace(kind, start, end, steps=33):
    return paths.through([start, end], kind, steps)


# --- every kind of path -----------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("steps", [2, 3, 65])
def test_every_path_begins_and_ends_exactly_at_its_ends(kind, steps):
    way = paths.through(CODES[:2], kind, steps, SAME.decode, CODES)
    assert way.codes.shape == (steps, 7)
    assert way.codes.dtype == np.float32
    assert np.isfinite(way.codes).all()
    assert (way.codes[[0, -1]] == CODES[:2]).all()


@KINDS
def test_every_path_walks_through_all_its_ends_in_turn(kind):
    way = paths.through(CODES[:5], kind, 41, SAME.decode, CODES)
    assert (way.codes[[0, 10, 20, 30, 40]] == CODES[:5]).all()
    uneven = paths.through(CODES[:4], kind, 11, SAME.decode, CODES)
    assert (uneven.codes[[0, 3, 7, 10]] == CODES[:4]).all()
    assert (paths.through(CODES[:4], kind, 4, SAME.decode, CODES).codes == CODES[:4]).all()


@KINDS
def test_between_equal_ends_every_path_stands_still_and_says_so(kind):
    still = paths.walk(SAME, CODES[0], CODES[0], kind, 9, CODES)
    assert (still.codes == CODES[0]).all()
    assert (still.length, still.energy, still.evenness) == (0, 0, 1)
    assert "stays the same" in still.notes[-1]


@KINDS
def test_no_path_changes_what_it_is_given(kind):
    ends, codes = CODES[:3].copy(), CODES.copy()
    paths.walk_through(SAME, ends, kind, 9, codes)
    assert (ends == CODES[:3]).all()
    assert (codes == CODES).all()


@KINDS
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e15])
def test_every_path_stays_finite_at_any_scale(kind, scale):
    way = paths.walk(SAME, CODES[0] * scale, CODES[1] * scale, kind, 9, CODES * scale)
    assert np.isfinite(way.codes).all()
    assert 0 < way.evenness <= 1
    assert np.isfinite(way.distance_to_data).all()


def test_every_path_has_a_source():
    for name, card in paths.cards().items():
        assert card.sentence and card.reference and card.link.startswith("http"), name


# --- straight ---------------------------------------------------------------------------------------------------------


def test_straight_takes_equal_steps_along_the_line():
    way = trace("straight", CODES[0], CODES[1], 11).codes.astype(float)
    t = np.arange(11)[:, None] / 10
    assert np.allclose(way, CODES[0] + t * (CODES[1] - CODES[0]), atol=1e-6)


# --- great circle -----------------------------------------------------------------------------------------------------


def test_great_circle_agrees_with_scipy_on_the_sphere():
    from scipy.spatial import geometric_slerp

    u, v = (code / np.linalg.norm(code) for code in CODES[:2].astype(float))
    expected = geometric_slerp(u, v, np.linspace(0, 1, 33))
    assert np.allclose(trace("great_circle", u, v).codes, expected, atol=1e-6)


def test_great_circle_meets_ends_along_the_axes_to_the_last_bit():
    way = trace("great_circle", [0.0, 3.0, 0.0], [5.0, 0.0, 0.0])
    assert (way.codes[[0, -1]] == [[0, 3, 0], [5, 0, 0]]).all()


def test_great_circle_keeps_its_speed():
    u, v = (3 * code / np.linalg.norm(code) for code in CODES[:2])
    steps = np.linalg.norm(np.diff(trace("great_circle", u, v).codes.astype(float), axis=0), axis=1)
    assert np.allclose(steps, steps[0], rtol=1e-4)


def test_great_circle_changes_its_distance_from_the_origin_evenly():
    norms = np.linalg.norm(trace("great_circle", CODES[0], 4 * CODES[1], 17).codes.astype(float), axis=1)
    assert np.allclose(np.diff(norms), (norms[-1] - norms[0]) / 16, atol=1e-5)


def test_great_circle_on_a_sphere_is_as_long_as_the_angle():
    angle = np.arccos(CODES[0] @ CODES[1] / np.linalg.norm(CODES[0]) / np.linalg.norm(CODES[1]))
    way = paths.walk(SPHERE, CODES[0], CODES[1], "great_circle", 65)
    assert way.length == pytest.approx(angle, abs=1e-3)
    assert way.evenness == pytest.approx(1, abs=1e-6)
    straight = paths.walk(SPHERE, CODES[0], CODES[1], "straight", 65)
    assert straight.length == pytest.approx(angle, abs=1e-3)  # the same points of the sphere, at another speed
    assert straight.evenness < 0.95


@pytest.mark.parametrize("gap", [0, 1e-12, 1e-7, 1e-3])
def test_great_circle_between_opposite_codes_stays_on_the_sphere(gap):
    start = np.array([1.0, 2.0, 2.0])
    end = -np.cos(gap) * start + np.sin(gap) * np.array([2.0, 1.0, -2.0])
    way = trace("great_circle", start, end)
    assert np.allclose(np.linalg.norm(way.codes, axis=1), 3, atol=1e-5)
    assert np.linalg.norm(np.diff(way.codes, axis=0), axis=1).max() < 1.1 * 3 * np.pi / 32
    assert bool(way.notes) == (gap < 1e-7)


def test_great_circle_from_the_origin_is_straight_and_says_so():
    way = trace("great_circle", np.zeros(7), CODES[0], 5)
    assert np.allclose(way.codes, np.linspace(0, 1, 5)[:, None] * CODES[0], atol=1e-6)
    assert "no direction" in way.notes[0]


def test_great_circle_in_one_dimension_has_no_way_around():
    way = trace("great_circle", [-1.0], [1.0], 5)
    assert np.allclose(way.codes[:, 0], [-1, -0.5, 0, 0.5, 1])
    assert "one dimension" in way.notes[0]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=6, max_size=6))
def test_great_circle_never_leaves_the_shell_between_its_ends(numbers):
    start, end = np.array(numbers[:3]), np.array(numbers[3:])
    way = trace("great_circle", start, end, 9)
    norms = np.linalg.norm(way.codes.astype(float), axis=1)
    low, high = sorted(np.linalg.norm([start, end], axis=1))
    assert np.isfinite(norms).all()
    assert norms.max() <= high * (1 + 1e-5)
    if not way.notes:
        assert norms.min() >= low * (1 - 1e-5)


# --- what a walk is worth ---------------------------------------------------------------------------------------------


def test_through_a_flat_decoder_the_straight_walk_is_as_long_as_the_distance_between_its_ends():
    flat, _ = np.linalg.qr(RNG.normal(size=(20, 7)))
    way = paths.walk(decoder(lambda z: (z @ flat.T).reshape(-1, 1, 4, 5)), CODES[0], CODES[1], "straight", 13)
    distance = np.linalg.norm(CODES[0] - CODES[1])
    assert way.length == pytest.approx(distance, rel=1e-5)
    assert way.energy == pytest.approx(distance**2, rel=1e-5)
    assert way.evenness == pytest.approx(1, abs=1e-6)
    assert way.kind == "straight"
    assert way.converged


def test_an_uneven_walk_costs_more_energy_than_its_length_squared():
    way = paths.walk(decoder(lambda z: z**2), [0.0], [1.0], "straight", 4)  # pictures at 0, 1/9, 4/9, 1
    assert way.steps == pytest.approx([1 / 9, 3 / 9, 5 / 9], rel=1e-5)
    assert way.length == pytest.approx(1, rel=1e-5)
    assert way.energy == pytest.approx(3 * 35 / 81, rel=1e-5)
    assert way.evenness == pytest.approx(81 / 105, rel=1e-5)


def test_distance_to_data_is_nothing_at_real_codes_and_grows_away_from_them():
    codes = np.concatenate([RNG.normal(0, 0.1, (200, 3)), RNG.normal(9, 0.1, (200, 3))])
    way = paths.walk(SAME, codes[0], codes[-1], "straight", 21, codes)
    assert way.distance_to_data.shape == (21,)
    assert way.distance_to_data[[0, -1]].max() == 0
    assert way.distance_to_data.argmax() in {9, 10, 11}
    assert way.distance_to_data.max() > 20
    near = Nearest(codes)
    assert (paths.walk(SAME, codes[0], codes[-1], "straight", 21, near).distance_to_data == way.distance_to_data).all()
    assert paths.walk(SAME, codes[0], codes[-1]).distance_to_data is None


def test_a_generator_may_answer_with_tensors():
    torch = pytest.importorskip("torch")
    turned = paths.walk(decoder(lambda z: torch.as_tensor(z).requires_grad_() * 2), CODES[0], CODES[1], steps=5)
    assert turned.length == pytest.approx(2 * np.linalg.norm(CODES[0] - CODES[1]), rel=1e-5)


def test_geodesic_is_what_the_generators_card_names_and_straight_where_it_names_none():
    named = SimpleNamespace(decode=lambda z: z, geodesic="great_circle")
    assert paths.walk(named, CODES[0], CODES[1]).kind == "great_circle"
    assert paths.walk(named, CODES[0], CODES[1], "straight").kind == "straight"
    assert paths.walk(SAME, CODES[0], CODES[1]).kind == "straight"


def test_a_path_file_may_ask_for_the_decoder_and_the_real_codes_and_gets_a_sentence_where_they_are_missing():
    told = Manifold(SAME.decode, Nearest(CODES))
    assert told.near.find(CODES[3])[0] == 3
    assert (told.decode(CODES) == CODES).all()
    with pytest.raises(BadInput, match="needs a generator"):
        _ = Manifold().decode
    with pytest.raises(BadInput, match="give codes=z"):
        _ = Manifold().near


# --- mistakes ---------------------------------------------------------------------------------------------------------


def test_a_decoder_that_returns_nan_is_named_with_the_step():
    broken = decoder(lambda z: np.where(np.arange(len(z)) == 3, np.nan, 1.0))
    with pytest.raises(ManigenError, match="NaN or infinity at step 3"):
        paths.walk(broken, CODES[0], CODES[1], steps=9)


def test_a_decoder_that_loses_pictures_is_told_so():
    with pytest.raises(ManigenError, match="one picture for each of 9 codes"):
        paths.walk(decoder(lambda z: z[:-1]), CODES[0], CODES[1], steps=9)
    with pytest.raises(BadInput, match="decode"):
        paths.walk(object(), CODES[0], CODES[1])


@pytest.mark.parametrize(
    ("ends", "steps", "sentence"),
    [
        (CODES[:1], 9, "two ends or more"),
        ([CODES[:2], CODES[2]], 9, "two ends or more"),
        ([CODES[0], CODES[1, :5]], 9, "not of 5 and 7 numbers"),
        ([CODES[0], CODES[1] * np.nan], 9, "finite"),
        (CODES[:2], 1, "steps must be"),
        (CODES[:6], 5, "takes at least 6 steps"),
    ],
)
def test_ends_that_cannot_be_walked_are_refused_in_a_sentence(ends, steps, sentence):
    with pytest.raises(BadInput, match=sentence):
        paths.through(ends, "straight", steps)


def test_codes_of_another_width_than_the_ends_are_refused():
    with pytest.raises(BadInput, match="3 numbers"):
        paths.walk(SAME, CODES[0], CODES[1], codes=np.zeros((5, 3)))


def test_an_unknown_kind_or_knob_is_refused_with_those_there_are():
    with pytest.raises(UnknownName, match="Did you mean 'straight'"):
        paths.walk(SAME, CODES[0], CODES[1], "straigth")
    with pytest.raises(BadInput, match="no knob 'speed'"):
        paths.walk(SAME, CODES[0], CODES[1], "straight", speed=2)
