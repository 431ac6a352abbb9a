"""Maps: how long they take, how far they can be trusted, and the way back, side by side with the libraries.

    python -m benchmarks.maps [--json] [--n 10000,60000] [--model mnist-vae] [--only fit,reload,back,metric,quality]
    python -m benchmarks.maps --ship        where the shipped maps lie, measured and written beside the weights

`fit`: our fit beside the bare library's, turn by turn, with the same settings. `back`: codes of held-out places by our
way and by umap's own. `metric`: the pull-back metric beside a plain loop of torch's jacobian. `quality`: the best map
of the 10,000 MNIST test pictures through a shipped model's codes, chosen and fitted without a label.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from manigen import kept, maps, nearest, projections, seeds, weights

PARTS = {  # and about how long each takes on two idle cores, guessed from smaller runs
    "fit": "at 10,000 codes 10 minutes, at 60,000 half an hour or more, for three runs",
    "reload": "seconds",
    "back": "a minute",
    "metric": "at 10,000 codes 6 minutes, the plain loop scaled up from 8 codes",
    "quality": "half an hour: every MNIST model by t-SNE and UMAP, and 70,000 codes",
}
PUBLISHED = {"trustworthiness": 0.944, "continuity": 0.958, "knn_accuracy": 0.965}  # each the best of six methods


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


def codes_of(model: str, n: int) -> np.ndarray:
    """Return n codes: a model's, and where it has fewer, codes between neighbours of them."""
    z = weights.codes(model).z
    if n <= len(z):
        return z[:n]
    chance = seeds.numpy_stream(0)
    a, b = chance.integers(len(z), size=n), chance.integers(len(z), size=n)
    share = chance.uniform(0, 0.3, size=(n, 1)).astype(np.float32)
    return (z[a] * (1 - share) + z[b] * share).astype(np.float32)


def fit(z: np.ndarray, runs: int) -> dict[str, float]:
    """Our UMAP and t-SNE beside the bare libraries, the same settings and threads, in turn."""
    import openTSNE
    import umap

    from manigen.projections.tsne import _start
    from manigen.projections.umap import random_state

    def bare_umap() -> Any:
        return umap.UMAP(n_neighbors=15, min_dist=0.1, random_state=random_state(0), n_jobs=1).fit(z)

    def bare_tsne() -> Any:
        start = _start(z, 2, seeds.numpy_stream(0))
        return openTSNE.TSNE(perplexity=30, initialization=start, n_jobs=2, random_state=0, n_iter=500).fit(z)

    found: dict[str, float] = {}
    for some in (
        300,
        5000,
    ):  # compiles, its search among many codes too: else the first fit, a bare one, would pay for it
        umap.UMAP(n_neighbors=5, n_epochs=5, random_state=0, n_jobs=1).fit(z[:some])
    openTSNE.TSNE(early_exaggeration_iter=5, n_iter=5, n_jobs=2, random_state=0).fit(z[:300])  # loads its libraries
    for method, bare in (("umap", bare_umap), ("tsne", bare_tsne)):
        ours, theirs = [], []
        for _ in range(runs):
            theirs.append(seconds(bare)[0])
            with nothing_kept():  # ours searches for neighbours each time too
                ours.append(seconds(lambda method=method: projections.fit_map(z, method))[0])
        found[f"{method}_seconds"], found[f"bare_{method}_seconds"] = float(np.median(ours)), float(np.median(theirs))
        found[f"{method}_times_bare"] = found[f"{method}_seconds"] / found[f"bare_{method}_seconds"]
    return found


@contextlib.contextmanager
def nothing_kept() -> Iterator[None]:
    """Have no neighbours known that were found before, in memory or on disk."""
    nearest._searches.clear()
    with tempfile.TemporaryDirectory() as place, mock.patch.object(kept, "folder", lambda: Path(place)):
        yield


def reload(z: np.ndarray) -> dict[str, float]:
    """A map that was fitted before, from the cache: by the same process, which has only the codes."""
    with tempfile.TemporaryDirectory() as place:
        maps.folder = lambda: Path(place)  # type: ignore[assignment]
        maps.fit(z, "mds", max_iter=1)
        spent = [seconds(lambda: maps.known(z, "mds", max_iter=1))[0] for _ in range(5)]
    return {"reload_seconds": float(np.median(spent))}


def back(model: str, n: int = 5000) -> dict[str, float]:
    """Codes of 25 held-out places by our best way, and by umap's own inverse_transform of the same fit."""
    import umap

    from manigen.projections.umap import random_state

    z = weights.codes(model).z[:n]
    out, rest = z[:25], z[25:]
    peer = umap.UMAP(n_neighbors=15, min_dist=0.1, random_state=random_state(0), n_jobs=1).fit(rest)
    asked = peer.transform(out)
    ours = projections.Map.of_places(rest, peer.embedding_)
    maps.take_best_way(ours)
    ours.inverse_transform(asked)
    quick = float(np.median([seconds(lambda: ours.inverse_transform(asked))[0] for _ in range(20)]))
    slow, theirs = seconds(lambda: peer.inverse_transform(asked))
    spread = np.square(out - rest.mean(axis=0)).sum(axis=1).mean()

    def error(made: np.ndarray) -> float:
        return float(np.square(made - out).sum(axis=1).mean() / spread)

    return {
        "back_error": error(ours.inverse_transform(asked)),
        "umap_back_error": error(theirs),
        "back_ms": 1000 * quick,
        "umap_back_ms": 1000 * slow,
        "back_speedup": slow / quick,
    }


def metric(model: str, n: int) -> dict[str, float]:
    """The pull-back metric at n codes, beside a plain loop of torch.autograd.functional.jacobian over a few of them."""
    import torch

    from manigen.measures import _pullback

    torch.set_num_threads(1)
    generator, z = weights.load(model), weights.codes(model).z[:n]
    _pullback.metric(generator, z[:32])
    some = 8

    def loop() -> None:
        for code in torch.from_numpy(z[:some]):
            j = torch.autograd.functional.jacobian(lambda c: generator.decode_batch(c[None])[0].flatten(), code)
            _ = j.T @ j

    plain = seconds(loop)[0] / some * len(z)
    batched = seconds(lambda: _pullback.metric(generator, z))[0]
    return {
        "metric_codes": len(z),
        "metric_seconds": batched,
        "plain_metric_codes": some,
        "plain_metric_seconds": plain,  # of those few, scaled up
        "metric_speedup": plain / batched,
    }


def quality(methods: tuple[str, ...] = ("tsne", "umap"), drawn: int = 3000) -> dict[str, Any]:
    """The best map of the 10,000 MNIST test pictures, through a shipped model's codes, against the pixels.

    Model and method are chosen without a label and without the test pictures: by the least margin of trustworthiness
    and continuity on maps of `drawn` training pictures. The map that counts is the chosen method's, fitted on the codes
    of all 70,000 pictures and measured on the 10,000 test ones among themselves. What else was tried, each model's and
    method's map of the test codes alone, is told too: `quality_tried`.
    """
    from manigen import datasets
    from manigen.measures import continuity, trustworthiness

    train, test = (datasets.load("mnist", split) for split in ("train", "test"))
    x = test.take(np.arange(len(test))).float()
    rows = np.sort(seeds.numpy_stream(0).choice(len(train), drawn, replace=False))
    some = train.take(rows).float()

    def margins(pictures: np.ndarray, p: np.ndarray) -> dict[str, float]:
        pixels = pictures.reshape(len(pictures), -1)
        return {
            "trustworthiness": trustworthiness.measure(pixels, p, k=10),
            "continuity": continuity.measure(pixels, p, k=10),
        }

    def least(found: dict[str, float]) -> float:
        return min(found[what] - PUBLISHED[what] for what in found)

    tried: dict[str, dict[str, float]] = {}
    for name in weights.names():
        about = weights.info(name)
        if about["data"]["name"] != "mnist" or not about["encodes"]:
            continue
        generator = weights.load(name)
        of_train, of_test = generator.encode(some), generator.encode(x)
        for method in ("as_it_is",) if about["dim"] == 2 else methods:
            kept_back = margins(some, projections.fit_map(of_train, method).p)
            p = projections.fit_map(of_test, method).p
            found = margins(x, p) | {"knn_accuracy": knn_accuracy(p, test.labels, 15)}
            told = {f"train_{what}": value for what, value in kept_back.items()} | {"choice": least(kept_back)} | found
            tried[f"{name} {method}"] = {what: round(value, 4) for what, value in told.items()}
            sys.stderr.write(f"{name} {method} {tried[f'{name} {method}']}\n")
    model, method = max(tried, key=lambda one: tried[one]["choice"]).split()
    generator = weights.load(model)
    parts = [slice(at, at + 2000) for at in range(0, len(train), 2000)]  # all of them as floats take much memory
    all_train = np.concatenate([generator.encode(train.take(part).float()) for part in parts])
    z = np.concatenate([all_train, generator.encode(x)])
    took, fitted = seconds(lambda: projections.fit_map(z, method))
    p = fitted.p[len(all_train) :]
    found = margins(x, p) | {"knn_accuracy": knn_accuracy(p, test.labels, 15)}
    return {
        "quality_model": model,
        "quality_map": method,
        **found,
        "quality_margin": least(found),
        "quality_seconds": took,
        "quality_tried": tried,
        **{f"published_{what}": value for what, value in PUBLISHED.items()},
    }


def knn_accuracy(p: np.ndarray, labels: np.ndarray, k: int) -> float:
    """The share of points whose class is the most frequent among their k nearest others."""
    from scipy.spatial import cKDTree

    near = cKDTree(p).query(p, k + 1)[1][:, 1:]
    votes = np.apply_along_axis(np.bincount, 1, labels[near], minlength=int(labels.max()) + 1)
    return float((votes.argmax(axis=1) == labels).mean())


def ship() -> dict[str, int]:
    """Measure every shipped map, and throw away what belongs to maps that are shipped no more."""
    wanted = set()
    for name in weights.names():
        if weights.folder_of(name).parent != weights.SHIPPED:
            continue
        z = weights.codes(name).z
        for method in weights.maps(name):
            p = weights.load_map(name, method, z).p
            wanted |= {maps.ship_distortion(z, p), maps.ship_ways(z, p)}
    stale = [path for path in maps.SHIPPED.glob("*.npz") if path not in wanted]
    for path in stale:
        path.unlink()
    return {"shipped": len(wanted), "removed": len(stale)}


def main() -> None:
    times = "\n".join(f"  {part:8} {time}" for part, time in PARTS.items())
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog=f"about how long the parts take on two idle cores (rough guesses):\n{times}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--ship", action="store_true", help="measure the shipped maps instead, and write that down")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.add_argument("--n", default="10000,60000", help="codes; fit takes each, the others the first [%(default)s]")
    parser.add_argument("--runs", type=int, default=3, help="fits of each, of which the median counts [3]")
    parser.add_argument("--model", default="mnist-vae", help="whose codes [mnist-vae]")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between [all]")
    given = parser.parse_args()
    if given.ship:
        print(json.dumps(ship()))
        return
    if unknown := set(given.only.split(",")) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    sizes = [int(n) for n in given.n.split(",")]
    first = sizes[0]

    def fits() -> dict[str, float]:
        return {
            f"{name}_at_{n}": value for n in sizes for name, value in fit(codes_of(given.model, n), given.runs).items()
        }

    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "fit": fits,
        "reload": lambda: reload(codes_of(given.model, first)),
        "back": lambda: back(given.model, first),
        "metric": lambda: metric(given.model, first),
        "quality": quality,
    }
    found: dict[str, Any] = {"codes": sizes, "model": given.model, "runs": given.runs}
    for part in given.only.split(","):
        found |= parts[part]()
        if not given.json:
            print(json.dumps(found, indent=2), flush=True)
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
