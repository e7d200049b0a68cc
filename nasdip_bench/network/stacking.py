"""Stack several networks of one architecture into one, so that small runs fill a processor.

Fits have a batch of one image, so batch normalisation works on each channel alone, and so does
everything else except the convolutions. R networks are therefore one network with R times the
channels, whose convolutions have R times the groups. Nothing is approximated; tests compare the
stack with the single networks.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from nasdip_bench.errors import ConfigError

from .blocks import SplitStackSum
from .plain import Network


@torch.no_grad()
def stack_networks(networks: Sequence[Network]) -> Network:
    """Stack networks, with their weights, into one.

    Args:
        networks: R networks with one architecture and size, on one device.

    Returns:
        a network from (1, R·in_channels, H, W) to (1, R·out_channels, H, W), run by run. A single
        network is returned as it is.

    Raises:
        ConfigError: no networks, or networks of different architectures.
    """
    if not networks or len({network.arch for network in networks}) != 1:
        raise ConfigError("a stack takes one or more networks of one architecture")
    if len(networks) == 1:
        return networks[0]
    runs, stacked = len(networks), copy.deepcopy(networks[0])
    for layer in stacked.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.in_channels *= runs
            layer.out_channels *= runs
            layer.groups *= runs
        elif isinstance(layer, nn.BatchNorm2d):
            layer.num_features *= runs
        elif isinstance(layer, SplitStackSum):
            layer.runs = runs
    for name, parameter in stacked.named_parameters():
        # The first dimension of every weight, of plain and transposed convolutions and of batch
        # normalisations, is that of the grouped channels.
        parameter.data = torch.cat([network.get_parameter(name) for network in networks])
    return stacked
