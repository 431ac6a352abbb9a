"""A ruler is not enough: near in space, far on the sheet.

Two sheets whose true coordinates are known, the Swiss roll and half a turn of the bar. A ruler goes through the air
between the roll's layers; a walk from neighbour to neighbour stays on the sheet, until one neighbour too many is a jump.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.lessons import _bench, _sheets
from manigen.lessons.base import Dots, Lesson, Line, Mark, Number, Plot, Question, Scene, say

METHODS = ("pca", "lle", "isomap")
CLOUDS = {"roll": _sheets.roll, "bar": _sheets.bar}

card = Card(
    title="A ruler is not enough",
    sentence="PCA, LLE and Isomap on the Swiss roll and the turning bar: near in space, far on the sheet, and one jump too many.",
    reference="Tenenbaum, de Silva, Langford 2000, A Global Geometric Framework for Nonlinear Dimensionality Reduction; Roweis, Saul 2000, "
    "Nonlinear Dimensionality Reduction by Locally Linear Embedding",
    link="https://doi.org/10.1126/science.290.5500.2319",
    knobs=(
        Knob("neighbours", 10, "How many nearest points each point is tied to.", choices=_sheets.NEIGHBOURS),
        Knob("method", "isomap", "How the sheet is laid out flat.", choices=METHODS),
        Knob("cloud", "roll", "Which sheet.", choices=tuple(CLOUDS)),
        Knob("seed", 0, "Which pair of points is measured.", 0, 999),
    ),
    facts={"number": 2, "minutes": 8},
)

lesson = Lesson(
    title=say("A ruler is not enough", "一把尺子不够"),
    sentence=say(
        "PCA, LLE and Isomap on the Swiss roll and the turning bar: near in space, far on the sheet.",
        "在瑞士卷和转动横条上看 PCA、LLE 与 Isomap：空间中近，曲面上远。",
    ),
    question=say(
        "How far is it from one point of a rolled-up sheet to another?", "卷起来的一张纸上，从一点到另一点有多远？"
    ),
    prediction=Question(
        say(
            "Isomap ties each point to its {good} nearest, walks along the ties, and lays the roll out: its distances have a rank correlation of {kept_good:.2f} with the true ones. "
            "Now each point is tied to {bad}. The correlation",
            "Isomap 把每个点和最近的 {good} 个点连起来，沿连线行走，把卷摊平：它的距离与真实距离的秩相关是 {kept_good:.2f}。现在每个点连 {bad} 个。相关",
        ),
        (
            say("rises a little: more ties, better paths", "略升：连得多，路更好"),
            say("falls a little", "略降"),
            say("collapses to less than half", "崩溃到不足一半"),
        ),
        lambda n: 0 if n["kept_bad"] >= n["kept_good"] else 1 if n["kept_bad"] > n["kept_good"] / 2 else 2,
        say(
            "It falls from {kept_good:.2f} to {kept_bad:.2f}. A few ties now jump from layer to layer, and every walk takes them.",
            "它从 {kept_good:.2f} 降到 {kept_bad:.2f}。几条连线现在从一层跳到另一层，所有的路都走捷径。",
        ),
    ),
    tries=("neighbours", "method"),
    task=say(
        "Colours show where a point lies along the sheet. Change the method, then the neighbours. When does the walk (solid) jump through the air like the "
        "ruler (dashed)? Turn the roll by dragging.",
        "颜色表示点在纸上的位置。先换方法，再改邻居数。什么时候行走（实线）像尺子（虚线）一样穿过空中？拖动可转动卷。",
    ),
    reveal=say(
        "With {good} neighbours Isomap keeps {kept_good:.2f} of the true order of distances, with {bad} only {kept_bad:.2f}: no more than the ruler, PCA, which keeps {kept_pca:.2f}. One shortcut is enough "
        "to fold the whole map. On the bar nothing of this happens: its sheet nowhere comes near itself, and even {most} neighbours keep {kept_bar:.2f}.",
        "用 {good} 个邻居时 Isomap 保住真实距离次序的 {kept_good:.2f}，用 {bad} 个只剩 {kept_bad:.2f}：并不比尺子 PCA 的 {kept_pca:.2f} 好。一条捷径就足以把整张地图折叠。"
        "横条上没有这种事：它的曲面处处远离自己，即使 {most} 个邻居也保住 {kept_bar:.2f}。",
    ),
    shows={"neighbours": 20, "method": "isomap", "cloud": "roll"},
    checks=(
        Question(
            say("Too few neighbours. What goes wrong?", "邻居太少会出什么问题？"),
            (
                say("Shortcuts through the air", "穿过空中的捷径"),
                say("The sheet falls into pieces that no walk connects", "曲面碎成行走无法连接的几块"),
            ),
            1,
            say(
                "Too many: shortcuts. Too few: pieces. In between lies the sheet, and nobody tells you where.",
                "太多：捷径。太少：碎块。曲面在两者之间，没人告诉你在哪里。",
            ),
        ),
        Question(
            say("Why can PCA not unroll the sheet?", "PCA 为什么不能把卷展开？"),
            (
                say(
                    "It only turns the cloud and drops directions: layers stay on top of each other",
                    "它只转动点云并丢掉方向：各层仍叠在一起",
                ),
                say("It needs more points", "需要更多的点"),
                say("It is too slow", "太慢"),
            ),
            0,
            say(
                "A shadow of a roll is a roll's shadow, from whichever side the lamp shines.",
                "卷的影子总是卷的影子，无论灯从哪边照。",
            ),
        ),
        Question(
            say(
                "Two pictures differ little, pixel by pixel. Are they near on the sheet?",
                "两张图片逐像素相差很小。它们在曲面上近吗？",
            ),
            (
                say("Always", "总是"),
                say("Only if the sheet does not pass near itself there", "只有曲面在那里不靠近自己时"),
                say("Never", "从不"),
            ),
            1,
            say(
                "Near on the sheet means near in space; the reverse is what a roll disproves.",
                "曲面上近意味着空间中近；反过来不成立，卷就是反例。",
            ),
        ),
    ),
    why=say(
        "Isomap replaces the ruler's distance by the length of the shortest walk from neighbour to neighbour, and looks for places in the plane with those distances. LLE keeps how each point is mixed "
        "of its neighbours. Both hang on the ties being on the sheet.",
        "Isomap 用邻居之间最短行走的长度代替尺子的距离，再在平面上寻找具有这些距离的位置。LLE 保住每个点怎样由邻居混合而成。两者都依赖于连线在曲面上。",
    ),
    formula=r"d_{\text{sheet}}(a, b) \approx \min_{a = v_0, \dots, v_m = b} \sum_{i} \lVert v_{i+1} - v_i \rVert, \qquad v_{i+1} \in \mathrm{NN}_k(v_i)",
    play_on=say(
        "Other pairs, other sheets. For which pairs do ruler and walk agree?",
        "换别的点对，换别的曲面。哪些点对上尺子与行走一致？",
    ),
    usually_wrong=say(
        "Many choose neighbours generously, to be safe. On the roll {bad} instead of {good} cost all: {kept_bad:.2f} instead of {kept_good:.2f}.",
        "很多人为保险而多选邻居。在卷上用 {bad} 代替 {good} 就失去一切：{kept_bad:.2f} 代替 {kept_good:.2f}。",
    ),
    knobs={
        "neighbours": say("Neighbours", "邻居数"),
        "method": say("Laid out by", "摊平方法"),
        "method=pca": say("PCA", "PCA"),
        "method=lle": say("LLE", "LLE"),
        "method=isomap": say("Isomap", "Isomap"),
        "cloud": say("Sheet", "曲面"),
        "cloud=roll": say("Swiss roll", "瑞士卷"),
        "cloud=bar": say("turning bar", "转动的横条"),
        "seed": say("Another pair", "换一对"),
    },
    figures={
        "good": say("neighbours, well chosen", "邻居数，合适时"),
        "bad": say("neighbours, too many", "邻居数，过多时"),
        "most": say("neighbours, most offered", "邻居数，最多时"),
        "kept_good": say(
            "roll: order of distances Isomap keeps, well chosen", "瑞士卷：Isomap 保持的距离次序，邻居合适"
        ),
        "kept_bad": say("roll: order of distances Isomap keeps, too many", "瑞士卷：Isomap 保持的距离次序，邻居过多"),
        "kept_pca": say("roll: order of distances PCA keeps", "瑞士卷：PCA 保持的距离次序"),
        "kept_bar": say(
            "bar: order of distances Isomap keeps, most neighbours", "横条：Isomap 保持的距离次序，邻居最多"
        ),
    },
    formula_words={"sheet": "面"},
)


@cache
def _walks(cloud: str, neighbours: int) -> Any:
    """The ties between points as a sparse matrix of lengths."""
    from scipy.sparse import csr_array

    apart = _sheets.distances(CLOUDS[cloud]()[0])
    near = np.argsort(apart, 1)[:, 1 : neighbours + 1]
    rows = np.repeat(np.arange(len(apart)), neighbours)
    ties = csr_array((apart[rows, near.ravel()], (rows, near.ravel())), shape=apart.shape)
    return ties.maximum(ties.T)


@cache
def pair(cloud: str, seed: int) -> tuple[int, int]:
    """Return two points that are near in space for how far they lie apart on the sheet; with the seed other ones."""
    x, true = CLOUDS[cloud]()
    ratio = _sheets.distances(true) / (_sheets.distances(x) + np.eye(len(x)) + 1e-6)
    most = np.argsort(-ratio, axis=None)[:4000]
    first, second = np.unravel_index(most[seed * 37 % len(most)], ratio.shape)
    return int(first), int(second)


@cache
def walk(cloud: str, neighbours: int, seed: int) -> np.ndarray:
    """Return the points (m,) on the shortest walk between the pair, from neighbour to neighbour; empty where none leads."""
    from scipy.sparse.csgraph import dijkstra

    first, second = pair(cloud, seed)
    before = dijkstra(_walks(cloud, neighbours), indices=first, return_predecessors=True)[1]
    found = [second]
    while found[-1] != first:
        if before[found[-1]] < 0:
            return np.empty(0, int)
        found.append(int(before[found[-1]]))
    return np.array(found[::-1])


def laid_out(cloud: str, method: str, neighbours: int) -> np.ndarray:
    """Return the places (n, 2) of a sheet's points on a prepared map."""
    name = f"{cloud}_{method}" if method == "pca" else f"{cloud}_{method}_{neighbours}"
    return _bench.prepared("sheets")[name].astype(np.float32)


@cache
def kept(cloud: str, method: str, neighbours: int) -> float:
    """Return the rank correlation of a map's distances with the true ones on the sheet."""
    return _sheets.ranks_kept(laid_out(cloud, method, neighbours), CLOUDS[cloud]()[1])


@cache
def _seen(cloud: str) -> np.ndarray:
    """The cloud as it is drawn, (n, 3): the bar's pictures by their three longest directions."""
    x, _ = CLOUDS[cloud]()
    if x.shape[1] == 3:
        return x
    middle = x - x.mean(0)
    return (middle @ np.linalg.svd(middle, full_matrices=False)[2][:3].T).astype(np.float32)


def scene(neighbours: int = 10, method: str = "isomap", cloud: str = "roll", seed: int = 0) -> Scene:
    """Return the sheet with a ruler and a walk between two points, and the sheet laid out flat."""
    x, true = CLOUDS[cloud]()
    seen, flat = _seen(cloud), laid_out(cloud, method, neighbours)
    first, second = pair(cloud, seed)
    way = walk(cloud, neighbours, seed)
    lines = [Line(seen[[first, second]], 1, True, say("ruler", "尺子"), 3.5)]
    if len(way):
        lines.append(Line(seen[way], 0, False, say("walk from neighbour to neighbour", "从邻居到邻居行走"), 3.5))
    ends = [Mark(tuple(map(float, seen[i])), None, 1) for i in (first, second)]
    sheet = Plot(
        say("The sheet in space", "空间中的曲面"),
        (Dots(seen, value=true[:, 0], size=3.2), *lines, *ends),
        say("A rolled-up sheet of points with two ways between two of them.", "卷起的点面，两点之间有两条路。"),
        tall=True,
    )
    marks = [Mark(tuple(map(float, flat[i])), None, 1) for i in (first, second)]
    out = Plot(
        say("Laid out flat", "摊平之后"),
        (Dots(flat, value=true[:, 0], size=3.2), *marks),
        say(
            "The same points on a flat map; good where the colours run from one side to the other.",
            "同样的点在平面地图上；颜色从一边到另一边渐变就是好的。",
        ),
        tall=True,
    )
    ruler = float(np.linalg.norm(x[first] - x[second]))
    length = float(np.linalg.norm(np.diff(x[way], axis=0), axis=1).sum()) if len(way) else float("nan")
    keeps = kept(cloud, method, neighbours)
    return Scene(
        (sheet, out),
        (
            Number(say("Ruler", "尺子"), f"{ruler:.1f}"),
            Number(say("Walk", "行走"), f"{length:.1f}" if len(way) else say("no way", "无路")),
            Number(
                say("True distances kept (rank correlation)", "真实距离保持（秩相关）"),
                f"{keeps:.2f}",
                "near" if keeps > 0.9 else "edge" if keeps > 0.6 else "far",
            ),
        ),
        ("ab",),
    )


def numbers() -> dict[str, Any]:
    """Return how far maps of the roll keep true distances, with the right number of neighbours and with too many."""
    good, bad, most = 10, 20, max(_sheets.NEIGHBOURS)
    return {
        "good": good,
        "bad": bad,
        "most": most,
        "kept_good": kept("roll", "isomap", good),
        "kept_bad": kept("roll", "isomap", bad),
        "kept_pca": kept("roll", "pca", good),
        "kept_bar": kept("bar", "isomap", most),
    }


claims = (
    ("with the right neighbours Isomap unrolls the roll", lambda n: n["kept_good"] > 0.95),
    ("with twice as many it collapses", lambda n: n["kept_bad"] < 0.5 * n["kept_good"]),
    ("to no more than a ruler keeps", lambda n: n["kept_bad"] <= n["kept_pca"] + 0.05),
    ("the bar's sheet stands any number", lambda n: n["kept_bar"] > 0.95),
)


def face() -> np.ndarray:
    """Return the roll from its side, coloured along the sheet."""
    from manigen.lessons import _svg

    x, true = _sheets.roll()
    image = np.full((270, 480, 3), (17, 19, 24), np.uint8)
    colours = _svg.shades(true[:, 0])
    for (a, b), colour in zip(x[:, [0, 2]], colours, strict=True):
        row, column = int(135 - 8.5 * b), int(240 + 14 * a)
        image[max(0, row - 4) : row + 4, max(0, column - 4) : column + 4] = colour
    return image
