"""Roads: the graph of the real codes, each tied to its nearest fellows, every road as long as a ruler says.

    w_ij = ruler(z_i, z_j)    for z_j among the k nearest codes of z_i, or the other way round

Where the graph falls apart, each part is joined to the rest by the shortest gap between them (Boruvka 1926: these are
edges of the minimum spanning tree). Such a bridge is a road that no data show, and is known as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from manigen import nearest, seeds
from manigen.nearest import Nearest
from manigen.paths import _circles
from manigen.paths.base import REAL, ROADS, STEP, Manifold, Stopped

CHUNK = 1024  # codes decoded at once
WATCHED = 64  # and while somebody waits to hear how far it is
WIDEST = 1024  # numbers kept of a picture while the roads are measured; of larger ones, as many random projections
LEAST = 1e-9  # of the mean length: a road of no length is no road
KEPT = 32 * 2**20  # bytes of what was seen of the real codes, at most, that are kept for the ties of a way's ends
OUTSIDE = 2.0  # an end farther from the data than this (1 is typical) has no road to them, only a bridge


@dataclass(frozen=True, eq=False)
class Route:
    """The stops (m, d) of a way from end to end, the lengths of its roads (m - 1,), and which of them are bridges.

    It is `guessed` where not all roads were measured, so that a shorter way may exist.
    """

    stops: np.ndarray
    lengths: np.ndarray
    bridges: np.ndarray
    guessed: bool = False


class Ruler(Protocol):
    """What says how long a road is: `see` gives what it knows of codes (k, d), `apart` how far two such lie apart."""

    def see(self, z: np.ndarray, what: str = ...) -> np.ndarray: ...

    def apart(self, a: np.ndarray, b: np.ndarray) -> np.ndarray: ...


class Country:
    """The real codes z (n, d), each once, and who is near to whom: edges (e, 2), the last `bridges` of them invented.

    `own` turns codes into units of their own, in which their mean distance from their centre is 1, so that no scale of
    codes leaves float32; `parts` is how many pieces the graph had before they were joined.
    """

    def __init__(self, z: np.ndarray, k: int) -> None:
        different, first, place = np.unique(z, axis=0, return_index=True, return_inverse=True)
        self.z = different.astype(np.float64)
        large = float(np.abs(different).max()) > 1e15  # beyond, squares of distances leave float32 unless scaled first
        self.known = None if large or len(different) < len(z) else (z, first, place.ravel())
        self.centre = self.z.mean(axis=0)
        self.unit = _spread(self.z - self.centre)
        self.near = Nearest(self.own(self.z))
        self.near.typical  # noqa: B018  known from here on, so that the first query is as quick as the next
        self.k = min(k, len(self.z) - 1)
        edges = self._fellows()
        bridges, self.parts = self._bridges(edges)
        self.invented = {tuple(pair) for pair in bridges.tolist()}
        self.edges = np.concatenate([edges, bridges])

    def own(self, z: Any) -> np.ndarray:
        return ((np.asarray(z, np.float64) - self.centre) / self.unit).astype(np.float32)

    def empty(self, places: np.ndarray) -> np.ndarray:
        """Say of places (k, d) which lie so far from all codes that no road of theirs leads there."""
        return self.near.how_far(self.own(places)) > OUTSIDE

    def _fellows(self) -> np.ndarray:
        """Pairs (e, 2), each once and the smaller number first, of codes of which one is near the other."""
        count = len(self.z)
        if count < 2:
            return np.empty((0, 2), np.int64)
        rows = self._shared() if self.known is not None else nearest.fellows(self.near.z, self.k)[0]
        here = np.broadcast_to(np.arange(count)[:, None], rows.shape)
        pairs = np.sort(np.stack([here.ravel(), rows.ravel()], axis=1), axis=1)
        return np.unique(pairs, axis=0)

    def _shared(self) -> np.ndarray:
        """The fellows (n, k) of the codes in their order here, from the search for the codes as they came."""
        assert self.known is not None
        z, first, place = self.known
        return place[nearest.fellows(z, self.k)[0]][first]

    def _bridges(self, edges: np.ndarray) -> tuple[np.ndarray, int]:
        """The shortest edges that join the parts of the graph, and how many parts there were."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        count, parts = len(self.z), 0
        found: list[np.ndarray] = []
        while True:
            joined = np.concatenate([edges, *found])
            graph = coo_array((np.ones(len(joined)), joined.T), (count, count)) if len(joined) else None
            several, part = connected_components(graph, False) if graph is not None else (count, np.arange(count))
            parts = parts or int(several)
            if several <= 1:
                return np.concatenate([np.empty((0, 2), np.int64), *found]), parts
            largest = np.bincount(part).argmax()
            new = [self._shortest_gap(part == name) for name in range(several) if name != largest]
            found.append(np.unique(np.sort(np.array(new), axis=1), axis=0))

    def _shortest_gap(self, inside: np.ndarray) -> tuple[int, int]:
        within, without = np.flatnonzero(inside), np.flatnonzero(~inside)
        rows, gaps = Nearest(self.near.z[without]).find(self.near.z[within])
        best = int(gaps[:, 0].argmin())
        return int(within[best]), int(without[rows[best, 0]])


class Roads:
    """The roads of a country as long as a ruler says, as a sparse matrix."""

    def __init__(self, country: Country, ruler: Ruler, manifold: Manifold | None = None) -> None:
        self.country, self.ruler = country, ruler
        (i, j), count = country.edges.T, len(country.z)
        watched = manifold is not None and manifold.watch is not None
        parts = []
        for at in range(0, count, some := WATCHED if watched else CHUNK):
            if manifold is not None and not manifold.goes_on(ROADS, at / count):
                raise Stopped("The search was stopped before it knew the roads.")
            parts.append(ruler.see(country.z[at : at + some], REAL))
        seen = np.concatenate(parts)
        self.seen = seen if seen.nbytes <= KEPT else None
        lengths = np.concatenate(
            [np.empty(0)]
            + [ruler.apart(seen[i[at : at + CHUNK]], seen[j[at : at + CHUNK]]) for at in range(0, len(i), CHUNK)]
        )
        floor = lengths.mean() * LEAST if len(lengths) and lengths.any() else 1.0
        w = np.maximum(lengths, floor)
        self.matrix = self._matrix(w)
        self.usual = float(np.median(w)) if len(w) else 1.0

    def _matrix(self, w: np.ndarray) -> Any:
        """A number (e,) for each edge as a symmetric sparse matrix (n, n) in rows."""
        from scipy.sparse import coo_array

        i, j = self.country.edges.T.astype(np.int32)  # as csgraph takes them: others it would turn at every query
        count = len(self.country.z)
        return coo_array((np.r_[w, w], (np.r_[i, j], np.r_[j, i])), (count, count)).tocsr()

    def route(self, start: np.ndarray, end: np.ndarray) -> Route:
        """Return the shortest way over the roads from one code (d,) to another, neither of which need be on the graph.

        An end is tied to the codes nearest to it. Two ends that are each other's fellows may be tied directly.
        """
        country = self.country
        ends = np.stack([start, end]).astype(np.float64)
        rows, far = country.near.find(country.own(ends), max(1, country.k))
        few = rows.shape[1]
        seen = self._look(ends, rows)
        tiny = float(np.finfo(float).tiny)
        ties = [np.maximum(self.ruler.apart(seen[i : i + 1], seen[2:][i * few :][:few]), tiny) for i in (0, 1)]
        stops, lengths, guessed = self._way(rows, far, ties)
        direct = float(self.ruler.apart(seen[:1], seen[1:2])[0])
        apart = float(np.linalg.norm(ends[1] / country.unit - ends[0] / country.unit))
        if apart <= max(far[0, -1], far[1, -1]) and direct <= lengths.sum():
            return Route(ends, np.array([direct]), np.array([False]))
        pairs = [(min(a, b), max(a, b)) for a, b in pairwise(stops)]
        outside = country.empty(ends)
        bridges = [bool(outside[0]), *(pair in country.invented for pair in pairs), bool(outside[1])]
        return Route(np.concatenate([ends[:1], country.z[stops], ends[1:]]), lengths, np.array(bridges), guessed)

    def _look(self, ends: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """What the ruler sees of both ends, and of the codes `rows` (2, k) that they are tied to."""
        if self.seen is None:
            return self.ruler.see(np.concatenate([ends, *self.country.z[rows]]))
        return np.concatenate([self.ruler.see(ends), *self.seen[rows]])

    def _way(self, rows: np.ndarray, far: np.ndarray, ties: list[np.ndarray]) -> tuple[list[int], np.ndarray, bool]:
        """Return the codes on the shortest way, the lengths of its roads, and whether a shorter one may exist.

        The ends are tied to the codes `rows` (2, k), `far` (2, k) from them, by roads as long as `ties`.
        """
        return *_circles.shortest(self.matrix, list(rows), ties, self.usual), False


def _spread(z: np.ndarray) -> float:
    """The codes' mean distance from their centre, or 1 where they have none."""
    largest = float(np.abs(z).max())
    return largest * float(np.sqrt(np.square(z / largest).sum(axis=1).mean())) if largest > 0 else 1.0


class Pictures:
    """The ruler of pictures: how much those of two codes differ, |g(a) - g(b)|."""

    def __init__(self, manifold: Manifold) -> None:
        self.manifold = manifold
        self.turn: np.ndarray | None = None

    def see(self, z: np.ndarray, what: str = STEP) -> np.ndarray:
        """What the ruler sees of each code, float32 (n, m), of large pictures a random projection: distances stay."""
        x = self.manifold.look(z.astype(np.float32), what)
        if x.shape[1] > WIDEST:  # Johnson, Lindenstrauss 1984: to within some 3 %
            if self.turn is None:
                self.turn = seeds.numpy_stream(0).standard_normal((x.shape[1], WIDEST)) / np.sqrt(WIDEST)
            x = x @ self.turn
        return x.astype(np.float32)

    def apart(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.linalg.norm((b - a).astype(np.float64), axis=1)
