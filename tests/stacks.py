"""Networks and problems for the tests that compare engines: alone, stacked, fast, on a GPU.

Needs neither hypothesis nor the internet, which a GPU machine that is lent may lack.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nasdip_bench.fit.loop import Fit
from nasdip_bench.fit.objective import Problem
from nasdip_bench.network import Network
from nasdip_bench.network.weights import draw_weights, draw_z
from nasdip_bench.proxies.scoring import blank_network
from nasdip_bench.seeding import BitStream
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import Task

SKIP = "1011001110001101011100101"
FAMILIES = [2, 13, 28, 40, 52, 60, 76, 88, 98, 112, 120, 123, 130, 142, 151, 163, 178, 186]
FAMILIES += [190, 205, 219, 228, 256, 268, 280, 295, 315, 320]
"""One cell a family (sampling x transform), kernels and activations mixed."""


def new_networks(
    arch: Architecture,
    runs: int,
    channels: int = 1,
    device: str = "cpu",
    dtype: torch.dtype = torch.float64,
) -> list[Network]:
    """Plain networks of 16 channels with weights of their own."""
    made = []
    for key in range(runs):
        network = blank_network(arch, channels, 16, device)
        draw_weights(network, "stack", key)
        made.append(network.to(dtype))
    return made


def new_truth(key: int, channels: int = 1) -> np.ndarray:
    """(channels, 64, 64) float32: noise."""
    return BitStream("truth", key).uniform32((channels, 64, 64), 0, 1)


def new_problems(
    task: Task,
    runs: int,
    channels: int = 1,
    device: str = "cpu",
    dtype: torch.dtype = torch.float64,
) -> list[Problem]:
    """Images of noise, each with a corruption of its own."""
    truths = [new_truth(i, channels) for i in range(runs)]
    return [
        Problem(task, task.corrupt(truth, str(i)), truth, device, dtype)
        for i, truth in enumerate(truths)
    ]


def new_z(
    channels: int = 1, device: str = "cpu", dtype: torch.dtype = torch.float64
) -> torch.Tensor:
    """(1, channels, 64, 64): what all networks get."""
    return draw_z(channels, 64, 64, "z").to(device, dtype)


def assert_one_fit(found: Fit, expected: Fit, atol: float = 1e-9) -> None:
    """Two fits are the same but for ``atol``, in dB and of the loss as a share of it."""
    np.testing.assert_allclose(found.psnr_db, expected.psnr_db, atol=atol, rtol=0)
    np.testing.assert_allclose(found.psnr_smooth_db, expected.psnr_smooth_db, atol=atol, rtol=0)
    np.testing.assert_allclose(found.loss, expected.loss, atol=1e-12, rtol=atol)
    np.testing.assert_allclose(found.smoothed, expected.smoothed, atol=1e-6)
    assert found.diverged_at == expected.diverged_at


def counted_flops(network: nn.Module, z: torch.Tensor) -> int:
    """Operations of a pass, as torch counts them.

    On real numbers: on the meta device it takes three times as long.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(z)
    return counter.get_total_flops()
