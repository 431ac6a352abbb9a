"""The pull-back metric: against autograd, a decoder whose metric is known, and a plain loop in speed."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from manigen import weights
from manigen.errors import NotPossible
from manigen.measures import _pullback
from manigen.projections import Map


@pytest.fixture(scope="module")
def digits():
    return weights.load("mnist-vae"), weights.codes("mnist-vae").z


def by_autograd(generator, z):
    found = []
    for code in torch.from_numpy(z):
        j = torch.autograd.functional.jacobian(lambda c: generator.decode_batch(c[None])[0].flatten(), code)
        found.append((j.T @ j).numpy())
    return np.array(found)


def test_it_is_that_of_autograd_and_many_times_faster(digits):
    generator, z = digits
    _pullback.metric(generator, z[:2])
    began = time.perf_counter()
    slow = by_autograd(generator, z[:2])
    loop = (time.perf_counter() - began) / 2
    began = time.perf_counter()
    fast = _pullback.metric(generator, z[:32])
    batched = (time.perf_counter() - began) / 32
    assert np.allclose(fast[:2], slow, rtol=1e-3, atol=1e-4 * np.abs(slow).max())
    assert loop > 10 * batched


def test_on_a_sphere_it_is_the_spheres():
    def decode(z):
        a, b = z[:, 0], z[:, 1]
        return torch.stack([torch.cos(a) * torch.cos(b), torch.sin(a) * torch.cos(b), torch.sin(b)], 1)[
            :, :, None, None
        ]

    sphere = SimpleNamespace(decode_batch=decode, device="cpu")
    z = np.random.default_rng(0).uniform(-1, 1, (50, 2)).astype("f")
    expected = np.stack([np.cos(z[:, 1]) ** 2, np.ones(50)], axis=1)
    assert np.allclose(np.diagonal(_pullback.metric(sphere, z), axis1=1, axis2=2), expected, atol=1e-5)
    flat = Map("as_it_is").fit(z)
    on_map = _pullback.on_map(sphere, flat, z)
    assert np.allclose(on_map[:, 0, 0], expected[:, 0], atol=1e-3) and np.allclose(on_map[:, 0, 1], 0, atol=1e-3)
    log, axes, angle = _pullback.ellipses(on_map)
    assert np.allclose(log, np.log(np.cos(z[:, 1])), atol=1e-3)
    assert np.allclose(axes, np.stack([1 / np.cos(z[:, 1]), np.ones(50)], axis=1), atol=1e-3)
    assert np.abs(np.sin(angle[np.abs(z[:, 1]) > 0.3])).max() < 0.02  # the long axis lies along the parallel


def test_a_decoder_without_a_slope_is_refused_in_a_sentence():
    with pytest.raises(NotPossible, match="no slope to measure"):
        _pullback.metric(SimpleNamespace(decode=lambda z: z), np.zeros((1, 2)))
