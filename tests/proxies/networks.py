"""Small networks and images for tests of scores."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

ZERO_COST = (
    "ntk_alignment", "ntk_low_pass", "grad_norm", "snip", "synflow", "plain", "l2_norm", "fisher",
    "grasp", "zen",
)  # fmt: skip
"""The scores of a network that look at more than its size, in the order of the files."""

OWN_SCORE = {
    "needs_reference": False,
    "lower_is_better": None,
    "unit": "1",
    "source": "this test",
    "description": "nothing",
}
"""The facts of a score that a test adds, but its name."""


def seeded(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def image(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


def small_network(bias: bool = True) -> nn.Sequential:
    """Two convolutions with batch normalisation and a sigmoid, in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=bias),
            nn.BatchNorm2d(4, track_running_stats=False),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4, 1, 3, padding=1, bias=bias),
            nn.Sigmoid(),
        ).double()
