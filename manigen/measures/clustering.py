"""Clustering: do the codes fall into groups that people would call the classes, without being told any?

    accuracy = max over one-to-one maps c -> class(c) of   1/n sum_i 1[ class(cluster(z_i)) = label_i ]

K-means with as many clusters as classes on the training codes, whitened; of many starts the one with the smallest sum
of squares; then the best map from clusters to classes, by the Hungarian method, on the held-out codes. Labels serve
only that last step. Published for codes of 32 numbers on MNIST, from memory: 94.38 % (ACAI, 1,000 starts).
"""

from __future__ import annotations

import numpy as np

from manigen import seeds
from manigen.cards import Card, Knob
from manigen.measures import _whitened
from manigen.measures._context import Context, Result

card = Card(
    title="Clustering",
    sentence="How many pictures fall in the right group when their codes are grouped without any labels?",
    reference="Berthelot, Raffel, Roy, Goodfellow 2018, Understanding and Improving Interpolation in Autoencoders",
    link="https://arxiv.org/abs/1807.07543",
    knobs=(
        Knob("starts", 100, "From how many random starts the clusters are sought.", 1, 1000),
        Knob("sample", 10_000, "How many training codes the starts compete on; the best takes all.", 100, 60_000),
    ),
    facts={
        "of": "generator",
        "unit": "share",
        "best": 1.0,
        "fewest": 10,
        "needs": ("encoder", "train", "labels"),
    },
)


def measure(context: Context, starts: int = 100, sample: int = 10_000) -> Result:
    """Return the accuracy in [0, 1] on held-out codes; `real`: with as many principal components in place of codes."""
    of_codes, of_pictures = _whitened.codes(context), _whitened.pictures(context)
    share, alike = (accuracy(side, starts, sample, context.seed) for side in (of_codes, of_pictures))
    error = float(np.sqrt(share * (1 - share) / context.n))
    return Result(share, alike, context.n, error, {"train": len(of_codes.train), "starts": starts})


def accuracy(probed: _whitened.Probed, starts: int, sample: int, seed: int) -> float:
    """Return the share of held-out codes whose cluster, under the best map to the classes, is their class."""
    from sklearn.cluster import KMeans

    classes = int(max(probed.train_labels.max(), probed.test_labels.max())) + 1
    k = min(classes, len(probed.train))
    rng = seeds.numpy_stream(seed, 7)
    rows = rng.permutation(len(probed.train))[:sample]
    if len(rows) < k or not probed.train.shape[1]:
        k = 1
    state = int(rng.integers(2**31))
    race = KMeans(k, init="random", n_init=starts, random_state=state).fit(probed.train[rows])
    final = KMeans(k, init=race.cluster_centers_, n_init=1).fit(probed.train)
    return matched(final.predict(probed.test), probed.test_labels)


def matched(clusters: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of rows on which clusters (n,) and labels (n,) agree once clusters are renamed at their best.

    >>> matched(np.array([2, 2, 0, 0]), np.array([0, 0, 1, 0]))
    0.75
    """
    from scipy.optimize import linear_sum_assignment

    wide = int(max(clusters.max(), labels.max())) + 1
    met = np.zeros((wide, wide), np.int64)
    np.add.at(met, (clusters, labels), 1)
    return float(met[linear_sum_assignment(met, maximize=True)].sum() / len(labels))
