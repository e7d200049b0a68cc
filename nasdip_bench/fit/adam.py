"""The optimiser of every fit: Adam (Kingma, Ba, ICLR 2015), by PyTorch's fused kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim.adam import adam

__all__ = ["Adam"]


class _State(NamedTuple):
    """Of a parameter: moving averages of its gradient and of the gradient's square, and steps."""

    mean: Tensor
    square: Tensor
    steps: Tensor


class Adam:
    """The same steps as of ``torch.optim.Adam(parameters, lr, fused=True)``, bit for bit.

    Kept because PyTorch's own object imports its compiler at the first step, which costs each
    process that trains one second.

    Args:
        parameters: to be optimised; those that get no gradient are left as they are.
        learning_rate: α; β₁, β₂ and ε are PyTorch's defaults.
    """

    def __init__(self, parameters: Iterable[Tensor], learning_rate: float) -> None:
        self._parameters = list(parameters)
        self._learning_rate = learning_rate
        self._states: dict[Tensor, _State] = {}

    def zero_grad(self) -> None:
        """Forget the gradients; the next ones are new tensors."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters that have a gradient."""
        moved = [parameter for parameter in self._parameters if parameter.grad is not None]
        states = [self._state(parameter) for parameter in moved]
        adam(
            moved,
            [parameter.grad for parameter in moved if parameter.grad is not None],
            [state.mean for state in states],
            [state.square for state in states],
            [],
            [state.steps for state in states],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def _state(self, parameter: Tensor) -> _State:
        state = self._states.get(parameter)
        if state is None:
            state = self._states[parameter] = _State(
                torch.zeros_like(parameter),
                torch.zeros_like(parameter),
                torch.zeros((), dtype=torch.float32, device=parameter.device),
            )
        return state
