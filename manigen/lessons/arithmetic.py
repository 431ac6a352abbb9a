"""Arithmetic with pictures: subtract thin from thick, add it to a seven.

A direction in the space of codes is made from ten examples and moved along. It works on digits it was not made from; and
it takes more with it than was meant, unless what the examples have in common by accident is taken out first.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from manigen import attributes
from manigen.cards import Card, Knob
from manigen.lessons import _bench
from manigen.lessons.base import Lesson, Number, Pictures, Question, Scene, Words, say
from manigen.seeds import numpy_stream

MODEL = "mnist-fusion"
POOL, EXAMPLES, TRIED = 200, 5, 500  # held-out digits to choose examples from, examples at each end, digits tried on
STEP = 0.5  # of the direction, where the figures are measured
TRIPLES = 200  # sums A - B + C that are read
SHOWN = 20  # of the pool, for the class to choose from

card = Card(
    title="Arithmetic with pictures",
    sentence="Subtract thin from thick, add it to a seven: a slider of meaning made from a few examples of your own choice.",
    reference="Radford, Metz, Chintala 2016, Unsupervised Representation Learning with Deep Convolutional GANs; "
    "Kim et al. 2018, Interpretability Beyond Feature Attribution (TCAV)",
    link="https://arxiv.org/abs/1511.06434",
    knobs=(
        Knob("strength", 0.0, "How much of the direction is added.", -1.5, 1.5),
        Knob("direction", "thick", "What the direction was made from.", choices=("thick", "slant", "yours", "analogy")),
        Knob("digit", 7, "Which digit it is added to.", 0, 9),
        Knob("pure", False, "Take out of every example what is typical of its digit."),
        Knob("picks", "", "The pictures you pressed, by their numbers: five examples, or A, B and C."),
        Knob("seed", 0, "Which pictures.", 0, 999),
    ),
    facts={"number": 9, "minutes": 8},
)

lesson = Lesson(
    title=say("Arithmetic with pictures", "图片的算术"),
    sentence=say(
        "Subtract thin from thick, add it to a seven: a slider of meaning made from a few examples.",
        "粗的减去细的，加到一个 7 上：用几个例子做出一个有含义的滑块。",
    ),
    question=say(
        "Can one add to a picture what makes other pictures thick?",
        "能不能把“让别的图片变粗的东西”加到一张图片上？",
    ),
    prediction=Question(
        say(
            "The mean code of {examples} thick digits minus the mean code of {examples} thin ones is a direction. {step:.0%} of it is added "
            "to {tried} other digits. How many get thicker?",
            "{examples} 个粗数字的平均编码减去 {examples} 个细数字的平均编码，得到一个方向。把它的 {step:.0%} 加到另外 {tried} 个数字上。有多少会变粗？",
        ),
        (say("about half of them", "大约一半"), say("about 3 in 4", "大约四分之三"), say("nearly all", "几乎全部")),
        lambda n: 0 if n["thicker"] < 0.6 else 1 if n["thicker"] < 0.9 else 2,
        say(
            "{thicker:.0%} get thicker. Ten examples are enough for a direction that works on digits they do not contain.",
            "{thicker:.0%} 变粗了。十个例子就足以得到一个方向，对例子里没有的数字也有效。",
        ),
    ),
    tries=("strength", "direction", "digit"),
    task=say(
        "Pull the strength to both sides. Does a seven stay a seven all the way? Try the slant, and other digits.",
        "把强度拉向两边。7 一路上都还是 7 吗？再试试倾斜，换别的数字。",
    ),
    reveal=say(
        "All get thicker, but only {keeps:.0%} stay the same digit: the thick examples happened to be other digits than the thin ones, and that went "
        "into the direction as well. Take out of each example what is typical of its digit, and {keeps_pure:.0%} stay, while {thicker_pure:.0%} get "
        "thicker as before. Examples say more than one means by them.",
        "全都变粗了，但只有 {keeps:.0%} 还是同一个数字：粗的例子恰好和细的例子是不同的数字，这也混进了方向里。"
        "先从每个例子里减去它那个数字的典型部分，就有 {keeps_pure:.0%} 保持不变，而仍有 {thicker_pure:.0%} 变粗。例子说的比你想说的更多。",
    ),
    shows={"direction": "thick", "strength": STEP, "pure": True},
    checks=(
        Question(
            say(
                "Five examples of smiling faces are all women, five unsmiling ones all men. The direction will",
                "五个微笑的例子都是女性，五个不笑的都是男性。得到的方向会",
            ),
            (
                say("change the smile only", "只改变笑容"),
                say("change smile and sex together", "同时改变笑容和性别"),
                say("do nothing", "什么也不做"),
            ),
            1,
            say(
                "What two groups of examples differ in, for whatever reason, is in the direction. It is the same with every data set.",
                "两组例子有什么不同，不管出于什么原因，都在这个方向里。任何数据集都一样。",
            ),
        ),
        Question(
            say(
                "One pair in place of ten examples: A − B + C, A and B the same digit, C another; {triples} times. How often does the judge still read C's digit?",
                "用一对代替十个例子：A − B + C，A 和 B 是同一个数字，C 是另一个；共 {triples} 次。评委有多少次还认得出 C 的数字？",
            ),
            (
                say("nearly always", "几乎总是"),
                say("about half of the time", "大约一半"),
                say("hardly ever", "几乎从不"),
            ),
            lambda n: 0 if n["analogy"] > 0.85 else 1 if n["analogy"] > 0.25 else 2,
            say(
                "In {analogy:.0%}; the same sum in pixels in {analogy_pixels:.0%}. Two pictures differ in everything at once; only the mean of several lets what is "
                "accidental cancel out.",
                "{analogy:.0%}；在像素里做同样的算术是 {analogy_pixels:.0%}。两张图片处处都不同；只有取几个的平均，偶然的东西才会抵消。",
            ),
        ),
        Question(
            say("What happens far out, at strength 1.5?", "走得很远，强度 1.5 时会怎样？"),
            (
                say("The picture keeps getting thicker without end", "图片无止境地变粗"),
                say("The code leaves the data, and the model guesses", "编码离开数据，模型开始猜"),
            ),
            1,
            say(
                "The frame turns amber and red: no digit was ever there. A direction is a local promise.",
                "边框变成琥珀色和红色：那里从来没有过数字。方向只是局部的承诺。",
            ),
        ),
    ),
    why=say(
        "v is the difference of two means of codes. Adding s v moves every code by the same step. Each example's code is its digit's mean plus what is "
        "special about it; where the two groups hold different digits, v holds the difference of those digits' means. Subtracting each "
        "digit's own mean first leaves only what is special.",
        "v 是两组编码平均值之差。加上 s v 就是让每个编码走同样的一步。每个例子的编码等于它那个数字的平均加上它的特别之处；"
        "如果两组的数字不同，v 里就含有这些数字平均值之差。先减去各自数字的平均，就只剩下特别之处。",
    ),
    formula=r"v = \frac{1}{5} \sum_{i \in \text{thick}} (z_i - \mu_{c(i)}) - \frac{1}{5} \sum_{j \in \text{thin}} (z_j - \mu_{c(j)}), \qquad x' = D(z + s \, v)",
    play_on=say(
        "Choose “your own” and press five pictures that have something in common: can the others guess what, from the slider alone? Or press three, A, B and C, "
        "for A − B + C: when does the sum mean something?",
        "选“你自己的”，按下五张有共同点的图片：别人只看滑块能猜出共同点吗？或者按下三张，A、B、C，做 A − B + C：什么时候这个和有意义？",
    ),
    usually_wrong=say(
        "Many think the model knows the concept. It knows the examples: with the digits' means left in, {lost:.0%} of the digits become another digit.",
        "很多人以为模型懂得概念。它只知道例子：不减去数字的平均，有 {lost:.0%} 的数字会变成别的数字。",
    ),
    knobs={
        "strength": say("Strength", "强度"),
        "direction": say("Direction", "方向"),
        "direction=thick": say("thick − thin", "粗 − 细"),
        "direction=slant": say("leaning − upright", "斜 − 正"),
        "direction=yours": say("your own", "你自己的"),
        "direction=analogy": say("A − B + C", "A − B + C"),
        "digit": say("Added to a", "加到数字"),
        "pure": say("Without what is typical of each digit", "去掉每个数字的典型部分"),
        "seed": say("Another digit", "换一个数字"),
    },
    figures={
        "examples": say("examples on each side", "每一边的例子数"),
        "tried": say("other digits tried", "试过的其他数字"),
        "step": say("strength added", "加上的强度"),
        "thicker": say("share that gets thicker", "变粗的比例"),
        "keeps": say("share that stays the same digit", "仍是同一数字的比例"),
        "lost": say("share that becomes another digit", "变成别的数字的比例"),
        "thicker_pure": say(
            "without what is typical of each digit: share that gets thicker", "去掉各数字的典型之后：变粗的比例"
        ),
        "keeps_pure": say(
            "without what is typical of each digit: share that stays the same",
            "去掉各数字的典型之后：仍是同一数字的比例",
        ),
        "triples": say("sums A − B + C", "A − B + C 的次数"),
        "analogy": say("sums of codes read as C's digit, share", "编码之和被认作 C 的数字的比例"),
        "analogy_pixels": say("sums of pixels read as C's digit, share", "像素之和被认作 C 的数字的比例"),
    },
    formula_words={"thick": "粗", "thin": "细"},
)


def ink(x: np.ndarray) -> np.ndarray:
    """Return how much ink pictures uint8 (n, h, w, 1) hold, in white pixels (n,)."""
    return np.asarray(x, float).sum((1, 2, 3)) / 255


def slant(x: np.ndarray) -> np.ndarray:
    """Return how far pictures lean to the right (n,): pixels to the side for each pixel upwards."""
    light = np.asarray(x, float)[..., 0]
    down, right = np.mgrid[: light.shape[1], : light.shape[2]]
    total = np.maximum(light.sum((1, 2)), 1e-9)[:, None, None]
    down, right = (
        down - (light * down).sum((1, 2), keepdims=True) / total,
        right - (light * right).sum((1, 2), keepdims=True) / total,
    )
    return -(light * down * right).sum((1, 2)) / np.maximum((light * down**2).sum((1, 2)), 1e-9)


@cache
def _held_out() -> tuple[np.ndarray, np.ndarray]:
    """Rows of held-out codes: the pool examples come from, and others."""
    rows = np.flatnonzero(_bench.codes(MODEL).split == 1)
    return rows[:POOL], rows[POOL : POOL + TRIED]


@cache
def _typical() -> np.ndarray:
    """The mean code of each digit in training (10, d)."""
    codes = _bench.codes(MODEL)
    return attributes.class_means(codes.z[codes.split == 0], codes.labels[codes.split == 0])[1]


def between(high: np.ndarray, low: np.ndarray, pure: bool) -> np.ndarray:
    """Return the mean of the codes of rows `high` minus that of rows `low` (d,), with or without their digits' means."""
    codes = _bench.codes(MODEL)

    def examples(rows: np.ndarray) -> np.ndarray:
        z, labels = codes.z[rows], codes.labels[rows]
        return attributes.without_classes(z, labels, _typical()) if pure else z

    return attributes.between(examples(high), examples(low))


@cache
def direction(name: str, pure: bool) -> np.ndarray:
    """Return the direction (d,) from the five examples with least to the five with most of "thick" or "slant"."""
    pool = _held_out()[0]
    order = pool[np.argsort({"thick": ink, "slant": slant}[name](_bench.decode(MODEL, _bench.codes(MODEL).z[pool])))]
    return between(order[-EXAMPLES:], order[:EXAMPLES], pure)


@cache
def _examples(name: str) -> tuple[np.ndarray, np.ndarray]:
    pool = _held_out()[0]
    order = pool[np.argsort({"thick": ink, "slant": slant}[name](_bench.decode(MODEL, _bench.codes(MODEL).z[pool])))]
    z = _bench.codes(MODEL).z
    return _bench.decode(MODEL, z[order[:EXAMPLES]]), _bench.decode(MODEL, z[order[-EXAMPLES:]])


def pinned(picks: str, most: int) -> tuple[int, ...]:
    """Return the numbers of the pictures that were pressed, at most `most`, in their order."""
    return tuple(int(part) for part in picks.split("-") if part.isdigit() and int(part) < SHOWN)[:most]


@cache
def _abc() -> tuple[int, int, int]:
    """Of the pictures to choose from: two of one digit that differ most in ink, the thick one first, and one of another."""
    gallery = _held_out()[0][:SHOWN]
    codes = _bench.codes(MODEL)
    labels, inks = codes.labels[gallery], ink(_bench.decode(MODEL, codes.z[gallery]))
    pairs = [(a, b) for a in range(SHOWN) for b in range(SHOWN) if a != b and labels[a] == labels[b]]
    a, b = max(pairs, key=lambda pair: inks[pair[0]] - inks[pair[1]])
    c = next(i for i in range(SHOWN) if labels[i] != labels[a])
    return a, b, c


def _gallery(title: Words, picked: tuple[int, ...], many: int, captions: tuple[Words, ...] = ()) -> Pictures:
    x = _bench.decode(MODEL, _bench.codes(MODEL).z[_held_out()[0][:SHOWN]])
    return Pictures(title, x, 10, captions, pick="picks", many=many, picked=picked)


def _of(
    direction: str, digit: int, pure: bool, picks: str, seed: int
) -> tuple[np.ndarray, np.ndarray, list[Pictures], list[Pictures]]:
    """The code to start from, the direction, what is shown before the result, and the examples it was made from."""
    codes = _bench.codes(MODEL)
    pool, others = _held_out()
    gallery = pool[:SHOWN]
    of_digit = others[codes.labels[others] == digit]
    z = codes.z[of_digit[seed * 7 % len(of_digit)]]
    if direction == "analogy":
        chosen = pinned(picks, 3)
        a, b, c = chosen if len(chosen) == 3 else _abc()
        named = dict(zip((a, b, c), "ABC", strict=True))
        captions = tuple(Words(named.get(i, ""), named.get(i, "")) for i in range(SHOWN))
        title = say("Press three: A, B and C", "按下三张：A、B、C")
        terms = Pictures(
            say("A − B + C", "A − B + C"), _bench.decode(MODEL, codes.z[gallery[[a, b, c]]]), 8,
            (say("A", "A"), say("− B", "− B"), say("+ C", "+ C")),
        )  # fmt: skip
        v = between(gallery[[a]], gallery[[b]], pure)
        return codes.z[gallery[c]], v, [terms], [_gallery(title, (a, b, c), 3, captions)]
    if direction == "yours":
        chosen = pinned(picks, EXAMPLES)
        rest = np.delete(gallery, chosen)
        v = between(gallery[list(chosen)], rest, pure) if chosen else np.zeros(len(z), np.float32)
        title = say("Press five that have something in common", "按下五张有共同点的")
        return z, v, [], [_gallery(title, chosen, EXAMPLES)]
    low, high = _examples(direction)
    examples = [
        Pictures(say("Plus the mean of these", "加上这些的平均"), high, 10),
        Pictures(say("minus the mean of these", "减去这些的平均"), low, 10),
    ]
    return z, _direction(direction, pure), [], examples


def scene(
    strength: float = 0.0, direction: str = "thick", digit: int = 7, pure: bool = False, picks: str = "", seed: int = 0
) -> Scene:
    """Return a picture with `strength` times a direction added, the whole way, and what the direction is made of.

    As an analogy the direction is A - B and the picture C, so that at strength 1 there stands A - B + C.
    """
    z, v, before, examples = _of(direction, digit, pure, picks, seed)
    stops = np.linspace(-1.5, 1.5, 9)
    here = z + np.float32(strength) * v
    way = z + stops[:, None].astype(np.float32) * v
    near = _bench.nearest(MODEL)
    far = float(near.how_far(here[None])[0])
    picture = _bench.decode(MODEL, here[None])
    chances = _bench.chances(picture)[0]
    title = (
        say(f"C + {strength:.2f} × (A − B)", f"C + {strength:.2f} × (A − B)")
        if before
        else say("The digit, with the direction added", "加上方向之后的数字")
    )
    return Scene(
        (
            Pictures(title, picture, large=True, levels=(_bench.level(far),)),
            Pictures(
                say("The whole way, from strength −1.5 to 1.5", "整条路，强度从 −1.5 到 1.5"), _bench.decode(MODEL, way), 9,
                levels=tuple(_bench.level(float(one)) for one in near.how_far(way)),
            ),
            *before,
            *examples,
        ),
        (
            Number(say("The judge reads", "评委认作"), f"{int(chances.argmax())} ({chances.max():.0%})"),
            Number(say("Ink, white pixels", "墨迹（白像素）"), f"{ink(picture)[0]:.0f}"),
            Number(say("Distance to data", "与数据的距离"), f"{far:.2f} ×", _bench.level(far)),
        ),
        ("aaccc", "aaccc", "bbbbb") if direction == "yours" else ("aaccc", "aaddd", "bbbbb"),
    )  # fmt: skip


_direction = direction  # in `scene` a knob has its name


def tried(pure: bool) -> tuple[float, float]:
    """Return the shares of TRIED digits that get thicker, and that the judge reads as before, a STEP of "thick" on."""
    z, v = _bench.codes(MODEL).z[_held_out()[1]], direction("thick", pure)
    before, after = _bench.decode(MODEL, z), _bench.decode(MODEL, z + np.float32(STEP) * v)
    same = _bench.chances(before).argmax(1) == _bench.chances(after).argmax(1)
    return float((ink(after) > ink(before)).mean()), float(same.mean())


def analogies() -> tuple[float, float]:
    """Return in what share of TRIPLES sums A - B + C the judge reads C's digit: of codes, and of pixels.

    A and B are held-out pictures of one digit, C one of another, by chance (seed 9).
    """
    rows = np.concatenate(_held_out())
    codes = _bench.codes(MODEL)
    labels, rng = codes.labels[rows], numpy_stream(9)
    at = []
    for _ in range(TRIPLES):
        a = rng.integers(len(rows))
        b = rng.choice(np.flatnonzero((labels == labels[a]) & (np.arange(len(rows)) != a)))
        at.append((a, b, rng.choice(np.flatnonzero(labels != labels[a]))))
    a, b, c = np.array(at).T
    z = codes.z[rows]
    sums = np.stack([attributes.analogy(z[i], z[j], z[k]) for i, j, k in at])
    x = _bench.decode(MODEL, z).astype(int)
    pixels = (x[a] - x[b] + x[c]).clip(0, 255).astype(np.uint8)
    read = [_bench.chances(pictures).argmax(1) for pictures in (_bench.decode(MODEL, sums), pixels)]
    return float((read[0] == labels[c]).mean()), float((read[1] == labels[c]).mean())


def numbers() -> dict[str, Any]:
    """Return how many digits get thicker and stay themselves, with and without their digits' means."""
    (thicker, keeps), (thicker_pure, keeps_pure) = tried(False), tried(True)
    analogy, analogy_pixels = analogies()
    return {
        "examples": EXAMPLES,
        "tried": TRIED,
        "step": STEP,
        "thicker": thicker,
        "keeps": keeps,
        "lost": 1 - keeps,
        "thicker_pure": thicker_pure,
        "keeps_pure": keeps_pure,
        "triples": TRIPLES,
        "analogy": analogy,
        "analogy_pixels": analogy_pixels,
    }


claims = (
    ("ten examples make nearly all thicker", lambda n: n["thicker"] > 0.95 and n["thicker_pure"] > 0.95),
    ("many become another digit", lambda n: n["keeps"] < 0.85),
    ("one pair is a worse example than ten pictures", lambda n: n["analogy"] < n["keeps"]),
    ("but codes add better than pixels", lambda n: n["analogy"] > n["analogy_pixels"]),
    ("far fewer, once the digits' means are taken out", lambda n: n["keeps_pure"] > n["keeps"] + 0.1),
)


def face() -> np.ndarray:
    """Return digits from thin to thick, one to a row."""
    codes, (_, others) = _bench.codes(MODEL), _held_out()
    v = direction("thick", True)
    rows = [others[codes.labels[others] == label][2] for label in (2, 3, 5, 7, 8)]
    return np.concatenate(
        [_bench.decode(MODEL, codes.z[row] + np.linspace(-1, 1, 9)[:, None].astype("f") * v) for row in rows]
    )
