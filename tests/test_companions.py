"""Companions: decoders fitted to a generator that has one, what their fog means, and whether that is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from manigen import companions, paths
from manigen.errors import NotPossible
from manigen.models.base import Generator
from manigen.weights import Codes


class Waves(Generator):
    """Eight by eight pictures of three numbers, smooth everywhere."""

    def __init__(self):
        super().__init__((1, 8, 8), 3)
        rng = np.random.default_rng(5)
        self.register_buffer("mixing", torch.from_numpy(rng.normal(size=(3, 64)).astype("f")))

    def decode_batch(self, z):
        return torch.sigmoid(4 * torch.sin(z @ self.mixing / 3)).unflatten(1, self.shape)


def codes(n=1500):
    z = (0.4 * np.random.default_rng(6).normal(size=(n, 3))).astype("f")
    split = (np.arange(n) % 5 == 0).astype(int)
    blank = np.zeros(n, np.float32)
    return Codes(z, np.zeros(n, int), split, np.arange(n), blank, ("wave",))


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(companions, "folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    place = tmp_path_factory.mktemp("companions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(companions, "folder", lambda: place)
        return companions.fit(Waves(), codes(), rounds=12), place


def test_companions_agree_where_they_were_taught_and_not_far_from_there(fitted):
    found, _ = fitted
    model = Waves()
    early = companions.fit(model, codes(), rounds=1)
    assert found.error < 0.5 * early.error
    assert found.meaningful and found.apart > 0.9
    assert not early.meaningful and "not trained well enough" in early.words
    model.companions = found.decoders
    near, far = model.fog(codes().z[:100]), model.fog(8 * codes().z[:100])
    assert np.median(far) > 3 * np.median(near)
    assert model.members == 5 and len(model.state_dict()) == 1  # they are no part of the model


def test_they_are_kept_and_found_again_and_a_damaged_file_goes(fitted, place):
    found, kept = fitted
    for file in kept.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    model = Waves()
    assert companions.join(model, codes())
    z = torch.from_numpy(codes().z[:9])
    for one, other in zip(model.companions, found.decoders, strict=True):
        assert torch.allclose(one(z), other(z), atol=5e-3)
    (path,) = place.iterdir()
    path.write_bytes(b"PK nonsense")
    assert not companions.join(Waves(), codes()) and not path.exists()
    other = Waves()
    other.mixing += 1
    assert companions.key(other, codes()) != companions.key(model, codes())


def test_a_walk_with_fog_says_whose_fog_it_is(fitted):
    model = Waves()
    model.companions, model.companions_words = fitted[0].decoders, fitted[0].words
    way = paths.walk(model, *codes().z[:2], "fog", 17, codes().z)
    assert way.notes[-1] == fitted[0].words and "companions" in way.notes[-1]


class Agreeing(Waves):
    """Three decoders of its own, alike but for `strays`: more far from the origin, or, `blind`, the same all over."""

    def __init__(self, blind=False):
        super().__init__()
        self.blind, self.asked = blind, 0

    @property
    def members(self):
        return 3

    def members_batch(self, z):
        self.asked += len(z)
        x, off = self.decode_batch(z), z.square().sum(1)
        strays = (0.3 * torch.ones_like(off) if self.blind else 0.02 * off)[:, None, None, None]
        return torch.stack([x, x + strays, x - strays])


def test_what_a_models_own_decoders_disagree_by_is_judged_once_and_said():
    model = Agreeing()
    assert companions.join(model, codes()) and not model.companions_words and not model.asked
    assert companions.join(model, codes(), look=True)
    told = companions.own(model, codes())
    assert told.meaningful and told.own and not told.decoders and told.missed < 0.05 and told.apart > 0.9
    assert told.words == model.companions_words and "decoders of its own, taught alike" in told.words
    assert paths.walk(model, *codes().z[:2], "fog", 17, codes().z).notes[-1] == told.words
    again = Agreeing()
    companions.join(again, codes(), look=True)
    assert again.companions_words == told.words and not again.asked  # it was known
    blind = Agreeing(blind=True)
    blind.mixing += 1e-3  # another model
    found = companions.own(blind, codes())
    x = blind.decode(codes().z[codes().split == 1])
    assert found.missed == pytest.approx(0.09 / x.var(0).mean(), rel=0.05) and not found.meaningful
    assert found.error == pytest.approx(0.3) and f"still miss {found.missed:.0%}" in found.words
    few = Agreeing()
    assert companions.join(few, codes(20), look=True) and not few.companions_words  # nothing can be told


def test_what_progress_raises_ends_the_fit_and_nothing_is_kept(place):
    def stop(share, words):
        if share > 0.1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        companions.fit(Waves(), codes(), stop)
    assert not list(place.iterdir())


def test_a_model_that_cannot_have_companions_says_so():
    model = Waves()
    model.shape = (1, 8, 9)
    with pytest.raises(NotPossible, match="must be square"):
        companions.fit(model, codes(300))
    with pytest.raises(NotPossible, match="some hundred codes"):
        companions.fit(Waves(), codes(20))
