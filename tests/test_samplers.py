"""The samplers: codes drawn as they should be, the same for a seed, and back from disk unchanged."""

from __future__ import annotations

import numpy as np
import pytest

from manigen import samplers
from manigen.discovery import discover
from manigen.errors import BadFile, BadInput, ManigenError, UnknownName
from tests.oracles import is_one_sentence

NAMES = list(discover("manigen.samplers"))


def blobs(n: int = 4000) -> np.ndarray:
    """Two tilted bells, a quarter of the codes in the one, far apart."""
    rng = np.random.default_rng(0)
    tilt = np.array([[1.0, 0.9, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 0.5]])
    z = rng.standard_normal((n, 3)) @ tilt
    z[: n // 4] += [10.0, 0.0, -10.0]
    return rng.permutation(z).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_draws_follow_their_seed_and_no_global_stream(name: str) -> None:
    before = np.random.get_state()[1].copy()
    sampler = samplers.fit(name, blobs(500))
    z = sampler.sample(50, 3)
    assert z.shape == (50, 3) and z.dtype == np.float32 and np.isfinite(z).all()
    assert np.array_equal(z, sampler.sample(50, 3)) and not np.array_equal(z, sampler.sample(50, 4))
    assert np.array_equal(sampler.sample(50, 3), samplers.fit(name, blobs(500)).sample(50, 3))
    assert np.array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("name", NAMES)
def test_a_sampler_comes_back_from_its_arrays(name: str) -> None:
    sampler = samplers.fit(name, blobs(500))
    again = samplers.from_arrays(name, {key: value.copy() for key, value in sampler.arrays().items()})
    assert np.array_equal(sampler.sample(64, 9), again.sample(64, 9))


@pytest.mark.parametrize("name", NAMES)
def test_codes_are_left_as_they_were(name: str) -> None:
    z = blobs(200)
    before = z.copy()
    samplers.fit(name, z)
    assert np.array_equal(z, before)


def test_the_normal_sampler_draws_a_round_bell() -> None:
    z = samplers.fit("normal", blobs(100)).sample(40_000, 0)
    np.testing.assert_allclose(z.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(z.T), np.eye(3), atol=0.03)


def test_a_mixture_finds_the_bells_the_codes_lie_in() -> None:
    z = blobs()
    drawn = samplers.fit("mixture", z, components=2).sample(20_000, 1)
    apart = drawn[:, 0] > 5
    assert apart.mean() == pytest.approx(0.25, abs=0.02)
    for ours, theirs in ((drawn[apart], z[z[:, 0] > 5]), (drawn[~apart], z[z[:, 0] <= 5])):
        np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=0.1)
        np.testing.assert_allclose(np.cov(ours.T), np.cov(theirs.T), atol=0.1)


def test_a_mixture_covers_codes_better_than_one_round_bell() -> None:
    """The share of draws that land nowhere near a code: next to none of the mixture's, many of the normal's."""
    z = blobs()

    def lost(name: str) -> float:
        drawn = samplers.fit(name, z).sample(300, 0)
        return float(np.mean([(np.linalg.norm(z - code, axis=1) > 1).all() for code in drawn]))

    assert lost("mixture") < 0.02 < 0.1 < lost("normal")


def test_few_codes_make_few_bells() -> None:
    sampler = samplers.fit("mixture", blobs(8)[:3])
    assert len(sampler.weights) == 1 and np.isfinite(sampler.sample(10, 0)).all()


def test_codes_that_are_all_equal_are_drawn_again() -> None:
    sampler = samplers.fit("mixture", np.full((40, 3), 2.0), components=1)
    np.testing.assert_allclose(sampler.sample(100, 0), 2, atol=0.1)


@pytest.mark.parametrize(
    ("name", "z", "knobs", "error"),
    [
        ("mixtur", blobs(50), {}, UnknownName),
        ("mixture", blobs(50)[:1], {}, BadInput),
        ("mixture", np.full((5, 2), np.nan), {}, BadInput),
        ("mixture", blobs(50), {"components": 0}, BadInput),
        ("normal", blobs(50), {"components": 3}, BadInput),
    ],
)
def test_what_cannot_be_fitted_gets_one_sentence(
    name: str, z: np.ndarray, knobs: dict[str, object], error: type[ManigenError]
) -> None:
    with pytest.raises(error) as caught:
        samplers.fit(name, z, **knobs)
    assert is_one_sentence(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_of_another_sampler_are_refused(name: str) -> None:
    with pytest.raises(BadFile, match=rf"no {name} sampler"):
        samplers.from_arrays(name, {"something": np.zeros(3)})
