"""Training: it learns, repeats itself bit for bit, and goes on after a break as if nothing had happened."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from manigen import datasets, models, training
from manigen.errors import BadFile, BadInput, ManigenError
from manigen.models import Generator
from manigen.training import Diverged, Training, checkpoint, loop
from tests.oracles import is_one_sentence

BUILT = {name: models.build(name, (1, 8, 8), dim=5) for name in models.cards()}
FAMILIES = [name for name, model in BUILT.items() if model.players]  # the others are fitted in one go
DIGITS = datasets.load("digits").x


def a_run(family: str = "vae", budget: int = 640, **changes: Any) -> Training:
    settings: dict[str, Any] = {"batch": 64, "held_out": DIGITS[-150:], "seed": 0}
    model = models.build(family, (1, 8, 8), changes.pop("weights", 0), dim=5, width=4)
    return Training(model, changes.pop("images", DIGITS[:-150]), budget=budget, **settings | changes)


def state(run: Training) -> dict[str, Tensor]:
    """Everything a run holds: weights, their average, the best, and what each optimiser remembers."""
    parts: dict[str, Any] = {"model": run.model.state_dict(), "average": run.average, "best": run.best or {}}
    for player, optimiser in run.optimisers.items():
        parts |= {f"{player} {at}": values for at, values in optimiser.state_dict()["state"].items()}
    return {f"{part} {name}": value.clone() for part, values in parts.items() for name, value in values.items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


# --- it learns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [name for name in FAMILIES if BUILT[name].encodes])
def test_the_loss_on_held_out_pictures_falls(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECK_EVERY", 10)
    monkeypatch.setattr(loop, "WARM_UP", 10)
    run = a_run(family, 64 * 120, learning_rate=5e-3)
    run.model.judge = run.model.judge or "reconstruction"  # a game has no judge; look all the same
    scores = [step.held_out for step in run if step.held_out is not None]
    assert len(scores) == 12
    assert scores[-1] < 0.75 * scores[0]


def test_a_game_keeps_its_last_average_and_nobody_judges_it() -> None:
    run = a_run("fusion", 64 * 3)
    assert [step.held_out for step in run] == [None] * 3 and run.best is None
    kept = run.finish().state_dict()
    assert all(torch.equal(kept[name], value) for name, value in run.average.items())


def test_an_autoencoder_learns_to_give_a_picture_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "WARM_UP", 10)
    run = a_run("autoencoder", 64 * 400, learning_rate=5e-3)
    x = DIGITS[-150:].astype(np.float32) / 255
    for _ in run:
        pass
    model = run.finish()
    error = np.square(model.decode(model.encode(x)) - x).mean()
    always_the_mean = np.square(DIGITS[:-150].mean(0) / 255 - x).mean()  # what a model with nothing to say would reach
    assert error < 0.65 * always_the_mean


def test_a_forger_learns_what_pictures_look_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "WARM_UP", 10)
    run = a_run("gan", 64 * 150, learning_rate=5e-3)
    mean = DIGITS.mean(0) / 255

    def distance() -> float:
        return float(np.abs(run.model.sample(200).mean(0) - mean).mean())

    before = distance()
    for _ in run:
        pass
    run.finish()
    assert distance() < 0.5 * before


def test_the_stream_tells_what_was_seen_and_names_the_losses() -> None:
    steps = list(a_run("gan", budget=200))
    assert [step.seen for step in steps] == [64, 128, 192, 256] and [step.index for step in steps] == [1, 2, 3, 4]
    assert {"critic", "penalty", "forger", "critic_total", "forger_total"} == set(steps[0].losses)
    assert steps[0].remaining_seconds == pytest.approx((200 - 64) / steps[0].per_second)
    assert next(iter(a_run("vae", budget=64))).losses.keys() == {"total", "reconstruction", "kl"}


@pytest.mark.parametrize(("critic", "words"), [(0.001, "sees through"), (math.log(2), "no better than chance")])
def test_a_critic_that_no_longer_plays_is_told_of(critic: float, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PINNED", 3)
    run = a_run("gan")
    heard = [run._watch({"critic": value, "forger": 1.0}) for value in (0.4, *[critic] * 6, 0.4, critic)]
    assert [note is not None for note in heard] == [False, False, False, True, False, False, True, False, False]
    assert words in heard[3] and is_one_sentence(heard[3])
    assert all(run._watch({"critic": 0.0, "total": 1.0}) is None for _ in range(6))  # no game, as in acai


def test_a_model_that_settles_on_one_picture_is_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECK_EVERY", 5)
    monkeypatch.setattr(loop, "FAIR_STEPS", 10)
    knobs = {"between": 50.0, "begin": 0.0, "code_l2": 0.0}
    model = models.build("acai", (1, 8, 8), 0, dim=5, width=4, **knobs)
    said = [step.notice for step in Training(model, DIGITS, budget=32 * 60, batch=32, learning_rate=1e-2)]
    [(at, notice)] = [(at, notice) for at, notice in enumerate(said, 1) if notice]
    assert at >= 60 / 3 and "a smaller between, a later begin" in notice and is_one_sentence(notice)


class Fading(Generator):
    """Gives back the mean picture, and a share `left` of what a picture has beyond it."""

    left = 1.0

    def __init__(self, mean: Tensor) -> None:
        super().__init__((1, 8, 8), 64)
        self.mean = torch.nn.Parameter(mean)

    def encode_batch(self, x: Tensor) -> Tensor:
        return (x - self.mean).flatten(1)

    def decode_batch(self, z: Tensor) -> Tensor:
        return self.mean + self.left * z.unflatten(1, (1, 8, 8))


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ((0.0, 0.0, 0.0, 0.0), [False, False, True, False]),  # the first look only sets a mark
        ((0.01, 0.5, 0.01, 0.0), [False, False, False, True]),  # once a picture came back, it is looked for anew
        ((-0.3, -0.2, -0.1, 0.0), [False] * 4),  # worse than the mean as yet, but learning
        ((0.3, 0.3, 0.3, 0.3), [False] * 4),  # little is given back, but something
    ],
)
def test_a_model_has_settled_where_two_looks_find_no_more_than_the_mean_and_no_progress(
    left: tuple[float, ...], told: list[bool]
) -> None:
    run = Training(Fading(torch.from_numpy(DIGITS).float().div(255).mean(0)), DIGITS, budget=64_000)
    run.index, run.seen, said = 1000, 64_000, []
    for run.model.left in left:
        said.append(run._settling() is not None)
    assert said == told
    run.settled = 0
    for run.index, run.seen in ((1000, 20_000), (1001, 64_000), (250, 64_000)):  # too early, not due, too few steps
        assert [run._settling() for _ in range(3)] == [None] * 3 and run.settled == 0
    run.model.encodes, run.index, run.seen = False, 1000, 64_000
    assert run._settling() is None


def test_pictures_that_are_all_one_accuse_nobody() -> None:
    run = a_run("autoencoder", 64, images=DIGITS[:1].repeat(70, 0))
    run.index, run.seen = 1000, 64
    assert [run._settling() for _ in range(3)] == [None] * 3


@pytest.mark.parametrize("family", [name for name in FAMILIES if BUILT[name].encodes])
def test_what_is_given_back_is_a_picture_for_each(family: str) -> None:
    x = torch.rand(3, 1, 8, 8)
    assert BUILT[family].eval().returned_batch(x).shape == x.shape


def test_a_checkpoint_of_before_a_knob_was_there_goes_on_where_the_knob_is_at_its_default(tmp_path: Path) -> None:
    run = a_run("autoencoder", 64 * 4)
    next(iter(run))
    run.save(tmp_path)
    groups, facts = checkpoint.read(tmp_path)
    del facts["plan"]["knobs"]["layout"]
    checkpoint.write(tmp_path, groups, facts)
    assert a_run("autoencoder", 64 * 4).resume(tmp_path).index == 1
    facts["plan"]["knobs"]["code_l2"] = 7.0
    checkpoint.write(tmp_path, groups, facts)
    with pytest.raises(BadInput, match="different knobs"):
        a_run("autoencoder", 64 * 4).resume(tmp_path)


def test_to_stop_is_to_stop_iterating() -> None:
    run = a_run(budget=640)
    for step in run:
        if step.index == 3:
            break
    assert run.seen == 192
    assert [step.index for step in run] == [4, 5, 6, 7, 8, 9, 10]


def test_every_picture_is_seen_once_in_an_epoch_and_in_another_order_in_the_next() -> None:
    images = np.arange(60, dtype=np.uint8).reshape(60, 1, 1, 1).repeat(8, 2).repeat(8, 3)
    run = a_run(images=images, batch=20, held_out=None)
    orders = []
    for epoch in range(2):
        seen = []
        for at in range(3):
            run.index = 3 * epoch + at
            seen += (run._batch()[:, 0, 0, 0] * 255).round().int().tolist()
        assert sorted(seen) == list(range(60))
        orders.append(seen)
    assert orders[0] != orders[1] != list(range(60))


def test_the_learning_rate_rises_then_falls_to_a_fiftieth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "WARM_UP", 4)
    run, rates = a_run(budget=64 * 40, learning_rate=0.01), []
    for _ in run:
        rates.append(run.optimisers["model"].param_groups[0]["lr"])
    assert rates[0] == pytest.approx(0.01 / 4, rel=1e-3)
    assert max(rates) == pytest.approx(0.01, rel=0.05) and rates.index(max(rates)) in (3, 4)
    assert 0.0002 <= rates[-1] < 0.0004


def test_the_best_average_is_what_is_kept() -> None:
    run = a_run(budget=64 * 300)
    scores: list[float] = []
    for offset in (0.0, 5.0, 5.0):  # the average gets worse after the first look
        next(iter(run))
        run.average = {name: value + offset for name, value in run.average.items()}
        score = run._score()
        assert score is not None
        scores.append(score)
    assert scores[0] < min(scores[1:]) and run.best_score == scores[0]
    kept = run.finish().state_dict()
    assert run.best is not None and all(torch.equal(kept[name], value) for name, value in run.best.items())
    assert not torch.equal(kept["decoder.first.weight"], run.average["decoder.first.weight"])


def test_what_is_scored_is_the_average_and_the_weights_in_training_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run()
    next(iter(run))
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.average = {name: torch.zeros_like(value) for name, value in run.average.items()}
    # All weights zero: grey 0.5 everywhere and a posterior of N(0, I), so 64 log 2 and no KL.
    assert run._score() == pytest.approx(64 * math.log(2), rel=1e-5)
    assert all(torch.equal(value, run.model.state_dict()[name]) for name, value in before.items())


# --- it repeats itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(family: str) -> None:
    runs = [a_run(family, seed=seed) for seed in (7, 7, 8)]
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    for run in runs:
        list(run)
        torch.rand(3)  # what others draw from the global stream changes nothing
        torch.set_rng_state(before[0])
    one, again, other = map(state, runs)
    assert same(one, again) and not same(one, other)
    assert np.array_equal(np.random.get_state()[1], before[1])


def test_training_leaves_the_pictures_as_they_were() -> None:
    images = DIGITS[:-150].copy()
    list(a_run(images=images))
    assert np.array_equal(images, DIGITS[:-150])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_that_was_broken_off_goes_on_bit_for_bit(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECK_EVERY", 3)
    whole = a_run(family, 64 * 24)  # goes past the end of an epoch
    losses = [step.losses for step in whole]

    broken = a_run(family, 64 * 24)
    for step in broken:
        if step.index == 10:
            break
    broken.save(tmp_path)
    then = state(broken)
    for _ in zip(range(3), broken, strict=False):  # lost: made after the checkpoint
        pass

    resumed = a_run(family, 64 * 24, weights=99).resume(tmp_path)  # its own first weights do not matter
    assert resumed.index == 10 and resumed.seen == 640 and same(state(resumed), then)
    rest = [step.losses for step in resumed]
    assert rest == losses[10:]
    assert same(state(resumed), state(whole))
    assert resumed.best_score == whole.best_score
    assert same(resumed.finish().state_dict(), whole.finish().state_dict())


def test_what_was_trained_adds_up_in_the_order_of_what_is_loaded() -> None:
    run = a_run("autoencoder", 64)
    assert not all(weight.is_contiguous() for weight in run.model.parameters())  # in the order that trains fastest
    list(run)
    assert all(weight.is_contiguous() for weight in run.finish().parameters())


@pytest.mark.parametrize("able", [False, True])
def test_a_processor_that_only_acts_out_bfloat16_is_told_of_after_the_first_step(
    able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "halves", lambda device: able)
    told = [step.notice for step in a_run("autoencoder", 64 * 3, precision="bfloat16")]
    assert told[1:] == [None, None] and (told[0] is None) == able
    assert not any(step.notice for step in a_run("autoencoder", 64 * 2))  # in float32 there is nothing to tell
    if not able:
        assert "float32" in told[0] and is_one_sentence(told[0])


def test_a_batch_that_the_pictures_do_not_fill_is_told_of_after_the_first_step() -> None:
    run = a_run("autoencoder", 60, images=DIGITS[:20], batch=64)
    told = [step.notice for step in run]
    assert run.batch == 20 and len(told) == 3 and told[1:] == [None, None]
    assert "20 pictures, not 64" in told[0] and is_one_sentence(told[0])
    assert not any(step.notice for step in a_run("autoencoder", 60, images=DIGITS[:20], batch=20))


def test_resuming_in_bfloat16_is_exact_too(tmp_path: Path) -> None:
    whole, broken = (a_run("autoencoder", 64 * 6, precision="bfloat16") for _ in range(2))
    list(whole)
    next(iter(broken))
    broken.save(tmp_path)
    resumed = a_run("autoencoder", 64 * 6, precision="bfloat16").resume(tmp_path)
    list(resumed)
    assert same(state(resumed), state(whole))


def test_the_checkpoint_of_a_gan_holds_both_players(tmp_path: Path) -> None:
    run = a_run("gan")
    next(iter(run))
    groups, facts = checkpoint.read(run.save(tmp_path).parent)
    assert {name.split(".")[0] for name in groups["model"]} == {"critic", "decoder"}
    players = {group.split(".")[1] for group in groups if group.startswith("adam")}
    assert players == {"critic", "forger"}
    assert facts["seen"] == 64


def test_a_run_begun_on_another_kind_of_device_goes_on_with_chance_of_its_own(tmp_path: Path) -> None:
    run = a_run("vae", 64 * 6)
    steps = iter(run)
    next(steps), next(steps)
    folder = run.save(tmp_path).parent
    groups, facts = checkpoint.read(folder)
    groups["chance"] = {"state": torch.zeros(16, dtype=torch.uint8)}  # as large as a GPU's
    checkpoint.write(folder, groups, facts)
    runs = [a_run("vae", 64 * 6).resume(tmp_path) for _ in range(2)]
    assert [len(list(again)) for again in runs] == [4, 4]
    assert same(state(runs[0]), state(runs[1]))
    later = a_run("vae", 64 * 6)
    assert not torch.equal(runs[0].rng.get_state(), later.rng.get_state())


def test_the_clock_goes_on_where_it_stood(tmp_path: Path) -> None:
    run = a_run()
    next(iter(run))
    assert run.seconds > 0
    run.seconds = 100.0
    run.save(tmp_path)
    resumed = a_run().resume(tmp_path)
    next(iter(resumed))
    assert 100 < resumed.seconds < 160


def test_a_checkpoint_written_before_the_clock_was_kept_can_be_resumed(tmp_path: Path) -> None:
    run = a_run()
    next(iter(run))
    groups, facts = checkpoint.read(run.save(tmp_path).parent)
    del facts["seconds"], facts["plan"]["data"]
    checkpoint.write(tmp_path, groups, facts)
    assert a_run().resume(tmp_path).seconds == 0


# --- what goes wrong --------------------------------------------------------------------------------------------------


class Unstable(Generator):
    """Its loss is fine for two steps, then not a number."""

    def __init__(self) -> None:
        super().__init__((1, 8, 8), 2)
        self.layer = torch.nn.Linear(2, 64)
        self.calls = 0

    def losses(self, player: str, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        self.calls += 1
        loss = self.layer(torch.ones(1, 2)).square().sum()
        return {"total": loss * (math.nan if self.calls > 2 else 1.0)}


def test_a_loss_that_is_no_number_stops_the_run_before_it_spoils_the_weights(tmp_path: Path) -> None:
    run = Training(Unstable(), DIGITS, budget=6400, batch=64)
    taken = []
    with pytest.raises(Diverged, match="nan after 128 pictures") as caught:
        for step in run:
            taken.append(step.index)
    assert taken == [1, 2] and is_one_sentence(caught.value)
    assert all(value.isfinite().all() for value in run.model.state_dict().values())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget": 0}, "budget"),
        ({"budget": 1.5}, "budget"),
        ({"batch": 0}, "batch"),
        ({"learning_rate": 0.0}, "learning rate"),
        ({"learning_rate": math.nan}, "learning rate"),
        ({"learning_rate": 2.0}, "learning rate"),
        ({"precision": "float8"}, "precision"),
        ({"seed": -1}, "seed"),
        ({"images": DIGITS[:1]}, "at least 2"),
        ({"images": DIGITS.astype(np.float32)}, "uint8"),
        ({"images": np.zeros((4, 1, 28, 28), np.uint8)}, "uint8 pictures"),
        ({"held_out": np.zeros((4, 3, 8, 8), np.uint8)}, "uint8 pictures"),
    ],
)
def test_a_run_that_cannot_be_says_why(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        a_run(**changes)
    assert is_one_sentence(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"budget": 704},
        {"batch": 32},
        {"learning_rate": 0.01},
        {"precision": "bfloat16"},
        {"family": "autoencoder"},
        {"images": DIGITS[150:]},
        {"images": DIGITS[:-200]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_checkpoint_of_another_run_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    run = a_run()
    next(iter(run))
    run.save(tmp_path)
    with pytest.raises(BadInput, match="run with different") as caught:
        a_run(**changes).resume(tmp_path)
    assert is_one_sentence(caught.value)


@pytest.mark.parametrize("damage", ["gone", "empty", "half", "text", "a bit", "no plan", "lost group", "other shapes"])
def test_a_damaged_checkpoint_is_refused(damage: str, tmp_path: Path) -> None:
    run = a_run()
    next(iter(run))
    path = run.save(tmp_path)
    whole = path.read_bytes()
    groups, facts = checkpoint.read(tmp_path)
    if damage == "gone":
        path.unlink()
    elif damage == "no plan":
        checkpoint.write(tmp_path, groups, {key: value for key, value in facts.items() if key != "plan"})
    elif damage == "lost group":
        checkpoint.write(tmp_path, {name: group for name, group in groups.items() if name != "average"}, facts)
    elif damage == "other shapes":
        groups["model"] = {name: value[:1] for name, value in groups["model"].items()}
        checkpoint.write(tmp_path, groups, facts)
    else:
        broken = {"empty": b"", "half": whole[: len(whole) // 2], "text": b"hello", "a bit": b"\xff" + whole[1:]}
        path.write_bytes(broken[damage])
    with pytest.raises(BadFile) as caught:
        a_run().resume(tmp_path)
    assert is_one_sentence(caught.value)


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run()
    steps = iter(run)
    next(steps)
    path = run.save(tmp_path)
    before = path.read_bytes()
    next(steps)

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ManigenError, match="No space left") as caught:
        run.save(tmp_path)
    assert is_one_sentence(caught.value)
    assert path.read_bytes() == before and [entry.name for entry in tmp_path.iterdir()] == [path.name]
    monkeypatch.undo()
    assert a_run().resume(tmp_path).seen == 64


def test_the_room_names_what_it_offers() -> None:
    assert set(training.__all__) == {"Diverged", "Step", "Training"}
