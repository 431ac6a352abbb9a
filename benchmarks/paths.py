"""Walks: how long the graph, the density geodesic and the pull-back geodesic take, and how low the latter gets.

    python -m benchmarks.paths [--model mnist-autoencoder] [--pairs 5] [--repetitions 5] [--seed 0]
        [--together 64] [--long 10000] [--long-pairs 3] [--codes 60000] [--stochman-pairs 5] [--device cpu] [--json]

On a model, between held-out codes, the graph of its training codes built beforehand and its building timed, each walk
as the app walks, in a thread of one core that shares a search's pictures out over all:

* one query of the graph, one density geodesic, one pull-back geodesic: its first sketch, and to rest; and one with
  fog, where the model has several decoders;
* `--together` pull-back geodesics in one search against one alone;
* ours against a reference: the lowest of three runs of Adam of `--long` steps each, begun at the straight line, at the
  graph path and at ours, for `--long-pairs` pairs;
* the graph of `--codes` codes: training pictures encoded anew, where the data set is at hand; its queries with all of
  torch's threads, and with one, as the app walks;
* stochman's `connecting_geodesic` with the same decoder (Detlefsen et al. 2021,
  https://github.com/MachineLearningLifeScience/stochman), where that is installed (`pip install stochman matplotlib
  networkx`), as it is when asked for nothing: energies of both on one grid.

On a sphere of radius one, in longitude and latitude, where the great circle is known: ours against stochman's, which is
given the chart's Jacobian; ours is only given the chart. A count of 0 leaves a part out.

With `--device cuda` the model lives on a GPU; stochman, whose curves stay on the processor, walks on a copy there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import numpy as np
import torch

from manigen import datasets, paths, seeds, weights
from manigen.errors import BadInput, ManigenError
from manigen.nearest import Nearest
from manigen.paths import _atlas
from manigen.paths.base import Manifold
from manigen.threads import one_thread

KNOTS = 33
GRID = 129  # codes of a way whose energy is compared with stochman's
QUERIES = 100  # of the large graph


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Times and energies of walks, beside stochman's and a long run's.")
    parser.add_argument("--model", default="mnist-autoencoder", help="a shipped model with an encoder")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of held-out codes")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--together", type=int, default=64, help="pairs that are searched for in one call")
    parser.add_argument("--long", type=int, default=10_000, help="steps of the reference")
    parser.add_argument("--long-pairs", type=int, default=3, help="pairs that the reference is run for")
    parser.add_argument("--codes", type=int, default=60_000, help="codes of the large graph")
    parser.add_argument("--stochman-pairs", type=int, default=5, help="pairs that stochman walks on the model")
    parser.add_argument("--device", default="cpu", help="where the model decodes: cpu, cuda")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args(arguments)
    try:
        bench = Bench(options.model, options.pairs, options.seed, options.device)
        figures = bench.times(options.repetitions)
        if options.together:
            figures |= bench.together(options.together, options.repetitions)
        if options.long and options.long_pairs:
            figures |= bench.long_run(options.long, options.long_pairs)
        if options.codes:
            figures |= bench.large_graph(options.codes)
        if options.stochman_pairs:
            figures |= bench.beside_stochman(options.stochman_pairs)
        figures |= on_sphere(options.repetitions)
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


def spread(name: str, taken: list[float]) -> dict[str, float]:
    """Return the median and the 95th percentile of some milliseconds."""
    return {f"{name}_p50_ms": median(taken), f"{name}_p95_ms": float(np.percentile(taken, 95))}


class Bench:
    """A model, its training codes, pairs of held-out codes, and the graph, which is built here and timed."""

    def __init__(self, name: str, pairs: int, seed: int, device: str = "cpu") -> None:
        self.name, self.pairs, self.seed = name, pairs, seed
        self.generator, codes = weights.load(name, device), weights.codes(name)
        self.near = Nearest(codes.taught)
        self.held_out = codes.z[seeds.numpy_stream(seed).permutation(np.flatnonzero(codes.split == 1))]
        self.manifold = Manifold(self.generator.decode, self.near)
        self.walker = ThreadPoolExecutor(1, initializer=one_thread, initargs=(True,))
        self.built, self.roads = timed(lambda: _atlas.roads(self.manifold))
        starts, ends = self.ends(1)
        for kind in ("density", "pullback"):  # once, to warm up
            paths.between(starts, ends, kind, decode=self.generator.decode, codes=self.near)

    def ends(self, pairs: int) -> tuple[np.ndarray, np.ndarray]:
        """Return `pairs` starts and as many ends, other codes each; the first ones are always the same."""
        if 2 * pairs > len(self.held_out):
            raise BadInput(f"{self.name} has held-out codes for {len(self.held_out) // 2} pairs at most.")
        return self.held_out[: 2 * pairs : 2], self.held_out[1 : 2 * pairs : 2]

    def walked(self, work: Callable[[], Any]) -> tuple[float, Any]:
        """Return how many milliseconds `work` took where the app walks, and what it returned."""
        return self.walker.submit(timed, work).result()

    def search(self, starts: np.ndarray, ends: np.ndarray, kind: str = "pullback", **more: Any) -> Any:
        return paths.between(starts, ends, kind, KNOTS, self.generator.decode, self.near, **more)

    def times(self, repetitions: int) -> dict[str, Any]:
        """Return the times of one walk of each kind, the median over pairs, each the best of `repetitions`."""
        kinds: dict[str, dict[str, Any]] = {
            "graph": {"kind": "graph"},
            "density": {"kind": "density"},
            "pullback_coarse": {"coarse": True},
            "pullback_converged": {},
        }
        if (members := paths.members_of(self.generator)) is not None:
            kinds |= {"fog": {"kind": "fog", "members": members}}
        starts, ends = self.ends(self.pairs)
        device = self.generator.device
        on = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
        found: dict[str, Any] = {"model": self.name, "device": on, "codes": len(self.near.z), "pairs": self.pairs}
        found |= {"seed": self.seed, "graph_build_ms": self.built}
        for name, how in kinds.items():
            taken, ways = [], []
            for i in range(self.pairs):
                runs = [self.walked(lambda i=i, h=how: self.search(starts[i : i + 1], ends[i : i + 1], **h))
                        for _ in range(max(1, repetitions))]  # fmt: skip
                taken.append(min(ms for ms, _ in runs))
                ways.append(runs[0][1][0])
            found |= spread(name, taken)
            if name == "pullback_converged":
                found["pullback_converged_share"] = float(np.mean([way.converged for way in ways]))
        return found

    def together(self, pairs: int, repetitions: int) -> dict[str, Any]:
        """Return how long `pairs` pull-back geodesics take in one search, and how many times as long as one."""
        starts, ends = self.ends(pairs)
        alone = [self.walked(lambda i=i: self.search(starts[i : i + 1], ends[i : i + 1]))[0]
                 for i in range(min(pairs, max(3, repetitions)))]  # fmt: skip
        _, (ms, _) = (self.walked(lambda: self.search(starts, ends)) for _ in range(2))  # the first one warms a GPU up
        return {
            "together_pairs": pairs,
            "together_ms": ms,
            "together_one_p50_ms": median(alone),
            "together_over_one": ms / median(alone),
        }

    def long_run(self, steps: int, pairs: int) -> dict[str, Any]:
        """Return our energies over those of the reference, both of the same chain of knots.

        The reference shares nothing with our search but the decoder: torch differentiates the energy, and Adam takes
        all `steps`, its rate falling to nothing, from the straight line, from the graph path and from ours.
        """
        starts, ends = self.ends(pairs)
        begun = [
            np.stack([way.codes for way in self.search(starts, ends, kind)])
            for kind in ("pullback", "straight", "graph")
        ]
        where = self.generator.device
        ours = energies(self.generator.decode, torch.as_tensor(begun[0]).to(where)).detach().cpu().numpy()
        every = np.concatenate(begun)
        ms, found = timed(lambda: adam(self.generator.decode, every, steps, where).reshape(3, pairs))
        over = ours / found.min(axis=0)
        return {
            "long_run_pairs": pairs,
            "long_run_steps": steps,
            "long_run_ms": ms,
            "long_run_from_elsewhere_over_from_ours_p50": float(np.median(found[1:].min(axis=0) / found[0])),
            "pullback_energy_over_long_run_p50": float(np.median(over)),
            "pullback_energy_over_long_run_worst": float(over.max()),
        }

    def large_graph(self, count: int) -> dict[str, Any]:
        """Return how long the graph of many codes takes to build, and a query of it; or why not, without data."""
        data = weights.info(self.name)["data"]["name"]
        try:
            x = datasets.load(data, "train").take(slice(count)).float()
        except ManigenError as problem:
            return {"large_graph_left_out": str(problem)}
        z = np.concatenate([self.generator.encode(x[at : at + 512]) for at in range(0, len(x), 512)])
        near = Nearest(z)
        built, _ = timed(lambda: _atlas.roads(Manifold(self.generator.decode, near)))
        starts, ends = self.ends(min(QUERIES, len(self.held_out) // 2))
        pairs = list(zip(starts, ends, strict=True))

        def query(pair: tuple[np.ndarray, np.ndarray]) -> float:
            return timed(lambda: paths.through(list(pair), "graph", 65, self.generator.decode, near))[0]

        figures = spread("large_graph_query_all_threads", [query(pair) for pair in pairs])
        with ThreadPoolExecutor(1, initializer=one_thread) as walker:  # as the app walks
            figures |= spread("large_graph_query", list(walker.map(query, pairs)))
        return {"large_graph_codes": len(z), "large_graph_build_ms": built, **figures}

    def beside_stochman(self, pairs: int) -> dict[str, Any]:
        """Return the times and the energies of both on the model, both ways decoded at `GRID` codes."""
        try:
            from stochman.manifold import EmbeddedManifold
        except ImportError:
            return {}
        generator, there = self.generator, weights.load(self.name)

        class Surface(EmbeddedManifold):  # type: ignore[misc]
            def embed(self, points: Any, jacobian: bool = False) -> Any:
                flat = points.reshape(-1, points.shape[-1])
                return there.decode_batch(flat).flatten(1).reshape(*points.shape[:-1], -1)

        def theirs(start: np.ndarray, end: np.ndarray) -> np.ndarray:
            curve, _ = Surface().connecting_geodesic(torch.tensor(start)[None], torch.tensor(end)[None])
            with torch.no_grad():
                return curve(torch.linspace(0, 1, GRID)).reshape(GRID, -1).numpy()

        def effort(z: np.ndarray) -> float:
            x = generator.decode(z.astype(np.float32)).reshape(len(z), -1).astype(float)
            return float((len(z) - 1) * np.square(np.diff(x, axis=0)).sum())

        starts, ends = self.ends(pairs)
        told: list[tuple[float, float, float, float]] = []
        for start, end in zip(starts, ends, strict=True):
            own_ms, own = timed(
                lambda a=start, b=end: paths.through([a, b], "pullback", GRID, generator.decode, self.near).codes
            )
            ms, other = timed(lambda a=start, b=end: theirs(a, b))
            told.append((own_ms, ms, effort(own), effort(other)))
        own_ms, ms, own, other = (np.array(column) for column in zip(*told, strict=True))
        return {
            "model_stochman_pairs": pairs,
            "model_ours_p50_ms": float(np.median(own_ms)),
            "model_stochman_p50_ms": float(np.median(ms)),
            "model_energy_over_stochman_p50": float(np.median(own / other)),
            "model_speedup": float(np.median(ms) / np.median(own_ms)),
        }


def energies(decode: Any, z: torch.Tensor) -> torch.Tensor:
    """Return the energy (k,) of chains of codes z (k, m + 1, d): m times the sum of the squared steps of pictures."""
    x = decode(z.flatten(0, 1)).flatten(1).unflatten(0, z.shape[:2])
    return (z.shape[1] - 1) * x.diff(dim=1).square().sum((1, 2))


def adam(decode: Any, chains: np.ndarray, steps: int, where: Any, rate: float = 0.02) -> np.ndarray:
    """Return the least energy (k,) that Adam meets in `steps` from chains (k, m + 1, d) whose ends stay."""
    every = torch.as_tensor(chains, dtype=torch.float32, device=where)
    first, inner, last = every.split([1, chains.shape[1] - 2, 1], dim=1)
    inner = inner.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([inner], lr=rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    least = torch.full((len(chains),), torch.inf, device=where)
    for _ in range(steps):
        energy = energies(decode, torch.cat([first, inner, last], 1))
        least = torch.minimum(least, energy.detach())
        optimiser.zero_grad(set_to_none=True)
        energy.sum().backward()
        optimiser.step()
        falling.step()
    return least.cpu().numpy().astype(np.float64)


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
