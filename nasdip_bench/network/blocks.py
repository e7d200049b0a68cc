"""The layers of the networks: cells, levels of the encoder and decoder, the output.

Parameter names are part of the benchmark's protocol; see `nasdip_bench.network.plain`.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import nullcontext

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


def conv_norm_act(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Module:
    """conv, bn, LeakyReLU(0.2): the skip block (kernel 1) and the skip-down block (3, stride 2)."""
    return nn.Sequential(
        OrderedDict(
            conv=reflect_conv(in_channels, out_channels, kernel, stride),
            norm=norm(out_channels),
            act=activation("leaky_relu"),
        )
    )


class SplitStackSum(nn.Module):
    """Split the channels in four, sum the parts, convolve the sum (C/4 to the output channels).

    Attributes:
        runs: number of networks that share the layer, each with its own block of channels.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.runs = 1
        self.conv = nn.Conv2d(
            in_channels // 4,
            out_channels,
            kernel,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            bias=False,
        )

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

    As released, convolutions have no bias and transposed ones do. Dilated transforms pad so that
    the size is kept (the released space has only dilation 1, where the padding is kernel // 2).
    """
    padding = dilation * (kernel // 2)
    if name == "identity":
        return nn.Identity()
    if name == "conv":
        return nn.Conv2d(
            in_channels, out_channels, kernel, padding=padding, dilation=dilation, bias=False
        )
    if name == "transposed_conv":
        return nn.ConvTranspose2d(
            in_channels, out_channels, kernel, padding=padding, dilation=dilation
        )
    if name == "split_stack_sum":
        return SplitStackSum(in_channels, out_channels, kernel, dilation)
    depthwise = nn.Conv2d(
        in_channels,
        in_channels,
        kernel,
        padding=padding,
        dilation=dilation,
        groups=in_channels,
        bias=False,
    )
    if name == "depthwise_conv":
        return depthwise
    return nn.Sequential(
        OrderedDict(
            depthwise=depthwise, pointwise=nn.Conv2d(in_channels, out_channels, 1, bias=False)
        )
    )


def upsampling_cell(arch: Architecture, channels: int) -> nn.Sequential:
    """One upsampling cell: doubles height and width, keeps the channels.

    An activation follows both the sampling and the transform; an identity transform has none.
    """
    cell = arch.attributes
    kernel = cell.kernel or 1
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if cell.transform_first:  # pixel shuffle last
        layers["transform"] = transform(
            cell.transform, channels, 4 * channels, kernel, arch.dilation
        )
        layers["transform_act"] = activation(cell.activation)
        layers["sampling"] = nn.PixelShuffle(2)
        layers["sampling_act"] = activation(cell.activation)
        return nn.Sequential(layers)

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
    return nn.Sequential(layers)


def upsample(mode: str) -> nn.Upsample:
    """Interpolation by two, with ``align_corners=False`` if the mode takes it."""
    return nn.Upsample(
        scale_factor=2, mode=mode, align_corners=None if mode == "nearest" else False
    )


def encoder_level(in_channels: int, channels: int) -> nn.Sequential:
    """conv3 stride 2, bn, act, conv3, bn, act."""
    return nn.Sequential(
        OrderedDict(
            conv_down=reflect_conv(in_channels, channels, 3, stride=2),
            norm_down=norm(channels),
            act_down=activation("leaky_relu"),
            conv=reflect_conv(channels, channels, 3),
            norm=norm(channels),
            act=activation("leaky_relu"),
        )
    )


def decoder_level(channels: int) -> nn.Sequential:
    """bn, conv3, bn, act, conv3, bn, act, conv1, bn, act."""
    return nn.Sequential(
        OrderedDict(
            norm_in=norm(channels),
            conv1=reflect_conv(channels, channels, 3),
            norm1=norm(channels),
            act1=activation("leaky_relu"),
            conv2=reflect_conv(channels, channels, 3),
            norm2=norm(channels),
            act2=activation("leaky_relu"),
            conv3=reflect_conv(channels, channels, 1),
            norm3=norm(channels),
            act3=activation("leaky_relu"),
        )
    )


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
