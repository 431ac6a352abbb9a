"""Walks: how long the graph, the density geodesic and the pull-back geodesic take, and how low the latter gets.

    python -m benchmarks.paths [--model mnist-autoencoder] [--pairs 5] [--repetitions 5] [--seed 0] [--json]

On a model: building the graph of its training codes, one query, one density geodesic, one pull-back geodesic, the last
against a long descent (1,000 steps) of the same energy from the same ends.

On a sphere of radius one, in longitude and latitude, where the great circle is known: ours against stochman's
`connecting_geodesic` (Detlefsen et al. 2021, https://github.com/MachineLearningLifeScience/stochman), where that is
installed (`pip install stochman matplotlib networkx`); it needs the chart's Jacobian, ours is only given the chart.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch

from manigen import paths, seeds, weights
from manigen.errors import ManigenError
from manigen.nearest import Nearest
from manigen.paths import _descent, _pull, _roads
from manigen.paths.base import Manifold

LONG = 1000  # steps of the reference
KNOTS = 33


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Times and energies of walks, beside stochman's and a long run's.")
    parser.add_argument("--model", default="mnist-autoencoder", help="a shipped model with an encoder")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of held-out codes")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args(arguments)
    try:
        figures = on_model(options.model, options.pairs, options.seed) | on_sphere(options.repetitions)
    except ManigenError as error:
        parser.error(str(error))
    if options.json:
        print(json.dumps(figures))
    else:
        for key, value in figures.items():
            print(f"{key:44s} {value:,.4g}" if isinstance(value, float) else f"{key:44s} {value}")


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return how many milliseconds `work` took, and what it returned."""
    began = time.perf_counter()
    made = work()
    return 1000 * (time.perf_counter() - began), made


def on_model(name: str, pairs: int, seed: int) -> dict[str, Any]:
    """Return the times on one model, and the energies beside those of a long descent."""
    generator, codes = weights.load(name), weights.codes(name)
    near = Nearest(codes.taught)
    held_out = codes.z[seeds.numpy_stream(seed).permutation(np.flatnonzero(codes.split == 1))[: 2 * pairs]]
    starts, ends = held_out[:pairs], held_out[pairs:]
    manifold = Manifold(generator.decode, near)
    built, roads = timed(lambda: _roads.roads(manifold))
    paths.between(starts[:1], ends[:1], "density", decode=generator.decode, codes=near)  # once, to warm up
    paths.between(starts[:1], ends[:1], "pullback", decode=generator.decode, codes=near)
    times: dict[str, list[float]] = {"graph": [], "density": [], "pullback": []}
    for start, end in zip(starts, ends, strict=True):
        for kind, taken in times.items():
            ms, _ = timed(lambda a=start, b=end, k=kind: paths.through([a, b], k, 65, generator.decode, near))
            taken.append(ms)
    together, ways = timed(lambda: paths.between(starts, ends, "pullback", KNOTS, generator.decode, near))
    country = roads.country
    energy = _pull.Slope(manifold.decode, generator, country.centre, country.unit)
    ours = np.stack([(way.codes.astype(float) - country.centre) / country.unit for way in ways])
    best = _descent.descend(energy, ours, LONG, 1e-7).energy
    value, _, _ = energy(ours, np.arange(len(ours)))
    return {
        "model": name,
        "codes": len(near.z),
        "pairs": pairs,
        "graph_build_ms": built,
        **{f"{kind}_p50_ms": median(taken) for kind, taken in times.items()},
        "pullback_together_ms": together,
        "pullback_energy_over_long_run": float(np.median(value / best)),
        "pullback_energy_over_long_run_worst": float(np.max(value / best)),
    }


def sphere(z: Any) -> Any:
    """Longitude and latitude (n, 2) to points (n, 3) of the sphere."""
    lib: Any = torch if isinstance(z, torch.Tensor) else np
    return lib.stack([lib.cos(z[:, 1]) * lib.cos(z[:, 0]), lib.cos(z[:, 1]) * lib.sin(z[:, 0]), lib.sin(z[:, 1])], 1)


def on_sphere(repetitions: int) -> dict[str, Any]:
    """Return how far the length of one way on a sphere is off, and how long it took, ours and stochman's."""
    start, end = np.array([0.0, 0.7], np.float32), np.array([1.8, 0.6], np.float32)
    x = sphere(np.stack([start, end]).astype(float))
    true = float(np.arccos(x[0] @ x[1]))
    generator = type("Sphere", (), {"decode": staticmethod(sphere)})()
    took = [timed(lambda: paths.walk(generator, start, end, "pullback", 129)) for _ in range(repetitions + 1)][1:]
    found: dict[str, Any] = {
        "sphere_repetitions": repetitions,
        "sphere_true_length": true,
        "sphere_length_error": took[0][1].length - true,
        "sphere_p50_ms": median(ms for ms, _ in took),
    }
    try:
        from stochman.manifold import EmbeddedManifold
    except ImportError:
        return found

    class Chart(EmbeddedManifold):  # type: ignore[misc]
        def embed(self, points: Any, jacobian: bool = False) -> Any:
            flat = points.reshape(-1, 2)
            x = sphere(flat).reshape(*points.shape[:-1], 3)
            if not jacobian:
                return x
            along = torch.func.vmap(torch.func.jacfwd(lambda one: sphere(one[None])[0]))(flat)
            return x, along.reshape(*points.shape[:-1], 3, 2)

    def theirs() -> float:
        curve, _ = Chart().connecting_geodesic(torch.tensor(start)[None], torch.tensor(end)[None])
        with torch.no_grad():
            points = sphere(curve(torch.linspace(0, 1, 129)).reshape(-1, 2))
        return float((points[1:] - points[:-1]).norm(dim=1).sum())

    told = [timed(theirs) for _ in range(min(3, repetitions))]
    found |= {
        "sphere_stochman_length_error": told[0][1] - true,
        "sphere_stochman_p50_ms": median(ms for ms, _ in told),
    }
    found["sphere_speedup"] = found["sphere_stochman_p50_ms"] / found["sphere_p50_ms"]
    return found


if __name__ == "__main__":
    main()
