"""The sliders' directions and effects, against closed forms; the live ops that feed their strips."""

from __future__ import annotations

import json

import numpy as np
import pytest

from manigen import links
from manigen.errors import BadInput, ManigenError
from manigen.live import protocol
from manigen.ui import directions as room


def tilted(n: int = 5000, seed: int = 0) -> np.ndarray:
    """Codes whose variances are 9 along (3, 4, 0) / 5, 1 along (4, -3, 0) / 5, and 0.25 along the third axis."""
    s = np.random.default_rng(seed).standard_normal((n, 3))
    s = (s - s.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(s.T, bias=True))).T
    return (s * [3, 1, 0.5]) @ np.array([[0.6, 0.8, 0], [0.8, -0.6, 0], [0, 0, 1]]) + [1, -2, 5]


def test_principal_directions_are_those_the_codes_were_made_from() -> None:
    found = room.directions(tilted(), "directions")
    np.testing.assert_allclose(found.axes, [[0.6, 0.8, 0], [0.8, -0.6, 0], [0, 0, 1]], atol=1e-4)
    np.testing.assert_allclose(found.scale, [3, 1, 0.5], rtol=1e-4)
    np.testing.assert_allclose(found.share, np.array([9, 1, 0.25]) / 10.25, rtol=1e-4)
    np.testing.assert_allclose(found.mean, [1, -2, 5], atol=1e-4)


def test_code_numbers_are_scaled_by_their_own_deviation() -> None:
    z = tilted()
    found = room.directions(z, "numbers")
    np.testing.assert_array_equal(found.axes, np.eye(3))
    np.testing.assert_allclose(found.scale, z.std(axis=0), rtol=1e-5)


@pytest.mark.parametrize("basis", room.bases([]))
def test_positions_and_codes_lead_back_to_each_other(basis: str) -> None:
    z = np.random.default_rng(1).standard_normal((40, 7)).astype(np.float32) * np.arange(1, 8)
    found = room.directions(z, basis)
    s = found.positions(z)
    np.testing.assert_allclose(found.codes(s), z, atol=1e-4)
    np.testing.assert_allclose(s.std(axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(s.mean(axis=0), 0, atol=1e-5)


def test_a_number_that_never_varies_still_has_a_slider() -> None:
    z = np.zeros((9, 2), np.float32)
    z[:, 0] = np.arange(9)
    for basis in room.bases([]):
        found = room.directions(z, basis)
        assert np.isfinite(found.positions(z)).all()
        assert found.scale[1] == 1
        assert found.share[1] == 0


def test_the_effect_of_a_linear_model_is_the_length_of_its_columns() -> None:
    z = tilted(300)
    columns = np.array([[0.0, 0.1, 0.0], [0.0, 0.0, 0.2], [0.0, 0.0, 0.0], [0.3, 0.0, 0.0]])
    found = room.directions(z, "numbers")
    measured = room.effect(lambda codes: (codes @ columns.T).reshape(-1, 1, 2, 2), z, found)
    np.testing.assert_allclose(measured, found.scale * [0.3, 0.1, 0.2], rtol=1e-3)


def test_the_effect_is_the_mean_over_real_codes() -> None:
    z = np.linspace(-1, 1, 200, dtype=np.float32)[:, None]
    found = room.directions(z)
    measured = room.effect(lambda codes: codes**2, z, found)  # |(z + u/2)^2 - (z - u/2)^2| = 2 |z| u
    rows = room.sample_rows(200, 1)
    np.testing.assert_allclose(measured, (2 * np.abs(z[rows]) * found.scale).mean(), rtol=1e-4)


def test_effects_are_measured_in_bounded_time() -> None:
    assert len(room.sample_rows(20_000, 16)) == 64
    assert len(room.sample_rows(5, 16)) == 5
    assert all(2 * d * len(room.sample_rows(20_000, d)) <= room.MOST_PICTURES for d in (1, 16, 33, 64, 256))


def test_reach_counts_the_values_that_fit_on_a_slider() -> None:
    z = np.zeros((1000, 1), np.float32)
    z[:10] = [[10.0]] * 10  # ten outliers, about ten deviations away
    assert room.within_reach(z, room.directions(z)) == pytest.approx(0.99)
    assert room.within_reach(tilted(), room.directions(tilted())) > 0.995


def test_an_unknown_basis_and_a_wrong_width_are_refused_in_words() -> None:
    with pytest.raises(ManigenError, match="Known: numbers, directions, classes, borders"):
        room.directions(tilted(), "colours")
    with pytest.raises(BadInput, match="3 numbers"):
        room.directions(tilted()).positions(np.zeros((2, 4)))


def test_a_link_gives_a_code_back_bit_for_bit() -> None:
    code = np.random.default_rng(2).standard_normal(16).astype(np.float32)
    np.testing.assert_array_equal(links.unspell(links.spell(code), 16), code)


@pytest.mark.parametrize("spelled", ["", "!!!", "AAAA", "AAAAAA=x", "AAAA\N{GREEK SMALL LETTER ALPHA}A"])
def test_a_link_that_was_cut_short_is_refused_in_words(spelled: str) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        links.unspell(spelled, 1)


# --- the live ops ---------------------------------------------------------------------------------------------------


class Linear:
    """A stand-in for a generator: only its width and its draws are asked for."""

    dim, shape, device = 3, (1, 2, 2), "cpu"

    def sample_codes(self, n: int, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).standard_normal((n, 3), dtype=np.float32)


class Held:
    """A stand-in for an opened model."""

    name, generator, painter = "linear", Linear(), Linear()

    def __init__(self) -> None:
        from manigen.nearest import Nearest

        self.nearest = Nearest(np.random.default_rng(0).standard_normal((500, 3)))


def ask(**entries: object) -> protocol.Ask:
    return protocol.parse(json.dumps({"id": 1, "model": "linear", **entries}))


def test_a_sweep_holds_every_other_slider_where_it_stands() -> None:
    from manigen.live.jobs import SweepWish

    found = room.directions(tilted(), "directions")
    code = found.codes([[1.0, -0.5, 2.0]])[0]
    here = found.positions(code)[0]
    asked = ask(op="sweep", code=code.tolist(), along=found.units[:2].tolist(), here=here[:2].tolist(), at=[-3, 0, 3])
    z = SweepWish(Held(), asked, lambda wish: None).z
    expected = [[-3, -0.5, 2], [0, -0.5, 2], [3, -0.5, 2], [1, -3, 2], [1, 0, 2], [1, 3, 2]]
    np.testing.assert_allclose(found.positions(z), expected, atol=1e-3)


def test_a_sweep_tells_how_far_to_trust_it_when_asked() -> None:
    from manigen.live.jobs import SweepWish

    asked = ask(op="sweep", code=[0, 0, 0], along=[[1, 0, 0]], here=[0], at=[0, 50], levels=True)
    wish = SweepWish(Held(), asked, lambda wish: None)
    wish.look_up([wish])
    assert wish.meta["level"] == ["near", "far"]


def test_a_draw_is_the_models_own_for_its_seed() -> None:
    from manigen.live.jobs import SampleWish

    wish = SampleWish(Held(), ask(op="sample", seed=7, n=2), lambda wish: None)
    wish.look_up([wish])
    np.testing.assert_array_equal(wish.z, Linear().sample_codes(2, 7))
    np.testing.assert_array_equal(np.array(wish.meta["codes"], np.float32), wish.z)


@pytest.mark.parametrize(
    "entries",
    [
        {"code": [0, 0], "along": [[1, 0, 0]], "here": [0], "at": [0]},
        {"code": [0, 0], "along": [[1, 0]], "here": [0, 1], "at": [0]},
        {"code": [0, 0], "along": [[1, 0]] * 9, "here": [0] * 9, "at": [0] * 33},
        {"code": [0, 0], "along": [[1, 0]], "here": [0], "at": [0] * 34},
        {"code": [0, 0], "along": [[1, float("nan")]], "here": [0], "at": [0]},
        {"code": [0, 1e9], "along": [[1, 0]], "here": [0], "at": [0]},
        {"code": [0, 0], "along": [[1, 0]], "here": [0], "at": [0], "levels": 1},
        {"code": [0, 0], "along": [], "here": [], "at": [0]},
    ],
)
def test_a_bad_sweep_is_refused_in_words(entries: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        ask(op="sweep", **entries)


@pytest.mark.parametrize("entries", [{"seed": -1}, {"seed": 1.5}, {"n": 65}, {"n": 0}, {"seed": 2**60}])
def test_a_bad_draw_is_refused_in_words(entries: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        ask(op="sample", **entries)


def test_codes_absurdly_far_along_a_sweep_stay_finite() -> None:
    from manigen.live.jobs import SweepWish

    asked = ask(op="sweep", code=[1e4] * 3, along=[[1e4] * 3], here=[-1e4], at=[1e4])
    assert np.abs(SweepWish(Held(), asked, lambda wish: None).z).max() <= protocol.FARTHEST
