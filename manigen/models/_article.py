"""The founding article's own networks: a dense autoencoder, and a convolutional generator on its codes.

They are kept as they were, ReLU and batch norm included, so that the idea can be seen at its beginning. Neither suits a
metric: a ReLU's Jacobian jumps. In use the batch norm works with the averages it kept, so a picture still does not
depend on its batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

DIM = 32
FIXED = {"dim": DIM, "layout": "flat", "code_l2": 0.0, "code_noise": 0.0, "weight_decay": 0.0}  # knobs it decides
EPOCHS, BATCH = 50, 256  # how the article trained it: rounds of the pictures, pictures in a step
SIDE = 28


def encoder() -> nn.Module:
    """28x28 pictures through 64 units to 32 numbers."""
    return nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 64), nn.ReLU(), nn.Linear(64, DIM))


def decoder() -> nn.Module:
    """32 numbers through 64 units to a picture."""
    return nn.Sequential(
        nn.Linear(DIM, 64), nn.ReLU(), nn.Linear(64, SIDE * SIDE), nn.Sigmoid(), nn.Unflatten(1, (1, SIDE, SIDE))
    )


class Forger(nn.Module):
    """32 numbers to 4x4x256, then transposed 5x5 convolutions over 7x7x128 and 14x14x128 to a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(DIM, 4 * 4 * 256, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(256), nn.BatchNorm2d(128), nn.BatchNorm2d(128)])
        self.up = nn.ModuleList(
            [
                nn.ConvTranspose2d(256, 128, 5, stride=2, padding=2),
                nn.ConvTranspose2d(128, 128, 5, stride=2, padding=2, output_padding=1),
                nn.ConvTranspose2d(128, 1, 5, stride=2, padding=2, output_padding=1),
            ]
        )

    def forward(self, z: Tensor) -> Tensor:
        x = self.first(z).unflatten(1, (256, 4, 4))
        for norm, layer in zip(self.norms, self.up, strict=True):
            x = layer(torch.relu(norm(x)))
        return torch.sigmoid(x)
