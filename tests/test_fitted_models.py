"""The families that are fitted in one go: the principal components, and the forest."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from manigen import models
from manigen.errors import BadInput, ManigenError, NotPossible
from manigen.models import forest, pca
from tests.oracles import is_one_sentence


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def digits(n: int = 600) -> torch.Tensor:
    from sklearn.datasets import load_digits

    return torch.from_numpy(np.rint(load_digits().images[:n, None] * (255 / 16)).astype(np.uint8))


# --- principal components ---------------------------------------------------------------------------------------------


def test_the_components_are_those_of_another_library() -> None:
    from sklearn.decomposition import PCA

    x = digits()
    model = models.build("pca", (1, 8, 8), dim=6)
    losses = model.fit_to(x, chance())
    flat = x.flatten(1).numpy() / 255.0
    other = PCA(6, svd_solver="full").fit(flat)
    np.testing.assert_allclose(model.mean, other.mean_, atol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(model.directions.numpy() * other.components_, 1)), 1, atol=1e-4)
    scale = np.sqrt(np.square(other.transform(flat)).mean())
    assert float(model.scale) == pytest.approx(scale, rel=1e-3)
    painted = np.clip(other.inverse_transform(other.transform(flat)), 0, 1)
    np.testing.assert_allclose(
        model.decode(model.encode(flat.reshape(-1, 1, 8, 8))).reshape(600, -1), painted, atol=1e-4
    )
    assert losses["reconstruction"] == pytest.approx(np.square(painted - flat).sum(1).mean(), rel=1e-3)


def test_distances_between_codes_are_those_between_unclamped_pictures_but_for_one_scale() -> None:
    model = models.build("pca", (1, 8, 8), dim=5)
    model.fit_to(digits(), chance())
    z = 0.05 * np.random.default_rng(0).standard_normal((20, 5)).astype(np.float32)
    sheet = model.mean.numpy() + float(model.scale) * z @ model.directions.numpy()
    codes_apart, pictures_apart = (np.linalg.norm(rows[:, None] - rows, axis=2) for rows in (z, sheet))
    np.testing.assert_allclose(pictures_apart, float(model.scale) * codes_apart, atol=1e-5)
    z = model.encode(digits().numpy())
    np.testing.assert_allclose(np.square(z).mean(), 1, rtol=1e-3)


def test_large_pictures_are_taken_apart_by_chance_and_come_out_as_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    x = digits()
    exact, rough, again = (models.build("pca", (1, 8, 8), dim=4) for _ in range(3))
    exact.fit_to(x, chance())
    monkeypatch.setattr(pca, "COVARIANCE", 10)
    rough.fit_to(x, chance())
    again.fit_to(x, chance())
    torch.testing.assert_close(rough.directions, exact.directions, atol=2e-2, rtol=0)
    torch.testing.assert_close(rough.scale, exact.scale, rtol=1e-3, atol=0)
    assert torch.equal(rough.directions, again.directions)
    monkeypatch.setattr(pca, "SUBSAMPLE", 300)
    some = models.build("pca", (1, 8, 8), dim=4)
    some.fit_to(x, chance())
    assert not torch.equal(some.mean, rough.mean) and (some.directions @ exact.directions.T).det().abs() > 0.7


def test_too_few_pictures_for_the_directions_get_one_sentence() -> None:
    with pytest.raises(BadInput, match="smaller dim") as caught:
        models.build("pca", (1, 8, 8), dim=9).fit_to(digits(9), chance())
    assert is_one_sentence(caught.value)


def test_pictures_that_are_all_alike_make_a_model_that_paints_them() -> None:
    model = models.build("pca", (3, 8, 8), dim=2)
    model.fit_to(torch.full((20, 3, 8, 8), 51, dtype=torch.uint8), chance())
    np.testing.assert_allclose(model.decode([[0.0, 0.0]]), 0.2, atol=1e-4)


# --- the forest -------------------------------------------------------------------------------------------------------


def planted(n: int = 700) -> tuple[models.Generator, torch.Tensor]:
    model = models.build("forest", (1, 8, 8), dim=4, width=8, rehearsal=6000, trees=8, leaves=60, components=16)
    x = digits(n)
    model.fit_to(x, chance())
    return model, x


@pytest.mark.parametrize("leaves", [2, 17, 300])
def test_the_trees_answer_as_the_library_that_grew_them(leaves: int) -> None:
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(0)
    z = rng.standard_normal((500, 3)).astype(np.float32).round(1)  # many ties: thresholds lie half-way between them
    y = np.column_stack([np.sin(z[:, 0]), z[:, 1] * z[:, 2], np.abs(z[:, 1])])
    grown = RandomForestRegressor(7, max_leaf_nodes=leaves, random_state=0).fit(z, y)
    trees = forest.planted(grown)
    at_edges = np.concatenate([z, *(np.tile(t.tree_.threshold[:1], (1, 3)) for t in grown.estimators_)]).astype("f")
    ours = forest.answers(
        torch.from_numpy(at_edges), *(trees[name] for name in ("feature", "threshold", "child", "leaf"))
    )
    np.testing.assert_allclose(ours, grown.predict(at_edges), atol=1e-5)


def test_a_tree_that_never_asks_answers_the_mean() -> None:
    from sklearn.ensemble import RandomForestRegressor

    z, y = np.zeros((9, 2), np.float32), np.arange(18.0).reshape(9, 2)
    grown = RandomForestRegressor(3, bootstrap=False).fit(z, y)
    trees = forest.planted(grown)
    ours = forest.answers(torch.zeros(4, 2), *(trees[name] for name in ("feature", "threshold", "child", "leaf")))
    np.testing.assert_allclose(ours, np.tile(y.mean(0), (4, 1)), atol=1e-5)


def test_a_forest_paints_far_better_than_the_mean_picture_and_better_than_before_it_learned() -> None:
    model, x = planted()
    floats = x.numpy() / np.float32(255)
    mean_error = np.square(floats - floats.mean(0)).mean()
    untrained = models.build("forest", (1, 8, 8), dim=4, width=8)
    errors = [np.square(m.decode(m.encode(floats)) - floats).mean() for m in (model, untrained)]
    assert errors[0] < 0.6 * mean_error < errors[1]


def test_bytes_for_leaves_change_a_picture_by_less_than_a_grey_level_or_two() -> None:
    model, _ = planted()
    exact = model.leaf.float() * model.unit
    assert model.leaf.dtype == torch.int8 and int(model.leaf.abs().max()) == 127
    half_a_unit = (model.unit / 2) @ model.directions.abs()
    assert exact.abs().max() > 0 and float(half_a_unit.max()) < 8 / 255 and float(half_a_unit.mean()) < 4 / 255


def test_a_forest_comes_back_from_its_tensors_and_needs_nothing_else() -> None:
    model, x = planted()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    again = models.build("forest", (1, 8, 8), seed=5, **model.knobs)
    again.load_state_dict(state)
    z = model.encode(x.numpy())
    assert np.array_equal(again.decode(z), model.decode(z)) and np.array_equal(again.encode(x.numpy()), z)
    state["leaf"] = state["leaf"][0]
    with pytest.raises(RuntimeError, match="size mismatch"):
        again.load_state_dict(state)


def test_a_forest_is_a_staircase_and_says_that_it_has_no_gradient() -> None:
    model, _ = planted(200)
    z = torch.zeros(1, 4)
    assert not model.differentiable
    assert torch.equal(model.decode(z), model.decode(z + 1e-6))
    along = torch.linspace(-3, 3, 50)[:, None] * torch.ones(1, 4)
    assert len(model.decode(along).unique(dim=0)) > 5
    with pytest.raises(NotPossible, match="no gradient") as caught:
        model.decode(z.requires_grad_(True))
    assert is_one_sentence(caught.value)
    with torch.no_grad():
        assert model.decode(z).shape == (1, 1, 8, 8)
    for ask in (torch.func.jacrev, torch.func.jacfwd):
        with pytest.raises(ManigenError, match="no gradient"):
            ask(model.decode_batch)(torch.zeros(1, 4))
    with pytest.raises(ManigenError, match="no gradient"):
        torch.func.jvp(model.decode_batch, (torch.zeros(1, 4),), (torch.ones(1, 4),))


def test_a_fit_touches_no_global_stream_and_follows_its_own() -> None:
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    one, two = planted(200)[0].state_dict(), planted(200)[0].state_dict()
    assert torch.equal(torch.get_rng_state(), before) and np.array_equal(np.random.get_state()[1], numpy_before)
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_a_picture_of_the_forest_is_painted_at_once() -> None:
    """The size that ships: 30 trees of 400 leaves. Questions are answered level by level, so their number is small."""
    model = models.build("forest", (1, 28, 28), trees=30)
    z = np.random.default_rng(0).standard_normal((512, 16)).astype(np.float32)
    model.decode(z)
    times = []
    for _ in range(5):
        start = time.process_time()
        model.decode(z)
        times.append(time.process_time() - start)
    assert min(times) < 0.5  # a loop over codes would take far longer
