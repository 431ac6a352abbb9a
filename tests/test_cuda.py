"""On an NVIDIA GPU: pictures, walks, measures and trainings are what they are on the processor, to rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from manigen import companions, inversion, models, paths, weights
from manigen.live import engine
from manigen.measures import _pullback
from manigen.recipe import Recipe, begin
from manigen.training import Training

if not torch.cuda.is_available():
    pytest.skip("there is no GPU here", allow_module_level=True)

GPU = "cuda"
ROUNDING = 4e-3  # grey levels in [0, 1]: convolutions on a GPU round their factors to 10 bits


def held_out(name: str, count: int = 64) -> np.ndarray:
    codes = weights.codes(name)
    return codes.z[np.flatnonzero(codes.split == 1)[:count]]


@pytest.mark.parametrize("name", weights.names())
def test_a_picture_and_its_code_are_the_processors(name: str) -> None:
    here, there, z = weights.load(name), weights.load(name, GPU), weights.codes(name).z[:64]
    assert there.device.type == GPU
    x, y = here.decode(z), there.decode(z)
    assert isinstance(y, np.ndarray) and y.dtype == np.float32
    assert np.abs(x - y).max() < 10 * ROUNDING and np.abs(x - y).mean() < ROUNDING
    if here.encodes:
        a, b = here.encode(x), there.encode(x)
        assert np.abs(a - b).mean() < 1e-2 * a.std()


def test_the_engine_paints_on_it_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MANIGEN_DEVICE", raising=False)
    painter = engine.Engine()
    try:
        model = painter.adopt(weights.load("mnist-vae"))
        z = held_out("mnist-vae", 700)
        x = painter.decode(model, z)
        y = np.rint(255 * weights.load("mnist-vae").decode(z)).transpose(0, 2, 3, 1)
        assert model.device.type == GPU and x.dtype == np.uint8
        assert np.abs(x.astype(int) - y).max() <= 6 and np.abs(x.astype(int) - y).mean() < 0.5
        assert painter.most == engine.MOST_GPU and torch.cuda.get_device_name() == engine.device_name()
    finally:
        painter.stop()


@pytest.mark.parametrize("kind", paths.cards())
def test_a_walk_is_the_processors(kind: str) -> None:
    z, taught = held_out("mnist-fusion"), weights.codes("mnist-fusion").taught
    lengths = []
    for device in ("cpu", GPU):
        model = weights.load("mnist-fusion", device)
        members = paths.members_of(model)
        if kind == "fog" and members is None:
            pytest.skip("mnist-fusion has one decoder")
        found = [
            paths.measured(trace, kind, model.decode).length
            for trace in paths.between(z[:4], z[4:8], kind, 33, model.decode, taught, members=members)
        ]
        lengths.append(found)
    assert lengths[1] == pytest.approx(lengths[0], rel=0.02)


@pytest.mark.parametrize("ruler", ["features", "encoder", "critic"])
def test_a_ruler_measures_the_same(ruler: str) -> None:
    z, taught = held_out("mnist-fusion"), weights.codes("mnist-fusion").taught
    lengths = []
    for device in ("cpu", GPU):
        model = weights.load("mnist-fusion", device)
        (way,) = paths.between(
            z[:1], z[1:2], "pullback", 33, model.decode, taught, rulers=paths.rulers_of(model), ruler=ruler
        )
        lengths.append(paths.measured(way, "pullback", model.decode).length)
    assert lengths[1] == pytest.approx(lengths[0], rel=0.03)


def test_many_pairs_together_find_what_each_finds_alone() -> None:
    model, z = weights.load("mnist-autoencoder", GPU), held_out("mnist-autoencoder")
    taught = weights.codes("mnist-autoencoder").taught

    def energy(way: paths.Trace) -> float:
        x = model.decode(way.codes).reshape(len(way.codes), -1).astype(float)
        return float(np.square(np.diff(x, axis=0)).sum())

    together = paths.between(z[:8], z[8:16], "pullback", 33, model.decode, taught)
    alone = [paths.between(z[i : i + 1], z[8 + i : 9 + i], "pullback", 33, model.decode, taught)[0] for i in range(8)]
    assert [energy(way) for way in together] == pytest.approx([energy(way) for way in alone], rel=0.03)


def test_a_network_of_the_users_own_is_walked_where_it_lives() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.Tanh(), torch.nn.Linear(32, 64)).to(GPU)
    way = paths.walk(net, np.zeros(4), np.ones(4), "pullback", 17)
    assert way.converged and np.isfinite(way.length) and next(net.parameters()).device.type == GPU


def test_the_metric_is_the_processors() -> None:
    z = held_out("mnist-geometric", 32)
    here, there = (_pullback.metric(weights.load("mnist-geometric", device), z) for device in ("cpu", GPU))
    np.testing.assert_allclose(there, here, atol=0.02 * np.abs(here).max())


def test_a_picture_is_searched_for() -> None:
    model = weights.load("mnist-gan", GPU)
    x = model.decode(model.sample_codes(1, 3))
    found = inversion.search(model, x, steps=120)
    assert found.error[0] < 0.1


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", [name for name in models.cards() if models.build(name, (1, 16, 16), 0).players])
def test_a_training_goes_on_where_it_was_broken_off(family: str, precision: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (128, 1, 16, 16), np.uint8)

    def run(device: str = GPU) -> Training:
        model = models.build(family, (1, 16, 16), 0).to(device)
        return Training(model, x, budget=32 * 24, batch=32, held_out=x, precision=precision)

    whole, broken = run(), run()
    steps = list(whole)
    assert all(np.isfinite(list(step.losses.values())).all() for step in steps)
    for step in broken:
        if step.index == 12:
            broken.stop()
    broken.save(tmp_path)
    (again := run()).resume(tmp_path)
    after = list(again)
    assert len(after) == len(steps) - 12
    assert after[-1].losses == pytest.approx(steps[-1].losses, rel=0.2, abs=0.1)
    (elsewhere := run("cpu")).resume(tmp_path)
    assert len(list(elsewhere)) == len(after)


def test_a_step_of_an_autoencoder_is_the_processors() -> None:
    x = np.random.default_rng(0).integers(0, 256, (128, 1, 16, 16), np.uint8)
    runs = [
        list(Training(models.build("autoencoder", (1, 16, 16), 0).to(device), x, budget=320, batch=32))
        for device in ("cpu", GPU)
    ]
    losses = [[step.losses["total"] for step in steps] for steps in runs]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_what_was_trained_on_it_is_shipped_and_opens_without_one(tmp_path: Path) -> None:
    recipe = Recipe("vae", "digits", None, 8, batch=64, rows=250, maps=("pca",), knobs={"dim": 4, "width": 8})
    run = begin(recipe, tmp_path / "made", device=GPU)
    for _ in run.steps():
        pass
    model = weights.load(run.ship(), "cpu")
    assert model.device.type == "cpu" and weights.info(tmp_path / "made")["trained"]["device"] == engine.device_name()


def test_companions_are_taught_on_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(companions, "folder", lambda: tmp_path)
    model, codes = weights.load("mnist-vae", GPU), weights.codes("mnist-vae")
    found = companions.fit(model, codes, rounds=2)
    assert all(next(decoder.parameters()).device.type == GPU for decoder in found.decoders)
    here = weights.load("mnist-vae")
    assert companions.join(here, codes)  # kept, and found again without a GPU
    model.companions = found.decoders
    z = held_out("mnist-vae", 16)
    np.testing.assert_allclose(model.fog(z), here.fog(z), atol=2e-2)
