"""Network scores that look at the structure alone: parameters and operations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .candidate import Candidate
from .registry import network_score

if TYPE_CHECKING:
    from torch import Tensor, nn

_count = partial(
    network_score,
    of_candidate=True,
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
def _parameters(candidate: Candidate) -> float:
    return float(sum(parameter.numel() for parameter in candidate.network.parameters()))


@_count(
    name="flops",
    unit="FLOP",
    description="floating-point operations, 2 per multiply-add, of the convolutions in one forward",
)
def _flops(candidate: Candidate) -> float:
    """Counted at z's size, without biases.

    For a network of the space the count is known. Any other runs on meta tensors under torch's own
    counter: nothing is computed, and neither the parameters nor the running statistics change. All
    its tensors must be registered with it.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    network, z = candidate.network, candidate.z
    known = _known_flops(network, z)
    if known is not None:
        return known
    tensors = dict(network.named_parameters()) | dict(network.named_buffers())
    meta = {name: tensor.to("meta") for name, tensor in tensors.items()}
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        torch.func.functional_call(network, meta, (z.to("meta"),))
    return float(counter.get_total_flops())


def _known_flops(network: nn.Module, z: Tensor) -> float | None:
    """The count of `nasdip_bench.space.cost`; None if the network differs from its architecture.

    That is so for stacks, for modified networks, and for inputs that they do not take.
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
