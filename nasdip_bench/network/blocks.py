"""The layers of the networks: cells, levels of the encoder and decoder, the output.

Parameter names are part of the benchmark's protocol; see `nasdip_bench.network.plain`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from nasdip_bench.space import Architecture

LEAKY_SLOPE = 0.2


def activation(name: str) -> nn.Module:
    """The activation layer with a name of `nasdip_bench.space.ACTIVATIONS`."""
    if name == "none":
        return nn.Identity()
    return nn.ReLU() if name == "relu" else nn.LeakyReLU(LEAKY_SLOPE)


def norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with the statistics of the batch, in training and evaluation alike.

    A Deep Image Prior has no test time: the released code never leaves training mode, so running
    averages would never be read.
    """
    return nn.BatchNorm2d(channels, track_running_stats=False)


def reflect_conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution with bias and reflection padding; it divides the size by the stride."""
    return nn.Conv2d(
        in_channels,
        out_channels,
        kernel,
        stride=stride,
        padding=kernel // 2,
        padding_mode="reflect" if kernel > 1 else "zeros",
    )


def conv_norm_act(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, suffix: str = ""
) -> dict[str, nn.Module]:
    """conv, bn, LeakyReLU(0.2), by their names with the suffix."""
    return {
        f"conv{suffix}": reflect_conv(in_channels, out_channels, kernel, stride),
        f"norm{suffix}": norm(out_channels),
        f"act{suffix}": activation("leaky_relu"),
    }


def sequence(layers: Mapping[str, nn.Module]) -> nn.Sequential:
    """The layers one after the other, under their names."""
    return nn.Sequential(OrderedDict(layers))


def _same_size(kernel: int, dilation: int) -> dict[str, Any]:
    """The options of a convolution that keeps the size (released: dilation 1)."""
    return {"padding": dilation * (kernel // 2), "dilation": dilation}


class SplitStackSum(nn.Module):
    """Split the channels in four, sum the parts, convolve the sum (C/4 to the output channels).

    Attributes:
        runs: number of networks that share the layer, each with its own block of channels.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.runs = 1
        shape = _same_size(kernel, dilation)
        self.conv = nn.Conv2d(in_channels // 4, out_channels, kernel, bias=False, **shape)

    def summed(self, x: Tensor) -> Tensor:
        """The sum of the four parts: (N, C, H, W) to (N, C/4, H, W)."""
        n, c, h, w = x.shape
        parts = x.view(n, self.runs, 4, c // (4 * self.runs), h, w)
        return parts.sum(2).flatten(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.summed(x))  # type: ignore[no-any-return]


def transform(
    name: str, in_channels: int, out_channels: int, kernel: int, dilation: int
) -> nn.Module:
    """The feature transform of a cell; keeps the size.

    As released, convolutions have no bias and transposed ones do.
    """
    shape = _same_size(kernel, dilation)
    if name == "conv":
        return nn.Conv2d(in_channels, out_channels, kernel, bias=False, **shape)
    if name == "transposed_conv":
        return nn.ConvTranspose2d(in_channels, out_channels, kernel, **shape)
    if name == "split_stack_sum":
        return SplitStackSum(in_channels, out_channels, kernel, dilation)
    depthwise = nn.Conv2d(in_channels, in_channels, kernel, groups=in_channels, bias=False, **shape)
    if name == "depthwise_conv":
        return depthwise
    pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=False)
    return sequence({"depthwise": depthwise, "pointwise": pointwise})


def upsampling_cell(arch: Architecture, channels: int) -> nn.Sequential:
    """One upsampling cell: doubles height and width, keeps the channels.

    An activation follows both the sampling and the transform; an identity transform has none.
    """
    cell = arch.attributes
    kernel = cell.kernel or 1
    layers: dict[str, nn.Module] = {}
    if cell.transform_first:  # pixel shuffle last
        layers["transform"] = transform(
            cell.transform, channels, 4 * channels, kernel, arch.dilation
        )
        layers["transform_act"] = activation(cell.activation)
        layers["sampling"] = nn.PixelShuffle(2)
        layers["sampling_act"] = activation(cell.activation)
        return sequence(layers)

    sampled = channels
    if cell.sampling == "pixel_shuffle":
        layers["sampling"] = nn.PixelShuffle(2)
        sampled = channels // 4
    elif cell.sampling == "transposed_conv":
        layers["sampling"] = nn.ConvTranspose2d(
            channels, channels, kernel, stride=2, padding=kernel // 2, output_padding=1
        )
    else:
        layers["sampling"] = upsample(cell.sampling)
    layers["sampling_act"] = activation(cell.activation)
    if cell.transform != "identity":
        layers["transform"] = transform(cell.transform, sampled, channels, kernel, arch.dilation)
        layers["transform_act"] = activation(cell.activation)
    return sequence(layers)


def upsample(mode: str) -> nn.Upsample:
    """Interpolation by two, with ``align_corners=False`` if the mode takes it."""
    return nn.Upsample(
        scale_factor=2, mode=mode, align_corners=None if mode == "nearest" else False
    )


def encoder_level(in_channels: int, channels: int) -> nn.Sequential:
    """conv3 stride 2, bn, act, conv3, bn, act."""
    down = conv_norm_act(in_channels, channels, 3, stride=2, suffix="_down")
    return sequence(down | conv_norm_act(channels, channels, 3))


def decoder_level(in_channels: int, channels: int, *kernels: int) -> nn.Sequential:
    """bn, then conv, bn, act for each kernel."""
    layers: dict[str, nn.Module] = {"norm_in": norm(in_channels)}
    for number, kernel in enumerate(kernels, 1):
        layers |= conv_norm_act(in_channels, channels, kernel, suffix=str(number))
        in_channels = channels
    return sequence(layers)


class OutputLayer(nn.Module):
    """conv1, sigmoid; never below float32, since an image in bfloat16 cannot exceed some 59 dB.

    Attributes:
        logits: leave out the sigmoid, which hides what comes before it from training-free scores.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.logits = False
        self.conv = reflect_conv(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        device = x.device.type
        available = torch.amp.is_autocast_available(device)
        with torch.autocast(device, enabled=False) if available else nullcontext():
            logits = self.conv(x.to(self.conv.weight.dtype))
            return logits if self.logits else torch.sigmoid(logits)
