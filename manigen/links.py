"""Links: what an Interpolate page's address says of a walk, so that a terminal can make the same one.

    .../interpolate?model=mnist-vae&walk=CODE~CODE&kinds=straight~density&knobs=density.fear~3.5&even=1&beyond=0.5

A code is spelled as the base64 of its numbers, float32, and comes back bit for bit.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from manigen import checks, paths
from manigen.cards import Value
from manigen.errors import BadInput, ManigenError

MOST_ENDS = 16  # of a walk: what one message of the live path may ask for
STEPS, FILM_STEPS, LEG = 128, 64, 16  # steps of a walk on screen and in a film; of one leg of it, at least
MIXED = "mixed"  # the row whose legs are each of their own kind


def spell(code: np.ndarray) -> str:
    """Return a code (d,) as text for a link.

    >>> spell(np.zeros(1, np.float32))
    'AAAAAA'
    """
    return base64.urlsafe_b64encode(np.asarray(code, "<f4").tobytes()).decode().rstrip("=")


def unspell(text: str, dim: int) -> np.ndarray:
    """Return the code (d,) that a link's `text` spells, or raise `BadInput`."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if not raw:
            raise ValueError
        code = np.frombuffer(raw, "<f4")
    except (ValueError, binascii.Error):
        raise BadInput("This link's codes cannot be read; it may have been cut short.") from None
    return checks.codes(code, dim, "this link's codes")[0]


def codes_to_link(codes: list[Any]) -> str | None:
    """Return codes as text for a link, None where there are none.

    >>> codes_to_link([[0.0], [0.0]])
    'AAAAAA~AAAAAA'
    """
    return "~".join(spell(np.array(code, np.float32)) for code in codes) or None


def codes_from_link(spelled: str, dim: int) -> list[list[float]]:
    """Return the codes that a link spells, bit for bit."""
    return [unspell(part, dim).tolist() for part in spelled.split("~")[:MOST_ENDS] if part]


def position(spelled: Any, default: float = 0.5, beyond: float = 0.0) -> float:
    """Return a link's t in [-beyond, 1 + beyond]; `default` for anything else.

    Python spells floats so that they come back exactly.
    """
    try:
        t = float(spelled)
    except (TypeError, ValueError):
        return default
    return t if -beyond <= t <= 1 + beyond else default


def legs(spelled: Any, ends: int, known: Sequence[str]) -> list[str]:
    """Return the kinds of a mixed walk's legs: those a link spells, as far as they are known, else alternately two.

    >>> legs("density~spiral", 4, ["straight", "great_circle", "density"])
    ['density', 'great_circle', 'straight']
    """
    wanted = str(spelled or "").split("~")
    usual = [known[leg % min(2, len(known))] for leg in range(max(0, ends - 1))]
    return [wanted[leg] if leg < len(wanted) and wanted[leg] in known else kind for leg, kind in enumerate(usual)]


def favourites(geodesic: str | None, known: Sequence[str]) -> list[str]:
    """Return the kinds that are shown before anyone chose: the straight line, and what it is best compared with.

    >>> favourites(None, ["straight", "great_circle", "density"])
    ['straight', 'density']
    """
    wanted = dict.fromkeys(("straight", geodesic, "density", "great_circle"))
    return [name for name in wanted if name is not None and name in known][:2] or list(known[:2])


def steps(ends: int, most: int = STEPS, beyond: float = 0.0) -> int:
    """Return how many steps a walk through so many ends has: each leg as many as the others, so every end is a step.

    Those past its ends come on top; with them there are about twice `most` at most.

    >>> steps(2), steps(3), steps(16), steps(2, beyond=1.0)
    (129, 129, 241, 86)
    """
    legs, most = max(1, ends - 1), min(most, int(2 * most / (1 + 2 * beyond)))
    return legs * max(LEG, most // legs) + 1


def defaults(kind: str, card: Mapping[str, Any]) -> dict[str, Value]:
    """Return what a kind's knobs are set to for a model with this `card`: as measured best, else as usual."""
    return paths.cards()[kind].settings(paths.best_knobs(card).get(kind, {}))


def knobs_from_link(spelled: Any, card: Mapping[str, Any]) -> dict[str, dict[str, Value]]:
    """Return the settings of every kind of path: those a link spells, as far as they can be read, else the usual."""
    told = {name: defaults(name, card) for name in paths.cards()}
    words = str(spelled or "")[:600].split("~")
    for key, value in zip(words[::2], words[1::2], strict=False):
        kind, _, name = key.partition(".")
        with suppress(ManigenError):
            if kind in told:
                told[kind] |= paths.cards()[kind].typed({name: value})
    return told


def knobs_to_link(told: Mapping[str, Mapping[str, Value]], card: Mapping[str, Any]) -> str | None:
    """Return as text for a link what is not as usual, None where all is.

    >>> knobs_to_link({"density": {"fear": 3.5, "bandwidth": 0.6}}, {})
    'density.fear~3.5'
    """
    parts: list[str] = []
    for kind, settings in told.items():
        usual = defaults(kind, card)
        parts += [f"{kind}.{name}~{value}" for name, value in settings.items() if value != usual[name]]
    return "~".join(parts) or None


def knobs_of(row: str, told: Mapping[str, Mapping[str, Value]], legs: Sequence[str]) -> dict[str, Any]:
    """Return the settings of one row of the page: of its kind, or of all kinds that its legs are of."""
    settings: dict[str, Any] = {}
    for kind in legs if row == MIXED or paths.MIX in row else [row]:
        settings |= told.get(kind, {})
    return settings


@dataclass(frozen=True)
class Asked:
    """A walk as a link asks for it: its ends (k, d), its kinds as `paths` spells them, and the settings of each.

    `t`, in [-beyond, 1 + beyond], is where its slider stands.
    """

    ends: np.ndarray
    kinds: tuple[str, ...]
    knobs: Mapping[str, Mapping[str, Value]]
    even: bool
    beyond: float
    there_and_back: bool
    t: float


def read(link: str) -> dict[str, str]:
    """Return what the address of an Interpolate page says, by name; `BadInput` where it names no model or no walk."""
    said = dict(parse_qsl(urlsplit(link.strip()).query))
    if not {"model", "walk"} <= set(said):
        raise BadInput("This is no link of the Interpolate page, which names a model and the ends of a walk.")
    return said


def asked(said: Mapping[str, str], card: Mapping[str, Any]) -> Asked:
    """Return the walk that a link asks for, which `read` has taken apart, of the model with this `card`."""
    ends = codes_from_link(said["walk"], card["dim"])
    if len(ends) < 2:
        raise BadInput("This link's walk has one end; it takes two.")
    known, told = list(paths.cards()), knobs_from_link(said.get("knobs"), card)
    between = legs(said.get("legs"), len(ends), known)
    rows = [row for row in said.get("kinds", "").split("~") if row in known or row == MIXED]
    rows = rows or favourites(card.get("geodesic"), known)
    beyond = min(max(position(said.get("beyond"), 0.0), 0.0), 1.0)
    spelled = {paths.MIX.join(between) if row == MIXED else row: row for row in rows}
    return Asked(
        np.array(ends, np.float32),
        tuple(spelled),
        {kind: knobs_of(row, told, between) for kind, row in spelled.items()},
        said.get("even") == "1",
        beyond,
        said.get("bounce") != "0",
        position(said.get("t"), beyond=beyond),
    )
