"""The fit: one Deep Image Prior optimisation, in one loop that can be read top to bottom.

Source: Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", CVPR 2018; settings of ISNAS-DIP (CVPR
2022), section 5. Nothing here stops early or looks at the ground truth except to record PSNR.

A fit reads no global random state and leaves torch's settings as they were.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from nasdip_bench.errors import ConfigError, unknown_name
from nasdip_bench.fidelity import PRECISIONS
from nasdip_bench.tasks import (
    LUMA_OFFSET,
    LUMA_WEIGHTS,
    Observation,
    SuperResolve,
    Task,
    lanczos_matrix,
)

__all__ = [
    "LEARNING_RATE",
    "PERTURBATION_STD",
    "SMOOTHING",
    "Fit",
    "Problem",
    "fit",
    "numerics",
]

LEARNING_RATE = 0.01
PERTURBATION_STD = 1 / 30
SMOOTHING = 0.99
"""Weight of the past in the moving average of the outputs, which starts at the first output."""

_DIVERGENCE_CHECK = 100
"""Iterations between looks at the loss from the host: rare, since each waits for the device."""


class Problem:
    """A restoration problem on a device: the loss the fit minimises, and the error it records.

    Args:
        task: the task.
        observation: what the fit sees.
        truth: (C, H, W) float32 in [0, 1], read only to record PSNR; None where there is none.
        device: where to compute.
        dtype: of the network's output.
    """

    def __init__(
        self,
        task: Task,
        observation: Observation,
        truth: np.ndarray | None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        def tensor(array: np.ndarray) -> Tensor:
            return torch.tensor(array, device=device, dtype=dtype)

        self.corrupted = tensor(observation.corrupted)[None]
        self.mask = None if observation.mask is None else tensor(observation.mask)[None]
        self.truth = None if truth is None else tensor(truth)[None]
        self._reducers: tuple[Tensor, Tensor] | None = None
        self._luma: Tensor | None = None
        if isinstance(task, SuperResolve):
            height, width = (side * task.factor for side in observation.corrupted.shape[1:])
            self._reducers = (
                tensor(lanczos_matrix(height, task.factor)),
                tensor(lanczos_matrix(width, task.factor).T),
            )
            if observation.corrupted.shape[0] == 3:
                self._luma = tensor(np.asarray(LUMA_WEIGHTS)).view(1, 3, 1, 1)
        if self.truth is not None:
            self._target = self._observed(self.truth)

    def loss(self, output: Tensor) -> Tensor:
        """MSE to the corrupted image: of f(z), of m·f(z) or of D f(z) (0-dimensional)."""
        if self.mask is not None:
            output = output * self.mask
        elif self._reducers is not None:
            rows, columns = self._reducers
            output = rows @ output @ columns
        return mse_loss(output, self.corrupted)

    def error(self, output: Tensor) -> Tensor:
        """MSE to the ground truth, on luma for super-resolution of colour (0-dimensional)."""
        return mse_loss(self._observed(output), self._target)

    def _observed(self, image: Tensor) -> Tensor:
        if self._luma is None:
            return image
        return (image * self._luma).sum(1, keepdim=True) + LUMA_OFFSET


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The result of a fit; T iterations were asked for.

    Attributes:
        psnr_db: (T,) float64; point i is the PSNR in dB of the output before update i, against the
            ground truth. NaN from the divergence on, and everywhere without a ground truth.
        psnr_smooth_db: (T,) float64; the same of the smoothed output.
        loss: (T,) float64; the loss before update i; NaN after the divergence.
        diverged_at: first iteration (0-based) with a non-finite loss, or None.
        smoothed: (C, H, W) float32, the last smoothed output; non-finite after a divergence.
        seconds: wall time of the loop, with the device drained.
    """

    psnr_db: np.ndarray
    psnr_smooth_db: np.ndarray
    loss: np.ndarray
    diverged_at: int | None
    smoothed: np.ndarray
    seconds: float


def fit(
    network: nn.Module,
    problem: Problem,
    z: Tensor,
    perturbation_seed: int,
    iterations: int,
    *,
    precision: str = "fp32",
    learning_rate: float = LEARNING_RATE,
    on_iteration: Callable[[int], None] | None = None,
) -> Fit:
    """Fit a network to one corrupted image.

    Args:
        network: on the device of ``z``; changed in place.
        problem: the loss and the record.
        z: (1, C, H, W), the network's input.
        perturbation_seed: seed of the device generator; draw i perturbs iteration i.
        iterations: updates of the weights, at least 1.
        precision: one of `nasdip_bench.fidelity.PRECISIONS`.
        learning_rate: of Adam, otherwise with PyTorch's defaults.
        on_iteration: called with the iteration before each; may raise to abandon the fit.

    Raises:
        ConfigError: iterations below 1, or a precision that the device does not have.
    """
    if iterations < 1:
        raise ConfigError(f"iterations {iterations} must be at least 1")
    device = z.device
    generator = torch.Generator(device).manual_seed(perturbation_seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    # Row 0 the loss, 1 and 2 the squared errors: on the device until the end, so that the host
    # never waits for it inside the loop.
    record = torch.full((3, iterations), math.nan, device=device, dtype=torch.float64)
    smoothed = torch.empty(0)
    network.train()

    started = time.perf_counter()
    with numerics(precision, device):
        for i in range(iterations):
            if on_iteration is not None:
                on_iteration(i)
            noise = torch.randn(z.shape, generator=generator, device=device).to(z.dtype)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                output = network(z + PERTURBATION_STD * noise)
            loss = problem.loss(output)
            with torch.no_grad():
                image = output.detach()
                smoothed = image if i == 0 else torch.lerp(image, smoothed, SMOOTHING)
                record[0, i] = loss
                if problem.truth is not None:
                    record[1, i] = problem.error(image)
                    record[2, i] = problem.error(smoothed)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if (i + 1) % _DIVERGENCE_CHECK == 0 and not math.isfinite(record[0, i].item()):
                break
        losses, errors, errors_smooth = record.cpu().numpy()
    seconds = time.perf_counter() - started

    bad = np.flatnonzero(~np.isfinite(losses))
    diverged_at = int(bad[0]) if bad.size else None
    if diverged_at is not None:
        for row in (losses, errors, errors_smooth):
            row[diverged_at:] = math.nan
    with np.errstate(divide="ignore"):
        return Fit(
            psnr_db=-10 * np.log10(errors),
            psnr_smooth_db=-10 * np.log10(errors_smooth),
            loss=losses,
            diverged_at=diverged_at,
            smoothed=smoothed[0].float().cpu().numpy(),
            seconds=seconds,
        )


@contextmanager
def numerics(precision: str, device: torch.device) -> Iterator[None]:
    """Set torch's product precision for a block, and put it back after it.

    Raises:
        ConfigError: tf32 away from CUDA.
        UnknownNameError: a precision that does not exist.
    """
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    if precision == "tf32" and device.type != "cuda":
        raise ConfigError(f"precision tf32 needs a CUDA device, not {device}; use fp32 or bf16")
    before = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
