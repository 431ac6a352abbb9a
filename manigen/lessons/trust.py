"""Can you trust it? Real or generated, remembered or new, right or varied: why one number is never enough.

A quiz whose pictures are half real; the nearest training picture of every generated one; and a knob, the spread of the
draws, that trades precision (is what it paints right?) against recall (can it paint everything?).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.lessons import _bench
from manigen.lessons.base import Lesson, Line, Mark, Number, Pictures, Plot, Question, Scene, say
from manigen.measures import _neighbours
from manigen.seeds import numpy_stream

MODEL = "mnist-fusion"
QUIZ, SHOWN = 12, 8  # pictures
COUNT, FELLOWS = 1000, 5  # pictures compared, and neighbours that make a neighbourhood
TAME = 0.2  # the spread of the trick
SPREADS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)

card = Card(
    title="Can you trust it?",
    sentence="Real or generated? Remembered or new? Always right or always varied? One number never says it all.",
    reference="Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, Improved Precision and Recall Metric for Assessing "
    "Generative Models; Meehan, Chaudhuri, Dasgupta 2020, A Non-Parametric Test to Detect Data-Copying",
    link="https://arxiv.org/abs/1904.06991",
    knobs=(
        Knob("view", "quiz", "What is looked at.", choices=("quiz", "nearest", "spread")),
        Knob("picks", "", "The pictures that are taken for generated, by their numbers."),
        Knob("show", False, "Whether the quiz shows which were generated."),
        Knob("spread", 1.0, "How far the draws are spread around the middle of the codes.", 0.2, 1.6),
        Knob("seed", 0, "Which pictures.", 0, 999),
    ),
    facts={"number": 10, "minutes": 8},
)

lesson = Lesson(
    title=say("Can you trust it?", "你能相信它吗？"),
    sentence=say(
        "Real or generated? Remembered or new? Always right or always varied? One number never says it all.",
        "真的还是生成的？背下来的还是新的？总是对还是总是多样？一个数永远说不全。",
    ),
    question=say(
        "How do you find out whether a model that makes pictures is any good?", "怎样知道一个画图的模型好不好？"
    ),
    prediction=Question(
        say(
            "A trick: all draws are pulled towards the middle of the codes, to {tame:.0%} of their spread. Precision is the share of pictures "
            "that look right, recall the share of real pictures it can reach. What happens?",
            "一个花招：把所有抽样拉向编码的中心，只留 {tame:.0%} 的离散。精确率是看起来对的图片比例，召回率是它够得着的真实图片比例。会怎样？",
        ),
        (
            say("Both rise", "两者都上升"),
            say("Precision stays high or rises, recall collapses", "精确率保持很高或上升，召回率崩溃"),
            say("Precision collapses, recall rises", "精确率崩溃，召回率上升"),
            say("Both collapse", "两者都崩溃"),
        ),
        lambda n: (1 if n["tame_recall"] < n["recall"] else 0) if n["tame_precision"] > n["precision"] - 0.1 else 3,
        say(
            "At full spread precision is {precision:.2f} and recall {recall:.2f}. At {tame:.0%} precision is {tame_precision:.2f} and recall "
            "{tame_recall:.2f}: nearly always right, and nearly always the same.",
            "完全离散时精确率 {precision:.2f}，召回率 {recall:.2f}。只留 {tame:.0%} 时精确率 {tame_precision:.2f}，召回率 {tame_recall:.2f}："
            "几乎总是对的，也几乎总是一样的。",
        ),
    ),
    tries=("view", "picks", "show", "seed"),
    task=say(
        "Press the pictures you take for generated; half of them are. Then show the truth: how many did you find? Then look at the "
        "nearest training picture of each generated one: is it a copy?",
        "按下你认为是生成的图片；其中一半是。然后显示真相：你找到几张？再看看每张生成图片最近的训练图片：它是抄的吗？",
    ),
    reveal=say(
        "Of {count:,} draws, the share that lies nearer to a training picture than to an unseen one is {memorised:.2f}; a model that copies "
        "would have 1, an honest one half. And the trick with the spread makes precision {tame_precision:.2f} while recall falls to {tame_recall:.2f}. "
        "Two numbers at least, each beside what real pictures get: {real_precision:.2f} and {real_recall:.2f}, not 1.",
        "在 {count:,} 次抽样中，离训练图片比离没见过的图片更近的比例是 {memorised:.2f}；照抄的模型会是 1，诚实的是一半。"
        "而离散的花招使精确率为 {tame_precision:.2f}，召回率却降到 {tame_recall:.2f}。至少要看两个数，旁边还要有真实图片的成绩："
        "{real_precision:.2f} 和 {real_recall:.2f}，而不是 1。",
    ),
    shows={"view": "spread", "spread": TAME},
    checks=(
        Question(
            say(
                "A model shows you one perfect picture after the other, all of the same 7. Its",
                "一个模型接连给你看完美的图片，全是同一个 7。它的",
            ),
            (
                say("precision is high, recall low", "精确率高，召回率低"),
                say("precision is low, recall high", "精确率低，召回率高"),
                say("precision and recall are both high", "两者都高"),
            ),
            0,
            say("It paints nothing wrong, and leaves nearly everything out.", "它没画错什么，却漏掉了几乎一切。"),
        ),
        Question(
            say("A model that hands out its training pictures again would get", "一个把训练图片再发一遍的模型会得到"),
            (
                say(
                    "the best values of precision and recall, though it made nothing",
                    "最好的精确率和召回率，尽管它什么也没创造",
                ),
                say("bad values everywhere", "处处都是坏成绩"),
            ),
            0,
            say(
                "That is why the nearest training picture is part of the answer: only it tells copying from making.",
                "所以最近的训练图片也是答案的一部分：只有它能区分照抄与创造。",
            ),
        ),
        Question(
            say(
                "Two samples of real pictures, compared with each other, get a precision of {real_precision:.2f}. Why not 1?",
                "两批真实图片互相比较，精确率是 {real_precision:.2f}。为什么不是 1？",
            ),
            (
                say("Some real pictures are wrong", "有些真实图片是错的"),
                say(
                    "A thousand neighbourhoods do not cover everything: the measure itself has a ceiling",
                    "一千个邻域盖不住一切：度量本身有上限",
                ),
            ),
            1,
            say(
                "A number without its real-against-real value teaches the wrong thing. Compare with the ceiling, not with 1.",
                "没有“真实对真实”参照的数字会教错东西。要和上限比，而不是和 1 比。",
            ),
        ),
    ),
    why=say(
        "Each real picture's neighbourhood is a ball that just reaches its {fellows} nearest real fellows, in the features of a classifier. Precision "
        "is the share of generated pictures inside any real ball; recall turns the roles round. Pulling draws to the middle keeps "
        "them inside real balls, but their own balls shrink and hold no real picture any more.",
        "在分类器的特征空间里，每张真实图片的邻域是一个刚好碰到它 {fellows} 个最近同伴的球。精确率是落在任何真实球里的生成图片的比例；"
        "召回率把角色对调。把抽样拉向中心，它们仍在真实的球里，但它们自己的球缩小了，不再包含真实图片。",
    ),
    formula=r"\text{precision} = \frac{1}{m} \sum_{j=1}^{m} \mathbb{1}\big[\, \exists i : \lVert g_j - r_i \rVert \le \mathrm{NN}_k(r_i) \,\big]",
    play_on=say(
        "Find the spread at which you would ship this model. Which of the two numbers did you give up, and for whom would that matter?",
        "找出你愿意发布这个模型的离散程度。你放弃了两个数中的哪一个？这对谁重要？",
    ),
    knobs={
        "view": say("Look at", "看"),
        "view=quiz": say("Real or generated?", "真的还是生成的？"),
        "view=nearest": say("Nearest training picture", "最近的训练图片"),
        "view=spread": say("Spread", "离散"),
        "show": say("Show the truth", "显示真相"),
        "spread": say("Spread of the draws", "抽样的离散程度"),
        "seed": say("Other pictures", "换一批"),
    },
    usually_wrong=say(
        "Students ask for one score. Let them defend a model that is always right and never varied, then one that is the reverse.",
        "学生总想要一个总分。让他们先为“总是对、从不变”的模型辩护，再为相反的模型辩护。",
    ),
    figures={
        "count": say("draws, and real pictures", "抽样数与真实图片数"),
        "fellows": say("neighbours that reach is measured by", "衡量范围所用的邻居数"),
        "tame": say("spread pulled together to", "收拢到的离散程度"),
        "precision": say("precision at full spread", "完整离散的精确率"),
        "recall": say("recall at full spread", "完整离散的召回率"),
        "tame_precision": say("precision pulled together", "收拢后的精确率"),
        "tame_recall": say("recall pulled together", "收拢后的召回率"),
        "real_precision": say("precision of real pictures", "真实图片的精确率"),
        "real_recall": say("recall of real pictures", "真实图片的召回率"),
        "memorised": say(
            "draws nearer to a training picture than to an unseen one, share",
            "离训练图片比离没见过的图片更近的抽样比例",
        ),
    },
    formula_words={"precision": "精确率"},
)


def drawn(n: int, seed: int, spread: float) -> np.ndarray:
    """Return n codes of the model's own distribution, pulled towards the mean of all codes by `spread` (1: as drawn)."""
    middle = _bench.codes(MODEL).z.mean(0)
    return (middle + spread * (_bench.samples(MODEL, seed, n) - middle)).astype(np.float32)


@cache
def _real() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (n, 64) of real held-out pictures in two halves, and of training pictures, in half precision."""
    kept = _bench.prepared("trust")
    return kept["real"].astype(np.float32), kept["other"].astype(np.float32), kept["train"].astype(np.float32)


def fidelity(spread: float) -> tuple[float, float]:
    """Return precision and recall in [0, 1] of draws at a spread, between those that were measured beforehand."""
    curve = _bench.prepared("trust")["curve"]
    return float(np.interp(spread, SPREADS, curve[:, 0])), float(np.interp(spread, SPREADS, curve[:, 1]))


def measured(spread: float, seed: int = 0) -> tuple[float, float]:
    """Return precision and recall in [0, 1] of COUNT draws at a spread, against as many held-out digits."""
    made = _bench.features(_bench.decode(MODEL, drawn(COUNT, seed, spread)))
    return both(_real()[0], made)


def both(real: np.ndarray, made: np.ndarray) -> tuple[float, float]:
    """Return precision and recall of features `made` (m, f) against `real` (n, f)."""
    reach, own = _neighbours.radii(real, FELLOWS), _neighbours.radii(made, FELLOWS)
    apart = np.concatenate([part for _, part in _neighbours.squared_distances(made, real)])
    return float((apart <= reach[None]).any(1).mean()), float((apart <= own[:, None]).any(0).mean())


def _quiz(seed: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Pictures of the quiz, which of them are generated, and whether the others are real."""
    stream = numpy_stream(seed, 7)
    generated = np.zeros(QUIZ, bool)
    generated[stream.permutation(QUIZ)[: QUIZ // 2]] = True
    images = _bench.pictures("mnist", "test")
    made = _bench.decode(MODEL, _bench.samples(MODEL, seed, QUIZ // 2))
    if images is not None:
        others = images.x[stream.integers(0, len(images.x), QUIZ // 2)].transpose(0, 2, 3, 1)
    else:
        codes = _bench.codes(MODEL)
        others = _bench.decode(MODEL, codes.z[stream.choice(np.flatnonzero(codes.split == 1), QUIZ // 2)])
    x = np.empty((QUIZ, *made.shape[1:]), np.uint8)
    x[generated], x[~generated] = made, others
    return x, generated, images is not None


def _quiz_scene(picks: str, show: bool, seed: int) -> Scene:
    x, generated, is_real = _quiz(seed)
    picked = tuple(int(part) for part in picks.split("-") if part.isdigit() and int(part) < QUIZ)
    other = say("real", "真的") if is_real else say("repainted", "重画的")
    captions = tuple(say("generated", "生成的") if made else other for made in generated) if show else ()
    levels = (
        tuple(("near" if made else "far") if i in picked else "" for i, made in enumerate(generated)) if show else ()
    )
    title = (
        say("Six of these are generated. Which?", "其中六张是生成的。哪几张？")
        if is_real
        else say(
            "Six are drawn, six repaint a real digit (the real ones are not on this machine)",
            "六张是抽样，六张是重画真实数字（这台机器上没有真实图片）",
        )
    )
    found = sum(bool(generated[i]) for i in picked)
    figures: tuple[Number, ...] = (Number(say("Pressed", "已选"), f"{len(picked)} / {QUIZ // 2}"),)
    if show:
        figures += (
            Number(say("Found", "找到"), f"{found} / {QUIZ // 2}"),
            Number(say("By chance", "靠运气"), f"{len(picked) / 2:.1f}"),
        )
    return Scene((Pictures(title, x, 6, captions, levels, "picks", QUIZ // 2, picked, generated=False),), figures)


def _nearest_scene(seed: int) -> Scene:
    z = _bench.samples(MODEL, seed, SHOWN)
    codes = _bench.codes(MODEL)
    train = np.flatnonzero(codes.split == 0)
    from manigen.nearest import Nearest

    rows, distances = Nearest(codes.z[train]).find(z)
    near = _bench.decode(MODEL, codes.z[train[rows[:, 0]]])
    far = distances[:, 0] / np.float32(_bench.nearest(MODEL).typical)
    return Scene(
        (
            Pictures(say("Drawn", "抽样"), _bench.decode(MODEL, z), SHOWN),
            Pictures(
                say(
                    "The nearest training code, as the model paints it, and its distance",
                    "最近的训练编码，由模型画出，及其距离",
                ),
                near,
                SHOWN,
                tuple(say(f"{value:.2f} ×", f"{value:.2f} 倍") for value in far),
            ),
        ),
        (Number(say("Median distance", "距离中位数"), f"{float(np.median(far)):.2f} ×"),),
    )


def _spread_scene(spread: float, seed: int) -> Scene:
    precision, recall = fidelity(spread)
    curve = _bench.prepared("trust")["curve"].astype(np.float32)[:, ::-1]
    plot = Plot(
        say("Right against varied", "对与多样"),
        (Line(curve, 0), Mark((recall, precision), None, 1)),
        say(
            "A curve: the smaller the spread, the higher precision and the lower recall.",
            "一条曲线：离散越小，精确率越高，召回率越低。",
        ),
        say("recall: how much it can paint", "召回率：能画多少"),
        say("precision: how much is right", "精确率：对了多少"),
        low=(0.0, 0.0),
        high=(1.0, 1.0),
    )
    x = _bench.decode(MODEL, drawn(24, seed, spread))
    return Scene(
        (Pictures(say("Draws at this spread", "这个离散程度的抽样"), x, 8), plot),
        (Number(say("Precision", "精确率"), f"{precision:.2f}"), Number(say("Recall", "召回率"), f"{recall:.2f}")),
        ("ab",),
    )


def scene(view: str = "quiz", picks: str = "", show: bool = False, spread: float = 1.0, seed: int = 0) -> Scene:
    """Return the quiz, the nearest training pictures of some draws, or draws pulled together by `spread`."""
    if view == "quiz":
        return _quiz_scene(picks, show, seed)
    return _nearest_scene(seed) if view == "nearest" else _spread_scene(spread, seed)


def numbers() -> dict[str, Any]:
    """Return precision and recall at full spread and pulled together, those of real pictures, and the share remembered."""
    real, other, train = _real()
    precision, recall = fidelity(1.0)
    tame_precision, tame_recall = fidelity(TAME)
    real_precision, real_recall = both(real, other)
    made = _bench.features(_bench.decode(MODEL, drawn(COUNT, 0, 1.0)))
    return {
        "count": COUNT,
        "fellows": FELLOWS,
        "tame": TAME,
        "precision": precision,
        "recall": recall,
        "tame_precision": tame_precision,
        "tame_recall": tame_recall,
        "real_precision": real_precision,
        "real_recall": real_recall,
        "memorised": float((_neighbours.nearest(made, train) < _neighbours.nearest(made, real)).mean()),
    }


claims = (
    ("pulled together, draws stay right", lambda n: n["tame_precision"] > n["precision"] - 0.05),
    ("and lose nearly all variety", lambda n: n["tame_recall"] < n["recall"] / 3),
    ("real pictures do not get 1 either", lambda n: 0.5 < n["real_precision"] < 0.99),
    ("the model does not copy", lambda n: abs(n["memorised"] - 0.5) < 0.1),
)


def face() -> np.ndarray:
    """Return draws of the model."""
    return _bench.decode(MODEL, _bench.samples(MODEL, 3, 84))
