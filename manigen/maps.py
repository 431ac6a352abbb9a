"""Maps kept: what was fitted or measured once, by anyone on this machine, is read from disk the next time.

    key of a map          sha256(codes, method, knobs, seed, dims, library's version, the method's own file)
    key of a distortion   sha256(codes, places, version of the measures)
    key of a stability    sha256(codes, places, what the map is made by, version of the measure)

They lie in the folder that `kept` looks after. The distortions of shipped maps are shipped under the same keys, so that
a page opens with them.
"""

from __future__ import annotations

import hashlib
import json
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from manigen import checks, files, kept, projections, seeds
from manigen.errors import ManigenError
from manigen.measures import _distortion, _stability
from manigen.projections import _back, _trials

if TYPE_CHECKING:
    from manigen.measures import Distortion, Stability
    from manigen.projections import Map, Progress

AGAIN = 10_000  # codes that a map is made again of, at most, to see how steady it is
DIGESTS = 64  # hashes of arrays that are remembered
WAYS = b"ways 2"  # to be raised when a way back is added or changed
SHIPPED = Path(__file__).resolve().parents[1] / "weights" / "trust"


def folder() -> Path:
    """Return the folder of this user's cache in which maps are kept."""
    return kept.folder()


def limit() -> int:
    """Return how many bytes that folder may hold. Raises `BadInput` where MANIGEN_MAPS_MB is no number."""
    return kept.limit()


# --- fits -------------------------------------------------------------------------------------------------------------


def key(z: np.ndarray, method: str, seed: int, dims: int, knobs: Mapping[str, Any]) -> str:
    """Return what tells a map from all others; `knobs` are settings, every one with its value."""
    return _digest(*_recipe(method, seed, dims, knobs), z)


def _recipe(method: str, seed: int, dims: int, knobs: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return what a map is made by: the method with its settings and its library's version, and its own file."""
    library, version = projections.fitted_by(projections.card_of(method), dims)
    own = (Path(projections.__file__).parent / f"{method}.py").read_bytes()
    recipe = [method, seed, dims, sorted(knobs.items()), library, version]
    return json.dumps(recipe).encode(), own


def known(z: Any, method: str, seed: int = 0, dims: int = 2, **knobs: Any) -> Map | None:
    """Return a map that was fitted before, or None; some milliseconds either way."""
    z = checks.codes(z)
    held = _read(key(z, method, seed, dims, projections.card_of(method).settings(knobs)))
    if held is None:
        return None
    try:
        return projections.Map.from_arrays(held, z)
    except ManigenError:
        return None


def fit(
    z: Any, method: str = "umap", seed: int = 0, dims: int = 2, progress: Progress | None = None, **knobs: Any
) -> Map:
    """Return a map of codes z (n, d), from disk where it was fitted before; else as `projections.fit_map` does."""
    z = checks.codes(z)
    held = known(z, method, seed, dims, **knobs)
    return refit(z, method, seed, dims, progress, **knobs) if held is None else held


def refit(
    z: Any, method: str = "umap", seed: int = 0, dims: int = 2, progress: Progress | None = None, **knobs: Any
) -> Map:
    """Fit a map of codes z (n, d) as `projections.fit_map` does, and keep it in place of the one that was kept."""
    z = checks.codes(z)
    fitted = projections.fit_map(z, method, seed, dims, progress, **knobs)
    _write(key(z, method, fitted.seed, fitted.dims, fitted.knobs), fitted.arrays())
    return fitted


# --- distortions ------------------------------------------------------------------------------------------------------


def distortion_key(z: np.ndarray, p: np.ndarray) -> str:
    """Return what tells a distortion from all others."""
    return _digest(f"distortion {_distortion.VERSION}".encode(), z, p)


def known_distortion(z: np.ndarray, p: np.ndarray) -> Distortion | None:
    """Return where a map of codes z (n, d) at places p (n, dims) lies, if that was measured before."""
    held = _read(distortion_key(z, p), SHIPPED)
    try:
        return None if held is None else _distortion.from_arrays(held)
    except (KeyError, ValueError, TypeError):
        return None


def distortion(z: Any, p: Any, progress: Callable[[float], None] = lambda share: None) -> Distortion:
    """Return where a map of codes z (n, d) at places p (n, dims) lies, from disk where it was measured before."""
    z, p = checks.codes(z), checks.codes(p, what="points")
    if (held := known_distortion(z, p)) is not None:
        return held
    found = _distortion.of(z, p, progress=progress)
    _write(distortion_key(z, p), _distortion.arrays(found))
    return _distortion.from_arrays(_distortion.arrays(found))


def ship_distortion(z: np.ndarray, p: np.ndarray, place: Path = SHIPPED) -> Path:
    """Measure a map and write where it lies to the folder that ships."""
    path = place / kept.name(distortion_key(z, p))
    if not path.is_file():
        files.write_npz(path, _distortion.arrays(distortion(z, p)))
    return path


def ship_ways(z: np.ndarray, p: np.ndarray, place: Path = SHIPPED) -> Path:
    """Measure the ways back from a map and write their errors to the folder that ships."""
    path = place / kept.name(_digest(WAYS, z, p))
    if not path.is_file():
        files.write_npz(path, _measured_ways(z, p))
    return path


# --- stability --------------------------------------------------------------------------------------------------------


def stability_key(fitted: Map) -> str:
    """Return what tells a map's stability from all others."""
    recipe = _recipe(fitted.method, fitted.seed, fitted.dims, fitted.knobs)
    return _digest(f"stability {_stability.VERSION} {AGAIN}".encode(), *recipe, fitted.z, fitted.p)


def known_stability(fitted: Map) -> Stability | None:
    """Return how steady a map is, if that was found out before."""
    held = _read(stability_key(fitted))
    try:
        return None if held is None else _stability.from_arrays(held)
    except (KeyError, ValueError):
        return None


def stability(fitted: Map, progress: Progress = lambda share, words, p: None) -> Stability:
    """Return how steady a map is: it is made again five times, each time without a fifth of its codes.

    Of more than 10,000 codes each time 10,000 are drawn, and the others are placed among them. From disk where it was
    found out before; `progress` is told as in a fit, and may stop it as there.
    """
    if (held := known_stability(fitted)) is not None:
        return held
    makings = []
    for b, rows in enumerate(_stability.folds(len(fitted.z), fitted.seed)):

        def tell(share: float, words: str, p: np.ndarray | None, b: int = b) -> None:
            progress((b + min(share, 1.0)) / _stability.TIMES, "making the map once more", None)

        tell(0.0, "", None)
        drawn = rows if len(rows) <= AGAIN else np.sort(seeds.numpy_stream(b).choice(rows, AGAIN, replace=False))
        made = projections.fit_map(fitted.z[drawn], fitted.method, b + 1, fitted.dims, tell, **fitted.knobs)
        makings.append((rows, made.p if drawn is rows else made.transform(fitted.z[rows])))
    found = _stability.of(fitted.p, makings)
    _write(stability_key(fitted), _stability.arrays(found))
    return found


# --- ways back --------------------------------------------------------------------------------------------------------


def ways(z: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Return each way's error back from a map of codes z (n, d) at places p (n, dims); from disk where it can."""
    return _ways(z, p)[0]


def _ways(z: np.ndarray, p: np.ndarray) -> tuple[dict[str, float], _back.Decoder | None]:
    """Return each way's error, and the fitted decoder where that is the best of them."""
    of = _digest(WAYS, z, p)
    held = _read(of, SHIPPED)
    if held is None or not {"names", "errors"} <= set(held):
        held = _measured_ways(z, p)
        _write(of, held)
    net = {name.removeprefix("net_"): array for name, array in held.items() if name.startswith("net_")}
    errors = dict(zip(map(str, held["names"]), map(float, held["errors"]), strict=True))
    return errors, _back.Decoder(net) if net else None


def _measured_ways(z: np.ndarray, p: np.ndarray) -> dict[str, np.ndarray]:
    """Measure the ways back from a map, as arrays for a file; where the decoder is the best, with its network."""
    found = _trials.measured(z, p)
    net = _back.Decoder.fit(z, p).held if found and min(found, key=lambda way: found[way]) == "decoder" else {}
    nets = {f"net_{name}": array for name, array in net.items()}
    return {"names": np.array(list(found)), "errors": np.array(list(found.values())), **nets}


def take_best_way(fitted: Map) -> dict[str, float]:
    """Have a map answer by the way back that measured best on its held-out points; return all errors.

    A map with a formula of its own keeps that. Until its ways are measured it answers by the smooth mean.
    """
    if fitted.inverse_kind == "native":
        return {}
    errors, decoder = _ways(fitted.z, fitted.p)
    if errors:
        if decoder is not None:
            fitted.__dict__["decoder"] = decoder  # it was fitted when the ways were measured
        fitted.way = min(errors, key=lambda way: errors[way])
    return errors


# --- the folder -------------------------------------------------------------------------------------------------------


_digests: OrderedDict[tuple[Any, ...], tuple[list[weakref.ref[Any]], str]] = OrderedDict()  # of arrays that still live
_lock = threading.Lock()


def _digest(*parts: bytes | np.ndarray) -> str:
    """Return what tells these parts from all others; of the same arrays, which nobody changes, it is found once.

    To hash 1,000,000 codes takes a quarter of a second, and a page asks for the same ones again and again.
    """
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    of = tuple(id(part) if isinstance(part, np.ndarray) else part for part in parts)
    with _lock:
        refs, known = _digests.get(of, ([], ""))
    if known and all(ref() is array for ref, array in zip(refs, arrays, strict=True)):
        return known
    found = _hash(parts)
    with _lock:
        _digests[of] = [weakref.ref(array) for array in arrays], found
        while len(_digests) > DIGESTS:
            _digests.popitem(last=False)
    return found


def _hash(parts: tuple[bytes | np.ndarray, ...]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.shape} {part.dtype}".encode())
            part = np.ascontiguousarray(part).tobytes()
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:40]


def _read(of: str, shipped: Path | None = None) -> dict[str, np.ndarray] | None:
    return kept.read(of, folder(), shipped)


def _write(of: str, arrays: Mapping[str, np.ndarray]) -> None:
    kept.write(of, folder(), arrays)
