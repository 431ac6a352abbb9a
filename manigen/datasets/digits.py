"""Digits: 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn, so they are always there.

Small enough to train on in seconds and to read as numbers: each pixel counts the black dots in a 4 x 4 block of the
scanned page, 0 to 16, stretched here to 0..255. The split into 1,500 pictures for training and 297 for testing is drawn
once, from a fixed seed, and never changes.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
https://doi.org/10.24432/C50P49; licence CC BY 4.0.
"""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from manigen.cards import Card
from manigen.datasets.base import Images, check_split
from manigen.errors import DataMissing
from manigen.seeds import numpy_stream

card = Card(
    title="Digits",
    sentence="1,797 tiny handwritten digits of 8 x 8 pixels: always there, and trained on in seconds.",
    reference="E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, "
    "UCI Machine Learning Repository, 1998",
    link="https://doi.org/10.24432/C50P49",
    facts={"shape": (1, 8, 8), "train": 1_500, "test": 297, "licence": "CC BY 4.0", "where": "comes with scikit-learn"},
)


def read(split: str = "train", **knobs: Any) -> Images:
    """Return the 1,500 training or 297 test pictures, uint8 (n, 1, 8, 8), with the digit as label.

    Raises `DataMissing` when scikit-learn is not installed.
    """
    card.settings(knobs)
    check_split(split)
    package = find_spec("sklearn")  # finds the folder without the second that importing scikit-learn takes
    path = Path(package.origin or "").parent / "datasets/data/digits.csv.gz" if package else None
    if path is None or not path.is_file():
        raise DataMissing("The digits come with scikit-learn, which is not installed: run `pip install scikit-learn`.")
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",")  # 64 pixels in 0..16, then the digit
    rows = numpy_stream(0).permutation(len(table))
    rows = np.sort(rows[:1500] if split == "train" else rows[1500:])
    x = np.rint(table[rows, :64] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return Images(x, table[rows, 64].astype(np.int64), tuple("0123456789"), "digits", split)
