"""Forward passes of an untrained network at one input, with the graph behind them.

The network does not change: gradients are taken at views of its parameters and not stored in it,
and what a forward pass writes into buffers goes into copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nasdip_bench.fit.precision import numerics
from nasdip_bench.network import Network
from nasdip_bench.network.fast import FastNetwork


def _run(network: nn.Module, z: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """The views of the parameters by name, and the output."""
    parameters = {n: p.detach().requires_grad_() for n, p in network.named_parameters()}
    buffers = {n: b.clone() for n, b in network.named_buffers()}
    with torch.enable_grad(), numerics("fp32", z.device):
        return parameters, torch.func.functional_call(network, (parameters, buffers), (z,))


def _gradients(
    of: Tensor, by: Sequence[Tensor], direction: Tensor | None = None
) -> list[tuple[Tensor, Tensor]]:
    """Pairs (tensor, gradient by it); tensors without effect are left out."""
    with numerics("fp32", of.device):
        parts = torch.autograd.grad(of, by, direction, retain_graph=True, allow_unused=True)
    pairs = zip(by, parts, strict=True)
    return [(tensor.detach(), part) for tensor, part in pairs if part is not None]


class Jacobian:
    """Products with the Jacobian J of the output's n values with respect to all parameters.

    J is never formed: Jᵀ u is one backward pass. Networks of the benchmark run in their fast form,
    which is equal except for rounding.

    Args:
        network: any network; its mode is not changed (the benchmark's networks have only one).
        z: (1, C, H, W), its input.

    Attributes:
        output: (1, C', H', W'), detached.
    """

    def __init__(self, network: nn.Module, z: Tensor) -> None:
        forward = FastNetwork(network) if isinstance(network, Network) else network
        parameters, self._output = _run(forward, z)
        self._parameters = list(parameters.values())
        self.output: Tensor = self._output.detach()

    def pull_back(self, direction: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Jᵀ u as pairs (parameter, its part); parameters without effect are left out.

        Args:
            direction: u, with the output's shape.
        """
        return _gradients(self._output, self._parameters, direction)

    def energy(self, direction: Tensor) -> float:
        """|Jᵀ u|² = uᵀ K u for the tangent kernel K = J Jᵀ."""
        parts = [part for _, part in self.pull_back(direction)]
        return float(torch.stack([part.norm() for part in parts]).double().square().sum())


def convolutions_of(network: nn.Module) -> list[nn.Conv2d | nn.ConvTranspose2d]:
    """Its convolutions, each once."""
    return [one for one in network.modules() if isinstance(one, nn.Conv2d | nn.ConvTranspose2d)]


@contextmanager
def watched(layers: list[Any], see: Callable[[nn.Module, Tensor, Tensor], None]) -> Iterator[None]:
    """Call a function with each of the layers, its input and its output whenever it is run."""
    hooks = [
        layer.register_forward_hook(lambda one, inputs, output: see(one, inputs[0], output))
        for layer in layers
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class Convolutions:
    """The convolutions of a network, which runs as it is defined: its fast form merges layers.

    Args:
        network: any network.
        z: (1, C, H, W), its input.

    Attributes:
        output: (1, C', H', W') of the network, with its graph.
        weights: of the convolutions, with requires_grad.
        outputs: of the convolutions, in the order of their uses; a layer may be used several times.
    """

    def __init__(self, network: nn.Module, z: Tensor) -> None:
        layers = convolutions_of(network)
        names = {module: name for name, module in network.named_modules()}
        self.outputs: list[Tensor] = []
        with watched(layers, lambda _layer, _input, output: self.outputs.append(output)):
            parameters, self.output = _run(network, z)
        self.weights = [parameters[f"{names[layer]}.weight".lstrip(".")] for layer in layers]

    def gradients(self, loss: Callable[[Tensor], Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Pairs (output of a convolution, gradient of a loss by it); those without are left out.

        Args:
            loss: a scalar of the network's output.
        """
        with torch.enable_grad(), numerics("fp32", self.output.device):
            value = loss(self.output)
        return _gradients(value, self.outputs)

    def curvature(self, loss: Callable[[Tensor], Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Pairs (weight w, H g), H the Hessian of a loss by all weights and g its gradient.

        Args:
            loss: a scalar of the network's output.
        """
        with torch.enable_grad(), numerics("fp32", self.output.device):
            gradients = torch.autograd.grad(
                loss(self.output), self.weights, create_graph=True, materialize_grads=True
            )
            square = torch.stack([(part * part.detach()).sum() for part in gradients]).sum()
            products = torch.autograd.grad(
                square, self.weights, retain_graph=True, materialize_grads=True
            )
        return [(w.detach(), part) for w, part in zip(self.weights, products, strict=True)]
