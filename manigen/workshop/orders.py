"""Orders: what a person wants trained, as files that outlive page, worker and server."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manigen import checks, files, home, weights
from manigen.errors import BadFile, BadInput
from manigen.home import Owner

WISHES = ("run", "pause", "keep", "delete")
WAITING, RUNNING, PAUSED, FINISHING, DONE, FAILED = "waiting", "running", "paused", "finishing", "done", "failed"
OVER = (DONE, FAILED)
MOST_WAITING = 8  # orders of one owner that are not over
LONGEST = 20_000_000  # pictures seen in a training that is ordered from a page
MEASURES = ("reconstruction_mse", "ssim", "sharpness", "frechet_distance", "coverage", "memorisation")
STATUS, WISH, FRAMES, LOSSES, FIXED = "status.json", "wish", "frames", "losses.jsonl", "fixed.npz"


@dataclass(frozen=True)
class Order:
    """One order: the folder it stands in, and everything about it, read anew each time."""

    owner: Owner
    folder: Path

    @property
    def token(self) -> str:
        return self.folder.name

    @property
    def model(self) -> str:
        """The name of the model it ends in."""
        return home.PREFIX + self.token

    @property
    def out(self) -> Path:
        return self.owner.folder / "models" / self.model

    @property
    def about(self) -> dict[str, Any]:
        """What was ordered."""
        return home.note(self.folder)

    @property
    def finished(self) -> bool:
        return (self.out / weights.CARD).is_file()

    def status(self) -> dict[str, Any]:
        """What the worker last said; `state` is always there."""
        try:
            held = files.read_json(self.folder / STATUS)
        except BadFile:
            held = {}
        return {"state": WAITING, **(held if isinstance(held, dict) else {})}

    @property
    def wish(self) -> str:
        """What its owner wants of it: one of `WISHES`."""
        try:
            word = (self.folder / WISH).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return "run"
        return word if word in WISHES else "run"

    def ask(self, wish: str) -> None:
        """Write down what its owner wants of it now. Raises `BadInput` for what cannot be wished."""
        if wish not in WISHES:
            raise BadInput(f"A training can be asked to {', '.join(WISHES)}, not to {str(wish)[:40]!r}.")
        files.write_bytes(self.folder / WISH, wish.encode())

    @property
    def due(self) -> bool:
        """Whether the worker has anything to do for it."""
        state, wish = self.status()["state"], self.wish
        if wish == "delete":
            return True
        if state == FAILED:
            return wish == "keep" and (self.out / weights.CHECKPOINT).is_file() and not self.finished
        return state != DONE and not (wish == "pause" and state == PAUSED)

    def remove(self) -> None:
        """Delete it with all that it made."""
        home.remove(self.out)
        home.remove(self.folder)


def of(owner: Owner) -> list[Order]:
    """Return an owner's orders, the newest first."""
    return [Order(owner, folder) for folder in reversed(owner.things("runs"))]


def find(token: str) -> Order | None:
    """Return an order by its token, whoever owns it."""
    folder = home.find("runs", token)
    return None if folder is None else Order(home.owner_of(folder), folder)


def place(
    owner: Owner,
    family: str,
    data: str,
    title: str,
    *,
    images: int,
    batch: int = 256,
    learning_rate: float | None = None,
    seed: int = 0,
    knobs: Mapping[str, Any] | None = None,
    data_knobs: Mapping[str, Any] | None = None,
    called: str | None = None,
    maps: Iterable[str] = ("umap", "pca"),
    threads: int | None = None,
) -> Order:
    """Put an order in the queue and return it; everything in it is checked first.

    `data` is a data set's name, or the token of this owner's own pictures. Raises `BadInput`, `UnknownName`.
    """
    from manigen import datasets, models
    from manigen.datasets import own

    card = models.card_of(family)
    settings = card.typed(knobs or {})
    if data in datasets.names():
        turned = datasets.card_of(data).typed(data_knobs or {})
    else:
        place, usual = owner.thing("pictures", data) / "ready", own.card.settings()
        turned = {name: value for name, value in own.prepared_settings(place).items() if value != usual[name]}
    waiting = [order for order in of(owner) if order.status()["state"] not in OVER]
    if len(waiting) >= MOST_WAITING:
        raise BadInput(f"You have {len(waiting)} trainings under way, which is the limit; wait for one, or delete it.")
    _, folder = owner.place("runs")
    home.write_note(
        folder,
        made=time.time(),
        title=" ".join(title.split())[:80] or card.title,
        family=family,
        data=data,
        called=called,
        images=checks.count(images, "images", 1, LONGEST),
        batch=checks.count(batch, "batch", 1, 4096),
        learning_rate=learning_rate,
        seed=seed,
        knobs=dict(settings),
        data_knobs=dict(turned),
        maps=list(maps),
        threads=threads,
    )
    return Order(owner, folder)


def remove_model(owner: Owner, name: str) -> None:
    """Delete one of an owner's models, and the training it came from. Raises `UnknownName`."""
    token = name.removeprefix(home.PREFIX)
    home.remove(owner.thing("models", token))
    run = owner.folder / "runs" / token
    if run.is_dir():
        home.remove(run)


def packed(folder: Path, title: str) -> bytes:
    """Return a model's folder as the bytes of a zip that `manigen.load` can read once it is unpacked."""
    import io
    import zipfile

    buffer = io.BytesIO()
    root = home.plain_name(title)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # the files in it are packed already
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                archive.write(path, f"{root}/{path.relative_to(folder).as_posix()}")
    return buffer.getvalue()
