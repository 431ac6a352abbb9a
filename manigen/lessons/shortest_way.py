"""The shortest way is not the best: five ways between two pictures, and a knob that fears the empty.

Straight through the codes, around the origin, the way along which the picture changes least (the pull-back geodesic),
along real codes, and the density geodesic, for which empty country is slow to
cross. On the plane of a two-number model the ways are drawn over hills: how dense the codes lie, or how much the decoder
stretches; below, the films of a model with sixteen numbers.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, cast

import numpy as np

from manigen import paths
from manigen.cards import Card, Knob
from manigen.lessons import _bench
from manigen.lessons.base import Dots, Heat, Lesson, Line, Mark, Number, Pictures, Plot, Question, Scene, say
from manigen.nearest import Nearest

PLANE, MODEL = "lessons/mnist-autoencoder-2", "mnist-autoencoder"
KINDS = {
    "straight": say("straight", "直线"),
    "great_circle": say("great circle", "大圆"),
    "pullback": say("shortest in pictures", "图片最短"),
    "graph": say("along real codes", "沿真实编码"),
    "density": say("fear of the empty", "惧怕空旷"),
}
PAIRS, STEPS, FRAMES = 20, 33, 9
GRID = 48
FEAR = 4.0  # at which the figures are measured
FEARS = tuple(np.arange(0, 6.01, 0.5).tolist())  # at which ways are prepared; a knob between them goes to the nearest
SEARCHED = ("pullback", "graph", "density")  # kinds that take a search, of which the prepared ways are

card = Card(
    title="The shortest way is not the best",
    sentence="Straight, around, along the data, or afraid of the empty: which way between two pictures stays real?",
    reference="Arvanitidis, Hansen, Hauberg 2018, Latent Space Oddity; Bijral, Ratliff, Srebro 2011, Semi-supervised Learning with "
    "Density Based Distances",
    link="https://arxiv.org/abs/1710.11379",
    knobs=(
        Knob("fear", 2.0, "Fear of the empty: how much slower a step is where codes are rarer.", 0.0, 6.0),
        Knob("at", 0.5, "How far on the way.", 0.0, 1.0),
        Knob("hills", "density", "What the plane is coloured by.", choices=("density", "stretch")),
        Knob("seed", 0, "Which pair of digits.", 0, PAIRS - 1),
    ),
    facts={"number": 8, "minutes": 8},
)

lesson = Lesson(
    title=say("The shortest way is not the best", "最短的路不是最好的"),
    sentence=say(
        "Straight, around, along the data, or afraid of the empty: which way between two pictures stays real?",
        "直走、绕圈、沿着数据，还是惧怕空旷：两张图片之间哪条路一直真实？",
    ),
    question=say(
        "You walk from one digit to another. Which way should you take?", "你从一个数字走到另一个。该走哪条路？"
    ),
    prediction=Question(
        say(
            "A judge looks at the middle half of every walk, {pairs} pairs of digits. On which way is it surest of what it sees?",
            "一位评委看每条路的中间一半，共 {pairs} 对数字。在哪条路上它最有把握？",
        ),
        (
            say("the straight way: it is the shortest", "直路：最短"),
            say("the way along which the picture changes least", "图片改变最少的路"),
            say("the great circle: it keeps its distance from the origin", "大圆：与原点的距离不变"),
            say("the way that fears the empty: a detour through known country", "惧怕空旷的路：绕道走熟悉的地方"),
        ),
        lambda n: int(np.argmax([n["sure_straight"], n["sure_pullback"], n["sure_great_circle"], n["sure_density"]])),
        say(
            "Straight {sure_straight:.1%}, shortest in pictures {sure_pullback:.1%}, great circle {sure_great_circle:.1%}, with a fear of {fear:.0f}: {sure_density:.1%}.",
            "直线 {sure_straight:.1%}，图片最短 {sure_pullback:.1%}，大圆 {sure_great_circle:.1%}，惧怕程度 {fear:.0f} 时：{sure_density:.1%}。",
        ),
    ),
    tries=("fear", "at"),
    task=say(
        "Raise the fear of the empty and watch the way on the plane: around which hole does it go? Move along the way and compare the films.",
        "提高对空旷的惧怕，看平面上的路：它绕过哪个空洞？沿着路移动，比较各条胶片。",
    ),
    reveal=say(
        "The way along which the picture changes least is only {shorter:.0%} as long as the straight one, and the judge is least sure of it: it runs through blur. The surest way is {longer:.2f} times as long. Walking far through real digits beats walking short through blur. And more fear is not free: the way lingers "
        "at the most ordinary digits. Following real codes alone, from one to the next, gives {sure_graph:.1%}: its corners are cut through the empty.",
        "图片改变最少的路只有直路的 {shorter:.0%} 长，评委对它却最没把握：它穿过模糊。最有把握的路是直路的 {longer:.2f} 倍长。在真实数字中走远路，胜过在模糊中走近路。惧怕也不是白来的：路会在最普通的数字处徘徊。"
        "只沿真实编码一个个走，得到 {sure_graph:.1%}：它在拐角处穿过空旷。",
    ),
    shows={"fear": 4.0},
    checks=(
        Question(
            say("What makes the straight way through the codes the wrong one?", "编码之间的直路错在哪里？"),
            (
                say("It is too long", "太长"),
                say("It crosses places where the decoder was never trained", "它穿过解码器从没训练过的地方"),
                say("The decoder cannot paint straight lines", "解码器画不了直线"),
            ),
            1,
            say(
                "Nothing tells it where data lie. A metric of pixels alone does not either: it rewards blur.",
                "没有什么告诉它数据在哪里。单靠像素的度量也不行：它奖励模糊。",
            ),
        ),
        Question(
            say("With a fear of 0 the density way is", "惧怕为 0 时，密度路径是"),
            (say("the straight way", "直路"), say("the great circle", "大圆"), say("undefined", "没有定义")),
            0,
            say("Every place then costs the same, and the shortest is straight.", "这时各处代价相同，最短的就是直的。"),
        ),
        Question(
            say(
                "Your class says: take the highest fear there is. What speaks against it?",
                "全班都说：取最大的惧怕。有什么反对的理由？",
            ),
            (
                say("The way gets long and lingers at ordinary pictures", "路变得很长，并在普通的图片处徘徊"),
                say("The pictures get darker", "图片会变暗"),
            ),
            0,
            say(
                "Realism is bought with detours and unevenness. Which is right depends on what you walk for.",
                "真实是用绕路和不均匀换来的。哪样合适取决于你为什么而走。",
            ),
        ),
    ),
    why=say(
        "The length of a way is a matter of the metric. Weigh every step by the density p of real codes to the power −b: in known country a step is cheap, in the empty it is dear. With b = 0 all is as "
        "before. The stretch of the decoder, its magnification factor, is another landscape: high where a small step in code changes the picture much, as between classes.",
        "路的长度取决于度量。把每一步按真实编码密度 p 的 −b 次方加权：熟悉的地方一步便宜，空旷处昂贵。b = 0 时一切照旧。"
        "解码器的拉伸（放大因子）是另一片地形：在编码的一小步使图片改变很大的地方高，比如类别之间。",
    ),
    formula=r"\min_{z(t)} \int_0^1 \lVert \dot{z}(t) \rVert^2 \, p(z(t))^{-b} \, dt, \qquad m(z) = \sqrt{\det J^{\top} J}",
    play_on=say(
        "Other pairs, other hills. Find a pair for which the straight way is just as good. What do they have in common?",
        "换几对数字，换一种山。找一对直路同样好的。它们有什么共同点？",
    ),
    usually_wrong=say(
        "Many take a smooth film for a good one. Blur is smooth: on the way that changes least the judge is least sure ({sure_pullback:.1%}).",
        "很多人把平滑的胶片当成好的。模糊很平滑：在改变最少的路上评委最没把握（{sure_pullback:.1%}）。",
    ),
    knobs={
        "fear": say("Fear of the empty", "对空旷的惧怕"),
        "at": say("On the way", "路上的位置"),
        "hills": say("Hills", "山"),
        "hills=density": say("density of the data", "数据的密度"),
        "hills=stretch": say("stretch (magnification factor)", "拉伸（放大因子）"),
        "seed": say("Another pair", "换一对"),
    },
    figures={
        "pairs": say("pairs of digits", "数字对数"),
        "fear": say("fear of the empty", "惧怕空旷"),
        "sure_straight": say("judge's belief in the middle half: straight", "评委对中间一半的把握：直线"),
        "sure_great_circle": say("judge's belief: great circle", "评委的把握：大圆"),
        "sure_pullback": say("judge's belief: shortest in pictures", "评委的把握：图片最短"),
        "sure_graph": say("judge's belief: along real codes", "评委的把握：沿真实编码"),
        "sure_density": say("judge's belief: fear of the empty", "评委的把握：惧怕空旷"),
        "longer": say("surest way, length over the straight one's", "最可靠的路，与直线的长度之比"),
        "shorter": say("shortest in pictures, length over the straight one's", "图片最短的路，与直线的长度之比"),
    },
)


@cache
def _country(model: str) -> Nearest:
    """Every second real code of a model, of which the ways know."""
    return Nearest(_bench.codes(model).z[::2])


@cache
def ends(model: str, seed: int) -> np.ndarray:
    """Return the codes (2, d) of two held-out pictures of different digits; the same two pictures for both models."""
    codes = _bench.codes(PLANE)
    rows = np.flatnonzero(codes.split == 1)
    first = rows[seed * 13 % len(rows)]
    second = next(
        rows[i % len(rows)]
        for i in range(seed * 29 + 7, seed * 29 + 999)
        if codes.labels[rows[i % len(rows)]] != codes.labels[first]
    )
    if model == PLANE:
        return codes.z[[first, second]]
    return _same(model, codes.rows[[first, second]], codes.labels[[first, second]])


def _same(model: str, data_rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    codes = _bench.codes(model)
    test = np.flatnonzero(codes.split == 1)
    found = [test[codes.rows[test] == row] for row in data_rows]
    rows = [at[0] if len(at) else test[codes.labels[test] == label][0] for at, label in zip(found, labels, strict=True)]
    return codes.z[rows]


def searched(model: str, kind: str, seed: int, fear: float) -> np.ndarray:
    """Search a way and return its codes (33, d)."""
    knobs: dict[str, Any] = {"fear": fear} if kind == "density" else {}
    a, b = ends(model, seed)
    return paths.through((a, b), kind, STEPS, _bench.generator(model).decode, _country(model), **knobs).codes


@lru_cache(maxsize=4096)
def way(model: str, kind: str, seed: int, fear: float) -> np.ndarray:
    """Return the codes (33, d) of a way; what takes a search was prepared, its ends as they are."""
    if kind not in SEARCHED:
        return searched(model, kind, seed, fear)
    kept = _bench.prepared("ways")[f"{'plane' if model == PLANE else 'model'}_{kind}"][seed]
    z = (kept[FEARS.index(fear)] if kind == "density" else kept).astype(np.float32)
    z[[0, -1]] = ends(model, seed)
    return z


def hills(kind: str) -> np.ndarray:
    """Return the logarithm of density, or of the decoder's stretch, on a grid of the plane (GRID, GRID)."""
    z = _bench.codes(PLANE).z
    low, high = corners()
    x, y = np.meshgrid(np.linspace(low[0], high[0], GRID), np.linspace(low[1], high[1], GRID))
    places = np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)
    if kind == "density":
        width = np.float32(0.05 * (high - low).mean())
        apart = ((places[:, None] - z[None, ::2]) ** 2).sum(-1) / (2 * width**2)
        height = np.log(np.exp(-apart).mean(1) + 1e-3)
    else:
        small = np.float32(1e-2)
        generator = _bench.generator(PLANE)
        along = [(generator.decode(places + small * step) - generator.decode(places - small * step)).reshape(len(places), -1) / (2 * small)
                 for step in np.eye(2, dtype=np.float32)]  # fmt: skip
        metric = np.einsum("inp,jnp->nij", np.stack(along), np.stack(along))
        height = np.log(np.sqrt(np.maximum(np.linalg.det(metric), 1e-12)))
    return cast(np.ndarray, height.reshape(GRID, GRID).astype(np.float32))


@cache
def corners() -> tuple[np.ndarray, np.ndarray]:
    """Return the plane's lower left and upper right corner (2,)."""
    z = _bench.codes(PLANE).z
    low, high = np.quantile(z, 0.005, axis=0), np.quantile(z, 0.995, axis=0)
    return low - 0.1 * (high - low), high + 0.1 * (high - low)


@lru_cache(maxsize=512)
def _films(seed: int, fear: float) -> dict[str, tuple[np.ndarray, float, tuple[str, ...]]]:
    """For each kind of way its film (FRAMES, 28, 28, 1), how sure the judge is of its middle, and each picture's trust."""
    frames = np.linspace(0, STEPS - 1, FRAMES).round().astype(int)
    z = np.stack([way(MODEL, kind, seed, fear if kind == "density" else 0.0)[frames] for kind in KINDS])
    x = _bench.decode(MODEL, z.reshape(-1, z.shape[2])).reshape(len(KINDS), FRAMES, 28, 28, 1)
    middle = x[:, FRAMES // 4 : -(FRAMES // 4)].reshape(-1, 28, 28, 1)
    sure = _bench.chances(middle).max(1).reshape(len(KINDS), -1).mean(1)
    far = _bench.nearest(MODEL).how_far(z.reshape(-1, z.shape[2])).reshape(len(KINDS), FRAMES)
    return {
        kind: (x[i], float(sure[i]), tuple(_bench.level(float(one)) for one in far[i])) for i, kind in enumerate(KINDS)
    }


def scene(fear: float = 2.0, at: float = 0.5, hills: str = "density", seed: int = 0) -> Scene:
    """Return the ways over the plane's hills, and the films of all in sixteen dimensions."""
    fear = round(fear * 2) / 2
    low, high = corners()
    height = _bench.prepared("ways")[hills].astype(np.float32)
    lines = []
    for i, (kind, name) in enumerate(KINDS.items()):
        if kind != "great_circle":
            lines.append(
                Line(
                    way(PLANE, kind, seed, fear if kind == "density" else 0.0),
                    (0, 3, 5, 4, 1)[i],
                    label=name,
                    width=3.5,
                )
            )
    on = way(PLANE, "density", seed, fear)[round(at * (STEPS - 1))]
    codes = _bench.codes(PLANE)
    plane = Plot(
        say("The ways on the plane of a two-number model", "两个数的模型的平面上的路"),
        (
            Heat(height, (float(low[0]), float(low[1])), (float(high[0]), float(high[1]))),
            Dots(codes.z[::4], size=1.2, colour=-1, faint=True),
            *lines,
            Mark((float(on[0]), float(on[1])), None, 1),
        ),
        say(
            "Ways between two digits, drawn over hills of density or of the decoder's stretch.",
            "两个数字之间的路，画在密度或解码器拉伸的山上。",
        ),
        low=(float(low[0]), float(low[1])),
        high=(float(high[0]), float(high[1])),
    )
    here = round(at * (FRAMES - 1))
    shown = _films(seed, fear)
    films = [
        Pictures(name, shown[kind][0], FRAMES, levels=shown[kind][2], picked=(here,)) for kind, name in KINDS.items()
    ]
    figures = tuple(
        Number(name, f"{shown[kind][1]:.0%}", help=say("The judge's belief in the middle half", "评委对中间一半的把握"))
        for kind, name in KINDS.items()
    )
    return Scene((plane, *films), figures, tuple(f"aaaa{film}{film}{film}{film}{film}" for film in "bcdef"))


def measured() -> tuple[dict[str, float], dict[str, float]]:
    """Return by kind how sure the judge is of the middle half of PAIRS walks, and how long they are in pictures."""
    sure: dict[str, float] = {}
    long: dict[str, float] = {}
    for kind in KINDS:
        z = np.concatenate([way(MODEL, kind, seed, FEAR if kind == "density" else 0.0) for seed in range(PAIRS)])
        x = _bench.decode(MODEL, z).reshape(PAIRS, STEPS, 28, 28, 1)
        sure[kind] = float(_bench.chances(x[:, 8:25].reshape(-1, 28, 28, 1)).max(1).mean())
        steps = np.diff(x.astype(np.float32) / 255, axis=1).reshape(PAIRS, STEPS - 1, -1)
        long[kind] = float(np.linalg.norm(steps, axis=-1).sum(1).mean())
    return sure, long


def numbers() -> dict[str, Any]:
    """Return how sure the judge is on each kind of way, and how much longer the surest is than the straight one."""
    sure, long = measured()
    return {
        "pairs": PAIRS,
        "fear": FEAR,
        **{f"sure_{kind}": value for kind, value in sure.items()},
        "longer": long["density"] / long["straight"],
        "shorter": long["pullback"] / long["straight"],
    }


claims = (
    (
        "the shortest picture-path is shorter and the least sure",
        lambda n: n["shorter"] < 1 and n["sure_pullback"] < n["sure_straight"],
    ),
    (
        "a detour through known country beats straight and circle",
        lambda n: n["sure_density"] > max(n["sure_straight"], n["sure_great_circle"]),
    ),
    ("it is longer", lambda n: n["longer"] > 1.1),
    (
        "the straight way is the least sure of the closed forms",
        lambda n: n["sure_straight"] <= n["sure_great_circle"] + 0.01,
    ),
)


def face() -> np.ndarray:
    """Return the films of one pair."""
    frames = np.linspace(0, STEPS - 1, 9).round().astype(int)
    return np.concatenate(
        [_bench.decode(MODEL, way(MODEL, kind, 3, 4.0 if kind == "density" else 0.0)[frames]) for kind in KINDS]
    )
