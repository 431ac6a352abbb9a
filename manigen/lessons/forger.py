"""The forger and the critic: a GAN small enough to be watched, dot by dot and then digit by digit, and a large one.

Two networks play against each other in the plane. The critic's field says where it takes dots for real; the forger's
net shows how noise is stretched to where the critic wants it. Played fairly it finds all eight groups. Played hastily
it finds one that works, until the critic learns, and then another: mode collapse. The same two, played on handwritten
digits of 8 x 8 pixels, find all digits, or paint one sign over and over.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from manigen.cards import Card, Knob
from manigen.lessons import _bench, _duel, _duel_digits
from manigen.lessons.base import Bars, Dots, Heat, Lesson, Line, Number, Pictures, Plot, Question, Scene, Words, say
from manigen.seeds import numpy_stream

DIGITS = "mnist-gan"
DRAWS = 1000

card = Card(
    title="The forger and the critic",
    sentence="Two networks play against each other while you watch: step, slow, run, and make the forger collapse on purpose.",
    reference="Goodfellow et al. 2014, Generative Adversarial Networks; Huang, Gokaslan, Kuleshov, Tompkin 2024, "
    "The GAN is dead; long live the GAN!; Kahng et al. 2018, GAN Lab",
    link="https://arxiv.org/abs/1406.2661",
    knobs=(
        Knob("step", 0, "Steps of training so far.", 0, _duel.LAST),
        Knob("style", "fair", "How the two play.", choices=tuple(_duel.STYLES)),
        Knob("seed", 0, "Which game: other starting networks, other dots.", 0, _duel.GAMES - 1),
        Knob(
            "look",
            "dots",
            "Dots in the plane, small digits, or the digits of a large one.",
            choices=("dots", "digits", "large"),
        ),
        Knob("live", False, "Train the two here and now, in place of showing how they were trained before."),
    ),
    facts={"number": 6, "minutes": 8},
)

lesson = Lesson(
    title=say("The forger and the critic", "伪造者与评论家"),
    sentence=say(
        "Two networks play against each other while you watch, over dots and then over digits. Make the forger collapse on purpose.",
        "两个网络在你眼前对弈，先争点，再争数字。故意让伪造者崩溃。",
    ),
    question=say(
        "Nobody shows the forger a real dot. It only hears from a critic. Can it learn where all of them are?",
        "没有人给伪造者看过真实的点。它只听评论家的话。它能学会所有点在哪里吗？",
    ),
    prediction=Question(
        say(
            "Real dots come from {groups} groups. In a hasty game the forger learns {ratio:.0f} times as fast as the critic. How many groups does it "
            "hold, on average over the game?",
            "真实的点来自 {groups} 个组。在匆忙的对局里，伪造者学得比评论家快 {ratio:.0f} 倍。整局平均下来，它占了几个组？",
        ),
        (
            say("all eight, only sooner", "全部八个，只是更快"),
            say("about six", "大约六个"),
            say("four or fewer", "四个或更少"),
        ),
        lambda n: 0 if n["hasty"] >= 7 else 1 if n["hasty"] > 4.5 else 2,
        say(
            "It holds {hasty:.1f} of {groups} on average. In the fair game it ends with {fair}.",
            "平均占 {groups} 个中的 {hasty:.1f} 个。公平的对局结束时它占 {fair} 个。",
        ),
    ),
    tries=("step", "style", "look"),
    task=say(
        "Press run in the fair game and watch net and field. Then the hasty one, slowly: where does the critic's bright field go when the forger has settled? "
        "Then the same two games over digits.",
        "先在公平的对局里按运行，看网和场。再慢放匆忙的对局：伪造者安顿下来后，评论家的亮区去了哪里？然后看同样的两局，改成数字。",
    ),
    reveal=say(
        "The hasty forger throws its dots to whatever place pleases the critic now, and the critic follows too late: {hasty:.1f} of {groups} groups on average, "
        "now {hasty_least}, now {hasty_most}, and never the same ones for long. The fair one has {fair} at the end. Over digits the hasty one paints much the same sign on every sheet, now one, now "
        "another: {digits_hasty:.1f} of ten digits on average. The fair one ends with {digits_fair}. A large forger paints {rarest:.1%} of its digits as its rarest, a {rarest_digit}, where fair shares would be "
        "{even:.0%}: it left none out.",
        "匆忙的伪造者把点甩向此刻让评论家高兴的地方，评论家跟得太慢：{groups} 个组平均只占 {hasty:.1f} 个，时而 {hasty_least} 个，时而 {hasty_most} 个，"
        "而且从来不会久留在同样的组。公平的那个最后占 {fair} 个。换成数字，匆忙的那个在每张纸上画差不多同一个符号，一会儿一个样：十个数字平均只占 {digits_hasty:.1f} 个。公平的最后占 {digits_fair} 个。"
        "大伪造者最少画的数字是 {rarest_digit}，占 {rarest:.1%}，平均应是 {even:.0%}：它一个也没漏掉。",
    ),
    shows={"style": "hasty", "step": 300, "look": "dots"},
    checks=(
        Question(
            say("The forger's net is", "伪造者的网是"),
            (
                say("the places of an even grid of noise, stretched", "均匀噪声网格被拉伸后的位置"),
                say("the lines between real dots", "真实点之间的连线"),
                say("the critic's opinion", "评论家的看法"),
            ),
            0,
            say(
                "It shows how the forger bends the plane of noise onto the groups.",
                "它显示伪造者怎样把噪声平面弯到各组上。",
            ),
        ),
        Question(
            say(
                "Some dots always lie between the groups, however long one trains. Why?",
                "不管训练多久，总有些点落在组与组之间。为什么？",
            ),
            (
                say("The critic is too weak", "评论家太弱"),
                say(
                    "The forger is continuous: a net in one piece has to cross the gaps",
                    "伪造者是连续的：一整张网必须跨过空隙",
                ),
                say("The steps were too few", "步数太少"),
            ),
            1,
            say(
                "A net cannot be torn. Training makes the bridges thinner, it cannot remove them.",
                "网不能被撕开。训练让桥变细，但不能去掉桥。",
            ),
        ),
        Question(
            say("Why does a penalty on the critic's slope help?", "为什么惩罚评论家的坡度有帮助？"),
            (
                say(
                    "A gentle field pulls everywhere a little, so the forger is never thrown to one place",
                    "平缓的场处处都轻轻地拉，伪造者不会被甩到一处",
                ),
                say("It makes the critic forget", "它让评论家忘记"),
                say("It hides the groups", "它把组藏起来"),
            ),
            0,
            say(
                "With a steep field the forger overshoots, and the two chase each other in circles.",
                "场太陡，伪造者就会冲过头，两者绕着圈互相追逐。",
            ),
        ),
    ),
    why=say(
        "The critic C raises its score where real dots outnumber forged ones and lowers it where forged ones do; the forger G moves its dots uphill on C. At the end of a "
        "fair game both are alike everywhere and the field is flat. If G moves far between two moves of C, all its dots run to the same hill.",
        "评论家 C 在真点多于假点的地方提高分数，在假点多的地方降低；伪造者 G 让自己的点沿 C 上坡。公平的对局结束时，两者处处相当，场是平的。"
        "如果 C 两步之间 G 走得太远，它所有的点都会跑向同一座山。",
    ),
    formula=r"\min_G \max_C \; \mathbb{E}\,\big[ f\big(C(x) - C(G(n))\big) \big] - \frac{p}{2}\,\mathbb{E}\,\lVert \nabla C \rVert^2",
    play_on=say(
        "Another game has other starting networks. Does the fair one always find all {groups}? Train it here and now, and compare. Then look at a large one's digits.",
        "另一局从不同的网络开始。公平的对局总能占到全部 {groups} 个组吗？当场训练一次，比较一下。然后看看大伪造者的数字。",
    ),
    usually_wrong=say(
        "Many believe a smaller loss means a better forger. There is no such number here: the groups found have to be counted ({fair} against {hasty:.1f}).",
        "很多人以为损失越小伪造者越好。这里没有这样的数：必须数一数占了几个组（{fair} 对 {hasty:.1f}）。",
    ),
    knobs={
        "step": say("Steps of training", "训练步数"),
        "style": say("Game", "对局"),
        "style=fair": say("fair", "公平"),
        "style=hasty": say("hasty", "匆忙"),
        "seed": say("Another game", "另一局"),
        "look": say("Look at", "看"),
        "look=dots": say("dots", "点"),
        "look=digits": say("digits", "数字"),
        "look=large": say("a large one's digits", "大伪造者的数字"),
        "live": say("Train here and now", "当场训练"),
    },
    plays="step",
    tick=_duel_digits.EVERY,
    figures={
        "groups": say("groups of real dots", "真实点的组数"),
        "ratio": say("hasty: the forger's rate over the critic's", "匆忙：伪造者与评论家的学习率之比"),
        "fair": say("fair: groups found at the end", "公平：最后占到的组"),
        "hasty": say("hasty: groups found, mean over the game", "匆忙：占到的组，整局平均"),
        "hasty_least": say("hasty: groups found, least", "匆忙：占到的组，最少"),
        "hasty_most": say("hasty: groups found, most", "匆忙：占到的组，最多"),
        "digits_fair": say("over digits, fair: digits found at the end", "数字，公平：最后占到的数字"),
        "digits_hasty": say("over digits, hasty: digits found, mean over the game", "数字，匆忙：占到的数字，整局平均"),
        "rarest": say("large forger: share of its rarest digit", "大伪造者：最少的数字的比例"),
        "rarest_digit": say("large forger: its rarest digit", "大伪造者：最少的数字"),
        "even": say("fair share of a digit", "每个数字应有的比例"),
    },
)


@cache
def recorded(style: str, seed: int) -> dict[str, np.ndarray]:
    """Return all frames of a game as it was trained before."""
    kept = _bench.prepared("duel")
    return _duel.unpacked({name: kept[f"{style}_{seed}_{name}"] for name in _duel.PARTS})


def seen(style: str, step: int, seed: int, live: bool = False) -> dict[str, np.ndarray]:
    """Return what is to be seen of a game after `step` steps: as it was trained before, or trained now, so far."""
    if live:
        now = {name: value.astype(np.float32) for name, value in _duel.duel(style, seed).at(step).items()}
        return {**now, "found": np.array(_duel.found(now["dots"]))}
    return {name: value[min(step, _duel.LAST) // _duel.EVERY] for name, value in recorded(style, seed).items()}


@cache
def recorded_digits(style: str, seed: int) -> dict[str, np.ndarray]:
    """Return all frames of a game over digits as it was trained before."""
    kept = _bench.prepared("duel_digits")
    return _duel_digits.unpacked({name: kept[f"{style}_{seed}_{name}"] for name in _duel_digits.PARTS})


def seen_digits(style: str, step: int, seed: int, live: bool = False) -> dict[str, np.ndarray]:
    """Return what is to be seen of a game over digits after `step` steps: pictures (n, 64), and what the judge reads (11,)."""
    if live:
        return _duel_digits.duel(style, seed).at(step)
    return {
        name: value[min(step, _duel.LAST) // _duel_digits.EVERY] for name, value in recorded_digits(style, seed).items()
    }


@cache
def _real() -> np.ndarray:
    return _duel.real(_duel.DOTS, numpy_stream(1, 13))


@cache
def _classes() -> tuple[np.ndarray, np.ndarray]:
    """Some digits of the large forger, and how many of DRAWS the judge reads as each."""
    x = _bench.decode(DIGITS, _bench.samples(DIGITS, 0, DRAWS))
    return x[:40], np.bincount(_bench.chances(x).argmax(1), minlength=10)


def scene(step: int = 0, style: str = "fair", seed: int = 0, look: str = "dots", live: bool = False) -> Scene:
    """Return the game after `step` steps: field, net and dots, or forged digits; or the digits of a large forger."""
    if look == "digits":
        return _digits_scene(seen_digits(style, step, seed, live), min(step, _duel.LAST) // _every(live) * _every(live))
    if look == "large":
        x, counts = _classes()
        names = tuple(Words(str(digit), str(digit)) for digit in range(10))
        bars = Plot(
            say("How the judge reads a thousand of them", "评委怎样认其中一千张"),
            (Bars((counts / DRAWS * 100).astype(np.float32), names, int(counts.argmin()), " %"),),
            say("A bar for each digit; none is missing.", "每个数字一根柱；没有缺的。"),
            square=False,
        )
        return Scene(
            (Pictures(say("Digits of a forger trained the same way", "同样训练的伪造者画的数字"), x, 10), bars),
            layout=("a", "a", "b"),
        )
    now = seen(style, step, seed, live)
    reach = (-_duel.REACH, -_duel.REACH), (_duel.REACH, _duel.REACH)
    net = now["net"]
    lines = [Line(line, -1, width=1.0) for line in (*net, *net.transpose(1, 0, 2))]
    many = int(now["found"])
    plot = Plot(
        say("Bright: the critic takes it for real", "亮处：评论家当成真的"),
        (
            Heat(now["field"], *reach),
            *lines,
            Dots(_real(), size=2.0, colour=-1, label=say("real", "真实")),
            Dots(now["dots"], size=3.0, colour=1, label=say("forged", "伪造")),
        ),
        say(
            "Forged dots, real dots in eight groups, the critic's field and the forger's net.",
            "伪造的点、八组真实的点、评论家的场和伪造者的网。",
        ),
        low=reach[0],
        high=reach[1],
        tall=True,
    )
    number = Number(
        say("Groups found", "占到的组"),
        f"{many} / {_duel.GROUPS}",
        "near" if many >= 7 else "edge" if many >= 3 else "far",
    )
    return Scene((plot,), (number, Number(say("Step", "步"), str(min(step, _duel.LAST) // _duel.EVERY * _duel.EVERY))))


def _every(live: bool) -> int:
    return _duel.EVERY if live else _duel_digits.EVERY


def _digits_scene(now: dict[str, np.ndarray], step: int) -> Scene:
    """Digits as the forger paints them now, and what the judge takes them for."""
    x = np.rint(255 * now["x"]).astype(np.uint8).reshape(-1, _duel_digits.SIDE, _duel_digits.SIDE, 1)
    counts, many = now["counts"], int(_duel_digits.found(now["counts"]))
    names = (*(Words(str(digit), str(digit)) for digit in range(10)), say("none", "不是"))
    bars = Plot(
        say(
            f"Which digit the nearest real one is, of {_duel_digits.READ}",
            f"最近的真实数字是几（共 {_duel_digits.READ} 张）",
        ),
        (Bars(np.rint(counts / counts.sum() * 100).astype(np.float32), names, -1, " %"),),
        say(
            "A bar for each digit, and one for what no real digit is near to.",
            "每个数字一根柱，最后一根是附近没有真实数字的图片。",
        ),
        square=False,
    )
    return Scene(
        (
            Pictures(
                say("What the forger paints, from the same noise each time", "伪造者画的，每次都从同样的噪声"), x, 8
            ),
            bars,
        ),
        (
            Number(
                say("Digits found", "占到的数字"),
                f"{many} / 10",
                "near" if many >= 8 else "edge" if many >= 3 else "far",
            ),
            Number(say("Step", "步"), str(step)),
        ),
        ("a", "a", "a", "b", "b"),
    )


def numbers() -> dict[str, Any]:
    """Return how many groups and digits each game has found, and the digits that the large forger paints least."""
    digits = {style: _duel_digits.found(recorded_digits(style, 0)["counts"]) for style in _duel_digits.STYLES}
    found = {style: recorded(style, 0)["found"].tolist() for style in _duel.STYLES}
    _, counts = _classes()
    return {
        "groups": _duel.GROUPS,
        "ratio": _duel.STYLES["hasty"][2] / _duel.STYLES["hasty"][1],
        "fair": found["fair"][-1],
        "hasty": float(np.mean(found["hasty"])),
        "hasty_least": min(found["hasty"]),
        "hasty_most": max(found["hasty"]),
        "digits_fair": int(digits["fair"][-1]),
        "digits_hasty": float(digits["hasty"].mean()),
        "rarest": float(counts.min() / DRAWS),
        "rarest_digit": int(counts.argmin()),
        "even": 0.1,
    }


claims = (
    ("a fair game finds all groups", lambda n: n["fair"] == n["groups"]),
    ("a hasty one collapses", lambda n: n["hasty"] <= 4),
    ("over digits, too", lambda n: n["digits_fair"] >= 8 and n["digits_hasty"] <= 1),
    ("the digits' forger leaves no class out", lambda n: n["rarest"] > 0.02),
)


def face() -> np.ndarray:
    """Return the fair game half-way: the critic's field, real and forged dots."""
    from PIL import Image

    from manigen.lessons import _svg

    now = seen("fair", 200, 0)
    field = _svg.heat_picture(Heat(now["field"], (0, 0), (1, 1)))
    image = np.array(Image.fromarray(field).resize((480, 480), Image.Resampling.BICUBIC))
    side = len(image)
    for dots, colour in ((_real(), (30, 34, 46)), (now["dots"], (238, 80, 100))):
        at = ((dots + _duel.REACH) / (2 * _duel.REACH) * side).astype(int)
        for x, y in at:
            image[max(0, side - y - 3) : side - y + 3, max(0, x - 3) : x + 3] = colour
    return np.ascontiguousarray(image[side // 8 : -side // 8])
