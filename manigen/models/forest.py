"""A random forest that paints: hundreds of yes-or-no questions about a code, and the mean of the answers.

    D(z) = clamp( m + U^T (1/k) sum_j leaf_j(z), 0, 1 )

A small autoencoder is trained first, for its encoder. Then k trees learn which pictures belong to which codes: each
asks of a code, question after question, whether one of its numbers lies above a threshold, and ends in a leaf, the
mean of the pictures that ended there, as scores on U, the directions in which pictures vary most. So the manifold is a
staircase: D is constant between thresholds, jumps at them, and has no gradient (`differentiable` is False; a path
or a measure that needs one is refused). A picture far from the data is still a mixture of real ones.

Trees are stored as plain tensors: for each question its number, its threshold and where either answer leads; leaves
as bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from manigen.cards import Card, Knob
from manigen.errors import BadInput, NotPossible
from manigen.models.base import Generator, per_picture
from manigen.models.networks import DIM, WIDTH, Encoder

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

card = Card(
    title="Random forest",
    sentence="Asks a code many yes-or-no questions and paints the mean of the pictures that answered alike.",
    reference="Breiman 2001, Random Forests",
    link="https://doi.org/10.1023/A:1010933404324",
    knobs=(
        DIM,
        WIDTH,
        Knob("rehearsal", 150_000, "Pictures the autoencoder sees, whose codes the forest learns.", 1, 10**9, log=True),
        Knob("trees", 30, "How many trees.", 1, 500),
        Knob("leaves", 400, "How many leaves a tree has, at most.", 2, 16_000, log=True),
        Knob("components", 48, "Directions of the pictures, at most, that a leaf holds scores on.", 1, 512),
        Knob("drawn", 12_000, "Pictures, at most, that one tree is grown from.", 2, 1_000_000, log=True),
    ),
    facts={"sampler": "mixture", "losses": ("reconstruction", "autoencoder")},
)

BATCH, LEARNING_RATE = 256, 1e-3  # of the autoencoder
GROWN_ON = 8  # leading directions by which the questions are chosen; the leaves hold all
CHUNK = 2000  # pictures at once
DEPTH = 4  # questions in a row in a forest that has learned nothing


class Model(Generator):
    """An encoder, and the trees in buffers.

    `feature` (k, q) int16 and `threshold` (k, q) float32: the questions of k trees. `child` (k, q, 2) int16: where no
    and yes lead, the next question, or leaf i as -1 - i. `leaf` (k, leaves, components) int8 times `unit`
    (components,): scores. `mean` (pixels,) and `directions` (components, pixels): what scores mean.
    """

    players: tuple[str, ...] = ()
    differentiable: ClassVar[bool] = False
    judge = None

    def __init__(
        self,
        shape: tuple[int, int, int],
        dim: int = 16,
        width: int = 32,
        rehearsal: int = 150_000,
        trees: int = 30,
        leaves: int = 400,
        components: int = 48,
        drawn: int = 12_000,
    ) -> None:
        super().__init__(shape, dim)
        self.of = Encoder(shape, dim, width).requires_grad_(False)
        self.width, self.rehearsal, self.trees, self.leaves, self.drawn = width, rehearsal, trees, leaves, drawn
        pixels = int(np.prod(self.shape))
        self.components = min(components, pixels)
        for name, value in self._unlearned(pixels).items():
            self.register_buffer(name, value)

    feature: Tensor
    threshold: Tensor
    child: Tensor
    leaf: Tensor
    unit: Tensor
    mean: Tensor
    directions: Tensor

    def _unlearned(self, pixels: int) -> dict[str, Tensor]:
        """Trees that ask and answer at random, so that a forest paints something before it has learned."""
        questions, leaves = 2**DEPTH - 1, 2**DEPTH
        after = 1 + torch.arange(2 * questions).view(questions, 2)
        after = torch.where(after < questions, after, questions - 1 - after)  # beyond the questions come the leaves
        return {
            "feature": torch.randint(self.dim, (self.trees, questions)).to(torch.int16),
            "threshold": torch.randn(self.trees, questions),
            "child": after.to(torch.int16).expand(self.trees, questions, 2).clone(),
            "leaf": torch.randint(-127, 128, (self.trees, leaves, self.components)).to(torch.int8),
            "unit": torch.full((self.components,), 0.2),
            "mean": torch.full((pixels,), 0.5),
            "directions": torch.linalg.qr(torch.randn(pixels, self.components))[0].T.contiguous(),
        }

    def encode_batch(self, x: Tensor) -> Tensor:
        return self.of(x)

    def decode_batch(self, z: Tensor) -> Tensor:
        if (z.requires_grad and torch.is_grad_enabled()) or forward_ad.unpack_dual(z).tangent is not None:
            raise NotPossible(f"{self.name} (forest) paints in steps: it has no gradient, and this needs one.")
        scores = answers(z, self.feature, self.threshold, self.child, self.leaf).mul_(self.unit)
        return (self.mean + scores @ self.directions).clamp_(0, 1).unflatten(1, self.shape)

    # --- fitting --------------------------------------------------------------------------------------------------

    def fit_to(self, images: Tensor, rng: torch.Generator) -> dict[str, float]:
        if len(images) < 2:
            raise BadInput(f"A forest is grown from at least 2 pictures, and there is {len(images)}.")
        squeezed = self._learn_codes(images, rng)
        return {"reconstruction": self.grow_on(images, rng), "autoencoder": squeezed}

    def grow_on(self, images: Tensor, rng: torch.Generator) -> float:
        """Grow the trees on the encoder's codes of images uint8 (n, c, h, w), and return the mean error there."""
        from manigen.models import build

        with torch.no_grad():
            z = torch.cat([self.encode_batch(_floats(part)) for part in images.split(CHUNK)]).cpu().numpy()
            flat = build("pca", self.shape, dim=min(self.components, len(images) - 1)).to(images.device)
            flat.fit_to(images, rng)
            parts = [flat.encode_batch(_floats(part)) for part in images.split(CHUNK)]
            scores = (torch.cat(parts) * float(flat.scale)).cpu().numpy()  # type: ignore[arg-type]
            grown = self._grow(z, scores[:, :GROWN_ON], rng)
            state = {**planted(grown), **_filled(grown, z, scores)}
            for name, value in {**state, "mean": flat.mean, "directions": flat.directions}.items():
                setattr(self, name, value.to(images.device))
            error = [
                per_picture((self.decode_batch(self.encode_batch(x)) - x).square()) * len(x)
                for x in map(_floats, images.split(CHUNK))
            ]
        return float(torch.stack(error).sum()) / len(images)

    def _learn_codes(self, images: Tensor, rng: torch.Generator) -> float:
        """Train an autoencoder, keep its encoder, and return its last losses' mean."""
        from manigen.models import build

        seed = int(torch.randint(2**31, (1,), generator=rng, device=rng.device))
        model = build("autoencoder", self.shape, seed, dim=self.dim, width=self.width).to(images.device).train()
        steps = -(-self.rehearsal // BATCH)
        adam = torch.optim.Adam(model.parameters(), LEARNING_RATE)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        losses: list[float] = []
        with torch.enable_grad():
            for _ in range(steps):
                rows = torch.randint(len(images), (BATCH,), generator=rng, device=rng.device)
                named = model.losses("model", _floats(images[rows.to(images.device)]), rng)
                adam.zero_grad(set_to_none=True)
                named["total"].backward()
                adam.step()
                falling.step()
                losses.append(float(named["reconstruction"].detach()))
        self.of.load_state_dict(model.encoder.state_dict())  # type: ignore[union-attr, operator]
        return float(np.mean(losses[-50:]))

    def _grow(self, z: np.ndarray, scores: np.ndarray, rng: torch.Generator) -> RandomForestRegressor:
        from sklearn.ensemble import RandomForestRegressor

        seed = int(torch.randint(2**31, (1,), generator=rng, device=rng.device))
        forest = RandomForestRegressor(
            self.trees,
            max_leaf_nodes=self.leaves,
            max_samples=min(self.drawn, len(z)),
            max_features=max(1, round(self.dim / 3)),
            random_state=seed,
            n_jobs=1,
        )
        return forest.fit(z, scores)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take trees of any size: how large they grew, only the data knew."""
        for name in ("feature", "threshold", "child", "leaf", "unit", "directions"):
            value = state.get(prefix + name)
            if value is not None and value.ndim == getattr(self, name).ndim:
                setattr(self, name, torch.empty_like(value, device=self.mean.device, dtype=getattr(self, name).dtype))
        super()._load_from_state_dict(state, prefix, *rest)


def answers(z: Tensor, feature: Tensor, threshold: Tensor, child: Tensor, leaf: Tensor) -> Tensor:
    """Return the mean over k trees of the leaves that codes z (n, d) end in: (n, components).

    All codes walk down all trees at once, one question at a time; who has reached a leaf waits there.
    """
    trees, questions = feature.shape
    root = torch.arange(trees, device=z.device) * questions
    features, thresholds, children = feature.flatten().long(), threshold.flatten(), child.flatten().long()
    at = torch.zeros((len(z), trees), dtype=torch.long, device=z.device)
    for _ in range(questions):
        row = root + at.clamp_min(0)
        above = z.gather(1, features[row]) > thresholds[row]
        at = torch.where(at < 0, at, children[2 * row + above])
        if not (at >= 0).any():
            break
    reached = (torch.arange(trees, device=z.device) * leaf.shape[1] - 1 - at).T
    total = torch.zeros((len(z), leaf.shape[2]), dtype=z.dtype, device=z.device)
    for rows in reached:  # tree by tree: the sum of what would be a large table
        total += leaf.flatten(0, 1)[rows]
    return total / trees


def planted(forest: RandomForestRegressor) -> dict[str, Tensor]:
    """Return a grown forest as the tensors `feature`, `threshold`, `child` and `leaf` (float32) of `answers`."""
    trees = [grown.tree_ for grown in forest.estimators_]
    questions = max(1, *(int((tree.children_left >= 0).sum()) for tree in trees))
    leaves, out = max(int(tree.n_leaves) for tree in trees), trees[0].value.shape[1]
    feature = np.zeros((len(trees), questions), np.int16)
    threshold = np.zeros((len(trees), questions), np.float32)
    child = np.full((len(trees), questions, 2), -1, np.int16)  # a tree without a question: both answers lead to leaf 0
    leaf = np.zeros((len(trees), leaves, out), np.float32)
    for row, tree in enumerate(trees):
        asks = tree.children_left >= 0
        number = np.where(asks, np.cumsum(asks) - 1, -np.cumsum(~asks))
        count = int(asks.sum())
        feature[row, :count] = tree.feature[asks]
        threshold[row, :count] = _below(tree.threshold[asks])
        child[row, :count, 0], child[row, :count, 1] = (
            number[tree.children_left[asks]],
            number[tree.children_right[asks]],
        )
        leaf[row, : int((~asks).sum())] = tree.value[~asks, :, 0]
    arrays = {"feature": feature, "threshold": threshold, "child": child, "leaf": leaf}
    return {name: torch.from_numpy(value) for name, value in arrays.items()}


def _filled(forest: RandomForestRegressor, z: np.ndarray, scores: np.ndarray) -> dict[str, Tensor]:
    """Return the leaves with all their scores: the mean over every picture that ends in one, as bytes of a `unit`.

    A unit is a 127th of the largest score on a direction.
    """
    trees = [grown.tree_ for grown in forest.estimators_]
    leaf = np.zeros((len(trees), max(int(tree.n_leaves) for tree in trees), scores.shape[1]), np.float32)
    for row, tree in enumerate(trees):
        number = np.cumsum(tree.children_left < 0) - 1
        at = number[tree.apply(z)]
        many = np.bincount(at, minlength=leaf.shape[1]).clip(1)
        for column in range(scores.shape[1]):
            leaf[row, :, column] = np.bincount(at, scores[:, column], leaf.shape[1]) / many
    unit = np.maximum(np.abs(leaf).max((0, 1)) / 127, 1e-9)
    return {"leaf": torch.from_numpy(np.rint(leaf / unit).astype(np.int8)), "unit": torch.from_numpy(unit)}


def _below(threshold: np.ndarray) -> np.ndarray:
    """The largest float32 that is not above each float64 threshold: a float32 code answers alike to both."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


def _floats(x: Tensor) -> Tensor:
    return x.float().div(255)
