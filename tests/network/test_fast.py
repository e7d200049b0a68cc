"""The fast engine equals the plain one: outputs, gradients, fits; and it does fewer operations."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys
import weakref
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from nasdip_bench.fit.loop import fit, fit_stack
from nasdip_bench.fit.objective import Problem
from nasdip_bench.network import build_network
from nasdip_bench.network.fast import FastNetwork, keep_freed_memory
from nasdip_bench.network.fast.operations import fold_channels, interleave, interpolate
from nasdip_bench.network.stacking import stack_networks
from nasdip_bench.network.weights import draw_z
from nasdip_bench.space import VALID_CELLS, Architecture
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve
from tests.stacks import (
    FAMILIES,
    SKIP,
    assert_one_fit,
    counted_flops,
    new_networks,
    new_problems,
    new_z,
)


def assert_equal_pass(arch: Architecture, channels: int = 1, runs: int = 1) -> None:
    """Outputs and gradients of the fast and the plain form of a stack of ``runs`` networks."""
    z = new_z(channels).repeat(1, runs, 1, 1)
    plain, fast = (stack_networks(new_networks(arch, runs, channels)) for _ in range(2))
    outputs = [plain(z), FastNetwork(fast)(z)]
    assert outputs[0].shape == (1, channels * runs, 64, 64)
    torch.testing.assert_close(outputs[1], outputs[0], atol=1e-11, rtol=0)
    for output in outputs:
        output.square().sum().backward()
    gradients = {name: p.grad for name, p in plain.named_parameters()}
    scale = max(gradient.abs().max().item() for gradient in gradients.values())
    for name, parameter in fast.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(
                parameter.grad, gradients[name], atol=1e-9 * scale, rtol=0, msg=name
            )
        else:
            # What gets no gradient has no effect: the plain gradient is zero but for rounding.
            assert gradients[name].abs().max() < 1e-9 * scale, name


@pytest.mark.parametrize(
    "cells", [FAMILIES, pytest.param(VALID_CELLS, marks=pytest.mark.slow)], ids=["families", "all"]
)
def test_a_cell_of_every_family(cells: Sequence[int]):
    for cell in cells:
        assert_equal_pass(Architecture(cell, SKIP))


@settings(max_examples=8, deadline=None)
@given(
    cell=st.sampled_from(VALID_CELLS),
    skip=st.text("01", min_size=25, max_size=25),
    runs=st.integers(1, 3),
)
def test_any_skip_pattern_and_stack(cell: int, skip: str, runs: int):
    assert_equal_pass(Architecture(cell, skip), runs=runs)


@pytest.mark.parametrize("cell", [4, 34, 130, 142, 154, 166, 178, 194, 256])
def test_dilated_transforms(cell: int):
    assert_equal_pass(Architecture(cell, SKIP, 2 + cell // 4 % 2), runs=2)


LAYOUTS = [torch.contiguous_format, torch.channels_last]


def random_map(*shape: int, layout: torch.memory_format = torch.channels_last) -> torch.Tensor:
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return x.contiguous(memory_format=layout).requires_grad_()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 6), (7, 32)])
def test_interpolation_and_its_gradient_are_torchs(
    mode: str, size: tuple[int, int], layout: torch.memory_format
):
    x = random_map(1, 3, *size, layout=layout)
    options = {} if mode == "nearest" else {"align_corners": False}
    expected = functional.interpolate(x, scale_factor=2, mode=mode, **options)
    found = interpolate(x, mode)
    torch.testing.assert_close(found, expected, atol=1e-14, rtol=0)
    grad = random_map(*expected.shape, layout=layout)
    (ours,) = torch.autograd.grad(found, x, grad)
    (theirs,) = torch.autograd.grad(expected, x, grad)
    torch.testing.assert_close(ours, theirs, atol=1e-13, rtol=0)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("runs", [1, 3])
def test_folded_channels_are_the_sum_of_each_runs_parts(runs: int, layout: torch.memory_format):
    x = random_map(1, 8 * runs, 3, 5, layout=layout)
    expected = x.unflatten(1, (runs, 4, 2))
    torch.testing.assert_close(fold_channels(x, runs, 4), expected.sum(2).flatten(1, 2))
    assert torch.autograd.gradcheck(lambda x: fold_channels(x, runs, 4), x)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_interleaved_phases_are_a_pixel_shuffle(groups: int):
    x = random_map(1, 24, 4, 5)
    shuffled = x.unflatten(1, (groups, 4, -1)).transpose(2, 3).flatten(1, 3)
    torch.testing.assert_close(interleave(x, groups, 0), functional.pixel_shuffle(shuffled, 2))
    assert torch.autograd.gradcheck(lambda x: interleave(x, groups, 0), x)


def test_shifted_phases_begin_one_later():
    x = random_map(1, 4, 3, 3)
    image = interleave(x, 1, 1)
    assert image.shape == (1, 1, 4, 4)
    for p, q in ((0, 0), (0, 1), (1, 0), (1, 1)):
        phase = x[0, 2 * p + q, p : p + 2, q : q + 2]
        torch.testing.assert_close(image[0, 0, p::2, q::2], phase)
    assert torch.autograd.gradcheck(lambda x: interleave(x, 1, 1), x)


class _Layouts(TorchDispatchMode):
    """Notes the operations that give a map of a stack in another layout than channels last."""

    DEAR = ("convolution", "batch_norm", "relu", "threshold", "reflection_pad", "add.Tensor")

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if not any(kind in str(func) for kind in self.DEAR):
            return result
        for one in result if isinstance(result, tuple | list) else [result]:
            is_map = isinstance(one, torch.Tensor) and one.ndim == 4 and one.shape[0] == 1
            if is_map and one.shape[1] >= 32 and one.is_contiguous() and one[0, 0].numel() > 1:
                self.found.add(str(func))
        return result


@pytest.mark.parametrize("cell", FAMILIES)
def test_the_maps_of_a_stack_keep_the_channels_last(cell: int):
    networks = new_networks(Architecture(cell, SKIP), 2, dtype=torch.float32)
    network = FastNetwork(stack_networks(networks))
    z = draw_z(2, 64, 64, "layout")
    with _Layouts() as layouts:
        network(z).sum().backward()
    assert layouts.found == set()


@pytest.mark.parametrize(
    "place",
    [pytest.param(i, marks=[pytest.mark.slow] if i % 9 else []) for i in range(len(FAMILIES))],
    ids=FAMILIES,
)
def test_fits_of_every_family(place: int):
    """All tasks, networks alone and stacks: those that are not slow have each."""
    arch, runs = Architecture(FAMILIES[place], SKIP), 1 + place // 9 % 2
    task = (Denoise(), Inpaint(), SuperResolve(4))[(place + place // 9) % 3]
    channels = 3 if task == Inpaint() else 1
    z, problems = new_z(channels), new_problems(task, runs, channels)
    stack = FastNetwork(stack_networks(new_networks(arch, runs, channels)))
    found = fit_stack(stack, Problem.stack(problems), z, 3, 10)
    alone = zip(new_networks(arch, runs, channels), problems, strict=True)
    for one, (network, problem) in zip(found, alone, strict=True):
        assert_one_fit(one, fit(network, problem, z, 3, 10))


def test_it_does_fewer_operations():
    def ratio(cell: int, skip: str) -> float:
        arch = Architecture(cell, skip)
        plain = build_network(arch, 1, 1, 32)
        fast, z = FastNetwork(plain), torch.rand(1, 1, 64, 64)
        return counted_flops(fast, z) / counted_flops(plain, z)

    every = "1" * 25
    assert ratio(135, "0" * 25) < 0.6  # nearest, conv 7: 16 taps an output in place of 49
    assert ratio(261, every) < 0.5  # affine, shuffle last: the sum passes once
    assert ratio(262, every) < 0.9  # ReLU: chains share their beginnings
    assert ratio(0, every) < 0.85  # bilinear, conv 1: at low resolution
    for cell in FAMILIES:
        # Interpolation as a product is counted here, and torch's own is not: a sixth at most.
        assert ratio(cell, SKIP) < 1.17, cell


def test_a_network_is_gone_when_nobody_holds_it():
    """And not when Python looks for cycles, which a full GPU does not make it do."""
    parameters = []
    gc.collect()
    gc.disable()
    try:
        for cell in FAMILIES:
            network = FastNetwork(*new_networks(Architecture(cell, SKIP), 1))
            network(new_z())
            parameters += [weakref.ref(parameter) for parameter in network.parameters()]
            del network
        assert [ref() for ref in parameters if ref() is not None] == []
    finally:
        gc.enable()


FAULTS = """
import resource, torch
from nasdip_bench.network.fast import keep_freed_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.zeros(64 * 2**20 // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
left = faults()
assert keep_freed_memory()
faults()
print(faults(), left)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")
def test_freed_memory_is_kept():
    if platform.libc_ver()[0] != "glibc":
        assert not keep_freed_memory()
        pytest.skip("another C library")
    command = [sys.executable, "-c", FAULTS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    kept, left = map(int, done.stdout.split())
    assert kept < 0.1 * left
