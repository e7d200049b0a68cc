"""The field's zero-cost proxies based on gradients with respect to the parameters.

Sources: Lee, Ajanthan, Torr, "SNIP", ICLR 2019; Tanaka, Kunin, Yamins, Ganguli, "Pruning neural
networks without any data by iteratively conserving synaptic flow", NeurIPS 2020; Abdelfattah,
Mehrotra, Dudziak, Lane, "Zero-cost proxies for lightweight NAS", ICLR 2021, which scores networks
by sums of them. Deviations:

- The loss is the task's own on the one corrupted image, not a classifier's on a batch.
- ``grad_norm`` is the Euclidean norm of the whole gradient; the source adds up the norms of the
  convolutions' weights.
- ``synflow`` also removes the activations, and the sigmoid, which would pass no gradient; it is a
  logarithm. (The source keeps the activations: on positive values ReLU and LeakyReLU do nothing.)
"""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from .candidate import Candidate
from .registry import network_score

if TYPE_CHECKING:
    from torch import Tensor, nn

_proxy = partial(network_score, of_candidate=True, needs_reference=False, lower_is_better=False)


@_proxy(
    name="grad_norm",
    unit="1",
    source="Abdelfattah et al. (ICLR 2021)",
    description="Euclidean norm of the gradient of the loss by all parameters",
)
def _grad_norm(candidate: Candidate) -> float:
    return math.sqrt(candidate.loss_gradient.energy)


@_proxy(
    name="snip",
    unit="1",
    source="Lee et al., SNIP (ICLR 2019), summed as by Abdelfattah et al. (ICLR 2021)",
    description="sum of |weight x gradient of the loss by it| over the convolutions' weights",
)
def _snip(candidate: Candidate) -> float:
    return candidate.loss_gradient.saliency


@_proxy(
    name="synflow",
    unit="log10",
    source="Tanaka et al., SynFlow (NeurIPS 2020), summed as by Abdelfattah et al. (ICLR 2021)",
    description="log10 of the sum of |weight x gradient of the linear network's summed output|",
    depends_on="initialisation",
)
def _synflow(candidate: Candidate) -> float:
    """The synaptic flow through the convolutions of the linear network for an input of ones.

    In float64, since a wide layer multiplies the flow by ten or more, beyond float32's range.
    """
    import torch

    ones = torch.ones_like(candidate.z, dtype=torch.float64)
    linear = _linear(candidate.network)
    last: list[Tensor] = []
    convolutions = [layer for layer in linear.modules() if _is_convolution(layer)]

    def keep(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        last[:] = [output]

    for layer in convolutions:
        layer.register_forward_hook(keep)
    with torch.enable_grad():
        linear(ones)
        weights: list[Tensor] = [layer.weight for layer in convolutions]
        flows = torch.autograd.grad(last[0].sum(), weights, allow_unused=True)
    pairs = zip(weights, flows, strict=True)
    total = sum(float((w.detach() * g).abs().sum()) for w, g in pairs if g is not None)
    return math.log10(total) if total > 0 else -math.inf


def _linear(network: nn.Module) -> Any:
    """A copy in float64 with absolute values and without batch normalisations and activations."""
    import torch
    from torch import nn

    with torch.no_grad():
        linear = copy.deepcopy(network).double()
        for parameter in linear.parameters():
            parameter.abs_().requires_grad_()
    removed = (nn.BatchNorm2d, nn.ReLU, nn.LeakyReLU, nn.Sigmoid)
    for name, module in list(linear.named_modules(remove_duplicate=False)):
        if isinstance(module, removed):
            linear.set_submodule(name, nn.Identity())
    return linear


def _is_convolution(layer: nn.Module) -> bool:
    from torch import nn

    return isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
