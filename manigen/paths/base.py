"""What every path shares: what it is told of the manifold, what it answers, and the numbers of a walk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from manigen.errors import BadInput, ManigenError
from manigen.nearest import EDGE, NEAR, Nearest

Decode = Callable[[Any], Any]
Watch = Callable[[str, float], bool]  # hears a stage of a search and its share done, in [0, 1]; False ends the search
ROADS, DESCENT = "roads", "descent"  # the stages
PIXELS = "pixels"
RULERS = {  # what lengths can be measured on
    PIXELS: "pixels",
    "features": "the features of a classifier: none was trained for its data",
    "encoder": "the encoder's code of the picture: it has no encoder",
    "critic": "a critic's features: it was trained without one",
}


class Stopped(ManigenError):
    """A search was asked to stop before it had a path to show."""

    stopped = True


@dataclass(frozen=True)
class Manifold:
    """What a path may know of the manifold it crosses: the decoder, and the real codes, where there are any.

    `decode` turns codes (k, d) into pictures (k, ...); `near` finds the real codes nearest to any; `look` gives the
    pictures as flat rows (k, pixels). `members` turns codes into the pictures (s, k, ...) of each decoder of an
    ensemble. `rulers` turn pictures into what lengths may be measured on instead of pixels; `measure` gives one by its
    name. `coarse` asks a search for a first answer at once; one that takes long tells `watch` how far it is, and stops
    where that answers False. Asking for what was not given raises `BadInput` with a sentence.
    """

    decoder: Decode | None = None
    real: Nearest | None = None
    members: Decode | None = None
    rulers: Mapping[str, Decode] = field(default_factory=dict)
    coarse: bool = False
    watch: Watch | None = None

    def goes_on(self, stage: str, share: float) -> bool:
        """Tell how far a search is; say whether it is to go on."""
        return self.watch is None or self.watch(stage, share)

    @property
    def decode(self) -> Decode:
        if self.decoder is None:
            raise BadInput("This kind of path needs a generator that decodes; none was given.")
        return self.decoder

    @property
    def near(self) -> Nearest:
        if self.real is None:
            raise BadInput("This kind of path needs the codes of real pictures to walk among: give codes=z.")
        return self.real

    @property
    def ensemble(self) -> Decode:
        if self.members is None:
            raise BadInput(
                "Fog needs a model with several decoders; this one has one, which cannot disagree with itself."
            )
        return self.members

    def measure(self, ruler: str) -> Decode:
        """Return what turns codes (k, d) into what a ruler measures lengths on."""
        decode = self.decode
        if ruler == PIXELS:
            return decode
        if ruler not in self.rulers:
            known = ", ".join([PIXELS, *self.rulers])
            raise BadInput(f"This model's walks cannot be measured by {RULERS[ruler]}; the rulers it has: {known}.")
        of = self.rulers[ruler]
        return lambda z: of(decode(z))

    def look(self, z: np.ndarray, what: str = "") -> np.ndarray:
        """Return the pictures of codes z (k, d) as flat float64 rows (k, pixels)."""
        return pictures(self.decode, z, what or STEP)


@dataclass(frozen=True)
class Trace:
    """A path before it is walked: codes (k, d) float32 from one end to the other, t = 0 to 1 in equal steps.

    `converged` is False where a search for the path had to stop early; `residual` is then, and always after a search,
    the share of the path's energy that one more step could still have saved, else None. `bridges` (k - 1,) bool says
    which steps lie on a road that no data show, None where the kind knows no roads. `notes` are sentences on what was
    adjusted. `velocities` (2, d) say how fast it leaves its start and arrives at its end, for each unit of t, None
    where only its codes tell. The first `past` codes lie before its start and the last as many after its end, at the
    same steps of t.
    """

    codes: np.ndarray
    converged: bool = True
    notes: tuple[str, ...] = ()
    residual: float | None = None
    bridges: np.ndarray | None = None
    velocities: np.ndarray | None = None
    past: int = 0


@dataclass(frozen=True, eq=False)
class Curve:
    """A path as a search finds it: `knots` (m, d) float64 at positions `at` (m,), which rise from 0 to 1.

    Between knots it runs straight, or where `smooth` along a cubic spline; the rest is as in `Trace`, `bridges`
    (m - 1,) for the stretch after each knot but the last.
    """

    knots: np.ndarray
    at: np.ndarray
    smooth: bool = False
    converged: bool = True
    notes: tuple[str, ...] = ()
    residual: float | None = None
    bridges: np.ndarray | None = None

    def trace(self, start: np.ndarray, end: np.ndarray, steps: int) -> Trace:
        """Return `steps` codes at equal steps of t, the ends to the last bit."""
        t = np.linspace(0, 1, steps)
        if self.smooth and len(self.knots) > 2:
            from scipy.interpolate import CubicSpline

            spline = CubicSpline(self.at, self.knots)
            codes, velocities = spline(t), spline([0.0, 1.0], 1)
        else:
            first, last = np.diff(self.knots[[0, 1, -2, -1]], axis=0)[::2]
            took = np.maximum(np.diff(self.at)[[0, -1]], 1e-300)
            velocities = np.stack([first, last]) / took[:, None]
            codes = np.stack([np.interp(t, self.at, column) for column in self.knots.T], axis=1)
        codes = codes.astype(np.float32)
        codes[0], codes[-1] = start, end
        roads = None
        if self.bridges is not None:
            middle = np.searchsorted(self.at, (t[1:] + t[:-1]) / 2, "right") - 1
            roads = self.bridges[np.clip(middle, 0, len(self.bridges) - 1)]
        return Trace(codes, self.converged, self.notes, self.residual, roads, velocities)


@dataclass(frozen=True)
class Walk:
    """A path and what it is worth: the codes and, measured on the decoded pictures, how long and how even it is.

    `codes` (k, d) float32; `kind` the path's name; `steps` (k-1,) float64, the L2 distances between consecutive
    pictures, flattened, pixels in [0, 1]; `distance_to_data` (k,) float32, each code's distance to the nearest real
    one, 1 being as far as real codes lie from one another, or None where no codes were given; `held_out_distance` (k,)
    each picture's to held-out ones, where those were given; `fog` (k,) in grey levels, where the generator has several
    decoders; `converged`, `residual`, `bridges`, `notes` and `past` as in `Trace`. A walk that goes on past its ends is
    told of there too, code by code; length, energy and evenness are of the way between the ends only.
    """

    codes: np.ndarray
    kind: str
    steps: np.ndarray
    distance_to_data: np.ndarray | None = None
    converged: bool = True
    notes: tuple[str, ...] = ()
    residual: float | None = None
    bridges: np.ndarray | None = None
    held_out_distance: np.ndarray | None = None
    fog: np.ndarray | None = None
    past: int = 0

    @property
    def t(self) -> np.ndarray:
        """Where on the walk each code lies (k,): 0 at its first end, 1 at its last."""
        return (np.arange(len(self.codes)) - self.past) / (len(self.codes) - 2 * self.past - 1)

    def between(self, along: np.ndarray) -> np.ndarray:
        """Return the part between the ends of what is told of every code (k, ...), or of every step (k - 1, ...)."""
        return along[self.past : len(along) - self.past]

    @property
    def length(self) -> float:
        """How far the picture changes along the way: sum_i |x_{i+1} - x_i|, in units of a fully changed pixel."""
        return float(self.between(self.steps).sum())

    @property
    def energy(self) -> float:
        """The effort of walking it in unit time: (k - 1) sum_i |x_{i+1} - x_i|^2, at least the length squared."""
        steps = self.between(self.steps)
        return float(len(steps) * (steps**2).sum())

    @property
    def evenness(self) -> float:
        """How evenly the picture changes, in (0, 1]: length^2 / energy, which is 1 at constant speed and 1 standing."""
        return min(self.length**2 / self.energy, 1.0) if self.energy else 1.0

    def facts(self, floor: float | None = None, ruler: str = PIXELS) -> dict[str, str]:
        """Return the walk's numbers for a reader: by what they are, in words and on pixels, whatever `ruler` was used.

        `floor` is what the generator's own reconstructions score beside `held_out_distance`. What was not measured is
        left out.
        """
        told = {"length": f"{self.length:.1f}", "energy": f"{self.energy:.4g}", "evenness": f"{self.evenness:.0%}"}
        if ruler != PIXELS:
            told["searched by"] = f"{ruler}; length, energy and evenness are on pixels"
        if self.distance_to_data is not None:
            told["distance to data"] = f"{self.between(self.distance_to_data).max():.2f} × at most"
        if self.held_out_distance is not None:
            beside = "" if floor is None else f" (its own reconstructions {floor:.2f})"
            told["distance to held-out pictures"] = f"{self.between(self.held_out_distance).mean():.2f}{beside}"
        if self.fog is not None:
            told["fog"] = f"{self.between(self.fog).mean():.3f}"
        told["search"] = "converged" if self.converged else "stopped early"
        if self.residual is None:
            told["search"] = "exact" if self.converged else "not converged"
        elif np.isfinite(self.residual):
            told["search"] += f", residual {f'{self.residual:.2%}' if self.residual >= 1e-4 else 'under 0.01%'}"
        if self.bridges is not None and self.bridges.any():
            told["invented roads"] = f"{self.between(self.bridges).mean():.0%} of its steps"
        if self.past:
            told["these numbers"] = "of the way between the ends"
        return told


def measured(
    trace: Trace,
    kind: str,
    decode: Decode,
    real: Nearest | None = None,
    fog: Callable[[np.ndarray], Any] | None = None,
    held_out: Any = None,
) -> Walk:
    """Return the walk along a trace, its pictures decoded and measured; `ManigenError` where one is not finite.

    `held_out` says with `far(x)` how far pictures are from held-out ones, `fog` how much decoders disagree at codes.
    """
    x = pictures(decode, trace.codes)
    steps = np.linalg.norm(np.diff(x, axis=0), axis=1)
    far = None if real is None else real.how_far(trace.codes)
    notes = trace.notes if steps.any() else (*trace.notes, STILL)
    if far is not None and trace.bridges is None and _tips(far, trace.past).max() > EDGE:
        notes = (*notes, OFF.format(far=f"{_tips(far, trace.past).max():.2f}"))
    if trace.past:
        notes = (*notes, past_ends(far, trace.past))
    apart = None if held_out is None else held_out.far(x)
    thick = None if fog is None else np.asarray(fog(trace.codes))
    found = Walk(trace.codes, kind, steps, far, trace.converged, notes, trace.residual, trace.bridges, apart, thick)
    return replace(found, past=trace.past)


def _tips(far: np.ndarray, past: int) -> np.ndarray:
    """What is told of every code (k,), at the two ends only."""
    return far[[past, len(far) - 1 - past]]


def past_ends(far: np.ndarray | None, past: int) -> str:
    """Return a sentence on how far from data (k,) a walk gets in the first and the last `past` of its codes."""
    if far is None:
        return UNKNOWN
    most = float(np.concatenate([far[:past], far[-past:]]).max())
    return (STAYS if most <= NEAR else LEAVES if most <= EDGE else GUESSES).format(far=f"{most:.2f}")


def evened(trace: Trace, steps: int, manifold: Manifold, seen: np.ndarray | None = None) -> Trace:
    """Return the same path in `steps` codes between which the picture changes equally.

    The pictures of its codes (n, pixels) are decoded, unless they are given as `seen`.
    Where the picture stands still all along, nothing is changed but the number of codes.
    """
    x = manifold.look(trace.codes) if seen is None else seen
    spent = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(x, axis=0), axis=1))])
    index = np.arange(len(spent), dtype=np.float64)
    spent += index * (1e-9 * spent[-1] or 1.0)  # it rises everywhere, however little
    at = np.interp(np.linspace(0, spent[-1], steps), spent, index)
    codes = np.stack([np.interp(at, index, column) for column in trace.codes.T], axis=1).astype(np.float32)
    codes[0], codes[-1] = trace.codes[0], trace.codes[-1]
    middle = np.minimum(((at[1:] + at[:-1]) / 2).astype(int), len(index) - 2)
    return replace(trace, codes=codes, bridges=None if trace.bridges is None else trace.bridges[middle])


STAYS = "Past its ends this walk only goes on as it left them; it stays near data, at most {far} × from them."
LEAVES = "Past its ends this walk only goes on as it left them, up to {far} × from data, where few of them lie."
GUESSES = "Past its ends this walk only goes on as it left them, up to {far} × from data: there the model is guessing."
UNKNOWN = "Past its ends this walk only goes on as it left them; how far from data is not known without real codes."
OFF = "An end lies outside the data, {far} × from them: near it the model is guessing."
STILL = "The picture stays the same all along this walk."
STEP = "step {} of the walk; choose other ends"
REAL = "one of the real codes; this generator has no roads to walk on"


def pictures(decode: Decode, z: np.ndarray, what: str = STEP) -> np.ndarray:
    """Return the decoded codes as flat float64 rows (k, pixels); `ManigenError` names the first that is not finite."""
    x = decode(z)
    if hasattr(x, "detach"):  # a tensor from a generator of the user's own
        x = x.detach().cpu().numpy()
    x = np.asarray(x, np.float64)
    if x.ndim < 1 or len(x) != len(z):
        raise ManigenError(f"decode must return one picture for each of {len(z)} codes, not shape {x.shape}.")
    x = x.reshape(len(z), -1)
    good = np.isfinite(x).all(axis=1)
    if not good.all():
        raise ManigenError(f"decode returned NaN or infinity at {what.format(np.argmin(good))}.")
    return x
