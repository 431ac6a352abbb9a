"""What lessons need and what takes too long before a class, made once: `python -m manigen.lessons._prepare [NAME ...]`.

Each arrays file below lies in weights/lessons/, with its sha256 in prepared.json; the lessons' faces lie in faces/. The small
models beside them are trained by the command on each one's card. MNIST has to be on this machine.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from manigen import files, lessons
from manigen.lessons import _bench, _sheets

FACE = (480, 270)  # pixels of a lesson's face
FIRST = "`python -m manigen.lessons._prepare figures notes`).\n\n"  # what the notes come after in docs/teaching.md


def digits() -> dict[str, np.ndarray]:
    """Of MNIST's test pictures: the error of PCA, with 1 to 128 directions fitted to the training pictures, and the share
    that the judge is unsure of (gives no class nine tenths of its belief)."""
    train, test = (_bench.pictures("mnist", split) for split in ("train", "test"))
    x = train.x.reshape(len(train.x), -1) / np.float32(255)
    mean = x.mean(0, dtype=np.float64)
    along = np.linalg.eigh(np.cov((x - mean).T))[1][:, ::-1]
    t = test.x.reshape(len(test.x), -1) / np.float32(255) - mean
    shares = ((t @ along) ** 2).mean(0)
    total = (t**2).mean(0).sum()
    sure = _bench.chances(test.x.transpose(0, 2, 3, 1)).max(1)
    return {"pca_mse": ((total - np.cumsum(shares)) / t.shape[1])[:128], "unsure": (sure < 0.9).mean()}


def trust() -> dict[str, np.ndarray]:
    """Features (1,000, 64) of held-out digits, of other held-out digits, and of training digits."""
    train, test = (_bench.pictures("mnist", split) for split in ("train", "test"))
    from manigen.lessons import trust as lesson

    of = {"real": test.x[:1000], "other": test.x[5000:6000], "train": train.x[:1000]}
    kept = {name: _bench.features(x.transpose(0, 2, 3, 1)).astype(np.float16) for name, x in of.items()}
    real = kept["real"].astype(np.float32)
    made = [_bench.features(_bench.decode(lesson.MODEL, lesson.drawn(lesson.COUNT, 0, one))) for one in lesson.SPREADS]
    return {**kept, "curve": np.array([lesson.both(real, one) for one in made])}


def duel() -> dict[str, np.ndarray]:
    """Every game that the sixth lesson offers, every ten steps: dots, field and net."""
    from manigen.lessons import _duel

    kept: dict[str, np.ndarray] = {}
    for style in _duel.STYLES:
        for seed in range(_duel.GAMES):
            frames = [_duel.duel(style, seed).at(step) for step in range(0, _duel.LAST + 1, _duel.EVERY)]
            kept |= {f"{style}_{seed}_{name}": value for name, value in _duel.packed(frames).items()}
    return kept


def duel_digits() -> dict[str, np.ndarray]:
    """Every game on digits that the sixth lesson offers, every twenty steps: pictures, and what the judge reads."""
    from manigen.lessons import _duel, _duel_digits

    kept: dict[str, np.ndarray] = {}
    for style in _duel_digits.STYLES:
        for seed in range(_duel.GAMES):
            game = _duel_digits.duel(style, seed)
            frames = [game.at(step) for step in range(0, _duel.LAST + 1, _duel_digits.EVERY)]
            kept |= {f"{style}_{seed}_{name}": value for name, value in _duel_digits.packed(frames).items()}
    return kept


def forest() -> dict[str, np.ndarray]:
    """The forests of the eleventh lesson, grown on the codes of the network beside them, seed 0; and the mean squared error
    of their first 1, 2, 3, ... trees on MNIST's test pictures."""
    import torch

    from manigen.lessons import forest as lesson
    from manigen.models import build

    train, test = (torch.from_numpy(_bench.pictures("mnist", split).x) for split in ("train", "test"))
    kept: dict[str, np.ndarray] = {}
    for size in lesson.SIZES:
        network = _bench.generator(lesson.model(size))
        grown: Any = build("forest", network.shape, dim=size, width=16, **lesson.GROWN)
        grown.of.load_state_dict(network.encoder.state_dict())
        grown.grow_on(train, torch.Generator().manual_seed(0))
        kept |= {f"{part}_{size}": getattr(grown, part).numpy() for part in lesson.PARTS}
        z = _bench.encode(lesson.model(size), test.numpy().transpose(0, 2, 3, 1))
        x = test.numpy().transpose(0, 2, 3, 1).astype(np.float32)
        errors = [np.square((lesson.grown(kept, z, size, n) - x) / 255).mean() for n in lesson.COUNTS]
        kept[f"error_{size}"] = np.array(errors, np.float32)
    kept |= {part: kept.pop(f"{part}_{lesson.SIZES[0]}").astype(np.float16) for part in ("mean", "directions")}
    return {name: value for name, value in kept.items() if not name.startswith(("mean_", "directions_"))}


def ways() -> dict[str, np.ndarray]:
    """The searched ways of the eighth lesson between all its pairs, at all its fears; and its two landscapes."""
    from manigen.lessons import shortest_way as lesson

    kept: dict[str, np.ndarray] = {kind: lesson.hills(kind) for kind in ("density", "stretch")}
    for short, model in (("plane", lesson.PLANE), ("model", lesson.MODEL)):
        for kind in lesson.SEARCHED:
            fears = lesson.FEARS if kind == "density" else (0.0,)
            found = [[lesson.searched(model, kind, seed, fear) for fear in fears] for seed in range(lesson.PAIRS)]
            kept[f"{short}_{kind}"] = np.array(found) if kind == "density" else np.array(found)[:, 0]
    return {name: value.astype(np.float16) for name, value in kept.items()}


def planes() -> dict[str, np.ndarray]:
    """How sure the judge is at each place of the planes of the fifth lesson."""
    from manigen.lessons import holes as lesson

    return {name: lesson.sureness(model).astype(np.float16) for name, model in lesson.PLANES.items()}


ARRAYS = {
    "digits": digits,
    "trust": trust,
    "duel": duel,
    "duel_digits": duel_digits,
    "forest": forest,
    "ways": ways,
    "planes": planes,
    "sheets": _sheets.sheets,
    "maps": _sheets.maps,
}


def faces() -> None:
    """Draw every lesson's face."""
    from PIL import Image

    from manigen.figures import pictures

    for name in lessons.in_order():
        drawn: Any = lessons.open_lesson(name).face()
        image = Image.fromarray(drawn) if drawn.ndim == 3 else pictures.sheet(drawn, _columns(len(drawn)), 0)
        image = _cover(image.convert("RGB"))
        files.write_bytes(_bench.FOLDER / "faces" / f"{name}.webp", _webp(image))


def figures() -> None:
    """Measure every figure that the lessons' sentences state."""
    told = {name: lessons.open_lesson(name).numbers() for name in lessons.in_order()}
    files.write_json(_bench.FOLDER / "numbers.json", told)


def notes() -> str:
    """Return what each lesson showed, as docs/teaching.md has it: a line of Markdown for each."""
    lines = []
    for name in lessons.in_order():
        title, reveal = lessons.open_lesson(name).lesson.title.en, lessons.open_lesson(name).lesson.reveal
        stop = "" if title.endswith("?") else "."
        lines.append(f"* **{title}{stop}** {reveal.in_('en', lessons.numbers(name))}\n")
    return "".join(lines)


def write_notes() -> None:
    """Put the notes where docs/teaching.md has them: the list under the sentence that names numbers.json."""
    page = _bench.FOLDER.parents[1] / "docs" / "teaching.md"
    head, _, rest = page.read_text(encoding="utf-8").partition(FIRST)
    after = rest[rest.rindex("\n* ") :].partition("\n\n")[2]
    page.write_text(f"{head}{FIRST}{notes()}\n{after}", encoding="utf-8")


def _columns(n: int) -> int:
    return max(1, round((n * FACE[0] / FACE[1]) ** 0.5))


def _cover(image: Any) -> Any:
    """A picture as large as a face, its pixels sharp, what sticks out cut off evenly."""
    from PIL import Image

    scale = max(FACE[0] / image.width, FACE[1] / image.height)
    grown = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.NEAREST)
    left, top = (grown.width - FACE[0]) // 2, (grown.height - FACE[1]) // 2
    return grown.crop((left, top, left + FACE[0], top + FACE[1]))


def _webp(image: Any) -> bytes:
    import io

    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=82, method=6)
    return buffer.getvalue()


def main(names: list[str]) -> None:
    """Make the arrays named, or all, and the faces."""
    (_bench.FOLDER / "faces").mkdir(parents=True, exist_ok=True)
    index = _bench.FOLDER / "prepared.json"
    known = files.read_json(index) if index.is_file() else {}
    whole = {"figures": figures, "faces": faces, "notes": write_notes}
    for name in names or [*ARRAYS, *whole]:
        if name in whole:
            whole[name]()
            continue
        path = _bench.FOLDER / f"{name}.npz"
        files.write_npz(path, ARRAYS[name]())
        known[path.name] = files.sha256(path)
        files.write_json(index, dict(sorted(known.items())))


if __name__ == "__main__":
    main(sys.argv[1:])
