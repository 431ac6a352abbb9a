"""The models: every family through shapes, doors, gradients and smoothness."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
import torch

from manigen import models
from manigen.discovery import discover
from manigen.errors import BadInput, ManigenError, NotPossible, UnknownName
from manigen.models import Generator, _terms, networks
from tests.oracles import is_one_sentence

FAMILIES = list(models.cards())
FORMS = {family: discover("manigen.models")[family].Model for family in FAMILIES}
PLAYED = [family for family in FAMILIES if FORMS[family].players != ()]  # the others are fitted in one go
SMOOTH = [family for family in FAMILIES if FORMS[family].differentiable]
SHAPES = [(c, side, side) for side in (8, 28, 32, 64) for c in (1, 3)]


def small(family: str, shape: tuple[int, int, int] = (1, 8, 8), seed: int = 0, **knobs: object) -> Generator:
    usual = {"dim": 5, "width": 4, "trees": 12}
    known = {knob.name for knob in models.card_of(family).knobs}
    return models.build(family, shape, seed, **({name: usual[name] for name in usual if name in known} | knobs))


def codes(n: int = 7, dim: int = 5, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def pictures(n: int, shape: tuple[int, int, int], seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).random((n, *shape), dtype=np.float32)


# --- what a generator is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_codes_become_pictures_of_the_right_shape_and_range(family: str, shape: tuple[int, int, int]) -> None:
    model = small(family, shape)
    x = model.decode(codes())
    assert x.shape == (7, *shape) and x.dtype == np.float32
    assert 0 <= x.min() < x.max() <= 1
    if model.encodes:
        z = model.encode(pictures(3, shape))
        assert z.shape == (3, 5) and z.dtype == np.float32 and np.isfinite(z).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_does_not_depend_on_the_others_in_its_batch(family: str) -> None:
    model, z = small(family, (3, 28, 28)), codes(600)  # more than one chunk
    together = model.decode(z)
    for row in (0, 311, 511, 512, 599):
        np.testing.assert_allclose(model.decode(z[row])[0], together[row], atol=1e-6)
    np.testing.assert_allclose(model.decode(z[::-1]), together[::-1], atol=1e-6)
    if model.encodes:
        x = pictures(9, (3, 28, 28))
        np.testing.assert_allclose(model.encode(x[4]), model.encode(x)[4:5], atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_different_codes_make_different_pictures(family: str) -> None:
    x = small(family).decode(codes())
    assert np.abs(x[0] - x[1]).max() > 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_encoding_gives_the_same_answer_every_time_or_says_it_cannot(family: str) -> None:
    model, x = small(family, (1, 28, 28)), pictures(5, (1, 28, 28))
    if not model.encodes:
        with pytest.raises(NotPossible, match=rf"untrained \({family}\) has no encoder"):
            model.encode(x)
        with pytest.raises(NotPossible, match=r"no encoder"):
            model.encode(torch.from_numpy(x))
        return
    assert np.array_equal(model.encode(x), model.encode(x))
    assert not np.array_equal(model.encode(x)[0], model.encode(x)[1])


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_come_from_the_seed_and_from_nothing_else(family: str) -> None:
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    one, same, other = (small(family, seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), torch_before) and np.array_equal(np.random.get_state()[1], numpy_before)
    torch.rand(5)
    for name, weights in one.items():
        assert torch.equal(weights, same[name])
    assert any(not torch.equal(weights, other[name]) for name, weights in one.items())


def test_builds_in_many_threads_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = networks.Decoder.__init__

    def slowly(self: networks.Decoder, *args: Any) -> None:
        time.sleep(0.01)  # long enough for another thread to draw from the same stream, if it may
        draw(self, *args)

    monkeypatch.setattr(networks.Decoder, "__init__", slowly)
    alone = [small("vae", seed=seed).state_dict() for seed in range(8)]
    built: dict[int, dict[str, torch.Tensor]] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: built.update({seed: small("vae", seed=seed).state_dict()}))
        for seed in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, state in enumerate(alone):
        assert all(torch.equal(weights, built[seed][name]) for name, weights in state.items())


@pytest.mark.parametrize("family", FAMILIES)
def test_samples_follow_their_seed(family: str) -> None:
    model = small(family)
    assert np.array_equal(model.sample(11, seed=5), model.sample(11, seed=5))
    assert not np.array_equal(model.sample(11, seed=5), model.sample(11, seed=6))
    assert model.sample(11, 5).shape == (11, 1, 8, 8) and model.sample_codes(11, 5).shape == (11, 5)


def test_samples_come_from_the_fitted_sampler_where_there_is_one() -> None:
    class Fixed:
        def sample(self, n: int, seed: int) -> np.ndarray:
            return np.full((n, 5), seed, np.float32)

        def arrays(self) -> dict[str, np.ndarray]:
            return {}

    model = small("vae")
    model.sampler = Fixed()
    assert np.array_equal(model.sample(2, 3), model.decode(np.full((2, 5), 3, np.float32)))


# --- the two doors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", SMOOTH)
def test_tensors_stay_tensors_and_gradients_flow_through_them(family: str) -> None:
    model = small(family)
    z = torch.from_numpy(codes()).requires_grad_(True)
    x = model.decode(z)
    assert isinstance(x, torch.Tensor)
    x.square().sum().backward()
    assert z.grad is not None and (z.grad.abs().sum(1) > 0).all()
    np.testing.assert_allclose(x.detach().numpy(), model.decode(z.detach().numpy()), atol=1e-6)
    if model.encodes:
        pixels = torch.from_numpy(pictures(3, (1, 8, 8))).requires_grad_(True)
        model.encode(pixels).sum().backward()
        assert pixels.grad is not None and pixels.grad.abs().sum() > 0


@pytest.mark.filterwarnings("error")
def test_the_numpy_door_takes_whatever_holds_the_numbers() -> None:
    model, z = small("vae"), codes()
    expected = model.decode(z)
    frozen = z.copy()
    frozen.flags.writeable = False
    for same in (z.tolist(), z.astype(np.float64), frozen, np.asfortranarray(z), np.repeat(z, 2, axis=0)[::2]):
        np.testing.assert_allclose(model.decode(same), expected, atol=1e-6)
    np.testing.assert_allclose(model.decode(z[::-1, ::-1]), model.decode(z[::-1, ::-1].copy()), atol=1e-6)
    x = np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8), np.uint8)
    np.testing.assert_allclose(model.encode(x), model.encode(x.astype(np.float32) / 255), atol=1e-6)


@pytest.mark.parametrize(
    ("z", "words"),
    [
        (np.zeros((3, 4)), "5 numbers each"),
        (np.zeros((2, 3, 5)), "array"),
        (np.full((2, 5), np.nan), "row 0 holds NaN"),
        (np.array([[0] * 5, [np.inf] * 5]), "row 1 holds NaN or infinity"),
        (np.zeros((0, 5)), "at least one row"),
        ([["a"] * 5], "numbers"),
        ([[1, 2], [3]], "numbers"),
        (None, "numbers"),
    ],
)
def test_codes_that_are_not_codes_get_one_sentence(z: object, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        small("vae").decode(z)
    assert is_one_sentence(caught.value)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((2, 1, 28, 28)), "8x8 grey"),
        (np.zeros((2, 3, 8, 8)), "8x8 grey"),
        (np.zeros((8, 8)), "array"),
        (np.full((1, 1, 8, 8), np.nan), "NaN"),
        (np.full((1, 1, 8, 8), 2.0), r"lie in \[0, 1\]"),
        (np.full((1, 1, 8, 8), -0.5), r"lie in \[0, 1\]"),
    ],
)
def test_pictures_that_do_not_fit_get_one_sentence(x: np.ndarray, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        small("vae").encode(x)
    assert is_one_sentence(caught.value)


@pytest.mark.parametrize(
    ("family", "shape", "seed", "knobs", "words"),
    [
        ("vea", (1, 8, 8), 0, {}, "Did you mean 'vae'"),
        ("vae", (1, 8, 8), 0, {"beta": -1}, "beta must lie between"),
        ("vae", (1, 8, 8), 0, {"gamma": 1}, "no knob 'gamma'"),
        ("vae", (1, 8, 8), 0, {"dim": 65}, "longer than the picture"),
        ("vae", (1, 8, 8), 0, {"dim": 2.5}, "whole number"),
        ("vae", (1, 30, 30), 0, {}, "cannot be halved"),
        ("vae", (1, 28, 32), 0, {}, "square"),
        ("vae", (2, 32, 32), 0, {}, "grey or colour"),
        ("vae", (28, 28), 0, {}, "channels"),
        ("vae", (1, 4, 4), 0, {}, "8 to 128"),
        ("vae", (1, 8, 8), -1, {}, "seed"),
        ("vae", (1, 8, 8), "zero", {}, "seed"),
    ],
)
def test_a_model_that_cannot_be_built_says_why(
    family: str, shape: tuple[int, ...], seed: object, knobs: dict[str, object], words: str
) -> None:
    with pytest.raises(ManigenError, match=words) as caught:
        models.build(family, shape, seed, **knobs)  # type: ignore[arg-type]
    assert is_one_sentence(caught.value)


def test_an_unknown_family_is_a_lookup_error() -> None:
    with pytest.raises(UnknownName, match=", ".join(FAMILIES)):
        models.card_of("nothing like it")


@pytest.mark.parametrize("n", [0, -3, 2.5, True, "many", 10**9])
def test_a_count_that_is_none_is_refused(n: object) -> None:
    with pytest.raises(BadInput, match="whole number"):
        small("vae").sample(n)  # type: ignore[arg-type]


# --- the decoder is smooth --------------------------------------------------------------------------------------------


def directional(model: Generator, z: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """How the pictures at z change in the direction v: the Jacobian times v, by forward differentiation."""
    return torch.func.jvp(model.decode_batch, (z,), (v,))[1]


@pytest.mark.parametrize("family", SMOOTH)
def test_the_jacobian_agrees_with_finite_differences(family: str) -> None:
    model = small(family, (1, 28, 28)).double()
    z, v = (torch.from_numpy(codes(3, seed=seed)).double() for seed in (1, 2))
    h = 1e-4
    difference = (model.decode(z + h * v) - model.decode(z - h * v)) / (2 * h)
    torch.testing.assert_close(directional(model, z, v), difference, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("family", [family for family in SMOOTH if family != "pca"])
def test_the_jacobian_changes_smoothly_along_a_line(family: str) -> None:
    """At half the distance the Jacobian has changed half as much; a ReLU's would stand still, then jump."""
    model = small(family, (1, 28, 28)).double()
    z, v = (torch.from_numpy(codes(1, seed=seed)).double() for seed in (1, 2))
    here = directional(model, z, v)
    change = [(directional(model, z + h * v, v) - here).norm().item() for h in (2e-3, 1e-3, 5e-4)]
    assert change[0] / change[1] == pytest.approx(2, rel=0.02) and change[1] / change[2] == pytest.approx(2, rel=0.02)


# --- what training relies on ------------------------------------------------------------------------------------------


def in_play(model: Generator) -> list[tuple[int, str]]:
    """Every player's turn in eight rounds near the end of a training, when all terms have been due once."""
    model.progress = 0.9
    model.refit(torch.randint(256, (300, *model.shape), generator=chance(), dtype=torch.uint8), chance())
    return [(step, player) for step in range(8) for player in model.players]


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("family", PLAYED)
def test_the_players_share_out_all_weights_and_name_their_losses(family: str) -> None:
    model, card = small(family), models.card_of(family)
    shares = [{id(weight) for weight in model.weights_of(player)} for player in model.players]
    assert set.union(*shares) == {id(weight) for weight in model.parameters()}
    assert sum(map(len, shares)) == len(set.union(*shares))
    x, named = torch.from_numpy(pictures(6, (1, 8, 8))), set()
    for step, player in in_play(model):
        model.step = step
        losses = model.losses(player, x, chance())
        assert losses["total"].ndim == 0 and losses["total"].requires_grad
        named |= set(losses) - {"total"}
    assert named == set(card.facts["losses"])
    assert card.facts["sampler"] in discover("manigen.samplers")


@pytest.mark.parametrize("family", PLAYED)
def test_a_player_moves_no_weights_but_its_own(family: str) -> None:
    model, x = small(family), torch.from_numpy(pictures(6, (1, 8, 8)))
    for step, player in in_play(model):
        model.step = step
        own = {id(weight) for weight in model.weights_of(player)}
        model.zero_grad(set_to_none=True)
        model.losses(player, x, chance())["total"].backward()
        moved = {id(weight) for weight in model.parameters() if weight.grad is not None and weight.grad.abs().sum() > 0}
        assert moved & own
        if len(model.players) > 1 and player == "critic":
            assert moved <= own  # the forger's picture is detached: the critic only looks


def test_the_kl_term_agrees_with_torchs_own() -> None:
    model = small("vae")
    x, rng = torch.from_numpy(pictures(6, (1, 8, 8))), torch.Generator().manual_seed(0)
    mean, log_variance = model.posterior(x)  # type: ignore[operator]
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(model.losses("model", x, rng)["kl"], kl)


# --- the terms losses are added up from -------------------------------------------------------------------------------


def test_the_penalty_is_the_squared_slope_of_the_scores() -> None:
    w = torch.tensor([1.0, -2.0, 3.0])
    torch.testing.assert_close(_terms.steepness(lambda x: x @ w, torch.rand(5, 3)), w.square().sum())  # a plane


def test_a_lead_is_a_half_chance_when_scores_are_level_and_falls_with_distance() -> None:
    level = _terms.lead(torch.zeros(4, 1), torch.zeros(4, 1))
    assert level.item() == pytest.approx(np.log(2))
    ahead, behind = torch.ones(4, 1), torch.zeros(4, 1)
    assert _terms.lead(ahead, behind) < level < _terms.lead(behind, ahead)


def test_the_critic_is_penalised_every_few_steps_and_as_much_more() -> None:
    x, critic = torch.rand(6, 3), lambda x: x @ torch.tensor([[1.0], [2.0], [2.0]])  # slope 3, so 9 for each side
    due, not_due = (_terms.judged(critic, x, x, penalty=0.5, lazy=4, step=step) for step in (8, 9))
    assert "penalty" not in not_due and due["penalty"].item() == pytest.approx(18)
    assert (due["total"] - not_due["total"]).item() == pytest.approx(4 * 0.5 / 2 * 18)


def test_distance_correlation_is_numpys_own_and_nought_for_a_turned_and_scaled_copy() -> None:
    x, z = torch.from_numpy(pictures(12, (1, 3, 3))), torch.from_numpy(codes(12))
    far = [np.linalg.norm(a[i] - a[j]) for a in (x.flatten(1).numpy(), z.numpy()) for i in range(12) for j in range(i)]
    expected = 1 - np.corrcoef(far[:66], far[66:])[0, 1]
    assert _terms.distance_correlation(x, z).item() == pytest.approx(expected, rel=1e-4)
    turn, _ = torch.linalg.qr(torch.from_numpy(np.random.default_rng(0).standard_normal((9, 9)).astype(np.float32)))
    assert _terms.distance_correlation(x, 7 * x.flatten(1) @ turn).item() == pytest.approx(0, abs=1e-5)


def test_distances_keep_their_digits_in_a_half_precision_run() -> None:
    x, z = torch.from_numpy(pictures(12, (1, 8, 8))), torch.from_numpy(codes(12))
    with torch.autocast("cpu", torch.bfloat16):
        half = _terms.distance_correlation(x, z), _terms.discrepancy(z, z.flip(0))
    full = _terms.distance_correlation(x, z), _terms.discrepancy(z, z.flip(0))
    assert half == full


@pytest.mark.parametrize(("stretch", "expected"), [((2.0, 2.0), 1.0), ((1.0, 3.0), 2 * 82 / 100)])
def test_the_distortion_of_a_linear_decoder_is_known(stretch: tuple[float, float], expected: float) -> None:
    """With J = diag(s): d sum s^4 / (sum s^2)^2, whatever the scale."""
    j = torch.diag(torch.tensor(stretch))
    found = _terms.relaxed_isometry(lambda z: (z @ j).unflatten(1, (1, 1, 2)), torch.zeros(200_000, 2), chance())
    assert found.item() == pytest.approx(expected, rel=0.02)


def test_the_distortion_of_a_decoder_is_that_of_its_jacobian() -> None:
    model, z = small("autoencoder"), torch.from_numpy(codes(1))
    j = torch.autograd.functional.jacobian(model.decode_batch, z).reshape(-1, 5)
    g = j.T @ j
    expected = 5 * g.square().sum() / g.trace() ** 2  # E|G v|^2 = tr G^2, E|J v|^2 = tr G
    found = _terms.relaxed_isometry(model.decode_batch, z.repeat(40_000, 1), chance())
    assert found.item() == pytest.approx(expected.item(), rel=0.03)


def test_discrepancy_agrees_with_a_slow_twin_and_is_unbiased() -> None:
    z, p = codes(9, 3), codes(9, 3, seed=4)

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([6 * s / (6 * s + ((a - b) ** 2).sum()) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)]))

    pairs = [(i, j) for i in range(9) for j in range(9)]
    within = np.mean([k(a[i], a[j]) for a in (z, p) for i, j in pairs if i != j]) * 2
    expected = within - 2 * np.mean([k(z[i], p[j]) for i, j in pairs])
    assert _terms.discrepancy(torch.from_numpy(z), torch.from_numpy(p)).item() == pytest.approx(expected, rel=1e-4)
    alike = [_terms.discrepancy(*torch.randn(2, 100, 4, generator=chance(seed))).item() for seed in range(40)]
    assert abs(np.mean(alike)) < 3 * np.std(alike) / 40**0.5
    shifted = _terms.discrepancy(torch.randn(100, 4, generator=chance()), torch.randn(100, 4, generator=chance(1)) + 1)
    assert shifted > 10 * np.std(alike)


def test_mixed_codes_lie_on_lines_between_pairs_and_a_little_beyond() -> None:
    z = torch.eye(6)  # on the line from e_i to e_j two numbers add up to 1 and the others are 0
    for beyond, low in ((0.0, 0.0), (0.2, -0.2)):
        found = _terms.mixed(z.repeat(50, 1), chance(), beyond)
        assert torch.allclose(found.sum(1), torch.ones(300), atol=1e-5)
        assert found.min() >= low - 1e-6 and (found.abs() > 1e-6).sum(1).max() <= 2
    assert found.min() < -0.1


# --- ensemble, mixture, fusion ----------------------------------------------------------------------------------------


def test_fog_is_the_spread_of_the_members_pictures() -> None:
    model, z = small("geometric", members=3), codes()
    assert model.members == 3
    members = model.members_batch(torch.from_numpy(z)).detach().numpy()
    expected = np.sqrt(members.var(axis=0, ddof=1).mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(model.fog(z), expected, rtol=1e-4)
    assert np.array_equal(members[0], model.decode(z)) and model.fog(z).min() > 1e-4
    for follower in model.decoder.followers:
        follower.load_state_dict(model.decoder.leader.state_dict())
    assert model.fog(z).max() < 1e-5


@pytest.mark.parametrize("family", ["vae", "geometric"])
def test_one_decoder_alone_has_no_fog_and_says_so(family: str) -> None:
    model = small(family, **({"members": 1} if family == "geometric" else {}))
    assert model.members == 1
    with pytest.raises(NotPossible, match="one decoder") as caught:
        model.fog(codes())
    assert is_one_sentence(caught.value)


def test_followers_learn_in_turn_and_never_move_the_encoder() -> None:
    model, x = small("geometric", members=4), torch.from_numpy(pictures(6, (1, 8, 8)))
    turns = []
    for step in range(6):
        model.step = step
        model.zero_grad(set_to_none=True)
        model.decoder.follow(model.encoder(x), x, step).backward()
        turns.append([at for at, one in enumerate(model.decoder.followers) if one.first.weight.grad is not None])
        assert all(weight.grad is None for weight in [*model.encoder.parameters(), *model.decoder.leader.parameters()])
    assert turns == [[0], [1], [2], [0], [1], [2]]


def test_the_fusion_learns_the_surface_first_and_plays_on_it_then() -> None:
    from manigen.training import Training

    images = np.random.default_rng(0).integers(0, 256, (300, 1, 8, 8), np.uint8)
    run = Training(small("fusion", begin=0.5), images, budget=64 * 8, batch=64)
    played = ["critic" in step.losses for step in run]
    assert played == [False] * 4 + [True] * 4 and run.model.mixture.fitted
    assert {len(optimiser.state_dict()["state"]) > 0 for optimiser in run.optimisers.values()} == {True}


def test_the_mixture_inside_a_model_draws_like_its_codes() -> None:
    from manigen.models._mixture import Mixture

    stream = np.random.default_rng(0)
    z = np.concatenate(
        [stream.standard_normal((600, 2)) @ [[2, 1], [0, 0.5]] + 6, stream.standard_normal((200, 2)) - 6]
    )
    mixture = Mixture(2, 2)
    assert not mixture.fitted
    mixture.fit(torch.from_numpy(z.astype(np.float32)), seed=0)
    drawn = mixture.sample(20_000, chance()).numpy()
    assert mixture.fitted and np.abs(drawn.mean(0) - z.mean(0)).max() < 0.15
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(z.T), rtol=0.05)


def test_the_fusion_without_its_game_is_the_geometric_autoencoder_weight_by_weight() -> None:
    from manigen.training import Training

    images = np.random.default_rng(0).integers(0, 256, (300, 1, 8, 8), np.uint8)
    kept = []
    for family, knobs in (("geometric", {}), ("fusion", {"adversarial": 0, "cycle": 0}), ("fusion", {})):
        run = Training(small(family, **knobs), images, budget=64 * 6, batch=64)
        list(run)
        kept.append(run.finish().state_dict())
    plain, bare, full = kept
    assert plain.keys() == bare.keys() and all(torch.equal(bare[name], value) for name, value in plain.items())
    assert set(full) > set(plain) and any(not torch.equal(full[name], value) for name, value in plain.items())


def test_the_articles_preset_is_its_own_networks_and_its_generator_paints() -> None:
    model = models.build("autoencoder", (1, 28, 28), preset="article", width=4)
    assert model.dim == 32 and model.knobs["dim"] == 32 and model.players == ("model", "critic", "forger")
    assert [tuple(w.shape) for w in model.forger.up.parameters() if w.ndim == 4] == [  # type: ignore[union-attr]
        (256, 128, 5, 5),
        (128, 128, 5, 5),
        (128, 1, 5, 5),
    ]
    z = codes(5, 32)
    np.testing.assert_allclose(model.decode(z), model.forger(torch.from_numpy(z)).detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(model.decode(z[:1]), model.decode(z)[:1], atol=1e-6)  # batch norm with kept averages
    x = torch.from_numpy(pictures(4, (1, 28, 28)))
    for player in model.players:
        model.train().zero_grad(set_to_none=True)
        model.losses(player, x, chance())["total"].backward()
        moved = {id(weight) for weight in model.weights_of(player) if weight.grad is not None}
        assert moved == {id(weight) for weight in model.weights_of(player)}
    for shape in ((3, 28, 28), (1, 32, 32)):
        with pytest.raises(BadInput, match="28x28 grey"):
            models.build("autoencoder", shape, preset="article")


def test_the_game_moves_the_encoder_through_the_lines_between_codes_and_not_through_the_mixture() -> None:
    model, x = small("fusion", distance=0, isometry=0, members=1, code_l2=0), torch.from_numpy(pictures(8, (1, 8, 8)))
    in_play(model)
    for share, moved in ((1.0, True), (0.0, False)):
        model.between = share
        model.zero_grad(set_to_none=True)
        model.forged(model.encoder(x), chance()).square().sum().backward()
        assert bool(model.encoder.last.weight.grad.abs().sum() > 0) is moved


def test_the_critics_pull_is_as_long_as_its_weight_says() -> None:
    model, x = small("fusion"), torch.from_numpy(pictures(8, (1, 8, 8)))
    loss, push = model._push(model.decoder(torch.from_numpy(codes(8))), x)
    assert push.square().flatten(1).sum(1).mean().item() == pytest.approx(1, rel=1e-4)
    painted = model.decoder(torch.from_numpy(codes(8))).detach()
    downhill = _terms.lead(model.critic(painted - 1e-2 * push), model.critic(x))
    assert downhill < loss  # against the push the critic is fooled better


def test_a_grid_of_codes_is_convolutions_only_and_refuses_what_it_cannot_lay_out() -> None:
    model = models.build("autoencoder", (1, 32, 32), dim=64, width=4, layout="grid")
    assert not any(isinstance(module, torch.nn.Linear) for module in model.modules())
    assert model.encode(pictures(2, (1, 32, 32))).shape == (2, 64) and model.decode(codes(2, 64)).shape == (
        2,
        1,
        32,
        32,
    )
    for shape, dim in (((1, 28, 28), 64), ((1, 32, 32), 63)):
        with pytest.raises(BadInput, match=r"grid layout|halved"):
            models.build("autoencoder", shape, dim=dim, width=4, layout="grid")


@pytest.mark.filterwarnings("error")
def test_a_code_too_large_for_its_numbers_is_refused_without_a_warning() -> None:
    with pytest.raises(BadInput, match="row 1 holds NaN or infinity"):
        small("vae").decode(np.array([[0.0] * 5, [1e300] * 5]))


def test_a_grids_first_weights_let_a_signal_through_where_torchs_own_let_it_fade() -> None:
    z = torch.randn(64, 64, generator=chance())
    model = models.build("autoencoder", (1, 32, 32), dim=64, width=16, layout="grid")
    with torch.no_grad():
        fresh = model.decoder.logits(z).std(0).mean()
        for layer in (model.decoder.first, *model.decoder.up, model.decoder.last):
            layer.reset_parameters()  # torch's own
        faded = model.decoder.logits(z).std(0).mean()
    assert 0.2 < fresh < 3
    assert faded < 0.05 * fresh


def test_a_model_is_measured_with_what_it_has():
    from manigen import weights

    rulers = {name: weights.load(name).rulers for name in ("mnist-fusion", "mnist-vae", "mnist-gan", "bars-geometric")}
    assert {name: sorted(known) for name, known in rulers.items()} == {
        "mnist-fusion": ["critic", "encoder", "features"],
        "mnist-vae": ["encoder", "features"],
        "mnist-gan": ["critic", "features"],
        "bars-geometric": ["encoder"],
    }
    x = torch.rand(3, 1, 28, 28, requires_grad=True)
    for ruler in rulers["mnist-fusion"].values():
        (slope,) = torch.autograd.grad(ruler(x).sum(), x)
        assert slope.shape == x.shape and slope.abs().sum() > 0
