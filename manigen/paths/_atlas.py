"""The atlas: what paths have learned of each set of codes, made once and kept as long as the codes are.

The graph of the codes (`_roads.Country`); its roads, as long as their pictures differ, measured all at once or, through
a slow decoder, only where a way may lead (`_survey`); and whatever else a kind of path asks to have kept.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

from manigen.nearest import Nearest
from manigen.paths import _survey
from manigen.paths._roads import Country, Pictures, Roads
from manigen.paths.base import Manifold

LASTING, MOST = ("country", "roads"), 12  # what is always kept, and how much of the rest for each set of codes

_kept: weakref.WeakKeyDictionary[Nearest, dict[Any, Any]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def kept(manifold: Manifold, key: tuple[Any, ...], make: Any, of: tuple[Any, ...] = ()) -> Any:
    """Return what `make()` made for these codes and whatever it is made `of`, made once, kept as long as the codes
    are; of what hangs on more than codes and pictures, the settings of a knob, the last used.

    Two who ask at once wait for one making.
    """
    whose = tuple(getattr(part, "__self__", part) for part in of)  # of a method its generator
    name = (*key, *map(id, whose))
    with _lock:
        of_codes = _kept.setdefault(manifold.near, {})
        entry = of_codes[name] = of_codes.pop(name, None) or [threading.Lock(), None, whose]  # `whose` keeps its ids
        for old in [other for other in of_codes if other[0] not in LASTING][:-MOST]:
            del of_codes[old]
    with entry[0]:
        if entry[1] is None:
            entry[1] = make()
    return entry[1]


def country(manifold: Manifold, k: int = 10) -> Country:
    """Return the graph of a manifold's real codes with k fellows each, its roads not yet measured."""
    return kept(manifold, ("country", k), lambda: Country(manifold.near.z, k))


def roads(manifold: Manifold, k: int = 10) -> Roads:
    """Return the roads of a manifold's real codes, as long as their pictures differ: of a slow decoder a survey."""

    def make() -> Roads:
        land, ruler = country(manifold, k), Pictures(manifold)
        return _survey.Surveyed(land, ruler) if _survey.slow(ruler, land.z) else Roads(land, ruler, manifold)

    return kept(manifold, ("roads", k), make, (manifold.decoder,))


def measured(manifold: Manifold, k: int = 10) -> bool:
    """Say whether the roads are measured already, so that `roads` answers at once."""
    whose = getattr(manifold.decoder, "__self__", manifold.decoder)
    entry = _kept.get(manifold.near, {}).get(("roads", k, id(whose)))
    return entry is not None and entry[1] is not None
