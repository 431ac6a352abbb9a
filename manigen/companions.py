"""Companions: further decoders for a generator that has one, so that it too can say where it is guessing.

    minimise over D_j   mean_i |D_j(z_i) - D(z_i)|^2        for each companion j; D and the encoder stay as they are

They learn, from other first weights, to paint what the generator paints at the codes of real pictures. There they come
to agree with it; elsewhere nothing has told them what to paint, and they do not: `generator.fog`. No picture of the
data set is needed. What they disagree by means ignorance only once they have learned, so two things are looked at on
codes that were not taught: how much of the pictures they still miss, and how often fog is thicker at a code far from
all data than at a held-out one. Both are said, and both must be good before fog is called meaningful.

They are fitted once for a generator's weights and codes, and kept in the user's cache. A generator that learned with
several decoders of its own is looked at in the same two ways, its others beside its first: see `own`.

Source: Syrota, Moreno-Munoz, Hauberg 2024, Decoder ensembling for learned latent geometries
(https://arxiv.org/abs/2408.07507); to learn a fixed network's answers and to take the error for ignorance: Burda,
Edwards, Storkey, Klimov 2018, Exploration by Random Network Distillation (https://arxiv.org/abs/1810.12894).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from manigen import files, seeds
from manigen.errors import BadFile, NotPossible
from manigen.nearest import Nearest

if TYPE_CHECKING:
    from manigen.models import Generator
    from manigen.weights import Codes

VERSION = 1  # to be raised when what is fitted changes
COUNT, WIDTH = 4, 16  # companions, and channels of their first layer
ROUNDS, BATCH, RATE = 12, 64, 2e-3
MOST = 10_000  # codes they learn from
LOOK = 512  # codes that are not taught, and as many far from all, that fog is looked at on
FAR = 1.5  # how far those lie at least: where a page says that the model is guessing
MISSED = 0.1  # share of the pictures' variance that they may still miss
APART = 0.9  # how often fog must be thicker far from data

Progress = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Companions:
    """Decoders (each an `nn.Module`), and how well they have learned: see `meaningful`.

    Of a generator's `own` decoders there are only the figures.

    `error` is the root mean square by which they miss the generator's pictures at codes that were not taught, pixels in
    [0, 1]; `missed` the share of those pictures' variance that it is; `apart` how often, in [0, 1], fog is thicker at a
    code far from data than at one of those, 0.5 being chance.
    """

    decoders: tuple[Any, ...]
    error: float
    missed: float
    apart: float
    own: bool = False

    @property
    def meaningful(self) -> bool:
        """Whether what they disagree by says where the model is guessing."""
        return self.missed <= MISSED and self.apart >= APART

    @property
    def words(self) -> str:
        """Return in a sentence whether their fog means anything, with the figures."""
        told = f"it is thicker far from data than near them in {self.apart:.0%} of cases"
        whose = "decoders of its own" if self.own else "companions"
        if self.meaningful:
            whose = f"{whose}, taught alike" if self.own else f"{whose} fitted to it"
            return f"This model's fog comes from {whose}: {told}."
        still = f", and they still miss {self.missed:.0%} of what it paints" if self.missed > MISSED else ""
        return f"This model's fog comes from {whose} that are not trained well enough to mean much: {told}{still}."


def folder() -> Path:
    """Return the folder of this user's cache in which companions are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("manigen", appauthor=False)) / "companions"


def key(generator: Generator, codes: Codes) -> str:
    """Return what tells a generator's companions from all others: its weights, its codes, and this file's version."""
    digest = hashlib.sha256(f"companions {VERSION} {generator.shape} {generator.dim}".encode())
    for name, value in generator.state_dict().items():
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    digest.update(np.ascontiguousarray(codes.z).tobytes())
    return digest.hexdigest()[:40]


def join(generator: Generator, codes: Codes, look: bool = False) -> bool:
    """Give a generator with one decoder the companions that were fitted for it before; say whether there are some.

    With `look` one with decoders of its own is told what their fog means, where that can be told; see `own`.
    """
    if generator.members > 1:
        if look and not generator.companions_words:
            with suppress(NotPossible):
                generator.companions_words = own(generator, codes).words
        return True
    found = known(generator, codes)
    if found is not None:
        generator.companions, generator.companions_words = found.decoders, found.words
    return found is not None


def known(generator: Generator, codes: Codes) -> Companions | None:
    """Return the companions fitted for a generator before, or None; a file that cannot be read goes."""
    import torch

    path = folder() / f"{key(generator, codes)}.npz"
    if not path.is_file():
        return None
    try:
        held = files.read_npz(path)
        decoders = _fresh(generator, 0)
        for j, decoder in enumerate(decoders):
            decoder.load_state_dict(
                {name: torch.from_numpy(held[f"{j}.{name}"]).float() for name in decoder.state_dict()}
            )
        return Companions(_ready(decoders, generator), *held["told"].tolist())
    except (BadFile, KeyError, RuntimeError, TypeError):
        path.unlink(missing_ok=True)
        return None


def own(generator: Generator, codes: Codes, seed: int = 0) -> Companions:
    """Return how far the fog of a generator's own decoders can be believed, from the cache where it was looked at.

    `missed` is what the others miss of the first one's pictures. Raises `NotPossible` where there is one decoder only,
    or where there are few codes.
    """
    import torch

    path = folder() / f"{key(generator, codes)}.npz"
    with suppress(BadFile, KeyError, ValueError):
        error, missed, apart = files.read_npz(path)["told"].tolist()
        return Companions((), error, missed, apart, own=True)
    taught, other = _shared_out(codes, seed)
    errors = []
    with torch.inference_mode():
        for at in range(0, len(other), BATCH):
            first, *others = generator.members_batch(torch.from_numpy(other[at : at + BATCH]).to(generator.device))
            errors.append(torch.stack([(x - first).square().flatten(1).mean(1) for x in others]).mean(0).cpu().numpy())
    error = float(np.concatenate(errors).mean())
    share = error / max(float(generator.decode(other).var(0).mean()), 1e-12)
    found = Companions((), error**0.5, share, _apart(generator.fog, taught, other, seed), own=True)
    with suppress(OSError):  # a walk does not fail because nothing can be kept
        files.write_npz(path, {"told": np.array([found.error, found.missed, found.apart])})
    return found


def fit(
    generator: Generator,
    codes: Codes,
    progress: Progress = lambda share, words: None,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Companions:
    """Return companions for a generator, from the cache where they were fitted before.

    `progress` hears the share done and what is being done; what it raises ends the fit, and nothing is kept.
    Raises `NotPossible` where the decoder is no smooth network, its pictures are no squares, or there are few codes.
    """
    if (held := known(generator, codes)) is not None:
        return held
    import torch

    if not generator.differentiable:
        raise NotPossible(f"{generator.name} has no smooth decoder, so no companions can be fitted to it.")
    taught, other = _shared_out(codes, seed)
    decoders = [decoder.to(generator.device) for decoder in _fresh(generator, seed)]
    progress(0.0, "painting what they are to learn")
    x = np.concatenate([np.rint(255 * generator.decode(taught[at : at + 512])).astype(np.uint8)
                        for at in range(0, len(taught), 512)])  # fmt: skip
    z, pictures = (torch.from_numpy(part).to(generator.device) for part in (taught, x))
    adam = torch.optim.Adam([weight for decoder in decoders for weight in decoder.parameters()], RATE)
    steps = rounds * -(-len(z) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps, RATE / 50)
    rng = seeds.torch_stream(seed)
    others, truth = (torch.from_numpy(part).to(generator.device) for part in (other, generator.decode(other)))
    done = 0
    for round_ in range(rounds):
        orders = [torch.randperm(len(z), generator=rng) for _ in decoders]
        for at in range(0, len(z), BATCH):
            adam.zero_grad()
            for decoder, order in zip(decoders, orders, strict=True):
                rows = order[at : at + BATCH].to(generator.device)
                missed = decoder(z[rows]) - pictures[rows].float() / 255
                missed.square().flatten(1).sum(1).mean().backward()
            adam.step()
            schedule.step()
            done += 1
            if done % 8 == 0:
                progress(done / steps, f"round {round_ + 1} of {rounds}")
    with torch.inference_mode():
        error = np.mean([(decoder(others) - truth).square().mean().item() for decoder in decoders])
    share = float(error / max(float(truth.var(0).mean()), 1e-12))
    made = _ready(decoders, generator)

    def fog(z: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            codes = torch.from_numpy(np.ascontiguousarray(z)).to(generator.device)
            all_ = torch.stack([generator.decode_batch(codes), *(decoder(codes) for decoder in made)])
            return all_.var(0).flatten(1).mean(1).sqrt().cpu().numpy()

    found = Companions(made, float(error**0.5), share, _apart(fog, taught, other, seed))
    arrays = {
        f"{j}.{name}": value.half().cpu().numpy()
        for j, decoder in enumerate(made)
        for name, value in decoder.state_dict().items()
    }
    told = np.array([found.error, found.missed, found.apart])
    files.write_npz(folder() / f"{key(generator, codes)}.npz", {**arrays, "told": told})
    return found


def _fresh(generator: Generator, seed: int) -> list[Any]:
    """Decoders that have learned nothing, each with first weights of its own."""
    from manigen.errors import BadInput
    from manigen.models import build

    knobs = {"dim": generator.dim, "width": WIDTH}
    try:
        return [build("autoencoder", generator.shape, seed + j, **knobs).decoder for j in range(1, COUNT + 1)]
    except BadInput as problem:
        raise NotPossible(f"No companions can be fitted to {generator.name}: {problem}") from None


def _ready(decoders: list[Any], generator: Generator) -> tuple[Any, ...]:
    return tuple(decoder.eval().requires_grad_(False).to(generator.device) for decoder in decoders)


def _shared_out(codes: Codes, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The codes to learn from, and others to look at: held-out ones where there are some, else some kept back."""
    rng = seeds.numpy_stream(seed, 8)
    taught, other = codes.taught, codes.z[codes.split == 1]
    taught = taught[rng.permutation(len(taught))]
    if not len(other):
        other, taught = taught[: len(taught) // 10], taught[len(taught) // 10 :]
    if len(taught) < BATCH or len(other) < 8:
        raise NotPossible("Companions need some hundred codes to learn from, and this model has fewer.")
    return taught[:MOST], other[rng.permutation(len(other))[:LOOK]]


def _apart(fog: Callable[[np.ndarray], np.ndarray], taught: np.ndarray, other: np.ndarray, seed: int) -> float:
    """How often fog is thicker at a code far from all taught ones than at one of the others."""
    near, rng = Nearest(taught), seeds.numpy_stream(seed, 9)
    mixed = np.stack([rng.permutation(column) for column in taught.T], axis=1)[:LOOK]
    middle, far = taught.mean(axis=0), mixed
    for stretch in (1.0, 1.25, 1.5, 2.0, 3.0):  # no farther than it takes
        far = (middle + stretch * (mixed - middle)).astype(np.float32)
        if np.median(near.how_far(far)) >= FAR:
            break
    here, there = np.sort(fog(other)), fog(far)
    return float(np.searchsorted(here, there).mean() / len(here))
