"""Upsampling cells in fewer operations: exact algebra on the layers of the plain cell.

The cells use identities, not approximations:

- an activation commutes with nearest interpolation and with pixel shuffle, which only copy and move
  values, and two in a row are one activation (ReLU is idempotent, LeakyReLU(0.2) twice is
  LeakyReLU(0.04));
- nearest interpolation by two followed by a k x k convolution is a convolution at low resolution
  with four outputs (the phases) per channel. Taps that meet the same value are added up, which
  leaves (k + 1)²/4 taps per output instead of k²;
- a transform with kernel 1 and no activation before it commutes with interpolation, whose weights
  sum to one, and so costs a quarter; the same holds for the sum of split_stack_sum;
- a cell without activation is affine: the sum of its outputs is its output for the sum, with one
  bias per term.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasdip_bench.space import Architecture

from ..blocks import LEAKY_SLOPE, SplitStackSum
from .operations import convolve, fold_channels, interleave, interpolate

_SLOPES = {"relu": 0.0, "leaky_relu": LEAKY_SLOPE}


class FastCell:
    """The forward pass of an upsampling cell, on the layers of a plain one.

    Not a module: the layers belong to the network that it is made for.

    Args:
        cell: see `nasdip_bench.network.blocks.upsampling_cell`; of one network or a stack.
        arch: its architecture.

    Attributes:
        affine: whether the cell has no activation.
    """

    affine: bool
    _layer: Any
    _forward: Callable[[FastCell, Tensor, int], Tensor]
    """A function, not a bound method: that would keep this object, and the network's weights, alive
    until Python looks for cycles."""

    def __init__(self, cell: nn.Sequential, arch: Architecture) -> None:
        facts = arch.attributes
        self.affine = facts.activation == "none"
        self._slope = _SLOPES.get(facts.activation)
        self._sampling = facts.sampling
        self._kernel = facts.kernel or 1
        if facts.sampling == "transposed_conv":
            self._layer, self._forward = cell.sampling, FastCell._transposed
            return
        self._layer = None if facts.transform == "identity" else cell.transform
        if facts.transform_first:
            self._forward = FastCell._shuffle_last
        elif facts.sampling == "pixel_shuffle":
            self._forward = FastCell._shuffle_first
        elif facts.sampling == "nearest" and arch.dilation == 1:
            self._forward = FastCell._nearest
        else:
            self._forward = FastCell._interpolated

    def __call__(self, x: Tensor, terms: int = 1) -> Tensor:
        """The output for x, (N, C, H, W) to (N, C, 2H, 2W).

        Args:
            x: the input; for an affine cell it may be a sum of several.
            terms: for an affine cell, the number of inputs in that sum; the result is the sum of
                their outputs.
        """
        return self._forward(self, x, terms)

    def _act(self, x: Tensor, times: int = 1, *, inplace: bool = True) -> Tensor:
        """The activation; in place unless x, or the gradient of what made it, is used elsewhere."""
        if self._slope is None:
            return x
        if self._slope == 0:
            return functional.relu(x, inplace)
        return functional.leaky_relu(x, self._slope**times, inplace)

    def _transposed(self, x: Tensor, terms: int) -> Tensor:
        conv = self._layer
        shape = (conv.stride, conv.padding, conv.output_padding, conv.groups)
        return self._act(functional.conv_transpose2d(x, conv.weight, conv.bias * terms, *shape))

    def _shuffle_last(self, x: Tensor, terms: int) -> Tensor:
        return functional.pixel_shuffle(self._act(self._transform(x, terms), times=2), 2)

    def _shuffle_first(self, x: Tensor, terms: int) -> Tensor:
        x = functional.pixel_shuffle(self._act(x, inplace=False), 2)
        return self._act(self._transform(x, terms))

    def _nearest(self, x: Tensor, terms: int) -> Tensor:
        x = self._act(x, inplace=False)
        if self._layer is None:
            return interpolate(x, "nearest")
        if self._kernel == 1:
            return interpolate(self._act(self._transform(x, terms)), "nearest")
        return self._act(self._transform(x, terms, doubled=True))

    def _interpolated(self, x: Tensor, terms: int) -> Tensor:
        layer = self._layer
        if self.affine and self._kernel == 1:
            return interpolate(self._transform(x, terms), self._sampling)
        if self.affine and isinstance(layer, SplitStackSum):
            return _convolve(interpolate(_summed(x, layer), self._sampling), layer.conv, terms)
        x = self._act(interpolate(x, self._sampling))
        return x if layer is None else self._act(self._transform(x, terms))

    def _transform(self, x: Tensor, terms: int, *, doubled: bool = False) -> Tensor:
        """The feature transform, if any, of x, or of x interpolated by two with nearest."""
        layer: Any = self._layer
        pointwise = None
        if layer is None:
            return x
        if isinstance(layer, SplitStackSum):
            x, layer = _summed(x, layer), layer.conv
        elif isinstance(layer, nn.Sequential):
            layer, pointwise = layer.depthwise, layer.pointwise
        x = _convolve_doubled(x, layer, terms) if doubled else _convolve(x, layer, terms)
        return x if pointwise is None else _convolve(x, pointwise, terms)


def _summed(x: Tensor, layer: SplitStackSum) -> Tensor:
    return fold_channels(x, layer.runs, 4)


def _weight_and_bias(conv: Any, terms: int) -> tuple[Tensor, Tensor | None]:
    """Those of a plain convolution; a transposed one with stride 1 is one, flipped."""
    weight, bias = conv.weight, conv.bias
    if isinstance(conv, nn.ConvTranspose2d):
        inputs, outputs, *kernel = weight.shape
        weight = weight.view(conv.groups, inputs // conv.groups, outputs, *kernel)
        weight = weight.transpose(1, 2).flatten(0, 1).flip(2, 3)
    return weight, None if bias is None else bias * terms


def _convolve(x: Tensor, conv: Any, terms: int) -> Tensor:
    weight, bias = _weight_and_bias(conv, terms)
    return convolve(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)


def _convolve_doubled(x: Tensor, conv: Any, terms: int) -> Tensor:
    """The convolution of x interpolated by two with nearest, without the interpolation.

    With tap t of k, output 2i + p of an axis (p = 0, 1 is its phase) meets the input
    floor((2i + p + t - k // 2) / 2). Taps that meet the same input are added up, which leaves
    (k + 1) / 2 inputs for each phase. If k // 2 is odd, phase 1 starts one input later.
    """
    weight, bias = _weight_and_bias(conv, terms)
    kernel, groups = weight.shape[-1], conv.groups
    fold = _fold(kernel, weight.dtype, weight.device)
    grouped = weight.view(groups, -1, *weight.shape[1:])
    folded = torch.einsum("pat,goitu,qbu->gpqoiab", fold, grouped, fold).flatten(0, 3)
    if bias is not None:
        bias = bias.view(groups, 1, -1).expand(-1, 4, -1).flatten()
    phases = functional.conv2d(x, folded, bias, 1, (kernel // 2 + 1) // 2, 1, groups)
    return interleave(phases, groups, kernel // 2 % 2)


@lru_cache
def _fold(kernel: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(2, (kernel + 1) / 2, kernel) of 0 and 1: by phase, which taps meet which input."""
    half = kernel // 2
    fold = torch.zeros(2, (kernel + 1) // 2, kernel)
    for phase in (0, 1):
        first = (phase - half) // 2
        for tap in range(kernel):
            fold[phase, (phase + tap - half) // 2 - first, tap] = 1
    return fold.to(device, dtype)
