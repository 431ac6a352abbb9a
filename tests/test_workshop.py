"""Trainings beside the server: queue, turns, wishes, what is kept when something goes wrong, what can be watched."""

from __future__ import annotations

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import zipfile
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.linalg import orthogonal_procrustes

from manigen import cli, files, geodesic, home, weights
from manigen.datasets import own
from manigen.errors import BadInput, UnknownName
from manigen.recipe import Run
from manigen.training import Training
from manigen.workshop import Order, courtesy, of, orders, place, steady, traces
from manigen.workshop import worker as work
from manigen.workshop.host import Host
from manigen.workshop.worker import Worker

KNOBS = {"dim": 4, "width": 8}


@pytest.fixture(autouse=True)
def _a_home_for_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MANIGEN_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> tuple:
    """Let models trained here be walked in two kinds only, and give the kinds they are walked in otherwise."""
    whole = geodesic.BRIEF
    monkeypatch.setattr(geodesic, "BRIEF", whole[:2])
    return whole


def put(who: str = "me", images: int = 2000, **changes) -> Order:
    settings = {"batch": 64, "knobs": KNOBS, "maps": ("pca",), "threads": 1, **changes}
    return place(home.owner(who), "autoencoder", "digits", "Ours", images=images, **settings)


def serve_all() -> None:
    Worker(idle=0).run()


def model_bytes(folder: Path) -> bytes:
    return (folder / weights.MODEL).read_bytes()


def stop_after(order: Order, steps: int, then, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have something happen after so many steps, and every step be followed by a look at the wishes."""
    step, count = Training._step, [0]
    monkeypatch.setattr(work, "TELL_S", 0.0)

    def counted(self: Training) -> dict[str, float]:
        count[0] += 1
        if count[0] == steps:
            then()
        return step(self)

    monkeypatch.setattr(Training, "_step", counted)


# --- one order --------------------------------------------------------------------------------------------------------


def test_an_order_ends_in_a_model_that_its_command_makes_again_bit_for_bit(tmp_path, monkeypatch, capsys) -> None:
    order = put()
    serve_all()
    assert order.status()["state"] == "done"
    card = weights.info(order.model)
    assert card["title"] == "Ours"
    words = shlex.split(card["command"])[3:]
    words[words.index("--out") + 1] = str(tmp_path / "again")
    assert cli.main(words) == 0
    assert model_bytes(tmp_path / "again") == model_bytes(order.out)


def test_an_order_on_ones_own_pictures_is_made_again_by_its_command_as_they_were_made_ready(
    tmp_path, monkeypatch
) -> None:
    rng, source, me = np.random.default_rng(0), tmp_path / "mine.zip", home.owner("me")
    with zipfile.ZipFile(source, "w") as archive:
        for number in range(40):
            buffer = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (30, 40, 4), np.uint8)).save(buffer, "PNG")
            archive.writestr(f"{number}.png", buffer.getvalue())
    token, folder = me.place("pictures")
    own.prepare(source, folder / "ready", size=28, background="black", fit="pad")
    order = place(me, "autoencoder", token, "Ours", images=200, batch=16, knobs=KNOBS, maps=("pca",), threads=1,
                  called="mine.zip")  # fmt: skip
    serve_all()
    words = shlex.split(weights.info(order.model)["command"])[3:]
    words[words.index("--out") + 1] = str(tmp_path / "again")
    monkeypatch.chdir(tmp_path)
    assert cli.main(words) == 0
    assert model_bytes(tmp_path / "again") == model_bytes(order.out)
    assert weights.info(tmp_path / "again")["data"]["sha256"] == weights.info(order.model)["data"]["sha256"]


def test_a_server_that_goes_leaves_a_checkpoint_and_the_next_goes_on_to_the_same_weights(monkeypatch) -> None:
    whole = put("one")
    serve_all()
    cut, leaving = put("two"), threading.Event()
    with monkeypatch.context() as patch:
        stop_after(cut, 9, leaving.set, patch)
        Worker(leaving, idle=0).run()
    assert cut.status()["state"] == "waiting"
    assert 0 < cut.status()["seen"] < 2000
    serve_all()
    assert cut.status()["state"] == "done"
    assert model_bytes(cut.out) == model_bytes(whole.out)
    seen = [line["seen"] for line in traces.read_losses(cut.folder)[0]]
    assert seen == sorted(set(seen))  # no stretch is told twice


def test_a_paused_training_waits_and_goes_on_when_it_is_asked_to(monkeypatch) -> None:
    order = put()
    with monkeypatch.context() as patch:
        stop_after(order, 5, lambda: order.ask("pause"), patch)
        serve_all()
    assert order.status()["state"] == "paused"
    serve_all()
    assert order.status()["state"] == "paused"
    order.ask("run")
    serve_all()
    assert order.status()["state"] == "done"


def test_stop_and_keep_makes_a_model_of_what_was_learned_so_far(monkeypatch) -> None:
    order = put(images=100_000)
    stop_after(order, 12, lambda: order.ask("keep"), monkeypatch)
    serve_all()
    assert order.status()["state"] == "done"
    trained = weights.info(order.model)["trained"]
    assert trained["images"] < 2000
    assert trained["stopped_early_of"] == 100_000


def test_a_deleted_training_leaves_nothing_behind(monkeypatch) -> None:
    order = put(images=100_000)
    stop_after(order, 5, lambda: order.ask("delete"), monkeypatch)
    serve_all()
    assert not order.folder.exists()
    assert not order.out.exists()
    assert of(order.owner) == []


def test_a_model_can_be_opened_before_it_is_measured_and_its_slow_map_is_still_to_come(monkeypatch) -> None:
    order, measure, found = put(maps=("umap", "pca")), weights.held_out_figures, []

    def looked_at(*given):
        found.append((order.finished, order.status()["state"], weights.info(order.model)["measures"]))
        return measure(*given)

    monkeypatch.setattr(weights, "held_out_figures", looked_at)
    serve_all()
    assert found == [(True, "finishing", {})]
    card = weights.info(order.model)
    assert (list(card["maps"]), card[weights.TO_COME]) == (["pca"], ["umap"])
    assert card["measures"]["reconstruction_mse"] > 0
    assert "--maps umap,pca" in card["command"]


def test_a_finished_model_has_a_geodesic_of_its_own_chosen_on_pictures_it_kept_back(monkeypatch, brief) -> None:
    monkeypatch.setattr(geodesic, "BRIEF", brief)
    order = put()
    serve_all()
    card = weights.info(order.model)
    kinds = card["walks"]["kinds"]
    assert card["geodesic"] in kinds and set(kinds) == {"straight", "great_circle", "graph", "pullback", "density"}
    assert "kept back" in card["geodesic_reason"] and card["walks"]["pairs"] == geodesic.PAIRS
    assert weights.load(order.model).geodesic == card["geodesic"]
    assert card["measures"]["reconstruction_mse"] > 0  # what was there before stays


def test_who_waits_does_not_wait_for_another_s_model_to_be_walked_in(monkeypatch) -> None:
    first, second = put("one"), put("two")
    monkeypatch.setattr(work, "TURN_S", 1e9)
    serve_all()
    told = {order.owner.name: weights.info(order.model) for order in (first, second)}
    assert all(card["measures"] for card in told.values())
    assert sorted("geodesic" in card for card in told.values()) == [
        False,
        True,
    ]  # the last one's, whom nobody waits for


def test_a_server_that_goes_while_a_model_is_measured_costs_nothing_of_it(monkeypatch) -> None:
    order, leaving, measure = put(), threading.Event(), Run.measure
    with monkeypatch.context() as patch:
        patch.setattr(Run, "measure", lambda run, stage: (leaving.set(), measure(run, stage)))
        Worker(leaving, idle=0).run()
    assert (order.finished, order.status()["state"]) == (True, "waiting")
    held, lines = model_bytes(order.out), traces.read_losses(order.folder)
    monkeypatch.setattr(Training, "_step", lambda self: pytest.fail("it trains again"))
    serve_all()
    assert order.status()["state"] == "done"
    assert (model_bytes(order.out), traces.read_losses(order.folder)) == (held, lines)
    assert weights.info(order.model)["measures"]


def test_a_model_that_cannot_be_measured_is_there_all_the_same_and_it_is_said(monkeypatch) -> None:
    order = put()
    monkeypatch.setattr(weights, "held_out_figures", lambda *given: 1 / 0)
    serve_all()
    assert (order.finished, order.status()["state"]) == (True, "done")
    assert "ZeroDivisionError" in order.status()["notices"][-1]


def test_an_order_for_a_knob_or_pictures_that_are_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match="no knob"):
        put(knobs={"wings": 2})
    with pytest.raises(UnknownName):
        place(home.owner("me"), "vae", "0" * 24, "x", images=100)


# --- several people ---------------------------------------------------------------------------------------------------


def test_owners_take_turns_and_nobody_waits_for_a_long_training_to_end(monkeypatch) -> None:
    monkeypatch.setattr(work, "TURN_S", 0.0)
    monkeypatch.setattr(work, "TELL_S", 0.0)
    long, short = put("teacher", images=4000), put("student", images=600)
    served: list[str] = []
    serve = Worker.serve
    monkeypatch.setattr(Worker, "serve", lambda self, order: (served.append(order.token), serve(self, order))[1])
    serve_all()
    assert served[:4] == [long.token, short.token, long.token, short.token]
    assert {order.status()["state"] for order in (long, short)} == {"done"}


def test_one_person_s_trainings_and_models_are_not_another_s() -> None:
    mine, theirs = put("me", images=200), put("them", images=200)
    serve_all()
    assert [order.token for order in of(home.owner("me"))] == [mine.token]
    assert [folder.name for folder in home.owner("them").things("models")] == [theirs.model]
    with pytest.raises(UnknownName):
        home.owner("me").thing("models", theirs.token)
    assert mine.model not in weights.names()
    assert weights.load(mine.model).dim == 4  # by its exact name only


def test_two_trainings_of_the_same_name_stay_two() -> None:
    first, second = put(images=200), put(images=300)
    serve_all()
    assert first.model != second.model
    assert [weights.info(one.model)["title"] for one in (first, second)] == ["Ours", "Ours"]


def test_a_full_home_says_so(monkeypatch) -> None:
    monkeypatch.setenv("MANIGEN_QUOTA_MB", "0.0001")
    order = put(images=200)
    serve_all()
    assert order.status()["state"] == "done"
    with pytest.raises(BadInput, match="delete something first"):
        put()


# --- beside a hand ----------------------------------------------------------------------------------------------------


def on_a_clock_of_its_own(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have `courtesy` live by a clock that only sleeping moves; return the naps it takes."""
    naps: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: 100.0 + sum(naps), sleep=naps.append)
    monkeypatch.setattr(courtesy, "time", clock)
    return naps


def test_a_training_waits_until_the_hand_rests_and_not_at_all_for_none(monkeypatch) -> None:
    naps = on_a_clock_of_its_own(monkeypatch)
    polite = courtesy.Courtesy(cores=2)
    naps.append(1.0)  # a step of a second
    polite.step_aside()
    assert naps == [1.0]
    naps.append(1.0)
    polite.hear()
    polite.step_aside()
    assert sum(naps[2:]) == pytest.approx(courtesy.QUIET_S)


def test_a_class_that_never_rests_leaves_a_training_its_part(monkeypatch) -> None:
    naps = on_a_clock_of_its_own(monkeypatch)
    polite = courtesy.Courtesy(cores=2)
    courtesy.time.sleep = lambda seconds: (naps.append(min(seconds, 0.05)), polite.hear())
    for _ in range(10):
        before = sum(naps)
        naps.append(0.1)  # a step
        polite.hear()
        polite.step_aside()
        assert sum(naps) - before == pytest.approx(0.1 * (1 + courtesy.PATIENCE))


def test_where_cores_are_many_a_training_waits_for_no_hand(monkeypatch) -> None:
    naps = on_a_clock_of_its_own(monkeypatch)
    busy = courtesy.Courtesy(cores=4)
    busy.hear()
    busy.step_aside()
    assert naps == []


def test_the_worker_hears_of_a_hand_at_the_server_and_that_the_server_goes() -> None:
    keeper = Host()
    script = (
        "import sys; from manigen.workshop.worker import _listen; _listen(lambda: print('hand'), lambda: print('gone'))"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    keeper._process = process
    keeper.hand()
    keeper.hand()  # at once after the first: not told
    keeper.stop()
    assert process.stdout.read().split() == ["hand", "gone"]


def test_the_worker_s_session_goes_behind_others_and_a_shared_one_is_left_alone() -> None:
    """Where the system keeps no autogroups, niceness is all there is to see; its very first session has none either."""
    asks = (
        "import os; from pathlib import Path; from manigen.workshop.courtesy import go_behind;"
        "group = Path('/proc/self/autogroup');"
        "{}; print(os.nice(0), *(group.read_text().split()[-1:] if group.exists() else []))"
    )

    def told(before: str, new: bool) -> list[str]:
        script = asks.format(before)
        return subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, start_new_session=new
        ).stdout.split()

    nice, *shared = told("pass", new=False)
    _, *own = told("pass", new=True)
    nicer = str(min(int(nice) + 7, 19))
    assert told("go_behind(7, 4)", new=False) == [nicer, *shared]
    assert told("go_behind(7, 4)", new=True) == [nicer, *(["4"] if own else [])]


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_ends_it_in_one_sentence_and_the_state_before_can_be_kept(monkeypatch) -> None:
    order = put(images=100_000)
    losses, count = Training._step, [0]

    def broken(self: Training) -> dict[str, float]:
        count[0] += 1
        if count[0] == 20:
            next(self.model.parameters()).register_hook(lambda gradient: gradient * float("inf"))
        return losses(self)

    monkeypatch.setattr(Training, "_step", broken)
    serve_all()
    status = order.status()
    assert status["state"] == "failed"
    assert "gradient exploded" in status["error"]
    assert "smaller learning rate" in status["error"]
    assert not order.finished
    order.ask("keep")
    serve_all()
    state = weights.load(order.model).state_dict()
    assert all(bool(value.isfinite().all()) for value in state.values())
    assert weights.info(order.model)["trained"]["images"] == 19 * 64


def test_where_memory_runs_out_a_smaller_batch_is_tried_and_said(monkeypatch) -> None:
    order = put(batch=256)
    step = Training._step

    def hungry(self: Training) -> dict[str, float]:
        if self.batch > 64:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory")
        return step(self)

    monkeypatch.setattr(Training, "_step", hungry)
    serve_all()
    status = order.status()
    assert status["state"] == "done"
    assert "64 pictures a step" in status["notices"][-1]
    assert "--batch 64" in weights.info(order.model)["command"]


def test_a_training_that_killed_its_process_twice_is_given_up() -> None:
    order = put()
    work.write_fast(order.folder / orders.STATUS, {"state": "running", "tries": 1})
    serve_all()
    assert order.status()["state"] == "failed"
    assert "want of memory" in order.status()["error"]


@pytest.mark.slow
def test_a_worker_killed_outright_is_replaced_and_the_training_goes_on() -> None:
    order, keeper = put(images=30_000), Host()
    try:
        keeper.ensure()
        until(lambda: order.status().get("seen", 0) > 0)
        first = keeper._process
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        keeper._when = -1e9
        keeper.ensure()
        until(lambda: order.status()["state"] == "done")
        assert order.status()["turn"] == 2
    finally:
        keeper.stop()


def until(condition, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


# --- what can be watched ----------------------------------------------------------------------------------------------


def test_the_looks_follow_the_same_pictures_from_before_the_first_step_to_the_end(monkeypatch) -> None:
    monkeypatch.setattr("manigen.workshop.chronicle.SHARE", 1e9)
    order = put(images=12_000, learning_rate=0.02)
    serve_all()
    count = traces.frames(order.folder)
    assert count > 5
    looks = [files.read_npz(order.folder / orders.FRAMES / f"{n}.npz") for n in range(count)]
    seen = [int(look["seen"]) for look in looks]
    assert seen[0] == 0
    assert seen[-1] >= 12_000
    assert seen == sorted(seen)
    assert {look["points"].shape for look in looks} == {(1000, 2)}
    fixed = files.read_npz(order.folder / orders.FIXED)
    errors = [np.square(look["rebuilt"].astype(float) - fixed["real"]).mean() for look in (looks[0], looks[-1])]
    assert errors[1] < 0.7 * errors[0]  # it learned
    moved = [np.abs(a["points"] - b["points"]).mean() for a, b in pairwise(looks[2:])]
    assert np.median(moved) < 0.5  # of a mean length of 1: the points move, they do not jump


def test_the_plane_is_turned_as_the_procrustes_solution_of_another_library_says() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal((200, 5)) * [3, 2, 0.5, 0.4, 0.3]
    before = steady.look(z, None)
    turned = z @ np.linalg.qr(rng.standard_normal((5, 5)))[0] + 7
    after = steady.look(turned, before)
    p = steady.plane(turned)
    expected = p @ orthogonal_procrustes(p, before.astype(float))[0]
    np.testing.assert_allclose(after, expected, atol=1e-5)
    np.testing.assert_allclose(after, before, atol=1e-4)  # the same shape lies where it lay


def test_losses_are_read_on_from_where_the_last_reading_ended_and_half_a_line_waits(tmp_path) -> None:
    lines = [json.dumps({"seen": n, "losses": {"total": 1.0 / n}}) + "\n" for n in (1, 2, 3)]
    (tmp_path / orders.LOSSES).write_text("".join(lines[:2]) + lines[2][:9])
    first, at = traces.read_losses(tmp_path)
    assert [line["seen"] for line in first] == [1, 2]
    (tmp_path / orders.LOSSES).write_text("".join(lines))
    second, _ = traces.read_losses(tmp_path, at)
    assert [line["seen"] for line in second] == [3]


def test_a_loss_that_runs_away_is_said_once(monkeypatch) -> None:
    from manigen import datasets, models

    images = datasets.load("digits").x
    training = Training(models.build("autoencoder", (1, 8, 8), dim=2, width=4), images, budget=10**6)
    notices = [training._watch({"total": 1.0}) for _ in range(50)]
    notices += [training._watch({"total": 5000.0}) for _ in range(50)]
    said = [notice for notice in notices if notice]
    assert len(said) == 1
    assert "running away" in said[0]


@pytest.mark.slow
def test_how_long_it_takes_is_measured_in_another_process_and_remembered(monkeypatch) -> None:
    from manigen.errors import ManigenError
    from manigen.workshop import pace

    about = {"family": "autoencoder", "knobs": KNOBS, "batch": 64}
    assert pace.known(about, (1, 8, 8)) is None
    per_second = pace.measure(about, (1, 8, 8))
    assert per_second > 0
    assert pace.known(about, (1, 8, 8)) == pytest.approx(per_second, rel=1e-3)
    assert pace.known({**about, "batch": 128}, (1, 8, 8)) is None
    monkeypatch.setenv("MANIGEN_TRAIN_DEVICE", "elsewhere")
    assert pace.known(about, (1, 8, 8)) is None
    monkeypatch.delenv("MANIGEN_TRAIN_DEVICE")
    with pytest.raises(ManigenError, match="cannot be halved"):
        pace.measure({"family": "autoencoder", "knobs": {}, "batch": 8}, (1, 27, 27))
