"""Walks: which ends a page offers, and the files it hands out.

An end is a code (d,). Where a page picks ends for a person they are real codes, and the same seed picks the same ones.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from manigen import links, paths, seeds
from manigen.cards import Card, Value
from manigen.errors import BadInput, ManigenError
from manigen.figures.page import walk_page
from manigen.figures.walks import archive, film, strips
from manigen.links import FILM_STEPS, STEPS, steps
from manigen.live.library import Opened
from manigen.paths.base import PIXELS
from manigen.weights import Codes

FIRST = ("straight", "great_circle")  # the closed forms head the list of kinds: everything else is compared with them


def kinds() -> dict[str, Card]:
    """Return every kind of path's card by name, in the order a page lists them; a new file appears by itself."""
    cards = paths.cards()
    return {name: cards[name] for name in [*FIRST, *sorted(set(cards) - set(FIRST))] if name in cards}


def ruler_of(settings: Mapping[str, Any]) -> str | None:
    """Return by what a row's settings measure lengths, None where that is pixels, as everything else is told in."""
    ruler = settings.get("ruler", PIXELS)
    return None if ruler == PIXELS else ruler


def refines(kind: str) -> bool:
    """Say whether a kind, or any of a mix, takes long enough to be sketched first."""
    known = paths.cards()
    return any(known[name].facts.get("refines") for name in kind.split(paths.MIX))


def title(kind: str) -> str:
    """Return what a kind, or a mix of kinds, is called."""
    known = paths.cards()
    return ", ".join(known[name].title for name in kind.split(paths.MIX))


def chosen(card: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the figures for which a card's own kind was chosen, None where it says none.

    `pairs` of held-out pictures were walked between; `own`, `straight` and `floor` are the distances to held-out ones
    of its walks' pictures, of the straight line's, and of the model's own reconstructions; `share` its length in
    straight lines. `knobs` says how it is set.
    """
    told, kind, knobs = card.get("walks") or {}, card.get("geodesic"), card.get("geodesic_knobs") or {}
    figures = told.get("kinds", {})
    of_kind = [one for name, one in figures.items() if name.split(", ")[0] == kind]
    own = next((one for one in of_kind if one.get("knobs") == knobs), of_kind[0] if of_kind else None)
    straight = figures.get("straight")
    if own is None or straight is None or not straight["length"]:
        return None
    return {
        "pairs": told["pairs"],
        "own": own["held_out_distance"],
        "straight": straight["held_out_distance"],
        "floor": told["floor"],
        "share": own["length"] / straight["length"],
        "knobs": ", ".join(f"{name} {value}" for name, value in knobs.items()),
    }


# --- ends -------------------------------------------------------------------------------------------------------------


def typical(codes: Codes, label: int) -> int:
    """Return the row of the real code nearest to its class's median code, number by number.

    Raises `BadInput` where no code has that label.
    """
    rows = np.flatnonzero(codes.labels == label)
    if not len(rows):
        raise BadInput("No code of this model belongs to that class; choose another.")
    z = codes.z[rows]
    return int(rows[np.square(z - np.median(z, axis=0)).sum(axis=1).argmin()])


def central(opened: Opened) -> int:
    """Return the row of a real code to begin at: of the classes' `typical` codes the one nearest to the mean of all.

    What lies in the very middle belongs to no class, and its picture looks like nothing. Without classes it is the code
    whose tenth neighbour is nearest, of a thousand.
    """
    codes = opened.codes
    if labels := present(codes):
        rows = np.array([typical(codes, label) for label in labels])
        away = np.square(codes.z[rows] - codes.z.mean(axis=0, dtype=np.float64)).sum(axis=1)
    else:
        rows = np.linspace(0, len(codes) - 1, min(len(codes), 1000)).astype(int)
        away = opened.nearest.find(codes.z[rows], k=min(11, len(codes)))[1][:, -1]
    return int(rows[away.argmin()])


def present(codes: Codes) -> list[int]:
    """Return the labels that codes have, in order; those without a class are left out."""
    return [int(label) for label in np.unique(codes.labels[codes.labels >= 0])]


def opening(codes: Codes) -> list[int]:
    """Return the rows of two ends to begin with: of the classes' typical codes, the two that lie farthest apart.

    Without classes, the two farthest apart of the more ordinary half of the first 64. One code is its own other end.
    """
    labels = present(codes)
    if len(labels) > 1:
        rows = np.array([typical(codes, label) for label in labels])
    else:
        off = np.square(codes.z[:64] - codes.z.mean(axis=0)).sum(axis=1)
        rows = np.flatnonzero(off <= np.median(off))
    z = codes.z[rows].astype(np.float64)
    first, second = np.unravel_index(np.square(z[:, None] - z[None]).sum(axis=2).argmax(), (len(z), len(z)))
    return [int(rows[first]), int(rows[second])]


def at_random(codes: Codes, seed: int) -> list[int]:
    """Return the rows of two real codes of different classes, drawn with `seed`; without classes, of two codes."""
    if len(codes) < 2:
        return [0, 0]
    rng = seeds.numpy_stream(seed)
    labels = present(codes)
    if len(labels) > 1:
        return [int(rng.choice(np.flatnonzero(codes.labels == label))) for label in rng.permutation(labels)[:2]]
    return [int(row) for row in rng.choice(len(codes), 2, replace=False)]


def name_of(opened: Opened, code: Any) -> str:
    """Return what to call an end: its nearest real code's class, else a few letters made from its numbers."""
    code = np.asarray(code, np.float32)
    label = opened.label(int(opened.nearest.find(code)[0][0, 0]))
    return label or hashlib.sha256(code.astype("<f4").tobytes()).hexdigest()[:6]


def inverted(picture: np.ndarray, like: np.ndarray) -> bool:
    """Say whether an uploaded picture uint8 (c, h, w) is light where a model's own x (n, c, h, w) in [0, 1] are dark.

    Only the outermost pixels are compared: ink on paper has a light border, the digits of MNIST have a dark one.
    """
    return (_border(picture) > 127.5) != (_border(like) > 0.5)


def _border(x: np.ndarray) -> float:
    edge = np.ones(x.shape[-2:], bool)
    edge[1:-1, 1:-1] = False
    return float(x[..., edge].mean())


# --- files ------------------------------------------------------------------------------------------------------------


def stem(model: str, kinds: Sequence[str], names: Sequence[str]) -> str:
    """Return what a file of this walk is called, without its suffix; whatever an end is called, it is a safe name.

    >>> stem("mnist-vae", ["straight", "great_circle"], ["3", "8"])
    'mnist-vae-straight-great_circle-3-to-8'
    """
    words = "-".join([model, *kinds, "-to-".join(names[:4]) + ("-and-on" if len(names) > 4 else "")])
    return re.sub(r"[^\w.-]+", "_", words).strip("._")[:120]


def exports(
    opened: Opened,
    kinds: Sequence[str],
    ends: Sequence[Any],
    t: float,
    even: bool = False,
    knobs: Mapping[str, Mapping[str, Value]] | None = None,
    beyond: float = 0.0,
    say: Callable[[str], str] = str,
    language: str = "en",
) -> dict[str, Callable[..., bytes]]:
    """Return what makes each file, by its suffix; nothing is computed before it is called.

    A kind may be a mix, one for each leg: "straight+density"; `knobs` are each kind's settings, else the usual. What
    the page with the slider has to say is in the `language` into which `say` turns English.
    """
    ends = [np.array(end, np.float32) for end in ends]

    def settings(kind: str) -> dict[str, Any]:
        return {} if knobs is None else links.knobs_of(kind, knobs, kind.split(paths.MIX))

    def walked(most: int, held_out: Any = None, with_fog: bool = False) -> dict[str, paths.Walk]:
        generator, count = opened.generator, steps(len(ends), most, beyond)
        told = {"held_out": held_out, "with_fog": with_fog, "beyond": beyond, "data": opened.nearest}
        found: dict[str, paths.Walk] = {}
        refused: ManigenError | None = None
        for kind in kinds:  # one that cannot be walked, without companions for its fog, say, does not cost the others
            try:
                found[kind] = paths.walk_through(
                    generator, ends, kind, count, opened.taught, even, **told, **settings(kind)
                )
            except ManigenError as error:
                refused = error
        if not found and refused is not None:
            raise refused
        return found

    def traces(most: int) -> dict[str, np.ndarray]:
        return {kind: walk.codes for kind, walk in walked(most).items()}

    def moving(kind: str, there_and_back: bool = True) -> bytes:
        x = [opened.generator.decode(z) for z in traces(FILM_STEPS).values()]
        return film(x, len(ends), there_and_back, kind, beyond)

    def png() -> bytes:
        return strips([opened.generator.decode(z) for z in traces(STEPS).values()], beyond=beyond)

    def npz() -> bytes:
        found = walked(STEPS)
        at = {"at": next(iter(found.values())).t} if beyond else {}
        return archive({kind: walk.codes for kind, walk in found.items()}, ends, t, at)

    def page() -> bytes:
        held_out, floor = getattr(opened, "held_out", None) or (None, None)
        found = walked(STEPS, held_out, with_fog=True)
        told = [
            {
                "title": say(title(kind)),
                "x": opened.generator.decode(walk.codes),
                "facts": {
                    say(name): say(value)
                    for name, value in walk.facts(floor, ruler_of(settings(kind)) or PIXELS).items()
                },
                "note": " ".join(map(say, walk.notes)),
            }
            for kind, walk in found.items()
        ]
        note = "All pictures are generated."
        if left := [say(title(kind)) for kind in kinds if kind not in found]:
            note += f" Left out, since there was no such walk: {', '.join(left)}."
        names = say(" to ").join(name_of(opened, end) for end in ends)
        marks = say("start"), say("end")
        return walk_page(f"{opened.name}: {names}", say(note), told, t, language, beyond, marks)

    films = {"gif": partial(moving, "gif"), "webp": partial(moving, "webp")}
    if find_spec("imageio_ffmpeg") is not None:
        films["mp4"] = partial(moving, "mp4")
    return {**films, "png": png, "html": page, "npz": npz}
