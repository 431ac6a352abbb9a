"""The workshop: trainings that run beside the server, wait in a queue on disk, and can be watched.

    page   --order-->  runs/TOKEN/about.json   --worker-->  status.json, losses.jsonl, frames/   --route-->  page
           --wish--->  runs/TOKEN/wish

A page puts an order in its owner's home and goes; one worker process takes the orders in turn, so closing the page
loses nothing, and a server that starts again goes on from the last checkpoint. Every file has one writer: the page
writes the order and the wish (go on, pause, stop and keep, delete), the worker all the rest.

Fair: owners take turns, and within an owner the oldest order goes first; where others wait, a turn lasts a minute, is
ended at a checkpoint, and goes on when it is due again, to the same weights as if it had never stopped.

One constraint: nothing in here may slow a hand on a live page down, so the worker goes behind everything else, leaves a
core alone where there are more than two, and steps aside for a hand where there are not; see `courtesy`. Not promised:
that an estimate of the time holds on a busy machine.
"""

from __future__ import annotations

from manigen.workshop.orders import Order, find, of, place

__all__ = ["Order", "find", "of", "place"]
