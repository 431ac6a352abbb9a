"""Bringing a model: files become a draft, the draft is probed and put right, and then becomes a model like any other.

    drafts/TOKEN/files/...        what was uploaded, unpacked; nothing of it is executed
    drafts/TOKEN/about.json       title, knobs, pictures to encode, model (its token once it is there)
    drafts/TOKEN/progress.json    how far that is, or why it failed

A zip of a model's folder made by ManiGen needs no putting right: it is checked, hash by hash, and is a model at once.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from manigen import files, home, weights
from manigen.errors import BadFile, BadInput, ManigenError
from manigen.home import Owner
from manigen.workshop import errand, pace

TAKEN = (".onnx", ".safetensors", ".json", ".npz", ".ts", ".pt2", ".torchscript")
REFUSED = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".h5", ".keras", ".pb", ".tflite")
MOST_FILES, MOST_BYTES = 64, 2_000_000_000
ROWS = 3000  # codes kept of each split


def take(owner: Owner, uploaded: Iterable[tuple[str, BinaryIO]]) -> str:
    """Put uploaded files, (name, open file), into an owner's drafts, zips unpacked, and return the draft's token.

    Raises `BadFile` for a zip that is none, or holds too much; `BadInput` where the quota does not hold it.
    """
    given = list(uploaded)
    if not given:
        raise BadInput("No file was uploaded.")
    token, folder = owner.place("drafts")
    try:
        for name, file in given:
            file.seek(0)
            if name.lower().endswith(".zip"):
                _unpack(owner, name, file, folder / "files")
            else:
                file.seek(0, os.SEEK_END)
                owner.check_room(file.tell())
                file.seek(0)
                _keep(PurePosixPath(name.replace("\\", "/")).name, file, folder / "files")
    except BaseException:
        home.remove(folder)
        raise
    home.write_note(folder, made=time.time(), title=_called(given[0][0]))
    return token


def _called(file: str) -> str:
    """What a model is called by the name of its first file; nothing where that is what all such files are called.

    >>> _called("taef2_decoder.safetensors"), _called("my-vae.onnx"), _called("vae/config.json")
    ('taef2', 'my-vae', '')
    """
    stem = re.sub(r"[-_ ]*(en|de)coder$", "", PurePosixPath(file.replace("\\", "/")).stem, flags=re.IGNORECASE)
    return "" if stem in ("config", "model", "diffusion_pytorch_model") else stem.replace("_", " ")[:80]


def _unpack(owner: Owner, name: str, file: BinaryIO, to: Path) -> None:
    try:
        archive = zipfile.ZipFile(file)
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _hidden(entry.filename)]
    except (zipfile.BadZipFile, OSError, ValueError):
        raise BadFile(f"{name} is no whole zip file; it may have been cut short on its way here.") from None
    size = sum(entry.file_size for entry in entries)
    if len(entries) > MOST_FILES or size > MOST_BYTES:
        raise BadFile(
            f"{name} holds more than {MOST_FILES} files, or {home.megabytes(MOST_BYTES)}; pack the model only."
        )
    owner.check_room(size)
    with archive:
        for entry in entries:
            parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
            if ".." in parts or entry.filename.startswith("/") or (entry.external_attr >> 16) & 0o170000 == 0o120000:
                raise BadFile(f"{name} holds a name that leads outside of it, and is refused.")
            try:
                with archive.open(entry) as inner:
                    _keep(str(PurePosixPath(*[home.plain_name(part) for part in parts])), inner, to, entry.file_size)
            except (zipfile.BadZipFile, RuntimeError, EOFError, OSError, NotImplementedError):
                raise BadFile(f"{entry.filename[:80]} in {name} is damaged, or locked by a password.") from None


def _hidden(name: str) -> bool:
    return any(
        (part.startswith(".") and part not in (".", "..")) or part == "__MACOSX" for part in PurePosixPath(name).parts
    )


def _keep(name: str, file: Any, to: Path, most: int = MOST_BYTES) -> None:
    """Write one file of a kind that can be read; one that would be refused anyway leaves an empty mark of itself."""
    end = PurePosixPath(name).suffix.lower()
    place = to / name
    if end not in TAKEN and end not in REFUSED:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with files.written_whole(place) as out:
        left = 0 if end in REFUSED else most
        while left > 0 and (piece := file.read(min(left, 1 << 20))):
            out.write(piece)
            left -= len(piece)


# --- a folder made by ManiGen -----------------------------------------------------------------------------------------


def made_here(folder: Path) -> Path | None:
    """Return the folder of a model made by ManiGen among a draft's files, None where there is none."""
    found = [path.parent for path in folder.rglob(weights.CARD) if (path.parent / weights.MODEL).is_file()]
    return found[0] if len(found) == 1 else None


def install(owner: Owner, source: Path, title: str | None = None) -> str:
    """Check a model's folder made by ManiGen, hash by hash, and put it among an owner's models; return its name.

    Raises `BadFile` for a file that is missing, damaged or changed, or holds code.
    """
    from manigen import foreign

    card = weights.info(source)
    foreign.check_allowed(str(card["family"]))
    for name in card["files"]:
        if ".." in PurePosixPath(str(name)).parts or PurePosixPath(str(name)).is_absolute():
            raise BadFile("The model's card names files outside of it, and is refused.")
        weights.checked(source, name, card)
    generator, codes = weights.load(source), weights.codes(source)
    if codes.z.shape[1] != generator.dim:
        raise BadFile(f"The model's codes have {codes.z.shape[1]} numbers, but its decoder takes {generator.dim}.")
    for method in weights.maps(source):
        weights.load_map(source, method, codes.z)
    token, folder = owner.place("models")
    name = home.PREFIX + token
    for path in card["files"]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, folder / path)
    said = title or card.get("title") or source.name
    files.write_json(folder / weights.CARD, {**card, "name": name, "title": str(said)[:80]})
    return name


# --- a foreign model --------------------------------------------------------------------------------------------------


def build(
    generator: Any,
    out: str | Path,
    title: str,
    train: Any = None,
    test: Any = None,
    *,
    short: int = 0,
    maps: Iterable[str] = ("pca",),
    to_come: Iterable[str] = (),
    rows: int = ROWS,
    command: str = "",
    data: str = "",
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> Path:
    """Make a model's folder of a foreign generator: codes of pictures (or samples), maps, a card. Return the folder.

    `short` > 0 shortens codes to that many of their widest directions over the training pictures; maps `to_come` are
    fitted when it is opened. `data` is the data set's name, anything else for one's own pictures. `progress` hears
    each stage in words, and the share of it that is done, in [0, 1].
    """
    import numpy as np

    from manigen import datasets, projections, samplers, seeds

    share, about = None, {"name": "unknown", "title": title, "sha256": "", "licence": "yours", "classes": []}
    if generator.encodes and train is not None:
        if short:
            some = np.sort(seeds.numpy_stream(0).permutation(len(train))[: min(rows, max(1000, 4 * short))])
            parts = []
            for at in range(0, len(some), generator.chunk):
                progress("finding the code's strongest directions", at / len(some))
                parts.append(generator.encode(train.take(some[at : at + generator.chunk]).float()))
            share = generator.shorten(np.concatenate(parts), short)
        progress("encoding the pictures", 0.0)
        codes = weights.encode_splits(
            generator, train, test, rows, progress=lambda share: progress("encoding the pictures", share)
        )
        generator.sampler = samplers.fit("mixture", codes.z[codes.split == 0], 0)
        about |= {"name": train.name, "title": train.name, "sha256": train.sha256, "classes": list(train.classes)}
        if data in datasets.names():
            card = datasets.card_of(data)
            about |= {"title": card.title, "licence": card.facts.get("licence", "")}
    else:
        z = weights.in_half(generator.sample_codes(2 * rows // 3, 0))
        count = len(z)
        blank = np.full(count, np.nan, np.float32)
        codes = weights.Codes(z, np.full(count, -1), np.full(count, 2), np.arange(count), blank)
    fitted = {}
    for method in maps:
        progress(f"fitting the {method} map of {len(codes):,} codes", 0.0)
        fitted[method] = projections.fit_map(codes.z, method, 0)
    measured = {}
    if generator.encodes and train is not None:
        held = codes.error[codes.split == 1]
        measured = {"reconstruction_mse": float(held.mean()), "reconstruction_mse_n": len(held)}
    progress("writing the model", 0.0)
    facts: dict[str, Any] = {"code_kept": share} if share is not None else {}
    facts |= {weights.TO_COME: list(to_come)} if to_come else {}
    return weights.save(
        generator, out, codes, fitted, measured, about,
        title=title, sentence=f"A model that was brought: {generator.family}.", command=command, trained={},
        differentiable=generator.differentiable, **facts,
    )  # fmt: skip


# --- the server's side ------------------------------------------------------------------------------------------------


def begin(owner: Owner, folder: Path, **about: Any) -> None:
    """Begin to make a model of a draft in a process of its own: `knobs`, `title`, `short`, `data`, `maps`."""
    errand.begin(__name__, folder, lambda: home.write_note(folder, owner=owner.name, **about))


def pictures(owner: Owner, data: str, shape: tuple[int, int, int]) -> tuple[Any, Any]:
    """Return the train and test pictures to encode, of this shape: a data set's, or an owner's own by their token."""
    from manigen import datasets

    if data in datasets.names():
        sets = [datasets.load(data, split) for split in ("train", "test")]
    else:
        folder = owner.thing("pictures", data)
        about = home.note(folder)
        knobs = {**about.get("knobs", {}), "size": shape[1], "channels": "grey" if shape[0] == 1 else "colour"}
        ready = about.get("shape") == list(shape)
        sets = [
            datasets.load(folder / "ready", split) if ready else datasets.load(folder / about["file"], split, **knobs)
            for split in ("train", "test")
        ]
    if sets[0].shape != tuple(shape):
        raise BadInput(f"These pictures are {sets[0].shape}, and this model takes {tuple(shape)}; choose others.")
    return sets[0], sets[1]


def some_pictures(owner: Owner, data: str, shape: tuple[int, int, int], most: int) -> Any:
    """Return at most `most` pictures (n, c, h, w) in [0, 1], spread over a data set or an owner's own, in this shape.

    Raises `ManigenError` where there are none.
    """
    import numpy as np

    from manigen import datasets
    from manigen.datasets import own

    if data in datasets.names():
        held = datasets.load(data, "test")
        x = held.take(np.linspace(0, len(held) - 1, min(most, len(held))).astype(int)).float()
    else:
        folder = owner.thing("pictures", data)
        about = home.note(folder)
        knobs = {**about.get("knobs", {}), "size": shape[1], "channels": "grey" if shape[0] == 1 else "colour"}
        seen = own.glance(folder / about["file"], most, **knobs)
        x = np.stack([picture for _, picture in seen.shown]).astype(np.float32) / 255
    if x.shape[1:] != tuple(shape):
        raise BadInput(f"These pictures are {x.shape[1:]}, and this model takes {tuple(shape)}; choose others.")
    return x


def bring(folder: Path) -> None:
    """Make a model of a draft, and write down where it is; called in the process of its own."""
    from manigen import foreign

    about = home.note(folder)
    owner = Owner(about["owner"])

    try:
        errand.tell(folder, stage="opening", share=0.0)
        found = foreign.probe(folder / "files")
        generator = found.open(found.settings(about.get("knobs")))
        data: Mapping[str, Any] | str | None = about.get("data")
        train, test = pictures(owner, str(data), generator.shape) if data and generator.encodes else (None, None)
        _, out = owner.place("models", folder.name)
        maps, to_come = weights.soon(about.get("maps", (weights.QUICK,)))
        build(
            generator, out, about["title"], train, test,
            short=int(about.get("short", 0)), maps=maps, to_come=to_come, data=str(data or ""),
            progress=lambda words, share: errand.tell(folder, stage=words, share=round(share, 3)),
        )  # fmt: skip
        errand.tell(folder, model=out.name)
    except ManigenError as error:
        _withdraw(owner, folder.name)
        errand.tell(folder, error=str(error))
    except Exception as error:
        _withdraw(owner, folder.name)
        errand.tell(folder, error=f"The model could not be brought in ({type(error).__name__}: {str(error)[:160]}).")
        raise


def _withdraw(owner: Owner, token: str) -> None:
    """Take back the place of a model that was not made."""
    with suppress(ManigenError):
        home.remove(owner.thing("models", token))


def main() -> None:
    import torch

    if hasattr(os, "nice"):
        os.nice(5)
    torch.set_num_threads(pace.threads())
    bring(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
