"""The way back from a map to a code: `Map.inverse_transform` against umap-learn's, on the same map.

    python -m benchmarks.way_back [--model NAME] [--points 5000] [--held-out 300] [--seed 0] [--json]

UMAP lays out some thousand train codes of a model. Held-out codes get their places from `umap.transform`, so both ways
back start at the same places. Each way's codes are decoded and compared with the true pictures, pixel by pixel; without
the data set at hand, with the model's own reconstructions of them. Also in the table: the nearest code, inverse
distances and a plain mean, the simpler ways that were tried; and two floors, the reconstruction of the held-out picture
from its own code, and the mean code of all, which knows nothing.

The way there is measured as well: where `Map.transform` and `umap.transform` put the held-out codes, as the share of
their 15 nearest codes that are among their 15 nearest points on the map.

Times are of 1,000 places for ours, also on a map of 60,000 points and for places anywhere on it, empty ones included,
and per place for umap-learn, in batches of 10, after each was called once to warm up.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from manigen import seeds, weights
from manigen.errors import DataMissing, ManigenError
from manigen.nearest import Nearest
from manigen.projections import Map, fit_map

PLACES = 1000  # ours is timed on
BATCH = 10  # umap-learn is timed on


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="The way back from a map to a code, ours against umap-learn's.")
    parser.add_argument("--model", help="a shipped model with an encoder; the first there is unless named")
    parser.add_argument("--points", type=int, default=5000, help="train codes on the map")
    parser.add_argument("--held-out", type=int, default=300, help="test codes placed on it and brought back")
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args(arguments)
    try:
        figures = measure(
            options.model or first_model(), options.points, options.held_out, options.repetitions, options.seed
        )
    except ManigenError as error:
        parser.error(str(error))
    if options.json:
        print(json.dumps(figures))
    else:
        for key, value in figures.items():
            print(f"{key:34s} {value:,.4g}" if isinstance(value, float) else f"{key:34s} {value}")


def first_model() -> str:
    """Return the name of the first model at hand that has an encoder."""
    able = [name for name in weights.names() if weights.info(name).get("encodes")]
    if not able:
        raise DataMissing("There is no trained model with an encoder here; train one or name its folder with --model.")
    return able[0]


def measure(model: str, points: int, held_out: int, repetitions: int, seed: int) -> dict[str, Any]:
    """Return the times and errors of both ways back; keys carry their units, errors are mean squared per pixel."""
    generator, codes = weights.load(model), weights.codes(model)
    rng = seeds.numpy_stream(seed)
    train = rng.permutation(np.flatnonzero(codes.split == 0))[:points]
    test = rng.permutation(np.flatnonzero(codes.split == 1))[:held_out]
    z, z_true = codes.z[train], codes.z[test]

    fitted = fit_map(z, "umap", seed)
    peer = peer_of(fitted)
    atlas = Map.from_arrays(fitted.arrays() | {"p": peer.embedding_}, z)  # ours, as it lay before it was turned
    p = peer.transform(z_true)
    there, umap_there = timed(lambda: atlas.transform(z_true), repetitions), timed(lambda: peer.transform(z_true), 3)
    x_true, compared_with = pictures(model, codes.rows[test], generator, z_true)

    anywhere = spread(atlas, PLACES, rng)
    again = np.resize(p, (PLACES, 2))
    large = crowd(atlas, 60_000, rng)
    anywhere_large = spread(large, PLACES, rng)
    ours = timed(lambda: atlas.inverse_transform(again), repetitions)
    ours_anywhere = timed(lambda: atlas.inverse_transform(anywhere), repetitions)
    ours_large = timed(lambda: large.inverse_transform(anywhere_large), repetitions)
    peer.inverse_transform(p[:2])  # compiles
    back, seconds = [], []
    for first in range(0, held_out, BATCH):
        start = time.perf_counter()
        back.append(peer.inverse_transform(p[first : first + BATCH]))
        seconds.append((time.perf_counter() - start) / len(back[-1]))

    def errors(z_back: np.ndarray) -> np.ndarray:
        x = generator.decode(np.asarray(z_back, np.float32))
        return ((x - x_true) ** 2).mean(axis=(1, 2, 3), dtype=np.float64)

    def error(z_back: np.ndarray) -> float:
        return float(errors(z_back).mean())

    rows, distances = atlas.neighbours(p)
    ours_errors, umap_errors = errors(atlas.inverse_transform(p)), errors(np.concatenate(back))
    difference = umap_errors - ours_errors
    closeness = 1 / np.maximum(distances[..., None], 1e-9)
    return {
        "model": model,
        "points": len(z),
        "held_out": len(z_true),
        "repetitions": repetitions,
        "umap_repetitions": len(seconds),
        "ours_ms_per_1000": ours[0],
        "ours_p95_ms_per_1000": ours[1],
        "ours_anywhere_ms_per_1000": ours_anywhere[0],
        "ours_anywhere_p95_ms_per_1000": ours_anywhere[1],
        "ours_60000_points_ms_per_1000": ours_large[0],
        "ours_60000_points_p95_ms_per_1000": ours_large[1],
        "umap_ms_per_place": 1e3 * float(np.median(seconds)),
        "umap_p95_ms_per_place": 1e3 * float(np.quantile(seconds, 0.95)),
        "speedup": 1e3 * float(np.median(seconds)) * PLACES / ours[0],
        "compared_with": compared_with,
        "ours_mse": float(ours_errors.mean()),
        "umap_mse": float(umap_errors.mean()),
        "umap_minus_ours_mse": float(difference.mean()),
        "umap_minus_ours_standard_error": float(difference.std() / np.sqrt(len(difference))),
        "nearest_code_mse": error(z[rows[:, 0]]),
        "inverse_distance_mse": error((closeness * z[rows]).sum(axis=1) / closeness.sum(axis=1)),
        "plain_mean_mse": error(z[rows].mean(axis=1)),
        "floor_mse": error(z_true),
        "mean_code_mse": error(np.tile(z.mean(axis=0), (len(z_true), 1))),
        "ours_there_neighbours_kept": kept(atlas, z_true, atlas.transform(z_true)),
        "umap_there_neighbours_kept": kept(atlas, z_true, p),
        "ours_there_ms_per_1000": there[0] * PLACES / held_out,
        "umap_there_ms_per_1000": umap_there[0] * PLACES / held_out,
    }


def peer_of(atlas: Map) -> Any:
    """Return umap-learn's own object for the same map, fitted bare; ours is the same, turned to lie across."""
    import umap
    from pynndescent import NNDescent

    from manigen.projections.umap import ALL_PAIRS, known_neighbours, random_state

    neighbours = known_neighbours(atlas.z, atlas.knobs["n_neighbors"])
    asked = dict(atlas.knobs)
    if len(atlas.z) >= ALL_PAIRS:  # the exact ones, as ours has them, and an index to place new codes with
        asked["precomputed_knn"] = (*neighbours, NNDescent(atlas.z, n_neighbors=15, random_state=0))
    peer = umap.UMAP(random_state=random_state(atlas.seed), n_jobs=1, **asked).fit(atlas.z)
    ours, bare = (np.linalg.norm(p[:-1] - p[1:], axis=1) for p in (atlas.p, peer.embedding_))
    if not np.allclose(ours, bare, atol=1e-3):
        raise ManigenError("umap-learn called bare gave another map than ours with the same seed; nothing to compare.")
    return peer


def pictures(model: str, rows: np.ndarray, generator: Any, z: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the true pictures (m, c, h, w) in [0, 1] of test `rows`, or reconstructions where data is missing."""
    from manigen import datasets

    try:
        return datasets.load(weights.info(model)["data"]["name"], "test").take(rows).float(), "true pictures"
    except (DataMissing, KeyError):
        return generator.decode(z), "reconstructions"


def spread(atlas: Map, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return places (count, 2) drawn evenly from the rectangle around a map: groups and empty space alike."""
    return rng.uniform(atlas.p.min(axis=0), atlas.p.max(axis=0), (count, 2)).astype(np.float32)


def crowd(atlas: Map, count: int, rng: np.random.Generator) -> Map:
    """Return a map of `count` points that is `atlas` with every point scattered about its place, for timing only."""
    rows = rng.integers(len(atlas.z), size=count)
    arrays = atlas.arrays()
    arrays["p"] = (atlas.p[rows] + rng.normal(0, atlas.spacing, (count, 2))).astype(np.float32)
    arrays["header"] = np.array(json.dumps(json.loads(str(arrays["header"])) | {"codes": [count, atlas.z.shape[1]]}))
    return Map.from_arrays(arrays, atlas.z[rows])


def kept(atlas: Map, z: np.ndarray, p: np.ndarray, k: int = 15) -> float:
    """Return the share of the k nearest codes of each z (m, d) that are among the k nearest points to its place p."""
    codes, points = Nearest(atlas.z).find(z, k)[0], atlas.neighbours(p, k)[0]
    return float((codes[:, :, None] == points[:, None]).any(axis=2).mean())


def timed(run: Callable[[], object], repetitions: int) -> tuple[float, float]:
    """Return the median and the 95 % quantile of the milliseconds `run` takes, called once before to warm up."""
    run()
    took = []
    for _ in range(repetitions):
        start = time.perf_counter()
        run()
        took.append(1e3 * (time.perf_counter() - start))
    return float(np.median(took)), float(np.quantile(took, 0.95))


if __name__ == "__main__":
    main()
