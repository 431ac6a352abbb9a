"""Fusion: a surface, a critic and a ruler. What breaks when one of them is switched off?

Five small models, alike but for one term of their loss: the same 100,000 pictures in the same order from the same first weights.
Their pictures stand here; the bars are those of the larger models of `benchmarks.ablation`, over three seeds, and a test holds
that the small ones break in the same places. Without a surface there is no fusion: a GAN stands for that, and has seen more.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.lessons import _bench
from manigen.lessons.base import Bars, Dots, Lesson, Number, Pictures, Plot, Question, Scene, Words, say

FULL, GAN = "lessons/mnist-fusion-full", "mnist-gan"
TERMS = {  # a choice of the knob, the term's name in the ablation, and how the bars call what is left
    "critic": ("adversarial", say("no critic", "无评论家")),
    "between": ("between", say("no look between", "不看中间")),
    "distance": ("distance", say("no ruler", "无尺子")),
    "isometry": ("isometry", say("no evenness", "无均匀")),
}
LOOKS = {
    "between": (
        "midpoint_frechet_distance",
        say("Half-way pictures: distance from real ones (less is better)", "半路图片与真实图片的距离（越小越好）"),
    ),
    "draws": (
        "frechet_distance",
        say("Draws: distance from real ones (less is better)", "抽样与真实图片的距离（越小越好）"),
    ),
    "distances": (
        "distance_rank_correlation",
        say("Do codes keep distances? (1 is always)", "编码保持距离吗？（1 为总是）"),
    ),
    "stretch": (
        "metric_condition",
        say("How unevenly a step counts, squared (1 is evenly)", "一步的效果有多不均匀，平方（1 为均匀）"),
    ),
    "error": ("reconstruction_mse", say("Mean squared error on held-out digits", "留出数字的均方误差")),
}
SPOTS, REACH = 40, 0.6  # codes whose distances are shown, and how far a step goes, in spreads of the codes

card = Card(
    title="Fusion",
    sentence="A surface, a critic and a ruler teach one model: switch each of them off and see what breaks.",
    reference="the fusion of manifold learning and image generation; Larsen, Sønderby, Larochelle, Winther 2016, Autoencoding beyond "
    "pixels; Lee, Yoon, Son, Park 2022, Regularized Autoencoders for Isometric Representation Learning",
    link="https://arxiv.org/abs/1512.09300",
    knobs=(
        Knob("off", "nothing", "Which term of the loss is switched off.", choices=("nothing", *TERMS, "surface")),
        Knob("look", "between", "Where to look for what breaks.", choices=tuple(LOOKS)),
        Knob("seed", 0, "Which digits, and which draws.", 0, 999),
    ),
    facts={"number": 7, "minutes": 8},
)

MEASURED = {
    "half": say("half-way pictures: distance from real ones", "半路图片：与真实图片的距离"),
    "draws": say("draws: distance from real ones", "抽样：与真实图片的距离"),
    "kept": say("order of distances kept", "保持的距离次序"),
    "uneven": say("how unevenly a step counts", "一步的不均匀程度"),
    "mse": say("mean squared error on held-out digits", "留出数字的均方误差"),
}

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
            "With all terms, the pictures half-way between two digits' codes lie {half_full:.1f} from real ones (Fréchet distance of features; less is "
            "better). One term is switched off. Without which do the half-way pictures come out better?",
            "各项都在时，两个数字编码半路上的图片离真实图片 {half_full:.1f}（特征的 Fréchet 距离，越小越好）。关掉一项。关掉哪一项，半路图片反而更好？",
        ),
        (
            say("without the critic, who finds fault with pictures", "关掉挑剔图片的评论家"),
            say("without the critic's look between the data", "不让评论家看数据之间"),
            say("without the ruler, which keeps distances", "关掉保持距离的尺子"),
            say("without the even stretch, which makes every step count alike", "关掉让每一步同样有效的均匀拉伸"),
        ),
        lambda n: int(np.argmin([n[f"half_{term}"] for term in TERMS])),
        say(
            "Without the critic {half_critic:.1f}, without its look between {half_between:.1f}, without the ruler {half_distance:.1f}, without the even stretch "
            "{half_isometry:.1f} (means of {seeds} seeds, {images:,} pictures each).",
            "无评论家 {half_critic:.1f}，不看中间 {half_between:.1f}，无尺子 {half_distance:.1f}，无均匀拉伸 {half_isometry:.1f}（{seeds} 个种子的平均，各 {images:,} 张图片）。",
        ),
    ),
    tries=("off", "look"),
    task=say(
        "Switch one term off and look everywhere: which figure breaks, and can you see it in the pictures? Then the next term. Each is there for one thing.",
        "关掉一项，到处看看：哪个数字坏了？在图片里看得出来吗？然后换下一项。每一项都为一件事而在。",
    ),
    reveal=say(
        "Each term mends its own figure. Without the critic half-way pictures go from {half_full:.1f} to {half_critic:.1f}; without the ruler kept distances fall from "
        "{kept_full:.2f} to {kept_distance:.2f}; without the even stretch a step one way counts {uneven_isometry:.1f} times as much as another way, where it was {uneven_full:.1f}. And each takes something "
        "from another: switch the even stretch off, and half-way pictures get better, {half_isometry:.1f}; the critic off, and held-out digits do, "
        "{mse_critic:.4f} in place of {mse_full:.4f}.",
        "每一项都修好自己的数字。没有评论家，半路图片从 {half_full:.1f} 变成 {half_critic:.1f}；没有尺子，保持的距离从 {kept_full:.2f} 降到 {kept_distance:.2f}；"
        "没有均匀拉伸，朝一个方向的一步抵得上朝另一个方向的 {uneven_isometry:.1f} 步，原来是 {uneven_full:.1f} 步。每一项也从别处拿走一点：关掉均匀拉伸，半路图片变好，{half_isometry:.1f}；"
        "关掉评论家，留出的数字变好，{mse_critic:.4f} 而不是 {mse_full:.4f}。",
    ),
    shows={"off": "critic", "look": "between"},
    checks=(
        Question(
            say(
                "Why does the critic have to look between the data as well?",
                "为什么评论家也要看数据之间？",
            ),
            (
                say("There are more pictures there", "那里图片更多"),
                say("The other terms look only at real pictures and their codes", "其他各项只看真实图片和它们的编码"),
                say("It is quicker", "这样更快"),
            ),
            1,
            say(
                "At the data every term agrees. Between them only the critic speaks: without its look there {half_between:.1f}, with it {half_full:.1f}.",
                "在数据处各项意见一致。数据之间只有评论家说话：不看那里是 {half_between:.1f}，看则是 {half_full:.1f}。",
            ),
        ),
        Question(
            say("Without the surface, a critic alone (a GAN) cannot", "没有曲面，只有评论家（GAN）时，做不到"),
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
                "Somebody shows you a model whose one figure got better. What do you ask?",
                "有人给你看一个模型，某个数字变好了。你问什么？",
            ),
            (
                say("Nothing: better is better", "什么都不问：好就是好"),
                say("What the other figures did, and over how many seeds", "其他数字怎样了，用了几个种子"),
            ),
            1,
            say(
                "Draws get better without the even stretch, {draws_isometry:.1f} in place of {draws_full:.1f}, and yet a step one way then counts {uneven_isometry:.1f} times as much as another way. And one seed alone may be luck.",
                "去掉均匀拉伸，抽样变好，{draws_isometry:.1f} 而不是 {draws_full:.1f}，可是朝一个方向的一步就抵得上另一个方向的 {uneven_isometry:.1f} 步。而且一个种子可能只是运气。",
            ),
        ),
    ),
    why=say(
        "One decoder, three kinds of terms. The first pulls D(E(x)) to x at the data. The second lets a critic C compare decoded codes, drawn on and between the data, with real pictures. The third "
        "asks distances between codes to follow those between pictures, and the decoder to stretch evenly. Each acts where the others are silent.",
        "一个解码器，三类损失。第一类在数据处把 D(E(x)) 拉向 x。第二类让评论家 C 把（数据上和数据之间的）编码画出的图与真实图片比较。"
        "第三类要求编码之间的距离跟随图片之间的距离，并让解码器均匀地拉伸。每一项在别的项沉默的地方起作用。",
    ),
    formula=r"\mathcal{L} = \underbrace{\lVert x - D(E(x)) \rVert^2}_{\text{surface}} + a \, \underbrace{\mathcal{L}_{\text{adv}}(D(z), x)}_{\text{critic}} \qquad + b \, \underbrace{\big(1 - \rho(d_z, d_x)\big)}_{\text{ruler}} + c \, \underbrace{\mathcal{L}_{\text{iso}}(J)}_{\text{evenness}}",
    play_on=say(
        "Other digits, every term, every figure; and the GAN, which has no surface. Is there one that wins everywhere?",
        "换数字，看每一项、每个数字；再看没有曲面的 GAN。有没有处处都赢的？",
    ),
    usually_wrong=say(
        "“More terms, better model.” Look at the error on held-out digits: {mse_critic:.4f} without the critic, {mse_full:.4f} with everything. Terms trade.",
        "“项越多模型越好。”看看留出数字的误差：没有评论家 {mse_critic:.4f}，全加是 {mse_full:.4f}。各项之间是交换。",
    ),
    knobs={
        "off": say("Switched off", "关掉"),
        "off=nothing": say("nothing", "都不关"),
        "off=critic": say("critic", "评论家"),
        "off=between": say("its look between", "看数据之间"),
        "off=distance": say("ruler", "尺子"),
        "off=isometry": say("even stretch", "均匀拉伸"),
        "off=surface": say("surface", "曲面"),
        "look": say("Look at", "看"),
        "look=between": say("half-way", "半路"),
        "look=draws": say("draws", "抽样"),
        "look=distances": say("distances", "距离"),
        "look=stretch": say("steps", "一步"),
        "look=error": say("held-out digits", "留出的数字"),
        "seed": say("Other digits", "换一批数字"),
    },
    figures={
        "images": say("pictures seen in training", "训练看过的图片数"),
        "seeds": say("seeds", "种子数"),
        **{
            f"{small}{key}_{off}": say(f"{what.en}, {without.en}{whose.en}", f"{what.zh}，{without.zh}{whose.zh}")
            for key, what in MEASURED.items()
            for off, without in (
                ("full", say("all terms", "各项都在")),
                *((off, words) for off, (_, words) in TERMS.items()),
            )
            for small, whose in (("", say("", "")), ("small_", say("; the small model here", "；这里的小模型")))
        },
    },
    formula_words={"surface": "曲面", "critic": "评论家", "ruler": "尺子", "evenness": "均匀"},
)


def model(off: str) -> str:
    """Return the name of the model without a term."""
    return FULL if off == "nothing" else GAN if off == "surface" else f"lessons/mnist-fusion-no-{off}"


def over_seeds(off: str, figure: str) -> tuple[float, float, float]:
    """Return a figure's mean, least and largest over the seeds of the ablation, without a term or, for "nothing", with all."""
    found = _bench.ablation()
    if off == "nothing":
        return found.full[figure]
    change = found.terms[TERMS[off][0]][found.measures.index(figure)]
    assert change is not None
    return change.without, change.low, change.high


@cache
def digits(model: str, seed: int, n: int) -> np.ndarray:
    """Return codes (n, d): of held-out digits of all classes in turn, or draws where the model reads none."""
    if model == GAN:
        return _bench.samples(model, seed + 1, n)
    codes = _bench.codes(model)
    rows = np.flatnonzero(codes.split == 1)
    by_class = [rows[codes.labels[rows] == label] for label in range(10)]
    order = [(7 * i + 7 * seed) % 10 for i in range(n)] if n == 2 else [i % 10 for i in range(n)]
    return codes.z[[by_class[label][(13 * seed + i // 10) % len(by_class[label])] for i, label in enumerate(order)]]


@cache
def along(model: str, seed: int) -> np.ndarray:
    """Return codes (18, d): a digit moved along the direction that changes its picture most, then along the one that does least.

    A step is as long in both: up to REACH spreads of the codes to each side. Directions are those of J^T J, J by differences.
    """
    z = digits(model, seed, 2)[0]
    every = _bench.samples(model, 0, 500) if model == GAN else _bench.codes(model).z
    spread = float(np.linalg.norm(every.std(0)))
    small = np.float32(0.01 * spread) * np.eye(len(z), dtype=np.float32)
    x = _bench.generator(model).decode(np.concatenate([z + small, z - small])).reshape(2, len(z), -1)
    _, directions = np.linalg.eigh((x[0] - x[1]) @ (x[0] - x[1]).T)
    steps = np.linspace(-REACH, REACH, 9, dtype=np.float32)[:, None] * np.float32(spread)
    return np.concatenate([z + steps * directions[:, -1], z + steps * directions[:, 0]]).astype(np.float32)


@cache
def apart(model: str, seed: int) -> np.ndarray:
    """Return (pairs, 2): how far apart the codes of SPOTS digits lie, and how far their pictures, both at 1 in the mean."""
    z = digits(model, seed, SPOTS)
    x = _bench.generator(model).decode(z).reshape(SPOTS, -1)
    above = np.triu_indices(SPOTS, 1)
    both = [np.linalg.norm(side[above[0]] - side[above[1]], axis=1) for side in (z, x)]
    return np.stack([side / side.mean() for side in both], 1).astype(np.float32)


def seen(model: str, name: Words, look: str, seed: int) -> list[Pictures | Plot]:
    """Return what is to be seen of a model where one looks."""
    en, zh = name
    if look == "distances":
        return [
            Plot(
                say(f"{en}: each dot a pair of digits", f"{zh}：每个点是一对数字"),
                (Dots(apart(model, seed), size=2.2, colour=0, faint=True),),
                say(
                    "Distance between codes against distance between pictures; a thin band where they agree.",
                    "编码距离与图片距离；一致时是一条细带。",
                ),
                say("codes apart", "编码距离"),
                say("pictures apart", "图片距离"),
                low=(0.0, 0.0),
                high=(2.2, 2.2),
            )
        ]
    if look == "stretch":
        titled = say(f"{en}: the same step in two directions, strongest above", f"{zh}：同样的一步，两个方向，上面最强")
        return [Pictures(titled, _bench.decode(model, along(model, seed)), 9)]
    if look == "draws":
        return [Pictures(say(f"{en}: draws", f"{zh}：抽样"), _bench.decode(model, _bench.samples(model, seed, 20)), 10)]
    if look == "error":
        if model == GAN:
            return []
        return [Pictures(say(f"{en}: painted again", f"{zh}：重画"), _bench.decode(model, digits(model, seed, 10)), 10)]
    z = digits(model, seed, 60)
    half = (z[:20] + z[33:53]) / 2  # the digits come in turn, so those of a pair differ
    levels = tuple(_bench.level(float(far)) for far in _bench.nearest(model).how_far(half))
    titled = say(f"{en}: half-way between twenty pairs of codes", f"{zh}：二十对编码的半路")
    return [Pictures(titled, _bench.decode(model, half), 10, levels=levels)]


def scene(off: str = "nothing", look: str = "between", seed: int = 0) -> Scene:
    """Return what all terms make and what all but one make, and the figure that tells it, over the seeds of the ablation."""
    figure, title = LOOKS[look]
    found = _bench.ablation()
    panels = seen(FULL, say("All terms", "各项都在"), look, seed)
    if off != "nothing":
        name = say("No surface (a GAN)", "没有曲面（GAN）") if off == "surface" else TERMS[off][1]
        panels += seen(model(off), Words(name.en[0].upper() + name.en[1:], name.zh), look, seed)
    shown = ["nothing", *TERMS]
    bars = np.array([over_seeds(one, figure)[0] for one in shown], np.float32)
    names = (say("all terms", "各项都在"), *(words for _, words in TERMS.values()))
    en, zh = title
    panels.append(
        Plot(
            say(
                f"{en}; {found.images:,} pictures, mean of {len(found.seeds)} seeds",
                f"{zh}；{found.images:,} 张图片，{len(found.seeds)} 个种子的平均",
            ),
            (Bars(bars, names, shown.index(off) if off in shown else -1),),
            say("A bar for all terms, and one without each.", "各项都在一根柱，去掉每一项各一根。"),
            square=False,
        )
    )
    layout = {1: ("a",), 2: ("a", "a", "b", "b", "b"), 3: ("ab", "cc")}[len(panels)]
    return Scene(tuple(panels), tuple(_figures(off, figure)), layout)


def _figures(off: str, figure: str) -> list[Number]:
    def told(value: float) -> str:
        return f"{value:.4f}" if figure == "reconstruction_mse" else f"{value:.2f}" if value < 1 else f"{value:.1f}"

    def between(one: str) -> str:
        mean, low, high = over_seeds(one, figure)
        return f"{told(mean)} ({told(low)} – {told(high)})"

    figures = [Number(say("All terms, and its seeds", "各项都在，及各种子"), between("nothing"))]
    if off == "surface":
        measured = _bench.card(GAN)["measures"].get(figure)
        images = _bench.card(GAN)["trained"]["images"]
        words = say("reads no pictures", "不会读图片")
        return [
            *figures,
            Number(
                say(f"The GAN, {images:,} pictures, one seed", f"GAN，{images:,} 张图片，一个种子"),
                words if measured is None else told(measured),
            ),
        ]
    if off != "nothing":
        figures.append(Number(say("Without it", "去掉之后"), between(off)))
    small = say("The small model painting here", "这里作画的小模型")
    return [*figures, Number(small, told(float(_bench.card(model(off))["measures"][figure])))]


def numbers() -> dict[str, Any]:
    """Return the ablation's means, with all terms and without each, and the small models' own figures.

    The metric's condition is a ratio of squares; how many times a step counts as much as another is its root.
    """
    short = {
        "half": "midpoint_frechet_distance",
        "draws": "frechet_distance",
        "kept": "distance_rank_correlation",
        "uneven": "metric_condition",
        "mse": "reconstruction_mse",
    }
    found = _bench.ablation()
    told: dict[str, Any] = {"images": found.images, "seeds": len(found.seeds)}
    for key, figure in short.items():
        for off in ("nothing", *TERMS):
            name = "full" if off == "nothing" else off
            both = over_seeds(off, figure)[0], float(_bench.card(model(off))["measures"][figure])
            told[f"{key}_{name}"], told[f"small_{key}_{name}"] = (v**0.5 if key == "uneven" else v for v in both)
    return told


def _both(holds: Any) -> Any:
    """Of the ablation's means, and of the small models that paint here."""
    return lambda n: holds(n) and holds({key: n[f"small_{key}"] for key in n if f"small_{key}" in n})


claims = (
    ("without the critic what lies between breaks", _both(lambda n: n["half_critic"] > 1.4 * n["half_full"])),
    ("so it does where the critic does not look", _both(lambda n: n["half_between"] > 1.2 * n["half_full"])),
    ("without the ruler distances break", _both(lambda n: n["kept_distance"] < n["kept_full"] - 0.08)),
    ("without the even stretch steps break", _both(lambda n: n["uneven_isometry"] > 1.2 * n["uneven_full"])),
    ("and half-way pictures get better", _both(lambda n: n["half_isometry"] < n["half_full"])),
    ("so do draws", _both(lambda n: n["draws_isometry"] < n["draws_full"])),
    ("the critic costs a little error", _both(lambda n: 0.8 * n["mse_full"] < n["mse_critic"] < n["mse_full"])),
)


def face() -> np.ndarray:
    """Return a walk with all terms, and one without each."""
    t = np.linspace(0, 1, 9, dtype=np.float32)[:, None]
    ends = [(name, digits(name, 4, 2)) for name in map(model, ("nothing", *TERMS))]
    return np.concatenate([_bench.decode(name, (1 - t) * a + t * b) for name, (a, b) in ends])
