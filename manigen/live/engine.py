"""The decode engine: one per process, for everyone who looks.

Each hand asks through a slot. A slot holds the newest wish only: what a moving hand no longer points at is never made.
All waiting wishes for one model are looked up together and decoded together. Wishes that can wait (a strip of 65
frames, a gallery) are cut into chunks of a few milliseconds, one chunk a round, so that they never hold up a hand.

A worker computes with one thread; where there are more cores, there are more workers. Threads that share one decode
wait for each other: on two cores, two of them took 75 to 160 ms for what one does in 1 ms as soon as anything else (a
training, the browser) wanted a core. On CPUs the weights are laid out channels-last, 1.3 to 1.6 times faster for the
28x28 convolutional decoder, and a batch has at most 64 pictures, where it is fastest.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from manigen import checks
from manigen.errors import BadInput, ManigenError
from manigen.live.first import FirstDecoder
from manigen.threads import one_thread

if TYPE_CHECKING:
    from manigen.models import Generator

log = logging.getLogger("manigen.live")

ROUND_MS = 4.0  # how long a chunk of patient work may hold up the hands
HUMBLE = 8  # rounds, of which one at least is for humble work, if there is any
FEWEST, MOST_CPU, MOST_GPU = 4, 64, 512  # pictures in a chunk; beyond MOST_CPU a batch falls out of the caches
SLOW_S = 0.1  # a round of a decoder that is not warmed up further
WARM = (1, 2, 3, 4, 5, 6, 8, 12, 16, 32)  # batch sizes decoded once at load: the first of a size is 3 ms slower


@cache
def device() -> str:
    """Return where pictures are decoded: "cuda" where there is one, else "mps", else "cpu"; MANIGEN_DEVICE overrides.

    Raises `BadInput` when MANIGEN_DEVICE names a device that is not there.
    """
    import torch

    wanted = os.environ.get("MANIGEN_DEVICE", "")
    if wanted:
        try:
            torch.zeros(1, device=wanted)
        except (RuntimeError, AssertionError):
            raise BadInput(f"MANIGEN_DEVICE is {wanted!r}, which torch cannot use here; unset it or use cpu.") from None
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@cache
def device_name() -> str:
    """Return the device in words, as the page shows it: "NVIDIA L4", "Apple GPU (MPS)", "CPU, 2 cores"."""
    import torch

    where = device()
    if where.startswith("cuda"):
        return torch.cuda.get_device_name(where)
    return "Apple GPU (MPS)" if where == "mps" else cpu_name()


def cpu_name() -> str:
    """Return the CPU in words."""
    return f"CPU, {cores()} core{'s' * (cores() > 1)}"


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Job:
    """One wish: codes z (n, d) to decode with a generator.

    Where the codes have to be looked up first, a subclass sets `group` and answers `look_up`: jobs of one group are
    looked up in one call. `done` is called once, on the engine's thread, with `pictures` uint8 (n, h, w, c) set, or
    `error`. `patient` work waits for the hands, and `humble` work, which is patient too, mostly for what is looked at.
    """

    def __init__(
        self,
        generator: Generator | FirstDecoder,
        z: np.ndarray | None = None,
        *,
        patient: bool = False,
        humble: bool = False,
        group: Hashable = None,
        done: Callable[[Any], None] = lambda job: None,
    ) -> None:
        self.generator, self.patient, self.group, self.done = generator, patient or humble, group, done
        self.humble = humble
        self.z = np.empty((0, generator.dim), np.float32) if z is None else z
        self.pictures: np.ndarray | None = None
        self.error: ManigenError | None = None
        self.asked = time.perf_counter()
        self.queue_ms = self.decode_ms = 0.0
        self.parts: list[np.ndarray] = []  # what is decoded of it so far
        self.slot: Hashable = None
        self.dropped = False

    def look_up(self, jobs: list[Any]) -> None:
        """Set `z` of all `jobs`, which are of this group."""
        raise NotImplementedError

    @property
    def total_ms(self) -> float:
        """Milliseconds since the wish arrived."""
        return 1e3 * (time.perf_counter() - self.asked)


@dataclass
class Statistics:
    """What the engine has done: counts since the start, times in milliseconds."""

    requests: int = 0
    superseded: int = 0
    failed: int = 0
    rounds: int = 0
    pictures: int = 0
    decode_ms: float = 0.0  # of a round; exponentially weighted mean, the last twenty or so
    batches: Counter[int] = field(default_factory=Counter)  # how often so many pictures were decoded together

    def as_dict(self) -> dict[str, Any]:
        middle, sizes = sum(self.batches.values()) / 2, sorted(self.batches)
        median = next((size for size in sizes if sum(self.batches[s] for s in sizes if s <= size) >= middle), 0)
        return {
            "requests": self.requests,
            "superseded": self.superseded,
            "failed": self.failed,
            "rounds": self.rounds,
            "pictures": self.pictures,
            "decode_ms": round(self.decode_ms, 3),
            "batch_median": median,
            "batch_largest": max(sizes, default=0),
        }


class Engine:
    """Decodes for all browsers of a process, in `workers` threads (default: one per core, at most 4; one on a GPU).

    Torch is imported, and the device looked for, when the first generator is adopted; until then one worker makes do.
    """

    def __init__(self, workers: int | None = None) -> None:
        one_blas_thread()
        self.most = MOST_CPU
        self.statistics = Statistics()
        self._wake = threading.Condition()
        self._waiting: dict[Hashable, Job] = {}  # by slot, the longest waiting first
        self._patient: deque[Job] = deque()
        self._busy: dict[Hashable, Job] = {}  # slots whose answer is being made, or has not left yet
        self._pace: WeakKeyDictionary[Generator | FirstDecoder, float] = WeakKeyDictionary()  # milliseconds a picture
        self._stopped = False
        self.adopted = False  # whether a generator was ever adopted: then torch is there, and the device known
        self._wanted = workers
        self._threads: list[threading.Thread] = []
        self._staff(workers or 1)
        atexit.register(self.stop)

    # --- what others call -------------------------------------------------------------------------------------------

    def adopt(self, generator: Generator) -> Generator:
        """Return the generator on the engine's device, in the layout it decodes fastest in, and warmed up."""
        import torch

        generator = generator.to(device()).eval().requires_grad_(False)
        on_cpu = device() == "cpu"
        self.most = MOST_CPU if on_cpu else MOST_GPU
        if on_cpu:
            generator = generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            one_thread()
        for size in WARM:
            began = time.perf_counter()
            paint(generator, np.zeros((size, generator.dim), np.float32))
            if time.perf_counter() - began > SLOW_S:
                break  # 3 ms are nothing to such a decoder, and it is wanted now
        self._staff(self._wanted or (min(cores(), 4) if on_cpu else 1))
        self.adopted = True
        return generator

    def submit(self, slot: Hashable, job: Job) -> None:
        """Ask for `job` in a slot; an older one that waits there, or is patient and half done, is dropped silently.

        Once the slot's answer was given nothing more is made for it until `release(slot)` says that it has left:
        a slow line gets fewer pictures, not later ones. Slots are (owner, channel).
        """
        with self._wake:
            self.statistics.requests += 1
            older = self._busy.get(slot)
            superseded = slot in self._waiting
            if older is not None and older.patient and not older.dropped and older.pictures is None:
                older.dropped = superseded = True
            self.statistics.superseded += superseded
            job.slot = slot
            self._waiting[slot] = job
            if older is None:
                self._wake.notify()

    def release(self, slot: Hashable) -> bool:
        """Say that the slot's answer has left, so that its next wish may be served; return whether there is one."""
        with self._wake:
            self._busy.pop(slot, None)
            more = slot in self._waiting
            if more:
                self._wake.notify()
        return more

    def forget(self, owner: Hashable) -> None:
        """Drop all slots of an owner that is gone."""
        with self._wake:
            for table in (self._waiting, self._busy):
                for slot in [slot for slot in table if slot[0] is owner]:  # type: ignore[index]
                    table.pop(slot).dropped = True

    def decode(self, generator: Generator, z: Any, urgent: bool = False, humble: bool = False) -> np.ndarray:
        """Return the pictures uint8 (n, h, w, c) of codes z (n, d), waiting for them; the hands go first.

        For pages: a gallery, a sweep; `humble`: what nobody looks at, such as a long measurement. Raises `BadInput` for
        codes of another width, or not finite.
        """
        ready = threading.Event()
        job = Job(
            generator, checks.codes(z, generator.dim), patient=not urgent, humble=humble, done=lambda job: ready.set()
        )
        slot = (job, "")
        self.submit(slot, job)
        while not ready.wait(1.0):
            if self._stopped:
                raise ManigenError("The decode engine was stopped.")
        self.release(slot)
        if job.error is not None:
            raise job.error
        return job.pictures  # type: ignore[return-value]

    def stop(self) -> None:
        """End the workers; what waits is dropped."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(2.0)
        atexit.unregister(self.stop)

    # --- the workers ------------------------------------------------------------------------------------------------

    def _staff(self, count: int) -> None:
        """See that there are `count` workers."""
        with self._wake:
            fresh = range(len(self._threads), 0 if self._stopped else count)
            hired = [threading.Thread(target=self._work, name=f"decode-{n}", daemon=True) for n in fresh]
            self._threads += hired
        for thread in hired:
            thread.start()

    def _work(self) -> None:
        while True:
            with self._wake:
                hands, patient = self._next()
                while not hands and patient is None:
                    if self._stopped:
                        return
                    self._wake.wait()
                    hands, patient = self._next()
            self._round(hands, patient)

    def _next(self) -> tuple[list[Job], Job | None]:
        """Take all hands that wait for the model waited for longest, and one piece of patient work. Lock held."""
        hands: list[Job] = []
        for slot, job in list(self._waiting.items()):
            other = hands and job.generator is not hands[0].generator
            if slot in self._busy or (not job.patient and (other or len(hands) == self.most)):
                continue
            del self._waiting[slot]
            self._busy[slot] = job
            if job.patient:
                self._patient.append(job)
            else:
                hands.append(job)
        return hands, self._turn() if self._patient and not self._stopped else None

    def _turn(self) -> Job:
        """Take the patient job that waits longest, a humble one where there is no other, or every so many rounds."""
        if self.statistics.rounds % HUMBLE:
            for job in self._patient:
                if not job.humble:
                    self._patient.remove(job)
                    return job
        return self._patient.popleft()

    def _round(self, hands: list[Job], patient: Job | None) -> None:
        """Look up and decode what the hands ask for, and one chunk of the patient job with it."""
        began = time.perf_counter()
        jobs = hands if patient is None else [*hands, patient]
        for job in jobs:
            job.queue_ms = job.queue_ms or 1e3 * (began - job.asked)
        self._look_up(job for job in jobs if not job.parts)
        batches: dict[Generator | FirstDecoder, list[tuple[Job, np.ndarray]]] = {}
        for job in jobs:
            if job.error is None:
                batches.setdefault(job.generator, []).append((job, self._chunk(job) if job.patient else job.z))
        for generator, batch in batches.items():
            try:
                pictures = self._decode(generator, np.concatenate([z for _, z in batch]))
                ends = np.cumsum([len(z) for _, z in batch])
                for (job, _), part in zip(batch, np.split(pictures, ends[:-1]), strict=True):
                    job.parts.append(part)
            except Exception as error:  # a decoder may fail in any way; the hands that wait for it must hear of it
                for job, _ in batch:
                    job.error = in_words(error)
        spent = 1e3 * (time.perf_counter() - began)
        for job in jobs:
            job.decode_ms += spent
            self._finish(job)
        with self._wake:
            self.statistics.rounds += 1
            share = max(0.05, 1 / self.statistics.rounds)
            self.statistics.decode_ms += share * (spent - self.statistics.decode_ms)

    def _finish(self, job: Job) -> None:
        """Hand the answer over, or put patient work back in line for its next chunk."""
        unfinished = job.error is None and sum(map(len, job.parts)) < len(job.z)
        with self._wake:
            if unfinished and not job.dropped:
                self._patient.append(job)
                self._wake.notify()
                return
            if job.error is not None:
                self.statistics.failed += 1
        if job.dropped:
            self.release(job.slot)
            return
        if job.error is None:
            job.pictures = job.parts[0] if len(job.parts) == 1 else np.concatenate(job.parts)
        try:
            job.done(job)
        except Exception:
            log.exception("An answer could not be handed over.")

    def _look_up(self, jobs: Iterable[Job]) -> None:
        groups: dict[Hashable, list[Job]] = {}
        for job in jobs:
            if job.group is not None:
                groups.setdefault(job.group, []).append(job)
        for members in groups.values():
            try:
                members[0].look_up(members)
            except Exception as error:
                if len(members) == 1:
                    members[0].error = in_words(error)
                    continue
                for job in members:  # one of them is at fault: the others must not suffer
                    try:
                        job.look_up([job])
                    except Exception as own:
                        job.error = in_words(own)

    def _chunk(self, job: Job) -> np.ndarray:
        """The next codes of a patient job: as many as are decoded in about ROUND_MS."""
        start = sum(map(len, job.parts))
        size = int(ROUND_MS / max(self._pace.get(job.generator, 1.0), 1e-3))
        return job.z[start : start + min(max(size, FEWEST), self.most)]

    def _decode(self, generator: Generator | FirstDecoder, z: np.ndarray) -> np.ndarray:
        """Codes (n, d) to pictures uint8 (n, h, w, c), at most `most` at a time."""
        made = [np.empty((0, *generator.shape[1:], generator.shape[0]), np.uint8)] if not len(z) else []
        for start in range(0, len(z), self.most):
            began = time.perf_counter()
            made.append(paint(generator, z[start : start + self.most]))
            count = len(made[-1])
            pace = 1e3 * (time.perf_counter() - began) / count
            with self._wake:
                self.statistics.pictures += count
                self.statistics.batches[count] += 1
                self._pace[generator] = 0.8 * self._pace.get(generator, pace) + 0.2 * pace
        return made[0] if len(made) == 1 else np.concatenate(made)


def paint(generator: Generator | FirstDecoder, z: np.ndarray) -> np.ndarray:
    """Return the pictures uint8 (n, h, w, c) of codes z (n, d), decoded in one batch: round(255 x)."""
    if isinstance(generator, FirstDecoder):
        return generator.paint(z)
    import torch

    one_thread()
    with torch.inference_mode():
        codes = torch.from_numpy(np.ascontiguousarray(z, np.float32)).to(generator.device)
        x = generator.decode(codes).mul(255).round_().clamp_(0, 255).to(torch.uint8)
        return x.permute(0, 2, 3, 1).contiguous().cpu().numpy()


@cache
def one_blas_thread() -> None:
    """Let NumPy's matrix products use one core each, in the whole process and for good.

    Finding the neighbours of 8 codes among 20,000 takes 0.3 ms so; with OpenBLAS's own threads it took 16 ms while
    another process used one of two cores, since they wait for each other by turning in circles.
    """
    from threadpoolctl import ThreadpoolController

    for library in ThreadpoolController().lib_controllers:
        if library.user_api == "blas":
            library.set_num_threads(1)


def in_words(error: Exception) -> ManigenError:
    if isinstance(error, ManigenError):
        return error
    log.error("Decoding failed.", exc_info=error)
    if "out of memory" in str(error).lower():
        return ManigenError("The device ran out of memory for these pictures; ask for fewer, or close other programs.")
    return ManigenError("These pictures could not be made: something inside failed, and the server's log says what.")


_engine: Engine | None = None
_lock = threading.Lock()


def engine() -> Engine:
    """Return this process's engine, started at the first call."""
    global _engine
    with _lock:
        if _engine is None or _engine._stopped:
            _engine = Engine()
        return _engine
