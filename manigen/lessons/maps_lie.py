"""Maps lie: sizes, gaps and islands that the method made.

Three clouds whose truth is known or can be measured: groups of very different size, pure noise, and a model's codes. t-SNE
and UMAP draw each at several scales and with two seeds. The colours of distortion tell, point by point, where the map is wrong.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.lessons import _bench, _sheets
from manigen.lessons.base import Dots, Lesson, Number, Plot, Question, Scene, say

METHODS = ("pca", "tsne", "umap")
COLOURS = ("group", "size", "kept", "intruders", "torn")
FELLOWS = 15
SMALLEST, JOIN = 4, 4.0  # points of an island; how many usual steps join two
LEAST, USUAL = 0, 3  # of the scales

card = Card(
    title="Maps lie",
    sentence="Groups, noise and codes under t-SNE and UMAP: turn the scale, change the seed, and let the distortion tell on them.",
    reference="Wattenberg, Viégas, Johnson 2016, How to Use t-SNE Effectively; Kobak, Linderman 2021, Initialization is critical for preserving "
    "global data structure",
    link="https://doi.org/10.23915/distill.00002",
    knobs=(
        Knob(
            "scale",
            USUAL,
            "The scale of the map: how many neighbours it looks at, from few to many.",
            0,
            len(_sheets.PERPLEXITIES) - 1,
        ),
        Knob("method", "tsne", "How the map is drawn.", choices=METHODS),
        Knob("cloud", "blobs", "What is drawn.", choices=("blobs", "noise", "codes")),
        Knob("colour", "group", "What the colours say.", choices=COLOURS),
        Knob("again", False, "The same map with another seed."),
    ),
    facts={"number": 3, "minutes": 8},
)

lesson = Lesson(
    title=say("Maps lie", "地图会说谎"),
    sentence=say(
        "Groups, noise and codes under t-SNE and UMAP: turn the scale and let the distortion tell on them.",
        "用 t-SNE 和 UMAP 画组、噪声和编码：转动尺度，让变形自己招供。",
    ),
    question=say(
        "On a map you see three groups. What may you say about their sizes and distances?",
        "你在地图上看到三个组。关于它们的大小和距离，你可以说什么？",
    ),
    prediction=Question(
        say(
            "Three groups have equally many points, but the widest is {true:.0f} times as wide as the narrowest. How many times as wide is it on the t-SNE map (perplexity {usual})?",
            "三个组的点一样多，但最宽的是最窄的 {true:.0f} 倍宽。在 t-SNE 地图（困惑度 {usual}）上，它宽几倍？",
        ),
        (
            say("about 25 times, as in truth", "大约 25 倍，与真实一样"),
            say("about 5 times", "大约 5 倍"),
            say("hardly wider at all", "几乎一样宽"),
        ),
        lambda n: 0 if n["seen"] > 12 else 1 if n["seen"] > 2.5 else 2,
        say(
            "On the map it is {seen:.1f} times as wide. t-SNE gives every point room for the same number of neighbours, wherever it lies.",
            "在地图上它宽 {seen:.1f} 倍。无论点在哪里，t-SNE 都给它容纳同样多邻居的空间。",
        ),
    ),
    tries=("scale", "method", "cloud", "colour"),
    task=say(
        "First the groups, then the noise at the smallest scale: how many islands do you count where there is nothing? Change the colour: intruders sit beside a point that are no neighbours in the data, and torn is what went away from it.",
        "先看三个组，再看最小尺度下的噪声：在什么都没有的地方，你数出几个岛？换一种颜色：外来者在数据里并不是邻居却坐在点旁边，撕裂则是真邻居被放远了。",
    ),
    reveal=say(
        "Width {true:.0f} becomes {seen:.1f}. Pure noise shows {islands} islands at perplexity {least} and {islands_usual} at {usual}. And a model's codes: t-SNE keeps {near_tsne:.0%} of the {fellows} nearest "
        "neighbours, PCA {near_pca:.0%}; but of the order of all distances t-SNE keeps {far_tsne:.2f} and PCA {far_pca:.2f}. The better map of neighbours is no better map of distances.",
        "{true:.0f} 倍宽变成 {seen:.1f} 倍。纯噪声在困惑度 {least} 时有 {islands} 个岛，在 {usual} 时有 {islands_usual} 个。再看模型的编码：t-SNE 保住 {near_tsne:.0%} 的 {fellows} 个近邻，"
        "PCA 保住 {near_pca:.0%}；但所有距离的次序，t-SNE 保住 {far_tsne:.2f}，PCA {far_pca:.2f}。邻居画得更好的地图，距离并没有画得更好。",
    ),
    shows={"cloud": "noise", "scale": LEAST, "method": "tsne"},
    checks=(
        Question(
            say(
                "Two groups lie far apart on a t-SNE map. In the data they are",
                "两个组在 t-SNE 地图上相距很远。在数据里它们",
            ),
            (
                say("far apart", "相距很远"),
                say("close together", "靠得很近"),
                say("either: the map does not tell", "都有可能：地图不告诉你"),
            ),
            2,
            say(
                "The forces between distant points are nearly nil; where groups end up is mostly a matter of how the map began.",
                "远处的点之间几乎没有力；组落在哪里主要取决于地图怎样开始。",
            ),
        ),
        Question(
            say(
                "The same codes, another seed: turned and mirrored to fit as well as can be, points still lie {moved:.0%} of the map's radius from where they were. What follows?",
                "同样的编码，换一个种子：经过旋转和镜像尽量对齐后，点离原处仍有地图半径的 {moved:.0%}。由此可知？",
            ),
            (
                say("One of the two maps is wrong", "两张地图中有一张是错的"),
                say(
                    "Where a group stands is partly luck; who stands beside whom is not",
                    "组站在哪里部分靠运气；谁挨着谁则不是",
                ),
            ),
            1,
            say(
                "One map is one sample. What all of them show, you may believe.",
                "一张地图只是一个样本。所有地图都显示的，才可以相信。",
            ),
        ),
        Question(
            say("Which colour exposes the lie about sizes?", "哪种颜色揭穿关于大小的谎言？"),
            (
                say("the class", "类别"),
                say("how crowded a point's surroundings are in the data", "数据中一个点周围有多拥挤"),
            ),
            1,
            say(
                "Class colours flatter every map. The crowding in the data shows what the map has evened out.",
                "类别颜色美化每一张地图。数据中的拥挤程度显示地图抹平了什么。",
            ),
        ),
    ),
    why=say(
        "t-SNE turns distances into probabilities of being neighbours, each point with a bell so wide that it has about as many neighbours as the perplexity says, and asks the map for the same "
        "probabilities. Sizes are gone at once: every bell counts its neighbours, not its width. What is far has a probability of nearly nil, so it may lie anywhere. PCA lies otherwise: it lays the sheet on itself, so that strangers meet "
        "(of digits' codes intruders {intruders_pca:.2f}, torn {torn_pca:.2f}), where t-SNE rather tears (intruders {intruders_tsne:.2f}, torn {torn_tsne:.2f}).",
        "t-SNE 把距离变成“是邻居”的概率，每个点的高斯核宽到刚好有困惑度那么多邻居，再要求地图有同样的概率。大小立刻消失：每个高斯核数的是邻居，而不是宽度。远处的概率几乎为零，所以放在哪里都行。PCA 的谎言不同：它把面叠在自己身上，让外人相遇（数字编码：外来者 {intruders_pca:.2f}，撕裂 {torn_pca:.2f}），"
        "t-SNE 则宁可撕开（外来者 {intruders_tsne:.2f}，撕裂 {torn_tsne:.2f}）。",
    ),
    formula=r"p_{j|i} = \frac{e^{-\lVert z_i - z_j \rVert^2 / 2\sigma_i^2}}{\sum_{k \ne i} e^{-\lVert z_i - z_k \rVert^2 / 2\sigma_i^2}}, \qquad 2^{H(P_i)} = \text{perplexity}",
    play_on=say(
        "Look at the codes with the colours “intruders” and “torn”, on PCA and on t-SNE. Where does even the best map tear? Then use the same colours on the Explore page.",
        "用“外来者”和“撕裂”给编码着色，分别看 PCA 和 t-SNE。即使最好的地图在哪里撕开？然后在“探索”页用同样的颜色。",
    ),
    usually_wrong=say(
        "Islands are taken for classes. Show the noise first, {islands} islands of nothing, and only then a map of data.",
        "把岛当成类别。先给他们看噪声，{islands} 个什么都不是的岛，再看数据的地图。",
    ),
    knobs={
        "scale": say("Scale, from few neighbours to many", "尺度，邻居从少到多"),
        "method": say("Map", "地图"),
        "method=pca": say("PCA", "PCA"),
        "method=tsne": say("t-SNE", "t-SNE"),
        "method=umap": say("UMAP", "UMAP"),
        "cloud": say("Of", "画的是"),
        "cloud=blobs": say("three groups", "三个组"),
        "cloud=noise": say("noise", "噪声"),
        "cloud=codes": say("digits' codes", "数字的编码"),
        "colour": say("Colour", "颜色"),
        "colour=group": say("class", "类别"),
        "colour=size": say("crowding in the data", "数据中的拥挤"),
        "colour=kept": say("neighbours kept", "保住的邻居"),
        "colour=intruders": say("intruders beside it", "身边的外来者"),
        "colour=torn": say("torn from its own", "与近邻的撕裂"),
        "again": say("Another seed", "另一个种子"),
    },
    figures={
        "true": say("widest to narrowest group, in truth", "最宽与最窄组之比，真实"),
        "seen": say("widest to narrowest group, on the t-SNE map", "最宽与最窄组之比，t-SNE 地图上"),
        "usual": say("perplexity, usual", "困惑度，通常"),
        "least": say("perplexity, smallest", "困惑度，最小"),
        "islands": say("islands in noise, smallest perplexity", "噪声中的岛，最小困惑度"),
        "islands_usual": say("islands in noise, usual perplexity", "噪声中的岛，通常困惑度"),
        "fellows": say("nearest neighbours looked at", "所看的最近邻个数"),
        "near_tsne": say("codes: neighbours kept by t-SNE", "编码：t-SNE 保住的邻居"),
        "near_pca": say("codes: neighbours kept by PCA", "编码：PCA 保住的邻居"),
        "far_tsne": say("codes: order of distances kept by t-SNE", "编码：t-SNE 保持的距离次序"),
        "far_pca": say("codes: order of distances kept by PCA", "编码：PCA 保持的距离次序"),
        "moved": say("how far two seeds' t-SNE maps lie apart", "两个种子的 t-SNE 地图相差多少"),
        "intruders_pca": say("codes: intruders on PCA's map", "编码：PCA 地图上的外来者"),
        "torn_pca": say("codes: torn on PCA's map", "编码：PCA 地图上的撕裂"),
        "intruders_tsne": say("codes: intruders on t-SNE's map", "编码：t-SNE 地图上的外来者"),
        "torn_tsne": say("codes: torn on t-SNE's map", "编码：t-SNE 地图上的撕裂"),
    },
    formula_words={"perplexity": "困惑度"},
)


@cache
def _clouds() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return _sheets.clouds()


def drawn(cloud: str, method: str, scale: int, again: bool = False) -> np.ndarray:
    """Return the places (n, 2) of a cloud's points on a prepared map, the farthest at 1."""
    name = f"{cloud}_pca" if method == "pca" else f"{cloud}_{method}_{scale}_{int(again)}"
    return _bench.prepared("maps")[name].astype(np.float32)


@cache
def crowding(cloud: str) -> np.ndarray:
    """Return the logarithm of the distance of each point to its FELLOWS-th fellow in the data (n,)."""
    apart = np.sort(_sheets.distances(_clouds()[cloud][0]), 1)
    return np.log(apart[:, FELLOWS]).astype(np.float32)


@cache
def kept(cloud: str, method: str, scale: int, again: bool = False) -> np.ndarray:
    """Return for each point the share in [0, 1] of its FELLOWS nearest in the data that are so on the map (n,)."""
    near = []
    for one in (_clouds()[cloud][0], drawn(cloud, method, scale, again)):
        near.append(np.argsort(_sheets.distances(one) + np.diag(np.full(len(one), np.inf)), 1)[:, :FELLOWS])
    return np.array([len(np.intersect1d(*pair)) / FELLOWS for pair in zip(*near, strict=True)], np.float32)


@cache
def wrong(cloud: str, method: str, scale: int, again: bool = False) -> dict[str, np.ndarray]:
    """Return by name for each point (n,), in [0, 1], how foreign its FELLOWS nearest on the map are ("intruders"), and how
    far from it on the map its FELLOWS nearest in the data went ("torn"): 1 - trustworthiness and 1 - continuity."""
    from manigen.measures import base

    x, p = _clouds()[cloud][0], drawn(cloud, method, scale, again)
    pairs = {"intruders": (p, x), "torn": (x, p)}
    return {
        name: (1 - base.strangers(near, far, FELLOWS, len(x), 0)).astype(np.float32)
        for name, (near, far) in pairs.items()
    }


def told(colour: str, cloud: str, method: str, scale: int, again: bool) -> np.ndarray:
    """Return what a colour other than the class says of each point (n,)."""
    if colour == "size":
        return crowding(cloud)
    if colour == "kept":
        return kept(cloud, method, scale, again)
    return wrong(cloud, method, scale, again)[colour]


@cache
def far_kept(cloud: str, method: str, scale: int) -> float:
    """Return the rank correlation of all distances on the map with those in the data."""
    return _sheets.ranks_kept(_clouds()[cloud][0], drawn(cloud, method, scale))


def width(p: np.ndarray) -> float:
    """Return how wide a group of places (n, 2) is: the root mean square distance from its middle."""
    return float(np.sqrt(((p - p.mean(0)) ** 2).sum(1).mean()))


def widest(p: np.ndarray) -> float:
    """Return how many times as wide the widest of the three groups is as the narrowest."""
    groups = _clouds()["blobs"][1]
    widths = [width(p[groups == group]) for group in range(3)]
    return max(widths) / min(widths)


@cache
def islands(cloud: str, method: str, scale: int) -> int:
    """Return how many islands of SMALLEST points or more there are, once points closer than JOIN times the usual way to the
    nearest are joined."""
    from scipy.sparse.csgraph import connected_components

    apart = _sheets.distances(drawn(cloud, method, scale))
    nearest = np.partition(apart, 1, axis=1)[:, 1]
    _, of = connected_components(apart < JOIN * np.median(nearest), directed=False)
    return int((np.bincount(of) >= SMALLEST).sum())


def moved(a: np.ndarray, b: np.ndarray) -> float:
    """Return how far points of one map (n, 2) lie from those of another, turned and mirrored to fit; 1 is their usual
    distance (root mean square) from the middle."""
    a, b = (one - one.mean(0) for one in (a.astype(float), b.astype(float)))
    a, b = a / np.sqrt((a**2).sum(1).mean()), b / np.sqrt((b**2).sum(1).mean())
    left, _, right = np.linalg.svd(b.T @ a)
    return float(np.sqrt(((a - b @ left @ right) ** 2).sum(1).mean()))


def scene(
    scale: int = USUAL, method: str = "tsne", cloud: str = "blobs", colour: str = "group", again: bool = False
) -> Scene:
    """Return a map of a cloud, coloured by class, by crowding in the data or by the neighbours it kept; and the truth."""
    x, groups = _clouds()[cloud]
    p = drawn(cloud, method, scale, again)
    colours: dict[str, Any] = {"group": groups}
    if colour != "group":
        colours = {"value": told(colour, cloud, method, scale, again)}
    looks_at = {
        "tsne": f", perplexity {_sheets.PERPLEXITIES[scale]}",
        "umap": f", {_sheets.TIES[scale]} neighbours",
        "pca": "",
    }[method]
    chinese = {"tsne": f"，困惑度 {_sheets.PERPLEXITIES[scale]}", "umap": f"，{_sheets.TIES[scale]} 个邻居", "pca": ""}[
        method
    ]
    panels = [
        Plot(
            say(f"The map{looks_at}", f"地图{chinese}"),
            (Dots(p, size=3.2, **colours),),
            say("A map of points; positions on it have no units.", "点的地图；上面的位置没有单位。"),
            tall=True,
        )
    ]
    if cloud == "blobs":
        panels.insert(
            0,
            Plot(
                say("The truth", "真相"),
                (Dots(x, size=3.2, **colours),),
                say("Three groups, one narrow, one wide.", "三个组，一窄一宽。"),
                tall=True,
            ),
        )
    near = float(kept(cloud, method, scale, again).mean())
    foreign = wrong(cloud, method, scale, again)
    figures = [
        Number(say("Neighbours kept", "保住的邻居"), f"{near:.0%}"),
        Number(say("Intruders", "外来者"), f"{foreign['intruders'].mean():.3f}"),
        Number(say("Torn", "撕裂"), f"{foreign['torn'].mean():.3f}"),
        Number(say("Order of distances kept", "距离次序保持"), f"{far_kept(cloud, method, scale):.2f}"),
        Number(say("Islands", "岛"), str(islands(cloud, method, scale))),
    ]
    if cloud == "blobs":
        figures.append(Number(say("Widest to narrowest", "最宽比最窄"), f"{widest(p):.1f} ×"))
    return Scene(tuple(panels), tuple(figures), ("ab"[: len(panels)],))


def numbers() -> dict[str, Any]:
    """Return the widths, islands, and neighbours and distances kept, that the lesson states."""
    tsne = drawn("codes", "tsne", USUAL), drawn("codes", "tsne", USUAL, True)
    return {
        "true": widest(_clouds()["blobs"][0]),
        "seen": widest(drawn("blobs", "tsne", USUAL)),
        "usual": _sheets.PERPLEXITIES[USUAL],
        "least": _sheets.PERPLEXITIES[LEAST],
        "islands": islands("noise", "tsne", LEAST),
        "islands_usual": islands("noise", "tsne", USUAL),
        "fellows": FELLOWS,
        "near_tsne": float(kept("codes", "tsne", USUAL).mean()),
        "near_pca": float(kept("codes", "pca", 0).mean()),
        "far_tsne": far_kept("codes", "tsne", USUAL),
        "far_pca": far_kept("codes", "pca", 0),
        "moved": moved(*tsne),
        **{
            f"{name}_{method}": float(wrong("codes", method, scale)[name].mean())
            for method, scale in (("pca", 0), ("tsne", USUAL))
            for name in ("intruders", "torn")
        },
    }


claims = (
    ("the map evens the widths out", lambda n: n["true"] > 20 and n["seen"] < 3),
    ("noise has islands at the smallest scale", lambda n: n["islands"] > 3 * max(1, n["islands_usual"])),
    ("t-SNE keeps neighbours best", lambda n: n["near_tsne"] > n["near_pca"] + 0.1),
    ("and distances no better", lambda n: n["far_tsne"] < n["far_pca"] + 0.03),
    ("PCA lays strangers side by side", lambda n: n["intruders_pca"] > 1.5 * n["torn_pca"]),
    ("t-SNE rather tears", lambda n: n["torn_tsne"] > n["intruders_tsne"]),
    ("another seed puts groups elsewhere", lambda n: n["moved"] > 0.2),
)


def face() -> np.ndarray:
    """Return the t-SNE map of a model's codes."""
    from manigen.lessons import _svg

    image = np.full((270, 480, 3), (17, 19, 24), np.uint8)
    for (x, y), group in zip(drawn("codes", "tsne", USUAL), _clouds()["codes"][1], strict=True):
        row, column = int(135 - 165 * y), int(240 + 215 * x)
        hex_ = _svg.PALETTE[group % len(_svg.PALETTE)]
        image[max(0, row - 4) : max(0, row + 4), max(0, column - 4) : column + 4] = [
            int(hex_[at : at + 2], 16) for at in (1, 3, 5)
        ]
    return image
