"""Linear probe: can the class of a picture be read off its code by a single layer?

    accuracy on held-out codes of   argmax_c (W z + b)_c,   W, b minimise cross entropy on the training codes

z are the codes, whitened on the training codes. The model never saw the labels, so this says how much of what matters
to people lies open in its codes. Published for codes of 32 numbers on MNIST, from memory: 98.25 % (ACAI).
"""

from __future__ import annotations

import warnings

import numpy as np

from manigen.cards import Card
from manigen.measures import _whitened
from manigen.measures._context import Context, Result

card = Card(
    title="Linear probe",
    sentence="How many classes are named rightly by one straight cut for each through the space of codes?",
    reference="Berthelot, Raffel, Roy, Goodfellow 2018, Understanding and Improving Interpolation in Autoencoders",
    link="https://arxiv.org/abs/1807.07543",
    facts={
        "of": "generator",
        "unit": "share",
        "best": 1.0,
        "fewest": 10,
        "needs": ("encoder", "train", "labels"),
    },
)
PENALTY = 1e-6  # on the squared weights, per code: keeps them finite where classes part without error


def measure(context: Context) -> Result:
    """Return the accuracy in [0, 1] on held-out codes; `real`: with as many principal components in place of codes.

    It comes from all training pictures, 60,000 at most; `n` is the number of held-out codes.
    """
    of_codes, of_pictures = _whitened.codes(context), _whitened.pictures(context)
    share = accuracy(of_codes)
    error = float(np.sqrt(share * (1 - share) / context.n))
    return Result(share, accuracy(of_pictures), context.n, error, {"train": len(of_codes.train)})


def accuracy(probed: _whitened.Probed) -> float:
    """Return the share of held-out codes whose class a softmax regression on the training codes names rightly."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(probed.train_labels)) < 2 or not probed.train.shape[1]:
        return float((probed.test_labels == np.bincount(probed.train_labels).argmax()).mean())
    probe = LogisticRegression(C=1 / (PENALTY * len(probed.train)), max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the accuracy has long settled
        probe.fit(probed.train, probed.train_labels)
    return float((probe.predict(probed.test) == probed.test_labels).mean())
