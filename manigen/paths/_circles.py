"""The shortest way between two places that are tied to a large graph, found without crossing the whole of it.

    d(s, t) = min over roads (u, v) of  d(s, u) + w_uv + d(v, t)

A circle is drawn around either place; the one that holds less grows until the two meet, and what lies beyond is not
looked at. Let their reaches be r and q. On a way no longer than r + q, the last code within r of its start is followed
by one within q of its end: so once the best road between the circles makes a way that short, there is no shorter one.
Among codes of many numbers a circle of half the reach holds few of the codes that the whole one does, so two small ones
are drawn sooner.

Source: Pohl 1971, Bi-directional Search (Machine Intelligence 6); the circles are drawn by scipy's `dijkstra`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

FIRST, WIDER = 1.0, 1.5  # the first reach beyond the nearest code, in usual roads, and how the next compares with it
SLACK = 1e-9  # of a way's length, by which a reach is wider than it need be, since sums in another order round apart
NOBODY = -1


def shortest(
    roads: Any, rows: Sequence[np.ndarray], ties: Sequence[np.ndarray], usual: float
) -> tuple[list[int], np.ndarray]:
    """Return the codes (m,) on the shortest way between two places, and the lengths of its m + 1 roads.

    `roads` is a symmetric sparse matrix (n, n) in rows, by which every code can be reached, its usual road as long as
    `usual`; `rows[i]` (k,) are the codes that place i is tied to, by roads of lengths `ties[i]` (k,). All lengths are
    above 0.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    count, index = roads.shape[0], roads.indices.dtype
    last = roads.indptr[-1] + np.cumsum([len(tied) for tied in ties])
    tied_on = csr_array(
        (
            np.concatenate([roads.data, *ties]),
            np.concatenate([roads.indices, *(row.astype(index) for row in rows)]),
            np.concatenate([roads.indptr, last.astype(index)]),
        ),
        (count + 2, count + 2),
    )

    def circle(place: int) -> tuple[np.ndarray, np.ndarray]:
        way, before = dijkstra(tied_on, indices=count + place, limit=reach[place], return_predecessors=True)
        return way[:count], before

    nearest = [float(tied.min()) for tied in ties]
    reach = [near + FIRST * usual for near in nearest]
    drawn = [circle(0), circle(1)]
    while True:
        far = [way for way, _ in drawn]
        inside = [np.flatnonzero(np.isfinite(way)) for way in far]
        small = int(len(inside[1]) < len(inside[0]))
        length, codes, between = _crossing(roads, far, inside[small], small, rows, ties)
        if not length > sum(reach) or np.isinf(reach[small]):
            break
        enough = length * (1 + SLACK) - reach[1 - small]
        reach[small] = min(nearest[small] + (reach[small] - nearest[small]) * WIDER, enough)
        drawn[small] = circle(small)
    (out, here), (home, there) = (
        _back(code, before, way) for code, way, (_, before) in zip(codes, far, drawn, strict=True)
    )
    lengths = [*-np.diff([*here, 0.0])[::-1], between, *-np.diff([*there, 0.0])]
    return out[::-1] + home, np.array(lengths)


def _crossing(
    roads: Any,
    far: Sequence[np.ndarray],
    inside: np.ndarray,
    small: int,
    rows: Sequence[np.ndarray],
    ties: Sequence[np.ndarray],
) -> tuple[float, tuple[int, int], float]:
    """Return the length of the best way from circle to circle, the codes (u, v) of its road, and that road's length.

    `inside` are the codes within the circle around place `small`. Where the road is one of a place's own, that place
    stands as `NOBODY`.
    """
    leaving = roads[inside]
    ways = np.repeat(far[small][inside], np.diff(leaving.indptr)) + leaving.data + far[1 - small][leaving.indices]
    found: list[tuple[float, tuple[int, int], float]] = []
    if len(ways):
        best = int(ways.argmin())
        of = int(inside[np.searchsorted(leaving.indptr, best, "right") - 1])
        pair = (of, int(leaving.indices[best]))
        found.append((float(ways[best]), pair if small == 0 else pair[::-1], float(leaving.data[best])))
    for i in (0, 1):
        own = ties[i] + far[1 - i][rows[i]]
        best = int(own.argmin())
        code = int(rows[i][best])
        found.append((float(own[best]), (NOBODY, code) if i == 0 else (code, NOBODY), float(ties[i][best])))
    return min(found)


def _back(code: int, before: np.ndarray, far: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Return the codes from one back to the place that a circle was drawn around, and how far from it each lies."""
    stops = []
    while 0 <= code < len(far):
        stops.append(code)
        code = int(before[code])
    return stops, far[stops]
