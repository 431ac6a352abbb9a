"""Jobs: what each message asks of the models, looked up and answered.

A job is made from a checked message and an opened model; the engine looks up the codes of many jobs at once, decodes
them, and the job turns the pictures into a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from manigen.errors import BadInput, NotPossible
from manigen.live.engine import Job, cpu_name, device_name
from manigen.live.library import Opened
from manigen.live.protocol import FARTHEST, Ask, Decode, End, Hover, Rows, Sample, Sweep, Walk, pack
from manigen.nearest import EDGE, NEAR

REPORTED = 33  # pictures of a walk that are compared with held-out ones
STRAIGHT = 33  # and of a straight line that is only told of beside another walk
EXACT = 9  # digits that give a code's float32 numbers back bit for bit


def level(distance: float, gap: float = 0.0) -> str:
    """Return in one word how far a picture can be trusted: "near", "edge" or "far" from the data.

    From the larger of the code's distance to the nearest real code and its place's gap to the nearest point, both in
    units of what 95 % of the real ones keep from their nearest fellow: "near" up to 1.1, "edge" up to 1.5. Of held-out
    codes 96 % or more read "near" for the shipped models; made three times as long hardly any do (4 % of those of
    emoji-fusion), but in a plane, where they may land among others. At the places where the maps put held-out digits
    96 to 99 % do; of codes drawn from the prior of mnist-vae 55 %, the rest "edge".
    """
    farthest = max(distance, gap)
    return "near" if farthest <= NEAR else "edge" if farthest <= EDGE else "far"


class Forming(BadInput):
    """What a message asks for is being made first; `fit` is the order's key, see `fits`."""

    def __init__(self, sentence: str, fit: str) -> None:
        super().__init__(sentence)
        self.fit = fit


class Wish(Job):
    """A browser's message on its way to a picture.

    A `plain` one has its codes, or finds them, without the generator: it need not wait until that is awake.
    """

    plain = True

    def __init__(self, opened: Opened, ask: Ask, done: Callable[[Wish], None], **more: Any) -> None:
        super().__init__(opened.painter if self.plain else opened.generator, done=done, **more)
        self.opened, self.ask = opened, ask
        self.meta: dict[str, Any] = {}
        self.path_ms = 0.0  # of a walk: how long its path took to find
        self._thumbnails: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    # --- neighbours -------------------------------------------------------------------------------------------------

    def add_neighbours(self, rows: np.ndarray, distances: np.ndarray, thumbs: bool) -> None:
        """Tell the nearest real codes, and decode those of their pictures that are not at hand."""
        opened = self.opened
        self.meta["neighbours"] = [
            {"row": int(row), "label": opened.label(row), "distance": _tidy(distance)}
            for row, distance in zip(rows, distances, strict=True)
        ]
        if thumbs and len(rows):
            self.add_thumbnails(rows)

    def add_thumbnails(self, rows: np.ndarray) -> None:
        """Send the pictures of real codes too: those at hand as they are, the others decoded."""
        known, pictures = self.opened.thumbnails.known(rows)
        self._thumbnails = rows, known, pictures
        self.z = np.concatenate([self.z, self.opened.codes.z[rows[~known]]])

    def answer(self) -> bytes:
        """Return the frame of the pictures that were made: the asked ones first, then the neighbours'."""
        pictures = self.pictures
        assert pictures is not None, "an answer was asked for before the pictures were made"
        if self._thumbnails is not None:
            rows, known, thumbnails = self._thumbnails
            asked = len(pictures) - int((~known).sum())
            thumbnails[~known] = pictures[asked:]
            self.opened.thumbnails.keep(rows[~known], pictures[asked:])
            pictures = np.concatenate([pictures[:asked], thumbnails])
        times = {"queue": self.queue_ms - self.path_ms, "decode": self.decode_ms, "total": self.total_ms}
        if self.path_ms:
            times["path"] = self.path_ms
        header = {
            "id": self.ask.id,
            "op": self.ask.op,
            "channel": self.ask.channel,
            "model": self.opened.name,
            "device": device_name() if self.opened.awake else cpu_name(),
            "ms": {name: round(spent, 2) for name, spent in times.items()},
            **self.meta,
        }
        return pack(header, pictures)


class HoverWish(Wish):
    """The picture behind a place of the map."""

    ask: Hover

    def __init__(self, opened: Opened, ask: Hover, done: Callable[[Wish], None]) -> None:
        self.map = opened.map(ask.map)
        _as_long(ask.at, self.map.dims, "A place on this map")
        super().__init__(opened, ask, done, group=("hover", id(self.map)))

    def look_up(self, jobs: list[HoverWish]) -> None:
        places = np.array([job.ask.at for job in jobs], np.float32)
        codes, gaps = self.map.inverse_transform(places), self.map.gap(places)
        nearest = self.opened.nearest
        rows, distances = nearest.find(codes, max(1, *(job.ask.k for job in jobs)))
        for job, code, gap, row, distance in zip(jobs, codes, gaps, rows, distances, strict=True):
            far = float(distance[0]) / nearest.typical
            job.z = code[None]
            job.meta = {"map": job.ask.map, "at": job.ask.at, "distance": _tidy(far), "gap": _tidy(gap)}
            job.meta["level"] = level(far, float(gap))
            if job.ask.want_code:
                job.meta["code"] = code.tolist()
            job.add_neighbours(row[: job.ask.k], distance[: job.ask.k] / nearest.typical, job.ask.thumbs)
            job.meta |= self.opened.whereabouts(job.ask.map, row[: job.ask.k])


class DecodeWish(Wish):
    """The pictures of codes; one code alone follows a hand, many can wait."""

    ask: Decode

    def __init__(self, opened: Opened, ask: Decode, done: Callable[[Wish], None]) -> None:
        _as_long(ask.codes[0], opened.generator.dim, f"A code of {opened.name}")
        self.map = None if ask.map is None else opened.map(ask.map)
        super().__init__(opened, ask, done, patient=len(ask.codes) > 1, group=("decode", opened.name, ask.map))
        self.z = ask.codes

    def look_up(self, jobs: list[DecodeWish]) -> None:
        codes = np.concatenate([job.ask.codes for job in jobs])
        nearest = self.opened.nearest
        rows, distances = nearest.find(codes, max(1, *(job.ask.k for job in jobs)))
        distances = distances / np.float32(nearest.typical)
        places = None if self.map is None else self.map.transform(codes)
        start = 0
        for job in jobs:
            part = slice(start, start + len(job.ask.codes))
            start = part.stop
            far = distances[part, 0]
            job.meta = {"distance": _tidy(far), "level": [level(float(value)) for value in far]}
            if places is not None:
                job.meta["map"], job.meta["at"] = job.ask.map, _tidy(places[part], 6)
            job.add_neighbours(rows[part][0, : job.ask.k], distances[part][0, : job.ask.k], job.ask.thumbs)


class RowsWish(Wish):
    """The pictures of real codes as the model reconstructs them."""

    ask: Rows

    def __init__(self, opened: Opened, ask: Rows, done: Callable[[Wish], None]) -> None:
        rows = np.array([_row(opened, row) for row in ask.rows])
        super().__init__(opened, ask, done, patient=len(rows) > 1)
        self.add_thumbnails(rows)
        self.meta = {"rows": ask.rows, "labels": [opened.label(row) for row in rows]}
        if ask.want_code:
            self.meta["codes"] = _tidy(opened.codes.z[rows], EXACT)
        if ask.map is not None:
            self.meta["map"], self.meta["at"] = ask.map, _tidy(opened.map(ask.map).p[rows], 6)


class SweepWish(Wish):
    """The pictures along lines through a code, line by line; where asked for, how far each can be trusted."""

    ask: Sweep

    def __init__(self, opened: Opened, ask: Sweep, done: Callable[[Wish], None]) -> None:
        _as_long(ask.code, opened.generator.dim, f"A code of {opened.name}")
        super().__init__(opened, ask, done, patient=True, group=("sweep", opened.name) if ask.levels else None)
        moved = (ask.at - ask.here[:, None])[..., None] * ask.along[:, None]
        z = (ask.code + moved).reshape(-1, len(ask.code))
        self.z = np.clip(z, -FARTHEST, FARTHEST)
        self.meta = {"lines": len(ask.along)}

    def look_up(self, jobs: list[SweepWish]) -> None:
        for job in jobs:
            far = job.opened.nearest.how_far(job.z)
            job.meta["level"] = [level(float(value)) for value in far]


class SampleWish(Wish):
    """Codes drawn from the model's own distribution, and their pictures; the same seed gives the same ones."""

    ask: Sample
    plain = False

    def __init__(self, opened: Opened, ask: Sample, done: Callable[[Wish], None]) -> None:
        super().__init__(opened, ask, done, patient=ask.n > 1, group=("sample", opened.name))

    def look_up(self, jobs: list[SampleWish]) -> None:
        for job in jobs:
            job.z = job.opened.generator.sample_codes(job.ask.n, job.ask.seed)
            job.meta = {"seed": job.ask.seed, "codes": _tidy(job.z, 9)}


class WalkWish(Wish):
    """The pictures of a whole walk, for a browser that scrubs them by itself.

    Its path is computed when it is made, which can take seconds: not on the event loop, not on the engine's threads.
    """

    ask: Walk
    plain = False

    def __init__(
        self, opened: Opened, ask: Walk, done: Callable[[Wish], None], watch: Callable[[str, float], bool] | None = None
    ) -> None:
        from manigen import paths

        super().__init__(opened, ask, done, patient=True)
        fitted = None if ask.map is None else opened.map(ask.map)
        ends = [self._code(end, fitted) for end in ask.ends]
        if "fog" in ask.kind.split(paths.MIX):
            self._with_companions()
        cards = paths.cards()
        known = {knob.name for kind in ask.kind.split(paths.MIX) for knob in getattr(cards.get(kind), "knobs", ())}
        if strange := sorted(set(ask.knobs) - known):
            raise BadInput(f"{ask.kind} has no knob {strange[0][:60]!r}.")
        given: dict[str, Any] = {
            "even": ask.even,
            "beyond": ask.beyond,
            "coarse": ask.coarse,
            "with_fog": False,
            "watch": watch,
            "data": opened.nearest,
            **ask.knobs,
        }
        walk = paths.walk_through(opened.generator, ends, ask.kind, ask.steps, opened.taught, **given)
        report = _report(opened, walk) if ask.report else {}
        if ask.beside:
            straight = paths.walk_through(
                opened.generator, ends, "straight", max(STRAIGHT, len(ends)), data=opened.nearest, with_fog=False
            )
            far = np.asarray(straight.distance_to_data)
            report["straight"] = {"length": _tidy(straight.length), "farthest": _tidy(far.max())}
        self.z, far = walk.codes, np.asarray(walk.distance_to_data)
        self.meta = {
            "kind": walk.kind,
            "coarse": ask.coarse,
            "codes": _tidy(walk.codes, EXACT),
            "distance": _tidy(far),
            "level": [level(float(value)) for value in far],
            "picture_steps": _tidy(walk.steps),
            "length": _tidy(walk.length),
            "energy": _tidy(walk.energy),
            "evenness": _tidy(walk.evenness),
            "distance_to_data": _tidy(walk.between(far).mean()),
            "past": walk.past,
            "converged": walk.converged,
            "residual": None if walk.residual is None else _tidy(walk.residual),
            "bridges": [] if walk.bridges is None else np.flatnonzero(walk.bridges).tolist(),
            "notes": walk.notes,
            **report,
        }
        if fitted is not None:
            self.meta["map"], self.meta["at"] = ask.map, _tidy(fitted.transform(walk.codes), 6)
        self.path_ms = self.total_ms

    def _with_companions(self) -> None:
        """See that a model has several decoders: those fitted to it before, else they are ordered."""
        from manigen import companions
        from manigen.live.fits import fits

        opened = self.opened
        if companions.join(opened.generator, opened.codes, look=not self.ask.coarse):
            return
        if not opened.generator.differentiable:
            raise NotPossible(f"{opened.name} has no smooth decoder, so no companions can be fitted to it: no fog.")
        fit = fits().companions(opened.name, companions.key(opened.generator, opened.codes))
        if fit.state == "failed":
            raise BadInput(fit.error)
        raise Forming("Fog needs several decoders, and this model has one; companions are being fitted to it.", fit.of)

    def _code(self, end: End, fitted: Any) -> np.ndarray:
        opened = self.opened
        if end.row is not None:
            return opened.codes.z[_row(opened, end.row)]
        if end.code is not None:
            return np.array(_as_long(end.code, opened.generator.dim, f"A code of {opened.name}"), np.float32)
        return fitted.inverse_transform(np.array([_as_long(end.at, fitted.dims, "A place on this map")], np.float32))[0]


def _report(opened: Opened, walk: Any) -> dict[str, Any]:
    """Along some pictures between a walk's ends: how far from held-out ones, beside the floor; how thick the fog is."""
    count = len(walk.codes) - 2 * walk.past
    at = walk.past + np.linspace(0, count - 1, min(REPORTED, count)).round().astype(int)
    told: dict[str, Any] = {}
    if opened.held_out is not None:
        pictures, floor = opened.held_out
        told["held_out"] = _tidy(pictures.far(opened.generator.decode(walk.codes[at])))
        told["floor"] = None if floor is None else _tidy(floor)
    if opened.generator.members > 1:
        told["fog"] = _tidy(opened.generator.fog(walk.codes[at]))
    return told


WISHES: dict[type[Ask], type[Wish]] = {
    Hover: HoverWish,
    Decode: DecodeWish,
    Rows: RowsWish,
    Sweep: SweepWish,
    Sample: SampleWish,
    Walk: WalkWish,
}


def _row(opened: Opened, row: int) -> int:
    """A real code's number, if there is one of that number."""
    if row >= len(opened.codes.z):
        raise BadInput(f"{opened.name} has the codes 0 to {len(opened.codes.z) - 1:,}; there is no {row:,}.")
    return row


def _as_long(numbers: Any, length: int, what: str) -> Any:
    if len(numbers) != length:
        raise BadInput(f"{what} has {length} numbers, not {len(numbers)}.")
    return numbers


def _tidy(value: Any, digits: int = 5) -> Any:
    """Numbers as a header carries them: a few digits, and null where there is none."""
    if isinstance(value, np.ndarray):
        return [_tidy(part, digits) for part in value]
    return float(f"{float(value):.{digits}g}") if np.isfinite(value) else None
