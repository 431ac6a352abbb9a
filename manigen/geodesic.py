"""The choice of a geodesic: every kind of path is walked between held-out pictures, and the best is the model's own.

    score = mean distance of the middle of the walk to the third-nearest held-out picture, in grey levels (L2)

A blurred picture is near to everything, so the score stands beside sharpness and beside how sure a classifier is; and a
long detour past many real pictures would be near to all of them, so no walk is chosen that is more than `LONGEST` times
as long as the straight one, unless all of those leave the data altogether (`LOST`). The floor is what the model's own
reconstructions of the ends score.

Nearer than that is no nearer: of kinds that reach the floor, the sharpest is taken.

Pairs and pictures are those of even rows of the test split; a benchmark takes the odd ones, on which nothing is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from manigen import files, measures, paths, seeds, weights
from manigen.errors import NotPossible
from manigen.measures.sharpness import steepness
from manigen.nearest import Nearest

PAIRS, FRAMES, SEEN = 24, 33, 9  # walks of each kind, codes of a walk, and pictures of its middle half that are judged
LONGEST = 1.5  # times the straight walk's length that the chosen kind's may have at most
LOST = 2.0  # times the floor: where no short walk comes as near, as across the circle of lines, length is no objection
FEWEST = 64  # held-out pictures, below which a choice would be chance
NEIGHBOUR = 3  # the held-out picture by whose distance a picture is judged: the nearest alone is chance

GRID: tuple[tuple[str, dict[str, float]], ...] = (
    ("straight", {}),
    ("great_circle", {}),
    ("graph", {}),
    ("pullback", {}),
    ("fog", {}),
    *(("density", {"fear": fear, "bandwidth": width}) for width in (0.5, 0.6, 0.8) for fear in (1.0, 2.0, 4.0)),
)
CHOSEN_FROM = ("density", "fog", "pullback")


@dataclass(frozen=True, eq=False)
class Ground:
    """Held-out pairs to walk between, and what the walks are judged by; see `ground`."""

    generator: Any
    taught: Nearest
    starts: np.ndarray
    ends: np.ndarray
    held_out: np.ndarray  # pictures (n, pixels) in [0, 1], none of them an end
    extractor: Any

    def walk(self, kind: str, knobs: Mapping[str, Any], pairs: int | None = None) -> list[paths.Trace]:
        """Return a path of `kind` between each pair of ends, its pictures changing evenly."""
        generator, members = self.generator, paths.members_of(self.generator)
        starts, ends = self.starts[:pairs], self.ends[:pairs]
        return paths.between(starts, ends, kind, FRAMES, generator.decode, self.taught, True, members, **knobs)

    def judge(self, ways: list[paths.Trace]) -> dict[str, float]:
        """Return what walks are worth: all figures are means over pairs."""
        x = np.stack([np.asarray(self.generator.decode(way.codes)) for way in ways])
        steps = np.linalg.norm(np.diff(x.reshape(*x.shape[:2], -1), axis=1), axis=2)
        length = steps.sum(axis=1)
        middle = np.linspace(FRAMES // 4, FRAMES - 1 - FRAMES // 4, SEEN).round().astype(int)
        seen = x[:, middle].reshape(-1, *x.shape[2:])
        told = {
            "held_out_distance": self.far(seen),
            "sharpness": steepness(seen),
            "length": float(length.mean()),
            "evenness": float(np.mean(length**2 / np.maximum((FRAMES - 1) * np.square(steps).sum(axis=1), 1e-12))),
            "not_converged": float(np.mean([not way.converged for way in ways])),
        }
        if self.extractor.classes:
            sure = self.extractor.sure(self.extractor.of(seen)).reshape(len(ways), SEEN)
            told |= {"confidence": float(sure.mean()), "lowest_confidence": float(sure.min(axis=1).mean())}
        return told

    def far(self, x: np.ndarray) -> float:
        """Return the mean distance of pictures x (n, c, h, w) to the third-nearest held-out one."""
        rows = x.reshape(len(x), -1).astype(np.float32)
        squares = np.einsum("np,np->n", self.held_out, self.held_out)
        found = []
        for at in range(0, len(rows), 256):
            some = rows[at : at + 256]
            square = squares - 2 * some @ self.held_out.T + np.einsum("np,np->n", some, some)[:, None]
            nearest = np.partition(square, NEIGHBOUR - 1, axis=1)[:, NEIGHBOUR - 1]
            found.append(np.sqrt(np.maximum(nearest, 0)))
        return float(np.concatenate(found).mean(dtype=np.float64))


def ground(
    generator: Any, codes: weights.Codes, test: Any, pairs: int = PAIRS, seed: int = 0, odd: bool = False
) -> Ground:
    """Return `pairs` of held-out codes of different classes, where there are classes, and the pictures to judge by.

    Raises `NotPossible` where the model encodes no pictures, or too few are held out.
    """
    rows = np.flatnonzero((codes.split == 1) & (codes.rows % 2 == int(odd)))
    if len(rows) < FEWEST:
        raise NotPossible(
            "A geodesic is chosen on held-out pictures, and this model has too few codes of such pictures."
        )
    order = seeds.numpy_stream(seed, 5).permutation(rows)
    labels = codes.labels
    several = len(np.unique(labels[rows])) > 1
    found: list[tuple[int, int]] = []
    for first, second in zip(order[: len(order) // 2], order[len(order) // 2 :], strict=False):
        if len(found) < pairs and (not several or labels[first] != labels[second]):
            found.append((int(first), int(second)))
    ends = np.array(found)
    x = np.asarray(test.x)
    others = np.setdiff1d(np.arange(int(odd), len(x), 2), codes.rows[ends].ravel())
    held_out = x[others].reshape(len(others), -1).astype(np.float32) / np.float32(255)
    extractor = measures.Context(generator, test, n=min(len(x), 1000)).extractor
    return Ground(generator, Nearest(codes.taught), codes.z[ends[:, 0]], codes.z[ends[:, 1]], held_out, extractor)


def choose(on: Ground, progress: Callable[[str], None] = lambda words: None) -> dict[str, Any]:
    """Return what a model's card says of its walks: the best kind, its knobs, the reason, and every kind's figures.

    Kinds a model cannot walk (no ensemble, no fog) are left out.
    """
    tried: list[tuple[str, dict[str, float], dict[str, float]]] = []
    for kind, knobs in GRID:
        if kind == "fog" and paths.members_of(on.generator) is None:
            continue
        progress(f"walking {kind} " + " ".join(f"{name} {value:g}" for name, value in knobs.items()))
        tried.append((kind, knobs, on.judge(on.walk(kind, knobs))))
    straight = tried[0][2]
    floor = on.far(np.asarray(on.generator.decode(np.concatenate([on.starts, on.ends]))))
    able = [
        one for one in tried if one[0] in CHOSEN_FROM and one[2]["length"] <= LONGEST * max(straight["length"], 1e-9)
    ]
    if not able or min(one[2]["held_out_distance"] for one in able) > LOST * floor:
        able = [one for one in tried if one[0] in CHOSEN_FROM]
    reached = [one for one in able if one[2]["held_out_distance"] <= floor]
    best = min(able or [tried[0]], key=lambda one: one[2]["held_out_distance"])
    if reached:
        best = max(reached, key=lambda one: one[2]["sharpness"])
    figures: dict[str, dict[str, Any]] = {}
    for kind, knobs, told in tried:
        if kind not in figures or (kind, knobs) == best[:2] or _better(told, figures[kind], best[0] == kind):
            figures[kind] = {**told, "knobs": knobs}
    others = {kind: told["held_out_distance"] for kind, told in figures.items() if kind != best[0]}
    listed = ", ".join(f"{value:.3f} ({kind})" for kind, value in sorted(others.items(), key=lambda item: item[1]))
    told = best[2]
    share = told["length"] / max(straight["length"], 1e-9)
    reason = (
        f"Its pictures lie {told['held_out_distance']:.3f} from held-out ones, the other kinds' {listed}, the model's "
        f"own reconstructions {floor:.3f}; its way is {share:.2f} times as long as the straight one. "
        f"{len(on.starts)} pairs."
        + (" Of the kinds that reach the reconstructions the sharpest is taken." if reached else "")
    )
    return {
        "geodesic": best[0],
        "geodesic_knobs": best[1],
        "geodesic_reason": reason,
        "walks": {"pairs": len(on.starts), "floor": floor, "kinds": figures},
    }


def _better(told: Mapping[str, Any], than: Mapping[str, Any], chosen: bool) -> bool:
    return not chosen and told["held_out_distance"] < than["held_out_distance"]


def write(folder: str | Path, facts: Mapping[str, Any]) -> None:
    """Put the choice on the card of the model in `folder`; its files stay as they are."""
    place = weights.folder_of(folder) / weights.CARD
    files.write_json(place, {**files.read_json(place), **facts})
