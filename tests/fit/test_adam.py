"""The optimiser takes the steps of PyTorch's own, bit for bit."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from nasdip_bench.fit.adam import Adam

STEPS = 12


def moved(kind: str, dtype: torch.dtype) -> list[torch.Tensor]:
    """Parameters after some steps; the second has no gradient at first, the third never."""
    generator = torch.Generator().manual_seed(0)
    parameters = [
        torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
        for shape in ((4, 3, 3, 3), (4,), (2, 2))
    ]
    if kind == "ours":
        optimizer = Adam(parameters, 0.01)
    else:
        optimizer = torch.optim.Adam(parameters, lr=0.01, fused=True)
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = (parameters[0].square() * (step + 1)).sum()
        if step >= 5:
            loss = loss + (parameters[1] - 1).pow(4).sum()
        loss.backward()
        optimizer.step()
    assert parameters[2].grad is None
    return parameters


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_steps_are_pytorchs(dtype: torch.dtype):
    for ours, theirs in zip(moved("ours", dtype), moved("theirs", dtype), strict=True):
        assert torch.equal(ours, theirs)


def test_gradients_are_forgotten():
    parameter = torch.ones(3, requires_grad=True)
    optimizer = Adam([parameter], 0.1)
    parameter.sum().backward()
    optimizer.zero_grad()
    optimizer.step()
    assert parameter.grad is None
    assert parameter.tolist() == [1, 1, 1]


def test_a_fit_and_the_count_of_operations_do_not_import_the_compiler():
    code = """
import sys
import numpy as np
from nasdip_bench.fit.loop import fit_stack
from nasdip_bench.network.fast import FastNetwork
from nasdip_bench.network.weights import draw_weights, draw_z
from nasdip_bench.fit.objective import Problem
from nasdip_bench.proxies import score_network
from nasdip_bench.space import sample_architectures
from nasdip_bench.network.stacking import stack_networks
from nasdip_bench.tasks import Denoise
from nasdip_bench.proxies.scoring import blank_network

networks = [blank_network(sample_architectures(1)[0], 1, 16, "cpu") for _ in range(2)]
for key, network in enumerate(networks):
    draw_weights(network, "test", key)
z, truth, task = draw_z(1, 64, 64, "z"), np.full((1, 64, 64), 0.5, np.float32), Denoise()
score_network("flops", networks[0], z, truth, task)
problems = Problem.stack([Problem(task, task.corrupt(truth, "0"), truth)] * 2)
fit_stack(FastNetwork(stack_networks(networks)), problems, z, 0, 2)
print({"torch._dynamo", "sympy"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
