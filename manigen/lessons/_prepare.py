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
    """The games of the sixth lesson that ship, every ten steps: dots, field and net in half precision."""
    from manigen.lessons import _duel

    kept: dict[str, np.ndarray] = {}
    for style in _duel.STYLES:
        frames = [_duel.duel(style, 0).at(step) for step in range(0, _duel.LAST + 1, _duel.EVERY)]
        kept |= {f"{style}_{name}": np.stack([frame[name] for frame in frames]) for name in frames[0]}
    return kept


ARRAYS = {"digits": digits, "trust": trust, "duel": duel, "sheets": _sheets.sheets, "maps": _sheets.maps}


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
    whole = {"figures": figures, "faces": faces}
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
