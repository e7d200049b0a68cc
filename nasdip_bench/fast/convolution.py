"""Convolutions in the form that the libraries compute fastest."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["convolve"]

_SMALLEST_PRODUCT = 400
"""Multiplications; below, torch takes a loop of its own, which rounds otherwise."""


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """As ``torch.nn.functional.conv2d``.

    Of a stack of networks a convolution of kernel 1 is a product of matrices for each, all of one
    size, which is one batched product. As a grouped convolution torch takes one group after the
    other, with one thread of a CPU, or has oneDNN rearrange what goes in and comes out, with
    several. Against the former the results are the same to the last bit.
    """
    batch, _, height, width = x.shape
    outputs, inputs, *kernel = weight.shape
    pointwise = kernel == [1, 1] and tuple(stride) == (1, 1) and tuple(padding) == (0, 0)
    multiplications = inputs * outputs // groups * height * width
    if (
        groups == 1
        or inputs == 1  # a scale of each channel
        or batch > 1
        or not pointwise
        or multiplications < _SMALLEST_PRODUCT
    ):
        return functional.conv2d(x, weight, bias, stride, padding, dilation, groups)
    weights = weight.view(groups, -1, inputs)
    values = x.reshape(groups, inputs, height * width)
    if bias is None:
        product = torch.bmm(weights, values)
    else:
        product = torch.baddbmm(bias.view(groups, -1, 1), weights, values)
    return product.view(1, outputs, height, width)
