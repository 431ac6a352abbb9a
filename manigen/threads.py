"""Threads: how many cores a piece of work may use, and work that is shared out over them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

# The environment of a process whose OpenMP threads sleep while they wait for each other: turning in circles they take
# the cores from whoever works. On two cores that others wanted too a t-SNE of 5,000 codes took 20 s so, 78 s without.
SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
Part = TypeVar("Part")
Made = TypeVar("Made")


_own = threading.local()  # cores that a thread may share work out over, where that was said
_counting = threading.Lock()  # while one thread's count is set, that of new ones is the same


def one_thread(sharing: bool = False) -> None:
    """Let this thread, and only this one, compute with one core: torch's thread count belongs to each thread.

    New threads start with what was set last anywhere, so that is put back as it was. With `sharing` the thread may
    still have the parts of what is `shared` done by as many cores as before, also where this is said again without.
    """
    import torch

    with _counting:
        before = torch.get_num_threads()
        if sharing:
            _own.cores = before
        if before == 1:
            return
        torch.set_num_threads(1)
        back = threading.Thread(target=torch.set_num_threads, args=(before,))
        back.start()
        back.join()


def cores() -> int:
    """Return over how many cores this thread may share work out."""
    import torch

    said: int | None = getattr(_own, "cores", None)
    return torch.get_num_threads() if said is None else said


def shared(work: Callable[[Part], Made], parts: Sequence[Part]) -> list[Made]:
    """Return `work` of each of the parts, in order, as many at a time as this thread may use cores.

    Each part is worked on by one core. Many small ones are done sooner so than each by all cores, one after the other,
    since cores that share a small work mostly wait for each other.
    """
    most = cores()
    if len(parts) < 2 or most < 2:
        return [work(part) for part in parts]
    return list(_pool(most).map(work, parts))


@cache
def _pool(most: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(most, thread_name_prefix="shared", initializer=one_thread)
