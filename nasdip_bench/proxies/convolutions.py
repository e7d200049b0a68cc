"""The convolutions of an untrained network: their weights, and their outputs at one input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nasdip_bench.fit.precision import numerics


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
    """A network's convolutions at one input, with the graph of the forward pass behind them.

    The network runs as it is defined, since its fast form merges layers. It does not change:
    gradients are taken at views of its parameters, and buffers are copied.

    Args:
        network: any network.
        z: (1, C, H, W), its input.

    Attributes:
        output: (1, C', H', W') of the network, with its graph.
        weights: of the convolutions, with requires_grad.
        outputs: of the convolutions, in the order of their uses; a layer may be used several times.
    """

    def __init__(self, network: nn.Module, z: Tensor) -> None:
        parameters = {n: p.detach().requires_grad_() for n, p in network.named_parameters()}
        buffers = {n: b.clone() for n, b in network.named_buffers()}
        layers = convolutions_of(network)
        names = {module: name for name, module in network.named_modules()}
        self.weights = [parameters[f"{names[layer]}.weight".lstrip(".")] for layer in layers]
        self.outputs: list[Tensor] = []
        with (
            torch.enable_grad(),
            numerics("fp32", z.device),
            watched(layers, lambda _layer, _input, output: self.outputs.append(output)),
        ):
            self.output: Tensor = torch.func.functional_call(network, (parameters, buffers), (z,))

    def gradients(self, loss: Callable[[Tensor], Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Pairs (output of a convolution, gradient of a loss by it); those without are left out.

        Args:
            loss: a scalar of the network's output.
        """
        with torch.enable_grad(), numerics("fp32", self.output.device):
            parts = torch.autograd.grad(
                loss(self.output), self.outputs, retain_graph=True, allow_unused=True
            )
        pairs = zip(self.outputs, parts, strict=True)
        return [(output.detach(), part) for output, part in pairs if part is not None]

    def curvature(self, loss: Callable[[Tensor], Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Pairs (weight w, H g), H the Hessian of a loss by all weights and g its gradient.

        Args:
            loss: a scalar of the network's output.
        """
        with torch.enable_grad(), numerics("fp32", self.output.device):
            gradients = torch.autograd.grad(
                loss(self.output),
                self.weights,
                create_graph=True,
                retain_graph=True,
                materialize_grads=True,
            )
            square = torch.stack([(part * part.detach()).sum() for part in gradients]).sum()
            products = torch.autograd.grad(
                square, self.weights, retain_graph=True, materialize_grads=True
            )
        return [(w.detach(), part) for w, part in zip(self.weights, products, strict=True)]
