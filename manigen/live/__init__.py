"""The live path: a picture follows the hand, because nothing on its way waits.

A page's own component speaks through one WebSocket to the process that serves the page. Every message is checked
(`protocol`), becomes a job on an opened model (`library`, `jobs`), and is decoded together with everyone else's
(`engine`); the reply leaves as one binary frame (`route`). The newest wish of a channel wins: nothing queues up behind
a moving hand.

The one constraint: the event loop serves everybody, so nothing slower than a millisecond runs on it. Not promised: that
every message gets a picture. One that was overtaken gets none.

To add an op: a dataclass and a reader in `protocol`, a wish in `jobs`.
"""

from __future__ import annotations


def device() -> str:
    """Return where pictures are decoded: "cuda", "mps" or "cpu"; see `manigen.live.engine.device`."""
    from manigen.live import engine

    return engine.device()
