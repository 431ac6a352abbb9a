"""Codes made round: centred, and as wide in every direction, so that one small network suits them all."""

from __future__ import annotations

import numpy as np

FLOOR = 1e-3  # a direction narrower than this share of the widest is treated as that wide: it is noise, or nothing


class White:
    """The change of coordinates z = m + w A between codes z (n, d) and white ones w (n, d), Cov(w) = I.

    `mean` m (d,) and `axes` A (d, d): the principal directions, each as long as the codes' standard deviation along it.
    """

    def __init__(self, mean: np.ndarray, axes: np.ndarray) -> None:
        self.mean, self.axes = mean, axes

    @classmethod
    def of(cls, z: np.ndarray) -> White:
        """Return the coordinates in which codes z (n, d) are white."""
        mean = z.mean(0, dtype=np.float64)
        _, spread, directions = np.linalg.svd((z - mean) / np.sqrt(len(z)), full_matrices=False)
        missing = np.zeros((z.shape[1] - len(spread), z.shape[1]))  # fewer codes than numbers in one
        directions = np.concatenate([directions, missing])
        spread = np.concatenate([spread, np.zeros(len(missing))])
        floor = max(FLOOR * spread[0], 1e-6)
        return cls(mean.astype(np.float32), (directions * np.maximum(spread, floor)[:, None]).astype(np.float32))

    def there(self, z: np.ndarray) -> np.ndarray:
        """Return codes z (n, d) in white coordinates (n, d)."""
        lengths = np.square(self.axes).sum(1)
        inverse = np.divide(self.axes.T, lengths, where=lengths > 0, out=np.zeros_like(self.axes.T))
        return (z - self.mean) @ inverse

    def back(self, w: np.ndarray) -> np.ndarray:
        """Return the codes (n, d) of white ones."""
        return self.mean + w @ self.axes

    def arrays(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean, "axes": self.axes}
