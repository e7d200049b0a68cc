"""One Deep Image Prior fit of a search: an architecture on the image, at full or small size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nasdip_bench.fit.loop import fit
from nasdip_bench.fit.objective import Problem
from nasdip_bench.network import Network
from nasdip_bench.network.baselines import BASELINE_IN_CHANNELS, build_baseline
from nasdip_bench.network.fast import FastNetwork
from nasdip_bench.network.weights import draw_weights, draw_z, give_memory
from nasdip_bench.proxies.scoring import blank_network
from nasdip_bench.seeding import device_seed
from nasdip_bench.space import Architecture
from nasdip_bench.stopping import Last, StoppingRule

from .image import Degraded
from .stopping import Stopper

__all__ = ["Trained", "train", "train_baseline"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """What a fit left.

    Attributes:
        output: (C, H, W) float32, what the stopping rule delivers.
        iteration: the one it is of, from 1.
        iterations: that were trained.
        diverged: the loss was not finite; the output is of no use.
        psnr_db: (iterations,) of the outputs over the padded image; NaN without a ground truth.
        psnr_smooth_db: (iterations,) of the smoothed outputs.
        seconds: wall time.
    """

    output: NDArray[np.float32]
    iteration: int
    iterations: int
    diverged: bool
    psnr_db: NDArray[np.float64]
    psnr_smooth_db: NDArray[np.float64]
    seconds: float


def train(
    architecture: Architecture,
    problem: Degraded,
    *,
    purpose: str,
    iterations: int,
    channels: int,
    seed: int,
    device: str = "cpu",
    precision: str = "fp32",
    rule: StoppingRule | None = None,
    on_iteration: Callable[[int], None] | None = None,
) -> Trained:
    """Train an architecture from a fresh initialisation.

    Args:
        architecture: the architecture.
        problem: what is to be restored.
        purpose: "cohort" or "restore": weights are drawn for it, so that the restoration begins
            anew (the released script restores with the last network that was trained).
        iterations: the most to train.
        channels: channels at every level of the network.
        seed: of the search.
        device: "cpu", "cuda" or "cuda:N".
        precision: one of `nasdip_bench.fidelity.PRECISIONS`.
        rule: where to stop; None trains all iterations.
        on_iteration: called before each; may raise to abandon the fit.
    """
    image_channels, height, width = problem.shape
    network = blank_network(architecture, image_channels, channels, device)
    key = (str(architecture), problem.name, problem.task.name, f"{height}x{width}", channels, seed)
    draw_weights(network, "isnas weights", purpose, *key)
    return _fit(
        FastNetwork(network),
        image_channels,
        problem,
        iterations=iterations,
        seed=seed,
        device=device,
        precision=precision,
        rule=rule,
        on_iteration=on_iteration,
    )


def train_baseline(
    name: str,
    problem: Degraded,
    *,
    iterations: int,
    channels: int,
    seed: int,
    device: str = "cpu",
    precision: str = "fp32",
    on_iteration: Callable[[int], None] | None = None,
) -> Trained:
    """Train one of `nasdip_bench.network.baselines.BASELINES` as an architecture is trained.

    Its input has 32 channels; otherwise the fit is the same: iterations, perturbation, smoothing.

    Args:
        name: "dip" or "nas_dip"; the network is the one for the kind of task.
        problem: what is to be restored.
        iterations: to train.
        channels: channels at every level of the network.
        seed: of weights, input and perturbations.
        device: "cpu", "cuda" or "cuda:N".
        precision: one of `nasdip_bench.fidelity.PRECISIONS`.
        on_iteration: called before each; may raise to abandon the fit.
    """
    image_channels, height, width = problem.shape
    with torch.device("meta"):  # nothing is taken from the global random state
        network = build_baseline(name, problem.task.kind, image_channels, channels)
    give_memory(network, device)
    key = (name, problem.name, problem.task.name, f"{height}x{width}", channels, seed)
    draw_weights(network, "isnas weights", "baseline", *key)
    return _fit(
        FastNetwork(network) if isinstance(network, Network) else network,
        BASELINE_IN_CHANNELS,
        problem,
        iterations=iterations,
        seed=seed,
        device=device,
        precision=precision,
        on_iteration=on_iteration,
    )


def _fit(
    network: nn.Module,
    in_channels: int,
    problem: Degraded,
    *,
    iterations: int,
    seed: int,
    device: str,
    precision: str,
    rule: StoppingRule | None = None,
    on_iteration: Callable[[int], None] | None,
) -> Trained:
    _, height, width = problem.shape
    size = f"{height}x{width}"
    on_device = Problem(problem.task, problem.observation, problem.truth, device)
    stopper = Stopper(rule or Last(), problem, on_device, iterations)
    result = fit(
        network,
        on_device,
        draw_z(in_channels, height, width, "z", size, in_channels, seed).to(torch.device(device)),
        device_seed("perturbation", size, in_channels, seed),
        iterations,
        precision=precision,
        on_iteration=on_iteration,
        on_output=stopper.look,
    )
    at, output = stopper.restored()
    return Trained(
        output=output[0].float().cpu().numpy(),
        iteration=at,
        iterations=len(result.loss),
        diverged=result.diverged_at is not None,
        psnr_db=result.psnr_db,
        psnr_smooth_db=result.psnr_smooth_db,
        seconds=result.seconds,
    )
