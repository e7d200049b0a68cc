"""The field's usual zero-cost proxies, most of them gradients of the loss.

Sources: Lee, Ajanthan, Torr, "SNIP", ICLR 2019; Turner, Crowley, O'Boyle, Storkey, Gray,
"BlockSwap: Fisher-guided block substitution for network compression on a budget", ICLR 2020; Wang,
Zhang, Grosse, "Picking winning tickets before training by preserving gradient flow" (GraSP), ICLR
2020; Tanaka, Kunin, Yamins, Ganguli, "Pruning neural networks without any data by iteratively
conserving synaptic flow", NeurIPS 2020; Lin et al., "Zen-NAS", ICCV 2021; Abdelfattah, Mehrotra,
Dudziak, Lane, "Zero-cost proxies for lightweight NAS", ICLR 2021, which scores networks by sums of
them. NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022) compares the same. Deviations:

- The loss is the task's own on the one corrupted image, not a classifier's on a batch.
- ``grad_norm`` is the Euclidean norm of the whole gradient; the source adds up the norms of the
  convolutions' weights.
- ``synflow`` also removes the activations, and the sigmoid, which would pass no gradient; it is a
  logarithm. (The source keeps the activations: on positive values ReLU and LeakyReLU do nothing.)
- ``zen`` looks at the output of the last convolution, as there is no pooled feature, and keeps the
  scoring initialisation's weights where the source draws them from a normal distribution.
"""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from nasdip_bench.seeding import BitStream

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

    from .passes import convolutions_of, watched

    ones = torch.ones_like(candidate.z, dtype=torch.float64)
    linear = _linear(candidate.network)
    layers = convolutions_of(linear)
    outputs: list[Tensor] = []
    with torch.enable_grad(), watched(layers, lambda _layer, _input, out: outputs.append(out)):
        linear(ones)
        weights: list[Tensor] = [layer.weight for layer in layers]
        flows = torch.autograd.grad(outputs[-1].sum(), weights, allow_unused=True)
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


@_proxy(
    name="plain",
    unit="1",
    source="Abdelfattah et al. (ICLR 2021)",
    description="sum of weight x gradient of the loss by it over the convolutions' weights",
)
def _plain(candidate: Candidate) -> float:
    return candidate.loss_gradient.signed


@_proxy(
    name="l2_norm",
    unit="1",
    source="Abdelfattah et al. (ICLR 2021)",
    description="sum over the convolutions of the Euclidean norm of their weights",
    depends_on="initialisation",
)
def _l2_norm(candidate: Candidate) -> float:
    from .passes import convolutions_of

    layers = convolutions_of(candidate.network)
    return float(sum(float(layer.weight.detach().norm()) for layer in layers))


@_proxy(
    name="fisher",
    unit="1",
    source="Turner et al., BlockSwap (ICLR 2020), summed as by Abdelfattah et al. (ICLR 2021)",
    description="sum over the convolutions' output channels of (sum of activation x gradient)² / 2",
)
def _fisher(candidate: Candidate) -> float:
    pairs = candidate.convolutions.gradients(candidate.loss)
    of_channels = ((output * part).double().sum(dim=(0, 2, 3)) for output, part in pairs)
    return sum(float(channels.square().sum()) / 2 for channels in of_channels)


@_proxy(
    name="grasp",
    unit="1",
    source="Wang et al., GraSP (ICLR 2020), summed as by Abdelfattah et al. (ICLR 2021)",
    description="minus the sum of weight x (Hessian x gradient of the loss), convolutions' weights",
)
def _grasp(candidate: Candidate) -> float:
    pairs = candidate.convolutions.curvature(candidate.loss)
    return -sum(float((weight * part).double().sum()) for weight, part in pairs)


@_proxy(
    name="zen",
    unit="ln",
    source="Lin et al., Zen-NAS (ICCV 2021), algorithm 1",
    description="ln of the output's change by noise on the input, batch normalisation undone",
    depends_on="initialisation",
)
def _zen(candidate: Candidate) -> float:
    """ln ‖f(x) − f(x + 0.01 ε)‖ + Σ ln √(mean variance) over the batch normalisations.

    f is the output of the last convolution; x and ε are standard normal, the same for all networks.
    """
    import torch
    from torch import nn

    from nasdip_bench.fit.precision import numerics

    from .passes import convolutions_of, watched

    network, z = copy.deepcopy(candidate.network), candidate.z
    layers = convolutions_of(network)
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    x, noise = (
        torch.from_numpy(BitStream("zen", name, *map(int, z.shape)).normal64(tuple(z.shape))).to(z)
        for name in ("input", "noise")
    )
    last: list[Tensor] = []
    variances: list[float] = []

    def keep(_layer: nn.Module, _given: Tensor, output: Tensor) -> None:
        last[:] = [output]  # the others would fill gigabytes at 512 x 512

    def normalised(_layer: nn.Module, given: Tensor, _output: Tensor) -> None:
        variances.append(float(given.double().var(dim=(0, 2, 3)).mean()))

    with torch.no_grad(), numerics("fp32", z.device):
        with watched(layers, keep), watched(norms, normalised):
            network(x)
        (first,) = last
        with watched(layers, keep):
            network(x + 0.01 * noise)
    change = float((last[0] - first).double().norm())
    if not change or not all(variances):
        return -math.inf
    return math.log(change) + sum(math.log(variance) / 2 for variance in variances)
