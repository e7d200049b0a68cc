"""The torch network of an architecture, of standard torch layers, one readable forward pass.

Output-identical to the paper's released code. This is the plain reference: engines that go faster
are compared with it. Source: ISNAS-DIP (CVPR 2022), section 4.1 and supplement.

Parameter names are part of the benchmark's protocol, since the random weights are keyed by them
(`nasdip_bench.network.weights`): renaming a module changes every result.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from nasdip_bench.errors import ConfigError
from nasdip_bench.space import LEVELS, Architecture
from nasdip_bench.space.sizes import check_size

__all__ = ["CHANNEL_MULTIPLE", "Network", "build_network"]

CHANNEL_MULTIPLE = 16
"""Pixel shuffle quarters the channels, and split_stack_sum quarters what is left."""

LEAKY_SLOPE = 0.2


def activation(name: str) -> nn.Module:
    """The activation layer of a name of `nasdip_bench.space.ACTIVATIONS`."""
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
    """A convolution with bias and reflection padding that keeps the size, divided by the stride."""
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
        runs: networks that share the layer, each with its own block of channels.
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

    Convolutions carry no bias, transposed ones do, as released. Dilated transforms pad so that the
    size is kept (the released space has dilation 1 only, where this is kernel // 2).
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

    The activation follows the sampling step and again the transform; an identity transform has no
    second activation.
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
    """Interpolation by two; ``align_corners=False`` where the mode has corners to align."""
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
    """conv1, sigmoid; never below float32, since an image in bfloat16 cannot exceed some 59 dB."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = reflect_conv(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        device = x.device.type
        available = torch.amp.is_autocast_available(device)
        with torch.autocast(device, enabled=False) if available else nullcontext():
            return torch.sigmoid(self.conv(x.to(self.conv.weight.dtype)))


class Network(nn.Module):
    """The encoder-decoder of an architecture.

    Only the skip modules that the pattern uses exist; each is shared by all connections that pass
    through it (the released code also creates the unused ones).

    Args:
        arch: the architecture.
        in_channels: channels of the input z, at least 1.
        out_channels: channels of the image, at least 1.
        channels: channels at every level, a multiple of `CHANNEL_MULTIPLE`; 128 in the paper.
    """

    def __init__(
        self, arch: Architecture, in_channels: int, out_channels: int, channels: int
    ) -> None:
        super().__init__()
        for name, value in (("in_channels", in_channels), ("out_channels", out_channels)):
            if value < 1:
                raise ConfigError(f"{name} {value} must be at least 1")
        if channels < 1 or channels % CHANNEL_MULTIPLE:
            raise ConfigError(
                f"channels {channels} must be a positive multiple of {CHANNEL_MULTIPLE}"
            )
        self.arch = arch
        self.in_channels, self.out_channels, self.channels = in_channels, out_channels, channels
        self.connections = arch.connections
        """Pairs (row, source), as in the skip matrix."""
        levels = range(1, LEVELS + 1)
        self.encoder = nn.ModuleDict(
            {str(j): encoder_level(in_channels if j == 1 else channels, channels) for j in levels}
        )
        self.upsampling = nn.ModuleDict({str(i): upsampling_cell(arch, channels) for i in levels})
        self.decoder = nn.ModuleDict({str(i): decoder_level(channels) for i in levels})

        def width(source: int) -> int:
            return in_channels if source == 0 else channels

        same = sorted({j for i, j in self.connections if i == j})
        down = sorted({s for i, j in self.connections for s in range(j, i)})
        up = sorted({s for i, j in self.connections for s in range(i, j)})
        # Keys are scales, 0 the image's own, s a 2^-s of it: skip_down["s"] leads from scale s to
        # s + 1, skip_up["s"] from scale s + 1 to s.
        self.skip_same = nn.ModuleDict({str(s): conv_norm_act(width(s), channels, 1) for s in same})
        self.skip_down = nn.ModuleDict(
            {str(s): conv_norm_act(width(s), channels, 3, stride=2) for s in down}
        )
        self.skip_up = nn.ModuleDict({str(s): upsampling_cell(arch, channels) for s in up})
        self.output = OutputLayer(channels, out_channels)

    def forward(self, z: Tensor) -> Tensor:
        """Map the input to an image.

        Args:
            z: (N, in_channels, H, W), H and W multiples of 32 and at least 64. Batch statistics run
                over N, so one network serves one image: N is 1 in every fit.

        Returns:
            (N, out_channels, H, W) in (0, 1).
        """
        check_size(z.shape[-2], z.shape[-1])
        sources = [z]
        for j in range(1, LEVELS + 1):
            sources.append(self.encoder[str(j)](sources[-1]))
        x = sources[LEVELS]
        for row in reversed(range(LEVELS)):
            x = self.upsampling[str(row + 1)](x)
            for i, j in self.connections:
                if i == row:
                    x = x + self._skip(sources[j], j, row)
            x = self.decoder[str(row + 1)](x)
        return self.output(x)  # type: ignore[no-any-return]

    def _skip(self, x: Tensor, source: int, row: int) -> Tensor:
        """Bring a source from its own scale to that of the row."""
        if source == row:
            return self.skip_same[str(row)](x)  # type: ignore[no-any-return]
        for scale in range(source, row):
            x = self.skip_down[str(scale)](x)
        for scale in reversed(range(row, source)):
            x = self.skip_up[str(scale)](x)
        return x


def build_network(
    arch: Architecture, in_channels: int = 1, out_channels: int = 1, channels: int = 128
) -> Network:
    """Build the network of an architecture, with PyTorch's default initialisation.

    Args:
        arch: an `Architecture`.
        in_channels: channels of the input z (the benchmark: those of the image).
        out_channels: channels of the image, 1 or 3.
        channels: channels at every level (128 in the paper; a multiple of 16).

    Raises:
        ConfigError: a number of channels outside what is allowed.
    """
    return Network(arch, in_channels, out_channels, channels)
