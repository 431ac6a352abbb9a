"""What every projection shares: the map, its way there for new codes, its way back, and how empty a place is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from manigen import checks, seeds
from manigen.discovery import find
from manigen.errors import BadFile, ManigenError, NotPossible
from manigen.nearest import MANY, Nearest
from manigen.projections import _back

if TYPE_CHECKING:
    from scipy.spatial import Delaunay, cKDTree

    from manigen.cards import Card

Progress = Callable[[float, str, np.ndarray | None], None]
"""Told while a map is fitted: the share done in [0, 1], what is being done, and the places so far or None.

To stop a fit, raise from it: the exception comes out of `fit`.
"""

BACK = 32  # places that the way back averages over
THERE = 10  # codes that place a new code
PLACED, PLACING = 8192, 5.0  # codes placed at once among landmarks; how many are placed while one is laid out, about
PEAK = 0.03  # how near a point its own code takes over, as a share of the reach


@dataclass(frozen=True)
class Embedding:
    """What a projection makes of codes z (n, d): places `p` (n, dims), and what it needs to take new ones there.

    `arrays` are handed back to the file's `transform` and `inverse_transform`, where it has them, now or when the map
    is read from disk; `notes` are plain sentences on anything that was adjusted or should be known; `library` names
    what computed the map, with its version.
    """

    p: np.ndarray
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    library: str = f"numpy {np.__version__}"


class Map:
    """A map of codes: scikit-learn's verbs for one projection, with a way back that every projection has.

        fit           codes z (n, d) float32         ->  places p (n, dims) float32, no units
        transform     codes (m, d), new ones too     ->  places (m, dims)
        inverse_transform  places (m, dims), any     ->  codes (m, d)

    Attributes: `method`, `card`, `knobs` (every knob with its value), `seed`, `dims` (2 or 3); once fitted `z`, `p`,
    `notes` (what was adjusted, in sentences), `library`. `transform_kind` and `inverse_kind` are "native" where the
    method brings its own formula and "neighbours" where the map's own points are asked.

    Raises `UnknownName` for a method that is not there, `BadInput` for a knob out of range.

    >>> atlas = Map("pca").fit([[0.0, 0.0], [2.0, 0.0], [4.0, 1.0]])
    >>> atlas.inverse_transform(atlas.transform([[2.0, 0.0]])).round(4)
    array([[2., 0.]], dtype=float32)
    """

    z: np.ndarray
    p: np.ndarray

    def __init__(self, method: str = "umap", seed: int = 0, dims: int = 2, **knobs: Any) -> None:
        self._idea = find("manigen.projections", method)
        self.method, self.card = method, self._idea.card
        self.seed = seeds.check(seed)
        self.dims = checks.count(dims, "dims", 2, 3)
        self.knobs = self.card.settings(knobs)
        self.notes: tuple[str, ...] = ()
        self.library = ""
        self._arrays: Mapping[str, np.ndarray] = {}
        self._stand_in = False  # PCA stood in for the method
        self.way = _back.DEFAULT

    @classmethod
    def of_places(
        cls, z: Any, p: Any, method: str = "umap", seed: int = 0, dims: int | None = None, **knobs: Any
    ) -> Map:
        """Return a map of codes z (n, d) whose places p (n, dims) are known already; its own points answer."""
        z, p = checks.codes(z), checks.points(p, dims)
        atlas = cls(method, seed, p.shape[1], **knobs)
        atlas._become(z, Embedding(p), stand_in=False)
        return atlas

    # --- fitting ----------------------------------------------------------------------------------------------------

    def fit(self, z: Any, progress: Progress | None = None) -> Map:
        """Lay out the codes z (n, d). Same codes, knobs and seed: same map, on one machine.

        Too few different codes for the method are placed by PCA; of more than it can take in reasonable time a drawn
        sample is fitted (`fitted_on` says how many), and the others are placed by `transform`. `notes` say so.
        Raises `BadInput` for codes that are not numbers (n, d), or not finite.
        """
        z = checks.codes(z)
        tell = progress or (lambda done, words, p: None)
        self._become(z, *self._lay_out(z, tell))
        tell(1.0, "done", self.p)
        return self

    def fit_transform(self, z: Any, progress: Progress | None = None) -> np.ndarray:
        """Lay out the codes z (n, d) and return their places (n, dims)."""
        return self.fit(z, progress).p

    def _lay_out(self, z: np.ndarray, tell: Progress) -> tuple[Embedding, bool]:
        """Return the embedding of z and whether PCA had to stand in for the method."""
        fewest, most = self.card.facts.get("fewest", 1), fitted_on(self.card, len(z))
        if most < len(z) > MANY:  # to look for copies among so many would take longer than to lay some of them out
            return self._lay_out_landmarks(z, most, tell)
        different = len(np.unique(z, axis=0)) if fewest > 1 else len(z)
        if different < fewest:
            made = find("manigen.projections", "pca").embed(z, self.seed, self.dims, tell)
            few = f"{self.card.title} needs {fewest} different codes, not {different}: PCA places them."
            return Embedding(made.p, notes=(few, *made.notes)), True
        if self.card.facts.get("different") and different < len(z):
            return self._lay_out_once(z, tell)
        if len(z) <= most:
            made = self._idea.embed(z, self.seed, self.dims, tell, **self.knobs)
            return (made if hasattr(self._idea, "transform") else replace(made, p=_lying(made.p))), False
        return self._lay_out_landmarks(z, most, tell)

    def _lay_out_landmarks(self, z: np.ndarray, most: int, tell: Progress) -> tuple[Embedding, bool]:
        """Lay out `most` codes, drawn with the seed, and place the others among them, some at a time."""
        rows = np.sort(seeds.numpy_stream(self.seed).choice(len(z), most, replace=False))
        landmarks = Map(self.method, self.seed, self.dims, **self.knobs)
        share = most / (most + len(z) / PLACING)  # of the time, about, that laying out takes
        landmarks._become(z[rows], *landmarks._lay_out(z[rows], lambda done, words, p: tell(share * done, words, p)))
        p = np.empty((len(z), self.dims), np.float32)
        for at in range(0, len(z), PLACED):
            tell(share + (1 - share) * at / len(z), "placing the other codes", None)
            p[at : at + PLACED] = landmarks.transform(z[at : at + PLACED])
        note = f"Fitted on {most:,} of {len(z):,} codes, drawn with seed {self.seed}; the rest were placed among them."
        return Embedding(p, landmarks._arrays, (note, *landmarks.notes), landmarks.library), landmarks._stand_in

    def _lay_out_once(self, z: np.ndarray, tell: Progress) -> tuple[Embedding, bool]:
        """Lay out each of equal codes once and give its place to all of them."""
        _, rows, places = np.unique(z, axis=0, return_index=True, return_inverse=True)
        made, stand_in = self._lay_out(z[rows], tell)
        copies = f"{len(z) - len(rows):,} of the {len(z):,} codes are copies, and share their places."
        return replace(made, p=made.p[places.ravel()], notes=(*made.notes, copies)), stand_in

    def _become(self, z: np.ndarray, made: Embedding, stand_in: bool) -> None:
        p = np.ascontiguousarray(made.p, np.float32)
        if p.shape != (len(z), self.dims) or not np.isfinite(p).all():
            raise ManigenError(f"{self.card.title} found no place for some codes; try other knobs or more codes.")
        self.z, self.p, self.notes, self.library = z, p, tuple(made.notes), made.library
        self._arrays, self._stand_in = made.arrays, stand_in
        for cached in ("_tree", "_nearest", "_net", "decoder", "_missing", "spacing"):
            self.__dict__.pop(cached, None)

    # --- there ------------------------------------------------------------------------------------------------------

    @property
    def transform_kind(self) -> str:
        """How new codes find their places: "native" or "neighbours"."""
        return "native" if self._own("transform") else "neighbours"

    @property
    def inverse_kind(self) -> str:
        """How places find their codes: "native" or "neighbours"."""
        return "native" if self._own("inverse_transform") else "neighbours"

    def transform(self, z: Any) -> np.ndarray:
        """Return the places (m, dims) float32 of codes z (m, d), new ones or the map's own.

        "native": the method's own formula. "neighbours": the weighted geometric median of the places p_i of the 10
        nearest codes z_i,

            p = argmin_p sum_i w_i |p - p_i|,   w_i as in `inverse_transform` with distances between codes

        It stays with the majority where a mean would land in the empty space between torn groups. A code of the map
        itself keeps its place; copies of one code are given the place in their middle.
        Raises `BadInput` for codes of another width, or not finite.
        """
        self._fitted()
        z = checks.codes(z, self.z.shape[1])
        if (own := self._own("transform")) is not None:
            return own(z, self._arrays).astype(np.float32)
        rows, distances = self._nearest.find(z, THERE + 1)
        rows, weights = _weigh(rows, distances.astype(np.float64), THERE)
        return _median(self.p[rows].astype(np.float64), weights, self.spacing / 10).astype(np.float32)

    # --- back -------------------------------------------------------------------------------------------------------

    def inverse_transform(self, p: Any) -> np.ndarray:
        """Return the codes (m, d) float32 that lie behind places p (m, dims): any places, empty ones too.

        "native": the method's own formula. "neighbours": the weighted mean of the codes z_i of the 32 nearest places,
        at distances d_i, with R the distance of the 33rd,

            z(p) = sum_i w_i z_i / sum_i w_i,   w_i = (1 - r_i^2)^2 (1 + (0.03 / r_i)^4),   r_i = d_i / R

        Which neighbours' answer is taken, `way` says: this mean unless another of `_back` measured better on held-out
        points and was chosen. The first factor falls to zero where a neighbour leaves the 32, so the code changes
        without a jump as the pointer moves; the second is a narrow peak that gives a place of the map its own code
        back. A smooth mean is
        closer to held-out codes than the nearest code or inverse distances are (`benchmarks/way_back.py`).

        Source: the first factor is the biweight (Cleveland 1979, Robust Locally Weighted Regression and Smoothing
        Scatterplots, https://doi.org/10.1080/01621459.1979.10481038), ending at the next neighbour as in Franke,
        Nielson 1980, Smooth Interpolation of Large Sets of Scattered Data, https://doi.org/10.1002/nme.1620151110.
        Raises `BadInput` for places of other dimension, or not finite.
        """
        self._fitted()
        p = checks.points(p, self.dims)
        if (own := self._own("inverse_transform")) is not None:
            return own(p, self._arrays).astype(np.float32)
        if self.way == "triangle" and self._net is not None:
            z, inside = _back.triangle(p.astype(np.float64), self.z, self._net)
            if not inside.all():
                z[~inside] = self._of_neighbours(p[~inside], "mean")
            return z.astype(np.float32)
        return self._of_neighbours(p, "mean" if self.way == "triangle" else self.way)

    def _of_neighbours(self, p: np.ndarray, way: str) -> np.ndarray:
        """The codes (m, d) that the nearest points give places p (m, dims)."""
        k = _back.WAYS[way]
        rows, distances = self._search(p, k + 1)
        rows, weights = _weigh(rows, distances, k)
        if way == "decoder":
            decode = self.decoder
            missing = (
                self._missing[rows] if len(self.z) <= MANY else self._missed(rows.ravel()).reshape(*rows.shape, -1)
            )
            mended = np.matmul(weights[:, None].astype(np.float32), missing)[:, 0]
            return (decode(p.astype(np.float64)) + mended).astype(np.float32)
        if way.startswith("linear"):
            places = self.p[rows].astype(np.float64)
            return _back.linear(p.astype(np.float64), self.z[rows], places, weights).astype(np.float32)
        return np.matmul(weights[:, None].astype(np.float32), self.z[rows])[:, 0]

    def neighbours(self, p: Any, k: int = BACK) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows (m, k) int64 of the map's points nearest to places p, and their distances on the map (m, k).

        Nearest first; where the map has fewer than `k` points, all of them.
        """
        self._fitted()
        rows, distances = self._search(checks.points(p, self.dims), checks.count(k, "k"))
        return rows, distances.astype(np.float32)

    def gap(self, p: Any) -> np.ndarray:
        """Return how empty the map is at places p: (m,) float32, dimensionless and >= 0.

            gap(p) = min_i |p - p_i| / spacing

        0 on a point; up to about 1 among the points; far above 1 in empty space, where a code is a guess.
        """
        return self.neighbours(p, 1)[1][:, 0] / np.float32(self.spacing)

    @cached_property
    def spacing(self) -> float:
        """How far a point of the map lies from its nearest fellow, at most, for 95 % of them; in the map's own units.

        Measured on at most 5,000 points, drawn with seed 0; points in one place are left out; 1 where no two differ.
        """
        self._fitted()
        sample = self.p
        if len(sample) > 5000:
            sample = sample[seeds.numpy_stream(0).choice(len(sample), 5000, replace=False)]
        distances = self._search(sample, 2)[1][:, -1]
        distances = distances[distances > 0]
        return float(np.quantile(distances, 0.95)) if distances.size else 1.0

    # --- saving -----------------------------------------------------------------------------------------------------

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the map as arrays for an npz file, without the codes: places, a header in JSON, the method's own."""
        self._fitted()
        header = {
            "method": self.method,
            "seed": self.seed,
            "dims": self.dims,
            "knobs": self.knobs,
            "notes": self.notes,
            "library": self.library,
            "codes": list(self.z.shape),
            "stand_in": self._stand_in,
        }
        own = {f"fit_{name}": array for name, array in self._arrays.items()}
        return {"header": np.array(json.dumps(header)), "p": self.p, **own}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], z: Any) -> Map:
        """Return the map that `arrays()` gave, over the same codes z (n, d); it behaves as the fitted one did.

        Raises `BadFile` when the arrays are not a map, or not one of these codes.
        """
        z = checks.codes(z)
        try:
            header = json.loads(str(arrays["header"]))
            atlas = cls(header["method"], header["seed"], header["dims"], **header["knobs"])
            p, shape, stand_in = arrays["p"], tuple(header["codes"]), bool(header["stand_in"])
            notes, library = tuple(map(str, header["notes"])), str(header["library"])
            if p.dtype != np.float32 or p.shape != (shape[0], atlas.dims) or not np.isfinite(p).all():
                raise ValueError("its places are damaged")
        except (KeyError, TypeError, ValueError, IndexError, ManigenError) as error:
            raise BadFile(f"These arrays are no map this version can read ({error}); fit the map again.") from error
        if shape != z.shape:
            raise BadFile(f"This map belongs to codes of shape {shape}, not {z.shape}; give it the codes it came with.")
        own = {name.removeprefix("fit_"): arrays[name] for name in arrays if name.startswith("fit_")}
        atlas._become(z, Embedding(p, own, notes, library), stand_in)
        return atlas

    # --- within -----------------------------------------------------------------------------------------------------

    def _fitted(self) -> None:
        if "p" not in self.__dict__:
            raise NotPossible("This map has no points yet: call fit(z) with codes first.")

    def _own(self, verb: str) -> Callable[[np.ndarray, Mapping[str, np.ndarray]], np.ndarray] | None:
        """The method's own formula for a verb, where it has one."""
        return None if self._stand_in else getattr(self._idea, verb, None)

    @cached_property
    def _tree(self) -> cKDTree:
        from scipy.spatial import cKDTree

        # the fastest to ask of those tried on 60,000 points, and built in half the time of scipy's default
        return cKDTree(self.p, leafsize=16, balanced_tree=False, compact_nodes=False)

    @cached_property
    def _net(self) -> Delaunay | None:
        """The Delaunay triangles of the points; None where all of them lie on a line."""
        from scipy.spatial import Delaunay, QhullError

        try:
            return Delaunay(self.p.astype(np.float64), qhull_options="QJ Qbb Qc")
        except QhullError:
            return None

    @cached_property
    def decoder(self) -> _back.Decoder:
        """The small network from places to codes; fitted at the first call, which takes seconds."""
        return _back.Decoder.fit(self.z, self.p, self.seed)

    @cached_property
    def _missing(self) -> np.ndarray:
        """What the decoder misses of each point's code (n, d)."""
        return self._missed(np.arange(len(self.z)))

    def _missed(self, rows: np.ndarray) -> np.ndarray:
        return (self.z[rows] - self.decoder(self.p[rows])).astype(np.float32)

    @cached_property
    def _nearest(self) -> Nearest:
        return Nearest(self.z)

    def _search(self, p: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest points of each place, in double precision: rows (m, k) and distances (m, k)."""
        k = min(k, len(self.p))
        workers = 2 if len(p) >= 250 else 1  # a thread costs more than a few places
        distances, rows = self._tree.query(p, np.arange(1, k + 1), workers=workers)
        return rows, distances


def fitted_on(card: Card, n: int) -> int:
    """Return how many of n codes a method is fitted on: all, or `landmarks`, or of many codes those `of_many`."""
    most = card.facts.get("landmarks") or (card.facts.get("of_many", n) if n > MANY else n)
    return min(most, n)


def _lying(p: np.ndarray) -> np.ndarray:
    """Return places (n, dims) turned so that their widest direction lies across, as screens do.

    Such a map has no orientation of its own; distances stay. The side that reaches farther is to the right and above.
    """
    middle = p.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(np.cov((p - middle).T))
    turned = (p - middle) @ axes[:, ::-1]
    return turned * np.where(turned.max(axis=0) >= -turned.min(axis=0), 1.0, -1.0)


def _weigh(rows: np.ndarray, distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows (m, k) that count and their weights (m, k), which sum to 1; see `Map.inverse_transform`.

    With k rows or fewer in all, every one of them counts and the reach is a quarter beyond the last.
    """
    if distances.shape[1] > k:
        rows, distances, reach = rows[:, :k], distances[:, :k], distances[:, k:]
    else:
        reach = 1.25 * distances[:, -1:]
    r = np.maximum(distances / np.maximum(reach, 1e-30), 1e-6)
    weights = (1 - r**2) ** 2 * (1 + (PEAK / r) ** 4)
    weights[weights.sum(axis=1) == 0] = 1  # all equally far
    return rows, weights / weights.sum(axis=1, keepdims=True)


def _median(places: np.ndarray, weights: np.ndarray, softness: float) -> np.ndarray:
    """Return the weighted geometric medians (m, dims) of places (m, k, dims), by Weiszfeld's iteration.

    `softness` rounds the tip of the distance, sqrt(|p - p_i|^2 + softness^2), so that the median is smooth.
    """
    middle = np.einsum("mk,mkd->md", weights, places)
    for _ in range(20):
        distances = np.sqrt(((places - middle[:, None]) ** 2).sum(axis=2) + softness**2)
        pull = weights / distances
        middle = np.einsum("mk,mkd->md", pull / pull.sum(axis=1, keepdims=True), places)
    return middle
