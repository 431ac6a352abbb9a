from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from manigen import paths, threads
from manigen.discovery import discover
from manigen.errors import BadInput, ManigenError, UnknownName
from manigen.nearest import Nearest
from manigen.paths import _atlas, _circles, _descent, _pull, _roads, _survey, density
from manigen.paths._density import Density
from manigen.paths.base import Manifold
from manigen.paths.graph import rounded
from tests import oracles

KINDS = pytest.mark.parametrize("kind", list(discover("manigen.paths")))
RNG = np.random.default_rng(0)
CODES = RNG.normal(size=(53, 7)).astype("f")


def decoder(decode):
    """A generator that only decodes, as a user's own may; three times, all alike."""
    return SimpleNamespace(decode=decode, members=3, members_batch=lambda z: np.stack([decode(z)] * 3))


SAME = decoder(lambda z: z)
SPHERE = decoder(lambda z: z / np.linalg.norm(z, axis=1, keepdims=True))


def trace(kind, start, end, steps=33):
    return paths.through([start, end], kind, steps)


# --- every kind of path -----------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("steps", [2, 3, 65])
def test_every_path_begins_and_ends_exactly_at_its_ends(kind, steps):
    way = paths.through(CODES[:2], kind, steps, SAME.decode, CODES, members=SAME.members_batch)
    assert way.codes.shape == (steps, 7)
    assert way.codes.dtype == np.float32
    assert np.isfinite(way.codes).all()
    assert (way.codes[[0, -1]] == CODES[:2]).all()


@KINDS
def test_every_path_walks_through_all_its_ends_in_turn(kind):
    way = paths.through(CODES[:5], kind, 41, SAME.decode, CODES, members=SAME.members_batch)
    assert (way.codes[[0, 10, 20, 30, 40]] == CODES[:5]).all()
    uneven = paths.through(CODES[:4], kind, 11, SAME.decode, CODES, members=SAME.members_batch)
    assert (uneven.codes[[0, 3, 7, 10]] == CODES[:4]).all()
    assert (paths.through(CODES[:4], kind, 4, SAME.decode, CODES, members=SAME.members_batch).codes == CODES[:4]).all()


# --- through many ends ------------------------------------------------------------------------------------------------


def jumps(codes, at):
    """By how much the velocity changes at the steps `at`, in units of the walk's mean speed."""
    steps = np.diff(codes.astype(float), axis=0)
    return np.linalg.norm(steps[at] - steps[np.array(at) - 1], axis=1) / np.linalg.norm(steps, axis=1).mean()


@KINDS
def test_through_many_ends_no_path_has_a_corner_and_all_ends_are_met(kind):
    many = {"steps": 4 * 1600 + 1, "decode": SAME.decode, "codes": CODES, "members": SAME.members_batch}
    joints = [1600, 3200, 4800]
    rounded_off = paths.through(CODES[:5], kind, **many).codes
    assert (rounded_off[[0, *joints, -1]] == CODES[:5]).all()
    assert jumps(rounded_off, joints).max() < 0.02
    assert jumps(paths.through(CODES[:5], kind, smooth=False, **many).codes, joints).min() > 0.5


def test_through_straight_legs_the_curve_is_scipys_hermite_spline():
    from scipy.interpolate import CubicHermiteSpline

    ends = np.array([[0, 0], [2, 0], [2, 6], [-1, 6]], "f")
    way = paths.through(ends, "straight", 3 * 200 + 1).codes
    legs = np.diff(ends, axis=0)
    speed = np.linalg.norm(legs, axis=1)
    slope = [2 / (1 / a + 1 / b) * (u / a + v / b) / 2
             for a, b, u, v in zip(speed[:-1], speed[1:], legs[:-1], legs[1:], strict=True)]  # fmt: skip
    known = {0: (ends[0], legs[0]), 3: (ends[3], legs[2])}
    known |= {leg + 0.5: ((ends[leg] + ends[leg + 1]) / 2, legs[leg]) for leg in range(3)}
    known |= {1 + i: (ends[1 + i], slope[i]) for i in range(2)}
    at = sorted(known)
    spline = CubicHermiteSpline(at, [known[t][0] for t in at], [known[t][1] for t in at])
    assert np.abs(way - spline(np.linspace(0, 3, 601))).max() < 2e-3


def test_a_short_leg_beside_a_long_one_never_runs_backwards_and_a_reversal_stops():
    line = paths.through(np.array([[0], [1], [40]], "f"), "straight", 401).codes[:, 0]
    assert (np.diff(line) > 0).all()
    back = paths.through(np.array([[0], [5], [0]], "f"), "straight", 401).codes[:, 0]
    assert back.max() == back[200] == 5
    assert abs(back[200] - back[199]) < 0.02 * abs(np.diff(back)).max()


def test_each_leg_may_be_of_its_own_kind():
    given = {"decode": SPHERE.decode, "codes": CODES}
    mix = paths.through(CODES[:4], "straight+great_circle+graph", 31, smooth=False, **given).codes
    for leg, kind in enumerate(("straight", "great_circle", "graph")):
        alone = paths.through(CODES[leg : leg + 2], kind, 11, **given).codes
        assert np.array_equal(mix[10 * leg : 10 * leg + 11], alone)
    sphere = SimpleNamespace(decode=SPHERE.decode, geodesic="graph")
    walk = paths.walk_through(sphere, CODES[:3], "geodesic+straight", codes=CODES)
    assert walk.kind == "graph+straight"


def test_a_knob_of_a_mix_goes_to_the_kinds_that_have_it_and_to_no_other():
    given = {"steps": 21, "decode": SAME.decode, "codes": CODES, "smooth": False}
    mix = paths.through(CODES[:3], "straight+density", fear=0.0, **given).codes
    alone = paths.through(CODES[1:3], "density", 11, SAME.decode, CODES, fear=0.0).codes
    assert np.array_equal(mix[10:], alone)
    with pytest.raises(BadInput, match="no knob 'hurry'"):
        paths.through(CODES[:3], "straight+density", hurry=1, **given)


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


# --- graph ------------------------------------------------------------------------------------------------------------


def counted(decode):
    """A generator that keeps count of the codes it decoded."""
    made = SimpleNamespace(count=0)

    def counting(z):
        made.count += len(z)
        return decode(z)

    made.decode = counting
    return made


def swiss_roll(n, rng):
    """Codes (n, 3) on a rolled-up sheet, and where they lie (n, 2) on the sheet laid flat, both in the same unit."""
    angle, across = np.sqrt(rng.uniform((1.5 * np.pi) ** 2, (4.5 * np.pi) ** 2, n)), rng.uniform(0, 20, n)
    along = (angle * np.sqrt(1 + angle**2) + np.arcsinh(angle)) / 2  # arc length of the spiral of Archimedes
    codes = np.stack([angle * np.cos(angle), across, angle * np.sin(angle)], axis=1)
    return codes, np.stack([along, across], axis=1)


def test_graph_lengths_on_a_swiss_roll_are_those_on_the_sheet_laid_flat():
    codes, flat = swiss_roll(3000, np.random.default_rng(0))
    pairs = np.random.default_rng(1).integers(0, 3000, (60, 2))
    near = Nearest(codes)
    ways = paths.between(near.z[pairs[:, 0]], near.z[pairs[:, 1]], "graph", 257, SAME.decode, near, neighbours=12)
    lengths = [np.linalg.norm(np.diff(way.codes.astype(float), axis=0), axis=1).sum() for way in ways]
    true = np.linalg.norm(flat[pairs[:, 0]] - flat[pairs[:, 1]], axis=1)
    assert np.corrcoef(lengths, true)[0, 1] > 0.999
    assert np.median(np.array(lengths) / true) == pytest.approx(1, abs=0.03)
    chord = np.linalg.norm(codes[pairs[:, 0]] - codes[pairs[:, 1]], axis=1)
    assert np.corrcoef(chord, true)[0, 1] < 0.9  # the straight line knows nothing of the sheet


def test_graph_takes_the_shortest_roads_as_a_slow_search_finds_them():
    codes = np.random.default_rng(2).normal(size=(90, 2)).astype("f")
    look = lambda z: np.stack([z[:, 0], 3 * z[:, 1]], axis=1)  # noqa: E731
    route = _atlas.roads(Manifold(look, Nearest(codes)), 4).route(codes[0], codes[1])
    stops, length = oracles.shortest_way(codes, look(codes), 4, 0, 1)
    assert route.lengths.sum() == pytest.approx(length, rel=1e-5)
    inner = [stop for stop in route.stops if not np.allclose(stop, codes[0]) and not np.allclose(stop, codes[1])]
    assert np.allclose(inner, codes[stops[1:-1]])


@pytest.mark.parametrize(("kept", "asked"), [(_roads.KEPT, 2), (0, 2 + 2 * 4)])
def test_a_path_over_measured_roads_has_its_ends_decoded_and_no_more(kept, asked, monkeypatch):
    monkeypatch.setattr(_roads, "KEPT", kept)
    codes, shown = np.random.default_rng(2).normal(size=(90, 2)).astype("f"), []
    look = lambda z: (shown.append(len(z)), np.stack([z[:, 0], 3 * z[:, 1]], axis=1))[1]  # noqa: E731
    roads = _atlas.roads(Manifold(look, Nearest(codes)), 4)
    shown.clear()
    route = roads.route(codes[0] + 0.01, codes[1] + 0.01)
    assert sum(shown) == asked
    plain = _roads.Roads(roads.country, roads.ruler)
    plain.seen = None
    assert route.lengths.sum() == pytest.approx(plain.route(codes[0] + 0.01, codes[1] + 0.01).lengths.sum(), rel=1e-6)


def random_roads(rng, count, roads, spread):
    """A connected sparse graph of `count` codes: a tree and random roads more, their lengths `spread` widely."""
    from scipy.sparse import coo_array

    tree = [(i, int(rng.integers(i))) for i in range(1, count)]
    more = [tuple(pair) for pair in rng.integers(0, count, (roads, 2)) if pair[0] != pair[1]]
    pairs = np.array(sorted({(min(pair), max(pair)) for pair in tree + more})).reshape(-1, 2)
    w = np.exp(spread * rng.normal(size=len(pairs)))
    i, j = pairs.T
    return coo_array((np.r_[w, w], (np.r_[i, j], np.r_[j, i])), (count, count)).tocsr()


@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0])
@pytest.mark.parametrize(("count", "roads", "ties"), [(1, 0, 1), (2, 0, 1), (300, 0, 3), (300, 900, 7), (40, 700, 40)])
def test_circles_around_both_ends_find_the_way_of_scipys_plain_dijkstra(count, roads, ties, spread):
    from scipy.sparse import block_array, coo_array
    from scipy.sparse.csgraph import dijkstra

    rng = np.random.default_rng([count, roads, int(10 * spread)])
    graph = random_roads(rng, count, roads, spread)
    for far_end in (1.0, 1e3):  # one end may lie far outside, and both may be tied to the same codes
        rows = [np.sort(rng.choice(count, ties, replace=False)) for _ in (0, 1)]
        lengths = [np.exp(spread * rng.normal(size=ties)), far_end * np.exp(spread * rng.normal(size=ties))]
        stops, found = _circles.shortest(graph, rows, lengths, float(np.median(graph.data)) if graph.nnz else 1.0)
        tied = coo_array((np.concatenate(lengths), (np.repeat([0, 1], ties), np.concatenate(rows))), (2, count))
        true = dijkstra(block_array([[graph, tied.T], [tied, None]]).tocsr(), directed=False, indices=count)[count + 1]
        assert found.sum() == pytest.approx(true, rel=1e-12)
        dense = np.where(graph.toarray() > 0, graph.toarray(), np.inf)  # and the roads are as long as it says
        way = [dict(zip(rows[0], lengths[0], strict=True))[stops[0]]]
        way += [dense[i, j] for i, j in pairwise(stops)]
        way += [dict(zip(rows[1], lengths[1], strict=True))[stops[-1]]]
        assert found == pytest.approx(way, rel=1e-9, abs=1e-9 * true)


def test_a_way_on_a_large_graph_looks_at_a_small_part_of_it(monkeypatch):
    from scipy.sparse import csgraph

    codes = np.random.default_rng(4).normal(size=(4000, 12)).astype("f")
    roads = _atlas.roads(Manifold(lambda z: z, Nearest(codes)), 10)
    plain, seen = csgraph.dijkstra, []

    def watched(*args, **more):
        way, before = plain(*args, **more)
        seen.append(int(np.isfinite(way).sum()))
        return way, before

    monkeypatch.setattr(csgraph, "dijkstra", watched)
    shares = []
    for start, end in zip(codes[:40:2], codes[1:40:2], strict=True):
        seen.clear()
        roads.route(start, end)
        shares.append(sum(seen) / len(codes))
    assert np.median(shares) < 0.5  # of all circles drawn, those that were too small included


def wavy(z):
    """Pictures that change unevenly with the code: roads of one length in code are not in picture."""
    return np.concatenate([z, np.sin(3 * z), np.abs(z) ** 1.5], axis=1)


@pytest.fixture
def slow_decoders(monkeypatch):
    """Every decoder counts as slow."""
    monkeypatch.setattr(_survey, "SLOW", 0.0)
    monkeypatch.setattr(_survey, "LONG", 0.0)


def test_a_decoder_is_slow_that_takes_long_for_a_picture_and_long_for_all_and_a_fast_one_is_asked_for_few(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(_survey.time, "perf_counter", lambda: clock.now)

    class Taking:
        def __init__(self, *seconds):
            self.seconds, self.asked = list(seconds), 0

        def see(self, z, what=""):
            clock.now += len(z) * (self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0])
            self.asked += len(z)
            return z

    codes = np.zeros((2000, 2))
    for seconds, n, is_slow, asked in [
        ([0.0002], 2000, False, 8),
        ([3.0, 0.0002], 2000, False, 16),  # the first call of a decoder may prepare something
        ([0.028], 2000, True, 24),
        ([0.028], 300, False, 8),  # all of them take 8 seconds
        ([0.004], 2000, False, 8),
        ([9.0], 20, False, 0),
    ]:
        taking = Taking(*seconds)
        assert _survey.slow(taking, codes[:n]) is is_slow
        assert taking.asked == asked


def test_a_slow_decoder_is_asked_only_for_pictures_near_the_way_and_the_path_says_so(slow_decoders):
    codes = np.random.default_rng(5).normal(size=(3000, 6)).astype("f")
    exact = _roads.Roads(_roads.Country(codes, 10), _roads.Pictures(Manifold(wavy, Nearest(codes))))
    generator, near = counted(wavy), Nearest(codes)
    lazy = _atlas.roads(Manifold(generator.decode, near))
    assert generator.count == 24  # to see that it is slow
    starts, ends = codes[:40:2] + np.float32(0.01), codes[1:40:2] + np.float32(0.01)
    asked, over = [], []
    for start, end in zip(starts, ends, strict=True):
        generator.count = 0
        route = lazy.route(start, end)
        asked.append(generator.count)
        over.append(route.lengths.sum() / exact.route(start, end).lengths.sum())
        seen = wavy(route.stops)
        assert np.linalg.norm(np.diff(seen, axis=0), axis=1) == pytest.approx(route.lengths, rel=1e-4)
    assert max(asked) <= _survey.MOST + 2 and np.median(asked) < 100
    assert min(over) > 1 - 1e-6 and np.median(over) < 1.05
    way = paths.walk(generator, starts[0], ends[0], "graph", 33, near)
    assert any("decoder is slow" in note for note in way.notes)
    generator.count = 0
    fresh = _survey.Surveyed(lazy.country, lazy.ruler)  # the same way for whoever knows nothing yet
    assert np.array_equal(fresh.route(starts[-1], ends[-1]).stops, lazy.route(starts[-1], ends[-1]).stops)
    assert generator.count > 0


def test_through_a_slow_decoder_that_keeps_distances_the_way_is_the_shortest(slow_decoders):
    codes = np.random.default_rng(6).normal(size=(800, 4)).astype("f")
    turn = np.linalg.qr(np.random.default_rng(7).normal(size=(9, 4)))[0]
    manifold = Manifold(lambda z: z @ turn.T, Nearest(codes))
    exact = _roads.Roads(_roads.Country(codes, 10), _roads.Pictures(manifold))
    for start, end in zip(codes[:20:2], codes[1:20:2], strict=True):
        found = _atlas.roads(manifold).route(start, end)
        assert found.lengths.sum() == pytest.approx(exact.route(start, end).lengths.sum(), rel=1e-4)


def test_a_way_with_more_stops_than_a_slow_decoder_is_asked_for_is_found_all_the_same(slow_decoders):
    angle = np.linspace(0, 2 * np.pi, 1200, endpoint=False)
    codes = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype("f")
    generator, near = counted(wavy), Nearest(codes)
    way = paths.walk(generator, codes[0], codes[590], "graph", 33, near, neighbours=2)
    assert np.allclose(np.linalg.norm(way.codes, axis=1), 1, atol=0.02)  # around the ring, not across
    assert generator.count < _survey.MOST + 33 + 24 + 10


def test_walks_that_need_few_pictures_ask_a_slow_decoder_for_few(slow_decoders):
    codes = np.random.default_rng(8).normal(size=(2000, 6)).astype("f")
    generator, near = counted(wavy), Nearest(codes)
    paths.through(codes[:2], "density", 33, generator.decode, near)
    assert generator.count == 0  # its roads are as long as the data are rare
    paths.through(codes[:2], "pullback", 33, generator.decode, near, coarse=True)
    steps = (_pull.STEPS_COARSE + 1) * _pull.LEVELS[0] * (1 + 2 * codes.shape[1])  # to both sides of every number
    assert generator.count < _survey.MOST + 24 + 2 * steps


def test_graph_builds_the_shortest_bridges_where_the_codes_fall_apart_and_says_so():
    rng = np.random.default_rng(3)
    blobs = [rng.normal(centre, 0.3, (30, 2)) for centre in ([0, 0], [8, 0], [8, 9], [-7, 0])]
    codes = np.concatenate(blobs).astype("f")
    land = _roads.Country(codes, 5)
    assert land.parts == 4
    assert len(land.invented) == 3
    gaps = sorted(float(np.linalg.norm(land.z[i] - land.z[j])) for i, j in land.invented)
    between = [np.linalg.norm(a[:, None] - b, axis=2).min() for a, b in ((blobs[0], blobs[3]), blobs[:2], blobs[1:3])]
    assert gaps == pytest.approx(sorted(between), rel=1e-5)
    way = paths.walk(SAME, codes[0], codes[70], "graph", 65, codes, smoothing=0.0)
    assert "4 groups" in way.notes[0]
    steps = np.linalg.norm(np.diff(way.codes, axis=0), axis=1)
    assert steps[way.bridges].sum() > 12  # from the first blob over the second to the third
    assert steps[~way.bridges].sum() < 6
    home = paths.walk(SAME, codes[0], codes[9], "graph", 65, codes)
    assert not home.bridges.any() and not home.notes


def test_an_end_outside_the_data_is_tied_to_them_by_a_bridge():
    way = paths.walk(SAME, CODES[0] + 50, CODES[1], "graph", 33, CODES)
    assert way.bridges[0] and not way.bridges[-1]
    assert "outside the data" in way.notes[0]


def test_graph_of_one_code_is_a_straight_line_and_says_so():
    for kind in ("graph", "density"):
        way = paths.walk(SAME, CODES[0], CODES[1], kind, 5, CODES[7:8])
        assert np.allclose(way.codes, paths.walk(SAME, CODES[0], CODES[1], "straight", 5).codes, atol=1e-6)
        assert "one real code" in way.notes[0]


def test_a_graph_is_built_once_for_a_set_of_codes():
    generator, near = counted(lambda z: z), Nearest(CODES)
    paths.walk(generator, CODES[0], CODES[1], "graph", 9, near)
    assert generator.count >= len(CODES)
    generator.count = 0
    paths.walk(generator, CODES[2], CODES[3], "graph", 9, near)
    assert generator.count < 40


def test_graph_names_a_code_whose_picture_is_not_finite():
    with pytest.raises(ManigenError, match="NaN or infinity"):
        paths.walk(
            decoder(lambda z: np.where(np.arange(len(z)) == 3, np.nan, 1.0)), CODES[0], CODES[1], "graph", 9, CODES
        )


@pytest.mark.parametrize("smoothing", [0.0, 1.0, 4.0])
def test_rounding_keeps_the_ends_and_leaves_a_straight_line_straight(smoothing):
    line = np.linspace([0.0, 1.0], [4.0, -2.0], 65)
    assert np.allclose(rounded(line, 8 * smoothing), line, atol=1e-9)
    corner = np.concatenate([np.linspace([0.0, 0.0], [1.0, 0.0], 33), np.linspace([1.0, 0.0], [1.0, 1.0], 33)[1:]])
    bent = rounded(corner, 8 * smoothing)
    assert np.allclose(bent[[0, -1]], corner[[0, -1]], atol=1e-9)
    assert (np.abs(bent - corner).max() > 0.01) == (smoothing > 0)


# --- density ----------------------------------------------------------------------------------------------------------


def arc(n=400, noise=0.03):
    """Codes (n, 2) along half a circle of radius one."""
    rng = np.random.default_rng(4)
    angle = np.pi * rng.random(n)
    angle[:2] = 0, np.pi
    return (np.stack([np.cos(angle), np.sin(angle)], axis=1) + noise * rng.normal(size=(n, 2))).astype("f")


def test_without_fear_the_density_geodesic_is_the_straight_line():
    codes = arc()
    way = paths.walk(SAME, codes[0], codes[1], "density", 33, codes, fear=0.0)
    assert np.abs(way.codes - paths.walk(SAME, codes[0], codes[1], "straight", 33).codes).max() < 0.02
    assert way.converged and way.residual < 1e-3


def test_the_more_fear_the_closer_the_density_geodesic_keeps_to_the_data():
    codes = arc()
    ways = [paths.walk(SAME, codes[0], codes[1], "density", 65, codes, fear=fear) for fear in (0.0, 0.5, 3.0)]
    off = [np.abs(np.linalg.norm(way.codes, axis=1) - 1).max() for way in ways]
    assert off[0] > 0.9
    assert off[2] < 0.08
    assert ways[2].length == pytest.approx(np.pi, rel=0.05)
    assert ways[2].evenness > 0.99
    assert all(way.converged for way in ways)


def test_density_and_its_slope_are_those_of_scipy_and_of_small_steps():
    from scipy.stats import gaussian_kde

    from manigen.paths._density import Density

    codes = np.random.default_rng(5).normal(size=(80, 3))
    density = Density(codes, 0.8)
    places = np.random.default_rng(6).normal(size=(7, 3))
    twin = gaussian_kde(codes.T)
    twin.set_bandwidth(1.0)
    twin.covariance = np.eye(3) * density.h**2
    expected = [np.log(np.exp(-((codes - place) ** 2).sum(1) / 2 / density.h**2).sum()) for place in places]
    value, slope = density.log(places)
    assert value + density.usual == pytest.approx(expected, abs=1e-4)
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 1e-2
        finite = (density.log(places + step)[0] - density.log(places - step)[0]) / 2e-2
        assert slope[:, axis] == pytest.approx(finite, abs=2e-3)


def test_density_paths_end_where_scipys_own_minimiser_does():
    from scipy.optimize import minimize

    from manigen.paths import density

    codes = arc(120, 0.1).astype(float)
    field = density.Density(codes, 1.0)
    line = np.linspace(codes[0], codes[1], 9)[None] + [[0, 0.05]] * np.sin(np.linspace(0, np.pi, 9))[:, None]
    energy = density._energy(line, field, 1.0)

    def flat(inner):
        z = line.copy()
        z[0, 1:-1] = inner.reshape(7, 2)
        value, slope, _ = energy(z, np.array([0]))
        return value[0], slope[0].ravel()

    best = minimize(flat, line[0, 1:-1].ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    found = _descent.descend(energy, line, 200, 1e-6)
    assert found.energy[0] == pytest.approx(best.fun, rel=5e-3)


def test_far_from_all_data_the_density_geodesic_stays_finite():
    for far in (10, 1e3, 1e6):
        way = paths.walk(SAME, CODES[0] + far, CODES[1] - far, "density", 17, CODES, fear=6.0, bandwidth=0.2)
        assert np.isfinite(way.codes).all()
        assert way.bridges[0]
        assert "outside the data" in way.notes[0]


@pytest.mark.parametrize("kind", ["straight", "graph", "density", "pullback"])
def test_many_walks_at_once_are_those_one_by_one(kind):
    together = paths.between(CODES[:4], CODES[4:8], kind, 17, SAME.decode, CODES)
    for way, start, end in zip(together, CODES[:4], CODES[4:8], strict=True):
        alone = paths.through([start, end], kind, 17, SAME.decode, CODES)
        assert np.allclose(way.codes, alone.codes, atol=2e-2)
    with pytest.raises(BadInput, match="4 and 3"):
        paths.between(CODES[:4], CODES[4:7], kind, 17, SAME.decode, CODES)


# --- pull-back --------------------------------------------------------------------------------------------------------


def test_through_a_flat_decoder_the_pull_back_geodesic_is_the_straight_line():
    flat, _ = np.linalg.qr(RNG.normal(size=(20, 7)))
    way = paths.walk(decoder(lambda z: z @ flat.T), CODES[0], CODES[1], "pullback", 33, CODES)
    assert way.converged and way.residual < 1e-2
    assert way.length == pytest.approx(np.linalg.norm(CODES[0] - CODES[1]), rel=1e-3)
    assert np.abs(way.codes - paths.walk(SAME, CODES[0], CODES[1], "straight", 33).codes).max() < 0.1


@pytest.mark.parametrize("by_torch", [False, True])
def test_on_a_sphere_the_pull_back_geodesic_is_the_great_circle(by_torch):
    torch = pytest.importorskip("torch")

    def chart(z):  # longitude and latitude
        lib = torch if isinstance(z, torch.Tensor) else np
        x = [lib.cos(z[:, 1]) * lib.cos(z[:, 0]), lib.cos(z[:, 1]) * lib.sin(z[:, 0]), lib.sin(z[:, 1])]
        return lib.stack(x, 1) if by_torch or lib is np else 1 / 0

    sphere = decoder(chart)
    near = np.random.default_rng(8).uniform([-0.5, 0.2], [2.2, 1.2], (400, 2)).astype("f")
    start, end = np.array([0.0, 0.7], "f"), np.array([1.8, 0.6], "f")
    x = chart(np.stack([start, end]).astype(float))
    angle = np.arccos(x[0] @ x[1])
    way = paths.walk(sphere, start, end, "pullback", 129, near)
    assert way.length == pytest.approx(angle, abs=1e-3)
    assert way.evenness > 0.999
    assert way.converged
    straight = paths.walk(sphere, start, end, "straight", 129)
    assert straight.length > 1.02 * angle  # along the parallel
    alone = paths.walk(sphere, start, end, "pullback", 129)  # without any real codes
    assert alone.length == pytest.approx(angle, abs=1e-3)
    assert "No real codes" in alone.notes[0]


def test_the_slope_by_torch_is_that_by_nudging_and_of_small_changes_of_the_energy():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(9)
    first, second = rng.normal(size=(3, 12)), rng.normal(size=(12, 10))

    def many(z):
        if isinstance(z, torch.Tensor):
            one = torch.tanh(z @ torch.tensor(first, dtype=z.dtype)) @ torch.tensor(second, dtype=z.dtype)
            return torch.stack([one, one * 1.1, one**2 / 4])
        one = np.tanh(z.astype(float) @ first) @ second
        return np.stack([one, one * 1.1, one**2 / 4])

    z = rng.normal(size=(2, 6, 3))
    for fog in (None, 30.0):
        see = many if fog else lambda z: many(z)[0]
        told = [_pull.Slope(see, None, np.zeros(3), 1.0, fog) for _ in range(2)]
        assert told[0].by_torch
        told[1].by_torch = False
        (e, g, _), (e2, g2, _) = (slope(z, np.arange(2)) for slope in told)
        assert e == pytest.approx(e2, rel=1e-5)
        assert np.allclose(g, g2, rtol=2e-3, atol=2e-3 * np.abs(g).max())
        nudged = z.copy()
        nudged[0, 2, 1] += 1e-2
        back = z.copy()
        back[0, 2, 1] -= 1e-2
        change = told[1](nudged, np.arange(2))[0][0] - told[1](back, np.arange(2))[0][0]
        assert g[0, 1, 1] == pytest.approx(change / 2e-2, rel=2e-2)


def test_a_ruler_measures_what_it_sees_and_the_path_is_its_shortest():
    bowl = SimpleNamespace(decode=lambda z: z, rulers={"features": _bowl})
    start, end = np.array([1.0, 0.0], "f"), np.array([0.0, 1.0], "f")
    straight = paths.walk(bowl, start, end, "pullback", 65)
    seen = paths.walk(bowl, start, end, "pullback", 65, ruler="features")
    assert np.abs(straight.codes.sum(1) - 1).max() < 1e-3
    assert seen.converged
    assert _length(_bowl(seen.codes)) < 0.9 * _length(_bowl(straight.codes))
    with pytest.raises(BadInput, match=r"measured by a critic's features: .* pixels, features"):
        paths.walk(bowl, start, end, "pullback", ruler="critic")


def _bowl(x):
    return np.concatenate([x, 6 * (x**2).sum(1, keepdims=True)], axis=1)  # to go around is shorter than down and up


def _length(x):
    return np.linalg.norm(np.diff(x.astype(float), axis=0), axis=1).sum()


def test_a_ruler_that_torch_can_go_back_through_gives_the_path_of_one_it_cannot():
    torch = pytest.importorskip("torch")
    weight = torch.tensor(np.random.default_rng(2).normal(size=(7, 9)).astype("f"))
    smooth = {"encoder": lambda x: torch.tanh(torch.as_tensor(x) @ weight)}
    plain = {"encoder": lambda x: np.tanh(np.asarray(x) @ weight.numpy())}
    ways = [paths.through(CODES[:2], "pullback", 33, SAME.decode, ruler="encoder", rulers=rulers).codes
            for rulers in (smooth, plain)]  # fmt: skip
    assert np.abs(ways[0] - ways[1]).max() < 0.02


def test_with_caution_the_pull_back_geodesic_keeps_to_the_data_and_its_slope_is_that_of_small_steps():
    ring = np.random.default_rng(4).uniform(0, 2 * np.pi, 600)
    z = np.stack([np.cos(ring), np.sin(ring)], 1).astype("f")
    bold, shy = (
        paths.through([[-1, 0], [1, 0.1]], "pullback", 65, SAME.decode, z, caution=fear).codes for fear in (0.0, 2.0)
    )
    assert np.linalg.norm(bold, axis=1).min() < 0.2
    assert np.linalg.norm(shy, axis=1).min() > 0.8
    country = _roads.Country(z, 10)
    angle = np.linspace(0, 2, 9)
    chain = np.stack([np.cos(angle) * np.linspace(0.97, 1.04, 9), np.sin(angle)], 1)[None]
    slow = _pull.Fear(Density(country.near.z, 3.0), 0.5, chain)
    slope = _pull.Slope(SAME.decode, None, np.zeros(2), 1.0, None, slow)
    _, told, _ = slope(chain, np.arange(1))
    for knot, axis in ((1, 0), (4, 1), (7, 0)):
        moved = [chain.copy(), chain.copy()]
        moved[0][0, knot, axis] += 1e-4
        moved[1][0, knot, axis] -= 1e-4
        up, down = (slope(other, np.arange(1))[0][0] for other in moved)
        assert told[0, knot - 1, axis] == pytest.approx((up - down) / 2e-4, rel=0.02, abs=0.02)


def test_a_coarse_search_asks_for_fewer_pictures_and_meets_its_ends():
    asked = []

    def decode(z):
        asked.append(len(z))
        return np.tanh(z)

    counts = []
    for coarse in (True, False):
        asked.clear()
        way = paths.through(CODES[:2], "pullback", 33, decode, CODES, coarse=coarse)
        assert (way.codes[[0, -1]] == CODES[:2]).all()
        counts.append(sum(asked))
        asked.clear()
    assert counts[0] < counts[1] / 2


def dome(z):
    """Codes (n, 2) to places on a dome, NumPy only: its slopes are found by nudging."""
    return np.stack([z[:, 0], z[:, 1], np.exp(-np.square(z).sum(axis=1))], axis=1)


def test_a_watched_search_says_how_far_it_is_and_gives_what_an_unwatched_one_does():
    z, told = arc(), []
    free = paths.through(z[:2], "pullback", 33, dome, Nearest(z))
    way = paths.through(z[:2], "pullback", 33, dome, Nearest(z), watch=lambda *word: told.append(word) or True)
    np.testing.assert_allclose(way.codes, free.codes, atol=1e-5)
    assert list(dict.fromkeys(stage for stage, _ in told)) == ["roads", "descent"]
    for name in ("roads", "descent"):
        shares = [share for stage, share in told if stage == name]
        assert shares == sorted(shares) and shares[0] == 0 and 0 < shares[-1] < 1


@pytest.mark.parametrize("kind", ["graph", "pullback"])
def test_a_search_stopped_before_it_knows_the_roads_has_nothing_to_show(kind):
    z = arc()
    with pytest.raises(paths.Stopped, match="stopped"):
        paths.through(z[:2], kind, 33, dome, Nearest(z), watch=lambda stage, share: share < 0.5)


def test_a_search_stopped_on_its_way_shows_what_it_has_and_says_so():
    near, told = Nearest(arc()), []
    ends = np.array([[-1.5, 0.1], [1.5, -0.1]], np.float32)
    paths.through(ends, "graph", 33, dome, near)

    way = paths.through(ends, "pullback", 33, dome, near, caution=5.0, watch=lambda stage, _: told.append(stage))
    assert np.array_equal(way.codes[[0, -1]], ends) and not way.converged
    assert told == ["descent"] * 2  # once on each level: it went no step
    assert any("stopped before it had come to rest" in note for note in way.notes)


def test_a_search_that_leads_nowhere_says_which_path_is_shown_instead():
    z = arc()
    holes = lambda codes: np.where((codes[:, None] == z).all(2).any(1)[:, None], dome(codes), np.nan)  # noqa: E731
    straight = paths.through(z[:2], "pullback", 33, holes)
    assert straight.notes == (_pull.NOT_FOUND_STRAIGHT,) and not straight.converged
    np.testing.assert_array_equal(straight.codes, paths.through(z[:2], "straight", 33).codes)
    around = paths.through(z[:2], "pullback", 33, holes, z)
    assert _pull.NOT_FOUND in around.notes and not around.converged
    np.testing.assert_array_equal(around.codes, paths.through(z[:2], "graph", 33, holes, z).codes)


def test_a_sketch_that_is_waited_for_does_not_wait_for_the_roads():
    see = counted(dome)
    near = Nearest(arc(3000))
    paths.through(near.z[:2], "pullback", 33, see.decode, near, coarse=True, watch=lambda *_: True)
    alone = see.count
    assert alone < len(near.z)  # else it has looked at every code
    paths.through(near.z[:2], "graph", 33, see.decode, near)
    assert see.count >= alone + len(near.z)
    known = see.count
    way = paths.through(near.z[:2], "pullback", 33, see.decode, near, coarse=True, watch=lambda *_: True)
    begun = paths.through(near.z[:2], "pullback", 33, see.decode, near, coarse=True)
    assert see.count < known + len(near.z)
    np.testing.assert_array_equal(way.codes, begun.codes)  # once they are known it begins there as well


def test_many_searches_at_once_ask_for_no_more_pictures_than_one_by_one():
    asked = []

    def decode(z):
        asked.append(len(z))
        return np.concatenate([np.sin(3 * z), z**2], axis=1)

    country = _roads.Country(CODES, 10)
    slope, fresh = (_pull.Slope(decode, None, country.centre, country.unit) for _ in range(2))
    t = np.linspace(0, 1, 9)[None, :, None]
    chains = (1 - t) * CODES[:12, None].astype(float) + t * CODES[12:24, None]
    asked.clear()
    together = _descent.descend(slope, chains, 60, 1e-3)
    at_once = sum(asked)
    asked.clear()
    alone = [_descent.descend(fresh, chain[None], 60, 1e-3) for chain in chains]
    assert at_once == sum(asked)  # a chain at rest is not woken by its fellows
    assert np.allclose(together.energy, np.concatenate([one.energy for one in alone]), rtol=1e-5)


@pytest.mark.parametrize("by_torch", [True, False])
def test_a_search_looks_at_its_ends_once(by_torch):
    import torch

    seen = []

    def decode(z):
        seen.append(np.asarray(z.detach() if isinstance(z, torch.Tensor) else z))
        if isinstance(z, torch.Tensor):
            return torch.cat([torch.sin(3 * z), z**2], 1) if by_torch else NotImplemented
        return np.concatenate([np.sin(3 * z), z**2], axis=1)

    starts, ends = CODES[:3], CODES[3:6]
    paths.between(starts, ends, "pullback", 33, decode)
    looked = np.concatenate(seen)
    for end in (*starts, *ends):
        assert (looked == end).all(axis=1).sum() == 1
    assert len(looked) > 300


def test_a_lift_takes_a_chord_out_to_its_circle_and_draws_nothing_in():
    turn = np.linspace(0, 0.4 * np.pi, 30)
    ends = np.stack([np.cos(turn[[0, -1]]), np.sin(turn[[0, -1]])], 1)
    chord = ends[0] + np.linspace(0, 1, 33)[:, None] * (ends[1] - ends[0])
    beyond = chord + np.sin(np.linspace(0, np.pi, 33))[:, None] * chord  # bulges out already
    z = np.stack([chord, beyond])
    assert (density.lifted(z, 0.0) == z).all()
    whole, half = density.lifted(z, 1.0), density.lifted(z, 0.5)
    np.testing.assert_allclose(np.linalg.norm(whole[0], axis=1), 1.0)
    np.testing.assert_allclose(half[0], (whole[0] + z[0]) / 2)
    np.testing.assert_allclose(whole[1], z[1])
    assert (whole[:, [0, -1]] == z[:, [0, -1]]).all()
    uneven = np.array([[[3.0, 0], [0.2, 0.2], [0, 1.0]]])  # through the middle: three times as far out, and no farther
    np.testing.assert_allclose(density.lifted(uneven, 1.0)[0, 1], [0.6, 0.6])
    np.testing.assert_allclose(density.lifted(uneven, 1.5)[0, 1], [0.6, 0.6])

    rng = np.random.default_rng(0)
    codes = rng.normal(size=(400, 6)) * 0.1 + 5.0  # far from the origin: what counts is the mean code
    codes[:, :3] += 2 * np.eye(3)[rng.integers(0, 3, 400)]
    codes = codes.astype(np.float32)
    plain, out = (paths.walk(SAME, codes[0], codes[1], "density", 17, codes, fear=0.0, lift=by) for by in (0.0, 1.0))
    far = [np.linalg.norm(way.codes - codes.mean(0), axis=1) for way in (plain, out)]
    assert (plain.codes[[0, -1]] == out.codes[[0, -1]]).all() and far[1].min() >= 0.97 * min(far[0][0], far[0][-1])
    assert far[0].min() < 0.9 * min(far[0][0], far[0][-1])


def test_a_lifted_way_is_searched_for_once_more_at_its_norms():
    rng = np.random.default_rng(2)
    codes = rng.normal(size=(300, 3))
    codes *= (1 + 0.05 * rng.normal(size=(300, 1))) / np.linalg.norm(codes, axis=1, keepdims=True)  # a shell
    bells, fear = Density(codes, 0.5), 2.0
    line = np.stack([a + np.linspace(0, 1, 12)[:, None] * (b - a) for a, b in codes[:8].reshape(4, 2, 3)])
    out = density.lifted(line, 1.0)
    energy = density._at(norms := np.linalg.norm(out, axis=2, keepdims=True), density._energy(out, bells, fear))
    z, rows = out * (1 + 0.3 * rng.random((4, 12, 1))), np.arange(4)
    value, slope, _ = energy(z, rows)
    np.testing.assert_allclose(value, energy(out, rows)[0])  # wherever they are, they are put to their norms
    for k, i, axis in ((0, 1, 0), (2, 6, 1), (3, 10, 2)):
        step = np.zeros_like(z)
        step[k, i, axis] = 1e-4
        by_hand = (energy(z + step, rows)[0] - energy(z - step, rows)[0])[k] / 2e-4
        assert slope[k, i - 1, axis] == pytest.approx(by_hand, abs=0.01 * np.abs(slope).max())
    found = density.search(out, bells, fear, held=True)
    np.testing.assert_allclose(np.linalg.norm(found.z, axis=2, keepdims=True), norms)
    np.testing.assert_allclose(found.z[:, [0, -1]], line[:, [0, -1]])
    again = density._energy(found.z, bells, fear)(found.z, rows)[0]
    assert (again <= value * 1.001).all() and again.sum() < 0.95 * value.sum()
    assert (density._energy(line, bells, fear)(line, rows)[0] > again).sum() >= 3  # chords cross the empty inside


def test_work_is_shared_out_in_order_over_cores_that_torch_may_use():
    import torch

    meeting, before = threading.Barrier(2, timeout=30), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        both = threads.shared(lambda part: (part, meeting.wait() >= 0, torch.get_num_threads()), [3, 5])
        assert both == [(3, True, 1), (5, True, 1)]  # they met, so they were at work at the same time
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        assert threads.shared(lambda part: threading.current_thread(), [1, 2]) == [threading.current_thread()] * 2
    finally:
        torch.set_num_threads(before)


def test_a_thread_of_one_core_may_share_where_that_was_said():
    def told(sharing):
        meeting = threading.Barrier(2, timeout=30)
        with ThreadPoolExecutor(1, initializer=threads.one_thread, initargs=(sharing,)) as pool:
            work = (lambda _: meeting.wait() >= 0) if sharing else (lambda _: threading.current_thread())
            pool.submit(threads.one_thread)  # as a decoder says it that is opened there
            return pool.submit(lambda: (torch.get_num_threads(), threads.cores(), set(threads.shared(work, [1, 2]))))

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert told(True).result() == (1, 2, {True})  # they met
        alone = told(False).result()
        assert alone[:2] == (1, 1) and len(alone[2]) == 1
        assert threads.cores() == torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("fog", [None, 50.0])
def test_a_chain_that_is_alone_is_seen_in_pieces_on_all_cores_and_its_slope_is_the_whole_energys(fog):
    """Against torch's own slope of the energy as the docstring spells it, weights and fog included."""
    import torch

    rng = np.random.default_rng(3)
    layers = [torch.tensor(rng.normal(size=(3, 20)), dtype=torch.float64) for _ in range(3)]
    seen = []

    def see(z):
        seen.append((threading.current_thread().name[:6], len(z)))
        return (torch.stack([(z.double() @ a).tanh() for a in layers]) if fog else (z.double() @ layers[0]).tanh()) * 2

    z, weight = rng.normal(size=(1, 40, 3)), rng.uniform(0.5, 2.0, (1, 39))

    def energy(chain):
        x = see(chain)
        mean = x.mean(0) if fog else x
        value = 39 * (mean.diff(dim=0).square().sum(1) * torch.as_tensor(weight[0])).sum()
        if fog:
            spread = x.var(0).sum(1)
            value = value + fog * (spread[1:] + spread[:-1]).sum() / 39
        return value

    whole = torch.tensor(z[0].astype(np.float32).astype(float), requires_grad=True)
    (told,) = torch.autograd.grad(energy(whole), whole)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        slope = _pull.Slope(see, None, np.zeros(3), 1.0, fog, lambda z, rows: (weight, np.zeros((1, 39, 3))))
        seen.clear()
        value, gradient, _ = slope(z, np.arange(1))
    finally:
        torch.set_num_threads(before)
    assert sorted(seen) == [("MainTh", 2), ("shared", 19), ("shared", 19)]  # the ends once, and two pieces
    np.testing.assert_allclose(value, energy(whole).item(), rtol=1e-6)
    np.testing.assert_allclose(gradient[0], told[1:-1].numpy(), rtol=1e-4, atol=1e-4)


def test_a_decoder_that_breaks_away_from_the_data_leaves_the_graph_path_and_says_so():
    def broken(z):
        known = np.linalg.norm(z[:, None] - CODES[None], axis=2).min(axis=1) < 1e-6
        return np.where(known[:, None], z, np.nan)

    path = paths.through([CODES[0], CODES[1]], "pullback", 9, broken, CODES)
    assert not path.converged and np.isfinite(path.codes).all()
    assert "graph path" in path.notes[-1]
    assert np.array_equal(path.codes, paths.through([CODES[0], CODES[1]], "graph", 9, broken, CODES).codes)


# --- fog --------------------------------------------------------------------------------------------------------------


def test_fog_goes_around_where_the_decoders_disagree():
    def clear_above(z):  # three decoders that quarrel around the origin
        quarrel = np.exp(-(z**2).sum(axis=1) / 0.1)[:, None] * np.array([1.0, 0.3])
        return np.stack([z, z + quarrel, z - quarrel])

    one = SimpleNamespace(decode=lambda z: z, members=3, members_batch=clear_above)
    start, end = np.array([-1.0, 0.02], "f"), np.array([1.0, 0.02], "f")
    near = np.random.default_rng(10).uniform(-1.2, 1.2, (300, 2))
    ways = [paths.walk(one, start, end, "fog", 65, near, shyness=shyness) for shyness in (0.0, 1024.0)]
    off = [np.linalg.norm(way.codes, axis=1).min() for way in ways]
    assert off[0] < 0.1 and off[1] > 0.4
    assert ways[0].length < ways[1].length < 1.7 * ways[0].length
    assert all(way.converged for way in ways)


def test_fog_with_a_fear_of_the_empty_keeps_to_the_data_in_bells_as_wide_as_asked():
    ring = np.random.default_rng(4).uniform(0, 2 * np.pi, 600)
    z = np.stack([np.cos(ring), np.sin(ring)], 1).astype("f")
    alike = SimpleNamespace(decode=lambda z: z, members=3, members_batch=lambda z: np.stack([z, z, z]))
    nearest = [
        np.linalg.norm(paths.walk(alike, [-1, 0], [1, 0.1], "fog", 65, z, **knobs).codes, axis=1).min()
        for knobs in ({}, {"caution": 2.0}, {"caution": 2.0, "bandwidth": 3.0})
    ]
    assert nearest[0] < 0.2 and nearest[1] > 0.8
    assert nearest[2] != nearest[1]


def test_fog_weighs_the_same_however_many_knots_a_curve_has():
    quarrel = lambda z: np.stack([z, z + 1.0, z - 1.0])  # noqa: E731
    told = _pull.Slope(quarrel, None, np.zeros(2), 1.0, 100.0)
    plain = _pull.Slope(quarrel, None, np.zeros(2), 1.0, 0.0)
    shares = []
    for knots in (9, 65):
        z = np.linspace([0.0, 0.0], [1.0, 1.0], knots)[None]
        shares.append((told(z, np.zeros(1, int))[0] - plain(z, np.zeros(1, int))[0])[0])
    assert shares[0] == pytest.approx(shares[1])
    assert shares[0] == pytest.approx(2 * 100 * 2)  # f times twice the variance, summed over two pixels


def test_without_an_ensemble_there_is_no_fog():
    with pytest.raises(BadInput, match="several decoders"):
        paths.walk(SimpleNamespace(decode=lambda z: z), CODES[0], CODES[1], "fog", 9, CODES)


# --- the descent ------------------------------------------------------------------------------------------------------


def test_the_descent_straightens_a_bent_chain_in_a_few_steps_and_never_goes_up():
    metric = np.array([1.0, 25.0])

    def energy(z, rows):
        step = np.diff(z, axis=1)
        pull = 2 * metric * step
        return (metric * step**2).sum(axis=(1, 2)), pull[:, :-1] - pull[:, 1:], np.ones(step.shape[:2])

    rng = np.random.default_rng(7)
    bent = np.linspace([0.0, 0.0], [1.0, 1.0], 129)[None] + np.zeros((3, 1, 1))
    bent[:, 1:-1] += rng.normal(0, 0.2, (3, 127, 2))
    found = _descent.descend(energy, bent, 60, 1e-8)
    assert np.allclose(found.z, np.linspace([0.0, 0.0], [1.0, 1.0], 129), atol=1e-3)
    assert found.steps < 40
    assert (found.residual < 1e-8).all()

    def cliff(z, rows):
        return np.where(z[:, 1, 0] == bent[rows, 1, 0], 1.0, np.nan), *energy(z, rows)[1:]

    wild = _descent.descend(cliff, bent, 9)
    assert np.array_equal(wild.z, bent)  # nothing but NaN around: it stays


def test_a_chains_stiffness_is_solved_as_a_dense_solver_does():
    rng = np.random.default_rng(3)
    for links in (2, 3, 33):
        stiff, gradient = rng.lognormal(0, 2, (4, links)), rng.normal(size=(4, links - 1, 5))
        apart = np.diff(np.eye(links + 1), axis=0)[:, 1:-1]
        dense = [np.linalg.solve(apart.T @ (2 * w[:, None] * apart), g) for w, g in zip(stiff, gradient, strict=True)]
        np.testing.assert_allclose(_descent._solved(stiff, gradient), dense, rtol=1e-9, atol=1e-12)
    assert _descent._solved(np.ones((4, 1)), np.empty((4, 0, 5))).shape == (4, 0, 5)


def test_a_chain_that_can_take_no_step_has_not_come_to_rest_whoever_moves_beside_it():
    def energy(z, rows):  # one is long on its way; the other's energy does not fall where its slope says
        inner = z[:, 1:-1]
        value = np.where(rows == 1, 5.0, (inner**4).sum(axis=(1, 2)))
        return value, 4 * inner**3, np.ones((len(z), z.shape[1] - 1))

    chain = np.concatenate([[0.0], np.linspace(1, 2, 30), [0.0]])[None, :, None]
    both = _descent.descend(energy, np.concatenate([chain, chain]), 60, 1e-9)
    assert both.steps > 10
    assert both.residual[1] == 1.0  # a step promises more than there is
    assert np.array_equal(both.z[1], chain[0])


def test_a_chain_without_energy_has_come_to_rest_and_nothing_overflows():
    def nothing(z, rows):  # as where steps are so short that their squares vanish
        return np.zeros(len(z)), np.full((len(z), z.shape[1] - 2, 2), 1e10), np.ones((len(z), z.shape[1] - 1))

    line = np.linspace([0.0, 0.0], [1.0, 1.0], 9)[None]
    with np.errstate(over="raise"):
        found = _descent.descend(nothing, line, 5)
    assert found.residual == 0
    assert np.array_equal(found.z, line)


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


# --- past the ends ----------------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("even", [False, True])
def test_past_its_ends_a_walk_goes_on_and_between_them_nothing_changes(kind, even):
    given = (CODES[:3], kind, 33, SAME.decode, CODES, even, SAME.members_batch)
    plain, none, way = (paths.through(*given, **more) for more in ({}, {"beyond": 0}, {"beyond": 0.5}))
    assert (plain.codes == none.codes).all() and plain.past == none.past == 0
    assert way.past == 16 and (way.codes[16:-16] == plain.codes).all()  # bit for bit
    assert way.codes.shape == (65, 7) and way.codes.dtype == np.float32 and np.isfinite(way.codes).all()
    if plain.bridges is not None:
        assert (way.bridges[16:-16] == plain.bridges).all() and way.bridges.shape == (64,)
    steps = np.diff(way.codes.astype(float), axis=0)
    for out, inside in ((steps[15::-1], steps[16]), (steps[48:], steps[47])):
        assert (np.linalg.norm(out, axis=1) > 0).all()
        if kind != "great_circle":  # straight on, all steps alike
            assert np.allclose(out, out[0], atol=1e-5 * np.abs(CODES).max())
        if not even:
            assert np.dot(out[0], inside) > 0  # on, not back


def test_a_straight_walk_goes_on_along_its_line():
    a, b = CODES[:2].astype(float)
    walk = paths.walk(SAME, a, b, "straight", 9, beyond=0.75)
    assert (walk.t == np.arange(-6, 15) / 8).all()
    assert np.allclose(walk.codes, a + walk.t[:, None] * (b - a), atol=1e-6)
    assert walk.length == pytest.approx(np.linalg.norm(b - a)) and walk.evenness == pytest.approx(1)  # between the ends
    assert walk.between(walk.t).tolist() == np.linspace(0, 1, 9).tolist()


def test_a_great_circle_goes_on_around():
    a, b = np.array([2.0, 0.0, 0.0]), np.array([0.0, 2.0, 0.0])
    walk = paths.walk(SAME, a, b, "great_circle", 17, beyond=1)
    turn = walk.t * np.pi / 2
    assert np.allclose(walk.codes, 2 * np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1), atol=1e-6)
    assert np.allclose(walk.codes[0], -b) and np.allclose(walk.codes[-1], -a)


@pytest.mark.parametrize("kind", ["density", "pullback", "graph"])
def test_a_searched_walk_goes_on_along_its_own_tangent(kind):
    """On a circle of codes, drawn where they are: a quarter of the way on the line that touches it at its end."""
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    ends = np.array([[1.0, 0.0], [np.cos(2.0), np.sin(2.0)]])
    knobs = {"density": {"fear": 4.0}, "pullback": {"caution": 4.0}}.get(kind, {})
    walk = paths.walk(SAME, *ends, kind, 65, ring, beyond=0.25, **knobs)
    for code, end, way in ((walk.codes[0], ends[0], -1), (walk.codes[-1], ends[1], 1)):
        tangent = way * np.array([-end[1], end[0]])
        assert np.allclose(code, end + 0.25 * 2.0 * tangent, atol=0.08)  # 2: the arc's length


def test_equal_steps_of_the_picture_stay_equal_past_the_ends_on_the_same_way():
    bend = decoder(lambda z: np.stack([z[:, 0], z[:, 0] ** 3], axis=1))
    ways = {even: paths.walk(bend, [0.5], [1.0], "straight", 17, even=even, beyond=0.5) for even in (False, True)}
    assert (ways[True].codes[[0, 8, -9, -1]] == ways[False].codes[[0, 8, -9, -1]]).all()
    for even, uneven in ((ways[True].steps[part], ways[False].steps[part]) for part in (slice(8), slice(-8, None))):
        assert np.ptp(even) < 0.01 * even.mean() < 0.1 * np.ptp(uneven)


def test_a_walk_that_goes_on_says_how_far_from_data_it_gets():
    line = np.linspace(0, 1, 101)[:, None] * np.array([1.0, 0.0])
    near = paths.walk(SAME, line[40], line[60], "straight", 9, line, beyond=0.5)
    edge = paths.walk(SAME, line[0], line[100], "straight", 81, line, beyond=0.0125)
    far = paths.walk(SAME, line[0], line[100], "straight", 9, line, beyond=0.25)
    words = "Past its ends this walk only goes on as it left them"
    assert near.notes == (f"{words}; it stays near data, at most {near.distance_to_data.max():.2f} × from them.",)
    assert edge.past == 1 and edge.notes == (f"{words}, up to 1.25 × from data, where few of them lie.",)
    assert far.notes == (
        "Past its ends this walk only goes on as it left them, up to 25.00 × from data: there the model is guessing.",
    )
    assert far.distance_to_data.max() == pytest.approx(25, rel=1e-3)
    assert "is not known without real codes" in paths.walk(SAME, line[0], line[9], "straight", beyond=0.1).notes[0]
    assert not paths.walk(SAME, line[0], line[9], "straight", codes=line).notes


@pytest.mark.parametrize("beyond", [-0.1, 1.5, np.nan, np.inf, "far", True, None])
def test_a_share_to_go_on_by_that_is_none_is_refused_in_a_sentence(beyond):
    with pytest.raises(BadInput, match="goes beyond its ends by 0 to 1 of its length"):
        paths.walk(SAME, CODES[0], CODES[1], "straight", beyond=beyond)


# --- where the true manifold is known ---------------------------------------------------------------------------------


def known(n=600, seed=0):
    """Lines and bars with codes in which their manifold is round: a decoder that draws whatever a code points at."""
    from manigen.datasets import bars, lines

    rng = np.random.default_rng(seed)
    turn = rng.uniform(0, 2 * np.pi, n)
    thick = rng.uniform(2, 8, n)

    def line(z):
        return lines.draw(np.arctan2(z[:, 1], z[:, 0])) / 255.0

    def bar(z):  # half a turn brings a bar back to itself, so the angle counts twice
        return bars.draw(np.arctan2(z[:, 1], z[:, 0]) / 2, np.clip(3 * z[:, 2] + 5, 2, 8)) / 255.0

    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return {"lines": (line, circle), "bars": (bar, np.column_stack([circle, (thick - 5) / 3]))}


@pytest.mark.parametrize("kind", ["graph", "density"])
@pytest.mark.parametrize("data", ["lines", "bars"])
def test_on_lines_and_bars_a_walk_among_the_codes_stays_on_the_manifold_that_is_known(data, kind):
    draw, codes = known()[data]
    turn, apart = 0.3, 2.4  # radians around the circle: the short way around goes through its middle
    start, end = np.zeros((2, codes.shape[1]))
    start[:2], end[:2] = (np.cos(turn), np.sin(turn)), (np.cos(turn + apart), np.sin(turn + apart))
    ways = {name: paths.walk(decoder(draw), start, end, name, 65, codes).codes for name in (kind, "straight")}
    off = {name: np.abs(np.linalg.norm(z[:, :2], axis=1) - 1).max() for name, z in ways.items()}
    assert off["straight"] > 0.6
    assert off[kind] < 0.1
    angle = np.unwrap(np.arctan2(ways[kind][:, 1], ways[kind][:, 0]))
    assert angle[-1] - angle[0] == pytest.approx(apart, abs=1e-5)  # the short way around, not the long one
    length = np.linalg.norm(np.diff(ways[kind], axis=0), axis=1).sum()
    assert length == pytest.approx(apart, rel=0.05)  # radius 1: the arc; bars keep their thickness


@pytest.mark.parametrize("data", ["lines", "bars"])
def test_on_lines_and_bars_graph_lengths_are_the_true_ones(data):
    """In pictures: for lines the angle between them, for bars the shortest way over a dense grid of drawn ones."""
    draw, codes = known(1500)[data]
    rng = np.random.default_rng(1)
    if data == "lines":
        ends = codes[rng.integers(0, len(codes), (40, 2))]
        true = np.arccos(np.clip((ends[:, 0] * ends[:, 1]).sum(axis=1), -1, 1))
    else:
        grid, table = oracles.grid_of_bars(120, 31)
        pairs = rng.integers(0, len(grid), (40, 2))
        ends, true = grid[pairs], oracles.shortest_over_a_grid(draw(grid), table, pairs)
    ends = ends.astype(np.float32)
    ways = paths.between(ends[:, 0], ends[:, 1], "graph", 129, draw, Nearest(codes))
    far = [np.linalg.norm(np.diff(draw(way.codes).reshape(129, -1), axis=0), axis=1).sum() for way in ways]
    assert np.corrcoef(far, true)[0, 1] > 0.999
    chord = np.linalg.norm((draw(ends[:, 0]) - draw(ends[:, 1])).reshape(len(ends), -1), axis=1)
    straight = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    for other in (chord, straight):  # neither pictures nor codes alone know how long the way is
        assert np.corrcoef(other, true)[0, 1] < 0.99


@KINDS
def test_bad_input_is_said_in_a_sentence_by_every_kind_that_looks_at_the_data(kind):
    """Equal ends, ends outside the data, codes that fall apart, one code only, a decoder of NaN."""
    given = {"kind": kind, "steps": 17}
    islands = np.concatenate([CODES, CODES + 40])
    still = paths.walk(SAME, CODES[0], CODES[0], codes=CODES, **given)
    outside = paths.walk(SAME, CODES[0] + 50, CODES[1], codes=CODES, **given)
    apart = paths.walk(SAME, islands[0], islands[-1], codes=islands, **given)
    alone = paths.walk(SAME, CODES[0], CODES[1], codes=CODES[7:8], **given)
    for walk in (still, outside, apart, alone):
        assert np.isfinite(walk.codes).all() and np.isfinite(walk.steps).all()
    assert still.notes[-1] == "The picture stays the same all along this walk."
    assert outside.distance_to_data[0] > 5  # every kind reports it
    if kind in ("straight", "great_circle"):  # which look at no data
        assert outside.notes[-1].startswith("An end lies outside the data, ") and not apart.notes
    else:
        assert outside.notes[0].startswith("Where an end lies outside the data")
        assert apart.notes[0].startswith("Where the real codes fall into 2 groups")
        assert outside.bridges.any() and apart.bridges.any()
        assert any(note.startswith("There is one real code only") for note in alone.notes)
    with pytest.raises(ManigenError, match=r"^decode returned NaN or infinity at .*\.$"):
        paths.walk(decoder(lambda z: z * np.nan), CODES[0], CODES[1], codes=CODES, **given)


@pytest.mark.parametrize("kind", ["density", "pullback", "fog"])
def test_a_road_that_a_search_invents_is_said_also_where_the_graph_knew_one(kind):
    """Around a ring all roads are known; what leads across has to say that no data lie there."""
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1).astype("f")
    knobs = {"fear": 0.05} if kind == "density" else {}
    assert not paths.walk(SAME, ring[0], ring[100], "graph", 33, ring).notes
    walk = paths.walk(SAME, ring[0], ring[100], kind, 33, ring, **knobs)
    assert walk.bridges.mean() > 0.5 and walk.distance_to_data.max() > 2
    assert walk.notes[0] == "This path crosses a place without data, where it had to invent a road of its own."


def test_a_chain_whose_energy_never_is_finite_warns_of_nothing():
    """The straight line crosses a hole where there are no pictures; the graph path around it is followed downhill."""
    angle = np.random.default_rng(2).uniform(0, 2 * np.pi, 300)
    ring = (np.stack([np.cos(angle), np.sin(angle)], 1) * [[2.0, 1.0]]).astype("f")
    hole = decoder(lambda z: np.where(np.linalg.norm(z, axis=1, keepdims=True) < 0.5, np.nan, np.sin(2 * z)))
    start, end = np.array([-2.0, 0.01], "f"), np.array([2.0, 0.0], "f")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = paths.through([start, end], "pullback", 9, hole.decode, ring)
    assert np.isfinite(hole.decode(path.codes)).all()


# --- generators of one's own ------------------------------------------------------------------------------------------


class Plain(torch.nn.Module):
    """Somebody's own: it decodes tensors, in double precision, and knows nothing of arrays."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layers = torch.nn.Sequential(torch.nn.Linear(7, 16), torch.nn.Tanh(), torch.nn.Linear(16, 20)).double()
        self.asked: list[bool] = []

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        self.asked.append(torch.is_grad_enabled())
        return self.layers(z).reshape(len(z), 1, 4, 5)


@pytest.mark.parametrize("kind", ["straight", "graph", "density", "pullback"])
def test_a_torch_network_is_walked_as_it_is(kind):
    net = Plain()

    def by_hand(z):  # arrays in, arrays out: its slopes are found by nudging
        with torch.no_grad():
            return net.layers(torch.tensor(np.asarray(z), dtype=torch.float64)).numpy()

    near = Nearest(CODES)
    true = paths.walk(SimpleNamespace(decode=by_hand), CODES[0], CODES[1], kind, 17, near)
    for one in (net, net.layers, SimpleNamespace(decode=net.layers), by_hand):
        walk = paths.walk(one, CODES[0], CODES[1], kind, 17, near)
        assert np.allclose(walk.codes, true.codes, atol=0.02) and walk.length == pytest.approx(true.length, rel=1e-3)
        assert walk.converged
    assert any(net.asked) == (kind == "pullback")  # torch went back through it, and only for a slope
    pair = paths.between(CODES[:1], CODES[1:2], kind, 17, net.decode, near)[0]
    assert np.allclose(pair.codes, paths.through(CODES[:2], kind, 17, net, near).codes)
    with pytest.raises(BadInput, match="not int"):
        paths.walk(3, CODES[0], CODES[1])


def test_for_the_same_array_of_codes_roads_are_measured_once():
    asked: list[int] = []
    own = SimpleNamespace(decode=lambda z: (asked.append(len(z)), z)[1])
    first = paths.walk(own, CODES[0], CODES[1], "graph", 9, CODES)
    assert max(asked) == len(CODES)
    asked.clear()
    again = paths.walk(own, CODES[0], CODES[1], "graph", 9, CODES.tolist())
    assert max(asked) < len(CODES) and np.array_equal(first.codes, again.codes)
    moved = CODES + np.float32(1)
    other = paths.walk(own, moved[0], moved[1], "graph", 9, moved)
    moved[:] = 0  # whoever changes the array afterwards changes no codes of ours
    assert np.array_equal(other.codes, paths.walk(own, CODES[0] + 1, CODES[1] + 1, "graph", 9, CODES + 1).codes)


def test_many_walks_are_of_one_kind_and_a_kind_is_a_name():
    with pytest.raises(BadInput, match="one leg"):
        paths.between(CODES[:1], CODES[1:2], "straight+density", 9, SAME.decode, CODES)
    with pytest.raises(BadInput, match="by its name"):
        paths.walk(SAME, CODES[0], CODES[1], kind=None)


def test_a_step_tried_far_too_far_has_no_energy_and_warns_of_nothing() -> None:
    chains = np.array([[[0.0, 0.0], [1e300, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.5, 0.1], [1.0, 0.0]]])
    slope = _pull.Slope(lambda z: 2 * z, None, np.zeros(2), 1e9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, uphill, stiff = slope(chains, np.arange(2))
        log, _ = Density(CODES, 0.5).log(np.array([np.full(CODES.shape[1], 1e300), CODES[0]]))
        huge = np.full((1, 1, 2), 1e200)
        _descent._bent(np.ones((1, 2)), huge, [(huge, huge, np.array([1.0]))])
    assert not np.isfinite(log[0]) and np.isfinite(log[1])
    assert np.isinf(value[0]) and not uphill[0].any() and np.isfinite(value[1]) and uphill[1].any()
    assert np.isfinite(stiff[1]).all()
