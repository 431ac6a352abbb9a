"""Paths: walks from one code to another, one file each.

Between two pictures there are many ways. A path is a rule that picks one: codes z(t) for t from 0 to 1, which decoded
one after the other make a film. Its worth is measured on the pictures: how long the way is, how evenly they change, and
how far from real codes it leads.

The one constraint: a path begins and ends exactly at the codes it was given, and every code on it is finite. A search
that did not converge says so and still gives a path.

What is not promised: that a shorter path has better pictures. A ruler of pixels rewards blur.

To add a path, write one file with a `card` and

    trace(start, end, steps, manifold, **knobs) -> Trace(codes, converged, notes)

with `start` and `end` codes (d,), and `manifold` a `Manifold`: `manifold.decode` where the path looks at pictures,
`manifold.near` where it looks at real codes; whoever did not give them is told so in a sentence. `straight` and
`great_circle`, closed forms, need neither; `graph` walks over roads between real codes, `density` searches downhill
from there, `pullback` and `fog` along what the decoders show (`manifold.ensemble` where there are several). A path that
is searched for offers `curves(starts, ends, manifold, **knobs)` too, for many pairs at once; one whose formula holds
past its ends offers `onward(start, end, t)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from manigen import checks
from manigen.cards import Card
from manigen.discovery import discover, find
from manigen.errors import BadInput
from manigen.nearest import Nearest, prepared
from manigen.paths import _beyond, _joints
from manigen.paths._networks import decoder_of
from manigen.paths.base import Manifold, Stopped, Trace, Walk, Watch, evened, measured

__all__ = ["MIX", "Manifold", "Stopped", "Trace", "Walk", "cards", "kind_for", "through", "walk", "walk_through"]

MIX = "+"  # between the kinds of a walk's legs, taken in turn
SMOOTH = 64  # steps of a leg, at least, by which its joints are rounded
FINER, FINE = 4, (129, 1025)  # times as many steps, from and to, by which a path is known before its steps are evened
DEFAULT = "geodesic"  # not a file of this room: the kind that a generator's card names as its best


def members_of(generator: Any) -> Any:
    """Return what gives each decoder's pictures (s, n, ...) of codes (n, d), None where there is one decoder only."""
    return getattr(generator, "members_batch", None) if getattr(generator, "members", 1) > 1 else None


def rulers_of(generator: Any) -> Mapping[str, Any]:
    """Return what lengths can be measured on beside pixels, by name: each turns pictures into flat rows."""
    return getattr(generator, "rulers", None) or {}


def cards() -> dict[str, Card]:
    """Return every kind of path's card by name."""
    return {name: module.card for name, module in discover(__name__).items()}


def kind_for(generator: Any, kind: str = DEFAULT) -> str:
    """Return the name of the path file behind `kind`; "geodesic" is what `generator.geodesic` names, else "straight".

    A mix such as "straight+geodesic" is one kind for each leg in turn. Raises `UnknownName` for a kind that is not
    there.
    """
    if not isinstance(kind, str):
        raise BadInput(f"A kind of path is given by its name, such as 'density', not by {kind!r}.")
    best = getattr(generator, "geodesic", "straight")
    names = [best if name == DEFAULT else name for name in kind.split(MIX)]
    for name in names:
        find(__name__, name)
    return MIX.join(names)


def knobs_for(generator: Any, kind: str) -> dict[str, Any]:
    """Return the knobs that were found best for `kind`, or each kind of a mix, with this generator; none by default."""
    found = getattr(generator, "walk_knobs", {})
    return {name: value for one in kind.split(MIX) for name, value in found.get(one, {}).items()}


def best_knobs(card: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the knobs that each kind measured best with, by its name, as a model's `card` tells them."""
    told = (card.get("walks") or {}).get("kinds", {})
    found = {kind: dict(told[kind].get("knobs") or {}) for kind in cards() if kind in told}
    return found | ({card["geodesic"]: dict(card.get("geodesic_knobs") or {})} if card.get("geodesic") else {})


def walk(
    generator: Any,
    start: Any,
    end: Any,
    kind: str = DEFAULT,
    steps: int = 65,
    codes: Any = None,
    even: bool = False,
    held_out: Any = None,
    beyond: float = 0.0,
    **knobs: Any,
) -> Walk:
    """Return a walk of `steps` codes from code `start` (d,) to code `end` (d,), with its length and evenness.

    `generator` is anything with `decode(z)`, or that is called itself: codes (k, d) to pictures (k, ...). A torch
    module is given tensors, all else arrays. `codes` are real codes (n, d), or a `Nearest` of them; with them the walk
    has its distance to the data, and for the same array graph and roads are prepared once. `even` spaces
    the codes so that each step changes the picture equally; `held_out` (`manigen.held_out.HeldOut`) measures how far
    the pictures are from held-out ones; `beyond`, in [0, 1], has it go on past both ends by that share of its length.
    Raises `BadInput` for codes that are not finite or not of one width, `UnknownName` for a kind that is not there,
    `ManigenError` where the decoder returns NaN.

    >>> class Plane:
    ...     def decode(self, z):
    ...         return z
    >>> way = walk(Plane(), [0.0, 0.0], [3.0, 4.0], steps=5)
    >>> way.length, way.evenness
    (5.0, 1.0)
    """
    return walk_through(generator, (start, end), kind, steps, codes, even, held_out=held_out, beyond=beyond, **knobs)


def walk_through(
    generator: Any,
    ends: Sequence[Any],
    kind: str = DEFAULT,
    steps: int = 65,
    codes: Any = None,
    even: bool = False,
    coarse: bool = False,
    held_out: Any = None,
    with_fog: bool = True,
    watch: Watch | None = None,
    beyond: float = 0.0,
    data: Any = None,
    **knobs: Any,
) -> Walk:
    """Return a walk of `steps` codes through two or more codes in turn, without corners; otherwise as `walk`.

    `kind` may name one kind for each leg: "straight+density+straight". With `coarse` a search answers at once,
    not with its best. `held_out`, such as a `manigen.held_out.HeldOut`, measures
    how far the pictures are from held-out ones; the fog along the way takes several decodes of each
    code and can be left out. `watch(stage, share)` hears how far a long search is, and
    ends it by answering False: it gives what it has, not converged, or raises `Stopped` where it has nothing. `data`
    are the codes that distances to data are told to, where these are others than the `codes` the walk goes among.
    """
    decode = decoder_of(generator)
    kind = kind_for(generator, kind)
    real = _nearest(codes)
    knobs = knobs_for(generator, kind) | knobs
    given = {"members": members_of(generator), "rulers": rulers_of(generator), "coarse": coarse, "watch": watch}
    trace = through(ends, kind, steps, decode, real, even, beyond=beyond, **given, **knobs)
    said = getattr(generator, "companions_words", "")
    if said and "fog" in kind.split(MIX):
        trace = replace(trace, notes=(*trace.notes, said))
    fog = None if members_of(generator) is None or not with_fog else getattr(generator, "fog", None)
    return measured(trace, kind, decode, real if data is None else _nearest(data), fog, held_out)


def through(
    ends: Sequence[Any],
    kind: str = "straight",
    steps: int = 65,
    decode: Any = None,
    codes: Any = None,
    even: bool = False,
    members: Any = None,
    smooth: bool = True,
    rulers: Mapping[str, Any] | None = None,
    coarse: bool = False,
    watch: Watch | None = None,
    beyond: float = 0.0,
    **knobs: Any,
) -> Trace:
    """Return `steps` codes through all the `ends` (m, d) in turn, not yet decoded: one leg after the other, joined.

    The steps are shared out evenly among the legs, so end number i lies at t = i / (m - 1), to the nearest step, and
    is met exactly. At the ends between the curve has no corners, unless `smooth` is False: see `_joints`. `kind` may
    name a kind for each leg in turn, "straight+density"; a knob goes to every kind that has one of that name. With
    `even` the steps of a leg change the picture equally, not the code. `decode` and `codes` are needed only by the
    kinds that look at pictures or at real codes, `members` (see `members_of`) by those that compare several decoders,
    `rulers` (see `rulers_of`) by those that measure lengths otherwise than on pixels. `beyond` of its length the walk
    goes on past either end, in steps of the same t that come on top of `steps`: straight on as it left, or as its kind
    has it (see `_beyond`); between the ends nothing changes.
    Raises `BadInput` for fewer than two ends, ends of different width or not finite, more ends than steps.
    """
    real = _nearest(codes)
    stops = _ends(ends, None if real is None else real.z.shape[1])
    steps = checks.count(steps, "steps", 2, 100_000)
    past = _beyond.count(beyond, steps)
    if steps < len(stops):
        raise BadInput(f"A walk through {len(stops)} ends takes at least {len(stops)} steps, not {steps}.")
    decode = None if decode is None else decoder_of(decode)
    manifold = Manifold(decode, real, members, rulers or {}, coarse, watch)
    at = np.linspace(0, steps - 1, len(stops)).round().astype(int)  # the step at which each end is met
    counts = np.diff(at) + 1
    kinds = kind.split(MIX)[: len(counts)]
    ideas = [find(__name__, kinds[leg % len(kinds)]) for leg in range(len(counts))]
    settings = _settings(ideas, knobs)
    smooth = smooth and len(stops) > 2
    every = -(-SMOOTH // (counts - 1))
    fine = np.clip(counts * FINER, *FINE) if even else (counts - 1) * every + 1 if smooth else counts
    legs: list[Any] = [None] * len(counts)
    for idea in dict.fromkeys(ideas):  # legs of one kind are searched for together
        rows = [leg for leg, other in enumerate(ideas) if other is idea]
        found = _legs(idea, stops[:-1][rows], stops[1:][rows], fine[rows], manifold, settings[idea.__name__], False)
        for row, leg in zip(rows, found, strict=True):
            legs[row] = leg
    if smooth:
        bent = _joints.smoothed([leg.codes for leg in legs])
        legs = [replace(leg, codes=codes) for leg, codes in zip(legs, bent, strict=True)]
    outer = []
    if past:
        finer = max(1, int(np.clip(past * FINER, *FINE)) // past) if even else 0
        for i, way, shift in ((0, -1, 0), (-1, 1, 1)):
            t = shift + way * np.arange(1, past + 1) / (counts[i] - 1)
            outer.append(_beyond.leg(ideas[i], stops[:-1][i], stops[1:][i], legs[i], t, finer, manifold))
    if even:
        legs = [evened(leg, int(count), manifold) for leg, count in zip(legs, counts, strict=True)]
    elif smooth:
        legs = [_each(leg, int(step)) for leg, step in zip(legs, every, strict=True)]
    whole = _one(legs, at, stops.shape[1])
    return _beyond.joined(whole, *outer) if outer else whole


def _settings(ideas: Sequence[Any], knobs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what each of several kinds is set to: a knob goes to all that have it, and to the first if none has."""
    known = {idea.__name__: {knob.name for knob in idea.card.knobs} for idea in ideas}
    nobodys = {name: value for name, value in knobs.items() if not any(name in owned for owned in known.values())}
    return {
        idea.__name__: idea.card.settings(
            nobodys | {name: value for name, value in knobs.items() if name in known[idea.__name__]}
        )
        for idea in ideas
    }


def _each(leg: Trace, step: int) -> Trace:
    """Return every `step`-th code of a leg; a step lies on an invented road where any part of it does."""
    roads = None if leg.bridges is None else np.any(leg.bridges.reshape(-1, step), axis=1)
    return replace(leg, codes=leg.codes[::step], bridges=roads)


def _one(legs: Sequence[Trace], at: np.ndarray, dim: int) -> Trace:
    """Return legs that meet at the steps `at` as one path."""
    line = np.empty((at[-1] + 1, dim), np.float32)
    notes: list[str] = []
    bridges: np.ndarray | None = None
    for leg, first, last in zip(legs, at[:-1], at[1:], strict=True):
        line[first : last + 1] = leg.codes
        notes += [note for note in leg.notes if note not in notes]
        if leg.bridges is not None:
            bridges = np.zeros(at[-1], bool) if bridges is None else bridges
            bridges[first:last] = leg.bridges
    residuals = [leg.residual for leg in legs if leg.residual is not None]
    converged = all(leg.converged for leg in legs)
    return Trace(line, converged, tuple(notes), max(residuals, default=None), bridges)


def between(
    starts: Any,
    ends: Any,
    kind: str = "straight",
    steps: int = 65,
    decode: Any = None,
    codes: Any = None,
    even: bool = False,
    members: Any = None,
    rulers: Mapping[str, Any] | None = None,
    coarse: bool = False,
    **knobs: Any,
) -> list[Trace]:
    """Return a path from each of `starts` (m, d) to its one of `ends` (m, d), searched for together.

    Otherwise as `through`.
    """
    real = _nearest(codes)
    first = checks.codes(starts, None if real is None else real.z.shape[1], "the starts of walks")
    last = checks.codes(ends, first.shape[1], "the ends of walks")
    if len(first) != len(last):
        raise BadInput(f"Every start needs its end: there are {len(first)} and {len(last)}.")
    if MIX in kind:
        raise BadInput(f"From one code to another there is one leg, and so one kind of path, not {kind}.")
    idea = find(__name__, kind)
    counts = np.full(len(first), checks.count(steps, "steps", 2, 100_000))
    decode = None if decode is None else decoder_of(decode)
    manifold = Manifold(decode, real, members, rulers or {}, coarse)
    return _legs(idea, first, last, counts, manifold, idea.card.settings(knobs), even)


def _legs(
    idea: Any,
    starts: np.ndarray,
    ends: np.ndarray,
    steps: np.ndarray,
    manifold: Manifold,
    settings: dict[str, Any],
    even: bool,
) -> list[Trace]:
    if even:
        fine = _legs(idea, starts, ends, np.clip(steps * FINER, *FINE), manifold, settings, False)
        return [evened(trace, int(count), manifold) for trace, count in zip(fine, steps, strict=True)]
    pairs = list(zip(starts, ends, (int(count) for count in steps), strict=True))
    if not hasattr(idea, "curves"):
        return [idea.trace(start, end, count, manifold, **settings) for start, end, count in pairs]
    curves = idea.curves(starts, ends, manifold, **settings)
    return [curve.trace(start, end, count) for curve, (start, end, count) in zip(curves, pairs, strict=True)]


def _nearest(codes: Any) -> Nearest | None:
    return codes if codes is None or isinstance(codes, Nearest) else prepared(codes)


def _ends(ends: Sequence[Any], dim: int | None) -> np.ndarray:
    rows = [checks.codes(end, dim, "the ends of a walk") for end in ends]
    if len(rows) < 2 or any(len(row) != 1 for row in rows):
        raise BadInput("A walk needs two ends or more, each one code (d,).")
    if len({row.shape[1] for row in rows}) > 1:
        widths = " and ".join(str(width) for width in sorted({row.shape[1] for row in rows}))
        raise BadInput(f"The ends of a walk must be codes of one width, not of {widths} numbers.")
    return np.concatenate(rows)
