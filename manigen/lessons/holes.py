"""Holes: a code that no picture ever had. Draw codes at random and see what a decoder makes of them.

The plane of a two-number model shows the holes; a judge that was trained on real digits alone finds them. In the space
of sixteen numbers holes are most of the room, and where the pins are dropped matters more than the model.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.lessons import _bench
from manigen.lessons.base import Dots, Heat, Lesson, Mark, Number, Pictures, Plot, Question, Scene, say
from manigen.seeds import numpy_stream

PLANES = {
    "autoencoder": "lessons/mnist-autoencoder-2",
    "vae": "lessons/mnist-vae-2-beta-1",
    "strict": "lessons/mnist-vae-2-beta-4",
}
SPACES = {"autoencoder": "mnist-autoencoder", "vae": "mnist-vae", "strict": "mnist-vae"}
SURE = 0.9  # of the judge's belief in one class: below, the picture is no clear digit
GRID = 44  # places to a side at which the plane is judged
DRAWS = 1000

card = Card(
    title="Holes",
    sentence="Draw a code at random: is there a picture? Find the places where none lives, and see what beta does.",
    reference="Kingma, Welling 2014, Auto-Encoding Variational Bayes; Ghosh, Sajjadi, Vergari, Black, Schölkopf 2020, "
    "From Variational to Deterministic Autoencoders",
    link="https://arxiv.org/abs/1903.12436",
    knobs=(
        Knob("model", "autoencoder", "Whose codes.", choices=tuple(PLANES)),
        Knob("x", 0.3, "Where the hand is on the plane, from left to right.", 0.0, 1.0),
        Knob("y", 0.3, "Where the hand is on the plane, from bottom to top.", 0.0, 1.0),
        Knob("pins", "bell", "Which distribution over codes the draws come from.", choices=("bell", "fitted")),
        Knob("seed", 0, "Which draws.", 0, 999),
    ),
    facts={"number": 5, "minutes": 8},
)

lesson = Lesson(
    title=say("Holes", "空洞"),
    sentence=say(
        "Draw a code at random: is there a picture? Find the places where none lives.",
        "随机抽一个编码：那里有图片吗？找出没有图片居住的地方。",
    ),
    question=say(
        "An autoencoder paints real digits almost perfectly. What does it paint from a code that nobody gave it?",
        "自编码器几乎能完美地画出真实的数字。给它一个没人给过的编码，它会画出什么？",
    ),
    prediction=Question(
        say(
            "Codes of {d} numbers are drawn from a bell with the mean and spread of the real codes. A judge that is unsure of "
            "{real:.0%} of real digits looks at the pictures. Of how many is it unsure?",
            "按真实编码的均值和离散程度，从一个正态分布里抽出 {d} 个数的编码。有一位评委，对真实数字只有 {real:.0%} 拿不准。它对多少生成的图片拿不准？",
        ),
        (say("hardly more", "几乎一样少"), say("about 1 in 10", "大约十分之一"), say("about half", "大约一半")),
        lambda n: 0 if n["bell"] < 0.06 else 1 if n["bell"] < 0.25 else 2,
        say(
            "It is unsure of {bell:.0%}. The bell covers all codes, but most of the room in it is empty: between the digits "
            "lie holes.",
            "它对 {bell:.0%} 拿不准。这个正态分布盖住了所有编码，但里面大部分空间是空的：数字之间有空洞。",
        ),
    ),
    tries=("model", "x", "y"),
    task=say(
        "Here are codes of two numbers, so that you can see all of them. Bright: the judge is sure. Dark: no clear digit. Move over "
        "the plane and find the worst hole. Is there one in the middle of the data?",
        "这里的编码只有两个数，所以全都看得见。亮处：评委有把握。暗处：没有清楚的数字。在平面上移动，找出最糟的空洞。数据中间有吗？",
    ),
    reveal=say(
        "In {d} dimensions, from one bell: unsure of {bell:.0%} of the autoencoder's pictures. A variational autoencoder, made to fill the "
        "bell, still {vae:.0%}. But the same autoencoder, with the pins dropped where codes really lie (a mixture fitted to "
        "them): {fitted:.0%}. Not the decoder was wrong; the question was. And beta: on the plane, from beta 1 to 4, the "
        "error on held-out digits rises from {mse_1:.4f} to {mse_4:.4f}: order is paid for with blur.",
        "在 {d} 维里从一个正态分布抽样：自编码器的图片有 {bell:.0%} 拿不准。专门要填满这个正态分布的变分自编码器仍有 {vae:.0%}。"
        "但同一个自编码器，把图钉落在编码真正所在的地方（拟合它们的混合分布）：只有 {fitted:.0%}。错的不是解码器，而是提问的位置。"
        "再看 beta：在平面上，beta 从 1 到 4，留出数字的误差从 {mse_1:.4f} 升到 {mse_4:.4f}：秩序是用模糊换来的。",
    ),
    shows={"pins": "fitted", "seed": 0, "model": "autoencoder"},
    checks=(
        Question(
            say(
                "Why does fitting a distribution to the codes help so much?", "为什么给编码拟合一个分布会有这么大帮助？"
            ),
            (
                say("It makes the decoder better", "它使解码器变好了"),
                say("It asks the decoder only about places it was trained on", "它只问解码器训练过的地方"),
                say("It draws fewer codes", "它抽的编码更少"),
            ),
            1,
            say(
                "The decoder is the very same. A sampler is a second model: it knows where the codes lie.",
                "解码器完全没变。采样器是第二个模型：它知道编码在哪里。",
            ),
        ),
        Question(
            say("A large beta in a VAE", "VAE 的 beta 很大时"),
            (
                say("pushes codes together into the bell, and blurs pictures", "把编码挤进正态分布里，图片变模糊"),
                say("makes pictures sharper", "图片更清晰"),
                say("does nothing to the pictures", "对图片没有影响"),
            ),
            0,
            say(
                "Each picture becomes a wider cloud of codes; clouds that overlap share one blurred picture.",
                "每张图片变成更大的一团编码；重叠的云团只好共用一张模糊的图片。",
            ),
        ),
        Question(
            say(
                "The judge is sure of a picture. Does it show that the picture is real?",
                "评委对一张图片很有把握。这说明图片是真的吗？",
            ),
            (
                say("Yes", "是"),
                say(
                    "No: it only says which digit it looks like, and was never asked whether it is one",
                    "不：它只说像哪个数字，从没被问过是不是数字",
                ),
            ),
            1,
            say(
                "A classifier has to choose among ten digits, whatever it is shown. Unsure is a warning; sure is no proof.",
                "不管给它看什么，分类器都得在十个数字里选一个。拿不准是警告；有把握不是证明。",
            ),
        ),
    ),
    why=say(
        "Training pushes D(E(x)) towards x at the codes of real pictures and says nothing about the rest of the space. In d dimensions the "
        "bell has most of its mass in a shell; the codes lie on a thin, clustered sheet in it. A VAE adds noise to every code and "
        "pulls all clouds together towards N(0, I), so that gaps between them cost it something; it does not forbid them.",
        "训练只要求在真实图片的编码处 D(E(x)) 接近 x，对空间的其余部分什么也没说。在 d 维里，正态分布的大部分质量在一层壳里；"
        "编码却在其中一张薄而成团的面上。VAE 给每个编码加噪声，并把所有云团拉向 N(0, I)，所以空隙要付代价；但并不禁止空隙。",
    ),
    formula=r"\mathcal{L} = -\mathbb{E}_{q(z|x)} \log p(x|z) + \beta \, \mathrm{KL}\big(q(z|x) \,\Vert\, \mathcal{N}(0, I)\big)",
    play_on=say(
        "Draw from the bell and from the fitted mixture. Can you tell which draws came from where without looking at the switch?",
        "从正态分布里抽，也从拟合的混合分布里抽。不看开关，你能分出哪些图来自哪里吗？",
    ),
    knobs={
        "model": say("Model", "模型"),
        "model=autoencoder": say("Autoencoder", "自编码器"),
        "model=vae": say("VAE, beta 1", "VAE，beta 1"),
        "model=strict": say("VAE, beta 4", "VAE，beta 4"),
        "pins": say("Draws from", "抽样来自"),
        "pins=bell": say("one bell", "一个正态分布"),
        "pins=fitted": say("a fitted mixture", "拟合的混合分布"),
        "seed": say("Draw again", "再抽一次"),
    },
    usually_wrong=say(
        "Many say that a VAE has no holes. Let them count: the judge is unsure of {vae:.0%} of its draws from the bell.",
        "很多人说 VAE 没有空洞。让他们数一数：从正态分布里抽出的图片，评委有 {vae:.0%} 拿不准。",
    ),
    figures={
        "d": say("numbers in a code", "一个编码里的个数"),
        "draws": say("draws of each kind", "每种抽样的次数"),
        "real": say("judge unsure of real digits, share", "评委拿不准的真实数字比例"),
        "bell": say("unsure of the autoencoder's draws from one bell", "自编码器从一个钟形抽样，拿不准的比例"),
        "vae": say("unsure of the variational autoencoder's draws", "变分自编码器抽样，拿不准的比例"),
        "fitted": say(
            "unsure of the autoencoder's draws from a fitted mixture", "自编码器从拟合的混合分布抽样，拿不准的比例"
        ),
        "mse_1": say("mean squared error on the plane, beta 1", "平面上的均方误差，beta 1"),
        "mse_4": say("mean squared error on the plane, beta 4", "平面上的均方误差，beta 4"),
    },
)


def bell(model: str, n: int, seed: int) -> np.ndarray:
    """Return codes (n, d) from a bell with the mean and the spread of a model's codes, each number by itself."""
    z = _bench.codes(model).z
    return (z.mean(0) + z.std(0) * numpy_stream(seed).standard_normal((n, z.shape[1]))).astype(np.float32)


def unsure(x: np.ndarray) -> np.ndarray:
    """Return of which pictures uint8 (n, h, w, c) the judge gives no class SURE of its belief, bool (n,)."""
    return _bench.chances(x).max(1) < SURE


@cache
def corners(model: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners (2,) of the plane around a model's codes."""
    z = _bench.codes(model).z
    low, high = np.quantile(z, 0.01, axis=0), np.quantile(z, 0.99, axis=0)
    return low - 0.22 * (high - low), high + 0.22 * (high - low)


def sureness(model: str) -> np.ndarray:
    """Return how sure the judge is at each place of the plane (GRID, GRID)."""
    low, high = corners(model)
    x, y = np.meshgrid(np.linspace(low[0], high[0], GRID), np.linspace(low[1], high[1], GRID))
    pictures = _bench.decode(model, np.stack([x.ravel(), y.ravel()], 1))
    return np.asarray(_bench.chances(pictures).max(1).reshape(GRID, GRID), np.float32)


@lru_cache(maxsize=128)
def _drawn(space: str, pins: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sixteen draws of a model, and of which the judge is unsure."""
    x = _bench.decode(space, bell(space, 16, seed) if pins == "bell" else _bench.samples(space, seed, 16))
    return x, unsure(x)


def scene(model: str = "autoencoder", x: float = 0.3, y: float = 0.3, pins: str = "bell", seed: int = 0) -> Scene:
    """Return the plane of a two-number model with the picture under the hand, and sixteen draws of a larger one."""
    name, space = PLANES[model], SPACES[model]
    low, high = corners(name)
    sure = _bench.prepared("planes")[model].astype(np.float32)
    share = np.array([x, y])
    here = (low + share * (high - low)).astype(np.float32)
    picture = _bench.decode(name, here[None])
    codes = _bench.codes(name)
    rows = np.arange(0, len(codes), 2)
    places = ((codes.z[rows] - low) / (high - low)).astype(np.float32)
    chance = float(_bench.chances(picture).max())
    far = float(_bench.nearest(name).how_far(here[None])[0])
    plane = Plot(
        say("All codes of two numbers; bright where the judge is sure", "两个数的所有编码；亮处评委有把握"),
        (Heat(sure, (0.0, 0.0), (1.0, 1.0)), Dots(places, codes.labels[rows], size=1.6), Mark((x, y), None, 0)),
        say(
            "The plane of codes, coloured by how sure the judge is; dots are real digits' codes.",
            "编码平面，按评委的把握着色；点是真实数字的编码。",
        ),
        hand=("x", "y"),
        low=(0.0, 0.0),
        high=(1.0, 1.0),
        tall=True,
    )
    drawn, doubtful = _drawn(space, pins, seed)
    captions = tuple(say("?", "？") if doubt else say("", "") for doubt in doubtful)
    return Scene(
        (
            Pictures(
                say("Under your hand", "手的位置"), picture, large=True, levels=("near" if chance >= SURE else "far",)
            ),
            plane,
            Pictures(
                say(
                    "Sixteen draws of a model with 16 numbers; ? where the judge is unsure",
                    "16 个数的模型的十六次抽样；？表示评委拿不准",
                ),
                drawn,
                8,
                captions,
            ),
        ),
        (
            Number(say("The judge's belief", "评委的把握"), f"{chance:.0%}", "near" if chance >= SURE else "far"),
            Number(say("Distance to data", "与数据的距离"), f"{far:.2f} ×", _bench.level(far)),
            Number(say("Unsure of", "拿不准"), f"{int(doubtful.sum())} / 16"),
        ),
        ("ab", "ab", "cb", "cb", "cb"),
    )


def numbers() -> dict[str, Any]:
    """Return the judge's doubts on 1,000 draws of each kind, its doubts of real digits, and what beta costs."""
    return {
        "d": 16,
        "draws": DRAWS,
        "real": float(_bench.prepared("digits")["unsure"]),
        "bell": float(unsure(_bench.decode("mnist-autoencoder", bell("mnist-autoencoder", DRAWS, 0))).mean()),
        "vae": float(
            unsure(_bench.decode("mnist-vae", numpy_stream(0).standard_normal((DRAWS, 16)).astype("f"))).mean()
        ),
        "fitted": float(
            unsure(_bench.decode("mnist-autoencoder", _bench.samples("mnist-autoencoder", 0, DRAWS))).mean()
        ),
        "mse_1": _bench.card(PLANES["vae"])["measures"]["reconstruction_mse"],
        "mse_4": _bench.card(PLANES["strict"])["measures"]["reconstruction_mse"],
    }


claims = (
    ("the bell is full of holes", lambda n: n["bell"] > 0.25 > 4 * n["real"]),
    ("a VAE has holes too", lambda n: n["vae"] > 0.2),
    ("dropping the pins where codes lie closes most of them", lambda n: n["fitted"] < n["bell"] / 3),
    ("a larger beta costs detail", lambda n: n["mse_4"] > n["mse_1"]),
)


def face() -> np.ndarray:
    """Return the plane of the autoencoder, picture by picture."""
    low, high = corners(PLANES["autoencoder"])
    x, y = np.meshgrid(np.linspace(low[0], high[0], 16), np.linspace(high[1], low[1], 9))
    return _bench.decode(PLANES["autoencoder"], np.stack([x.ravel(), y.ravel()], 1))
