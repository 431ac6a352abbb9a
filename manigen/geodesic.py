"""The choice of a geodesic: every kind of path is walked between held-out pictures, and the best is the model's own.

    score = mean distance of the middle of the walk to the third-nearest held-out picture, in grey levels (L2)

A blurred picture is near to everything, so the score stands beside sharpness and beside how sure a classifier is; and a
long detour past many real pictures would be near to all of them, so no walk is chosen that is more than `LONGEST` times
as long as the straight one, unless all of those leave the data altogether (`LOST`).
The floor is what the model's own reconstructions of the ends score, or its draws where it reads no pictures. Sharpness
is also told in units of the three held-out pictures nearest to each: two digits drawn over each other have more edges
than either, a thin one has few, and neither is a matter of blur.

Nearer than the floor is no nearer: of kinds that reach it, the one is taken that leads straight line, great circle,
graph and pull-back by most,

    mean over the others of  min(nearer, sharper, surer, c),     c = `LEAD` sqrt(`PAIRS_OF_LEAD` / pairs)

each as a share: less distance, more sharpness, less doubt (1 - confidence), where there are classes. It has to be ahead
in all three at once, and what is ahead by more than chance needs no more: the more pairs, the less is left to chance.
Of equals the one with the largest sum of confidence and of sharpness in units of the straight line's is taken. A kind
of whose searches more than a quarter do not come to rest is not taken. The graph, a chain of chords between codes that
happen to be there, is taken only where no search does better, or all short ways leave the data. The fog of companions,
which first have to be fitted, is no model's own.

It is chosen on a part of the training pictures that is kept back: their codes are on no road, and no walk among the
others has seen them. What the card then says of every kind is measured on even rows of the test split, on which nothing
was chosen; a benchmark takes the odd ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from manigen import measures, paths, seeds, weights
from manigen.errors import BadInput, NotPossible
from manigen.held_out import HeldOut
from manigen.measures.sharpness import steep, steepness
from manigen.nearest import Nearest
from manigen.paths.base import PIXELS, RULERS, Manifold, evened

PAIRS, FRAMES, SEEN = 24, 33, 9  # walks of each kind, codes of a walk, and pictures of its middle half that are judged
FINE = 4 * FRAMES  # codes by which a walk is known before its steps are evened
LONGEST = 1.5  # times the straight walk's length that the chosen kind's may have at most
LOST = 2.0  # times the floor: where no short walk comes as near, as across the circle of lines, all lengths will do
FEWEST = 64  # held-out pictures, below which a choice would be chance
RESTLESS = 0.25  # of a kind's searches that may fail to come to rest
PLAIN = ("straight", "great_circle", "graph", "pullback")  # the kinds that the chosen one should be ahead of
LEAD, PAIRS_OF_LEAD = 0.03, 48  # the share from which on a lead is no better: of so many pairs, less may be chance
DRAWS = "draws"
KEPT = 5  # of the training pictures with codes every so many are kept back to choose on
JUDGES = 5000  # of the pictures that judge a choice, at most


def _fear(width: float, hill: float = 6.25) -> float:
    """The fear with which slowness grows by `hill` with the squared distance to the nearest code, for bells so wide."""
    return float(f"{hill * width**2:.2g}")


def _dense(width: float, hill: float = 6.25, lift: float = 0.0) -> tuple[str, dict[str, Any]]:
    return _dense_of(_fear(width, hill), width, lift)


def _dense_of(fear: float, width: float, lift: float) -> tuple[str, dict[str, Any]]:
    """A density geodesic as it stands in a grid; a lift of nothing is not told of."""
    told = {"fear": float(f"{fear:.3g}"), "bandwidth": float(f"{width:.3g}")}
    return "density", {**told, **({"lift": round(lift, 4)} if lift else {})}


NARROW = {"caution": 0.36, "bandwidth": 0.2}  # a fear with the narrow bell that serves the density geodesic best
GRID: tuple[tuple[str, dict[str, Any]], ...] = (
    ("straight", {}),
    ("great_circle", {}),
    ("graph", {}),
    *(("pullback", {"ruler": ruler}) for ruler in RULERS),
    *(("pullback", {"ruler": ruler, "caution": fear}) for ruler in ("features", "encoder") for fear in (1.0, 2.0)),
    ("pullback", {"ruler": "features", **NARROW}),
    ("fog", {}),
    ("fog", NARROW),
    *(
        _dense(width, hill)
        for width in (0.15, 0.2, 0.25, 0.3, 0.4, 0.6)
        for hill in (4.0, 6.25, 9.0)  # how steeply slowness grows with the squared distance to the nearest code
    ),
    *(_dense(0.25, hill, lift) for hill in (4.0, 6.25) for lift in (0.25, 0.5)),
    *(
        _dense(width, hill, lift)
        for width in (0.4, 0.8)
        for hill in (2.0, 2.5, 3.1, 4.0)
        for lift in (0.75, 1.0, 1.25, 1.5)
    ),
    ("density", {"fear": 4.0, "bandwidth": 0.5}),
)
QUICK = tuple(  # without what takes longest and was never the best where it was measured
    (kind, knobs) for kind, knobs in GRID if kind != "fog" and (kind != "pullback" or knobs == {"ruler": PIXELS})
)
BRIEF = (  # for a model that was only just trained: half a minute of one core
    *(one for one in QUICK if one[0] != "density"),
    *(_dense(width) for width in (0.15, 0.25, 0.4, 0.6)),
    *(_dense(0.4, 3.1, lift) for lift in (0.75, 1.25)),
)
# about a choice: times its bandwidth, times its fear, more than its lift; then about the choice made of these
NEARBY = (0.8, 1.0, 1.25, 1.6), (0.89, 1.0, 1.12), (-0.125, 0.0, 0.125)
NEARER = (1.0,), (0.89, 0.943, 1.0, 1.06, 1.12), (-0.0625, 0.0, 0.0625)
AS_SLOW = 2.5  # the power of the bandwidth with which a fear has to grow for walks to stay about as long
SEARCHED = ("density", "fog", "pullback")
Tried = tuple[str, dict[str, Any], dict[str, float]]  # a kind, its knobs, and what its walks are worth


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
        """Return a path of `kind` between each pair of ends, in many codes, at its own speed."""
        generator, members = self.generator, paths.members_of(self.generator)
        starts, ends = self.starts[:pairs], self.ends[:pairs]
        rulers = paths.rulers_of(generator)
        return paths.between(starts, ends, kind, FINE, generator.decode, self.taught, False, members, rulers, **knobs)

    def evened(self, ways: list[paths.Trace], seen: list[np.ndarray] | None = None) -> list[paths.Trace]:
        """Return the same paths in few codes, their pictures, as `seen` (n, pixels) of each, changing evenly."""
        seen = self.seen_along(ways) if seen is None else seen
        return [evened(way, FRAMES, self.decoder, own) for way, own in zip(ways, seen, strict=True)]

    def seen_along(self, ways: list[paths.Trace]) -> list[np.ndarray]:
        """Return the pictures (n, pixels) of every code of each walk."""
        return [self.decoder.look(way.codes) for way in ways]

    @cached_property
    def decoder(self) -> Manifold:
        return Manifold(self.generator.decode)

    @property
    def floor(self) -> float:
        """What the model's own reconstructions of the ends score."""
        return self.far(self.reconstructed)

    @property
    def reconstructed(self) -> np.ndarray:
        """The model's own reconstructions (2 k, c, h, w) of the ends, or its draws."""
        return np.asarray(self.generator.decode(np.concatenate([self.starts, self.ends])))

    def pictures(self, ways: list[paths.Trace]) -> np.ndarray:
        """Return the pictures (k, frames, c, h, w) along k walks."""
        return np.stack([np.asarray(self.generator.decode(way.codes)) for way in ways])

    def judge(self, ways: list[paths.Trace], own: list[np.ndarray] | None = None) -> dict[str, float]:
        """Return what walks are worth, their pictures changing evenly, and how even they were: means over pairs.

        `own` are their pictures as they are, of `seen_along`, where those were taken before.
        """
        own = self.seen_along(ways) if own is None else own
        x = self.pictures(self.evened(ways, own))
        middle = np.linspace(FRAMES // 4, FRAMES - 1 - FRAMES // 4, SEEN).round().astype(int)
        seen = x[:, middle].reshape(-1, *x.shape[2:])
        told = {
            **self.looks(seen),
            "length": float(np.linalg.norm(np.diff(x.reshape(*x.shape[:2], -1), axis=1), axis=2).sum(axis=1).mean()),
            "evenness": float(np.mean([even(pictures) for pictures in own])),
            "not_converged": float(np.mean([not way.converged for way in ways])),
        }
        if self.extractor.classes:
            sure = self.extractor.sure(self.extractor.of(seen)).reshape(len(ways), SEEN)
            told |= {"confidence": float(sure.mean()), "lowest_confidence": float(sure.min(axis=1).mean())}
        return told

    def looks(self, x: np.ndarray) -> dict[str, float]:
        """Return how near pictures x (n, c, h, w) are to held-out ones, how sharp, and how sharp beside the nearest."""
        kin, far = self.pictures_held_out.kin(x)
        real, sharp = self.real_steepness[kin].mean(), steepness(x)
        return {
            "held_out_distance": float(far.mean(dtype=np.float64)),
            "sharpness": sharp,
            "sharpness_ratio": float(sharp / max(real, 1e-12)),
        }

    @cached_property
    def pictures_held_out(self) -> HeldOut:
        return HeldOut(self.held_out)

    @cached_property
    def real_steepness(self) -> np.ndarray:
        """How steep each held-out picture is, (n,)."""
        return steep(self.held_out.reshape(-1, *self.generator.shape))

    def far(self, x: np.ndarray) -> float:
        """Return the mean distance of pictures x (n, c, h, w) to the third-nearest held-out one."""
        return float(self.pictures_held_out.far(x).mean(dtype=np.float64))


def even(x: np.ndarray) -> float:
    """Return how evenly pictures x (k, pixels) change, in (0, 1]: length squared over energy, 1 at constant speed.

    >>> even(np.array([[0.0], [1.0], [2.0]])), round(even(np.array([[0.0], [1.0], [3.0]])), 2)
    (1.0, 0.9)
    """
    steps = np.linalg.norm(np.diff(x, axis=0), axis=1)
    return float(steps.sum() ** 2 / max(len(steps) * np.square(steps).sum(), 1e-12)) if steps.any() else 1.0


def ground(
    generator: Any,
    codes: weights.Codes,
    images: Any,
    pairs: int = PAIRS,
    seed: int = 0,
    odd: bool = False,
    kept_back: bool = False,
) -> Ground:
    """Return `pairs` of held-out codes of different classes, where there are classes, and the pictures to judge by.

    `images` are those of the test split, of which the even or the `odd` rows are taken; with `kept_back` those of the
    train split, of which every fifth with a code is an end or judges, and so do others that have none.
    A model that reads no pictures is walked between draws of its own that are on no road: half of every fifth to choose
    on, the other half to show.
    Raises `NotPossible` where too few are held out.
    """
    draws = not (codes.split < 2).any()
    if draws:
        rows = np.flatnonzero(codes.rows % (2 * KEPT) == (0 if kept_back else KEPT))
        taught = codes.z[codes.rows % KEPT != 0]
        judges = np.arange(len(images)) if kept_back else np.arange(int(odd), len(images), 2)
        judges = np.sort(seeds.numpy_stream(seed, 6).permutation(judges)[:JUDGES])
    elif kept_back:
        rows = np.flatnonzero((codes.split == 0) & (codes.rows % KEPT == 0))
        taught = codes.z[(codes.split == 0) & (codes.rows % KEPT != 0)]
        judges = np.setdiff1d(np.arange(len(images)), codes.rows[(codes.split == 0) & (codes.rows % KEPT != 0)])
        judges = np.sort(seeds.numpy_stream(seed, 6).permutation(judges)[:JUDGES])
    else:
        rows, taught = np.flatnonzero((codes.split == 1) & (codes.rows % 2 == int(odd))), codes.taught
        judges = np.arange(int(odd), len(images), 2)
    if len(rows) < FEWEST or not len(taught):
        raise NotPossible(
            "A geodesic is chosen between held-out pictures, or draws, and this model has too few codes of such."
        )
    order = seeds.numpy_stream(seed, 5).permutation(rows)
    labels = codes.labels
    several = len(np.unique(labels[rows])) > 1
    found: list[tuple[int, int]] = []
    for first, second in zip(order[: len(order) // 2], order[len(order) // 2 :], strict=False):
        if len(found) < pairs and (not several or labels[first] != labels[second]):
            found.append((int(first), int(second)))
    ends = np.array(found)
    x = np.asarray(images.x)
    others = judges if draws else np.setdiff1d(judges, codes.rows[ends].ravel())
    held_out = x[others].reshape(len(others), -1).astype(np.float32) / np.float32(255)
    extractor = measures.Context(generator, images, n=min(len(x), 1000)).extractor
    return Ground(generator, Nearest(taught), codes.z[ends[:, 0]], codes.z[ends[:, 1]], held_out, extractor)


def choose(
    on: Ground,
    shown: Ground | None = None,
    progress: Callable[[str], None] = lambda words: None,
    grid: Iterable[tuple[str, dict[str, Any]]] = GRID,
    longest: float = LONGEST,
) -> dict[str, Any]:
    """Return what a model's card says of its walks: the best kind, its knobs, the reason, and every kind's figures.

    The kind and its knobs are chosen from the `grid`, whose first is the straight line, `on` one ground; the figures
    are those on the ground that is `shown`, where one is given, else on the same. No walk is chosen that is more than
    `longest` times the straight one's length. Kinds a model cannot walk (no ensemble, no fog; no critic, no ruler of
    one) are left out.
    """
    tried = []
    for kind, knobs in grid:
        if able(on.generator, kind, knobs):
            progress(f"walking {kind} " + " ".join(f"{name} {value}" for name, value in knobs.items()))
            tried.append((kind, knobs, on.judge(on.walk(kind, knobs))))
    rule = Rule(on.floor, len(on.starts), longest)
    best = rule.best(tried)
    settings: dict[str, dict[str, Any]] = {}  # of every kind those that did best
    figures: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(named(kind, knobs) for kind, knobs, _ in tried):
        some = [one for one in tried if named(*one[:2]) == name]
        kind, knobs, told = best if best in some else rule.best_of(some, tried)
        figures[name], settings[name] = {**told, "knobs": knobs}, {"kind": kind, "knobs": knobs}
    if shown is not None:
        for name, chosen in settings.items():
            progress(f"showing {name}")
            figures[name] = {**shown.judge(shown.walk(chosen["kind"], chosen["knobs"])), "knobs": chosen["knobs"]}
    ground_of_figures = shown or on
    return {
        "geodesic": best[0],
        "geodesic_knobs": best[1],
        "geodesic_reason": _reason(named(*best[:2]), figures, ground_of_figures, shown is not None),
        "walks": {
            "pairs": len(ground_of_figures.starts),
            "floor": ground_of_figures.floor,
            "reconstructions": ground_of_figures.looks(ground_of_figures.reconstructed),
            "kinds": figures,
        },
    }


def around(
    kind: str, knobs: Mapping[str, Any], steps: tuple[tuple[float, ...], ...] = NEARBY
) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return a grid of the plain kinds and what lies about a choice, to choose there more closely, on more pairs.

    Of a density geodesic that is its bandwidth and its fear, times each of the first two `steps`, and its lift, more by
    each of the third. A fear grows with the bandwidth, so that walks stay about as long.

    >>> len(around("great_circle", {})), len(around("density", {"fear": 0.5, "bandwidth": 0.4, "lift": 1.0}))
    (4, 40)
    """
    plain: list[tuple[str, dict[str, Any]]] = [
        (name, {"ruler": PIXELS} if name == "pullback" else {}) for name in PLAIN
    ]
    near: list[tuple[str, dict[str, Any]]] = [(kind, dict(knobs))]
    if kind == "density":
        near = [
            _dense_of(knobs["fear"] * times * wider**AS_SLOW, knobs["bandwidth"] * wider, knobs.get("lift", 0.0) + more)
            for wider in steps[0]
            for times in steps[1]
            for more in steps[2]
        ]
    return (*plain, *(one for one in near if one not in plain and within(*one)))


def within(kind: str, knobs: Mapping[str, Any]) -> bool:
    """Say whether each knob of a kind lies in its range."""
    for knob in paths.cards()[kind].knobs:
        try:
            knob.check(knobs.get(knob.name, knob.default))
        except BadInput:
            return False
    return True


def floor_of(generator: Any) -> str:
    """Return what the floor is the distance of: of a model that reads no pictures there are no reconstructions."""
    return "reconstructions" if getattr(generator, "encodes", True) else DRAWS


def able(generator: Any, kind: str, knobs: Mapping[str, Any]) -> bool:
    """Say whether a model can walk a kind so: fog takes an ensemble, a ruler what it measures with, both a gradient."""
    if kind in ("fog", "pullback") and not getattr(generator, "differentiable", True):
        return False
    if kind == "fog":
        return paths.members_of(generator) is not None
    return knobs.get("ruler", PIXELS) in {PIXELS, *paths.rulers_of(generator)}


def named(kind: str, knobs: Mapping[str, Any]) -> str:
    """Return under which name a kind's figures stand: with its ruler, where that is not pixels.

    >>> named("pullback", {"ruler": "critic"}), named("pullback", {"ruler": "features", "caution": 1.0})
    ('pullback, critic', 'pullback, features, cautious')
    """
    ruler = knobs.get("ruler", PIXELS)
    words = [kind, *([ruler] if ruler != PIXELS else []), *(["cautious"] if knobs.get("caution") else [])]
    return ", ".join(words)


@dataclass(frozen=True)
class Rule:
    """What makes of kinds that were tried the best, the first of them the straight line; see above."""

    floor: float
    pairs: int = PAIRS_OF_LEAD
    longest: float = LONGEST

    def best(self, tried: list[Tried]) -> Tried:
        """The nearest to held-out pictures of those not too long; of those at the floor the one that leads by most."""
        rested = _rested(tried)
        able = [one for one in rested if one[0] != "graph" and self._short(one, tried)]
        distances = [one[2]["held_out_distance"] for one in able]
        if not any(one[0] in SEARCHED for one in able) or min(distances) > LOST * self.floor:
            able = rested or [tried[0]]
        return self._nearest_or_leading(able, tried)

    def best_of(self, some: list[Tried], tried: list[Tried]) -> Tried:
        """The same of one kind only, which has nothing to fall back to: of those too long or restless if all are."""
        able = _rested(some) or some
        return self._nearest_or_leading([one for one in able if self._short(one, tried)] or able, tried)

    def _short(self, one: Tried, tried: list[Tried]) -> bool:
        return one[2]["length"] <= self.longest * max(tried[0][2]["length"], 1e-9)

    def _nearest_or_leading(self, able: list[Tried], tried: list[Tried]) -> Tried:
        reached = [one for one in able if one[2]["held_out_distance"] <= self.floor]
        if not reached:
            return min(able, key=lambda one: one[2]["held_out_distance"])
        plain = [told for kind, knobs, told in tried if named(kind, knobs) in PLAIN]
        crisp = max(tried[0][2]["sharpness"], 1e-12)
        most = LEAD * (PAIRS_OF_LEAD / self.pairs) ** 0.5

        def worth(one: Tried) -> tuple[float, float]:
            told = one[2]
            leads = [min(lead(told, other), most) for other in plain if other is not told]
            return round(sum(leads) / max(len(leads), 1), 6), told.get("confidence", 0.0) + told["sharpness"] / crisp

        return max(reached, key=worth)


def _rested(tried: list[Tried]) -> list[Tried]:
    return [one for one in tried if one[2].get("not_converged", 0) <= RESTLESS]


def lead(told: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return by what share walks are nearer, sharper and surer than others, whichever is the least.

    >>> near, far = {"held_out_distance": 4.5, "sharpness": 0.11}, {"held_out_distance": 5.0, "sharpness": 0.1}
    >>> round(lead(near, far), 3), round(lead(far, near), 3), lead(near, near)
    (0.1, -0.111, 0.0)
    """
    leads = [
        1 - told["held_out_distance"] / max(other["held_out_distance"], 1e-12),
        told["sharpness"] / max(other["sharpness"], 1e-12) - 1,
    ]
    if "confidence" in told:
        leads.append(1 - (1 - told["confidence"]) / max(1 - other["confidence"], 1e-12))
    return min(leads)


def _reason(best: str, figures: Mapping[str, Mapping[str, Any]], on: Ground, unseen: bool) -> str:
    told, floor = figures[best], on.floor
    others = {name: one["held_out_distance"] for name, one in figures.items() if name != best}
    listed = ", ".join(f"{value:.3f} ({name})" for name, value in sorted(others.items(), key=lambda item: item[1]))
    share = told["length"] / max(figures["straight"]["length"], 1e-9)
    drawn = floor_of(on.generator) == DRAWS
    kept = "between other draws" if drawn else "on training pictures that were kept back"
    over = [name for name in PLAIN if name in figures and lead(told, figures[name]) > 0]
    at_once = "nearer, sharper and surer" if "confidence" in told else "nearer and sharper"
    return (
        f"Its pictures lie {told['held_out_distance']:.3f} from held-out ones, the other kinds' {listed}, the model's "
        f"own {floor_of(on.generator)} {floor:.3f}; its way is {share:.2f} times as long as the straight one. "
        f"{len(on.starts)} pairs."
        + (f" It is {at_once} at once than {', '.join(over)}." if over else "")
        + (f" It was chosen {kept}." if unseen else "")
    )


def write(folder: str | Path, facts: Mapping[str, Any]) -> None:
    """Put the choice on the card of the model in `folder`; its files stay as they are."""
    with weights.changing_card(folder) as card:
        card |= facts
