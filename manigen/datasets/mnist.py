"""MNIST: 70,000 handwritten digits, the field's first data set.

60,000 pictures for training and 10,000 for testing, 28 x 28, grey, white ink on black: each digit was fitted into
20 x 20 pixels and put with its centre of mass in the middle. The writers of the test pictures are not those of the
training pictures.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998,
http://yann.lecun.com/exdb/mnist/; licence CC BY-SA 3.0.
"""

from __future__ import annotations

from typing import Any

from manigen.cards import Card
from manigen.datasets._idx import IdxSet
from manigen.datasets.base import Images

card = Card(
    title="MNIST",
    sentence="70,000 handwritten digits of 28 x 28 pixels: ten shapes, written by hundreds of hands.",
    reference="Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998",
    link="http://yann.lecun.com/exdb/mnist/",
    facts={"shape": (1, 28, 28), "train": 60_000, "test": 10_000, "licence": "CC BY-SA 3.0"},
)

files = IdxSet(
    name="mnist",
    classes=tuple("0123456789"),
    sha256={
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)


def read(split: str = "train", **knobs: Any) -> Images:
    """Return the 60,000 training or 10,000 test pictures, uint8 (n, 1, 28, 28), with the digit as label.

    Raises `DataMissing` when the files are not here and cannot be downloaded, `BadFile` when a file was changed.
    """
    card.settings(knobs)
    return files.read(split)
