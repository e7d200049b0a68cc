"""Memory for networks that were built without any, on the device "meta"."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

__all__ = ["give_memory"]

_Module = TypeVar("_Module", bound=nn.Module)


def give_memory(network: _Module, device: torch.device | str) -> _Module:
    """The network itself, its parameters and buffers on a device; they hold nothing yet.

    `torch.nn.Module.to_empty` does the same, and imports SymPy for it, which takes half a second.
    """
    for module in network.modules():
        for name, parameter in [*module.named_parameters(recurse=False)]:
            memory = torch.empty(parameter.shape, dtype=parameter.dtype, device=device)
            setattr(module, name, nn.Parameter(memory, parameter.requires_grad))
        for name, buffer in [*module.named_buffers(recurse=False)]:
            setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype, device=device))
    return network
