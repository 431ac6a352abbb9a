"""Weights: trained generators on disk, each a folder that says everything about itself.

    weights/mnist-vae/  model.safetensors  sampler.npz  codes.npz  maps/umap.npz ...  card.json

The card holds the sha256 of every file beside it, the command that remakes the folder, the data set's licence and the
held-out figures. A file that is not what its card says is refused by name. Nothing here is ever unpickled. No data
set's pictures are stored: what a map shows is decoded from the codes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from manigen import checks, files, home, paths, seeds
from manigen.errors import BadFile, BadInput, ManigenError, unknown
from manigen.nearest import Nearest

if TYPE_CHECKING:
    from torch import Tensor

    from manigen.datasets.base import Images
    from manigen.models import Generator
    from manigen.projections import Map

SHIPPED = Path(__file__).resolve().parents[1] / "weights"
SPLITS = ("train", "test", "sample")  # where a row of codes comes from; `sample` is for models without an encoder
ROWS = 10_000  # codes kept from each split
ENTRIES = {"name": str, "family": str, "shape": list, "knobs": dict, "data": dict, "files": dict}  # of every card
MODEL, CODES, SAMPLER, CARD = "model.safetensors", "codes.npz", "sampler.npz", "card.json"
QUICK, TO_COME = "pca", "maps_to_come"  # the map that takes no time; the card's entry for those still to be fitted
CHECKPOINT = "checkpoint.safetensors"  # what a run that is not finished leaves in its folder


@dataclass(frozen=True, eq=False)
class Codes:
    """The codes a model comes with: what its maps show and its paths walk between.

    `z` (n, d) float32; `labels` (n,) index into `classes` or -1; `split` (n,) index into `SPLITS`; `rows` (n,) row in
    that split of the data set (for samples: the number of the draw); `error` (n,) mean squared error of the
    reconstruction, NaN where there is nothing to compare with; `nearest` (n,) the Euclidean distance to the nearest
    other code, where it was stored (measuring it again takes half a second).
    """

    z: np.ndarray
    labels: np.ndarray
    split: np.ndarray
    rows: np.ndarray
    error: np.ndarray
    classes: tuple[str, ...] = ()
    nearest: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.z)

    @property
    def taught(self) -> np.ndarray:
        """The codes (m, d) that paths walk among: of training pictures, so that held-out ones can judge the walk."""
        return self.z[self.split == 0] if (self.split == 0).any() else self.z

    def arrays(self) -> dict[str, np.ndarray]:
        """The columns as they are kept: codes and figures in half precision, which `in_half` codes do not feel."""
        nearest = self.nearest if self.nearest is not None else Nearest(self.z).find(self.z, k=2)[1][:, -1]
        return {
            "z": self.z.astype(np.float16) if np.array_equal(in_half(self.z), self.z) else self.z,
            "labels": self.labels.astype(np.int16),
            "split": self.split.astype(np.uint8),
            "rows": self.rows.astype(np.int32),
            "error": self.error.astype(np.float16),
            "nearest": nearest.astype(np.float16),
        }


def in_half(z: np.ndarray) -> np.ndarray:
    """Return codes (n, d) rounded to the eleven bits they are kept in, or as they are where those do not reach.

    A file is then half as large, and a step of one part in two thousand is far below what a picture shows.
    """
    rounded = z.astype(np.float16).astype(np.float32)
    return rounded if np.isfinite(rounded).all() else z


def round_weights(generator: Generator) -> None:
    """Round a generator's weights to the eleven bits they are kept in, so that what is measured is what ships."""
    import torch

    with torch.no_grad():
        for value in generator.state_dict().values():
            if value.dtype == torch.float32 and bool(value.half().isfinite().all()):
                value.copy_(value.half())


# --- finding and reading ----------------------------------------------------------------------------------------------


def places() -> list[Path]:
    """Return the folders models are looked for in: the shipped ones, then those named by MANIGEN_WEIGHTS."""
    own = [Path(place) for place in os.environ.get("MANIGEN_WEIGHTS", "").split(os.pathsep) if place]
    return [SHIPPED, *own]


def folders() -> dict[str, Path]:
    """Return every model's folder by its name."""
    found: dict[str, Path] = {}
    for place in places():
        for card in sorted(place.glob(f"*/{CARD}")) if place.is_dir() else []:
            found.setdefault(card.parent.name, card.parent)
    return found


def names() -> list[str]:
    """Return the names of the models at hand."""
    return list(folders())


def is_own(name: str) -> bool:
    """Say whether there is a finished model of somebody's own by this exact name."""
    folder = home.model(name)
    return folder is not None and (folder / CARD).is_file()


def folder_of(name_or_folder: str | Path) -> Path:
    """Return the folder of a model given by name ('-' and '_' are alike) or by path.

    Somebody's own model is found by its exact name, though it is listed nowhere. Raises `UnknownName` with the known
    names where there is none.
    """
    found = folders()
    text = str(name_or_folder)
    if is_own(text):
        return home.model(text)  # type: ignore[return-value]
    for name, folder in found.items():
        if name.replace("-", "_") == text.replace("-", "_"):
            return folder
    if isinstance(name_or_folder, Path) or os.sep in text or text.startswith("."):
        if (Path(text) / CARD).is_file():
            return Path(text)
        raise BadFile(f"{text} is no model's folder: there is no {CARD} in it.")
    raise unknown("model", text, list(found))


def info(name_or_folder: str | Path) -> dict[str, Any]:
    """Return a model's card, checked for the entries every card has."""
    folder = folder_of(name_or_folder)
    card = files.read_json(folder / CARD)
    card = card if isinstance(card, dict) else {}
    wrong = [entry for entry, kind in ENTRIES.items() if not isinstance(card.get(entry), kind)]
    if not wrong and not all(isinstance(side, int) for side in card["shape"]):
        wrong = ["a shape (c, h, w)"]
    if wrong:
        raise BadFile(f"{folder.name}/{CARD} is no model's card: it lacks {', '.join(wrong)}.")
    return card


def checked(folder: Path, file: str, card: Mapping[str, Any]) -> Path:
    """Return the path of a model's `file` once its sha256 is the one on the card, else raise `BadFile` naming both."""
    expected = card["files"].get(file)
    path = folder / file
    if expected is None or not path.is_file():
        raise BadFile(f"{folder.name} has no {file}.")
    found = files.sha256(path)
    if found != expected:
        raise BadFile(
            f"{folder.name}/{file} is damaged or was changed: "
            f"its sha256 is {found[:16]}..., its card says {expected[:16]}...."
        )
    return path


def load(name_or_folder: str | Path, device: str | None = None) -> Generator:
    """Return a trained generator by the name of a model at hand, or from a folder that `python -m manigen train` wrote.

    Raises `UnknownName` for a name that is not there, `BadFile` for a file that is damaged or fails its hash.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from manigen import foreign, measures, models, samplers

    folder = folder_of(name_or_folder)
    card = info(folder)
    path = checked(folder, MODEL, card)
    try:
        if foreign.is_one(card["family"]):
            generator: Generator = foreign.restore(card["family"], tuple(card["shape"]), card["knobs"], load_file(path))
        else:
            generator = models.build(card["family"], tuple(card["shape"]), card.get("seed", 0), **card["knobs"])
            generator.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = type(error).__name__
        raise BadFile(f"{folder.name}/{MODEL} does not hold the weights its card describes ({reason}).") from error
    generator.name = card["name"]
    if SAMPLER in card["files"]:
        generator.sampler = samplers.from_arrays(card["sampler"], files.read_npz(checked(folder, SAMPLER, card)))
    generator.features_of = measures.reader(str(card["data"].get("name", "")), generator.shape)
    if "geodesic" in card:
        generator.geodesic, generator.walk_knobs = card["geodesic"], paths.best_knobs(card)
    return generator.to(device or "cpu").eval().requires_grad_(False)


def codes(name_or_folder: str | Path) -> Codes:
    """Return the codes a model comes with."""
    folder = folder_of(name_or_folder)
    card = info(folder)
    held = files.read_npz(checked(folder, CODES, card))
    try:
        kinds = {"labels": np.int64, "split": np.int64, "rows": np.int64, "error": np.float32}
        if "nearest" in held:  # codes of before 0.1 have none
            kinds["nearest"] = np.float32
        columns = {name: held[name].astype(kind) for name, kind in kinds.items()}
        z = checks.codes(held["z"])
    except KeyError as missing:
        raise BadFile(f"{folder.name}/{CODES} lacks the array {missing}.") from None
    except (TypeError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise BadFile(f"{folder.name}/{CODES} holds other arrays than a model's codes: {reason}.") from None
    for name, column in columns.items():
        if column.shape != (len(z),):
            raise BadFile(f"{folder.name}/{CODES} holds {len(z):,} codes but {name} of shape {column.shape}.")
    return Codes(z, **columns, classes=tuple(card["data"].get("classes", ())))


def maps(name_or_folder: str | Path) -> list[str]:
    """Return the methods of the maps a model comes with, its best first."""
    return list(info(name_or_folder).get("maps", {}))


def load_map(name_or_folder: str | Path, method: str, z: np.ndarray | None = None) -> Map:
    """Return the fitted map a model comes with; `z` saves reading its codes again where they are at hand."""
    from manigen.projections import Map

    folder = folder_of(name_or_folder)
    card = info(folder)
    if method not in card.get("maps", {}):
        raise unknown("map", method, list(card.get("maps", {})))
    held = files.read_npz(checked(folder, f"maps/{method}.npz", card))
    return Map.from_arrays(held, codes(folder).z if z is None else z)


# --- making and writing -----------------------------------------------------------------------------------------------


def encode_splits(
    generator: Generator,
    train: Images,
    test: Images,
    rows: int = ROWS,
    seed: int = 0,
    progress: Callable[[float], None] = lambda share: None,
) -> Codes:
    """Return the codes of at most `rows` train and `rows` test pictures, or as many samples where nothing encodes.

    `progress` hears the share that is done, in [0, 1].
    """
    if not generator.encodes:
        z = in_half(generator.sample_codes(2 * rows, seed))
        blank = np.full(len(z), np.nan, np.float32)
        return Codes(z, np.full(len(z), -1), np.full(len(z), 2), np.arange(len(z)), blank, train.classes)
    parts: list[tuple[np.ndarray, ...]] = []
    picked = [
        np.sort(seeds.numpy_stream(seed, split).permutation(len(images))[:rows])
        for split, images in enumerate((train, test))
    ]
    done, total = 0, sum(map(len, picked))
    for split, images in enumerate((train, test)):
        for at in range(0, len(picked[split]), generator.chunk):
            chosen = picked[split][at : at + generator.chunk]
            x = images.take(chosen).float()
            z = in_half(generator.encode(x))
            error = np.square(generator.decode(z) - x).mean(axis=(1, 2, 3), dtype=np.float64)
            parts.append((z, images.labels[chosen], np.full(len(chosen), split), chosen, error.astype(np.float32)))
            done += len(chosen)
            progress(done / total)
    z, labels, splits, numbers, errors = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Codes(z, labels, splits, numbers, errors, train.classes)


def make(
    generator: Generator,
    train: Images,
    test: Images,
    *,
    maps: tuple[str, ...] = ("umap", "tsne", "pca"),
    sampler: str = "normal",
    rows: int = ROWS,
    seed: int = 0,
    measured: Collection[str] | None = (),
    progress: Callable[[str], None] = lambda stage: None,
) -> tuple[Codes, dict[str, Map], dict[str, Any]]:
    """Give a trained generator its sampler, codes, maps and held-out figures, which are all or those named `measured`.

    None are taken where that is None.

    `progress` hears each stage in words.
    """
    from manigen import projections, samplers

    progress("encoding")
    round_weights(generator)
    at_hand = encode_splits(generator, train, test, rows, seed)
    if generator.encodes and sampler != "normal":
        progress(f"fitting the {sampler} sampler")
        generator.sampler = samplers.fit(sampler, at_hand.z[at_hand.split == 0], seed)
    fitted: dict[str, Map] = {}
    for method in maps:
        progress(f"fitting the {method} map of {len(at_hand):,} codes")
        fitted[method] = projections.fit_map(at_hand.z, method, seed)
    if measured is None:
        return at_hand, fitted, {}
    progress("measuring on held-out pictures")
    return at_hand, fitted, held_out_figures(generator, train, test, seed, measured)


def held_out_figures(
    generator: Generator, train: Images, test: Images, seed: int = 0, only: Collection[str] = ()
) -> dict[str, Any]:
    """Return what a card says of a generator on held-out pictures: every measure but those of this machine, flat.

    Or `only` those named, as far as this generator can answer them.

    `coverage` stands beside `coverage_real`, the same figure for real pictures, and `coverage_n`.
    """
    from manigen import measures

    same_everywhere = [name for name, card in measures.cards().items() if not card.facts.get("machine")]
    return measures.flat(measures.report(generator, train, test, seed, list(only) or same_everywhere, cached=False))


def save(
    generator: Generator,
    folder: str | Path,
    codes: Codes,
    maps: Mapping[str, Map],
    measured: Mapping[str, Any],
    data: Mapping[str, Any],
    **facts: Any,
) -> Path:
    """Write a generator with its codes, maps and card to `folder`, all of it or nothing.

    `data` describes the data set (name, sha256, licence, classes); `facts` go on the card as they are (title, command,
    training figures). Raises `ManigenError` where the disk is full.
    """
    from safetensors.torch import save as to_bytes

    folder = place_for(folder)
    with _scratch_beside(folder) as fresh:
        state = {name: _kept(value.detach().cpu().contiguous()) for name, value in generator.state_dict().items()}
        files.write_bytes(fresh / MODEL, to_bytes(state))
        files.write_npz(fresh / CODES, codes.arrays())
        if generator.sampler is not None:
            files.write_npz(fresh / SAMPLER, generator.sampler.arrays())
            facts = {**facts, "sampler": type(generator.sampler).__module__.rpartition(".")[2]}
        about = {}
        for method, fitted in maps.items():
            about[method] = _write_map(fresh, method, fitted)
        written = [path for path in sorted(fresh.rglob("*")) if path.is_file()]
        hashes = {path.relative_to(fresh).as_posix(): files.sha256(path) for path in written}
        card = {
            "name": folder.name,
            "family": generator.family,
            "shape": list(generator.shape),
            "dim": generator.dim,
            "encodes": generator.encodes,
            "knobs": generator.knobs,
            "seed": generator.seed,
            "data": dict(data),
            **facts,
            "measures": dict(measured),
            "maps": about,
            "files": hashes,
        }
        files.write_json(fresh / CARD, card)
        _swap(fresh, folder)
    return folder


def _write_map(folder: Path, method: str, fitted: Map) -> dict[str, Any]:
    """Write a map into a model's folder, and return what its card says of it."""
    from manigen import measures

    files.write_npz(folder / "maps" / f"{method}.npz", fitted.arrays())
    about = {"knobs": fitted.knobs, "seed": fitted.seed, "codes": len(fitted.z)}
    return about | measures.of_map(fitted)


def soon(wanted: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which of the maps `wanted` a model can have at once, and which are to come; one it has in any case.

    >>> soon(("umap", "pca")), soon(("tsne",)), soon(("pca",))
    ((('pca',), ('umap',)), (('pca',), ('tsne',)), (('pca',), ()))
    """
    return (QUICK,), tuple(method for method in wanted if method != QUICK)


@contextmanager
def changing_card(name_or_folder: str | Path) -> Iterator[dict[str, Any]]:
    """Give a finished model's card, and write what becomes of it; whoever else wants to change it waits."""
    import filelock

    folder = folder_of(name_or_folder)
    with filelock.FileLock(folder / f".{CARD}.lock", timeout=60):
        card = info(folder)
        yield card
        files.write_json(folder / CARD, card)


def add_figures(folder: str | Path, measured: Mapping[str, Any]) -> None:
    """Put held-out figures on the card of a finished model."""
    with changing_card(folder) as card:
        card["measures"] = dict(measured)


def set_sampler(
    folder: str | Path,
    facts: Mapping[str, Any],
    generator: Generator | None = None,
    measured: Mapping[str, Any] | None = None,
) -> None:
    """Put on a finished model's card which sampler is its own, and why (`choice.Choice.facts`).

    Where it is another than before, `generator` has it, and `measured` are the held-out figures with it.
    """
    folder = folder_of(folder)
    with changing_card(folder) as card:
        for name in ("samplers", "samplers_copying"):
            card.pop(name, None)
        card |= facts
        if generator is not None:
            card["files"].pop(SAMPLER, None)
            if generator.sampler is not None:  # it takes the old one's place once it is written whole
                files.write_npz(folder / SAMPLER, generator.sampler.arrays())
                card["files"][SAMPLER] = files.sha256(folder / SAMPLER)
            card["measures"] = dict(measured or {})
    if SAMPLER not in card["files"]:
        (folder / SAMPLER).unlink(missing_ok=True)


def add_map(folder: str | Path, method: str, fitted: Map) -> None:
    """Put a map that was still to come among those of a finished model, as its best."""
    folder = folder_of(folder)
    about, file = _write_map(folder, method, fitted), f"maps/{method}.npz"
    with changing_card(folder) as card:
        card["maps"] = {method: about, **card["maps"]}
        card["files"][file] = files.sha256(folder / file)
        card[TO_COME] = [other for other in card.get(TO_COME, ()) if other != method]


def _kept(value: Tensor) -> Tensor:
    """A weight as it is written: in half precision where `round_weights` has made that exact."""
    import torch

    half = value.half() if value.dtype == torch.float32 else value
    return half if torch.equal(half.to(value.dtype), value) else value


def place_for(folder: str | Path) -> Path:
    """Return `folder` as an absolute path, once a model may go there: it is new, empty, or holds a model or a run.

    Raises `BadInput` where it holds anything else, which is left alone.
    """
    folder = Path(os.path.abspath(os.path.expanduser(folder)))
    if not folder.exists() or (folder / CARD).is_file():
        return folder
    if not folder.is_dir():
        raise BadInput(f"{folder} is a file, and a model needs a folder; name another.")
    others = sorted(entry.name for entry in folder.iterdir() if not entry.name.lstrip(".").startswith(CHECKPOINT))
    if others:
        raise BadInput(f"{folder} holds other files ({others[0]}, ...) and is left alone; name another folder.")
    return folder


@contextmanager
def _scratch_beside(folder: Path) -> Iterator[Path]:
    """Give a path beside `folder` to write in, on the same disk; whatever is left of it goes in the end."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.")
    except OSError as error:
        raise ManigenError(f"{folder} could not be written: {error.strerror or error}.") from error
    with scratch as place:
        yield Path(place) / "new"


def _swap(fresh: Path, folder: Path) -> None:
    """Put `fresh` in `folder`'s place; what was there goes only once the new one stands."""
    old = fresh.with_name("old")
    try:
        if folder.exists():
            os.replace(folder, old)
        os.replace(fresh, folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            os.replace(old, folder)
        raise ManigenError(f"{folder} could not be written: {error.strerror or error}.") from error
    shutil.rmtree(old, ignore_errors=True)
