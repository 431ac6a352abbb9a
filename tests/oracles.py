"""Slow, obvious twins of what the program computes cleverly, written from the definition, for tests to agree with."""

from __future__ import annotations

import numpy as np


def nearest(z: np.ndarray, query: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and distances (m, k) of the k rows of z nearest to each query, all distances computed, ties to the first."""
    distances = np.array([[np.sqrt(((a.astype(float) - b) ** 2).sum()) for b in z] for a in query])
    rows = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return rows, np.take_along_axis(distances, rows, axis=1)


def trustworthiness(z: np.ndarray, p: np.ndarray, k: int) -> float:
    """Trustworthiness of places p for codes z, point by point and rank by rank (Venna, Kaski 2001)."""
    n, penalty = len(z), 0
    for i in range(n):
        others = [j for j in range(n) if j != i]
        by_code = sorted(others, key=lambda j: ((z[i] - z[j]) ** 2).sum())
        by_place = sorted(others, key=lambda j: ((p[i] - p[j]) ** 2).sum())
        penalty += sum(max(0, by_code.index(j) + 1 - k) for j in by_place[:k])
    return 1 - 2 * penalty / (n * k * (2 * n - 3 * k - 1))


def is_one_sentence(error: BaseException | str) -> bool:
    """Whether an error says one plain thing: a single line that ends in a full stop, short enough to be read."""
    text = str(error).strip()
    return text.endswith(".") and "\n" not in text and "Traceback" not in text and 10 < len(text) < 400


def prdc(real: np.ndarray, made: np.ndarray, k: int) -> tuple[float, float, float, float]:
    """Precision, recall, density and coverage, pair by pair (Kynkaanniemi et al. 2019; Naeem et al. 2020)."""

    def far(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.sqrt(((a.astype(float) - b) ** 2).sum()))

    def radius(side: np.ndarray, i: int) -> float:
        return sorted(far(side[i], side[j]) for j in range(len(side)) if j != i)[k - 1]

    of_real = [radius(real, i) for i in range(len(real))]
    of_made = [radius(made, j) for j in range(len(made))]
    inside = [[far(x, y) < of_real[i] for i, x in enumerate(real)] for y in made]
    precision = np.mean([any(row) for row in inside])
    recall = np.mean([any(far(x, y) < of_made[j] for j, y in enumerate(made)) for x in real])
    density = sum(sum(row) for row in inside) / (k * len(made))
    coverage = np.mean([any(row[i] for row in inside) for i in range(len(real))])
    return float(precision), float(recall), float(density), float(coverage)


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """The Frechet distance of Gaussians fitted to a and b, with scipy's root of a matrix (Heusel et al. 2017)."""
    from scipy.linalg import sqrtm

    of_a, of_b = np.cov(a.T), np.cov(b.T)
    shared = sqrtm(of_a @ of_b).real
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(of_a + of_b - 2 * shared))


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The unbiased squared discrepancy of a cubic kernel, pair by pair (Binkowski et al. 2018)."""

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x.astype(float) @ y) / len(x) + 1) ** 3

    n, m = len(a), len(b)
    of_a = sum(k(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    of_b = sum(k(b[i], b[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return of_a + of_b - 2 * sum(k(x, y) for x in a for y in b) / (n * m)


def ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Structural similarity of two pictures (c, h, w) in [0, 1], window by window (Wang et al. 2004)."""
    sides = [min(11, side if side % 2 else side - 1) for side in x.shape[1:]]
    bells = [np.array([np.exp(-((i - (n - 1) / 2) ** 2) / (2 * 1.5**2)) for i in range(n)]) for n in sides]
    window = np.outer(*bells) / np.outer(*bells).sum()
    found = []
    for a, b in zip(x.astype(float), y.astype(float), strict=True):
        for i in range(a.shape[0] - sides[0] + 1):
            for j in range(a.shape[1] - sides[1] + 1):
                p, q = a[i : i + sides[0], j : j + sides[1]], b[i : i + sides[0], j : j + sides[1]]
                m, n = (window * p).sum(), (window * q).sum()
                v, w, s = (
                    (window * (p - m) ** 2).sum(),
                    (window * (q - n) ** 2).sum(),
                    (window * (p - m) * (q - n)).sum(),
                )
                found.append((2 * m * n + 1e-4) * (2 * s + 9e-4) / ((m * m + n * n + 1e-4) * (v + w + 9e-4)))
    return float(np.mean(found))


def levina_bickel(z: np.ndarray, k: int) -> float:
    """Intrinsic dimension by maximum likelihood, inverses averaged (Levina, Bickel 2004; MacKay, Ghahramani 2005)."""
    inverse = []
    for i in range(len(z)):
        t = sorted(np.sqrt(((z[i] - z[j]) ** 2).sum()) for j in range(len(z)) if j != i)[:k]
        inverse.append(sum(np.log(t[-1] / t[j]) for j in range(k - 1)) / (k - 1))
    return float(1 / np.mean(inverse))


def shortest_way(codes: np.ndarray, seen: np.ndarray, k: int, start: int, end: int) -> tuple[list[int], float]:
    """The shortest way among codes tied to their k nearest, every pair relaxed again and again (Bellman, Ford)."""
    n = len(codes)
    far = np.linalg.norm(codes[:, None].astype(float) - codes, axis=2)
    tied = np.zeros((n, n), bool)
    for i in range(n):
        tied[i, np.argsort(far[i], kind="stable")[1 : k + 1]] = True
    length = np.where(tied | tied.T, np.linalg.norm(seen[:, None].astype(float) - seen, axis=2), np.inf)
    best, before = np.full(n, np.inf), np.full(n, -1)
    best[start] = 0.0
    for _ in range(n):
        for i in range(n):
            for j in range(n):
                if best[i] + length[i, j] < best[j]:
                    best[j], before[j] = best[i] + length[i, j], i
    way = [end]
    while way[-1] != start:
        way.append(int(before[way[-1]]))
    return way[::-1], float(best[end])


def co_ranking(z: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The co-ranking matrix (n, n): how often the r-th nearest code is the s-th nearest place (Lee, Verleysen 2009)."""
    n = len(z)
    counts = np.zeros((n, n), int)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        by_code = sorted(others, key=lambda j: ((z[i] - z[j]) ** 2).sum())
        by_place = sorted(others, key=lambda j: ((p[i] - p[j]) ** 2).sum())
        for j in others:
            counts[by_code.index(j) + 1, by_place.index(j) + 1] += 1
    return counts


def triplets(z: np.ndarray, p: np.ndarray) -> float:
    """The share of all triplets (i; j, l) whose nearer one is the same among codes and places; ties count half."""
    n, right, all_of_them = len(z), 0.0, 0
    for i in range(n):
        for j in range(n):
            for other in range(j):
                if i in (j, other):
                    continue
                codes = ((z[i] - z[j]) ** 2).sum() - ((z[i] - z[other]) ** 2).sum()
                places = ((p[i] - p[j]) ** 2).sum() - ((p[i] - p[other]) ** 2).sum()
                right += 0.5 if codes == 0 or places == 0 else float((codes < 0) == (places < 0))
                all_of_them += 1
    return right / all_of_them


def grid_of_bars(around: int, thick: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes (around * thick, 3) of bars, a circle for the angle and -1 to 1 for thickness; which stands where."""
    angle = np.arange(around) * 2 * np.pi / around
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    band = np.column_stack([np.repeat(circle, thick, axis=0), np.tile(np.linspace(-1, 1, thick), around)])
    return band, np.arange(around * thick).reshape(around, thick)


def shortest_over_a_grid(x: np.ndarray, table: np.ndarray, pairs: np.ndarray, reach: int = 3) -> np.ndarray:
    """How far apart pictures x (n, ...) of pairs (m, 2) are, over a grid that closes around, in steps of all slopes."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    flat, wide = x.reshape(len(x), -1).astype(np.float32), table.shape[1]
    steps = [(i, j) for i in range(reach + 1) for j in range(-reach, reach + 1) if np.gcd(i, j) == 1 and (i or j > 0)]
    roads = [
        (table[:, max(0, -j) : wide - max(0, j)], np.roll(table, -i, axis=0)[:, max(0, j) : wide - max(0, -j)])
        for i, j in steps
    ]
    a, b = (np.concatenate([road[side].ravel() for road in roads]) for side in (0, 1))
    graph = coo_array((np.linalg.norm(flat[a] - flat[b], axis=1), (a, b)), (len(x), len(x))).tocsr()
    return dijkstra(graph, directed=False, indices=pairs[:, 0])[np.arange(len(pairs)), pairs[:, 1]]
