"""Parameters and floating-point operations of an architecture, counted without torch.

Counts follow the structure that `nasdip_bench.network` builds; tests compare them with it and with
torch's own counter. Used to plan builds and to describe architectures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .architecture import LEVELS, Architecture


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of an architecture for one input and output width.

    Attributes:
        parameters: trainable parameters in the modules that the skip pattern uses.
        parameters_released: the same plus the unused skip modules that the released code creates.
        flops_per_pixel: floating-point operations of one forward pass per image pixel, two per
            multiply-add. Only convolutions count, all but a few per cent of the total. Forward and
            backward together cost three times this.
    """

    parameters: int
    parameters_released: int
    flops_per_pixel: float

    def forward_flops(self, height: int, width: int) -> float:
        """Floating-point operations of one forward pass at an image size."""
        return self.flops_per_pixel * height * width


@dataclass(frozen=True)
class _Conv:
    """A convolution: its size, and the number of positions per image pixel it is applied at."""

    inputs: int
    outputs: int
    kernel: int
    positions: float
    groups: int = 1
    bias: bool = True
    norm: bool = False

    @property
    def parameters(self) -> int:
        weights = self.inputs * self.outputs // self.groups * self.kernel**2
        return weights + self.bias * self.outputs + 2 * self.norm * self.outputs

    @property
    def flops(self) -> float:
        return 2 * self.inputs * self.outputs / self.groups * self.kernel**2 * self.positions


def architecture_cost(
    arch: Architecture, in_channels: int = 1, out_channels: int = 1, channels: int = 128
) -> Cost:
    """Count parameters and operations of an architecture's network."""
    connections = arch.connections
    backbone = list(_backbone(arch, in_channels, out_channels, channels))
    parameters = sum(conv.parameters for conv in backbone)
    parameters += 2 * channels * LEVELS  # batch normalisation at the entry of each decoder level
    flops = sum(conv.flops for conv in backbone)
    released = parameters

    for scale in range(LEVELS):
        width = in_channels if scale == 0 else channels
        same = [_Conv(width, channels, 1, 4.0**-scale, norm=True)]
        kinds = [(same, sum(i == j == scale for i, j in connections))]
        if scale < LEVELS - 1:
            down = [_Conv(width, channels, 3, 4.0 ** -(scale + 1), norm=True)]
            up = list(_cell(arch, channels, 4.0**-scale))
            kinds += [
                (down, sum(j <= scale < i for i, j in connections)),
                (up, sum(i <= scale < j for i, j in connections)),
            ]
        for convs, uses in kinds:
            size = sum(conv.parameters for conv in convs)
            released += size
            parameters += size if uses else 0
            flops += uses * sum(conv.flops for conv in convs)
    return Cost(parameters=parameters, parameters_released=released, flops_per_pixel=flops)


_FACTS_SIZE = 512


def architecture_facts(arch: Architecture) -> dict[str, Any]:
    """The columns of architectures.parquet except ``arch_id``: codes, attributes, cost."""
    cell, cost = arch.attributes, architecture_cost(arch)
    return {
        "architecture": str(arch),
        "cell": arch.cell,
        "skip": arch.skip,
        "dilation": arch.dilation,
        "sampling": cell.sampling,
        "transform": cell.transform,
        "kernel": cell.kernel,
        "activation": cell.activation,
        "transform_first": cell.transform_first,
        "parameters": cost.parameters,
        "parameters_released": cost.parameters_released,
        "flops_512": cost.forward_flops(_FACTS_SIZE, _FACTS_SIZE),
    }


def _backbone(arch: Architecture, inputs: int, outputs: int, channels: int) -> Iterator[_Conv]:
    for level in range(1, LEVELS + 1):
        width = inputs if level == 1 else channels
        yield _Conv(width, channels, 3, 4.0**-level, norm=True)
        yield _Conv(channels, channels, 3, 4.0**-level, norm=True)
        here = 4.0 ** -(level - 1)
        yield from _cell(arch, channels, here)
        yield _Conv(channels, channels, 3, here, norm=True)
        yield _Conv(channels, channels, 3, here, norm=True)
        yield _Conv(channels, channels, 1, here, norm=True)
    yield _Conv(channels, outputs, 1, 1.0)


def _cell(arch: Architecture, channels: int, positions: float) -> Iterator[_Conv]:
    """The convolutions of an upsampling cell whose output has ``positions`` per image pixel."""
    cell = arch.attributes
    kernel = cell.kernel or 1
    if cell.sampling == "transposed_conv":
        # A stride-2 transposed convolution works at each position of its input.
        yield _Conv(channels, channels, kernel, positions / 4)
        return
    inputs, outputs = channels, channels
    if cell.transform_first:
        outputs, positions = 4 * channels, positions / 4
    elif cell.sampling == "pixel_shuffle":
        inputs = channels // 4
    if cell.transform == "conv":
        yield _Conv(inputs, outputs, kernel, positions, bias=False)
    elif cell.transform == "transposed_conv":
        yield _Conv(inputs, outputs, kernel, positions)
    elif cell.transform == "split_stack_sum":
        yield _Conv(inputs // 4, outputs, kernel, positions, bias=False)
    elif cell.transform in ("separable_conv", "depthwise_conv"):
        yield _Conv(inputs, inputs, kernel, positions, groups=inputs, bias=False)
        if cell.transform == "separable_conv":
            yield _Conv(inputs, outputs, 1, positions, bias=False)
