"""Fashion-MNIST: 70,000 photographs of clothes in MNIST's format, and harder.

60,000 pictures for training and 10,000 for testing, 28 x 28, grey on black, ten kinds of clothing. Textures and
silhouettes in place of strokes: shirts, pullovers and coats overlap, sandals and bags do not.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", 2017, https://arxiv.org/abs/1708.07747; MIT licence, copyright 2017 Zalando SE.
"""

from __future__ import annotations

from typing import Any

from manigen.cards import Card
from manigen.datasets._idx import IdxSet
from manigen.datasets.base import Images

card = Card(
    title="Fashion-MNIST",
    sentence="70,000 photographs of clothes of 28 x 28 pixels: where some classes overlap and others lie far apart.",
    reference="H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning "
    "Algorithms, 2017",
    link="https://arxiv.org/abs/1708.07747",
    facts={"shape": (1, 28, 28), "train": 60_000, "test": 10_000, "licence": "MIT, copyright 2017 Zalando SE"},
)

files = IdxSet(
    name="fashion_mnist",
    classes=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    sha256={
        "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",  # no https there; the hash guards the content
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
)


def read(split: str = "train", **knobs: Any) -> Images:
    """Return the 60,000 training or 10,000 test pictures, uint8 (n, 1, 28, 28), with the kind of clothing as label.

    Raises `DataMissing` when the files are not here and cannot be downloaded, `BadFile` when a file was changed.
    """
    card.settings(knobs)
    return files.read(split)
