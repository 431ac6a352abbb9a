"""Inversion: pictures that a model painted are found again, others are not, and the error says which."""

from __future__ import annotations

import numpy as np
import pytest

from manigen import inversion, weights
from manigen.errors import BadInput, NotPossible
from manigen.models import build


@pytest.fixture(scope="module")
def gan():
    return weights.load("mnist-gan"), weights.codes("mnist-gan").z


def test_a_picture_that_the_model_painted_is_found_again_and_better_than_where_it_began(gan):
    model, known = gan
    x = model.decode(model.sample_codes(2, seed=123))
    heard = []
    found = inversion.search(model, x, known, progress=heard.append)
    assert found.z.shape == (2, model.dim)
    assert (found.error < 0.2 * found.start).all()
    again = np.square(model.decode(found.z) - x).mean(axis=(1, 2, 3))
    assert found.error == pytest.approx(again, rel=1e-3)
    assert heard == sorted(heard) and len(heard) == 40
    assert np.array_equal(inversion.search(model, x[:1], known).z, found.z[:1])


def test_a_search_begins_at_what_the_encoder_reads_and_ends_nearer():
    model, known, other = weights.load("mnist-vae"), weights.codes("mnist-vae").z, weights.load("mnist-fusion")
    x = other.decode(weights.codes("mnist-fusion").z[:2])
    read = np.square(model.decode(model.encode(x)) - x).mean(axis=(1, 2, 3))
    at_once = inversion.search(model, x, known, steps=1)
    assert at_once.start == pytest.approx(np.minimum(at_once.start, read))
    assert (at_once.start < np.square(model.decode(known[:2000])[:, None] - x).mean(axis=(2, 3, 4)).min(0)).all()
    assert (inversion.search(model, x, known, steps=60).error < 0.95 * read).all()


def test_a_picture_from_elsewhere_has_no_code_and_the_error_says_so(gan):
    model, known = gan
    stripes = np.zeros((1, 1, 28, 28), np.float32)
    stripes[..., ::2, :] = 1
    own = inversion.search(model, model.decode(known[:1]), known, steps=30)
    assert inversion.search(model, stripes, known, steps=30).error[0] > 20 * max(own.error[0], 1e-3)


def test_what_cannot_be_searched_for_is_refused_in_a_sentence(gan):
    model, known = gan
    with pytest.raises(BadInput, match="28"):
        inversion.search(model, np.zeros((1, 1, 8, 8)), known)
    with pytest.raises(NotPossible, match="no smooth decoder"):
        inversion.search(build("forest", (1, 8, 8), 0), np.zeros((1, 1, 8, 8)), known)


def test_what_progress_raises_ends_the_search(gan):
    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inversion.search(gan[0], np.zeros((1, 1, 28, 28)), gan[1], progress=stop)
