"""The terms that losses here are added up from, each on its own: geometry, matching of codes, and the game of two.

Every one takes tensors and returns a scalar that can be differentiated. Weights belong to the families.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

# --- geometry ---------------------------------------------------------------------------------------------------------


def distance_correlation(x: Tensor, z: Tensor) -> Tensor:
    """Return 1 - r, with r the correlation of all pairwise distances in a batch: pictures x (n, ...) against codes z.

        r = Pearson( |x_i - x_j|, |z_i - z_j| )  over i < j

    0 where codes keep every distance up to one common factor. It is the founding idea's term: the encoder is asked to
    lay the codes out as the pictures lie. Differentiable in both.
    """
    i, j = torch.triu_indices(len(x), len(x), 1, device=x.device)
    apart, between = (_distances(rows.flatten(1).float())[i, j] for rows in (x, z))
    apart, between = apart - apart.mean(), between - between.mean()
    return 1 - (apart * between).mean() / (apart.square().mean() * between.square().mean()).sqrt().clamp_min(1e-12)


def _distances(rows: Tensor) -> Tensor:
    """Distances (n, n) by one matrix product, kept off zero, where a root has no slope."""
    with torch.autocast(rows.device.type, enabled=False):  # in half precision the difference below would drown
        rows = rows - rows.mean(0)
        squares = rows.square().sum(1)
        return (squares[:, None] + squares - 2 * rows @ rows.T).clamp_min(1e-8).sqrt()


def relaxed_isometry(decode: Callable[[Tensor], Tensor], z: Tensor, rng: torch.Generator) -> Tensor:
    """Return the relaxed distortion of a decoder at codes z (n, d): 1 for a scaled isometry, more where it stretches.

        d E|J^T J v|^2 / (E|J v|^2)^2,    v ~ N(0, I),  J the decoder's Jacobian at z

    For J^T J = c I both sides of the fraction are c^2 d^2; taking both means over v and z leaves c, the one common
    scale, to the decoder. J v is one forward derivative, J^T (J v) one backward.
    Source: Lee, Yoon, Son, Park 2022, Regularized Autoencoders for Isometric Representation Learning,
    https://openreview.net/forum?id=mQxt8l7JL04.
    """
    v = torch.randn(z.shape, generator=rng, device=z.device)
    z = z.detach().float().requires_grad_(True)
    x, push = torch.func.jvp(decode, (z,), (v,))[:2]
    (pull,) = torch.autograd.grad(x, z, push, create_graph=True)
    stretch = push.square().flatten(1).sum(1).mean()
    return z.shape[1] * pull.square().sum(1).mean() / stretch.square().clamp_min(1e-12)


def mixed(z: Tensor, rng: torch.Generator, beyond: float = 0.2) -> Tensor:
    """Return codes on, and a little `beyond`, the lines between random pairs of z (n, d)."""
    z = z.float()
    alpha = torch.rand((len(z), 1), generator=rng, device=z.device) * (1 + 2 * beyond) - beyond
    return torch.lerp(z, z[torch.randperm(len(z), generator=rng, device=z.device)], alpha)


# --- matching a distribution of codes ---------------------------------------------------------------------------------


def discrepancy(z: Tensor, prior: Tensor) -> Tensor:
    """Return the maximum mean discrepancy of codes z (n, d) and draws of a prior (n, d), unbiased: near 0 when alike.

        E k(z, z') + E k(p, p') - 2 E k(z, p),    k(a, b) = mean over s of  C s / (C s + |a - b|^2),  C = 2 d

    with the inverse multiquadratic kernel at seven scales s from 0.1 to 10, whose heavy tails also pull far codes.
    Source: Tolstikhin, Bousquet, Gelly, Schölkopf 2018, Wasserstein Auto-Encoders, https://arxiv.org/abs/1711.01558.
    """
    n, d = z.shape

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        squares = (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp_min(0)
        scales = [2.0 * d * scale for scale in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)]
        return torch.stack([scale / (scale + squares) for scale in scales]).mean(0)

    with torch.autocast(z.device.type, enabled=False):
        z, prior = z.float(), prior.float()
        zz, pp = kernel(z, z), kernel(prior, prior)
        within = (zz.sum() - zz.diagonal().sum() + pp.sum() - pp.diagonal().sum()) / (n * (n - 1))
        return within - 2 * kernel(z, prior).mean()


# --- the game of two --------------------------------------------------------------------------------------------------


def lead(ahead: Tensor, behind: Tensor) -> Tensor:
    """Return E softplus(behind - ahead): small when the scores `ahead` (n, 1) exceed those `behind`, pair by pair.

    The critic wants real pictures ahead of made ones, the forger the reverse; pairing each forgery with a real picture
    keeps the forger from settling on a few.
    Source: Huang, Gokaslan, Kuleshov, Tompkin 2024, The GAN is dead; long live the GAN!, https://arxiv.org/abs/2501.05441.
    """
    return nn.functional.softplus(behind - ahead).mean()


def steepness(critic: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return E|grad C(x)|^2, a critic's mean squared slope at pictures x: the penalty that makes the game converge.

    Source: Mescheder, Geiger, Nowozin 2018, Which Training Methods for GANs do actually Converge?,
    https://arxiv.org/abs/1801.04406.
    """
    x = x.detach().float().requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return slope.square().flatten(1).sum(1).mean()


def judged(
    critic: Callable[[Tensor], Tensor], real: Tensor, made: Tensor, penalty: float, lazy: int, step: int
) -> dict[str, Tensor]:
    """Return a critic's named losses on real and made pictures (n, c, h, w): its lead, and both gradient penalties.

    The penalties, dearest of all terms, are taken every `lazy` steps and then weighted as many times; between them they
    are not reported. Source of the habit: Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN,
    https://arxiv.org/abs/1912.04958.
    """
    critic_loss = lead(critic(real), critic(made))
    if penalty == 0 or step % lazy:
        return {"total": critic_loss, "critic": critic_loss}
    slopes = steepness(critic, real) + steepness(critic, made)
    return {"total": critic_loss + lazy * penalty / 2 * slopes, "critic": critic_loss, "penalty": slopes}
