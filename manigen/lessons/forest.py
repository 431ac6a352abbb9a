"""Can a forest draw? A random forest paints from the very codes that a network paints from.

An autoencoder gives every digit its code. Its decoder paints from that code with curves; a forest paints from it with
yes-or-no questions, trained on the same pictures: which picture comes out changes where an answer changes, and nowhere
else. With two numbers both do equally well, with sixteen they do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

import numpy as np

from manigen import paths
from manigen.cards import Card, Knob
from manigen.lessons import _bench
from manigen.lessons.base import Heat, Lesson, Line, Mark, Number, Pictures, Plot, Question, Scene, say
from manigen.nearest import Nearest

SIZES = (2, 16)
GROWN = {"trees": 20, "leaves": 400, "components": 32}  # of a forest
COUNTS = tuple(range(1, GROWN["trees"] + 1))
PARTS = ("feature", "threshold", "child", "leaf", "unit", "mean", "directions")
FRAMES, STEPS = 11, 201  # pictures of a film, and places where the change along the way is looked at
GRID = 72
PAIRS, FINE = 20, 4001  # walks on which the jumps are counted, and places on each
SEARCHED = 4  # pairs between which a pull-back geodesic is searched

card = Card(
    title="Can a forest draw?",
    sentence="A random forest paints from the same codes as the network beside it, by asking yes-or-no questions.",
    reference="Breiman 2001, Random Forests; Feng, Zhou 2018, AutoEncoder by Forest",
    link="https://doi.org/10.1023/A:1010933404324",
    knobs=(
        Knob("trees", GROWN["trees"], "How many trees paint together.", 1, GROWN["trees"]),
        Knob("at", 0.5, "How far on the way from one digit to the other.", 0.0, 1.0),
        Knob("size", 2, "How many numbers a code has.", choices=SIZES),
        Knob("seed", 0, "Which pair of digits.", 0, 999),
    ),
    facts={"number": 11, "minutes": 8, "optional": True},
)

lesson = Lesson(
    title=say("Can a forest draw?", "森林会画画吗？"),
    sentence=say(
        "A random forest paints from the same codes as the network beside it, by asking yes-or-no questions.",
        "随机森林用和旁边的网络相同的编码作画，靠的是一串“是或否”的问题。",
    ),
    question=say(
        "A tree can only ask of a code: is this number above that one? Can {trees} trees paint a digit?",
        "一棵树只会问编码：这个数比那个数大吗？{trees} 棵树能画出一个数字吗？",
    ),
    prediction=Question(
        say(
            "Both paint from the same two numbers, and learned from the same pictures. On digits they never saw, the network's mean squared "
            "error is {net_2:.4f}. The forest's is",
            "两者用同样的两个数作画，也从同样的图片中学习。在没见过的数字上，网络的均方误差是 {net_2:.4f}。森林的误差",
        ),
        (
            say("more than twice as large", "是它的两倍以上"),
            say("about the same", "差不多"),
            say("less than half as large", "不到它的一半"),
        ),
        lambda n: 0 if n["forest_2"] > 2 * n["net_2"] else 2 if n["forest_2"] < n["net_2"] / 2 else 1,
        say(
            "It is {forest_2:.4f}; and a single tree, which knows {leaves} pictures in all, reaches {one_2:.4f}. On a plane there are enough neighbours "
            "everywhere, and the mean of neighbours is a good picture.",
            "是 {forest_2:.4f}；而只认得 {leaves} 张图片的一棵树也有 {one_2:.4f}。在平面上到处都有足够的邻居，而邻居的平均就是一张好图片。",
        ),
    ),
    tries=("trees", "at"),
    task=say(
        "Begin with one tree and walk: when does the picture change, and how? Then let more trees paint. What becomes of the steps?",
        "从一棵树开始，沿路走：图片什么时候变，怎样变？然后让更多的树一起画。台阶变成了什么？",
    ),
    reveal=say(
        "With 2 numbers the forest loses hardly more than the network: {forest_2:.4f} and {net_2:.4f}. With 16 the network loses {net_16:.4f}, the forest "
        "{forest_16:.4f}, {worse:.1f} times as much: in sixteen directions nobody has enough neighbours. And its surface is a staircase. One tree knows only "
        "{jumps_1:.0f} jumps between two digits, all {trees} together {jumps_all:.0f}; between two jumps nothing moves, so the slope that a path would follow is nil.",
        "用 2 个数时，森林丢得几乎不比网络多：{forest_2:.4f} 和 {net_2:.4f}。用 16 个数时，网络丢 {net_16:.4f}，森林丢 {forest_16:.4f}，是 {worse:.1f} 倍："
        "在十六个方向上，谁的邻居都不够。而且它的曲面是一道楼梯。一棵树在两个数字之间只有 {jumps_1:.0f} 次跳变，{trees} 棵一起有 {jumps_all:.0f} 次；"
        "两次跳变之间什么都不动，所以路径要跟随的坡度是零。",
    ),
    shows={"size": 16, "trees": GROWN["trees"]},
    checks=(
        Question(
            say(
                "What is the forest's magnification factor at nearly every code?",
                "在几乎每个编码处，森林的放大因子是多少？",
            ),
            (
                say("Zero: a small step changes nothing", "零：走一小步什么都不变"),
                say("The same as the network's", "和网络的一样"),
                say("Without bound", "无穷大"),
            ),
            0,
            say(
                "Within a step of the staircase the picture is constant. All change happens at the edges, where there is no derivative.",
                "在楼梯的一级之内，图片不变。所有变化都发生在边缘，那里没有导数。",
            ),
        ),
        Question(
            say(
                "Which way between two codes cannot be found on a forest?",
                "两个编码之间的哪条路在森林上找不到？",
            ),
            (
                say("the straight way", "直路"),
                say("the way along real codes", "沿真实编码的路"),
                say("the pull-back geodesic: it follows the slope of the pictures", "拉回测地线：它跟随图片的坡度"),
            ),
            2,
            say(
                "Its search has no slope to go down: of {searched} pairs it settles on {settled_net} with the network and on {settled_forest} with the forest, and says so. "
                "Straight ways and ways over real codes need no slope.",
                "它的搜索没有坡度可以下降：{searched} 对里，用网络时 {settled_net} 对收敛，用森林时 {settled_forest} 对，程序会直说。直路和沿真实编码的路不需要坡度。",
            ),
        ),
        Question(
            say(
                "A code lies far from all data. What does the forest paint there?",
                "一个编码离所有数据都很远。森林在那里画什么？",
            ),
            (
                say("Noise", "噪声"),
                say("Still a mean of real training pictures", "仍然是真实训练图片的平均"),
                say("Nothing", "什么都不画"),
            ),
            1,
            say(
                "Every leaf holds the mean of real pictures, and every code ends in some leaf. It cannot leave the data, and cannot say that it should.",
                "每片叶子都是一些真实图片的平均，每个编码都落在某片叶子里。它离不开数据，也说不出自己该离开。",
            ),
        ),
    ),
    why=say(
        "A tree cuts the space of codes into boxes; its leaf is the mean picture of the training codes in a box. A forest of k trees cuts it k times and takes "
        "the mean. To halve a box in d directions takes 2 to the d times as many pictures: on a plane that can be had, in sixteen directions it cannot. "
        "A network pays no such price, for it learns one curved sheet in place of many boxes.",
        "一棵树把编码空间切成盒子；叶子就是盒子里训练编码的平均图片。k 棵树的森林切 k 次，再取平均。要在 d 个方向上把盒子减半，需要 2 的 d 次方倍的图片："
        "在平面上办得到，在十六个方向上办不到。网络不用付这个代价，因为它学的是一张弯曲的面，而不是许多盒子。",
    ),
    formula=r"D(z) = \frac{1}{k} \sum_{j=1}^{k} \sum_{\text{box } B} \mathbf{1}[z \in B_j] \, \bar{x}_{B_j}, \qquad \frac{\partial D}{\partial z} = 0 \text{ almost everywhere}",
    play_on=say(
        "Other pairs, one tree or all. Find a walk on which the judge is surer of the forest than of the network. What do you see in it?",
        "换几对数字，一棵树或全部。找一条评委对森林比对网络更有把握的路。你看到了什么？",
    ),
    knobs={
        "trees": say("Trees", "树"),
        "at": say("On the way", "路上的位置"),
        "size": say("Numbers in a code", "编码有几个数"),
        "size=2": say("2", "2"),
        "size=16": say("16", "16"),
        "seed": say("Another pair", "换一对"),
    },
    plays="at",
    usually_wrong=say(
        "“Only networks can generate.” On a plane a forest paints as well ({forest_2:.4f} against {net_2:.4f}); what a network has over it is many directions and a slope.",
        "“只有网络才能生成。”在平面上森林画得一样好（{forest_2:.4f} 对 {net_2:.4f}）；网络胜过它的，是许多方向和坡度。",
    ),
    figures={
        "trees": say("trees", "树的棵数"),
        "leaves": say("leaves of a tree", "一棵树的叶子数"),
        "net_2": say("network's mean squared error, 2 numbers", "网络的均方误差，2 个数"),
        "net_16": say("network's mean squared error, 16 numbers", "网络的均方误差，16 个数"),
        "forest_2": say("forest's mean squared error, 2 numbers", "森林的均方误差，2 个数"),
        "forest_16": say("forest's mean squared error, 16 numbers", "森林的均方误差，16 个数"),
        "worse": say("forest's error over the network's, 16 numbers", "森林与网络的误差之比，16 个数"),
        "one_2": say("one tree's mean squared error, 2 numbers", "一棵树的均方误差，2 个数"),
        "jumps_1": say("jumps between two digits, one tree", "两个数字之间的跳变，一棵树"),
        "jumps_all": say("jumps between two digits, all trees", "两个数字之间的跳变，所有树"),
        "searched": say("pairs between which a shortest way is searched", "搜索最短路的数字对"),
        "settled_net": say("searches that settle, network", "收敛的搜索，网络"),
        "settled_forest": say("searches that settle, forest", "收敛的搜索，森林"),
    },
    formula_words={"box ": "盒 ", " almost everywhere": " 几乎处处"},
)


def model(size: int) -> str:
    """Return the name of the autoencoder whose codes both paint from."""
    return f"lessons/mnist-autoencoder-{size}"


def grown(kept: Mapping[str, np.ndarray], z: np.ndarray, size: int, trees: int) -> np.ndarray:
    """Return what the first `trees` trees of a kept forest paint at codes z (n, size): float32 (n, 28, 28, 1) in [0, 255]."""
    import torch

    from manigen.models.forest import answers

    part = {name: torch.from_numpy(kept[f"{name}_{size}"]) for name in PARTS[:5]}
    of = [part[name][:trees] for name in ("feature", "threshold", "child", "leaf")]
    shared = [kept[name] if name in kept else kept[f"{name}_{size}"] for name in ("mean", "directions")]
    scores = (answers(torch.from_numpy(np.ascontiguousarray(z, np.float32)), *of) * part["unit"]).numpy()
    new = np.r_[True, (np.diff(scores, axis=0) != 0).any(1)]  # a picture is painted where an answer has changed
    x = (shared[0].astype(np.float32) + scores[new] @ shared[1].astype(np.float32)).clip(0, 1)
    return (x.reshape(-1, 28, 28, 1) * np.float32(255))[np.cumsum(new) - 1]


def painted(size: int, trees: int, z: np.ndarray) -> np.ndarray:
    """Return what the forest's first trees paint at codes z (n, size), uint8 (n, 28, 28, 1)."""
    return np.rint(grown(_bench.prepared("forest"), z, size, trees)).astype(np.uint8)


@cache
def ends(size: int, seed: int) -> np.ndarray:
    """Return the codes (2, size) of two held-out digits of different classes; the same two for both sizes."""
    codes = _bench.codes(model(size))
    rows = np.flatnonzero(codes.split == 1)
    first = rows[seed * 13 % len(rows)]
    others = rows[codes.labels[rows] != codes.labels[first]]
    return codes.z[[first, others[(seed * 29 + 7) % len(others)]]]


def way(size: int, seed: int, steps: int) -> np.ndarray:
    """Return the codes (steps, size) straight from one digit to the other."""
    t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    a, b = ends(size, seed)
    return (1 - t) * a + t * b


def changes(x: np.ndarray) -> np.ndarray:
    """Return how far each picture (n, ...) lies from the one before (n - 1,), a grey level of one pixel being 1 / 255."""
    steps = np.diff(x.reshape(len(x), -1).astype(np.float32) / 255, axis=0)
    return np.asarray(np.linalg.norm(steps, axis=1))


@lru_cache(maxsize=512)
def _walk(size: int, trees: int, seed: int) -> tuple[np.ndarray, ...]:
    """Films of the network and the forest on a way, and how the picture changes along it, for both."""
    z = way(size, seed, STEPS)
    every = (_network_walk(size, seed), grown(_bench.prepared("forest"), z, size, trees))
    at = np.linspace(0, STEPS - 1, FRAMES).round().astype(int)
    films = [np.rint(x[at]).astype(np.uint8) for x in every]
    return (*films, *(changes(x) for x in every))


@lru_cache(maxsize=64)
def _network_walk(size: int, seed: int) -> np.ndarray:
    z = way(size, seed, STEPS)
    return np.asarray(_bench.generator(model(size)).decode(z).transpose(0, 2, 3, 1) * 255, np.float32)


@cache
def _corners() -> tuple[np.ndarray, np.ndarray]:
    z = _bench.codes(model(2)).z
    low, high = np.quantile(z, 0.005, axis=0), np.quantile(z, 0.995, axis=0)
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


@cache
def _plane(trees: int) -> np.ndarray:
    """How much ink this many trees paint at each place of the plane (GRID, GRID), in white pixels."""
    low, high = _corners()
    x, y = np.meshgrid(np.linspace(low[0], high[0], GRID), np.linspace(low[1], high[1], GRID))
    z = np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)
    return (painted(2, trees, z).sum((1, 2, 3)) / np.float32(255)).reshape(GRID, GRID).astype(np.float32)


def _ink(trees: int, line: np.ndarray, here: np.ndarray) -> Plot:
    low, high = ((float(corner[0]), float(corner[1])) for corner in _corners())
    return Plot(
        say("How much ink the forest paints at every code", "森林在每个编码处画多少墨"),
        (
            Heat(_plane(trees), low, high, crisp=True),
            Line(line, 1, width=3),
            Mark((float(here[0]), float(here[1])), None, 1),
        ),
        say(
            "The plane of codes, coloured by how much ink is painted there, and the way between two digits.",
            "编码平面，按那里画出的墨迹着色，以及两个数字之间的路。",
        ),
        low=low,
        high=high,
        tall=True,
    )


def scene(trees: int = 20, at: float = 0.5, size: int = 2, seed: int = 0) -> Scene:
    """Return the way between two digits as the network and as the forest paint it, and how the picture changes on it."""
    of_network, of_forest, change, jumps = _walk(size, trees, seed)
    here = way(size, seed, 2)
    place = ((1 - at) * here[0] + at * here[1]).astype(np.float32)
    pair = np.concatenate([_bench.decode(model(size), place[None]), painted(size, trees, place[None])])
    forest = (
        say(f"forest, {trees} trees", f"森林，{trees} 棵树") if trees > 1 else say("forest, 1 tree", "森林，1 棵树")
    )
    network = say("network", "网络")
    t = np.linspace(0, 1, STEPS)[1:]
    most = 1.06 * float(max(jumps.max(), change.max()))
    flat = (_ink(trees, here, place),) if size == 2 else ()
    errors = {"network": error(size), "forest": float(_bench.prepared("forest")[f"error_{size}"][trees - 1])}
    frame = round(at * (FRAMES - 1))
    return Scene(
        (
            Pictures(
                say("The same code, painted by", "同一个编码，画的是"),
                pair,
                2,
                (network, forest),
                large=True,
            ),
            *flat,
            Pictures(network, of_network, FRAMES, picked=(frame,)),
            Pictures(forest, of_forest, FRAMES, picked=(frame,)),
            Plot(
                say("How much the picture changes at each step of the way", "路上每一步图片改变多少"),
                (
                    Line(np.stack([t, jumps], 1).astype(np.float32), 1, label=forest, width=1.6),
                    Line(np.stack([t, change], 1).astype(np.float32), 0, label=network),
                    Line(np.array([[at, 0], [at, most]], np.float32), -1, dashed=True, width=1.5),
                ),
                say(
                    "The network changes a little at every step, the forest by jumps, with nothing between.",
                    "网络每一步都变一点，森林则是跳变，中间不动。",
                ),
                low=(0.0, 0.0),
                high=(1.0, most),
                square=False,
            ),
        ),
        (
            Number(say("Network's error", "网络的误差"), f"{errors['network']:.4f}"),
            Number(say("Forest's error", "森林的误差"), f"{errors['forest']:.4f}"),
            Number(
                say("Steps at which nothing moves", "不动的步数"),
                f"{int((jumps == 0).sum())} / {STEPS - 1}",
                help=say("of the forest's picture, on this way", "森林的图片，在这条路上"),
            ),
        ),
        (*["ab"] * 5, "cc", "dd", *["ee"] * 4) if flat else (*["add"] * 6, "bbb", "ccc"),
    )


def error(size: int) -> float:
    """Return the network's mean squared error on held-out digits, as measured when it was trained."""
    return float(_bench.card(model(size))["measures"]["reconstruction_mse"])


def counted(size: int, trees: int) -> float:
    """Return how many jumps lie between two digits, on average over PAIRS straight ways looked at in FINE places."""
    kept = _bench.prepared("forest")
    return float(
        np.mean([(changes(grown(kept, way(size, seed, FINE), size, trees)) > 0).sum() for seed in range(PAIRS)])
    )


def settled(decode: Any) -> int:
    """Return for how many of SEARCHED pairs on the plane the search for the pull-back geodesic converges."""
    near = Nearest(_bench.codes(model(2)).z[::2])
    ways = [paths.through(tuple(ends(2, seed)), "pullback", 33, decode, near) for seed in range(SEARCHED)]
    return sum(way.converged for way in ways)


def numbers() -> dict[str, Any]:
    """Return both painters' errors on held-out digits, the jumps of one tree and of all on the plane, and what a search finds."""
    kept, all_ = _bench.prepared("forest"), GROWN["trees"]
    net = {size: error(size) for size in SIZES}
    forest = {size: float(kept[f"error_{size}"][-1]) for size in SIZES}
    return {
        "trees": all_,
        "leaves": int((kept["leaf_2"][0] != 0).any(1).sum()),
        **{f"net_{size}": value for size, value in net.items()},
        **{f"forest_{size}": value for size, value in forest.items()},
        "worse": forest[16] / net[16],
        "one_2": float(kept["error_2"][0]),
        "jumps_1": counted(2, 1),
        "jumps_all": counted(2, all_),
        "searched": SEARCHED,
        "settled_net": settled(_bench.generator(model(2)).decode),
        "settled_forest": settled(lambda z: grown(kept, z, 2, all_).transpose(0, 3, 1, 2) / 255),
    }


claims = (
    ("on a plane a forest paints as well as the network", lambda n: n["forest_2"] < 1.05 * n["net_2"]),
    ("in sixteen directions it does not", lambda n: n["worse"] > 2.5),
    ("more trees lose less", lambda n: n["forest_2"] < n["one_2"]),
    (
        "a search for the shortest picture-path settles on the network only",
        lambda n: n["settled_net"] == n["searched"] and n["settled_forest"] == 0,
    ),
    ("more trees make more and smaller steps", lambda n: n["jumps_all"] > 5 * n["jumps_1"] > 5),
)


def face() -> np.ndarray:
    """Return ways between two digits, as one tree, as all trees and as the network paint them."""
    films = []
    for seed in (3, 5):
        z = way(2, seed, 9)
        films += [painted(2, 1, z), painted(2, GROWN["trees"], z), _bench.decode(model(2), z)]
    return np.concatenate(films[:5])
