"""The networks that the paper compares with: DIP's hourglass and NAS-DIP's three published ones.

Sources: Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", CVPR 2018 (supplement: the default
hourglass, and the one for Bernoulli inpainting); Chen, Gao, Robb, Huang, "NAS-DIP: Learning Deep
Image Prior with Neural Architecture Search", ECCV 2020 (its networks are points of our space).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasdip_bench.errors import check_name
from nasdip_bench.space import LEVELS, Architecture, check_size

from .blocks import OutputLayer, conv_norm_act, decoder_level, encoder_level, sequence, upsample
from .plain import build_network

BASELINE_IN_CHANNELS = 32

NAS_DIP = {
    "denoise": Architecture(158, "1111101111001110001100001"),
    "inpaint": Architecture(86, "1100001100101100101100101"),
    "super_resolve": Architecture(119, "1001011001011000011000011"),
}
"""NAS-DIP's published networks by kind of task, each with 32 input channels."""

_DIP = {"denoise": ("bilinear", 4), "inpaint": ("nearest", 128), "super_resolve": ("bilinear", 4)}

BASELINES = ("dip", "nas_dip")


class _HourglassLevel(nn.Module):
    """A level of the hourglass: the upsampled deeper levels next to a narrow skip."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        skip_channels: int,
        mode: str,
        deeper: nn.Module | None,
    ) -> None:
        super().__init__()
        self.skip = sequence(conv_norm_act(in_channels, skip_channels, 1))
        self.encoder = encoder_level(in_channels, channels)
        self.deeper = deeper
        self.upsampling = upsample(mode)
        self.decoder = decoder_level(skip_channels + channels, channels, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        deep = self.encoder(x)
        if self.deeper is not None:
            deep = self.deeper(deep)
        merged = torch.cat([self.skip(x), self.upsampling(deep)], dim=1)
        return self.decoder(merged)  # type: ignore[no-any-return]


class Hourglass(nn.Module):
    """DIP's hourglass: five levels, concatenated skips of a few channels.

    Args:
        in_channels: channels of the input z; 32 in the paper.
        out_channels: channels of the image.
        channels: channels at every level; 128 in the paper.
        skip_channels: channels of each skip; 4, or 128 for inpainting.
        mode: interpolation, "bilinear" or "nearest".
    """

    def __init__(
        self, in_channels: int, out_channels: int, channels: int, skip_channels: int, mode: str
    ) -> None:
        super().__init__()
        level = _HourglassLevel(channels, channels, skip_channels, mode, None)
        for width in [channels] * (LEVELS - 2) + [in_channels]:
            level = _HourglassLevel(width, channels, skip_channels, mode, level)
        self.levels = nn.Sequential(level)
        self.output = OutputLayer(channels, out_channels)

    def forward(self, z: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H, W) in (0, 1); sizes as `Network`'s."""
        check_size(z.shape[-2], z.shape[-1])
        return self.output(self.levels(z))  # type: ignore[no-any-return]


def build_baseline(name: str, kind: str, out_channels: int = 1, channels: int = 128) -> nn.Module:
    """Build a baseline's network for a kind of task, with 32 input channels.

    Args:
        name: "dip" or "nas_dip".
        kind: "denoise", "inpaint" or "super_resolve"; both papers use one network for all factors.
        out_channels: channels of the image.
        channels: channels at every level.

    Raises:
        UnknownNameError: no such baseline or kind.
    """
    check_name("kind of task", kind, NAS_DIP)
    if check_name("baseline", name, BASELINES) == "dip":
        mode, skip_channels = _DIP[kind]
        skip_channels = min(skip_channels, channels)
        return Hourglass(BASELINE_IN_CHANNELS, out_channels, channels, skip_channels, mode)
    return build_network(NAS_DIP[kind], BASELINE_IN_CHANNELS, out_channels, channels)
