from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import zoo
from manigen import files, measures, weights
from manigen.comparison import words
from manigen.datasets import Images, lines
from manigen.discovery import discover
from manigen.errors import BadFile, BadInput, NotPossible, UnknownName
from manigen.measures import (
    Context,
    _cache,
    _context,
    _features,
    _metric,
    _neighbours,
    _whitened,
    base,
    class_histogram,
    clustering,
    continuity,
    distance_rank_correlation,
    frechet_distance,
    intrinsic_dimension,
    intrinsic_dimension_mle,
    kernel_distance,
    linear_probe,
    memorisation,
    metric_condition,
    metric_volume_variance,
    perceptual_path_length,
    sharpness,
    ssim,
    trustworthiness,
)
from tests import oracles

BOTH = pytest.mark.parametrize("room", [trustworthiness, continuity], ids=["trustworthiness", "continuity"])


@pytest.fixture
def sheet():
    """Codes (211, 5) and a map (211, 2) that keeps some of their neighbours."""
    z = np.random.default_rng(0).normal(size=(211, 5)).astype("f")
    return z, z[:, :2].copy()


@pytest.mark.parametrize("k", [1, 7, 105])
def test_trustworthiness_agrees_with_scikit_learn(sheet, k):
    from sklearn.manifold import trustworthiness as peer

    z, p = sheet
    assert trustworthiness.measure(z, p, k=k) == pytest.approx(peer(z, p, n_neighbors=k), abs=1e-12)
    assert continuity.measure(z, p, k=k) == pytest.approx(peer(p, z, n_neighbors=k), abs=1e-12)


def test_both_agree_with_their_definition_rank_by_rank(sheet):
    z, p = (side[:60] for side in sheet)
    assert trustworthiness.measure(z, p, k=7) == pytest.approx(oracles.trustworthiness(z, p, 7))
    assert continuity.measure(z, p, k=7) == pytest.approx(oracles.trustworthiness(p, z, 7))


@BOTH
def test_a_map_that_keeps_all_distances_scores_one_and_a_random_one_a_half(room):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(997, 2)).astype("f")
    turned = z @ np.array([[0.6, -0.8], [0.8, 0.6]]) * 3 + 5
    assert room.measure(z, turned) == pytest.approx(1, abs=1e-4)
    assert room.measure(z, rng.normal(size=(997, 2))) == pytest.approx(room.card.facts["random"], abs=0.03)


def test_a_folded_map_has_intruders_and_a_torn_map_has_losses():
    line = np.arange(200.0)[:, None]
    folded = np.hstack([np.abs(line - 99.5) + (line > 99.5) / 4, line * 0])  # the two halves lie on each other
    torn = np.hstack([line + 1000 * (line > 99.5), line * 0])
    shuffled = np.hstack([(line * 83) % 200, line * 0])
    assert trustworthiness.measure(line, folded, k=5) < 0.8 < continuity.measure(line, folded, k=5)
    assert trustworthiness.measure(line, torn, k=5) > continuity.measure(line, torn, k=5)
    assert trustworthiness.measure(line, shuffled, k=5) < 0.7


@BOTH
def test_a_sample_comes_close_to_the_whole_and_is_fixed_by_its_seed(room):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1501, 4))
    p = z[:, :2] + rng.normal(0, 0.1, (1501, 2))
    exact = room.measure(z, p, sample=1501)
    first, again, other = (room.measure(z, p, sample=300, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert exact == pytest.approx(first, abs=0.01)


@BOTH
def test_blocks_bound_the_memory_and_not_the_answer(room, sheet, monkeypatch):
    at_once = room.measure(*sheet)
    monkeypatch.setattr(base, "BLOCK", 1000)
    assert room.measure(*sheet) == pytest.approx(at_once, abs=1e-12)


@BOTH
def test_what_cannot_be_measured_is_said_in_a_sentence(room, sheet):
    z, p = sheet
    with pytest.raises(BadInput, match="equally many"):
        room.measure(z, p[:-1])
    with pytest.raises(BadInput, match="below half the number of codes, 211, not 106"):
        room.measure(z, p, k=106)
    with pytest.raises(BadInput, match="finite"):
        room.measure(z * np.nan, p)


def test_every_measure_has_a_source_and_says_what_it_is_of():
    for name, module in discover("manigen.measures").items():
        assert module.card.facts["of"] in {"map", "generator"}, name
        assert module.card.reference and module.card.link.startswith("http"), name
        assert "best" in module.card.facts, name


class Fitted:
    def __init__(self, n):
        self.z = np.random.default_rng(0).normal(size=(n, 3)).astype("f")
        self.p = self.z[:, :2]


def test_of_a_map_come_all_its_measures_and_few_codes_lower_k():
    whole = set(measures.of_map(Fitted(100)))
    assert whole >= {"trustworthiness", "continuity", "neighbour_recall", "rnx_area", "shepard_correlation"}
    small = Fitted(9)
    assert measures.of_map(small)["trustworthiness"] == trustworthiness.measure(small.z, small.p, k=4)
    assert measures.of_map(Fitted(2)) == {}


# --- generators -------------------------------------------------------------------------------------------------------


class Linear:
    """A generator whose picture is A z + 1/2, kept in [0, 1], and whose code is a picture's least squares fit."""

    encodes = True
    name = "linear"

    def __init__(self, a, side=8):
        self.a, self.shape = np.asarray(a, "f"), (1, side, side)
        self.dim = self.a.shape[1]

    def sample_codes(self, n, seed=0):
        return np.random.default_rng(seed).normal(size=(n, self.dim)).astype("f")

    def sample(self, n, seed=0):
        return self.decode(self.sample_codes(n, seed))

    def encode(self, x):
        return ((x.reshape(len(x), -1) - 0.5) @ np.linalg.pinv(self.a).T).astype("f")

    def decode(self, z):
        return np.clip(z @ self.a.T + 0.5, 0, 1).reshape(len(z), *self.shape).astype("f")


def linear(scales=(1.0, 2.0, 3.0), small=0.05):
    """A decoder with orthogonal columns of these lengths (times `small`, so that nothing is cut off)."""
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(64, len(scales))))[0]
    return Linear(q * np.asarray(scales) * small)


def pictures(n=600, seed=1, of=None, labels=None, split="test"):
    """Held-out pictures of the linear model's own distribution, as uint8."""
    x = ((of or linear()).sample(n, seed) * 255).round().astype(np.uint8)
    labels = np.full(n, -1) if labels is None else labels
    return Images(x, labels.astype(np.int64), ("a", "b"), "linear", split)


class Samples:
    """A generator that has nothing but samples: those handed to it."""

    def __init__(self, x):
        self.x = x

    def sample(self, n, seed=0):
        return np.resize(self.x, (n, *self.x.shape[1:]))


ALL = {name for name, module in discover("manigen.measures").items() if module.card.facts["of"] == "generator"}


def value(name, generator, test, train=None, **options):
    return measures.report(generator, train, test, only=[name], cached=False, **options)[name]


# --- the report -------------------------------------------------------------------------------------------------------


def test_a_report_has_every_measure_that_can_be_taken_and_all_of_them_are_numbers():
    rng = np.random.default_rng(0)
    model, held_out = linear(), pictures(80, labels=rng.integers(0, 2, 80))
    train = pictures(120, 2, labels=rng.integers(0, 2, 120), split="train")
    found = measures.report(model, train, held_out, cached=False)
    assert set(found) == ALL - {"class_histogram", "parameters", "interpolation"}  # no classifier, no torch, no angle
    for name, result in found.items():
        assert np.isfinite(result.value) and (result.real is None or np.isfinite(result.real)), name
        assert result.n >= 1
    assert {name for name, result in found.items() if result.real is None} == {"seconds"}
    flat = measures.flat(found)
    assert flat["coverage_n"] == 80 and 0 <= flat["coverage_real"] <= 1 and "linear_probe_error" in flat
    assert flat["features"].startswith("random convolutional features, not comparable with FD-LeNet ")
    assert all(isinstance(entry, int | float | str) for entry in flat.values())


def test_a_sampler_with_nothing_but_samples_is_measured_by_its_samples():
    found = measures.report(Samples(pictures(50).float()), pictures(70, 2), pictures(60, 3), cached=False)
    assert set(found) == {
        "coverage",
        "density",
        "frechet_distance",
        "kernel_distance",
        "memorisation",
        "precision",
        "recall",
        "sharpness",
    }


def test_without_train_pictures_nothing_real_stands_beside_a_sample_and_arrays_do():
    found = measures.report(linear(), None, pictures(60).float(), cached=False)
    assert found["coverage"].real is None and "memorisation" not in found and "linear_probe" not in found
    short = measures.of_generator(linear(), pictures(60).float())
    assert short["coverage"] == found["coverage"].value and "seconds" not in short
    assert set(measures.of_generator(linear(), pictures(60), only=["seconds"])) == {"seconds"}


def test_the_same_seed_gives_the_same_report_and_another_seed_another():
    def told(seed):
        found = measures.report(linear(), pictures(120, 2), pictures(80), seed, n=40, cached=False)
        return {name: result for name, result in found.items() if name != "seconds"}

    assert told(0) == told(0)
    assert told(0)["coverage"] != told(1)["coverage"] or told(0)["kernel_distance"] != told(1)["kernel_distance"]


def test_few_pictures_leave_out_what_needs_more_and_one_is_enough_for_the_rest():
    assert "coverage" not in measures.report(linear(), pictures(5, 2), pictures(5), cached=False)
    assert "coverage" in measures.report(linear(), pictures(6, 2), pictures(6), cached=False)
    assert "reconstruction_mse" in measures.report(linear(), pictures(1, 2), pictures(1), cached=False)


def test_only_those_named_are_taken_and_an_unknown_name_is_refused():
    assert set(measures.of_generator(linear(), pictures(20), only=["sharpness"])) == {"sharpness"}
    assert set(measures.of_map(Fitted(100), only=["continuity"])) == {"continuity"}
    with pytest.raises(UnknownName, match="Did you mean 'sharpness'"):
        measures.report(linear(), None, pictures(20), only=["sharpnes"])


def test_pictures_of_another_shape_are_refused_in_words():
    other = np.zeros((20, 1, 9, 9), "f")
    with pytest.raises(BadInput, match="8x8 grey"):
        measures.report(linear(), None, other, cached=False)


def test_progress_is_told_before_each_measure_and_can_stop_the_report():
    heard = []
    only = ["sharpness", "coverage"]
    measures.report(linear(), None, pictures(20), only=only, progress=lambda *told: heard.append(told), cached=False)
    assert heard == [(0, 2, "Coverage"), (1, 2, "Sharpness"), (2, 2, "")]

    def stop(done, of, title):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measures.report(linear(), None, pictures(20), only=only, progress=stop, cached=False)


def test_samples_and_features_are_made_once_for_all_measures():
    asked = []

    class Counted(Linear):
        def sample(self, n, seed=0):
            asked.append(n)
            return super().sample(n, seed)

    measures.report(Counted(linear().a), pictures(60, 2), pictures(50), cached=False)
    assert asked == [50]


def test_large_pictures_lower_n_so_that_memory_stays_bounded(monkeypatch):
    monkeypatch.setattr(_context, "MEMORY", 4 * 64 * 30)
    context = Context(linear(), pictures(100), pictures(100, 2))
    assert context.n == len(context.real) == len(context.made) == 30
    assert len(context.train_pictures(1000)) == 30


# --- kept figures -----------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny():
    """A torch model of seeded weights for 8x8 pictures."""
    from manigen import models

    return models.build("autoencoder", (1, 8, 8), 0, dim=3, width=4).eval()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(_cache, "folder", lambda: tmp_path / "measures")
    return tmp_path / "measures"


def test_a_figure_is_kept_and_not_measured_again(tiny, kept, monkeypatch):
    test, calls = pictures(30), []
    first = measures.report(tiny, None, test, only=["coverage", "seconds", "frechet_distance"])
    monkeypatch.setattr(_neighbours, "met", lambda *rest: calls.append(rest))
    again = measures.report(tiny, None, test, only=["coverage", "frechet_distance"])
    assert calls == [] and again == {name: first[name] for name in again}
    assert len(list(kept.iterdir())) == 2 + 1  # the time is written, and never read


@pytest.mark.parametrize("change", ["weights", "pictures", "seed", "n", "train", "sampler"])
def test_another_model_other_pictures_another_seed_or_n_are_measured_anew(tiny, kept, change):
    import torch

    from manigen import samplers

    before = _cache.key(Context(tiny, pictures(30), pictures(40, 2)))
    assert before == _cache.key(Context(tiny, pictures(30), pictures(40, 2)))
    test, train = pictures(30, 9 if change == "pictures" else 1), pictures(40, 9 if change == "train" else 2)
    if change == "weights":
        with torch.no_grad():
            next(tiny.parameters()).add_(0.01)
    if change == "sampler":
        tiny.sampler = samplers.fit("mixture", tiny.sample_codes(500, 0), 0)
    after = _cache.key(Context(tiny, test, train, seed=int(change == "seed"), n=20 if change == "n" else 10_000))
    assert after != before


def test_a_kept_figure_that_is_damaged_is_measured_again(tiny, kept):
    first = measures.report(tiny, None, pictures(30), only=["coverage"])
    (file,) = kept.iterdir()
    for wrong in ("", "[]", '{"value": 1}', "{"):
        file.write_text(wrong)
        assert measures.report(tiny, None, pictures(30), only=["coverage"]) == first


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(_cache, "folder", lambda: tmp_path / "file" / "measures")
    assert set(measures.report(tiny, None, pictures(30), only=["coverage"])) == {"coverage"}


# --- neighbourhoods ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_recall_density_and_coverage_agree_with_their_definitions(k):
    rng = np.random.default_rng(0)
    real, made = rng.normal(size=(43, 5)).astype("f"), rng.normal(0.4, 0.7, size=(37, 5)).astype("f")
    met = _neighbours.met(real, made, k)
    assert (met.precision, met.recall, met.density, met.coverage) == pytest.approx(oracles.prdc(real, made, k))


def test_blocks_bound_the_memory_of_neighbourhoods_and_not_the_answer(monkeypatch):
    real, made = np.random.default_rng(0).normal(size=(2, 200, 5)).astype("f")
    at_once = _neighbours.met(real, made, 5)
    monkeypatch.setattr(_neighbours, "BLOCK", 1000)
    assert _neighbours.met(real, made, 5) == at_once


def test_two_samples_of_the_same_data_reach_the_ceilings():
    real, made = np.random.default_rng(0).normal(size=(2, 1500, 6)).astype("f")
    met = _neighbours.met(real, made, 5)
    assert met.coverage == pytest.approx(1 - 2**-5, abs=0.02) and met.density == pytest.approx(1, abs=0.05)


def test_one_picture_over_and_over_is_precise_and_covers_nothing():
    real = np.random.default_rng(0).normal(size=(1500, 6)).astype("f")
    met = _neighbours.met(real, np.tile(real[:1] * 0.01, (1500, 1)), 5)
    assert met.precision == 1 and met.coverage < 0.02 and met.recall < 0.02


def test_the_real_pictures_themselves_are_perfect_and_strangers_have_nothing():
    real = np.random.default_rng(0).normal(size=(300, 6)).astype("f")
    assert _neighbours.met(real, real, 5) == _neighbours.Met(1, 1, 1, 1)  # each lies around itself and four fellows
    assert _neighbours.met(real, real + 1000, 5) == _neighbours.Met(0, 0, 0, 0)


# --- distances between clouds -----------------------------------------------------------------------------------------


def test_the_frechet_distance_agrees_with_the_matrix_root_of_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(200, 7)) @ rng.normal(size=(7, 7)), rng.normal(0.3, 1, size=(150, 7))
    assert frechet_distance.between(a, b) == pytest.approx(oracles.frechet(a, b), rel=1e-9)


def test_the_frechet_distance_of_known_clouds_is_the_closed_form():
    z = np.random.default_rng(0).normal(size=(4000, 3))
    z = (z - z.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(z.T))).T  # mean 0 and covariance 1, exactly
    assert frechet_distance.between(z, z) == pytest.approx(0, abs=1e-9)
    assert frechet_distance.between(z, z + np.array([3, 4, 0])) == pytest.approx(25)
    assert frechet_distance.between(z, z * [2, 3, 1]) == pytest.approx(1 + 4)  # sum of (s - 1)^2
    flat = z * [1, 1, 0]
    assert frechet_distance.between(z, flat) == pytest.approx(1)  # one covariance without an inverse


def test_the_frechet_distance_of_two_samples_of_the_same_cloud_is_as_published():
    a, b = np.random.default_rng(0).normal(size=(2, 5000, 64))
    assert frechet_distance.between(a, b) == pytest.approx(0.45, abs=0.03)


def test_the_kernel_distance_agrees_with_its_definition_pair_by_pair():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(13, 4)).astype("f"), rng.normal(0.5, 1, size=(11, 4)).astype("f")
    assert kernel_distance.unbiased(a, b) == pytest.approx(oracles.kernel_distance(a, b), rel=1e-6)


def test_the_kernel_distance_of_the_same_cloud_is_nothing_give_or_take_its_error():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 2000, 64)).astype("f")
    alike, error = kernel_distance.between(a, b)
    assert abs(alike) < 3 * error < 0.05
    apart, error = kernel_distance.between(a, b + 0.5)
    assert apart > 10 * error


def test_its_error_is_the_spread_of_the_estimate_over_draws():
    rng = np.random.default_rng(0)
    draws = [kernel_distance.between(*rng.normal(size=(2, 200, 8)).astype("f")) for _ in range(60)]
    values, errors = np.array(draws).T
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.35)


def test_real_pictures_have_a_smaller_distance_than_blurred_or_shrunken_ones():
    test, train = pictures(400), pictures(500, 2)
    x = train.float()
    blurred = (x + np.roll(x, 1, 2) + np.roll(x, 1, 3) + np.roll(x, (1, 1), (2, 3))) / 4
    for name in ("frechet_distance", "kernel_distance"):
        good, bad = value(name, Samples(x), test, train), value(name, Samples(blurred), test, train)
        assert good.value < 3 * abs(good.real) + 0.1 < bad.value, name
        assert bad.real == good.real


def test_midpoints_of_a_linear_model_are_pictures_and_those_of_a_broken_one_are_not():
    class Broken(Linear):
        """Codes within 0.7 of the middle are black: a hole that no real code lies in."""

        def encode(self, x):
            z = super().encode(x)
            return z + 10 * np.sign(z)

        def decode(self, z):
            return super().decode(np.where(np.abs(z) > 9.9, z - 10 * np.sign(z), -30))

    test, train = pictures(300), pictures(300, 2)
    whole = value("midpoint_frechet_distance", linear(), test, train)
    holes = value("midpoint_frechet_distance", Broken(linear().a), test, train)
    assert value("reconstruction_mse", Broken(linear().a), test).value < 1e-4
    assert holes.value > 2 * whole.value
    assert whole.value == pytest.approx(whole.details["pixels"], rel=0.05)  # of a linear model, the same pictures


# --- pictures ---------------------------------------------------------------------------------------------------------


class Halver(Linear):
    """A generator whose reconstruction of a picture is half as bright."""

    def __init__(self):
        super().__init__(np.eye(64))

    def encode(self, x):
        return x.reshape(len(x), -1)

    def decode(self, z):
        return z.reshape(len(z), *self.shape) / 2


def test_reconstruction_error_is_the_mean_squared_difference_over_all_pictures():
    x = np.random.default_rng(0).uniform(size=(1201, 1, 8, 8)).astype("f")
    each = (x.astype(float) ** 2).mean(axis=(1, 2, 3)) / 4
    found = value("reconstruction_mse", Halver(), x)
    assert found.value == pytest.approx(each.mean(), rel=1e-5) and found.n == 1201
    assert found.error == pytest.approx(each.std(ddof=1) / 1201**0.5, rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 13, 17), (3, 11, 11), (1, 8, 8), (2, 5, 4)])
def test_structural_similarity_agrees_with_its_definition_window_by_window(shape):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(2, 3, *shape)).astype("f")
    expected = [oracles.ssim(a, b) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(ssim.similarity(x, y), expected, rtol=1e-6)
    np.testing.assert_allclose(ssim.similarity(x, x), 1, rtol=1e-9)


def test_structural_similarity_sees_blur_where_brightness_is_kept():
    x = np.random.default_rng(0).uniform(size=(5, 1, 28, 28)).astype("f")
    flat = np.full_like(x, x.mean())
    assert ssim.similarity(x, flat).max() < 0.1 < 0.9 < ssim.similarity(x, np.clip(x + 0.02, 0, 1)).min()


def test_sharpness_of_samples_like_the_real_ones_is_one_and_of_a_blur_less():
    rng = np.random.default_rng(0)
    x, train, samples = rng.uniform(size=(3, 2000, 1, 8, 8)).astype("f")
    found = value("sharpness", Samples(samples), x, train)
    assert found.value == pytest.approx(1, abs=0.02) and found.real == pytest.approx(1, abs=0.02)
    assert value("sharpness", Samples(0.5 + (samples - 0.5) / 4), x).value == pytest.approx(0.25, abs=0.01)


def test_stripes_are_as_steep_either_way():
    stripes = np.tile(np.arange(8) % 2, (8, 1))[None, None].astype("f")  # each step across is 1, each down is 0
    assert sharpness.steepness(stripes) == sharpness.steepness(stripes.transpose(0, 1, 3, 2)) == 1


def test_a_copyist_memorises_and_an_honest_sampler_does_not():
    train, test = pictures(400, 2), pictures(300)
    copied = value("memorisation", Samples(train.float()), test, train, n=150)
    honest = value("memorisation", linear(), test, train, n=150)
    assert copied.value == pytest.approx(3 / 8 + 5 / 8 / 2, abs=0.1)  # 150 of its 400 pictures are compared with
    assert abs(honest.value - 0.5) < 4 * honest.error
    assert value("memorisation", Samples(test.float()), test, train).value == pytest.approx(1 / 3 / 2, abs=0.06)
    assert abs(copied.real - 0.5) < 0.15 and copied.details == {"among": 150, "of": 400}


def test_a_copyist_of_just_the_compared_pictures_is_caught_wholly():
    seen, unseen = pictures(50, 2).float(), pictures(50, 3).float()
    assert memorisation.nearer(seen, seen, unseen) == 1
    assert memorisation.nearer(unseen, seen, unseen) == 0
    assert memorisation.nearer(seen, seen, seen) == 0.5


# --- codes ------------------------------------------------------------------------------------------------------------


def test_the_rank_correlation_of_distances_agrees_with_scipy():
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    a = rng.normal(size=(60, 5))
    b = (a[:, :2] + rng.normal(0, 0.5, (60, 2))).round(1)  # some distances are the same
    assert distance_rank_correlation.of_distances(a, b) == pytest.approx(spearmanr(pdist(a), pdist(b))[0], abs=2e-4)


def test_codes_that_keep_all_distances_have_rank_correlation_one_and_random_ones_none():
    even = linear((1.0, 1.0, 1.0))
    assert value("distance_rank_correlation", even, pictures(200, of=even)).value > 0.999
    assert value("distance_rank_correlation", linear(), pictures(200)).value < 0.99

    class Shuffled(Linear):
        def encode(self, x):
            return np.random.default_rng(0).permutation(super().encode(x))

    assert abs(value("distance_rank_correlation", Shuffled(even.a), pictures(200, of=even)).value) < 0.1
    assert distance_rank_correlation.of_distances(np.arange(9.0)[:, None], np.zeros((9, 2))) == 0


class TorchLinear(Linear):
    """The same decoder, which torch can differentiate."""

    device = "cpu"

    def decode_batch(self, z):
        import torch

        return z @ torch.from_numpy(self.a).T + 0.5


@pytest.mark.parametrize("kind", [Linear, TorchLinear])
def test_the_metric_of_a_linear_decoder_is_known(kind):
    model = kind(linear((1.0, 2.0, 3.0)).a * 0.5)
    context = Context(model, pictures(60, of=model))
    assert metric_condition.measure(context).value == pytest.approx(9, rel=1e-3)
    volume = metric_volume_variance.measure(context)
    assert volume.value == pytest.approx(0, abs=1e-5)
    assert volume.details["mean"] == pytest.approx(np.linalg.slogdet(model.a.T @ model.a)[1], rel=1e-3)


def test_the_jacobian_of_a_real_decoder_agrees_with_autograd_and_with_differences(tiny):
    import torch

    z = tiny.sample_codes(4, 0)
    found = _metric.jacobian(tiny, z, 1e-2)
    exact = [
        torch.autograd.functional.jacobian(lambda c: tiny.decode_batch(c[None]).flatten(), c).numpy()
        for c in torch.tensor(z)
    ]
    np.testing.assert_allclose(found, exact, atol=1e-6)

    class Plain:
        decode = staticmethod(lambda z: tiny.decode(np.asarray(z)))

    np.testing.assert_allclose(_metric.jacobian(Plain(), z, 1e-2), exact, atol=1e-3)


def test_a_curved_decoder_has_a_volume_that_varies():
    class Curved(Linear):
        def decode(self, z):
            return super().decode(np.tanh(z))

    assert value("metric_volume_variance", Curved(linear().a), pictures()).value > 0.1


def test_a_decoder_without_slope_is_left_out_and_one_blind_direction_is_cut_at_the_floor():
    class Steps(Linear):
        def decode(self, z):
            return super().decode(np.round(z * 0))

    with pytest.raises(NotPossible, match="no slope"):
        metric_condition.measure(Context(Steps(linear().a), pictures(20)))
    assert measures.report(Steps(linear().a), None, pictures(20), only=["metric_condition"], cached=False) == {}
    blind = TorchLinear(linear((1.0, 1.0, 0.0)).a)
    blind.encode = lambda x: np.zeros((len(x), 3), "f")
    assert metric_condition.measure(Context(blind, pictures(20))).value == pytest.approx(1e12)


@pytest.mark.parametrize("d", [1, 2, 4])
def test_the_intrinsic_dimension_of_a_cube_is_its_own_wherever_it_lies(d):
    rng = np.random.default_rng(0)
    cube = rng.uniform(size=(3000, d)) @ np.linalg.qr(rng.normal(size=(12, 12)))[0][:d]
    assert intrinsic_dimension.of(cube) == pytest.approx(d, rel=0.07)
    assert intrinsic_dimension_mle.of(cube, 20) == pytest.approx(d, rel=0.12)


def test_copies_do_not_lower_the_intrinsic_dimension_and_too_few_codes_have_none():
    cube = np.random.default_rng(0).uniform(size=(500, 2))
    for of in (intrinsic_dimension.of, lambda a: intrinsic_dimension_mle.of(a, 20)):
        assert of(np.repeat(cube, 3, axis=0)) == of(cube)
        assert of(np.zeros((50, 2))) == 0


def test_the_maximum_likelihood_dimension_agrees_with_its_definition():
    z = np.random.default_rng(0).normal(size=(40, 3))
    assert intrinsic_dimension_mle.of(z, 7) == pytest.approx(oracles.levina_bickel(z, 7), rel=1e-4)


def test_a_straight_walk_in_pixels_has_the_path_length_of_a_fade():
    even = linear()
    found = value("perceptual_path_length", even, pictures(200), pictures(200, 2))
    assert found.value == pytest.approx(found.real, rel=0.05)

    class Jumps(Linear):
        def decode(self, z):
            return super().decode(np.round(z))

    assert value("perceptual_path_length", Jumps(even.a), pictures(200)).value > 3 * found.value


def test_the_length_of_a_step_hardly_matters_to_a_smooth_path():
    context = Context(linear(), pictures(200))
    lengths = [perceptual_path_length.measure(context, step=step).value for step in (0.003, 0.01, 0.03)]
    assert max(lengths) < 1.03 * min(lengths)


# --- probes -----------------------------------------------------------------------------------------------------------


def blobs(n, seed, spread, k=4):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    return (np.eye(k)[labels] * 5 + rng.normal(0, spread, (n, k))).astype("f"), labels


def test_codes_in_groups_are_probed_and_clustered_without_error_and_noise_at_the_floor():
    probed = _whitened.Probed(*blobs(400, 0, 0.3), *blobs(300, 1, 0.3))
    assert linear_probe.accuracy(probed) == 1 and clustering.accuracy(probed, 10, 400, 0) == 1
    (train, labels), (test, true) = blobs(4000, 0, 1000), blobs(3000, 1, 1000)
    noise = _whitened.Probed(train / 1000, labels, test / 1000, true)
    assert linear_probe.accuracy(noise) == pytest.approx(0.25, abs=0.04)
    assert clustering.accuracy(noise, 5, 1000, 0) == pytest.approx(0.27, abs=0.05)


def test_clusters_are_matched_to_classes_at_their_best():
    from itertools import permutations

    rng = np.random.default_rng(0)
    labels, clusters = rng.integers(0, 4, (2, 50))
    best = max((np.array(names)[clusters] == labels).mean() for names in permutations(range(4)))
    assert clustering.matched(clusters, labels) == best
    assert clustering.matched((labels + 1) % 4, labels) == 1
    assert clustering.matched(np.zeros(50, int), labels) == np.bincount(labels).max() / 50  # one cluster, four classes


def test_whitened_codes_have_covariance_one_and_lose_directions_without_spread():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 6)) + 7
    train, test = _whitened.whitened(z, z[:50] + 1)
    np.testing.assert_allclose(np.cov(train.T), np.eye(4), atol=1e-4)
    np.testing.assert_allclose(test - train[:50], np.broadcast_to(test[0] - train[0], test.shape), atol=1e-3)


def test_the_probe_reads_a_class_that_the_codes_hold_and_pictures_too():
    model = linear()
    test, train = pictures(200), pictures(400, 2)
    test, train = (
        pictures(len(x), seed, labels=(model.encode(x.float())[:, 0] > 0) * 1) for x, seed in ((test, 1), (train, 2))
    )
    found = value("linear_probe", model, test, train)
    assert found.value > 0.95 and found.real > 0.9 and found.details["train"] == 400
    for unlabelled in ((pictures(50), test), (train, pictures(50))):
        assert measures.report(model, *unlabelled, only=["linear_probe"], cached=False) == {}


# --- features ---------------------------------------------------------------------------------------------------------


def test_random_features_are_the_same_everywhere_and_say_what_they_are():
    real = pictures(100).float()
    first, again = _features.extractor("lines", real), _features.random(real)
    assert first.hash == again.hash and not first.classes and "not comparable" in first.name
    f = first.of(real)
    assert f.shape == (100, 64) and f.dtype == np.float32
    np.testing.assert_allclose(f.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(f.std(0), 1, atol=1e-2)
    assert np.array_equal(f, again.of(real))


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 8, 8), (1, 32, 32), (3, 9, 13)])
def test_random_features_take_any_pictures(shape):
    x = np.random.default_rng(0).uniform(size=(5, *shape)).astype("f")
    assert np.isfinite(_features.random(x).of(x)).all()


SHIPPED = sorted(path.parent.name for path in _features.SHIPPED.glob("*/features.json"))


def test_a_classifier_ships_for_every_labelled_data_set_and_is_no_model():
    from manigen import weights

    assert SHIPPED == ["digits", "fashion_mnist", "mnist"]
    assert "features" not in weights.names()


@pytest.mark.parametrize("data", SHIPPED)
def test_a_shipped_classifier_is_as_good_as_its_card_says_and_small(data, needs_data):
    from manigen import datasets, files

    card = files.read_json(_features.SHIPPED / data / "features.json")
    assert (_features.SHIPPED / data / "features.safetensors").stat().st_size < 600_000
    assert card["command"].startswith(f"python -m manigen features {data} --out weights/features/{data}")
    assert card["accuracy"]["test"] > {"mnist": 0.985, "fashion_mnist": 0.87, "digits": 0.95}[data]
    needs_data(data)
    test = datasets.load(data, "test")
    extractor = _features.extractor(data, test.float()[:10])
    assert extractor.name == "FD-LeNet" and extractor.hash == card["sha256"] and extractor.classes == test.classes
    f = extractor.of(test.float())
    assert (extractor.named(f) == test.labels).mean() == pytest.approx(card["accuracy"]["test"], abs=0.001)
    assert 0.7 < f.std(0).mean() < 1.3 and abs(f.mean(0)).max() < 0.5


def test_pictures_of_another_shape_than_the_classifiers_get_the_random_features():
    assert _features.extractor("mnist", np.zeros((5, 1, 32, 32), "f")).name == _features.RANDOM
    assert _features.extractor("mnist", np.zeros((5, 1, 28, 28), "f")).name == "FD-LeNet"
    assert _features.extractor("../models", np.zeros((5, 1, 28, 28), "f")).name == _features.RANDOM


def test_a_classifier_that_was_changed_is_refused_by_name(tmp_path, monkeypatch):
    import shutil

    shutil.copytree(_features.SHIPPED / "digits", tmp_path / "other")
    file = tmp_path / "other" / "features.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(_features, "SHIPPED", tmp_path)
    with pytest.raises(BadFile, match=r"features/other/features\.safetensors"):
        _features.shipped("other")


def test_the_same_seed_trains_the_same_classifier_and_only_the_train_split_is_learned(tmp_path, one_thread):
    from manigen import datasets, files

    train, test = datasets.load("digits", "train"), datasets.load("digits", "test")
    cards = [
        measures.train_features(train, split, tmp_path / str(number), 3000)
        for number, split in enumerate((test, test, train.take(np.arange(100))))
    ]
    assert cards[0] == cards[1] and cards[0]["sha256"] == cards[2]["sha256"]
    assert cards[0]["sha256"] == files.sha256(tmp_path / "0" / "features.safetensors")
    with pytest.raises(BadInput, match="two classes"):
        measures.train_features(pictures(30), pictures(30), tmp_path / "none", 100)


@pytest.fixture
def one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_lost_class_is_seen_in_the_histogram():
    from manigen import datasets

    train, test = datasets.load("digits", "train"), datasets.load("digits", "test")
    whole = value("class_histogram", Samples(train.float()), test, train)
    assert whole.value < 0.15 and sum(whole.details["made"]) == pytest.approx(1)
    lost = value("class_histogram", Samples(train.take(train.labels > 0).float()), test, train)
    zeros = value("class_histogram", Samples(train.take(train.labels == 0).float()), test, train)
    assert lost.details["made"][0] < 0.02 and lost.value > 0.08
    assert zeros.value == pytest.approx(0.9, abs=0.04) and zeros.details["made"][0] > 0.95
    assert class_histogram.apart(np.array([1, 0, 0]), np.array([0, 0.5, 0.5])) == 1
    assert whole.details["features"].startswith("FD-LeNet ")


def test_real_mnist_reaches_the_published_ceilings(needs_data):
    needs_data("mnist")
    from manigen import datasets

    train, test = datasets.load("mnist", "train"), datasets.load("mnist", "test")
    only = ["coverage", "density", "frechet_distance", "kernel_distance"]
    found = measures.report(Samples(train.take(slice(2000)).float()), train, test, only=only, n=2000, cached=False)
    assert found["coverage"].real == pytest.approx(0.96, abs=0.02)
    assert found["density"].real == pytest.approx(1, abs=0.08)
    assert 0.05 < found["frechet_distance"].real < 1.2
    assert abs(found["kernel_distance"].real) < 0.02
    for result in found.values():
        assert result.n == 2000


# --- interpolation ----------------------------------------------------------------------------------------------------


class Turning:
    """A generator that is perfect on lines: its code is the point of a circle that the line ends at."""

    encodes, shape = True, (1, 32, 32)

    def encode(self, x):
        rows, columns = np.mgrid[:32, :32]
        weight = x[:, 0] / x[:, 0].sum(axis=(1, 2), keepdims=True)
        across, up = (weight * (columns - 15.5)).sum(axis=(1, 2)), -(weight * (rows - 15.5)).sum(axis=(1, 2))
        return np.stack([across, up], axis=1).astype("f")

    def decode(self, z):
        return lines.draw(np.arctan2(z[:, 1], z[:, 0])).astype("f") / 255

    def sample(self, n, seed=0):
        return self.decode(np.random.default_rng(seed).normal(size=(n, 2)))


def around(starts, ends, steps):
    """Walk along the circle, the short way, at constant speed."""
    a, b = (np.arctan2(z[:, 1], z[:, 0]) for z in (starts, ends))
    turn = (b - a + np.pi) % (2 * np.pi) - np.pi
    angle = a[:, None] + turn[:, None] * np.linspace(0, 1, steps)
    return np.stack([np.cos(angle), np.sin(angle)], axis=2)


def test_interpolation_of_a_perfect_generator_is_nothing_along_the_circle_and_uneven_along_the_chord():
    test = lines.read("test", n=80)
    found = measures.flat(measures.report(Turning(), None, test, only=["interpolation"]))
    assert found["mean_distance"] == found["interpolation"] < 1e-4  # every picture is a line, whichever the way
    assert found["smoothness"] > 0.05 and found["interpolation_kind"] == "straight"
    for figure in ("mean_distance", "smoothness", "smoothness_median", "smoothness_standing"):
        assert found[f"{figure}_n"] == 40
    assert found["smoothness_real"] == found["smoothness_median_real"] == 0
    walker = measures.Walker(around, "circle")
    found = measures.flat(measures.report(Turning(), None, test, only=["interpolation"], walker=walker))
    assert found["smoothness"] < 0.02 and found["interpolation_kind"] == "circle" and found["interpolation_n"] == 40


def test_interpolation_is_a_fades_distance_and_jump_where_pixels_are_mixed():
    class Pixels(Turning):
        def encode(self, x):
            return x.reshape(len(x), -1)

        def decode(self, z):
            return np.clip(z.reshape(-1, 1, 32, 32), 0, 1)

    found = measures.flat(measures.report(Pixels(), None, lines.read("test", n=80), only=["interpolation"]))
    assert 4e-3 < found["mean_distance"] < 4e-2 and found["smoothness_median"] > 0.9


def test_interpolation_is_left_out_where_no_angle_is_known():
    test = lines.read("test", n=8)
    assert not measures.report(Turning(), None, test.x, only=["interpolation"])


def test_the_figures_in_the_docs_are_those_on_the_cards():
    docs = (Path(__file__).resolve().parents[1] / "docs" / "measures.md").read_text(encoding="utf-8")
    table = re.findall(r"(?m)^\|.*", docs.split("## The models that ship")[1])
    head, _, *rows = ([cell.strip(" `") for cell in line.strip("|").split("|")] for line in table)
    figures = [weights.info(name)["measures"] for name in head[1:]]
    assert len(figures) == 4 and len(rows) > 20
    for name, *shown in rows:
        assert shown == [words(card[name]) if name in card else "" for card in figures], name
    assert all(card["features"].rpartition(" ")[2] in docs for card in figures)


def test_smoothness_is_nothing_at_constant_speed_and_most_of_all_for_one_jump():
    from manigen.measures.interpolation import smoothness

    even, jump = np.linspace(0, 3, 16), np.repeat([0.0, 2.0], 8)
    across = np.linspace(6.0, 6.6, 16) % (2 * np.pi)  # over the angle 0, where numbers jump and lines do not
    speeds, standing = smoothness(np.stack([even, jump, across, np.ones(16)]))
    assert speeds == pytest.approx([0, 14 / 15, 0], abs=1e-9) and standing == 1


ZOO = (
    "reconstruction_mse",
    "frechet_distance",
    "coverage",
    "midpoint_frechet_distance",
    "distance_rank_correlation",
    "metric_condition",
    "sharpness",
    "linear_probe",
    "clustering",
)


def test_what_is_found_of_two_seeds_is_kept_apart_whatever_points_the_knobs_have(tmp_path):
    given = Namespace(data="mnist", dim=16, images=100, out=str(tmp_path))
    places = [zoo.place(given, "fusion", seed, "adversarial=0.4,between=1.0") for seed in (0, 1)]
    assert {zoo.beside(place, ".json").name for place in places} == {f"{place.name}.json" for place in places}
    assert len(set(places)) == 2 and all(place.name.endswith(f"-{seed}") for seed, place in enumerate(places))


def test_the_zoo_s_tables_in_the_docs_are_the_means_of_the_runs_that_are_kept():
    docs = Path(__file__).resolve().parents[1] / "docs"
    section = (docs / "models.md").read_text(encoding="utf-8").split("### Three seeds, a small budget")[1]
    section = section.split("## How the fusion came to be")[0]
    first, second = section.split("Fashion-MNIST, the same run")
    parts = dict(zip(("fashion_mnist, d = 16", "mnist, d = 32"), second.split("### Three seeds with 32"), strict=True))
    parts["mnist, d = 16"] = first
    compared, wrong = 0, []
    for about, families in files.read_json(docs / "zoo.json").items():
        part = parts[", ".join(about.split(", ")[:2])].splitlines()
        lines = (line.strip("|").split("|") for line in part if line.startswith("|"))
        rows: dict[str, list[str]] = {}
        for name, *cells in lines:
            rows.setdefault(name.strip(" `"), cells)  # what is told of a family later is of other runs
        for family, runs in families.items():
            name = family.replace("_", "-").replace("VAEGAN", "VAE-GAN")
            if name not in rows:  # a run of it that went astray stands by itself
                assert any(row.startswith(name) for row in rows), (about, family)
                continue
            for figure, cell in zip(ZOO if "d = 32" in about else ZOO[:-2], rows[name], strict=True):
                values = np.ravel(runs.get(figure, []))
                shown = cell.replace("*", "").split("±")[0].strip()
                half = 0.51 * 10 ** -len(shown.partition(".")[2])
                if bool(shown) != bool(len(values)) or (shown and abs(float(shown) - values.mean()) > half):
                    wrong.append((about, family, figure, shown, values.mean()))
                compared += bool(shown)
    assert wrong == [] and compared > 100
