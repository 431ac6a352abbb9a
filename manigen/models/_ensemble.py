"""An ensemble of decoders: one leads and paints, the others follow and say where it is guessing.

The leader is trained at every step, together with the encoder. Every other step one follower, each in its turn, learns
the same codes from half of the batch, and never moves the encoder. Where data taught them they agree, elsewhere they do
not. Letting the leader learn always, rather than all members in turn, keeps its pictures as good as a lone decoder's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from manigen.models.base import per_picture
from manigen.models.networks import Decoder


class Decoders(nn.Module):
    """A leading decoder and `members` - 1 followers of the same size, each with its own first weights."""

    def __init__(self, shape: tuple[int, int, int], dim: int, width: int, layout: str, members: int) -> None:
        super().__init__()
        self.leader = Decoder(shape, dim, width, layout)
        self.followers = nn.ModuleList(Decoder(shape, dim, width, layout) for _ in range(members - 1))

    def forward(self, z: Tensor) -> Tensor:
        return self.leader(z)

    def all(self, z: Tensor) -> Tensor:
        """Codes (n, d) to the pictures of every member (k, n, c, h, w), the leader's first."""
        return torch.stack([self.leader(z), *(follower(z) for follower in self.followers)])

    def follow(self, z: Tensor, x: Tensor, step: int) -> Tensor:
        """Return the squared error of the follower whose turn it is, on half of the codes z and pictures x."""
        half = max(1, len(z) // 2)
        return per_picture((self.followers[step % len(self.followers)](z[:half].detach()) - x[:half]).square())
