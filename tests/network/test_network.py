"""Networks against the released code's outputs, and their cost against torch's own counter."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from nasdip_bench.errors import ConfigError, ImageError, UnknownNameError
from nasdip_bench.network import build_network
from nasdip_bench.network.baselines import BASELINES, NAS_DIP, build_baseline
from nasdip_bench.space import VALID_CELLS, Architecture, sample_architectures
from nasdip_bench.space.cost import architecture_cost
from tests.stacks import counted_flops

ALL_SKIPS = "1" * 25


def fill(network: nn.Module) -> nn.Module:
    """Weights by a rule that does not depend on names or order, as in the golden file."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            weight = layer.weight
            inputs = weight.shape[0 if isinstance(layer, nn.ConvTranspose2d) else 1]
            fan_in = inputs * weight.shape[2] * weight.shape[3]
            k = torch.arange(weight.numel(), dtype=torch.float64)
            values = torch.sin(0.37 * k + 0.5) / math.sqrt(fan_in)
            layer.weight = nn.Parameter(values.reshape(weight.shape))
            if layer.bias is not None:
                k = torch.arange(layer.bias.numel(), dtype=torch.float64)
                layer.bias = nn.Parameter(0.01 * torch.cos(0.7 * k))
    return network.double()


def formula_input(channels: int = 1) -> torch.Tensor:
    k = torch.arange(channels * 64 * 64, dtype=torch.float64)
    return (0.05 + 0.05 * torch.sin(k * k * 1e-3)).reshape(1, channels, 64, 64)


@pytest.mark.reference
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_golden_networks(reference_dir: Path, whole: bool):
    """One of each sampling and of each transform; slowly, all sixty."""
    golden = np.load(reference_dir / "network_golden.npz")
    z, seen = torch.from_numpy(golden["z"]), set()
    for cell, skip, expected in zip(golden["cell"], golden["skip"], golden["outputs"], strict=True):
        arch = Architecture(int(cell), str(skip))
        facts = {arch.attributes.sampling, arch.attributes.transform}
        if not whole and facts <= seen:
            continue
        seen |= facts
        with torch.no_grad():
            output = fill(build_network(arch))(z)
        np.testing.assert_allclose(output[0, 0].numpy(), expected, atol=1e-6, rtol=0)
    assert len(seen) >= 5 + 6 - 1  # transposed_conv is a name of both


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "kind", "channels", "key"),
    [
        ("nas_dip", "denoise", 1, "nasdip_denoise"),
        ("nas_dip", "inpaint", 1, "nasdip_inpaint"),
        ("nas_dip", "super_resolve", 3, "nasdip_sr"),
        ("dip", "denoise", 1, "dip_denoise"),
        ("dip", "inpaint", 1, "dip_inpaint"),
    ],
)
def test_golden_baselines(reference_dir: Path, name, kind, channels, key):
    golden = np.load(reference_dir / "network_golden.npz")
    with torch.no_grad():
        output = fill(build_baseline(name, kind, channels))(torch.from_numpy(golden["z32"]))
    np.testing.assert_allclose(output.numpy(), golden[key], atol=1e-6, rtol=0)


# Means and standard deviations of outputs for `formula_input`, computed with this code when it
# agreed with the released code on all golden files to 3e-8 (2026-11-23): one a family of cells.
GOLDEN_FIGURES = {
    "20-1011001110001101011100101": [0.5045517185481267, 0.01895213858874748, 0.4928764035017282],
    "98-0010100001101001011110101": [0.5038477401346906, 0.017771914137381353, 0.4935081725127237],
    "172-0000011001001001100111101": [0.5035149718492367, 0.01704444861853189, 0.46220914498893423],
    "219-1100110011001100110011001": [0.5034906793902341, 0.01669383178645094, 0.4847887393094945],
    "280-1111101111001110001100001": [0.5039285139466468, 0.01792404578984516, 0.4902110416323169],
    "320-0101010101010101010101010": [0.5041216366519534, 0.01819267258169864, 0.49267878522847763],
    "43-1110001110001110001110001": [0.5038558251361067, 0.018261068031365024, 0.49337450959453744],
}


@pytest.mark.parametrize("code", GOLDEN_FIGURES)
def test_golden_figures(code):
    with torch.no_grad():
        output = fill(build_network(Architecture.parse(code), channels=32))(formula_input())
    found = [output.mean().item(), output.std().item(), output[0, 0, 5, 7].item()]
    assert found == pytest.approx(GOLDEN_FIGURES[code], abs=1e-9)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_of_any_task(name):
    for kind in NAS_DIP:
        with torch.no_grad():
            output = build_baseline(name, kind, 3, channels=16)(torch.rand(1, 32, 64, 96))
        assert output.shape == (1, 3, 64, 96)


def test_unknown_baselines_are_named():
    with pytest.raises(UnknownNameError, match="unknown baseline 'dpi'"):
        build_baseline("dpi", "denoise")
    with pytest.raises(UnknownNameError, match=r"unknown kind of task 'denise'.*denoise"):
        build_baseline("dip", "denise")


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_every_valid_cell_builds_and_costs_what_is_counted(step: int):
    """One of every three, which differ in the activation; slowly, all."""
    one_skip_up = "01" + "0" * 23
    for cell in VALID_CELLS[::step]:
        arch = Architecture(cell, one_skip_up)
        network = build_network(arch, 2, 3, 16)
        cost = architecture_cost(arch, 2, 3, 16)
        assert cost.parameters == sum(p.numel() for p in network.parameters())
        assert cost.forward_flops(64, 96) == counted_flops(network, torch.rand(1, 2, 64, 96))


def test_cost_counts_the_modules_in_use():
    full = architecture_cost(Architecture(64, ALL_SKIPS))
    for arch in sample_architectures(20):
        network = build_network(arch, channels=48)
        cost = architecture_cost(arch, channels=48)
        assert cost.parameters == sum(p.numel() for p in network.parameters())
        assert cost.forward_flops(64, 64) == counted_flops(network, torch.rand(1, 1, 64, 64))
        alike = architecture_cost(Architecture(64, arch.skip))
        assert alike.parameters <= alike.parameters_released == full.parameters_released


@pytest.mark.parametrize("size", [(64, 70), (32, 64), (100, 128)])
def test_a_size_that_does_not_fit_is_refused(size):
    network = build_network(Architecture(0, ALL_SKIPS), channels=16)
    with pytest.raises(ImageError, match=f"{size[0]} x {size[1]} .* multiples of 32 and at least"):
        network(torch.rand(1, 1, *size))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 24}, "channels 24 must be a positive multiple of 16"),
        ({"channels": 0}, "channels 0"),
        ({"in_channels": 0}, "in_channels 0 must be a whole number of at least 1"),
        ({"out_channels": -1}, "out_channels -1 must be a whole number of at least 1"),
    ],
)
def test_wrong_channels_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        build_network(Architecture(0, ALL_SKIPS), **arguments)


def test_every_skip_bit_changes_the_output():
    z = formula_input()
    with torch.no_grad():
        plain = fill(build_network(Architecture(126, "0" * 25), channels=16))(z)
        for bit in range(25):
            skip = "0" * bit + "1" + "0" * (24 - bit)
            output = fill(build_network(Architecture(126, skip), channels=16))(z)
            assert not torch.allclose(output, plain)


def test_the_output_layer_stays_in_float32_under_autocast():
    network = build_network(Architecture(0, ALL_SKIPS), channels=16)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(torch.rand(1, 1, 64, 64))
    assert output.dtype == torch.float32
    assert not torch.equal(output, output.bfloat16().float())
