"""What is a manifold? A bar that turns and swells: 1,024 pixels, two knobs.

All pictures of the bar form a sheet in the space of pixels. It is two-dimensional, but it curls through dozens of
straight directions, so that no flat shadow of it is true, and the straight way between two of its points leaves it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.datasets import bars
from manigen.lessons.base import Lesson, Line, Mark, Number, Pictures, Plot, Question, Scene, say
from manigen.measures import intrinsic_dimension

QUARTER = 90.0  # degrees that the second bar is turned by
KEPT = 0.95  # of the variance
GUESSES = (2, 10, 30, 200)

card = Card(
    title="What is a manifold?",
    sentence="A turning bar has 1,024 pixels and two knobs: its pictures form a curved sheet you can walk on.",
    reference="Roweis, Saul 2000, Nonlinear Dimensionality Reduction by Locally Linear Embedding; "
    "Facco, d'Errico, Rodriguez, Laio 2017, Estimating the Intrinsic Dimension of Datasets",
    link="https://doi.org/10.1126/science.290.5500.2323",
    knobs=(
        Knob("angle", 30.0, "How far the bar is turned, in degrees.", 0.0, 180.0),
        Knob("thickness", 4.0, "How thick the bar is, in pixels.", bars.THINNEST, bars.THICKEST - 0.01),
        Knob("between", 0.0, "How far on the way to the same bar, turned by a right angle.", 0.0, 1.0),
    ),
    facts={"number": 1, "minutes": 8},
)

lesson = Lesson(
    title=say("What is a manifold?", "什么是流形？"),
    sentence=say(
        "A turning bar has a thousand pixels and two knobs: its pictures form a curved sheet you can walk on.",
        "一根转动的横条有上千个像素，却只有两个旋钮：它的图片形成一张可以在上面行走的曲面。",
    ),
    question=say(
        "A picture of this bar has {pixels:,} pixels. How much room do all its pictures need?",
        "这根横条的图片有 {pixels:,} 个像素。它的所有图片一共需要多大的空间？",
    ),
    prediction=Question(
        say(
            "Two knobs make every picture: angle and thickness. Now only straight directions are allowed, each a fixed pattern "
            "of pixels, added in any amount. How many are needed to hold {kept:.0%} of the differences between the pictures?",
            "每张图片由两个旋钮决定：角度和粗细。现在只允许用直的方向，每个方向是一幅固定的像素图案，可以按任意分量相加。"
            "要保住图片之间 {kept:.0%} 的差异，需要多少个方向？",
        ),
        (say("2", "2 个"), say("about 10", "10 个左右"), say("about 30", "30 个左右"), say("about 200", "200 个左右")),
        lambda n: min(range(len(GUESSES)), key=lambda i: abs(np.log(n["flat"] / GUESSES[i]))),
        say(
            "It takes {flat} straight directions. The pictures have two degrees of freedom, and yet the sheet they form "
            "curls through {flat} directions of the flat space around it.",
            "需要 {flat} 个直的方向。图片只有两个自由度，但它们形成的曲面在周围平坦的空间里卷过了 {flat} 个方向。",
        ),
    ),
    tries=("angle", "thickness"),
    task=say(
        "Turn both knobs. The dot is your picture, the net is all pictures there are, seen in its three longest directions. "
        "Can you make the dot leave the net? Turn the net by dragging it.",
        "转动两个旋钮。圆点是你的图片，网是所有可能的图片，从它最长的三个方向看。你能让圆点离开网吗？拖动可以转动这张网。",
    ),
    reveal=say(
        "The knobs never leave the net: it is the manifold. Two knobs, {flat} straight directions. A ruler through space (PCA) "
        "sees {flat} dimensions, a look at nearest neighbours finds {curved:.1f}. Now move “half-way”: the pixel average "
        "leaves the sheet and shows two ghosts; at the middle it lies {off:.1f} times as far from every bar as a turn "
        "by {step:.0f} degrees would carry it.",
        "旋钮永远不会离开这张网：它就是流形。两个旋钮，{flat} 个直的方向。穿过空间的直尺（PCA）看到 {flat} 维，"
        "观察最近的邻居则得到 {curved:.1f} 维。现在移动“半路”：像素平均离开了曲面，出现两个重影；"
        "在正中间，它离所有横条的距离，是转动 {step:.0f} 度所走距离的 {off:.1f} 倍。",
    ),
    shows={"angle": 30.0, "between": 0.5},
    checks=(
        Question(
            say(
                "You average the pixels of two bars at right angles. What do you get?",
                "把两根互相垂直的横条按像素平均，会得到什么？",
            ),
            (
                say("A bar half-way between them", "它们中间角度的横条"),
                say("Both bars at once, each half as bright", "两根横条同时出现，各有一半亮"),
                say("An empty picture", "一张空白图片"),
            ),
            1,
            say(
                "Averaging walks straight through space. The half-way bar lies on the sheet, and the straight way leaves it.",
                "平均是笔直地穿过空间。中间角度的横条在曲面上，而直路离开了曲面。",
            ),
        ),
        Question(
            say(
                "A third knob moves the bar to the left and right. How many dimensions has the sheet then?",
                "再加第三个旋钮，让横条左右移动。这时曲面有几维？",
            ),
            (
                say("Two: the pixels stay the same", "两维：像素数没变"),
                say("Three", "三维"),
                say("{pixels:,}", "{pixels:,}"),
            ),
            1,
            say(
                "The dimension of a manifold counts how many ways you can move on it, not the space it lies in.",
                "流形的维数数的是你在它上面能往几个方向移动，而不是它所在的空间有多大。",
            ),
        ),
        Question(
            say(
                "You draw all {pixels:,} pixels at random, again and again. When do you see a bar?",
                "你一次又一次随机画出全部 {pixels:,} 个像素。什么时候会看到一根横条？",
            ),
            (
                say("About every thousandth time", "大约每一千次一次"),
                say("In practice never", "实际上永远不会"),
                say("Every time, if you look closely", "每次都会，只要仔细看"),
            ),
            1,
            say(
                "A two-dimensional sheet fills nothing of a space of {pixels:,} dimensions. Data are rare: that is why "
                "they can be learned.",
                "二维的曲面在 {pixels:,} 维空间里几乎不占体积。数据很稀少：正因如此它才能被学会。",
            ),
        ),
    ),
    why=say(
        "The knobs u = (angle, thickness) are mapped to a picture x(u). All x(u) together are the manifold M. Near any picture it "
        "looks like a flat piece, spanned by the two ways the pixels change when one knob is moved; farther away the piece turns. "
        "The estimator of two neighbours uses only the nearest and second nearest picture, where the sheet is still flat.",
        "旋钮 u =（角度，粗细）对应一张图片 x(u)。所有 x(u) 合起来就是流形 M。在任何一张图片附近，它看起来像一块平面，"
        "由“动一个旋钮时像素怎样变”的两个方向张成；再远一些，这块平面就转了方向。两近邻估计只用最近和第二近的图片，"
        "在那里曲面仍是平的。",
    ),
    formula=r"M = \{\, x(u) : u \in U \,\} \subset \mathbb{R}^{1024}, \qquad \dim M = \operatorname{rank} \frac{\partial x}{\partial u} = 2",
    play_on=say(
        "All knobs are free. Find the place where half-way looks least wrong. Why there?",
        "所有旋钮都可以动。找出“半路”看起来最不离谱的地方。为什么是那里？",
    ),
    knobs={
        "angle": say("Angle, degrees", "角度（度）"),
        "thickness": say("Thickness, pixels", "粗细（像素）"),
        "between": say("Half-way to the turned bar", "到转过的横条的半路"),
    },
    usually_wrong=say(
        "Many take the dimension of the space (pixels) or of the flat hull (PCA) for that of the manifold. Ask: how many knobs?",
        "很多人把空间的维数（像素）或平坦外壳的维数（PCA）当成流形的维数。请问他们：有几个旋钮？",
    ),
    figures={
        "pixels": say("pixels of a picture", "一张图片的像素数"),
        "kept": say("share of the differences to be held", "要保住的差异比例"),
        "flat": say("straight directions that hold it", "保住它所需的直线方向数"),
        "curved": say("dimension, by the two nearest neighbours", "维数（由两个最近邻估计）"),
        "off": say(
            "half-way: its distance from every bar, in turns by the step below",
            "半路图片与所有横条的距离，以下面的转动为单位",
        ),
        "step": say("that turn, degrees", "转动的角度（度）"),
    },
)


def picture(angle: Any, thickness: Any) -> np.ndarray:
    """Return bars uint8 (n, 32, 32, 1) by angle in degrees and thickness in pixels."""
    return bars.draw(np.deg2rad(angle), np.broadcast_to(thickness, np.shape(np.atleast_1d(angle)))).transpose(
        0, 2, 3, 1
    )


@cache
def _directions() -> tuple[np.ndarray, np.ndarray]:
    """The mean picture (1024,) and the three longest directions (3, 1024) of 432 bars, even in both knobs."""
    angle, thickness = np.meshgrid(np.arange(0, 180, 5.0), np.linspace(2, 7.9, 12))
    x = picture(angle.ravel(), thickness.ravel()).reshape(angle.size, -1) / 255.0
    mean = x.mean(0)
    return mean, np.linalg.svd(x - mean, full_matrices=False)[2][:3]


def shadow(x: np.ndarray) -> np.ndarray:
    """Return where pictures uint8 or [0, 255] (n, ...) lie (n, 3), seen along the three longest directions."""
    mean, along = _directions()
    return ((np.reshape(x, (len(x), -1)) / 255.0 - mean) @ along.T).astype(np.float32)


@cache
def _net() -> tuple[Line, ...]:
    """The sheet as lines of constant thickness, and of constant angle."""
    round_ = np.arange(0, 181, 4.0)
    across = np.linspace(2, 7.9, 9)
    rings = [Line(shadow(picture(round_, t)), colour=-1, width=1.2) for t in np.linspace(2, 7.9, 5)]
    return (*rings, *[Line(shadow(picture(np.full(9, a), across)), colour=-1, width=0.8) for a in range(0, 180, 12)])


def scene(angle: float = 30.0, thickness: float = 4.0, between: float = 0.0) -> Scene:
    """Return the bar, and, `between` it and the bar turned by 90 degrees, the way on the sheet and the straight way."""
    here, there = (picture(angle + turn, thickness)[0] for turn in (0.0, QUARTER))
    walked = picture(angle + QUARTER * between, thickness)[0]
    mixed = np.rint((1 - between) * here + between * there).astype(np.uint8)
    at = shadow(np.stack([walked, mixed, here, there]))
    marks = [Mark(tuple(at[0]), say("on the sheet", "在曲面上"), 0)]
    pictures, captions = [walked], [say("on the sheet", "在曲面上")]
    layers: list[Any] = [*_net()]
    if between > 0:
        layers.append(Line(at[2:], colour=1, dashed=True))
        marks.append(Mark(tuple(at[1]), say("pixel average", "像素平均"), 1))
        pictures.append(mixed)
        captions.append(say("pixel average", "像素平均"))
    title = say("All pictures of the bar", "横条的所有图片")
    alt = say(
        "A closed, curled band in three dimensions; the dot of the present picture runs on it.",
        "三维中一条卷起来的闭合带子；当前图片的圆点在上面移动。",
    )
    off = distance_to_bars(mixed[None])[0] / _step()
    figures = (
        Number(
            say("Distance from the sheet", "与曲面的距离"),
            f"{off:.1f} ×",
            "near" if off < 1 else "edge" if off < 2 else "far",
        ),
    )
    return Scene(
        (
            Pictures(say("Picture", "图片"), np.stack(pictures), 1, tuple(captions), large=True, generated=False),
            Plot(title, (*layers, *marks), alt, tall=True),
        ),
        figures if between > 0 else (),
        ("abb",),
    )


@cache
def _all_bars() -> np.ndarray:
    angle, thickness = np.meshgrid(np.arange(0, 180, 1.0), np.linspace(2, 7.9, 13))
    return picture(angle.ravel(), thickness.ravel()).reshape(angle.size, -1) / np.float32(255)


def distance_to_bars(x: np.ndarray) -> np.ndarray:
    """Return the distance (L2, pixels in [0, 1]) of pictures (n, ...) to the nearest of 2,340 bars."""
    x = np.reshape(x, (len(x), -1)) / np.float32(255)
    all_ = _all_bars()
    return np.sqrt(np.maximum(((x[:, None] - all_[None]) ** 2).sum(-1), 0).min(1))


STEP = 2.0  # degrees: a turn that one hardly sees


@cache
def _step() -> float:
    """How far two bars of middling thickness, a STEP apart, lie from each other."""
    a, b = picture(np.array([30.0, 30.0 + STEP]), 4.0).reshape(2, -1) / 255.0
    return float(np.linalg.norm(a - b))


def numbers() -> dict[str, Any]:
    """Return pixels, straight directions that hold 95 %, dimension by two neighbours, and how far half-way is off."""
    x = bars.read("train", n=2000).x.reshape(2000, -1) / 255.0
    variance = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    flat = int((np.cumsum(variance) / variance.sum() < KEPT).sum()) + 1
    half = (picture(30.0, 4.0)[0].astype(float) + picture(120.0, 4.0)[0]) / 2
    return {
        "pixels": x.shape[1],
        "kept": KEPT,
        "flat": flat,
        "curved": intrinsic_dimension.of(x),
        "off": float(distance_to_bars(half[None])[0] / _step()),
        "step": STEP,
    }


claims = (
    ("the sheet has two dimensions", lambda n: abs(n["curved"] - 2) < 0.2),
    ("a flat space needs more than ten times as many", lambda n: n["flat"] > 20),
    ("half-way between two bars is no bar", lambda n: n["off"] > 2),
)


def face() -> np.ndarray:
    """Return bars, angle to the right and thickness downwards."""
    angle, thickness = np.meshgrid(np.linspace(0, 180, 8, endpoint=False), np.linspace(2.2, 7.8, 4))
    return picture(angle.ravel(), thickness.ravel())
