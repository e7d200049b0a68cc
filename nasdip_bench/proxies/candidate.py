"""The input of network scores: a candidate network, and the parts that scores share."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError
from nasdip_bench.tasks import Inpaint, Observation, Task

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .passes import Convolutions, Jacobian

_Value = TypeVar("_Value")


class Parts:
    """Intermediate results of scores, each computed and timed once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Any, float]] = {}
        self._used: set[Hashable] = set()
        self._saved = 0.0

    def get(self, key: Hashable, compute: Callable[..., _Value], *inputs: Any) -> _Value:
        """A part, computed on first use; ``compute`` must not call `get`: pass it other parts."""
        if key not in self._known:
            started = time.perf_counter()
            value = compute(*inputs)
            self._known[key] = value, time.perf_counter() - started
        elif key not in self._used:
            self._saved += self._known[key][1]
        self._used.add(key)
        found: _Value = self._known[key][0]
        return found

    def timed(self, evaluate: Callable[[], float]) -> tuple[float, float]:
        """A score, and the seconds it takes alone: the time of reused parts counts, too."""
        self._used.clear()
        self._saved = 0.0
        started = time.perf_counter()
        value = evaluate()
        return value, time.perf_counter() - started + self._saved


class LossGradient(NamedTuple):
    """What scores need from the gradient of the loss.

    Attributes:
        energy: |∂L/∂θ|² over all parameters.
        saliency: the sum of |θ · ∂L/∂θ| over the weights of convolutions.
        signed: the sum of θ · ∂L/∂θ over them.
        output_energy: |∂L/∂f|² over the values of the output.
    """

    energy: float
    saliency: float
    signed: float
    output_energy: float


class Candidate:
    """An untrained network on a problem.

    Args:
        network: untrained.
        z: (1, C, H, W), the network's input.
        corrupted: (C, h, w) float32 in [0, 1], the corrupted image of the task.
        task: how outputs are compared with the corrupted image.
        mask: (1, H, W) float32 of 0 and 1, for inpainting.
        parts: intermediate results, shared by the candidates with one network and input.
    """

    def __init__(
        self,
        network: nn.Module,
        z: Tensor,
        corrupted: NDArray[np.float32],
        task: Task,
        mask: NDArray[np.float32] | None = None,
        parts: Parts | None = None,
    ) -> None:
        self.network = network
        self.z = z
        self.corrupted = corrupted
        self.task = task
        self.mask = mask
        self.parts = Parts() if parts is None else parts

    @property
    def jacobian(self) -> Jacobian:
        """Products with the Jacobian of the network at z, all from one forward pass."""
        from .passes import Jacobian

        return self.parts.get("jacobian", Jacobian, self.network, self.z)

    @property
    def convolutions(self) -> Convolutions:
        """The convolutions of the network at z, with the graph of one forward pass."""
        from .passes import Convolutions

        return self.parts.get("convolutions", Convolutions, self.network, self.z)

    @property
    def loss_gradient(self) -> LossGradient:
        """Gradient of the loss that a fit minimises, on the corrupted image.

        Raises:
            ConfigError: inpainting without a mask.
        """
        return self.parts.get((self, "loss gradient"), self._gradient, self.jacobian)

    def loss(self, output: Tensor) -> Tensor:
        """The loss that a fit minimises, of the network's output, as a scalar.

        Raises:
            ConfigError: inpainting without a mask.
        """
        from nasdip_bench.fit.objective import Problem

        if isinstance(self.task, Inpaint) and self.mask is None:
            raise ConfigError(
                f"scores on the loss of task {self.task.name!r} need the mask, since missing "
                "pixels look like black ones in the corrupted image: pass it as mask="
            )
        observation = Observation(corrupted=self.corrupted, mask=self.mask)
        problem = Problem(self.task, observation, None, output.device, output.dtype)
        return problem.losses(output).sum()

    def _gradient(self, jacobian: Jacobian) -> LossGradient:
        import torch

        output = jacobian.output.clone().requires_grad_()
        with torch.enable_grad():
            (direction,) = torch.autograd.grad(self.loss(output), output)
        pairs = jacobian.pull_back(direction)
        norms = torch.stack([part.norm() for _, part in pairs]).double()
        # Biases and the two vectors of a batch normalisation have one axis.
        flows = [weight * part for weight, part in pairs if weight.ndim > 1]
        return LossGradient(
            energy=float(norms.square().sum()),
            saliency=sum(float(flow.abs().sum()) for flow in flows),
            signed=sum(float(flow.sum()) for flow in flows),
            output_energy=float(direction.double().square().sum()),
        )
