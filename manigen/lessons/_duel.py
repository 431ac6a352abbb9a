"""A forger and a critic on dots in the plane: small enough to be trained while a class watches.

Real dots come from eight groups on a ring. The forger G turns noise (2 numbers) into dots; the critic C gives a dot a score.

    C: minimise  E softplus(C(G(n)) - C(x))  +  p/2 E |dC/dx|^2          G: minimise  E softplus(C(x) - C(G(n)))

The loss compares a real with a forged dot (relativistic pairing); p, the penalty on the critic's slope, keeps the game
calm. Without it, in the older form of the loss (each dot for itself), and with a forger that is far quicker than the
critic, the forger throws its dots to whatever place pleases the critic now: mode collapse. Source: Huang, Gokaslan, Kuleshov, Tompkin 2024, The GAN is dead; long live the GAN!,
https://arxiv.org/abs/2501.05441; the ring of eight is from Metz, Poole, Pfau, Sohl-Dickstein 2017, Unrolled GANs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from manigen.seeds import numpy_stream

GROUPS, RADIUS, SPREAD = 8, 2.0, 0.12
BATCH, WIDTH = 128, 48
EVERY, LAST = 10, 800  # steps between two pictures, and in all
GAMES = 4  # seeds offered; every game that is offered ships as it was trained
DOTS, GRID, NET = 256, 28, 13  # dots shown, places of the critic's field to a side, lines of the forger's net
TIGHT = 0.1  # how close together the forged dots lie at first
REACH = 3.2  # of the plane, to each side
PARTS = ("dots", "net", "field", "height", "found")  # of a game that is kept
UNIT = 0.02  # what places are rounded to where a game is kept: two thirds of a pixel on a wide page
STYLES = {"fair": (0.2, 2e-3, 2e-3), "hasty": (0.0, 2e-4, 4e-2)}  # the penalty p, the critic's and the forger's rate
NEAR, SHARE = 3.0, 0.04  # spreads within which a dot belongs to a group, and the share of dots a group has to get


def centres() -> np.ndarray:
    """Return the middles (8, 2) of the groups."""
    turn = 2 * np.pi * np.arange(GROUPS) / GROUPS
    return RADIUS * np.stack([np.cos(turn), np.sin(turn)], 1)


def real(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return n real dots (n, 2)."""
    return (centres()[rng.integers(0, GROUPS, n)] + SPREAD * rng.standard_normal((n, 2))).astype(np.float32)


def found(dots: np.ndarray) -> int:
    """Return how many of the eight groups get at least SHARE of the dots (n, 2)."""
    apart = np.linalg.norm(dots[:, None] - centres()[None], axis=-1)
    mine = np.where(apart.min(1) < NEAR * SPREAD, apart.argmin(1), -1)
    return int(sum((mine == group).mean() >= SHARE for group in range(GROUPS)))


class Turn:
    """A player's steps: Adam without momentum (Kingma, Ba 2015, betas 0 and 0.9), written out, for torch's own reads in a
    second's worth of compiler before its first step."""

    def __init__(self, net: Any, rate: float) -> None:
        self.weights, self.rate, self.steps = list(net.parameters()), rate, 0
        self.squares = [0 * weight.detach() for weight in self.weights]

    def take(self, loss: Any) -> None:
        """Move every weight against its slope: w -= rate g / (sqrt(v / (1 - 0.9^t)) + 1e-8), v = 0.9 v + 0.1 g^2."""
        import torch

        slopes = torch.autograd.grad(loss, self.weights)
        self.steps += 1
        with torch.no_grad():
            torch._foreach_mul_(self.squares, 0.9)
            torch._foreach_addcmul_(self.squares, slopes, slopes, 0.1)
            sizes = torch._foreach_sqrt(torch._foreach_div(self.squares, 1 - 0.9**self.steps))
            torch._foreach_add_(sizes, 1e-8)
            torch._foreach_addcdiv_(self.weights, slopes, sizes, -self.rate)


def network(size: int, width: int, out: int, start: Any, last: Any = None) -> Any:
    """Return three layers from `size` numbers to `out`, their weights drawn from the torch generator `start`; `last` comes after."""
    from torch import nn

    layers = [nn.Linear(size, width), nn.Linear(width, width), nn.Linear(width, out)]
    for layer in layers:
        tight = TIGHT if layer is layers[-1] else 1.0
        nn.init.normal_(layer.weight, 0, tight * (2 / layer.in_features) ** 0.5, generator=start)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.SiLU(), layers[1], nn.SiLU(), layers[2], *([last] if last else []))


def play(
    forger: Any, critic: Any, real: Any, style: tuple[float, float, float], rng: np.random.Generator
) -> Iterator[int]:
    """Train the two against each other and yield before the first step and after every EVERY; `real(n, rng)` are real things (n, d)."""
    import torch
    from torch.nn.functional import softplus

    penalty, critic_rate, forger_rate = style
    turns = [Turn(forger, forger_rate), Turn(critic, critic_rate)]
    yield 0
    for step in range(1, LAST + 1):
        for player in (1, 0):
            x = torch.from_numpy(real(BATCH, rng)).requires_grad_(bool(player) and penalty > 0)
            noise = torch.from_numpy(rng.standard_normal((BATCH, forger[0].in_features)).astype("f"))
            made = forger(noise)
            if player:
                made = made.detach().requires_grad_(penalty > 0)
            of_real, of_made = critic(x), critic(made)
            if penalty > 0:
                loss = softplus(of_made - of_real if player else of_real - of_made).mean()
            else:
                loss = (softplus(-of_real) + softplus(of_made)).mean() if player else softplus(-of_made).mean()
            if player and penalty > 0:
                slopes = torch.autograd.grad(of_real.sum() + of_made.sum(), (x, made), create_graph=True)
                loss = loss + penalty / 2 * sum((slope**2).sum(1).mean() for slope in slopes)
            turns[player].take(loss)
        if step % EVERY == 0:
            yield step


class Duel:
    """One training, as far as it was asked for; what was seen of it is kept, every EVERY steps."""

    def __init__(self, style: str, seed: int) -> None:
        self.style, self.seed = style, seed
        self.seen: list[dict[str, np.ndarray]] = []
        self._lock = threading.Lock()
        self._steps = self._train()

    def at(self, step: int) -> dict[str, np.ndarray]:
        """Return what is to be seen after `step` steps: dots (n, 2), field (g, g), net (m, m, 2)."""
        want = min(step, LAST) // EVERY
        with self._lock:
            while len(self.seen) <= want:
                self.seen.append(next(self._steps))
            return self.seen[want]

    def _train(self) -> Iterator[dict[str, np.ndarray]]:
        import torch

        start = torch.Generator().manual_seed(self.seed)
        forger, critic = network(2, WIDTH, 2, start), network(2, WIDTH, 1, start)
        fixed = torch.from_numpy(numpy_stream(self.seed, 12).standard_normal((DOTS, 2)).astype("f"))
        line = torch.linspace(-REACH, REACH, GRID)
        places = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).reshape(-1, 2)
        quantiles = torch.linspace(-2.2, 2.2, NET)
        net = torch.stack(torch.meshgrid(quantiles, quantiles, indexing="xy"), -1).reshape(-1, 2)
        for _ in play(forger, critic, real, STYLES[self.style], numpy_stream(self.seed, 11)):
            with torch.no_grad():
                field = critic(places).reshape(GRID, GRID)
                look = {
                    "dots": forger(fixed).numpy().astype(np.float16),
                    "field": (field - field.mean()).numpy().astype(np.float16),
                    "net": forger(net).reshape(NET, NET, 2).numpy().astype(np.float16),
                }
            yield look


@lru_cache(maxsize=len(STYLES) * GAMES)
def duel(style: str, seed: int) -> Duel:
    """Return the training of this style and seed that this process has begun."""
    return Duel(style, seed)


def packed(frames: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return a game small: each frame by what it has more than the one before, which is little and packs well.

    Dots and net are counted in UNITs, the field in 127ths of its largest value (`height`). `found` is counted before that.
    """
    whole = {name: np.stack([frame[name] for frame in frames]).astype(np.float32) for name in frames[0]}
    most = np.iinfo(np.int16).max
    units = {name: np.rint(whole[name] / UNIT).clip(-most, most).astype(np.int16) for name in ("dots", "net")}
    height = np.abs(whole["field"]).max((1, 2))
    units["field"] = np.rint(whole["field"] * (127 / height)[:, None, None]).astype(np.int8)
    more = {name: np.diff(value, axis=0, prepend=np.zeros_like(value[:1])) for name, value in units.items()}
    return {**more, "height": height, "found": np.array([found(dots) for dots in whole["dots"]], np.int8)}


def unpacked(kept: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the frames of a game that was `packed`: dots (t, n, 2), field (t, g, g), net (t, m, m, 2), found (t,)."""
    whole = {name: np.cumsum(kept[name], axis=0, dtype=kept[name].dtype) for name in ("dots", "net", "field")}
    places = {name: whole[name] * np.float32(UNIT) for name in ("dots", "net")}
    return {**places, "field": whole["field"] * (kept["height"] / 127)[:, None, None], "found": kept["found"]}
