"""On a GPU: fast and plain networks are one fit, and a GPU computes what a CPU does.

Needs neither hypothesis nor the network, which a machine that is lent may lack.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nasdip_bench.fit.loop import Fit, fit_stack
from nasdip_bench.fit.objective import Problem
from nasdip_bench.network import Network
from nasdip_bench.network.fast import FastNetwork
from nasdip_bench.network.stacking import stack_networks
from nasdip_bench.network.weights import draw_weights, draw_z
from nasdip_bench.proxies.scoring import blank_network
from nasdip_bench.seeding import BitStream
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve, Task

SKIP = "1011001110001101011100101"
# One cell a family (sampling x transform), kernels and activations mixed.
FAMILIES = [2, 13, 28, 40, 52, 60, 76, 88, 98, 112, 120, 123, 130, 142, 151, 163, 178, 186]
FAMILIES += [190, 205, 219, 228, 256, 268, 280, 295, 315, 320]

pytestmark = pytest.mark.gpu


def new_network(cell: int, device: str, dtype: torch.dtype, runs: int, *, fast: bool) -> nn.Module:
    networks: list[Network] = []
    for key in range(runs):
        network = blank_network(Architecture(cell, SKIP), 1, 16, device)
        draw_weights(network, "gpu", key)
        networks.append(network.to(dtype))
    plain = stack_networks(networks)
    return FastNetwork(plain) if fast else plain


def train(
    cell: int,
    *,
    task: Task | None = None,
    dtype: torch.dtype = torch.float64,
    runs: int = 1,
    fast: bool = True,
    precision: str = "fp32",
) -> list[Fit]:
    task = task or Denoise()
    problems = []
    for key in range(runs):
        truth = BitStream("truth", key).uniform32((1, 64, 64), 0, 1)
        problems.append(Problem(task, task.corrupt(truth, str(key)), truth, "cuda", dtype))
    network = new_network(cell, "cuda", dtype, runs, fast=fast)
    z = draw_z(1, 64, 64, "z").to("cuda", dtype)
    return fit_stack(network, Problem.stack(problems), z, 3, 40, precision=precision)


@pytest.mark.parametrize("cell", FAMILIES)
def test_fast_and_plain_are_one_fit(cell: int):
    options = {"task": (Denoise(), Inpaint(), SuperResolve(4))[cell % 3], "runs": 1 + cell % 2}
    plain, fast = (train(cell, fast=fast, **options) for fast in (False, True))
    for one, other in zip(fast, plain, strict=True):
        # Sums are added up in another order each time, and forty iterations enlarge that: on a CPU
        # the two engines differ by up to 2e-10.
        for name in ("psnr_db", "psnr_smooth_db", "loss"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-7, rtol=0)
        np.testing.assert_allclose(one.smoothed, other.smoothed, atol=1e-6)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("runs", [1, 3])
def test_a_fit_in_every_precision(precision: str, runs: int):
    exact = train(98, runs=runs)
    for one, other in zip(
        train(98, runs=runs, dtype=torch.float32, precision=precision), exact, strict=True
    ):
        assert one.diverged_at is None
        np.testing.assert_allclose(one.psnr_db[0], other.psnr_db[0], atol=0.1)
        np.testing.assert_allclose(one.psnr_smooth_db[-1], other.psnr_smooth_db[-1], atol=1)


def test_a_gpu_computes_what_a_cpu_computes():
    """Outputs and gradients of a network of every family, plain and fast."""
    for cell in FAMILIES:
        found = {}
        for device in ("cpu", "cuda"):
            for fast in (False, True):
                network = new_network(cell, device, torch.float64, 2, fast=fast)
                z = draw_z(1, 64, 64, "z").to(device, torch.float64).repeat(1, 2, 1, 1)
                output = network(z)
                output.square().mean().backward()
                plain = network.plain if fast else network
                weight = plain.get_parameter("encoder.1.conv_down.weight")
                found[device, fast] = output.detach().cpu(), weight.grad.cpu()
        for key, (output, gradient) in found.items():
            torch.testing.assert_close(
                output, found["cpu", False][0], atol=1e-9, rtol=0, msg=f"{cell} {key}"
            )
            scale = found["cpu", False][1].abs().max().item()
            torch.testing.assert_close(
                gradient, found["cpu", False][1], atol=1e-7 * scale, rtol=0, msg=f"{cell} {key}"
            )


def test_memory_is_given_back_between_fits():
    held = []
    for _ in range(3):  # after the first, libraries have made their workspaces
        for cell in (2, 98, 130):
            train(cell)
        torch.cuda.synchronize()
        held.append(torch.cuda.memory_allocated())
    assert held[2] < held[0] + 2**20
