"""Seconds: how long it takes to decode 1,000 pictures, on this machine, now.

    the median of five runs of decode(z), z (1000, d), after one to warm up

It depends on the machine, its device, and on what else it is doing: compare figures of one sitting only.
"""

from __future__ import annotations

import time

import numpy as np

from manigen.cards import Card, Knob
from manigen.measures._context import Context, Result

card = Card(
    title="Seconds for 1,000 pictures",
    sentence="How long this machine takes to decode 1,000 codes; another machine takes another time, and real pictures "
    "take none.",
    reference="Mytkowicz, Diwan, Hauswirth, Sweeney 2009, Producing Wrong Data Without Doing Anything Obviously Wrong!",
    link="https://doi.org/10.1145/1508244.1508275",
    knobs=(Knob("runs", 5, "How often it is timed; the median counts.", 1, 100),),
    facts={"of": "generator", "unit": "seconds", "best": 0.0, "needs": ("codes",), "machine": True},
)
PICTURES = 1000


def measure(context: Context, runs: int = 5) -> Result:
    """Return the median time in seconds; `details` has the fastest and the slowest run."""
    z = np.resize(context.codes, (PICTURES, context.codes.shape[1]))
    times = []
    for _ in range(runs + 1):
        begun = time.perf_counter()
        context.generator.decode(z)
        times.append(time.perf_counter() - begun)
    times = sorted(times[1:])
    return Result(float(np.median(times)), None, PICTURES, details={"fastest": times[0], "slowest": times[-1]})
