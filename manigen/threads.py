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


def one_thread() -> None:
    """Let this thread, and only this one, compute with one core: torch's thread count belongs to each thread.

    New threads start with what was set last anywhere, so that is put back as it was.
    """
    import torch

    before = torch.get_num_threads()
    if before == 1:
        return
    torch.set_num_threads(1)
    back = threading.Thread(target=torch.set_num_threads, args=(before,))
    back.start()
    back.join()


def shared(work: Callable[[Part], Made], parts: Sequence[Part]) -> list[Made]:
    """Return `work` of each of the parts, in order, as many at a time as torch may use cores here.

    Each part is worked on by one core. Many small ones are done sooner so than each by all cores, one after the other,
    since cores that share a small work mostly wait for each other.
    """
    import torch

    cores = torch.get_num_threads()
    if len(parts) < 2 or cores < 2:
        return [work(part) for part in parts]
    return list(_pool(cores).map(work, parts))


@cache
def _pool(cores: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores, thread_name_prefix="shared", initializer=one_thread)
