"""Training: a stream of steps with named losses.

    for step in Training(model, images, budget=600_000):
        print(step.seen, step.losses)

A page draws the steps, a test iterates them, and to stop is to stop iterating. On a CPU the same seed gives the same
weights bit for bit, also when the run was killed, resumed from its checkpoint and continued. Not promised: the same
weights on another kind of processor, or on a GPU.
"""

from __future__ import annotations

from manigen.training.loop import Diverged, Step, Training

__all__ = ["Diverged", "Step", "Training"]
