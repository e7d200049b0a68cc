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
from nasdip_bench.network.fast import FastNetwork
from nasdip_bench.network.stacking import stack_networks
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve, Task
from tests.stacks import FAMILIES, SKIP, assert_one_fit, new_networks, new_problems, new_z

pytestmark = pytest.mark.gpu


def new_network(cell: int, device: str, dtype: torch.dtype, runs: int, *, fast: bool) -> nn.Module:
    networks = new_networks(Architecture(cell, SKIP), runs, device=device, dtype=dtype)
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
    problems = new_problems(task or Denoise(), runs, device="cuda", dtype=dtype)
    network = new_network(cell, "cuda", dtype, runs, fast=fast)
    z = new_z(device="cuda", dtype=dtype)
    return fit_stack(network, Problem.stack(problems), z, 3, 40, precision=precision)


@pytest.mark.parametrize("cell", FAMILIES)
def test_fast_and_plain_are_one_fit(cell: int):
    options = {"task": (Denoise(), Inpaint(), SuperResolve(4))[cell % 3], "runs": 1 + cell % 2}
    plain, fast = (train(cell, fast=fast, **options) for fast in (False, True))
    for one, other in zip(fast, plain, strict=True):
        # Sums are added up in another order each time, and forty iterations enlarge that: on a CPU
        # the two engines differ by up to 2e-10.
        assert_one_fit(one, other, atol=1e-7)


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
                z = new_z(device=device).repeat(1, 2, 1, 1)
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
