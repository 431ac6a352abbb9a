"""The queue of maps and its process: progress, estimate, stop, and what becomes of a process that dies."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from manigen import maps
from manigen.errors import BadInput, ManigenError, UnknownName
from manigen.live import fits
from manigen.live.fits import Fits

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture(scope="module")
def queue():
    running = Fits()
    yield running
    running.close()


@pytest.fixture
def codes():
    return np.random.default_rng(0).normal(size=(400, 5)).astype("f")


def test_a_map_is_made_elsewhere_shown_while_it_forms_and_kept(queue, codes):
    codes = np.random.default_rng(2).normal(size=(1000, 30)).astype("f")
    fit = queue.map(codes, "mds", max_iter=150)
    assert queue.map(codes, "mds", max_iter=150) is fit  # two people, one order
    seen = {}
    while not fit.ended.wait(0.02):
        seen[fit.step] = (fit.state, fit.share, len(fit.places), fit.left())
    assert fit.state == "done" and fit.share == 1 and fit.seconds > 0, fit.error
    shares = [share for _, share, _, _ in seen.values()]
    assert shares == sorted(shares)
    assert max(size for _, _, size, _ in seen.values()) == 1000 * 2 * 2
    assert any(left is not None for *_, left in seen.values())
    kept = maps.known(codes, "mds", max_iter=150)
    assert kept is not None and kept.p.shape == (1000, 2)
    assert queue.map(codes, "mds", max_iter=150).state == "done"  # at once


def test_a_map_is_measured_elsewhere(queue, codes):
    fit = queue.distortion(codes, codes[:, :2].copy())
    assert fit.ended.wait(60) and fit.state == "done"
    assert maps.known_distortion(codes, codes[:, :2].copy()).figures["trustworthiness"][0] > 0.5


def test_an_order_is_stopped_whether_it_waits_or_works(queue, codes):
    long = np.random.default_rng(1).normal(size=(2000, 30)).astype("f")
    first, second = queue.map(long, "mds", max_iter=1000), queue.map(codes, "mds")
    while first.state == "waiting":
        time.sleep(0.01)
    assert queue.position(second) == 1
    queue.stop(second.of)
    assert second.state == "stopped"
    queue.stop(first.of)
    assert first.ended.wait(20) and first.state == "stopped" and maps.known(long, "mds", max_iter=1000) is None
    again = queue.map(codes, "mds")
    assert again.ended.wait(60) and again.state == "done"


def test_an_order_is_stopped_in_the_moment_it_is_taken_up(codes, monkeypatch):
    queue = Fits()  # no thread of its own yet, that could have taken the order up already
    taken_up = queue._next

    def next_and_stop():
        fit = taken_up()
        if fit is not None:
            queue.stop(fit.of)
        return fit

    monkeypatch.setattr(queue, "_next", next_and_stop)
    fit = queue.map(codes, "mds", max_iter=900)
    assert fit.ended.wait(60) and fit.state == "stopped" and maps.known(codes, "mds", max_iter=900) is None
    queue.close()


def test_what_cannot_be_made_is_said_in_a_sentence(queue, codes):
    with pytest.raises(UnknownName, match="Did you mean 'umap'"):
        queue.map(codes, "umapp")
    with pytest.raises(BadInput, match="perplexity must lie"):
        queue.map(codes, "tsne", perplexity=1e9)
    fit = queue.map(codes, "as_it_is")
    assert fit.ended.wait(60) and fit.state == "failed" and "Codes of 5 numbers cannot be drawn" in fit.error


def test_a_process_that_dies_fails_its_order_and_the_next_has_another(queue, codes):
    long = np.random.default_rng(1).normal(size=(2000, 30)).astype("f")
    fit = queue.map(long, "mds", max_iter=999)
    while fit.share == 0:
        time.sleep(0.01)
    queue._process.kill()
    assert fit.ended.wait(20) and fit.state == "failed" and "ended badly" in fit.error
    after = queue.map(codes, "pca")
    assert after.ended.wait(60) and after.state == "done"


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
def test_threads_of_the_process_sleep_while_they_wait_for_each_other(queue, codes):
    queue.map(codes, "pca").ended.wait(60)
    surroundings = Path(f"/proc/{queue._process.pid}/environ").read_bytes().split(b"\0")
    assert b"OMP_WAIT_POLICY=PASSIVE" in surroundings


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_the_process_ends_with_the_server_that_ordered_in_the_middle_of_its_work():
    server = """
import time, numpy as np
from manigen.live.fits import Fits
fits = Fits()
z = np.random.default_rng(1).normal(size=(60_000, 16)).astype("f")
fit = fits.distortion(z, z[:, :2].copy())
while fit.state == "waiting" or fits._process is None:
    time.sleep(0.01)
print(fits._process.pid, flush=True)
time.sleep(600)
"""
    ordered = subprocess.Popen([sys.executable, "-c", server], stdout=subprocess.PIPE, text=True)
    with ordered:
        fitter = Path("/proc", ordered.stdout.readline().strip())
        assert fitter.exists()
        ordered.kill()
    end = time.monotonic() + 10
    while fitter.exists() and (fitter / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < end, "the fitter goes on for nobody"
        time.sleep(0.02)


def test_the_queue_has_an_end(codes, monkeypatch):
    full = Fits(command=("sleep", "60"))
    monkeypatch.setattr(fits, "WAITING", 2)
    monkeypatch.setattr(fits, "GRACE_S", 0.2)
    held = [full.map(codes, "mds", seed=0)]
    while held[0].state == "waiting":
        time.sleep(0.01)
    held += [full.map(codes, "mds", seed=seed) for seed in (1, 2)]
    with pytest.raises(ManigenError, match="2 maps are waiting"):
        full.map(codes, "mds", seed=3)
    for one in reversed(held):
        full.stop(one.of)
    assert held[0].ended.wait(20) and held[0].state == "stopped"  # killed, since it does not listen
    full.close()
