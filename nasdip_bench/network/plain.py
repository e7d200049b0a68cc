"""The torch network of an architecture: standard torch layers and one readable forward pass.

Outputs are identical to those of the paper's released code. This is the plain reference that faster
networks are compared with. Source: ISNAS-DIP (CVPR 2022), section 4.1 and supplement.

Parameter names are part of the benchmark's protocol: they key the random weights
(`nasdip_bench.network.weights`), so renaming a module changes every result.
"""

from __future__ import annotations

from torch import Tensor, nn

from nasdip_bench.errors import ConfigError, check_whole
from nasdip_bench.space import LEVELS, Architecture, check_size

from .blocks import (
    OutputLayer,
    conv_norm_act,
    decoder_level,
    encoder_level,
    sequence,
    upsampling_cell,
)

CHANNEL_MULTIPLE = 16
"""Pixel shuffle quarters the channels, and split_stack_sum quarters them again."""


def check_channels(name: str, value: int) -> None:
    """Raise `ConfigError` unless networks can have this many channels at every level."""
    if value < 1 or value % CHANNEL_MULTIPLE:
        raise ConfigError(f"{name} {value} must be a positive multiple of {CHANNEL_MULTIPLE}")


class Network(nn.Module):
    """The encoder-decoder of an architecture; for arguments see `build_network`.

    Only the skip modules that the pattern uses exist; each is shared by all connections that pass
    through it (the released code also creates the unused ones).
    """

    def __init__(
        self, arch: Architecture, in_channels: int, out_channels: int, channels: int
    ) -> None:
        super().__init__()
        check_whole("in_channels", in_channels, 1)
        check_whole("out_channels", out_channels, 1)
        check_channels("channels", channels)
        self.arch = arch
        self.in_channels, self.out_channels, self.channels = in_channels, out_channels, channels
        self.connections = arch.connections
        """Pairs (row, source), as in the skip matrix."""
        levels = range(1, LEVELS + 1)
        self.encoder = nn.ModuleDict(
            {str(j): encoder_level(in_channels if j == 1 else channels, channels) for j in levels}
        )
        self.upsampling = nn.ModuleDict({str(i): upsampling_cell(arch, channels) for i in levels})
        self.decoder = nn.ModuleDict(
            {str(i): decoder_level(channels, channels, 3, 3, 1) for i in levels}
        )

        def width(source: int) -> int:
            return in_channels if source == 0 else channels

        same = sorted({j for i, j in self.connections if i == j})
        down = sorted({s for i, j in self.connections for s in range(j, i)})
        up = sorted({s for i, j in self.connections for s in range(i, j)})
        # Keys are scales: 0 is the image's own, s is 2^-s of it. skip_down["s"] leads from scale s
        # to s + 1, skip_up["s"] from scale s + 1 to s.
        self.skip_same = nn.ModuleDict(
            {str(s): sequence(conv_norm_act(width(s), channels, 1)) for s in same}
        )
        self.skip_down = nn.ModuleDict(
            {str(s): sequence(conv_norm_act(width(s), channels, 3, stride=2)) for s in down}
        )
        self.skip_up = nn.ModuleDict({str(s): upsampling_cell(arch, channels) for s in up})
        self.output = OutputLayer(channels, out_channels)

    def forward(self, z: Tensor) -> Tensor:
        """Map the input to an image.

        Args:
            z: (N, in_channels, H, W), H and W multiples of 32 and at least 64. Batch statistics run
                over N, so a network serves one image: N is 1 in every fit.

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
        """Bring a source from its own scale to the row's."""
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
        arch: the architecture.
        in_channels: channels of the input z (the benchmark: those of the image), at least 1.
        out_channels: channels of the image, at least 1.
        channels: channels at every level (128 in the paper), a multiple of `CHANNEL_MULTIPLE`.

    Raises:
        ConfigError: a number of channels that is not allowed.
    """
    return Network(arch, in_channels, out_channels, channels)
