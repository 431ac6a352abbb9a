"""The samplers: codes drawn as they should be, the same for a seed, and back from disk unchanged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from manigen import choice, models, samplers
from manigen.discovery import discover
from manigen.errors import BadFile, BadInput, ManigenError, UnknownName
from manigen.models import _steady
from tests.oracles import is_one_sentence

NAMES = list(discover("manigen.samplers"))


SHORT: dict[str, dict[str, Any]] = {"flow": {"steps": 60, "width": 16}, "latent_gan": {"steps": 60, "width": 16}}


def fitted(name: str, z: np.ndarray, seed: int = 0) -> Any:
    """A sampler whose fit takes no time, which is not to say that it is good."""
    return samplers.fit(name, z, seed, **SHORT.get(name, {}))


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
    global_torch = torch.get_rng_state()
    sampler = fitted(name, blobs(500))
    z = sampler.sample(50, 3)
    assert z.shape == (50, 3) and z.dtype == np.float32 and np.isfinite(z).all()
    assert np.array_equal(z, sampler.sample(50, 3)) and not np.array_equal(z, sampler.sample(50, 4))
    assert np.array_equal(sampler.sample(50, 3), fitted(name, blobs(500)).sample(50, 3))
    assert torch.equal(torch.get_rng_state(), global_torch)
    assert np.array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("name", NAMES)
def test_a_sampler_comes_back_from_its_arrays(name: str) -> None:
    sampler = fitted(name, blobs(500))
    again = samplers.from_arrays(name, {key: value.copy() for key, value in sampler.arrays().items()})
    assert np.array_equal(sampler.sample(64, 9), again.sample(64, 9))


@pytest.mark.parametrize("name", NAMES)
def test_codes_are_left_as_they_were(name: str) -> None:
    z = blobs(200)
    before = z.copy()
    fitted(name, z)
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
        ("flow", blobs(50), {"steps": 0}, BadInput),
        ("jitter", blobs(50), {"scale": -1}, BadInput),
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


# --- each one draws what it promises ----------------------------------------------------------------------------------


def test_jitter_spreads_a_code_as_its_neighbours_lie() -> None:
    """Around one code, draws have the covariance of the neighbours' offsets, times the scale squared."""
    z = blobs(60)
    sampler = samplers.fit("jitter", z, k=5, scale=0.5)
    by_distance = np.argsort(np.linalg.norm(z[:, None] - z, axis=2), axis=1)
    number = int(np.argmax([np.array_equal(code, sampler.kept[0]) for code in z]))
    offsets = z[by_distance[number, 1:6]] - z[number]
    sampler.kept, every = sampler.kept.copy(), sampler.sample(60_000, 0)
    chosen = np.random.default_rng([0]).integers(60, size=60_000) == 0  # the stream a seed stands for
    drawn = every[chosen]
    np.testing.assert_allclose(drawn.mean(0), z[number], atol=0.05)
    expected = 0.25 * offsets.T @ offsets / 5
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.1 * np.abs(expected).max())


def test_jitter_without_shaking_copies_and_keeps_no_more_codes_than_it_is_told() -> None:
    z = blobs(300)
    sampler = samplers.fit("jitter", z, scale=0, keep=40)
    assert sampler.kept.shape == (40, 3)
    assert {tuple(code) for code in sampler.sample(100, 0)} <= {tuple(code) for code in sampler.kept}
    assert {tuple(code) for code in sampler.kept} <= {tuple(code) for code in z}


@pytest.mark.parametrize(("name", "steps", "bar"), [("flow", 700, 0.2), ("latent_gan", 600, 0.5)])
def test_what_is_learned_lands_where_the_codes_lie_and_before_it_did_not(name: str, steps: int, bar: float) -> None:
    """The share of draws nowhere near a code; a forger's draws cross the gap between the groups and keep some of it."""
    z = blobs()

    def lost(drawn: np.ndarray) -> float:
        return float(np.mean([(np.linalg.norm(z - code, axis=1) > 1).all() for code in drawn[:400]]))

    before, after = (samplers.fit(name, z, width=48, steps=many).sample(2000, 0) for many in (1, steps))
    assert lost(after) < bar < 0.6 < lost(before)
    assert (after[:, 0] > 5).mean() == pytest.approx(0.25, abs=0.1)


def test_the_flow_of_a_known_wind_ends_where_the_formula_says() -> None:
    """From the round bell to the bell of deviation s the wind is linear in w, and the drift has a closed form."""
    from manigen.samplers import flow

    sampler = flow.Sampler(pieces=100)

    def wind(weights: Any, w: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        return w * (time * 4 - (1 - time)) / ((1 - time) ** 2 + 4 * time**2)

    start = torch.linspace(-2, 2, 9)[:, None]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "_wind", wind)
        torch.testing.assert_close(sampler._drift(start), 2 * start, rtol=2e-3, atol=1e-4)


def test_pairs_are_the_shortest_of_all_pairings() -> None:
    from itertools import permutations

    from manigen.samplers.flow import _partners

    start, end = (torch.from_numpy(blobs(14)[rows]) for rows in (slice(0, 6), slice(6, 12)))

    def length(order: Any) -> float:
        return float((start - end[torch.as_tensor(order)]).square().sum())

    assert length(_partners(start, end)) == pytest.approx(min(map(length, permutations(range(6)))))


def test_white_codes_are_round_and_come_back() -> None:
    from manigen.samplers._white import White

    z = blobs()
    white = White.of(z)
    np.testing.assert_allclose(np.cov(white.there(z).T), np.eye(3), atol=1e-3)
    np.testing.assert_allclose(white.back(white.there(z)), z, atol=1e-4)
    flat = np.column_stack([z[:, 0], np.full(len(z), 2.0)]).astype(np.float32)  # one direction holds nothing
    np.testing.assert_allclose(White.of(flat).back(White.of(flat).there(flat)), flat, atol=1e-4)
    assert np.isfinite(White.of(z[:2]).there(z)).all()


@pytest.mark.parametrize("name", NAMES)
def test_few_codes_of_many_numbers_are_enough(name: str) -> None:
    z = np.random.default_rng(0).standard_normal((3, 20)).astype(np.float32)
    assert np.isfinite(fitted(name, z).sample(10, 0)).all()
    assert np.isfinite(fitted(name, np.full((5, 4), 2, np.float32)).sample(10, 0)).all()


@pytest.mark.parametrize("name", ["flow", "latent_gan"])
def test_a_fit_tells_how_far_it_is_and_stops_where_it_is_told_to(name: str) -> None:
    heard: list[float] = []
    samplers.fit(name, blobs(100), progress=heard.append, **SHORT[name])
    assert heard == sorted(heard) and heard[0] == 0 and heard[-1] == 1 and len(heard) == 61

    class Enough(Exception):
        pass

    def stop(share: float) -> None:
        if share > 0.2:
            raise Enough

    with pytest.raises(Enough):
        samplers.fit(name, blobs(100), progress=stop, **SHORT[name])


# --- steady draws -----------------------------------------------------------------------------------------------------


def test_the_stretch_is_the_norm_of_the_jacobian() -> None:
    model = models.build("vae", (1, 8, 8), 0, dim=5, width=4)
    z = np.random.default_rng(1).standard_normal((6, 5)).astype(np.float32)
    exact = [float(torch.func.jacrev(model.decode_batch)(torch.from_numpy(code[None])).detach().norm()) for code in z]
    np.testing.assert_allclose(_steady.stretch(model.decode, z, probes=5), exact, rtol=0.02)


def test_half_of_the_directions_tell_the_stretch_of_a_round_map_exactly() -> None:
    z = np.random.default_rng(1).standard_normal((50, 16)).astype(np.float32)
    np.testing.assert_allclose(_steady.stretch(lambda z: 3 * z, z, probes=8), 3 * 4, rtol=1e-3)


def test_rejected_draws_are_those_between_the_groups() -> None:
    """A step from one picture to another at z = 0: what is dropped lies there, and no more than the share asked for."""

    class Step(models.Generator):
        def decode_batch(self, z: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(8 * z[:, :1]).expand(-1, 64).reshape(-1, 1, 8, 8)

    model = Step((1, 8, 8), 2)
    model.register_buffer("here", torch.zeros(1))
    between = [float((np.abs(model.sample_codes(2000, 0, reject)[:, 0]) < 0.2).mean()) for reject in (0.0, 0.1, 0.2)]
    assert between[0] == pytest.approx(0.16, abs=0.03) and between[1] < 0.09 and between[2] < 0.01
    model.reject = 0.2
    z = model.sample_codes(2000, 0)
    assert np.array_equal(z, model.sample_codes(2000, 0, 0.2)) and z.shape == (2000, 2)
    assert not np.array_equal(z, model.sample_codes(2000, 0, 0))
    drawn = model.sample_codes(2500, 0, 0)
    rows = [int(np.flatnonzero((drawn == code).all(1))[0]) for code in z]
    assert rows == sorted(rows)  # in the order they were drawn in
    assert np.abs(model.sample_codes(1, 5, 0.5)[0, 0]) > 0.2  # one picture, too, is chosen among many


@pytest.mark.parametrize("reject", [-0.1, 0.6, float("nan"), "much", True])
def test_a_share_that_is_none_is_refused(reject: Any) -> None:
    with pytest.raises(BadInput, match="between 0 and") as caught:
        models.build("vae", (1, 8, 8), 0, dim=5, width=4).sample(3, 0, reject)
    assert is_one_sentence(caught.value)


# --- the choice of a model's own --------------------------------------------------------------------------------------


def test_the_best_honest_sampler_is_chosen_and_a_copier_is_not() -> None:
    z = np.random.default_rng(0).standard_normal((3000, 8)).astype(np.float32)
    seen, held_out = z[:2000], z[2000:]
    candidates = {
        "normal": samplers.fit("normal", seen),
        "mixture": samplers.fit("mixture", seen, components=2),
        "jitter": samplers.fit("jitter", seen, scale=0.1, keep=1000),
    }
    scores = {id(candidates["normal"]): 3.0, id(candidates["mixture"]): 2.0, id(candidates["jitter"]): 1.0}
    chosen = choice.choose(candidates, lambda sampler: scores[id(sampler)], seen, held_out)
    assert chosen.name == "mixture" and chosen.scores == {"normal": 3, "mixture": 2, "jitter": 1}
    assert chosen.copying["jitter"] > 0.95 and chosen.copying["normal"] == pytest.approx(0.5, abs=0.05)
    assert "2 is the lowest" in chosen.reason and "jitter" in chosen.reason
    alike = choice.choose(candidates, lambda sampler: scores[id(sampler)] ** 0.02, seen, held_out)
    assert alike.name == "normal" and "simpler" in alike.reason
    alone = choice.choose({"jitter": candidates["jitter"]}, lambda sampler: 1.0, seen, held_out)
    assert alone.name == "jitter" and "copy" in alone.reason
