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
