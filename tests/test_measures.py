from __future__ import annotations

import numpy as np
import pytest

from manigen import measures
from manigen.discovery import discover
from manigen.errors import BadInput
from manigen.measures import base, continuity, coverage, reconstruction_mse, sharpness, trustworthiness
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
    assert set(measures.of_map(Fitted(100))) == {"trustworthiness", "continuity"}
    small = Fitted(9)
    assert measures.of_map(small)["trustworthiness"] == trustworthiness.measure(small.z, small.p, k=4)
    assert measures.of_map(Fitted(2)) == {}


class Halver:
    """A generator whose reconstruction of a picture is half as bright, and whose samples are noise."""

    encodes = True
    shape = (1, 3, 5)

    def sample(self, n, seed=0):
        return np.random.default_rng(seed).uniform(size=(n, *self.shape)).astype("f")

    def encode(self, x):
        return x.reshape(len(x), -1)

    def decode(self, z):
        return z.reshape(len(z), 1, 3, 5) / 2


def test_reconstruction_error_is_the_mean_squared_difference_over_all_pictures():
    x = np.random.default_rng(0).uniform(size=(1201, 1, 3, 5)).astype("f")
    assert reconstruction_mse.measure(Halver(), x) == pytest.approx((x.astype(float) ** 2).mean() / 4, rel=1e-5)


def test_of_a_generator_without_an_encoder_no_reconstruction_is_asked():
    class Forger(Halver):
        encodes = False

    x = (np.random.default_rng(0).uniform(size=(20, 1, 3, 5)) * 255).astype(np.uint8)
    assert set(measures.of_generator(Halver(), x)) == {"coverage", "reconstruction_mse", "sharpness"}
    assert set(measures.of_generator(Forger(), x)) == {"coverage", "sharpness"}


def test_only_the_measures_that_are_named_are_taken():
    x = Halver().sample(20)
    assert set(measures.of_generator(Halver(), x, only=["sharpness"])) == {"sharpness"}
    assert set(measures.of_map(Fitted(100), only=["continuity"])) == {"continuity"}


def test_coverage_of_the_same_distribution_is_near_its_ceiling_and_of_one_picture_near_nothing():
    rng = np.random.default_rng(0)
    real, alike = rng.normal(size=(2, 1500, 6))
    assert coverage.covered(real, alike, 5) == pytest.approx(coverage.card.facts["real"], abs=0.02)
    assert coverage.covered(real, np.tile(alike[0], (1500, 1)), 5) < 0.02


def test_coverage_counts_the_neighbourhoods_that_are_met():
    real = np.array([[0.0], [1.0], [3.0], [7.0]])  # nearest fellows at 1, 1, 2, 4
    assert coverage.covered(real, np.array([[1.5]]), k=1) == 0.5  # met: around 1 and around 3
    assert coverage.covered(real, np.array([[100.0]]), k=1) == 0


def test_sharpness_of_samples_like_the_real_ones_is_one_and_of_a_blur_less():
    class Blurred(Halver):
        def sample(self, n, seed=0):
            return 0.5 + (super().sample(n, seed) - 0.5) / 4

    x = Halver().sample(4000, seed=1)
    assert sharpness.measure(Halver(), x) == pytest.approx(1, abs=0.02)
    assert sharpness.measure(Blurred(), x) == pytest.approx(0.25, abs=0.01)
