"""The choice of a geodesic: what walks are judged by, and what a card says of it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from manigen import geodesic, paths
from manigen.datasets import Images
from manigen.errors import ManigenError, NotPossible
from manigen.weights import Codes

SIDE = 8


def ring(z):
    """Pictures (n, 1, 8, 8) in [0, 1] that hold the two numbers of their codes in their halves."""
    x = np.full((len(z), 1, SIDE, SIDE), 0.5, np.float32)
    x[:, 0, : SIDE // 2] += 0.25 * z[:, 0, None, None]
    x[:, 0, SIDE // 2 :] += 0.25 * z[:, 1, None, None]
    return np.clip(x, 0, 1)


def circle(n=800, seed=0):
    """A model whose codes lie on a circle, half of them taught, and its held-out pictures."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, 2 * n)
    z = (np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.02 * rng.normal(size=(2 * n, 2))).astype(np.float32)
    labels = (angle > np.pi).astype(np.int64)
    split, rows = np.repeat([0, 1], n), np.tile(np.arange(n), 2)
    codes = Codes(z, labels, split, rows, np.zeros(2 * n, np.float32), ("up", "down"))
    x = np.round(255 * ring(z[n:])).astype(np.uint8)
    test = Images(x, labels[n:], ("up", "down"), "circle", "test")
    return SimpleNamespace(name="circle", decode=ring, shape=(1, SIDE, SIDE)), codes, test


def test_where_data_lie_on_a_circle_the_way_along_it_is_chosen_and_the_card_says_why():
    model, codes, test = circle()
    on = geodesic.ground(model, codes, test, pairs=10)
    told = geodesic.choose(on)
    assert told["geodesic"] == "density"
    kinds = told["walks"]["kinds"]
    assert kinds["density"]["held_out_distance"] < 1.5 * told["walks"]["floor"]
    assert kinds["straight"]["held_out_distance"] > 3 * kinds["density"]["held_out_distance"]
    assert kinds["density"]["length"] <= geodesic.LONGEST * kinds["straight"]["length"]
    assert "straight" in told["geodesic_reason"] and "10 pairs" in told["geodesic_reason"]
    assert "fog" not in kinds  # one decoder
    model.geodesic, model.walk_knobs = told["geodesic"], paths.best_knobs(told)
    way = paths.walk(model, codes.z[0], codes.z[1], codes=codes.taught)
    assert way.kind == "density"
    knobs = told["geodesic_knobs"]
    assert np.array_equal(way.codes, paths.walk(model, *codes.z[:2], "density", codes=codes.taught, **knobs).codes)


def test_what_has_no_gradient_is_walked_in_the_kinds_that_need_none():
    model, codes, test = circle(200)
    model.differentiable = False
    told = geodesic.choose(geodesic.ground(model, codes, test, pairs=5))
    assert set(told["walks"]["kinds"]) == {"straight", "great_circle", "graph", "density"}


def test_the_distance_to_held_out_pictures_is_that_of_a_slow_twin():
    model, codes, test = circle(200)
    on = geodesic.ground(model, codes, test, pairs=5)
    x = ring(np.random.default_rng(3).normal(size=(7, 2)))
    slow = [sorted(np.linalg.norm(other - picture.ravel()) for other in on.held_out)[2] for picture in x]
    assert on.far(x) == pytest.approx(np.mean(slow), rel=1e-3)


def test_what_is_judged_by_is_neither_taught_nor_an_end_and_odd_rows_stay_unseen():
    model, codes, test = circle(200)
    even, odd = (geodesic.ground(model, codes, test, 8, odd=side) for side in (False, True))
    assert len(even.held_out) == 100 - 16 == len(odd.held_out)
    for side, on in enumerate((even, odd)):
        ends = np.concatenate([on.starts, on.ends])
        rows = [int(np.flatnonzero((codes.z == end).all(axis=1))[0]) for end in ends]
        assert all(codes.split[row] == 1 and codes.rows[row] % 2 == side for row in rows)
        others = np.setdiff1d(np.arange(side, 200, 2), codes.rows[rows])
        assert np.allclose(on.held_out * 255, test.x[others].reshape(len(others), -1), atol=1e-3)


def test_it_is_chosen_on_training_pictures_that_no_road_has_seen_and_shown_on_others():
    model, codes, test = circle()
    train = Images(np.round(255 * ring(codes.z[codes.split == 0])).astype(np.uint8), codes.labels[:800],
                   ("up", "down"), "circle", "train")  # fmt: skip
    on = geodesic.ground(model, codes, train, 8, kept_back=True)
    back = (codes.split == 0) & (codes.rows % geodesic.KEPT == 0)
    assert len(on.taught.z) == 800 - back.sum()
    assert all((codes.z[back] == end).all(axis=1).any() for end in [*on.starts, *on.ends])
    shown = geodesic.ground(model, codes, test, 12)
    told = geodesic.choose(on, shown)
    assert told["walks"]["pairs"] == 12 and "kept back" in told["geodesic_reason"]
    for kind in ("density", told["geodesic"]):  # which may be the great circle by a hair: all is on one
        figures = told["walks"]["kinds"][kind]
        judged = shown.judge(shown.walk(kind, figures["knobs"]))
        assert figures["held_out_distance"] == pytest.approx(judged["held_out_distance"])
    assert told["walks"]["kinds"][told["geodesic"]]["knobs"] == told["geodesic_knobs"]
    assert "pullback, critic" not in told["walks"]["kinds"]  # it has none


def test_a_model_that_reads_no_pictures_is_walked_between_its_own_draws():
    model, codes, test = circle()
    model.encodes = False
    n = len(codes.z)
    drawn = Codes(codes.z, np.full(n, -1), np.full(n, 2), np.arange(n), np.full(n, np.nan))
    train = Images(
        np.round(255 * ring(codes.z[:800])).astype(np.uint8), codes.labels[:800], ("up", "down"), "circle", "train"
    )
    on = geodesic.ground(model, drawn, train, 20, kept_back=True)
    shown = geodesic.ground(model, drawn, test, 20)
    ends = [{tuple(end) for end in [*one.starts, *one.ends]} for one in (on, shown)]
    assert len(ends[0]) == len(ends[1]) == 40 and not ends[0] & ends[1]
    for one, there in zip((on, shown), ends, strict=True):
        assert not there & {tuple(code) for code in one.taught.z} and len(one.taught.z) == n - n // geodesic.KEPT
    assert len(shown.held_out) == len(test.x) // 2  # none of them is an end
    told = geodesic.choose(on, shown, grid=geodesic.BRIEF)
    assert told["geodesic"] in ("density", "great_circle")  # along the circle
    assert "the model's own draws" in told["geodesic_reason"] and "between other draws" in told["geodesic_reason"]


def tried(kind, far, sharp, sure, length, restless=0.0, **knobs):
    told = {"held_out_distance": far, "sharpness": sharp, "length": length, "not_converged": restless}
    return kind, knobs, told | ({} if sure is None else {"confidence": sure})


def test_of_ways_that_reach_the_reconstructions_the_sharpest_and_surest_is_taken_if_it_is_short_and_rests():
    straight, graph = tried("straight", 5.3, 0.12, 0.90, 10), tried("graph", 4.9, 0.12, 0.95, 15)
    blurred, nearest = tried("fog", 4.0, 0.06, 0.70, 12), tried("density", 4.4, 0.11, 0.94, 12, fear=4.0)
    best = tried("density", 4.9, 0.119, 0.96, 14, fear=0.3)
    long, far = tried("density", 4.9, 0.13, 0.99, 16, fear=0.4), tried("pullback", 5.2, 0.13, 0.99, 9)
    restless = tried("density", 4.9, 0.13, 0.99, 12, 0.6, fear=0.5)
    everything = [straight, graph, blurred, nearest, best, long, far, restless]
    assert geodesic.Rule(5.0).best(everything) is best
    assert geodesic.Rule(3.0).best(everything) is blurred  # none reaches it: the nearest
    assert geodesic.Rule(5.0).best([straight, graph, restless]) is graph
    assert geodesic.Rule(5.0).best([straight, restless]) is straight
    around = [tried("straight", 11, 0.12, None, 10), tried("graph", 4.1, 0.12, None, 25),
              tried("pullback", 12, 0.12, None, 9), tried("density", 4.0, 0.12, None, 25, 0.9)]  # fmt: skip
    assert geodesic.Rule(4.0).best(around) is around[1]  # all short ways leave the data, and the search never rests
    without_classes = [tried(kind, *told, None, 10) for kind, *told in
                       (("straight", 5.3, 0.12), ("density", 4.9, 0.11), ("pullback", 4.8, 0.10))]  # fmt: skip
    assert geodesic.Rule(5.0).best(without_classes) is without_classes[1]


def test_of_those_the_one_is_taken_that_leads_the_plain_kinds_by_most_in_all_three_at_once():
    straight, circle = tried("straight", 5.3, 0.117, 0.90, 10), tried("great_circle", 5.6, 0.126, 0.92, 11)
    graph, pullback = tried("graph", 4.9, 0.116, 0.95, 15), tried("pullback", 5.2, 0.10, 0.83, 9)
    plain = [straight, circle, graph, pullback]
    ahead_of_three = tried("density", 4.75, 0.119, 0.96, 14, fear=0.56, lift=0.25)
    crispest = tried("density", 4.95, 0.121, 0.96, 14, fear=0.14, lift=0.5)  # farther than the graph
    assert geodesic.Rule(5.0).best([*plain, ahead_of_three, crispest]) is ahead_of_three
    assert geodesic.Rule(5.0).best([*plain, crispest]) is crispest
    crisper = tried("density", 4.95, 0.124, 0.96, 14, fear=0.14, lift=0.75)  # little behind the circle, as the graph
    assert geodesic.Rule(5.0).best([*plain, ahead_of_three, crisper]) is crisper
    assert geodesic.Rule(5.0).best_of([crispest, ahead_of_three], plain) is ahead_of_three
    figures = {geodesic.named(*one[:2]): one[2] for one in [*plain, ahead_of_three]}
    told = geodesic._reason("density", figures, SimpleNamespace(floor=5.0, starts=[0] * 9, generator=None), True)
    assert "9 pairs. It is nearer, sharper and surer at once than straight, graph, pullback. It was chosen" in told
    critic = tried("pullback", 4.7, 0.125, 0.97, 9, ruler="critic")
    assert geodesic.Rule(5.0).best([*plain, critic, ahead_of_three]) is critic  # other rulers are no plain kind
    far_ahead = tried("density", 4.0, 0.1191, 0.99, 14, fear=1)  # but hardly in sharpness
    assert geodesic.Rule(5.0).best([*plain, far_ahead, ahead_of_three]) is far_ahead
    ahead_of_one = tried("density", 4.0, 0.105, 0.96, 14, fear=4)  # of the pull-back, and far softer than the others
    assert geodesic.Rule(5.0).best([*plain, ahead_of_one, crispest]) is crispest
    assert geodesic.lead(far_ahead[2], straight[2]) == pytest.approx(0.1191 / 0.117 - 1)
    assert geodesic.lead(straight[2], ahead_of_three[2]) == pytest.approx(1 - 0.10 / 0.04)  # in doubt


def test_the_more_pairs_a_choice_is_made_on_the_smaller_a_lead_is_more_than_chance():
    plain = [tried("straight", 5.4, 0.09, 0.85, 10), tried("great_circle", 5.4, 0.100, 0.86, 11),
             tried("graph", 5.0, 0.09, 0.88, 15)]  # fmt: skip
    near_and_as_sharp = tried("density", 4.85, 0.1002, 0.95, 14, fear=0.5)  # 3 % ahead of the graph, 0.2 % of circle
    ahead_of_both = tried("density", 4.94, 0.1014, 0.95, 13, fear=0.44)  # 1.2 % and 1.4 %
    everything = [*plain, near_and_as_sharp, ahead_of_both]
    assert geodesic.Rule(5.0, 48).best(everything) is near_and_as_sharp
    assert geodesic.Rule(5.0, 192).best(everything) is ahead_of_both
    assert geodesic.Rule(5.0, 192).best_of(everything[3:], everything) is ahead_of_both
    assert geodesic.Rule(5.0, 48, longest=1.35).best(everything) is ahead_of_both  # the other is longer than allowed


def test_about_a_choice_lie_the_plain_kinds_and_more_or_less_of_its_fear_and_lift():
    knobs = {"fear": 0.5, "bandwidth": 0.4, "lift": 1.0}
    grid = geodesic.around("density", knobs)
    assert [geodesic.named(*one) for one in grid[:4]] == list(geodesic.PLAIN) and ("density", knobs) in grid
    near = [one[1] for one in grid[4:]]
    assert {one["lift"] for one in near} == {0.875, 1.0, 1.125}
    assert {one["bandwidth"] for one in near} == {0.32, 0.4, 0.5, 0.64}
    assert {one["fear"] for one in near if one["bandwidth"] == 0.4} == {0.445, 0.5, 0.56}
    assert max(one["fear"] for one in near) == pytest.approx(0.56 * 1.6**2.5, rel=5e-3)  # a wider bell takes more
    lifts = [one.get("lift", 0) for _, one in geodesic.around("density", {"fear": 0.5, "bandwidth": 0.2})[4:]]
    assert set(lifts) == {0, 0.125}
    wide = geodesic.around("density", {"fear": 4.0, "bandwidth": 2.0, "lift": 2.0})[4:]
    assert wide and all(0 <= one["fear"] <= 6 and one["bandwidth"] <= 3 and one["lift"] <= 2 for _, one in wide)
    nearer = [one for _, one in geodesic.around("density", knobs, geodesic.NEARER)[4:]]
    assert {one["lift"] for one in nearer} == {0.9375, 1.0, 1.0625} and {one["bandwidth"] for one in nearer} == {0.4}
    assert min(one["fear"] for one in nearer) == 0.445 and len(nearer) == 15
    assert geodesic.around("pullback", {"ruler": "features"})[4:] == (("pullback", {"ruler": "features"}),)


def test_the_knobs_of_a_kind_that_is_not_chosen_are_chosen_by_the_same_rule():
    straight = tried("straight", 4.0, 0.12, 0.95, 10)
    blurred, best = tried("density", 3.0, 0.04, 0.70, 12, fear=4.0), tried("density", 4.6, 0.11, 0.90, 12, fear=0.3)
    long, restless = tried("density", 4.5, 0.13, 0.99, 22, fear=0.5), tried("density", 4.5, 0.13, 0.99, 12, 0.6, fear=1)
    some = [blurred, best, long, restless]
    assert geodesic.Rule(5.0).best([straight, *some]) is straight
    assert geodesic.Rule(5.0).best_of(some, [straight]) is best
    assert geodesic.Rule(2.0).best_of(some, [straight]) is blurred  # none reaches it: the nearest
    assert geodesic.Rule(5.0).best_of([long, restless], [straight]) is long
    assert geodesic.Rule(5.0).best_of([restless], [straight]) is restless


def test_a_straight_line_or_a_great_circle_that_measures_best_is_the_models_geodesic():
    straight, circle, density = (tried(kind, far, 0.12, None, 10) for kind, far in
                                 (("straight", 5.3), ("great_circle", 4.8), ("density", 5.1)))  # fmt: skip
    assert geodesic.Rule(5.0).best([straight, circle, density]) is circle
    assert geodesic.Rule(4.0).best([straight, circle, density]) is circle
    assert geodesic.Rule(4.0).best([straight, density]) is density


def test_how_even_a_walk_is_is_told_of_its_own_speed_not_of_the_evened_one():
    model, codes, test = circle(200)
    on = geodesic.ground(model, codes, test, pairs=5)
    t = np.linspace(0, 1, geodesic.FINE)[:, None] ** 3
    slow = [paths.Trace((1 - t) * start + t * end) for start, end in zip(on.starts, on.ends, strict=True)]
    assert on.judge(slow)["evenness"] < 0.75 < 0.9 < on.judge(on.walk("straight", {}))["evenness"]
    assert on.judge(slow)["length"] == pytest.approx(on.judge(on.walk("straight", {}))["length"], rel=1e-2)


def test_a_walk_that_is_judged_is_decoded_once_as_it_is_and_once_evened():
    model, codes, test = circle(200)
    decoded = []
    model.decode = lambda z: decoded.append(len(z)) or ring(z)
    on = geodesic.ground(model, codes, test, pairs=5)
    ways = on.walk("straight", {})
    decoded.clear()
    on.judge(ways)
    assert sum(decoded) == 5 * (geodesic.FINE + geodesic.FRAMES)
    own = on.seen_along(ways)
    decoded.clear()
    assert on.judge(ways, own) == on.judge(ways)
    assert sum(decoded) == 5 * (geodesic.FINE + 2 * geodesic.FRAMES)  # what was seen is not decoded again
    few = on.evened(ways)
    assert all(np.array_equal(a.codes, b.codes) for a, b in zip(few, on.evened(ways, on.seen_along(ways)), strict=True))


def test_sharpness_is_told_beside_that_of_the_held_out_pictures_nearest_to_each():
    model, codes, test = circle(200)
    on = geodesic.ground(model, codes, test, pairs=5)
    x = ring(np.random.default_rng(3).normal(size=(7, 2)))
    real = on.held_out.reshape(-1, *x.shape[1:])
    kin = [np.argsort([np.linalg.norm(other - picture) for other in real])[:3] for picture in x]

    def edges(picture):  # by hand
        across = [abs(float(row[j + 1] - row[j])) for row in picture[0] for j in range(SIDE - 1)]
        down = [abs(float(a - b)) for a, b in zip(picture[0][1:].ravel(), picture[0][:-1].ravel(), strict=True)]
        return np.mean(across) + np.mean(down)

    sharp = np.mean([edges(picture) for picture in x])
    told = on.looks(x)
    assert told["sharpness"] == pytest.approx(sharp, rel=1e-5)
    near = np.mean([edges(real[i]) for rows in kin for i in rows])
    assert told["sharpness_ratio"] == pytest.approx(sharp / near, rel=1e-4)
    assert told["held_out_distance"] == on.far(x)


def test_too_few_held_out_pictures_are_refused_in_a_sentence():
    model, codes, test = circle(40)
    with pytest.raises(NotPossible, match="too few"):
        geodesic.ground(model, codes, test)


def test_the_benchmark_tells_how_much_a_length_hangs_on_the_training_and_on_its_scale():
    from benchmarks import walks

    lengths = np.array([[3.0, 5.0, 7.0], [4.0, 5.0, 12.0], [1.0, 6.0, 11.0]])  # of three pairs under three trainings
    told = walks.stability([{"straight": list(row), "graph": list(row * (i + 1))} for i, row in enumerate(lengths)])
    by_hand = np.mean([np.std(pair, ddof=1) / np.mean(pair) for pair in lengths.T])
    assert told["straight"]["length_variation"] == pytest.approx(by_hand)
    assert told["straight"]["length"] == pytest.approx(6)
    assert told["graph"]["length_variation"] > by_hand  # a decoder of stronger pictures is another length
    shapes = [told[kind]["length_variation_scaled"] for kind in ("straight", "graph")]
    assert shapes[0] == pytest.approx(shapes[1]) and shapes[0] > 0  # but no other shape
    with pytest.raises(ManigenError):
        walks.stability([{"straight": [1.0]}])
