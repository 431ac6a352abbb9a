"""The choice of a sampler: several are fitted to a model's codes, and the one whose pictures measure best is its own.

It is made on pictures of the train split that the model has not trained on, so that the test split stays unseen.
A sampler that repeats the codes it was fitted to would measure best of all, so one that copies is not chosen:

    copying = share of draws nearer to one of n codes it was fitted to than to all n held-out ones

which is one half for draws that are new, and more by as much as the held-out codes are strange to the model. For a
sampler that keeps codes as they are (`kept`), the n are among those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from manigen import seeds
from manigen.nearest import Nearest

COPIES = 0.65  # the share of copying from which on a sampler is not chosen
ALIKE = 1.05  # a score within this factor of the best is as good: the first named, which is the simplest, is taken
FEWEST = 500  # held-out pictures below which a choice would be chance
DRAWS = 2000  # codes drawn of each to look for copying


@dataclass(frozen=True)
class Choice:
    """The `name` of the chosen sampler, each candidate's score (lower is better) and copying, and why in a sentence."""

    name: str
    scores: Mapping[str, float] = field(default_factory=dict)
    copying: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    def facts(self) -> dict[str, Any]:
        """What a model's card says of it."""
        return {
            "sampler": self.name,
            "sampler_reason": self.reason,
            **({"samplers": dict(self.scores), "samplers_copying": dict(self.copying)} if self.scores else {}),
        }


def choose(
    candidates: Mapping[str, Any],
    score: Callable[[Any], float],
    seen: np.ndarray,
    held_out: np.ndarray,
    seed: int = 0,
    of: str = "score",
) -> Choice:
    """Return the best of fitted samplers, the simplest named first, by `score(sampler)`, lower being better.

    `seen` (n, d) are the codes they were fitted to, `held_out` (m, d) codes of pictures the model never saw; `of` is
    what the score is called. Where all of them copy, the one that copies least is taken.
    """
    copied = {name: copying(sampler, seen, held_out, seed) for name, sampler in candidates.items()}
    scores = {name: float(score(sampler)) for name, sampler in candidates.items()}
    honest = [name for name in candidates if copied[name] < COPIES]
    if not honest:
        name = min(copied, key=lambda name: copied[name])
        return Choice(name, scores, copied, f"All of them copy codes; {name} does so least ({copied[name]:.0%}).")
    best = min(scores[name] for name in honest)
    name = next(name for name in honest if scores[name] <= ALIKE * best)
    reason = f"Its {of} of {scores[name]:.3g} is the lowest" if scores[name] == best else (
        f"Its {of} of {scores[name]:.3g} lies within {ALIKE - 1:.0%} of the lowest, {best:.3g}, and it is simpler"
    )  # fmt: skip
    if thieves := [name for name in candidates if name not in honest]:
        reason += f"; left out because most of their draws lie by codes they were fitted to: {', '.join(thieves)}"
    return Choice(name, scores, copied, reason + ".")


def copying(sampler: Any, seen: np.ndarray, held_out: np.ndarray, seed: int = 0) -> float:
    """Return the share of a sampler's draws, in [0, 1], nearer to codes it was fitted to than to held-out ones.

    As many of the one as of the other are compared with, drawn by the seed. One half is what new draws have.
    """
    known = np.asarray(getattr(sampler, "kept", seen))
    n = min(len(known), len(held_out))
    known, other = (
        codes[seeds.numpy_stream(seed, number).permutation(len(codes))[:n]]
        for number, codes in enumerate((known, held_out))
    )
    z = sampler.sample(DRAWS, seed)
    return float((Nearest(known).find(z)[1] < Nearest(other).find(z)[1]).mean())
