"""Network scores that look at the structure alone: parameters and operations.

Must not import torch at module level.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .registry import network_score

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasdip_bench.tasks import Task

# Size and cost of the network

_count = partial(
    network_score,
    needs_reference=False,
    lower_is_better=None,
    source="count",
    depends_on="structure",
)


@_count(
    name="parameters",
    unit="1",
    description="number of the network's parameters, shared ones counted once",
)
def _parameters(network: nn.Module, z: Tensor, corrupted: NDArray[np.float32], task: Task) -> float:
    return float(sum(parameter.numel() for parameter in network.parameters()))


@_count(
    name="flops",
    unit="FLOP",
    description="floating-point operations, 2 per multiply-add, of the convolutions in one forward",
)
def _flops(network: nn.Module, z: Tensor, corrupted: NDArray[np.float32], task: Task) -> float:
    """FLOPs of all Conv2d and ConvTranspose2d layers at z's size; biases are not counted.

    Of a network of the space they are known. Through another a forward pass runs on meta tensors,
    which takes a second or two: nothing is computed, and neither the parameters nor the running
    statistics change. All tensors of the network must be registered with it.
    """
    import torch
    from torch import nn

    known = _known_flops(network, z)
    if known is not None:
        return known
    total = 0

    def count(layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        # One weight meets one value of each output position; if transposed, of each input position.
        at = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        positions = at.shape[-2] * at.shape[-1] * (at.shape[0] if at.ndim == 4 else 1)
        total += 2 * positions * layer.weight.numel()

    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    ]
    tensors = dict(network.named_parameters()) | dict(network.named_buffers())
    try:
        with torch.no_grad():
            meta = {name: tensor.to("meta") for name, tensor in tensors.items()}
            torch.func.functional_call(network, meta, (z.to("meta"),))
    finally:
        for hook in hooks:
            hook.remove()
    return float(total)


def _known_flops(network: nn.Module, z: Tensor) -> float | None:
    """Those that `nasdip_bench.space.cost` counts; None of a network that is not as an architecture
    says.

    Such are stacks, networks that someone has changed, and inputs that they do not take.
    """
    from nasdip_bench.network import Network
    from nasdip_bench.space import check_size
    from nasdip_bench.space.cost import architecture_cost

    if not isinstance(network, Network) or z.ndim != 4 or z.shape[1] != network.in_channels:
        return None
    runs, _, height, width = z.shape
    check_size(height, width)
    cost = architecture_cost(
        network.arch, network.in_channels, network.out_channels, network.channels
    )
    if sum(parameter.numel() for parameter in network.parameters()) != cost.parameters:
        return None
    return runs * cost.forward_flops(height, width)
