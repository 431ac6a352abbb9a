"""Columns: what the Compare page's front end shows of each model, in words, numbers and pictures.

A section is one question; its cells are the models' answers, each a row of pictures as one PNG and an item for every
picture. What is still being worked out is pending, what cannot be answered says why.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from manigen.comparison import words
from manigen.errors import ManigenError
from manigen.figures import pictures
from manigen.live.jobs import level
from manigen.ui.comparing import Met, Reconstructed, Sampled, Walked, short
from manigen.ui.text import card_text, text

Answer = Future[Any] | None


def sprite(x: np.ndarray) -> str:
    """Return pictures uint8 (n, h, w, c) side by side as the address of a PNG that holds itself."""
    return "data:image/png;base64," + base64.b64encode(pictures.png(pictures.sheet(x, len(x), 0))).decode()


def originals(x: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Return the cell of the real pictures uint8 (n, h, w, c), each of a class, which may be ""."""
    items = [_item(text("cmp_real_item", n=at + 1), _of_class(name)) for at, name in enumerate(classes)]
    return {"url": sprite(x), "items": items, "foot": text("cmp_real_foot"), "real": True}


def words_only(sentence: str) -> dict[str, Any]:
    """Return the cell that says why there is nothing else in it."""
    return {"words": sentence}


def of_reconstructed(answer: Answer, classes: Sequence[str]) -> dict[str, Any]:
    """Return a model's cell of the held-out pictures."""
    made = _ready(answer)
    if not isinstance(made, Reconstructed):
        return made
    items = [
        _item(text("cmp_rebuilt_item", n=at + 1, name=_of_class(name)), text("cmp_error", value=words(float(error))))
        for at, (name, error) in enumerate(zip(classes, made.error, strict=True))
    ]
    mean = words(float(made.error.mean()))
    return {"url": sprite(made.x), "items": items, "foot": text("cmp_rebuilt_foot", value=mean)}


def of_sampled(answer: Answer, near: Answer, encodes: bool) -> dict[str, Any]:
    """Return a model's cell of samples, the nearest training picture under each."""
    made, met = _ready(answer), _ready(near)
    if not isinstance(made, Sampled):
        return made
    found = met if isinstance(met, Met) else None
    items = []
    for at, distance in enumerate(made.distance):
        captions = [text("cmp_from_data", value=f"{distance:.2f}")] if encodes else []
        copied = False
        if found is not None:
            captions.append(text("cmp_from_training", value=words(float(found.distance[at]))))
            copied = found.usual is not None and bool(found.distance[at] < found.usual[0])
            captions += [text("cmp_close")] * copied
        item = _item(text("cmp_sample_item", n=at + 1), " · ".join(captions), level(float(distance)) if encodes else "")
        items.append(item | {"copied": copied, "under": words(float(found.distance[at])) if found else ""})
    cell: dict[str, Any] = {"url": sprite(made.x), "items": items, "foot": ""}
    if found is None:
        reason = "cmp_no_training" if met is None else "cmp_searching"
        return cell | {"foot": met["words"] if isinstance(met, dict) and "words" in met else text(reason)}
    middle = words(float(np.median(found.distance)))
    cell |= {"pairs": sprite(found.x), "pairsReal": found.real}
    if found.usual is None:
        return cell | {"foot": text("cmp_near_foot_codes", value=middle)}
    close = sum(item["copied"] for item in items)
    return cell | {"foot": text("cmp_near_foot", value=middle, close=close, n=len(items))}


def of_walked(answer: Answer, encodes: bool) -> dict[str, Any]:
    """Return a model's cell of a walk."""
    made = _ready(answer)
    if not isinstance(made, Walked):
        return made
    last = len(made.x) - 1
    items = []
    for at, distance in enumerate(made.distance):
        name = text("cmp_frame_item", percent=round(100 * at / last), start=made.ends[0], end=made.ends[1])
        far = text("cmp_from_data" if encodes else "cmp_from_draws", value=f"{distance:.2f}")
        items.append(_item(name, far, level(float(distance))))
    farthest = f"{made.distance.max():.2f}"
    foot = text(
        "cmp_walk_foot" if encodes else "cmp_walk_foot_draws", value=farthest, start=made.ends[0], end=made.ends[1]
    )
    return {"url": sprite(made.x), "items": items, "foot": foot}


def head(card: Mapping[str, Any], several: bool) -> dict[str, Any]:
    """Return what stands at the head of a model's column; `tag` is its name without the data set's."""
    name = card["name"]
    title = card_text(card.get("title", name)) if several else card_text(short(card))
    tag = name if several else name.removeprefix(f"{card['data'].get('name', '')}-")
    about = text("cmp_dims", family=card["family"], dim=card["dim"])
    if several:
        about = f"{card['data'].get('title', '')} · {about}"
    return {"name": name, "title": title, "bare": card_text(short(card)), "tag": tag, "about": about}


def _item(label: str, caption: str, how: str = "") -> dict[str, Any]:
    return {"label": label, "caption": caption, "level": how}


def _of_class(name: str) -> str:
    return text("cmp_class", name=name) if name else ""


def _ready(answer: Answer) -> Any:
    """What was answered; a cell that says pending, or what went wrong; None where nothing was asked."""
    if answer is None:
        return None
    if not answer.done():
        return {"pending": text("cmp_pending")}
    try:
        return answer.result()
    except ManigenError as problem:
        return words_only(str(problem))
