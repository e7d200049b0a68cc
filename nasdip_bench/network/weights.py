"""Random weights by key from PyTorch's default distributions, drawn on the host with NumPy.

Each parameter has its own stream, keyed by the run and the parameter's name, so draws do not depend
on the order, the device or the company in which networks are built.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.seeding import BitStream

Z_HIGH = 0.1


@torch.no_grad()
def draw_weights(network: nn.Module, *key: str | int) -> None:
    """Draw all parameters of a network, in place.

    Convolutions and transposed convolutions: weight and bias uniform in ±1/sqrt(fan_in), fan_in =
    weight.shape[1]·kh·kw, the default of ``torch.nn`` (He et al. with a = sqrt 5).
    Batch normalisation: weight 1, bias 0.

    Args:
        network: made of convolutions and batch normalisations; any floating dtype, any device
            except "meta".
        *key: the key of the draw (see `nasdip_bench.seeding`).
    """
    for module_name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            bound = 1 / math.sqrt(module.weight.shape[1] * math.prod(module.kernel_size))
            for name, parameter in module.named_parameters(recurse=False):
                stream = BitStream(*key, f"{module_name}.{name}")
                drawn = stream.uniform32(tuple(parameter.shape), -bound, bound)
                parameter.copy_(torch.from_numpy(drawn))
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.fill_(1)
            module.bias.zero_()


def draw_run_weights(
    network: nn.Module, architecture: str, image: str, task: str, fidelity: str, seed: int
) -> None:
    """Draw the weights that a run starts from, in place.

    Args:
        network: network of the architecture, at the fidelity's width.
        architecture: canonical string.
        image: name.
        task: name.
        fidelity: name; a shortened one starts with the weights of the fidelity that it shortens.
        seed: seed of the run.
    """
    base = get_fidelity(fidelity).base
    draw_weights(network, "weights", architecture, image, task, base, seed)


def draw_z(channels: int, height: int, width: int, *key: str | int) -> torch.Tensor:
    """The network's input, z ~ U(0, 0.1): (1, channels, height, width) float32 on the host."""
    return torch.from_numpy(BitStream(*key).uniform32((1, channels, height, width), 0.0, Z_HIGH))
