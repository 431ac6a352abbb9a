"""Fusion: a surface, a critic and a ruler. What does each of the three teachers of one model add?

Four trained models stand for four sets of teachers: the surface alone (an autoencoder), the surface with a ruler (a geometric
autoencoder), the critic alone (a GAN), and all three (the fusion). The same walk and the same seeds for each, and the figures
that each was held to.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.lessons import _bench
from manigen.lessons.base import Bars, Lesson, Number, Pictures, Plot, Question, Scene, say

MODELS = {  # (surface, critic, ruler)
    (True, False, False): "mnist-autoencoder",
    (True, False, True): "mnist-geometric",
    (False, True, False): "mnist-gan",
    (True, True, True): "mnist-fusion",
}
NAMES = {
    "mnist-autoencoder": say("surface", "曲面"),
    "mnist-geometric": say("surface + ruler", "曲面 + 尺子"),
    "mnist-gan": say("critic", "评论家"),
    "mnist-fusion": say("all three", "三者"),
}
FIGURES = {
    "midpoint_frechet_distance": say(
        "Half-way pictures: distance from real ones (less is better)", "半路图片与真实图片的距离（越小越好）"
    ),
    "frechet_distance": say("Samples: distance from real ones (less is better)", "抽样与真实图片的距离（越小越好）"),
    "distance_rank_correlation": say("Do codes keep distances? (1 is always)", "编码保持距离吗？（1 为总是）"),
    "sharpness": say("Sharpness (1 is as real ones)", "锐度（1 与真实相同）"),
}

card = Card(
    title="Fusion",
    sentence="A surface, a critic and a ruler teach one model: switch each of them off and see what breaks.",
    reference="the fusion of manifold learning and image generation; Larsen, Sønderby, Larochelle, Winther 2016, Autoencoding beyond "
    "pixels; Lee, Yoon, Son, Park 2022, Regularized Autoencoders for Isometric Representation Learning",
    link="https://arxiv.org/abs/1512.09300",
    knobs=(
        Knob("surface", True, "An autoencoder learns the surface: every picture has a code and comes back."),
        Knob("critic", False, "A critic looks at what lies between the pictures and demands that it look real."),
        Knob("ruler", False, "A geometric term keeps distances between codes as between pictures."),
        Knob("figure", "midpoint_frechet_distance", "Which figure the bars show.", choices=tuple(FIGURES)),
        Knob("seed", 0, "Which pair of digits, and which draws.", 0, 999),
    ),
    facts={"number": 7, "minutes": 8},
)

lesson = Lesson(
    title=say("Fusion", "融合"),
    sentence=say(
        "A surface, a critic and a ruler teach one model: switch each of them off and see what breaks.",
        "曲面、评论家和尺子共同教一个模型：关掉其中一个，看看什么会坏。",
    ),
    question=say(
        "An autoencoder keeps pictures, a critic keeps them honest, a ruler keeps distances. Does one model get all three?",
        "自编码器保住图片，评论家让它们诚实，尺子保住距离。一个模型能三者兼得吗？",
    ),
    prediction=Question(
        say(
            "Half-way between two digits' codes an autoencoder's pictures lie {between_surface:.1f} from real ones (Fréchet distance of features; real against real: "
            "{real:.1f}). Now the ruler alone is added, no critic. The half-way pictures get",
            "在两个数字编码的半路上，自编码器的图片离真实图片 {between_surface:.1f}（特征的 Fréchet 距离；真实对真实：{real:.1f}）。现在只加尺子，不加评论家。半路图片会",
        ),
        (say("clearly better", "明显更好"), say("no better", "并没有更好")),
        lambda n: 0 if n["between_ruler"] < 0.9 * n["between_surface"] else 1,
        say(
            "With the ruler it is {between_ruler:.1f}. A ruler makes the map honest; it does not make pictures real.",
            "加上尺子是 {between_ruler:.1f}。尺子让地图诚实，并不让图片真实。",
        ),
    ),
    tries=("surface", "critic", "ruler"),
    task=say(
        "Switch the teachers on and off. Look at the middle of the walk and at the draws. What does each teacher add, what does it cost? "
        "(Not every set was trained.)",
        "把各位老师打开和关掉。看看行走的中段和抽样。每位老师带来什么，代价是什么？（并非每种组合都训练过。）",
    ),
    reveal=say(
        "Half-way pictures: surface {between_surface:.1f}, with ruler {between_ruler:.1f}, all three {between_all:.1f}. Only the critic mends what lies between. Distances: "
        "surface {ruler_surface:.2f}, with ruler {ruler_ruler:.2f}, all three {ruler_all:.2f}, critic alone {ruler_critic:.2f}. And the price: the error on held-out digits rises from "
        "{mse_surface:.4f} to {mse_all:.4f}.",
        "半路图片：曲面 {between_surface:.1f}，加尺子 {between_ruler:.1f}，三者 {between_all:.1f}。只有评论家能修好中间的部分。距离："
        "曲面 {ruler_surface:.2f}，加尺子 {ruler_ruler:.2f}，三者 {ruler_all:.2f}，只有评论家 {ruler_critic:.2f}。代价：留出数字的误差从 {mse_surface:.4f} 升到 {mse_all:.4f}。",
    ),
    shows={"surface": True, "critic": True, "ruler": True},
    checks=(
        Question(
            say(
                "Which teacher can the half-way pictures thank for looking real?",
                "半路图片看起来真实，要感谢哪位老师？",
            ),
            (say("the surface", "曲面"), say("the critic", "评论家"), say("the ruler", "尺子")),
            lambda n: 1 if n["between_all"] < n["between_ruler"] else 2,
            say(
                "The other two look only at real pictures and their codes. The critic is the only one that looks between them.",
                "另外两位只看真实图片和它们的编码。只有评论家看它们之间的地方。",
            ),
        ),
        Question(
            say("A critic alone (a GAN) cannot", "只有评论家（GAN）时，做不到"),
            (
                say("paint sharp pictures", "画清晰的图片"),
                say("say which code belongs to a given picture", "说出给定图片对应哪个编码"),
            ),
            1,
            say(
                "Without the surface there is no encoder: it paints, but cannot read.",
                "没有曲面就没有编码器：它会画，不会读。",
            ),
        ),
        Question(
            say(
                "Distances are kept best. Does it follow that samples are best?", "距离保持得最好。能推出抽样也最好吗？"
            ),
            (
                say("Yes", "能"),
                say("No: these are different questions, with different figures", "不能：这是不同的问题，看不同的数字"),
            ),
            1,
            say(
                "The ruler's model keeps distances at {ruler_ruler:.2f} and its samples lie at {sample_ruler:.1f}; the autoencoder's lie at {sample_surface:.1f}.",
                "带尺子的模型距离为 {ruler_ruler:.2f}，抽样在 {sample_ruler:.1f}；自编码器的抽样在 {sample_surface:.1f}。",
            ),
        ),
    ),
    why=say(
        "One decoder, three terms. The first pulls D(E(x)) to x at the data. The second lets a critic C compare decoded codes, drawn on and between the data, with real pictures. The third "
        "asks distances between codes to follow those between pictures, and the decoder to stretch evenly. Each acts where the others are silent.",
        "一个解码器，三项损失。第一项在数据处把 D(E(x)) 拉向 x。第二项让评论家 C 把（数据上和数据之间的）编码画出的图与真实图片比较。"
        "第三项要求编码之间的距离跟随图片之间的距离，并让解码器均匀地拉伸。每一项在别的项沉默的地方起作用。",
    ),
    formula=r"\mathcal{L} = \underbrace{\lVert x - D(E(x)) \rVert^2}_{\text{surface}} + a \, \underbrace{\mathcal{L}_{\text{adv}}(D(z), x)}_{\text{critic}} + b \, \underbrace{\big(1 - \rho(d_z, d_x)\big)}_{\text{ruler}}",
    play_on=say(
        "Change the figure the bars show. Is there a model that is best in all of them?",
        "换一个数字让柱子显示。有没有在所有数字上都最好的模型？",
    ),
    usually_wrong=say(
        "“More terms, better model.” Look at the error on held-out digits: {mse_surface:.4f} without, {mse_all:.4f} with everything. Terms trade.",
        "“项越多模型越好。”看看留出数字的误差：不加是 {mse_surface:.4f}，全加是 {mse_all:.4f}。各项之间是交换。",
    ),
    knobs={
        "surface": say("Surface (autoencoder)", "曲面（自编码器）"),
        "critic": say("Critic", "评论家"),
        "ruler": say("Ruler (geometry)", "尺子（几何）"),
        "figure": say("Figure", "数字"),
        "figure=midpoint_frechet_distance": say("half-way", "半路"),
        "figure=frechet_distance": say("samples", "抽样"),
        "figure=distance_rank_correlation": say("distances", "距离"),
        "figure=sharpness": say("sharpness", "锐度"),
        "seed": say("Another pair", "换一对"),
    },
)


def figure(model: str, name: str) -> float:
    """Return a figure of a model's card."""
    return float(_bench.card(model)["measures"][name])


@cache
def pair(model: str, seed: int) -> np.ndarray:
    """Return two codes (2, d): of held-out pictures of different digits, or draws where the model reads none."""
    codes = _bench.codes(model)
    if not _bench.card(model)["encodes"]:
        return _bench.samples(model, seed + 1, 2)
    rows = np.flatnonzero(codes.split == 1)
    first = seed * 13 % len(rows)
    second = next(
        i for i in range(first + 1, first + 999) if codes.labels[rows[i % len(rows)]] != codes.labels[rows[first]]
    )
    return codes.z[[rows[first], rows[second % len(rows)]]]


def scene(
    surface: bool = True,
    critic: bool = False,
    ruler: bool = False,
    figure: str = "midpoint_frechet_distance",
    seed: int = 0,
) -> Scene:
    """Return a walk and draws of the model with these teachers, beside the figures of all that were trained."""
    model = MODELS.get((surface, critic, ruler))
    values = np.array([_figure(name, figure) for name in NAMES], np.float32)
    bars = Plot(
        FIGURES[figure],
        (Bars(values, tuple(NAMES.values()), list(NAMES).index(model) if model else -1),),
        say("A bar for each set of teachers.", "每组老师一根柱。"),
        square=False,
    )
    if model is None:
        nothing = surface or critic or ruler
        words = (
            say("This set of teachers was not trained; try another", "这组老师没有训练过；试试别的")
            if nothing
            else say("Nobody teaches: nothing is learned", "没有老师：什么也学不到")
        )
        return Scene((bars,), (Number(say("Model", "模型"), words, "edge"),))
    start, end = pair(model, seed)
    t = np.linspace(0, 1, 11, dtype=np.float32)[:, None]
    way = (1 - t) * start + t * end
    levels = tuple(_bench.level(float(far)) for far in _bench.nearest(model).how_far(way))
    drawn = _bench.decode(model, _bench.samples(model, seed, 20))
    return Scene(
        (
            Pictures(
                say("Straight between two codes", "两个编码之间的直路"), _bench.decode(model, way), 11, levels=levels
            ),
            Pictures(say("Draws", "抽样"), drawn, 10),
            bars,
        ),
        (
            Number(say("Model", "模型"), NAMES[model]),
            Number(say("Half-way", "半路"), f"{_figure(model, 'midpoint_frechet_distance'):.1f}"),
            Number(say("Distances kept", "距离保持"), f"{_figure(model, 'distance_rank_correlation'):.2f}"),
        ),
    )


_figure = figure  # in `scene` a knob has its name


def numbers() -> dict[str, Any]:
    """Return the held-out figures of the four models, as their cards have them."""
    short = {"surface": "mnist-autoencoder", "ruler": "mnist-geometric", "critic": "mnist-gan", "all": "mnist-fusion"}
    return {
        "real": _figure("mnist-autoencoder", "midpoint_frechet_distance_real"),
        **{f"between_{name}": _figure(model, "midpoint_frechet_distance") for name, model in short.items()},
        **{f"sample_{name}": _figure(model, "frechet_distance") for name, model in short.items()},
        **{f"ruler_{name}": _figure(model, "distance_rank_correlation") for name, model in short.items()},
        **{f"mse_{name}": _figure(short[name], "reconstruction_mse") for name in ("surface", "ruler", "all")},
    }


claims = (
    ("the ruler alone does not mend what lies between", lambda n: n["between_ruler"] > 0.9 * n["between_surface"]),
    ("the critic does", lambda n: n["between_all"] < 0.6 * n["between_surface"]),
    (
        "the ruler keeps distances",
        lambda n: min(n["ruler_ruler"], n["ruler_all"]) > n["ruler_surface"] > n["ruler_critic"],
    ),
    ("all three pay with a little error", lambda n: n["mse_surface"] < n["mse_all"] < 1.5 * n["mse_surface"]),
    ("kept distances do not make better samples", lambda n: n["sample_ruler"] > n["sample_surface"]),
)


def face() -> np.ndarray:
    """Return a walk of each of the four models."""
    t = np.linspace(0, 1, 7, dtype=np.float32)[:, None]
    return np.concatenate([_bench.decode(name, (1 - t) * pair(name, 5)[0] + t * pair(name, 5)[1]) for name in NAMES])
