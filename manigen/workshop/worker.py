"""The worker: takes the orders in turn and trains, one at a time, in a process of its own.

It goes when the server that started it goes (its standard input ends), at a checkpoint; the next server's worker
resumes from there. A lock lets one worker live in a home at a time.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from manigen import geodesic, home, models, weights
from manigen.errors import ManigenError, NotPossible
from manigen.recipe import Recipe, Run, begin
from manigen.training import Diverged, Step
from manigen.workshop import orders as desk
from manigen.workshop import pace
from manigen.workshop.chronicle import Chronicle
from manigen.workshop.courtesy import Courtesy, go_behind
from manigen.workshop.orders import DONE, FAILED, FINISHING, PAUSED, RUNNING, WAITING, Order

log = logging.getLogger("manigen.workshop")

LOCK = "worker.lock"
TURN_S = 60.0  # how long an order is served while another owner waits
SAVE_S = 20.0  # between two checkpoints
TELL_S = 0.4  # between two words to the page
LOOK_S = 0.5  # between two looks at the queue while there is nothing to do
IDLE_S = 600.0  # without work, after which the worker goes home
TRIES = 2  # times a training may end without a word (killed, mostly for want of memory) before it is given up
SMALLEST = 8  # pictures in a batch, below which a smaller one is not tried
EARLY = 0.05  # share of a run up to which it is begun anew with a smaller batch


class Interrupted(Exception):
    """The turn ends here: the wish of the owner, another's turn, or the server is gone."""

    def __init__(self, state: str, keep: bool = False, gone: bool = False) -> None:
        super().__init__(state)
        self.state, self.keep, self.gone = state, keep, gone


class Worker:
    """Serves the orders until there are none for `idle` seconds, or `leaving` is set."""

    def __init__(self, leaving: threading.Event | None = None, idle: float = IDLE_S) -> None:
        self.leaving = leaving or threading.Event()
        self.idle = idle
        self.courtesy = Courtesy(pace.cores())
        self.served: dict[str, float] = {}  # by owner, when it was last served

    def run(self) -> None:
        quiet = time.monotonic()
        while not self.leaving.is_set():
            order = self.next()
            if order is None:
                if time.monotonic() - quiet > self.idle:
                    return
                self.leaving.wait(LOOK_S)
                continue
            self.served[order.owner.name] = time.monotonic()
            self.serve(order)
            self.served[order.owner.name] = quiet = time.monotonic()

    def next(self) -> Order | None:
        """Return the order whose turn it is: of the owner served longest ago, the oldest."""
        due = [Order(owner, folder) for owner, folder in home.parts("runs")]
        due = [order for order in due if order.due]
        if not due:
            return None
        return min(due, key=lambda order: (self.served.get(order.owner.name, 0.0), order.about.get("made", 0.0)))

    def others_wait(self, order: Order) -> bool:
        """Say whether another owner has something due."""
        return any(
            owner != order.owner and Order(owner, folder).due and Order(owner, folder).wish in ("run", "keep")
            for owner, folder in home.parts("runs")
        )

    def serve(self, order: Order) -> None:
        """Serve an order for one turn; whatever happens is written to its status, and nothing leaves this method."""
        if order.wish == "delete":
            return order.remove()
        told = Told(order)
        if order.wish == "pause":
            return told.say(state=PAUSED)
        before = order.status()
        tries = int(before.get("tries", 0)) + (before["state"] in (RUNNING, FINISHING))
        if tries >= TRIES and order.wish != "keep":
            return told.say(state=DONE) if order.finished else told.say(state=FAILED, error=_sentence_gone(order))
        told.say(state=RUNNING, stage="opening", tries=tries, error=None, turn=int(before.get("turn", 0)) + 1)
        try:
            Turn(self, order, told).take()
        except Interrupted as end:
            if end.gone:
                order.remove()
            else:
                told.say(state=end.state, stage=None, tries=0)
        except Exception as error:
            failed = self._failed(order, error)
            if order.finished:  # only its figures are missing
                told.say(state=DONE, stage=None, remaining=0, notice=failed["error"])
            else:
                told.say(state=FAILED, stage=None, **failed)

    def _failed(self, order: Order, error: Exception) -> dict[str, Any]:
        """What the status says of a training that failed: one sentence, and whether there is something to keep."""
        kept = (order.out / weights.CHECKPOINT).is_file()
        if isinstance(error, ManigenError):
            sentence = str(error)
        elif out_of_memory(error):
            sentence = "The memory does not hold this training: a smaller batch, smaller pictures or fewer channels do."
        else:
            log.exception("A training failed.", exc_info=error)
            sentence = (
                f"Something inside failed ({type(error).__name__}: {str(error)[:160]}); the worker's log says more."
            )
        return {"error": sentence, "kept": kept}


class Turn:
    """One turn of an order: begin or resume, train until something else is due, finish."""

    def __init__(self, worker: Worker, order: Order, told: Told) -> None:
        self.worker, self.order, self.told = worker, order, told
        self.about = order.about
        self.began = self.saved = time.monotonic()

    def take(self) -> None:
        import torch

        batch = int(self.about["batch"])
        threads = int(self.about.get("threads") or pace.threads())
        torch.set_num_threads(threads)
        while True:
            run = self.begin(batch, threads)
            try:
                if run.finished is None:
                    self.train(run)
                break
            except Exception as error:
                done = run.training.seen / run.training.budget
                if not out_of_memory(error) or batch <= SMALLEST or done > EARLY:
                    raise
                batch //= 2
                del run
                with suppress(OSError):
                    (self.order.out / weights.CHECKPOINT).unlink()
                self.about = home.write_note(self.order.folder, batch=batch)
                self.told.say(
                    notice=f"The memory did not hold a larger batch: it goes on with {batch} pictures a step."
                )
        self.finish(run)

    def begin(self, batch: int, threads: int) -> Run:
        about, order = self.about, self.order
        own = about["data"] if about.get("called") else None
        recipe = Recipe(
            about["family"],
            str(order.owner.thing("pictures", own) / "ready") if own else about["data"],
            images=about["images"],
            seed=about["seed"],
            batch=batch,
            learning_rate=about["learning_rate"],
            maps=tuple(about["maps"]),
            samplers=(models.card_of(about["family"]).facts["sampler"],),
            threads=threads,
            measures=desk.MEASURES,
            knobs=about["knobs"],
            data_knobs=about["data_knobs"],
        )
        resume = order.finished or (order.out / weights.CHECKPOINT).is_file()
        run = begin(recipe, order.out, resume, pace.device(), about.get("called"), about["title"])
        return replace(run, named=home.plain_name(about["title"]))

    def train(self, run: Run) -> None:
        book = Chronicle(self.order.folder, run.training, run.train, run.test)
        told, training = self.told, run.training
        told.say(
            stage=None, seen=training.seen, budget=training.budget, device=pace.device_name(), threads=self.threads(),
            batch=training.batch, pictures=len(training.images), parameters=_count(training.model),
            test=len(run.test), classes=list(run.train.classes), shape=list(run.train.shape),
            encodes=training.model.encodes,
        )  # fmt: skip
        if book.due() and training.model.players:
            book.look()
        if not (self.order.out / weights.CHECKPOINT).is_file():
            run.save()  # a folder that cannot be written to is found out now
        if self.order.wish == "keep":
            training.stop()
        step: Step | None = None
        try:
            for step in run.steps():
                book.add(step)
                if step.notice:
                    told.say(notice=step.notice)
                if book.due():
                    book.look()
                if told.due():
                    told.step(step)
                    self.heed(run)
                self.worker.courtesy.step_aside()
        except Diverged as error:
            run.save()
            raise Diverged(f"{str(error).rstrip('.')}. The state before that is kept.") from None
        if step is not None:
            told.step(step)
            book.look()
            pace.learn(self.about, run.train.shape, self.threads(), step.per_second)
        run.save()

    def threads(self) -> int:
        import torch

        return torch.get_num_threads()

    def heed(self, run: Run) -> None:
        """See to what is wanted meanwhile: raise `Interrupted` at a checkpoint, where this turn is to end."""
        wish, now = self.order.wish, time.monotonic()
        if wish == "delete" or not self.order.folder.is_dir():
            raise Interrupted(WAITING, gone=True)
        if self.worker.leaving.is_set():
            run.save()
            raise Interrupted(WAITING)
        if wish == "pause":
            run.save()
            raise Interrupted(PAUSED)
        if wish == "keep":
            run.training.stop()
        elif now - self.began > TURN_S and self.worker.others_wait(self.order):
            run.save()
            raise Interrupted(WAITING)
        elif now - self.saved > SAVE_S:
            run.save()
            self.saved = now

    def finish(self, run: Run) -> None:
        """Write the model's folder with what takes no time, so that it can be opened at once, and then measure it."""
        began = time.monotonic()

        def stage(words: str) -> None:
            self.told.say(state=FINISHING, stage=words, remaining=None)
            if self.order.wish == "delete":
                raise Interrupted(WAITING, gone=True)
            if self.worker.leaving.is_set():
                raise Interrupted(WAITING)

        stage("finishing")
        if run.finished is None:
            run.ship(stage, quick=True)
            self.told.say(opens_s=round(time.monotonic() - began, 1))
        run.measure(stage)
        if not self.worker.others_wait(self.order):
            self.walk(run, stage)
        self.told.say(
            state=DONE, stage=None, remaining=0, finished=time.time(), finishing_s=round(time.monotonic() - began, 1)
        )

    def walk(self, run: Run, stage: Callable[[str], None]) -> None:
        """Choose the model's geodesic, where enough codes and pictures are held out."""
        stage("choosing its kind of path")
        generator, codes = weights.load(run.out), weights.codes(run.out)
        with suppress(NotPossible):
            on = geodesic.ground(generator, codes, run.train, kept_back=True)
            shown = geodesic.ground(generator, codes, run.test)
            found = geodesic.choose(on, shown, lambda words: stage("choosing its kind of path"), geodesic.BRIEF)
            geodesic.write(run.out, found)


class Told:
    """What the worker tells of an order, in its status."""

    def __init__(self, order: Order) -> None:
        self.order, self.held = order, order.status()
        self.when, self.cpu, self.wall = 0.0, time.process_time(), time.monotonic()

    def say(self, **entries: Any) -> None:
        """Change some entries; a folder that is gone meanwhile stays gone."""
        if entries.get("notice"):
            entries["notices"] = [*self.held.get("notices", []), entries.pop("notice")][-5:]
        self.held = {**self.held, **entries, "updated": time.time()}
        if self.order.folder.is_dir():
            with suppress(OSError):
                write_fast(self.order.folder / desk.STATUS, self.held)
        self.when = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() - self.when > TELL_S

    def step(self, step: Step) -> None:
        """Tell where the training is, how fast, and what it uses."""
        cpu, wall = time.process_time(), time.monotonic()
        spent = max(wall - self.wall, 1e-6)
        used = (cpu - self.cpu) / spent if spent > 0.2 else self.held.get("cores", 0.0)
        self.cpu, self.wall = cpu, wall
        self.say(
            state=RUNNING, stage=None, seen=step.seen, per_second=round(step.per_second, 1),
            remaining=round(step.remaining_seconds, 1), cores=round(used, 2), gpu=pace.gpu_use(),
            losses={name: float(f"{value:.5g}") for name, value in step.losses.items()},
        )  # fmt: skip


def write_fast(path: Path, content: dict[str, Any]) -> None:
    """Write JSON whole, but without waiting for the disk: it is written again half a second later."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(json.dumps(content, allow_nan=False, default=str), encoding="utf-8")
    os.replace(fresh, path)


def out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out, on the processor or on a GPU."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in words or "can't allocate memory" in words or (
        "not enough memory" in words
    )  # fmt: skip


def _count(model: Any) -> int:
    return sum(value.numel() for value in model.parameters()) or sum(value.numel() for value in model.buffers())


def _sentence_gone(order: Order) -> str:
    kept = (order.out / weights.CHECKPOINT).is_file()
    state = "the last good state is kept, and can be kept as a model" if kept else "nothing could be kept"
    return (
        "The training's process ended without a word, twice, most likely for want of memory: a smaller batch or "
        f"smaller pictures usually help; {state}."
    )


def main(given: list[str] | None = None) -> int:
    """Serve the home's orders until there are none, or whoever started this goes."""
    import signal

    import filelock

    home.root().mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(home.root() / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return 3  # another one works here
    with lock:
        go_behind()
        leaving = threading.Event()
        worker = Worker(leaving)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: leaving.set())
        if "--stay" not in (given if given is not None else sys.argv[1:]):
            threading.Thread(target=_listen, args=(worker.courtesy.hear, leaving.set), daemon=True).start()
        worker.run()
    return 0


def _listen(hand: Callable[[], None], gone: Callable[[], None]) -> None:
    """Hear of hands, a byte each on standard input, until that ends, as it does when the server goes, in any way."""
    with suppress(OSError, ValueError):
        while sys.stdin.buffer.read(1):
            hand()
    gone()
