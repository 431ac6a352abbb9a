"""The loop: players take turns, an average of the weights is kept, and the best average wins."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from manigen import checks, models, seeds
from manigen.errors import BadFile, BadInput, ManigenError
from manigen.models import Generator
from manigen.training import checkpoint

AVERAGE = 0.999  # how much of the averaged weights survives a step, at most
HORIZON = 0.1  # the share of a run that the average looks back on, at most
WARM_UP = 200  # steps in which the learning rate rises from zero
SLOWEST = 0.02  # share of the learning rate that is left at the end
CHECK_EVERY = 250  # steps between two looks at the held-out pictures
PINNED = 500  # steps for which a critic's loss may stand at an end before it is said
RUN_AWAY = 20  # times its lowest that the smoothed loss may grow before it is said
SETTLED, STUCK = 0.95, 0.98  # shares of the mean picture's error and of that a look ago, above which nothing is learned
FAIR_SHARE, FAIR_STEPS = 1 / 3, 500  # of a run, and steps, before that is looked for
LOOKED_AT = 256  # training pictures that are looked at for it
CURE = "a smaller learning rate or smaller weights of its other terms usually cure it"  # where the card names no other
SLOW_HALVES = (
    "This processor does not compute in bfloat16 by itself, which makes it many times slower than float32 here: "
    "stop, and begin anew with float32."
)
SEES_ALL, SEES_NOTHING = 0.01, 0.001  # the loss below which a critic sees through all; how near to log 2 it is blind


class Diverged(ManigenError):
    """A loss became NaN or infinite; the last good state is kept."""


@dataclass(frozen=True, slots=True)
class Step:
    """One round of all players."""

    index: int  # steps done, counted from 1
    seen: int  # pictures seen
    budget: int  # pictures to be seen in all
    losses: dict[str, float]  # named losses on this batch
    held_out: float | None  # the model's own total loss on held-out pictures, where it was looked at in this step
    per_second: float  # pictures a second since this process began
    notice: str | None = None  # something a person should know: a game that is no longer played

    @property
    def remaining_seconds(self) -> float:
        """How long the rest will take at the present speed."""
        return (self.budget - self.seen) / max(self.per_second, 1e-9)


def halves(device: torch.device) -> bool:
    """Say whether a processor computes in bfloat16 by itself, rather than acting it out number by number."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class Training:
    """A run of `model` over uint8 `images` (n, c, h, w) until `budget` pictures have been seen.

    Each step draws a batch, lets every player move once with Adam (learning rate warmed up, then a half cosine down),
    and follows the weights with an exponential average, which is what is kept. Where the model encodes, the average
    is scored on `held_out` pictures (cut from the train split, never the test split) and the best one is kept.
    `precision="bfloat16"` computes the losses in half the bits: about twice as fast on processors made for it, many
    times slower on others, which is said after the first step.

    Raises `BadInput` for pictures that do not fit the model, `Diverged` for a loss that is not a number.
    """

    def __init__(
        self,
        model: Generator,
        images: np.ndarray,
        *,
        budget: int,
        batch: int = 256,
        learning_rate: float = 1e-3,
        seed: int = 0,
        held_out: np.ndarray | None = None,
        precision: str = "float32",
    ) -> None:
        for pictures in (images, held_out):
            if pictures is not None and (pictures.dtype != np.uint8 or pictures.shape[1:] != model.shape):
                raise BadInput(
                    f"Training takes uint8 pictures {model.shape}, not {pictures.dtype} {pictures.shape[1:]}."
                )
        if len(images) < 2:
            raise BadInput(f"Training needs at least 2 pictures, and there is {len(images)}.")
        self.model, self.budget, self.seed = model, checks.count(budget, "budget", 1, 10**10), seeds.check(seed)
        asked = checks.count(batch, "batch", 1, 65536)
        self.batch = min(asked, len(images))
        if precision not in ("float32", "bfloat16"):
            raise BadInput(f"precision must be float32 or bfloat16, not {precision!r}.")
        if not 0 < learning_rate <= 1:
            raise BadInput(f"The learning rate must lie above 0 and be at most 1, not {learning_rate}.")
        self.learning_rate, self.precision = learning_rate, precision
        self._fingerprint = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()
        device = model.device
        slow = precision == "bfloat16" and not halves(device)
        self.first_words = [SLOW_HALVES] if slow else []  # said after the first steps, one each
        if self.batch < asked:
            self.first_words.append(
                f"A step takes {self.batch:,} pictures, not {asked:,}: there are no more to learn from."
            )
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the order convolutions are fastest in
        self.images = torch.from_numpy(images).to(device)
        self.held_out = None if held_out is None else torch.from_numpy(held_out[:2000]).to(device)
        self.rng = seeds.torch_stream(seed, device.type)
        self.optimisers = {
            player: torch.optim.Adam(
                model.weights_of(player),
                lr=learning_rate,
                fused=device.type == "cuda",
                **{"betas": (0.9, 0.99), **model.settings_of(player)},
            )
            for player in model.players
        }
        self.average = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.best: dict[str, Tensor] | None = None
        self.best_score = math.inf
        self.index = self.seen = 0
        self.seconds = 0.0  # spent in steps, by this process and those it resumed from
        self.pinned = 0  # steps for which the critic's loss has stood at an end
        self.settled = 0  # looks in a row that found every picture coming back as one and the same
        self.looked = math.inf  # the error that the last of these looks found
        self.stopped = False
        self.level: float | None = None  # the loss, smoothed over some fifty steps
        self.lowest = math.inf
        self.judged_alone = len(self.optimisers) == 1  # where several play, a loss may grow for good reasons
        self._order: tuple[int, Tensor] | None = None

    # --- the stream -----------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Step]:
        began, before = time.perf_counter(), self.seen
        if not self.model.players and not self.seen:
            yield self._fit(began)
        while self.seen < self.budget and not self.stopped:
            start = time.perf_counter()
            losses = self._step()
            last = self.seen >= self.budget
            score = self._score() if self.index % CHECK_EVERY == 0 or last else None
            notice = self._watch(losses) or self._settling()
            now = time.perf_counter()
            self.seconds += now - start
            per_second = (self.seen - before) / max(now - began, 1e-9)
            yield Step(self.index, self.seen, self.budget, losses, score, per_second, notice)

    def stop(self) -> None:
        """End the stream after the present step: what was learned so far is what `finish` keeps."""
        self.stopped = True

    def finish(self) -> Generator:
        """Put the best averaged weights into the model, and return it ready for use.

        They lie in memory as those of a loaded model: in another order convolutions add up to other last digits.
        """
        self.model.load_state_dict(self.best or self.average)
        self.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        return self.model.eval()

    def _fit(self, began: float) -> Step:
        """Fit a model without players: one step, and the budget is spent."""
        losses = self.model.fit_to(self.images, self.rng)
        self.average = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.seen, self.index = max(self.budget, len(self.images)), 1
        self.seconds = time.perf_counter() - began
        return Step(1, self.seen, self.budget, losses, None, self.seen / max(self.seconds, 1e-9))

    def _step(self) -> dict[str, float]:
        self.model.train()
        self.model.step, self.model.progress = self.index, self.seen / self.budget
        self.model.refit(self.images, self.rng)
        x = self._batch()
        losses: dict[str, float] = {}
        for player, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = self._learning_rate()
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast(x.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                named = self.model.losses(player, x, self.rng)
            if not named:
                continue  # the player sits this round out
            named["total"].backward()
            *told, length = torch.stack(
                [*(loss.detach().float() for loss in named.values()), _length(optimiser)]
            ).tolist()
            values = dict(zip(named, told, strict=True))
            self._check(player, values, length)
            optimiser.step()
            losses |= {name if name != "total" or len(self.optimisers) == 1 else f"{player}_total": value
                       for name, value in values.items()}  # fmt: skip
        self.index += 1
        self.seen += len(x)
        self._follow()
        return losses

    def _check(self, player: str, values: dict[str, float], length: float) -> None:
        """Raise `Diverged` before a step that would leave the weights infinite, so that they stay as they are."""
        if not all(map(math.isfinite, values.values())):
            raise Diverged(
                f"The {player}'s loss became {values['total']} after {self.seen:,} pictures; "
                "a smaller learning rate or a smaller weight of its terms usually cures it."
            )
        if not math.isfinite(length):
            raise Diverged(
                f"The {player}'s gradient exploded after {self.seen:,} pictures; "
                "a smaller learning rate or a smaller weight of its terms usually cures it."
            )

    def _watch(self, losses: dict[str, float]) -> str | None:
        """Return a sentence when half the bits cost time instead of saving it, the batch had to be smaller, the loss
        runs away, or critic and forger no longer play: see `_game`.
        """
        if 1 <= self.index <= len(self.first_words):
            return self.first_words[self.index - 1]
        total = losses.get("total", losses.get(f"{next(iter(self.optimisers), 'model')}_total"))
        if total is not None and total > 0 and self.judged_alone:
            self.level = total if self.level is None else 0.98 * self.level + 0.02 * total
            self.lowest = min(self.lowest, self.level)
            if self.level > RUN_AWAY * self.lowest:
                self.lowest = math.inf  # it is said once for each time it happens
                return (
                    f"The loss has grown to {self.level:.3g}, {RUN_AWAY} times its lowest: it is running away; "
                    "a smaller learning rate usually cures it."
                )
        return self._game(losses) if "forger" in losses else None

    def _game(self, losses: dict[str, float]) -> str | None:
        """Return a sentence when critic and forger no longer play: the critic's loss is pinned, again and again."""
        sees_all, sees_nothing = losses["critic"] < SEES_ALL, abs(losses["critic"] - math.log(2)) < SEES_NOTHING
        self.pinned = self.pinned + 1 if sees_all or sees_nothing else 0
        if not self.pinned or self.pinned % PINNED:
            return None
        where = f"The critic's loss has stood at {losses['critic']:.2g} for {self.pinned:,} steps"
        if sees_all:
            return f"{where}: it sees through every forgery and teaches nothing; a larger penalty usually cures it."
        return f"{where}: it tells forgeries from pictures no better than chance; a smaller penalty usually cures it."

    def _settling(self) -> str | None:
        """Return a sentence, once, where pictures come back no nearer than one picture for all would be:

            mean |x - D(E(x))|^2  >=  0.95 mean |x - m|^2,    m the mean picture

        and no nearer than a look ago, at two looks in a row, after a third of the run: where other terms pull harder
        than the pictures do.
        """
        fair = self.index >= FAIR_STEPS and self.seen >= FAIR_SHARE * self.budget
        if not fair or self.index % CHECK_EVERY or not self.model.encodes or self.settled >= 2:
            return None
        rows = torch.linspace(0, len(self.images) - 1, min(LOOKED_AT, len(self.images))).long()
        x = self.images[rows.to(self.images.device)].float().div(255)
        self.model.eval()
        with torch.no_grad():
            back = self.model.returned_batch(x)
        error, at_worst = float((back - x).square().mean()), float((x.mean(0) - x).square().mean())
        stands = error >= SETTLED * at_worst > 0 and error >= STUCK * self.looked
        self.settled, self.looked = self.settled + 1 if stands else 0, error
        if self.settled < 2:
            return None
        cure = models.card_of(self.model.family).facts.get("cure", CURE) if self.model.family else CURE
        return (
            f"After {self.seen:,} pictures every picture still comes back no nearer than their mean is: "
            f"the model has settled on one picture for all; {cure}."
        )

    def _batch(self) -> Tensor:
        n = len(self.images)
        per_epoch = n // self.batch
        epoch, place = divmod(self.index, per_epoch)
        if self._order is None or self._order[0] != epoch:
            order = seeds.numpy_stream(self.seed, 1, epoch).permutation(n)
            self._order = epoch, torch.from_numpy(order).to(self.images.device)
        rows = self._order[1][place * self.batch : (place + 1) * self.batch]
        return self.images[rows].float().div_(255).contiguous(memory_format=torch.channels_last)

    def _learning_rate(self) -> float:
        done = self.seen / self.budget
        fall = SLOWEST + (1 - SLOWEST) * 0.5 * (1 + math.cos(math.pi * done))
        return self.learning_rate * min(1.0, (self.index + 1) / WARM_UP) * fall

    @torch.no_grad()
    def _follow(self) -> None:
        back = 1 - 1 / max(1.0, HORIZON * self.budget / self.batch)
        keep = min(AVERAGE, back, (1 + self.index) / (10 + self.index))
        now = self.model.state_dict()
        weights = [name for name, _ in self.model.named_parameters()]
        follow = get_ema_multi_avg_fn(keep)
        follow([self.average[name] for name in weights], [now.pop(name) for name in weights], None)
        for name, value in now.items():
            self.average[name].copy_(value)  # a buffer is fitted, not descended: only the last fit counts

    def _score(self) -> float | None:
        """Score the averaged weights on the held-out pictures, and remember them when they are the best so far."""
        judge = self.model.judge
        if self.held_out is None or not self.model.encodes or judge is None:
            return None
        rng = seeds.torch_stream(0, self.model.device.type)
        total, player = 0.0, self.model.players[0]
        with (
            self.averaged(),
            torch.no_grad(),
            torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"),
        ):
            for x in self.held_out.split(500):
                losses = self.model.losses(player, x.float().div(255), rng)
                total += float(losses[judge]) * len(x)
        score = total / len(self.held_out)
        if score < self.best_score:
            self.best_score, self.best = score, {name: value.clone() for name, value in self.average.items()}
        return score

    @contextmanager
    def averaged(self) -> Iterator[Generator]:
        """Give the model with the averaged weights, as it would be kept now; afterwards it trains on as it was."""
        current = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        try:
            yield self.model
        finally:
            self.model.load_state_dict(current)

    # --- checkpoints ----------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> Path:
        """Write the whole state of the run into `folder`, so that `resume` can go on as if nothing had happened."""
        groups: dict[str, dict[str, Tensor]] = {"model": self.model.state_dict(), "average": self.average}
        if self.best is not None:
            groups["best"] = self.best
        for player, optimiser in self.optimisers.items():
            for at, state in optimiser.state_dict()["state"].items():
                groups[f"adam.{player}.{at}"] = state
        groups["chance"] = {"state": self.rng.get_state()}
        facts = {
            "index": self.index,
            "seen": self.seen,
            "seconds": self.seconds,
            "best_score": self.best_score,
            "plan": self.plan(),
        }
        return checkpoint.write(folder, groups, facts)

    def resume(self, folder: Path) -> Training:
        """Go back to the state saved in `folder`.

        Raises `BadFile` when the checkpoint is damaged and `BadInput` when it belongs to another run.
        """
        groups, facts = checkpoint.read(folder)
        held = dict(facts["plan"])
        if held.get("family") == self.model.family:
            held["knobs"] = models.complete(self.model.family, held.get("knobs", {})) | self.model.fixed
        different = sorted(key for key, value in self.plan().items() if held.get(key, value) != value)
        if different:
            raise BadInput(f"The checkpoint in {folder} belongs to a run with different {', '.join(different)}.")
        try:
            self._take(groups, facts)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise BadFile(f"The checkpoint in {folder} lacks a part of the run ({type(error).__name__}).") from error
        return self

    def _take(self, groups: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> None:
        self.model.load_state_dict(groups["model"])
        here = {
            name: {key: value.to(self.model.device) for key, value in groups[name].items()}
            for name in ("average", "best")
            if name in groups
        }
        self.average, self.best = here["average"], here.get("best")
        for player, optimiser in self.optimisers.items():
            prefix = f"adam.{player}."
            state = {int(name[len(prefix) :]): group for name, group in groups.items() if name.startswith(prefix)}
            optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
            for weight, held in optimiser.state.items():  # in the order of the weights, as Adam's fused steps want it
                held |= {key: torch.empty_like(weight).copy_(value) for key, value in held.items() if value.dim()}
        chance = groups["chance"]["state"]
        if chance.shape == self.rng.get_state().shape:
            self.rng.set_state(chance)
        else:  # begun on another kind of device, whose chance is another
            seed = int(seeds.numpy_stream(self.seed, 2, facts["index"]).integers(2**31))
            self.rng = seeds.torch_stream(seed, self.model.device.type)
        self.index, self.seen, self.best_score = facts["index"], facts["seen"], facts["best_score"]
        self.seconds = facts.get("seconds", 0.0)

    def plan(self) -> dict[str, Any]:
        """What must be the same for a checkpoint to belong to this run."""
        return {
            "family": self.model.family,
            "shape": list(self.model.shape),
            "knobs": self.model.knobs,
            "budget": self.budget,
            "batch": self.batch,
            "learning_rate": self.learning_rate,
            "seed": self.seed,
            "precision": self.precision,
            "pictures": len(self.images),
            "data": self._fingerprint,
        }


def _length(optimiser: torch.optim.Optimizer) -> Tensor:
    """The length () of all gradients of a player together."""
    gradients = [w.grad for group in optimiser.param_groups for w in group["params"] if w.grad is not None]
    return torch.nn.utils.get_total_norm(gradients).float()
