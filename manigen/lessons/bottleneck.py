"""An autoencoder draws its own map: how few numbers can a picture be squeezed through?

Five autoencoders, alike but for the width of their bottleneck. What is lost tells how many dimensions the pictures
have, and a straight squeeze (PCA) with as many numbers tells what curving is worth.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.lessons import _bench
from manigen.lessons.base import Bars, Lesson, Number, Pictures, Plot, Question, Scene, Words, say

SIZES = (1, 2, 4, 16, 32)
GUESSES = (2, 13, 100, 784)

card = Card(
    title="An autoencoder draws its own map",
    sentence="Squeeze a digit through 1, 2, 4, 16 or 32 numbers: what is lost, and how many does it really need?",
    reference="Hinton, Salakhutdinov 2006, Reducing the Dimensionality of Data with Neural Networks; "
    "Pope, Zhu, Abdelkader, Goldblum, Goldstein 2021, The Intrinsic Dimension of Images and Its Impact on Learning",
    link="https://doi.org/10.1126/science.1127647",
    knobs=(
        Knob("size", 2, "How many numbers a picture is squeezed through.", choices=SIZES),
        Knob("seed", 0, "Which ten held-out digits.", 0, 999),
    ),
    facts={"number": 4, "minutes": 8},
)

lesson = Lesson(
    title=say("An autoencoder draws its own map", "自编码器画出自己的地图"),
    sentence=say(
        "Squeeze a digit through a few numbers: what is lost, and how many does it really need?",
        "把一个数字图片压成几个数：丢了什么？它到底需要几个数？",
    ),
    question=say(
        "A handwritten digit has {pixels} pixels. How many numbers are really needed to say which picture it is?",
        "一张手写数字有 {pixels} 个像素。要说清楚是哪一张图片，到底需要几个数？",
    ),
    prediction=Question(
        say(
            "Look only at each digit's two nearest fellows: in how many directions do the digits spread?",
            "只看每个数字图片最近的两个同伴：这些数字在多少个方向上展开？",
        ),
        (
            say("about 2", "2 个左右"),
            say("about 13", "13 个左右"),
            say("about 100", "100 个左右"),
            say("all 784", "全部 784 个"),
        ),
        lambda n: min(range(len(GUESSES)), key=lambda i: abs(np.log(n["dimension"] / GUESSES[i]))),
        say(
            "The estimator of two neighbours, on {n:,} held-out digits, says {dimension:.1f}.",
            "两近邻估计在 {n:,} 张留出的数字上得到 {dimension:.1f}。",
        ),
    ),
    tries=("size",),
    task=say(
        "Change the width of the bottleneck. At which width can you first read all ten digits? Which digits are lost first?",
        "改变瓶颈的宽度。从多宽开始你能认出全部十个数字？哪些数字最先丢失？",
    ),
    reveal=say(
        "With 2 numbers the mean squared error is {mse_2:.4f}, with 16 it is {mse_16:.4f}. Straight directions (PCA) need "
        "{matches} numbers to be as good as the autoencoder's 16: bending the sheet saves {saved} of them. And yet 32 numbers "
        "still lose less than 16, {mse_32:.4f}: an estimate of {dimension:.0f} dimensions is not the right size of a code.",
        "用 2 个数时均方误差是 {mse_2:.4f}，用 16 个数时是 {mse_16:.4f}。直的方向（PCA）要 {matches} 个数才比得上自编码器的 16 个："
        "把曲面弯起来省下了 {saved} 个。然而 32 个数比 16 个丢得更少，{mse_32:.4f}：估计出来的 {dimension:.0f} 维并不是编码的正确大小。",
    ),
    shows={"size": 16},
    checks=(
        Question(
            say(
                "The estimate says about {dimension:.0f}. Why does the code of 32 numbers still lose less than that of 16?",
                "估计说大约 {dimension:.0f} 维。为什么 32 个数的编码仍比 16 个数丢得少？",
            ),
            (
                say("The estimate was computed wrongly", "估计算错了"),
                say(
                    "The sheet is curled and noisy: a few more numbers make it easier to unroll",
                    "曲面又卷又有噪声：多几个数更容易把它展开",
                ),
                say("More numbers always win, without end", "数越多越好，没有尽头"),
            ),
            1,
            say(
                "An estimate depends on the scale it looks at and on noise; and to lay a curled sheet out without tearing it "
                "takes more room than it has dimensions.",
                "估计取决于它看的尺度和噪声；而且要不撕破地摊开一张卷曲的面，需要比它的维数更大的空间。",
            ),
        ),
        Question(
            say(
                "At 1 number all digits lie on a line. Two neighbours on the line may be",
                "只用 1 个数时，所有数字都在一条线上。线上的两个邻居可能是",
            ),
            (
                say(
                    "digits that look alike, or the place where the line jumps between classes",
                    "看起来相似的数字，或者线在类别之间跳跃的地方",
                ),
                say("always the same digit", "永远是同一个数字"),
                say("always the same writer", "永远是同一个人写的"),
            ),
            0,
            say(
                "A line cannot pass through a sheet of many dimensions without leaving neighbours far apart: somewhere it must tear.",
                "一条线穿过多维的面时，必然会把某些邻居分得很远：总有地方要撕开。",
            ),
        ),
        Question(
            say("What does the bottleneck force the network to do?", "瓶颈迫使网络做什么？"),
            (
                say("Remember every picture", "记住每一张图片"),
                say("Describe what pictures have in common and how they differ", "描述图片的共同点和不同点"),
                say("Make pictures smaller", "把图片变小"),
            ),
            1,
            say(
                "It cannot pass {pixels} pixels through, so it has to find the few numbers in which pictures really differ.",
                "它传不过去 {pixels} 个像素，所以必须找出图片真正不同的那几个数。",
            ),
        ),
    ),
    why=say(
        "Encoder E and decoder D are trained so that D(E(x)) is x again, though only d numbers pass between them. All pictures D can "
        "paint form a sheet of at most d dimensions; what is lost is the distance of the data from that sheet. PCA is the same "
        "with a flat sheet, so the network can only do better, given enough training.",
        "训练编码器 E 和解码器 D，使 D(E(x)) 还是 x，尽管两者之间只通过 d 个数。D 能画出的所有图片形成一张至多 d 维的面；"
        "丢失的就是数据离这张面的距离。PCA 是平面的情形，所以只要训练得够，网络只会更好。",
    ),
    formula=r"\min_{E, D} \; \frac{1}{n} \sum_{i=1}^{n} \lVert x_i - D(E(x_i)) \rVert^2, \qquad E : \mathbb{R}^{784} \to \mathbb{R}^{d}",
    play_on=say(
        "Draw other digits. Is there one that even 32 numbers get wrong?", "换一批数字。有没有连 32 个数也画错的？"
    ),
    knobs={
        "size": say("Numbers in the bottleneck", "瓶颈里有几个数"),
        "seed": say("Other digits", "换一批数字"),
    },
    usually_wrong=say(
        "Many think that the right size of a code can be read off the estimated dimension. Show them the error at 16 and at 32.",
        "很多人以为编码的大小可以从估计的维数直接读出。请给他们看 16 和 32 时的误差。",
    ),
    figures={
        "pixels": say("pixels of a digit", "一个数字的像素数"),
        "n": say("held-out digits the dimension is estimated from", "估计维数所用的留出数字"),
        "dimension": say(
            "dimension of real digits, by the two nearest neighbours", "真实数字的维数（由两个最近邻估计）"
        ),
        "mse_1": say("mean squared error through 1 number", "经过 1 个数的均方误差"),
        "mse_2": say("mean squared error through 2 numbers", "经过 2 个数的均方误差"),
        "mse_4": say("mean squared error through 4 numbers", "经过 4 个数的均方误差"),
        "mse_16": say("mean squared error through 16 numbers", "经过 16 个数的均方误差"),
        "mse_32": say("mean squared error through 32 numbers", "经过 32 个数的均方误差"),
        "matches": say("straight directions (PCA) as good as 16 numbers", "与 16 个数一样好的直线方向（PCA）数"),
        "saved": say("numbers saved by bending", "弯曲省下的个数"),
    },
)


def model(size: int) -> str:
    """Return the name of the autoencoder with a bottleneck of this width."""
    return f"lessons/mnist-autoencoder-{size}"


@cache
def _held_out() -> tuple[list[np.ndarray], np.ndarray]:
    """Rows of the held-out codes by class, and the pictures' rows in the test split."""
    codes = _bench.codes(model(2))
    test = np.flatnonzero(codes.split == 1)
    return [test[codes.labels[test] == label] for label in range(10)], codes.rows


def chosen(seed: int) -> np.ndarray:
    """Return the rows of ten held-out codes, one of each class."""
    by_class, _ = _held_out()
    return np.array([rows[seed * 7 % len(rows)] for rows in by_class])


def errors() -> np.ndarray:
    """Return the mean squared error on held-out pictures for each size, as measured when it was trained."""
    return np.array([_bench.card(model(size))["measures"]["reconstruction_mse"] for size in SIZES])


def scene(size: int = 2, seed: int = 0) -> Scene:
    """Return ten held-out digits squeezed through `size` numbers, and what each width loses."""
    rows = chosen(seed)
    painted = _bench.decode(model(size), _bench.codes(model(size)).z[rows])
    real = _bench.pictures("mnist", "test")
    panels: list[Any] = []
    if real is not None:
        x = real.x[_held_out()[1][rows]].transpose(0, 2, 3, 1)
        panels.append(Pictures(say("Real, never seen in training", "真实的，训练时没见过"), x, 10, generated=False))
    else:
        widest = _bench.decode(model(32), _bench.codes(model(32)).z[rows])
        panels.append(
            Pictures(
                say(
                    "As 32 numbers keep them (the real ones are not on this machine)",
                    "32 个数保留的样子（这台机器上没有真实图片）",
                ),
                widest,
                10,
            )
        )
    panels.append(Pictures(say(f"Through {size} numbers", f"经过 {size} 个数"), painted, 10))
    names = tuple(Words(str(one), str(one)) for one in SIZES)
    loss = errors()
    panels.append(
        Plot(
            say("What is lost: mean squared error, held-out digits", "丢失了多少：留出数字的均方误差"),
            (Bars(loss.astype(np.float32), names, SIZES.index(size)),),
            say("A bar for each width of the bottleneck; wider loses less.", "每种瓶颈宽度一根柱；越宽丢得越少。"),
            square=False,
        )
    )
    figures = (Number(say("Mean squared error", "均方误差"), f"{loss[SIZES.index(size)]:.4f}"),)
    return Scene(tuple(panels), figures, ("a", "b", "c", "c", "c"))


def numbers() -> dict[str, Any]:
    """Return the estimated dimension of held-out digits, each size's error, and how many straight directions match 16."""
    measured = _bench.card(model(16))["measures"]
    pca = _bench.prepared("digits")["pca_mse"]
    loss = dict(zip(SIZES, errors().tolist(), strict=True))
    matches = int(np.argmax(pca <= loss[16])) + 1
    return {
        "pixels": 784,
        "n": measured["intrinsic_dimension_n"],
        "dimension": measured["intrinsic_dimension_real"],
        **{f"mse_{size}": value for size, value in loss.items()},
        "matches": matches,
        "saved": matches - 16,
    }


claims = (
    (
        "wider bottlenecks lose less, all the way",
        lambda n: n["mse_1"] > n["mse_2"] > n["mse_4"] > n["mse_16"] > n["mse_32"],
    ),
    ("the digits' dimension is far below their pixels", lambda n: 8 < n["dimension"] < 20),
    ("bending saves numbers", lambda n: n["saved"] > 4),
)


def face() -> np.ndarray:
    """Return ten digits through each width, the narrowest on top."""
    rows = chosen(0)[:9]
    return np.concatenate([_bench.decode(model(size), _bench.codes(model(size)).z[rows]) for size in SIZES])
