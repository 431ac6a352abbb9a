"""The energy of a decoded curve, and its slope, for any decoder that can be called.

    E(z) = m sum_i |g(z_{i+1}) - g(z_i)|^2,     dE/dz_i = 2 m J(z_i)^T (2 g(z_i) - g(z_{i-1}) - g(z_{i+1}))

With a `fear` of the empty each step counts the more, the rarer real codes are where it crosses: times p^-fear, as in
`density`. g is the decoder, or what a ruler makes of its pictures.

No Jacobian is built: where the decoder answers a tensor with a tensor that remembers where it came from, torch carries
the slope back through it; any other is asked for its pictures a little to both sides of each code. Its layers stay as
they are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from manigen import threads
from manigen.cards import Knob
from manigen.errors import BadInput
from manigen.paths import _atlas, _descent, graph
from manigen.paths._density import Density
from manigen.paths._roads import Country
from manigen.paths.base import DESCENT, PIXELS, Curve, Manifold

LEVELS = (9, 33)  # knots: first few, for the way, then many, for its shape
STEPS, TOLERANCE = (60, 80), (3e-3, 1e-3)
STEPS_COARSE = 8  # of a search that is to answer at once
STEEPEST = 12.0  # of the fear of the empty: as in `density`
CAUTION = (  # what pull-back and fog can be told of the empty
    Knob("caution", 0.0, "How much more a step counts where codes are rarer.", 0.0, 6.0, title="Fear of the empty"),
    Knob(
        "bandwidth",
        0.5,
        "How wide each code's bell is where there is a fear, 1 is the way to its tenth neighbour.",
        0.05,
        3.0,
        log=True,
        title="Width of the bells",
        finer=True,
    ),
)
NUDGE = 1e-3  # of the codes' spread: how far to both sides a decoder without slopes is asked
TOGETHER = 66  # codes whose slopes are taken at once on a CPU: of more, the pictures fall out of its caches
PIECE = 16  # pictures that are worth a core of their own
AT_ONCE = 4096  # codes decoded at once by one that is asked to both sides
NOT_FOUND = "The search led nowhere, so the graph path is shown instead."
NOT_FOUND_STRAIGHT = "The search led nowhere, so the straight line is shown instead."
STOPPED = "The search was stopped before it had come to rest: a slightly better path may exist."
ONE_CODE = "There is one real code only, so the search began at the straight line only."
NO_ROADS = "No real codes were given, so the search began at the straight line only."


# of chains z (a, m + 1, d) and their numbers (a,): each link's weight (a, m), and its slope (a, m, d) at its middle
Slow = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class Slope:
    """Energies and slopes of chains z (a, m + 1, d) in units of their own: code = z * unit + centre.

    `see` turns codes (k, d) into what is compared; with `fog`, `see` gives each member's (s, k, ...), of which the mean
    is compared, and the variance, times `fog`, is added. `slow` gives each link's weight and its slope.
    """

    def __init__(
        self,
        see: Callable[[Any], Any],
        owner: Any,
        centre: np.ndarray,
        unit: float,
        fog: float | None = None,
        slow: Slow | None = None,
    ) -> None:
        self.see, self.centre, self.unit, self.fog, self.slow = see, centre, unit, fog, slow
        self.device = getattr(owner, "device", "cpu")
        self.views = 1  # pictures of a code
        self.by_torch = self._remembers(len(centre))
        self.ends: dict[bytes, tuple[Any, Any]] = {}  # what is seen of each end, which stays, and its spread

    def _remembers(self, dim: int) -> bool:
        """Whether a tensor of codes comes out as a tensor that torch can go back from."""
        torch = sys.modules.get("torch")
        if torch is None:
            return False
        try:
            with torch.enable_grad():
                z = torch.zeros(2, dim, device=self.device, requires_grad=True)
                x = self.see(z + torch.as_tensor(self.centre, dtype=torch.float32, device=self.device))
                if not isinstance(x, torch.Tensor) or not x.requires_grad:
                    return False
                torch.autograd.grad(x.sum(), z)
                self.views = 1 if self.fog is None else len(x)
        except Exception:  # whatever a decoder made for arrays says to a tensor
            return False
        return True

    @np.errstate(over="ignore", invalid="ignore")  # a step tried too far is taken back: see `bad` below
    def __call__(self, z: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shape, links = z.shape, z.shape[1] - 1
        codes = (z * self.unit + self.centre).astype(np.float32)
        weight, uphill = np.ones((len(z), links)), None
        if self.slow is not None:
            weight, uphill = self.slow(z, rows)
        self._meet(codes)
        value, inner, changes = (self._by_torch if self.by_torch else self._nudged)(codes, weight)
        slope = np.zeros(shape)
        slope[:, 1:-1] = inner * self.unit
        if uphill is not None:
            pull = links * changes[:, :, None] * uphill / 2
            slope[:, 1:] += pull
            slope[:, :-1] += pull
        bad = ~np.isfinite(slope).all(axis=(1, 2)) | ~np.isfinite(value)
        value = np.where(bad, np.inf, value)
        slope = np.where(bad[:, None, None], 0.0, slope)
        steps = np.square(np.diff(z, axis=1)).sum(axis=2)
        stiff = links * changes * weight / np.maximum(steps, 1e-12 * max(float(steps.max()), 1e-300))
        usual = np.median(stiff, axis=1, keepdims=True)
        return value, slope[:, 1:-1], np.clip(stiff, usual * 1e-2 + 1e-300, usual * 1e2 + 1e-300)

    def _meet(self, codes: np.ndarray) -> None:
        """See the ends of chains of codes (a, m + 1, d) that were not seen before."""
        ends = {end.tobytes(): end for end in codes[:, [0, -1]].reshape(-1, codes.shape[-1])}
        new = [name for name in ends if name not in self.ends]
        for at in range(0, len(new), TOGETHER):
            some = new[at : at + TOGETHER]
            x, spread = self._fixed(np.stack([ends[name] for name in some]))
            self.ends |= {name: (x[i], spread[i]) for i, name in enumerate(some)}

    def _fixed(self, codes: np.ndarray) -> tuple[Any, Any]:
        if not self.by_torch:
            return self._pictures(codes)
        import torch

        with torch.no_grad():
            return self._told(self.see(torch.tensor(codes, device=self.device)))

    def _at(self, codes: np.ndarray, end: int) -> list[tuple[Any, Any]]:
        """What is seen of the first (0) or the last (-1) of each chain of codes, and its spread."""
        return [self.ends[chain[end].tobytes()] for chain in codes]

    def _by_torch(self, codes: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Some chains on each core of a CPU, one that is alone in pieces on several; all at once elsewhere."""
        if str(self.device) != "cpu":
            return self._torch(codes, weight)
        cores, seen = threads.cores(), (codes.shape[1] - 2) * self.views  # pictures of each chain
        if len(codes) == 1:
            return self._torch(codes, weight, max(1, min(cores, seen // PIECE)))
        few = max(-(-len(codes) // cores), PIECE // seen)
        few = max(1, min(few, TOGETHER // (codes.shape[1] - 2)))
        some = [slice(at, at + few) for at in range(0, len(codes), few)]
        parts = threads.shared(lambda part: self._torch(codes[part], weight[part]), some)
        value, slope, changes = (np.concatenate(part) for part in zip(*parts, strict=True))
        return value, slope, changes

    def _told(self, x: Any) -> tuple[Any, Any]:
        """What is compared of some pictures, as rows, and how widely the members' spread, 0 without fog."""
        if self.fog is None:
            return x.flatten(1), x.new_zeros(len(x))
        return x.mean(0).flatten(1), x.flatten(2).var(0).sum(1)

    def _torch(
        self, codes: np.ndarray, weight: np.ndarray, pieces: int = 1
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pictures and slopes of the knots between, in as many pieces, one on each core: each remembers its own way."""
        import torch

        chains, links, dim = len(codes), codes.shape[1] - 1, codes.shape[2]

        def seen(part: np.ndarray) -> tuple[Any, Any, Any]:
            with torch.enable_grad():
                z = torch.tensor(part, device=self.device, requires_grad=True)
                return (z, *self._told(self.see(z)))

        def back(part: tuple[Any, Any, Any, Any, Any]) -> Any:
            z, x, spread, push, shy = part
            told, pushes = ([x, spread], [push, shy]) if spread.requires_grad else ([x], [push])
            return torch.autograd.grad(told, z, pushes)[0]

        parts = threads.shared(seen, np.array_split(codes[:, 1:-1].reshape(-1, dim), pieces))
        first, last = ([torch.stack(part) for part in zip(*self._at(codes, end), strict=True)] for end in (0, -1))
        with torch.no_grad():
            x, spread = (
                torch.cat([a[:, None], torch.cat(inner).unflatten(0, (chains, links - 1)), b[:, None]], 1)
                for a, inner, b in zip(first, [[p[1] for p in parts], [p[2] for p in parts]], last, strict=True)
            )
            step = x[:, 1:] - x[:, :-1]
            changes = step.square().sum(2)
            counted = torch.as_tensor(weight, dtype=changes.dtype, device=self.device)
            value = links * (changes * counted).sum(1)
            step *= 2 * links * counted[:, :, None]
            push, shy = (step[:, :-1] - step[:, 1:]).flatten(0, 1), torch.zeros_like(spread[:, 1:-1]).flatten()
            if self.fog is not None:
                value = value + self.fog * (spread[:, 1:] + spread[:, :-1]).sum(1) / links
                shy += 2 * self.fog / links
        sizes = [len(z) for z, _, _ in parts]
        pushed = zip(parts, push.split(sizes), shy.split(sizes), strict=True)
        slope = torch.cat(threads.shared(back, [(*part, a, b) for part, a, b in pushed]))
        told = [part.double().cpu().numpy() for part in (value, slope, changes)]
        return told[0], told[1].reshape(chains, links - 1, dim), told[2]

    def _nudged(self, codes: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By central differences: each number of each code is moved a little to both sides."""
        chains, inner, dim = len(codes), codes.shape[1] - 2, codes.shape[2]
        links, moving = inner + 1, codes[:, 1:-1].reshape(-1, dim)
        first, last = ([np.stack(part) for part in zip(*self._at(codes, end), strict=True)] for end in (0, -1))
        x, spread = (
            np.concatenate([a[:, None], seen.reshape(chains, inner, *seen.shape[1:]), b[:, None]], 1)
            for a, seen, b in zip(first, self._pictures(moving), last, strict=True)
        )
        change = np.diff(x, axis=1)
        changes = np.square(change).sum(axis=2)
        push = change * weight[:, :, None]
        value = links * (changes * weight).sum(axis=1)
        flat = 2 * links * (push[:, :-1] - push[:, 1:]).reshape(len(moving), -1)
        if self.fog is not None:
            value = value + self.fog * (spread[:, 1:] + spread[:, :-1]).sum(axis=1) / links
        slope = np.zeros(moving.shape)
        nudge = np.float32(NUDGE * self.unit)
        for axis in range(dim):
            step = np.zeros(dim, np.float32)
            step[axis] = nudge
            (up, fog_up), (down, fog_down) = self._pictures(moving + step), self._pictures(moving - step)
            slope[:, axis] = np.einsum("km,km->k", up - down, flat) / (2.0 * nudge)
            if self.fog is not None:
                slope[:, axis] += self.fog * 2 / links * (fog_up - fog_down) / (2.0 * nudge)
        return value, slope.reshape(chains, inner, dim), changes

    def _pictures(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts, spread = [], []
        for at in range(0, len(codes), AT_ONCE):
            x = self.see(codes[at : at + AT_ONCE])
            x = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x, np.float64)
            if self.fog is not None:
                spread.append(x.reshape(*x.shape[:2], -1).var(axis=0, ddof=1).sum(axis=1))
                x = x.mean(axis=0)
            parts.append(x.reshape(len(x), -1))
        return np.concatenate(parts), np.concatenate(spread) if spread else np.zeros(len(codes))


class Fear:
    """What a link between codes z (a, m + 1, d) costs: p^-fear, more where real codes are rarer."""

    def __init__(self, density: Density, fear: float, chains: np.ndarray) -> None:
        self.density, self.fear = density, fear
        self.around = [density.around((chain[1:] + chain[:-1]) / 2) for chain in chains]

    def __call__(self, z: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        middle = (z[:, 1:] + z[:, :-1]) / 2
        told = [self.density.log(places, self.around[row]) for places, row in zip(middle, rows, strict=True)]
        bent = np.tanh(-self.fear * np.stack([log for log, _ in told]) / STEEPEST)
        weight = np.exp(STEEPEST * bent)
        uphill = (weight * -self.fear * (1 - bent**2))[:, :, None] * np.stack([slope for _, slope in told])
        return weight, uphill


def curves(
    starts: np.ndarray,
    ends: np.ndarray,
    manifold: Manifold,
    fog: float | None = None,
    ruler: str = PIXELS,
    fear: float = 0.0,
    bandwidth: float = 0.5,
) -> list[Curve]:
    """Return the path of least energy of each pair of ends (k, d), from the graph path or the straight line.

    Both are followed downhill with few knots, the lower of the two goes on with many. A `coarse` search stops there,
    and after a few steps from the graph path alone; where a `watch` waits for it and the roads are not measured yet,
    which takes every real code's picture, from the straight line.
    """
    see = manifold.measure(ruler) if fog is None else manifold.ensemble
    owner = manifold.decode if fog is None else see
    country = _atlas.country(manifold) if manifold.real is not None else None
    base = [Curve(np.stack(pair).astype(np.float64), np.array([0.0, 1.0])) for pair in zip(starts, ends, strict=True)]
    at_once = manifold.coarse and manifold.watch is not None
    on_roads = country is not None and not (at_once and not _atlas.measured(manifold))
    if on_roads:
        base = graph.curves(starts, ends, manifold)
    moving = [i for i, (start, end) in enumerate(zip(starts, ends, strict=True)) if not np.array_equal(start, end)]
    if not moving:
        return base
    centre = country.centre if country is not None else starts.mean(axis=0, dtype=np.float64)
    apart = np.linalg.norm(ends[moving].astype(np.float64) - starts[moving], axis=1)
    unit = country.unit if country is not None else float(apart.mean())
    density = None
    if fear:
        if country is None:
            raise BadInput("A fear of the empty needs the codes of real pictures: give codes=z.")
        density = _atlas.kept(manifold, ("density", bandwidth), lambda: Density(country.near.z, bandwidth))

    few, many = LEVELS
    first, then = STEPS[0] * few * (1 + on_roads), STEPS[1] * many  # codes that either search decodes at most

    slope = Slope(see, getattr(owner, "__self__", owner), centre, unit, fog)

    def search(chains: np.ndarray, most: int, tolerance: float) -> _descent.Found:
        done, each = (0, first / STEPS[0]) if chains.shape[1] == few else (first, then / STEPS[1])

        def goes_on(step: int) -> bool:
            return manifold.coarse or manifold.goes_on(DESCENT, (done + each * step) / (first + then))

        slope.slow = None if density is None else Fear(density, fear, chains)
        return _descent.descend(slope, chains, most, tolerance, goes_on=goes_on)

    t = np.linspace(0, 1, few)[None, :, None]
    line = (1 - t) * starts[moving][:, None].astype(np.float64) + t * ends[moving][:, None]
    chains = (line - centre) / unit
    if on_roads:
        roads = (np.stack([base[i].trace(starts[i], ends[i], few).codes for i in moving]) - centre) / unit
        chains = roads if manifold.coarse else np.concatenate([chains, roads])
    found = search(chains, STEPS_COARSE if manifold.coarse else STEPS[0], TOLERANCE[0])
    better = found.z
    if not manifold.coarse:
        if on_roads:
            lower = (found.energy[len(moving) :] < found.energy[: len(moving)])[:, None, None]
            better = np.where(lower, found.z[len(moving) :], found.z[: len(moving)])
        found = search(np.stack([_finer(chain, many) for chain in better]), STEPS[1], TOLERANCE[1])
    for i, chain, value, residual in zip(moving, found.z, found.energy, found.residual, strict=True):
        base[i] = _finished(base[i], chain * unit + centre, float(value), float(residual), country)
    return base


def _finer(chain: np.ndarray, many: int) -> np.ndarray:
    from scipy.interpolate import CubicSpline

    finer = CubicSpline(np.linspace(0, 1, len(chain)), chain)(np.linspace(0, 1, many))
    finer[0], finer[-1] = chain[0], chain[-1]
    return finer


def _finished(first: Curve, knots: np.ndarray, value: float, residual: float, country: Country | None) -> Curve:
    if not (np.isfinite(knots).all() and np.isfinite(value) and np.isfinite(residual)):
        shown = NOT_FOUND if len(first.knots) > 2 else NOT_FOUND_STRAIGHT
        return replace(first, converged=False, notes=(*first.notes, shown))
    converged = residual < 10 * TOLERANCE[1]
    notes = () if converged else (STOPPED,)
    if country is None:
        return Curve(knots, np.linspace(0, 1, len(knots)), True, converged, (*notes, NO_ROADS), residual)
    empty = country.empty((knots[1:] + knots[:-1]) / 2)
    if len(country.z) < 2:
        notes = (*notes, ONE_CODE)
    elif empty.any():  # and why, as the graph found
        notes = (*(first.notes or (graph.CROSSES,)), *notes)
    return Curve(knots, np.linspace(0, 1, len(knots)), True, converged, notes, residual, empty)
