"""The fit: one Deep Image Prior optimisation, in one loop that can be read top to bottom.

Source: Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", CVPR 2018; settings of ISNAS-DIP (CVPR
2022), section 5. Nothing here stops early or looks at the ground truth except to record PSNR.

A fit reads no global random state and leaves torch's settings as they were.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nasdip_bench.errors import check_whole
from nasdip_bench.observables import OBSERVABLES, SSIM

from .objective import Problem
from .precision import numerics
from .recording import Observer, Ssim

LEARNING_RATE = 0.01
"""Of Adam, otherwise with PyTorch's defaults."""

PERTURBATION_STD = 1 / 30
SMOOTHING = 0.99
"""Weight of the past in the moving average of the outputs, which starts at the first output."""

_DIVERGENCE_CHECK = 100
"""Iterations between host checks of the loss: rare, since each waits for the device."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The result of a fit of T iterations.

    Attributes:
        psnr_db: (T,) float64; point i is the PSNR in dB of the output before update i, against the
            ground truth. NaN from the divergence on, and everywhere without a ground truth.
        psnr_smooth_db: (T,) float64; the same for the smoothed output.
        loss: (T,) float64; the loss before update i; NaN from the divergence on.
        recorded: other requested curves by name of `nasdip_bench.observables`, (T,) float64: dB, or
            SSIM; NaN where undefined, and from the divergence on.
        diverged_at: first iteration (0-based) with a non-finite loss, or None.
        smoothed: (C, H, W) float32, the last smoothed output; non-finite after a divergence.
        seconds: wall time of the loop, with the device drained; for a stack, each run's share.
        processor_seconds: the same in processor time, which stops while the process waits or is
            stopped; on a GPU the wall time.
    """

    psnr_db: np.ndarray
    psnr_smooth_db: np.ndarray
    loss: np.ndarray
    recorded: Mapping[str, np.ndarray]
    diverged_at: int | None
    smoothed: np.ndarray
    seconds: float
    processor_seconds: float


def fit(
    network: nn.Module,
    problem: Problem,
    z: Tensor,
    perturbation_seed: int,
    iterations: int,
    **options: Any,
) -> Fit:
    """Fit a network to one corrupted image, as a stack of one; for arguments see `fit_stack`."""
    return fit_stack(network, problem, z, perturbation_seed, iterations, **options)[0]


def fit_stack(
    network: nn.Module,
    problem: Problem,
    z: Tensor,
    perturbation_seed: int,
    iterations: int,
    *,
    precision: str = "fp32",
    record: Collection[str] = (),
    on_iteration: Callable[[int], None] | None = None,
    on_output: Callable[[int, Tensor, Tensor], bool] | None = None,
) -> list[Fit]:
    """Fit R networks to R corrupted images at once, each as if it were alone.

    Args:
        network: one network, or R of them as one (`nasdip_bench.network.stacking`), on the device
            of ``z``; changed in place.
        problem: the losses and the record of R images of one shape.
        z: (1, C, H, W), the input of every network.
        perturbation_seed: seed of the device generator; draw i perturbs iteration i of all.
        iterations: updates of the weights, at least 1.
        precision: one of `nasdip_bench.fidelity.PRECISIONS`.
        record: names of `nasdip_bench.observables.OBSERVABLES`, and ``ssim_smooth`` if there is a
            ground truth, to record in addition to loss and PSNR; the fit itself does not change.
        on_iteration: called with the iteration before each; may raise to abandon the fit.
        on_output: called with the iteration, its outputs and the smoothed ones, (R, C, H, W) on the
            device. It must not change them; the smoothed ones are the same tensor every time. If it
            returns True, the fit ends before the update, and the curves with this iteration.

    Raises:
        ConfigError: iterations below 1, or a precision that the device does not support.
        UnknownNameError: an unknown name in ``record``.
    """
    check_whole("iterations", iterations, 1)
    device = z.device
    generator = torch.Generator(device).manual_seed(perturbation_seed)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=True)
    curves = _Curves(problem, iterations, record)
    noise = torch.empty(z.shape, device=device)
    smoothed = torch.empty(0)
    length = iterations
    network.train()
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # earlier work there is not this fit's time

    started, processor_started = time.perf_counter(), time.process_time()
    with numerics(precision, device):
        for i in range(iterations):
            if on_iteration is not None:
                on_iteration(i)
            noise.normal_(generator=generator)
            perturbed = z + PERTURBATION_STD * noise.to(z.dtype)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                output = problem.unstack(network(perturbed.repeat(1, problem.runs, 1, 1)))
            losses = problem.losses(output)

            with torch.no_grad():
                images = output.detach()
                if i == 0:
                    smoothed = images.clone()
                else:
                    torch.lerp(images, smoothed, SMOOTHING, out=smoothed)
                curves.note(i, losses.detach(), images, smoothed)
            if on_output is not None and on_output(i, images, smoothed):
                length = i + 1
                break

            optimizer.zero_grad()
            losses.sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if (i + 1) % _DIVERGENCE_CHECK == 0 and not losses.isfinite().any().item():
                break
        recorded = curves.on_host(length)
        final = smoothed.float().cpu().numpy()
    seconds = time.perf_counter() - started
    processor_seconds = time.process_time() - processor_started
    if device.type == "cuda":  # whose work the process's clock does not count
        processor_seconds = seconds
    return [
        _result(
            {name: values[:, run] for name, values in recorded.items()},
            final[run],
            seconds / problem.runs,
            processor_seconds / problem.runs,
        )
        for run in range(problem.runs)
    ]


class _Curves:
    """What a fit records, all on its device.

    Args:
        problem: R problems.
        iterations: maximum number of points of a curve.
        record: names to record in addition to losses and errors.
    """

    def __init__(self, problem: Problem, iterations: int, record: Collection[str]) -> None:
        self._problem = problem
        self._observer = Observer(problem, [name for name in record if name != SSIM])
        self._ssim = Ssim(problem.target) if SSIM in record else None
        shape = (iterations, problem.runs)
        names = [_LOSS, _ERROR, _ERROR_SMOOTH, *record]
        self._values = torch.full(
            (len(names), *shape), math.nan, dtype=torch.float64, device=problem.corrupted.device
        )
        self._rows = dict(zip(names, self._values, strict=True))

    def note(self, iteration: int, losses: Tensor, images: Tensor, smoothed: Tensor) -> None:
        """Record an iteration; for arguments see `nasdip_bench.fit.recording.Observer.look`."""
        problem = self._problem
        self._rows[_LOSS][iteration] = losses
        if problem.truth is not None:
            self._rows[_ERROR][iteration] = problem.errors(images)
            self._rows[_ERROR_SMOOTH][iteration] = problem.errors(smoothed)
        if self._ssim is not None:
            self._rows[SSIM][iteration] = self._ssim(problem.observed(smoothed))
        for name, values in self._observer.look(iteration, losses, images, smoothed).items():
            self._rows[name][iteration] = values

    def on_host(self, length: int) -> dict[str, np.ndarray]:
        """The curves by name, (length, R) float64."""
        return dict(zip(self._rows, self._values[:, :length].cpu().numpy(), strict=True))


_LOSS, _ERROR, _ERROR_SMOOTH = "training loss", "squared error", "squared error of the smoothed"


def _result(
    recorded: Mapping[str, np.ndarray],
    smoothed: np.ndarray,
    seconds: float,
    processor_seconds: float,
) -> Fit:
    curves = {name: values.copy() for name, values in recorded.items()}
    bad = np.flatnonzero(~np.isfinite(curves[_LOSS]))
    diverged_at = int(bad[0]) if bad.size else None
    if diverged_at is not None:
        for curve in curves.values():
            curve[diverged_at:] = math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        in_db = {name: -10 * np.log10(curve) for name, curve in curves.items() if name != SSIM}
    return Fit(
        psnr_db=in_db.pop(_ERROR),
        psnr_smooth_db=in_db.pop(_ERROR_SMOOTH),
        loss=curves[_LOSS],
        recorded={
            name: in_db.get(name, curves[name]) for name in (SSIM, *OBSERVABLES) if name in curves
        },
        diverged_at=diverged_at,
        smoothed=smoothed,
        seconds=seconds,
        processor_seconds=processor_seconds,
    )
