"""The fit: one Deep Image Prior optimisation, in one loop that can be read top to bottom.

Source: Ulyanov, Vedaldi, Lempitsky, "Deep Image Prior", CVPR 2018; settings of ISNAS-DIP (CVPR
2022), section 5. Nothing here stops early or looks at the ground truth except to record PSNR.

A fit reads no global random state and leaves torch's settings as they were.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nasdip_bench.adam import Adam
from nasdip_bench.errors import ConfigError
from nasdip_bench.fast.graphs import WARM_UP, Pace, on_stream_of_graphs, recorded
from nasdip_bench.fidelity import check_precision
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
        replayed: whether its steps were launched as a CUDA graph.
    """

    psnr_db: np.ndarray
    psnr_smooth_db: np.ndarray
    loss: np.ndarray
    diverged_at: int | None
    smoothed: np.ndarray
    seconds: float
    replayed: bool = False


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
    graph: bool = False,
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
            device and not to be changed; the smoothed ones are the same tensor at every iteration;
            the fit ends before the update if it returns True, and the curves with this iteration.
        graph: record the iteration as a CUDA graph and replay it: the same kernels, launched
            faster. Not with ``on_output``.

    Raises:
        ConfigError: iterations below 1, a precision that the device does not have, or a graph where
            there can be none.
    """
    if iterations < 1:
        raise ConfigError(f"iterations {iterations} must be at least 1")
    device, runs = z.device, problem.runs
    if graph and on_output is not None:
        raise ConfigError(
            "a fit whose outputs the host looks at cannot be a CUDA graph: leave one out"
        )
    generator = torch.Generator(device).manual_seed(perturbation_seed)
    step = _Step(network, problem, z, iterations, precision, learning_rate, graph)
    pace = Pace(device)
    network.train()
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # what was sent there before is not this fit's time

    started = time.perf_counter()
    with numerics(precision, device), on_stream_of_graphs(device) if graph else nullcontext():
        replay: Callable[[], None] | None = None
        for i in range(iterations):
            if on_iteration is not None:
                on_iteration(i)
            step.noise.normal_(generator=generator)
            if i == 0 or on_output is not None:
                losses, images = step.look(first=i == 0)
                if on_output is not None and on_output(i, images, step.smoothed):
                    step.record = step.record[:, : i + 1]
                    break
                step.learn(losses)
            else:
                if graph and i == WARM_UP:
                    replay = recorded(step.act, device)
                (replay or step.act)()
            pace.step(i)
            if (i + 1) % _DIVERGENCE_CHECK == 0 and not step.record[0, i].isfinite().any().item():
                break
        curves = step.record.cpu().numpy()
        final = step.smoothed.float().cpu().numpy()
    seconds = (time.perf_counter() - started) / runs
    replayed = replay is not None
    return [_result(curves[:, :, run], final[run], seconds, replayed) for run in range(runs)]


class _Step:
    """An iteration, all of whose state stays in place on the device.

    So it can be recorded once and replayed (`nasdip_bench.fast.graphs`), and the host never waits
    for it inside the loop.

    Attributes:
        noise: (1, C, H, W) float32, to be drawn before each iteration.
        record: (3, T, R) float64: losses, squared errors of the outputs, of the smoothed outputs.
        smoothed: (R, C, H, W), the moving average of the outputs.
    """

    def __init__(
        self,
        network: nn.Module,
        problem: Problem,
        z: Tensor,
        iterations: int,
        precision: str,
        learning_rate: float,
        graph: bool,
    ) -> None:
        device = z.device
        self._network, self._problem, self._z = network, problem, z
        self._half = precision == "bf16"
        self._optimizer = Adam(network.parameters(), learning_rate, capturable=graph)
        self._count = torch.zeros(1, dtype=torch.int64, device=device)
        self.noise = torch.empty(z.shape, device=device)
        self.record = torch.full(
            (3, iterations, problem.runs), math.nan, device=device, dtype=torch.float64
        )
        self.smoothed = torch.empty(0, device=device)

    def act(self) -> None:
        """A whole iteration, but for the first."""
        losses, _ = self.look()
        self.learn(losses)

    def look(self, *, first: bool = False) -> tuple[Tensor, Tensor]:
        """The losses, (R,), and outputs, (R, C, H, W), of the weights as they are; recorded."""
        problem = self._problem
        noise = self.noise.to(self._z.dtype)
        perturbed = (self._z + PERTURBATION_STD * noise).repeat(1, problem.runs, 1, 1)
        with torch.autocast(self._z.device.type, torch.bfloat16, enabled=self._half):
            output = problem.unstack(self._network(perturbed))
        losses = problem.losses(output)
        with torch.no_grad():
            images = output.detach()
            if first:
                self.smoothed = images.clone()
            else:
                torch.lerp(images, self.smoothed, SMOOTHING, out=self.smoothed)
            self._note(0, losses)
            if problem.truth is not None:
                self._note(1, problem.errors(images))
                self._note(2, problem.errors(self.smoothed))
            self._count.add_(1)
        return losses, images

    def learn(self, losses: Tensor) -> None:
        """The update of the weights."""
        self._optimizer.zero_grad()
        losses.sum().backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()

    def _note(self, row: int, values: Tensor) -> None:
        self.record[row].index_copy_(0, self._count, values.to(self.record.dtype)[None])


def _result(record: np.ndarray, smoothed: np.ndarray, seconds: float, replayed: bool) -> Fit:
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
            replayed=replayed,
        )


@contextmanager
def numerics(precision: str, device: torch.device) -> Iterator[None]:
    """Set torch's precision of products for a block, whatever the caller has set, and put it back.

    Raises:
        ConfigError: tf32 away from CUDA.
        UnknownNameError: a precision that does not exist.
    """
    check_precision(precision, str(device))
    switches = _switches(precision == "tf32")
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in switches]
    for owner, name, value in switches:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _switches(tf32: bool) -> list[tuple[Any, str, Any]]:
    """What decides the precision of float32 products: owner, attribute, and its value.

    Newer versions of torch have one for each kind, and refuse to read the older ones where the two
    were mixed.
    """
    backends = torch.backends
    kinds = [
        (owner, kind, value)
        for owner, kind, value in (
            (backends.cuda, "matmul", "tf32" if tf32 else "ieee"),
            (backends.cudnn, "conv", "tf32" if tf32 else "ieee"),
            (backends.cudnn, "rnn", "tf32" if tf32 else "ieee"),
            (backends.mkldnn, "matmul", "ieee"),
            (backends.mkldnn, "conv", "ieee"),
        )
        if hasattr(getattr(owner, kind, None), "fp32_precision")
    ]
    if kinds:
        return [(getattr(owner, kind), "fp32_precision", value) for owner, kind, value in kinds]
    return [(backends.cuda.matmul, "allow_tf32", tf32), (backends.cudnn, "allow_tf32", tf32)]
