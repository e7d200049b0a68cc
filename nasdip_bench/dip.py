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
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nasdip_bench.errors import ConfigError, unknown_name
from nasdip_bench.fidelity import PRECISIONS
from nasdip_bench.problem import Problem

__all__ = [
    "LEARNING_RATE",
    "PERTURBATION_STD",
    "SMOOTHING",
    "Fit",
    "fit",
    "fit_stack",
    "numerics",
]

LEARNING_RATE = 0.01
PERTURBATION_STD = 1 / 30
SMOOTHING = 0.99
"""Weight of the past in the moving average of the outputs, which starts at the first output."""

_DIVERGENCE_CHECK = 100
"""Iterations between looks at the loss from the host: rare, since each waits for the device."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The result of a fit of T iterations.

    Attributes:
        psnr_db: (T,) float64; point i is the PSNR in dB of the output before update i, against the
            ground truth. NaN from the divergence on, and everywhere without a ground truth.
        psnr_smooth_db: (T,) float64; the same of the smoothed output.
        loss: (T,) float64; the loss before update i; NaN after the divergence.
        diverged_at: first iteration (0-based) with a non-finite loss, or None.
        smoothed: (C, H, W) float32, the last smoothed output; non-finite after a divergence.
        seconds: wall time of the loop, with the device drained; of a stack each run's share.
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
    **options: Any,
) -> Fit:
    """Fit a network to one corrupted image: a stack of one; arguments as of `fit_stack`."""
    return fit_stack(network, problem, z, perturbation_seed, iterations, **options)[0]


def fit_stack(
    network: nn.Module,
    problem: Problem,
    z: Tensor,
    perturbation_seed: int,
    iterations: int,
    *,
    precision: str = "fp32",
    learning_rate: float = LEARNING_RATE,
    on_iteration: Callable[[int], None] | None = None,
    on_output: Callable[[int, Tensor, Tensor], bool] | None = None,
) -> list[Fit]:
    """Fit R networks to R corrupted images at once, each as if it were alone.

    Args:
        network: one network, or R of them as one (`nasdip_bench.stacking`); on the device of ``z``;
            changed in place.
        problem: the losses and the record, of R images of one shape.
        z: (1, C, H, W), the input of every network.
        perturbation_seed: seed of the device generator; draw i perturbs iteration i of all.
        iterations: updates of the weights, at least 1.
        precision: one of `nasdip_bench.fidelity.PRECISIONS`.
        learning_rate: of Adam, otherwise with PyTorch's defaults.
        on_iteration: called with the iteration before each; may raise to abandon the fit.
        on_output: called with the iteration, its outputs and the smoothed ones, (R, C, H, W) on the
            device and not to be changed; the fit ends before the update if it returns True, and the
            curves with this iteration.

    Raises:
        ConfigError: iterations below 1, or a precision that the device does not have.
    """
    if iterations < 1:
        raise ConfigError(f"iterations {iterations} must be at least 1")
    device, runs = z.device, problem.runs
    generator = torch.Generator(device).manual_seed(perturbation_seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    # Losses, squared errors, squared errors of the smoothed outputs: on the device until the end,
    # so that the host never waits for it inside the loop.
    record = torch.full((3, iterations, runs), math.nan, device=device, dtype=torch.float64)
    smoothed = torch.empty(0)
    network.train()

    started = time.perf_counter()
    with numerics(precision, device):
        for i in range(iterations):
            if on_iteration is not None:
                on_iteration(i)
            noise = torch.randn(z.shape, generator=generator, device=device).to(z.dtype)
            perturbed = (z + PERTURBATION_STD * noise).repeat(1, runs, 1, 1)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                output = problem.unstack(network(perturbed))
            losses = problem.losses(output)
            with torch.no_grad():
                images = output.detach()
                smoothed = images if i == 0 else torch.lerp(images, smoothed, SMOOTHING)
                record[0, i] = losses
                if problem.truth is not None:
                    record[1, i] = problem.errors(images)
                    record[2, i] = problem.errors(smoothed)
            if on_output is not None and on_output(i, images, smoothed):
                record = record[:, : i + 1]
                break
            optimizer.zero_grad()
            losses.sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if (i + 1) % _DIVERGENCE_CHECK == 0 and not record[0, i].isfinite().any().item():
                break
        curves = record.cpu().numpy()
    seconds = (time.perf_counter() - started) / runs
    final = smoothed.float().cpu().numpy()
    return [_result(curves[:, :, run], final[run], seconds) for run in range(runs)]


def _result(record: np.ndarray, smoothed: np.ndarray, seconds: float) -> Fit:
    losses, errors, errors_smooth = record.copy()
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
            smoothed=smoothed,
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
