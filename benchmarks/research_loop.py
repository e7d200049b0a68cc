"""The baseline loop for the engines: Deep Image Prior as research code writes it.

Eager, one network at a time, with PSNR through NumPy at every step and ``.item()`` for the log. On
CUDA also in tf32, torch's default for convolutions.
Use it only as a timing baseline, not to produce data: its draws come from torch's global state.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import nn

from nasdip_bench.fit.loop import LEARNING_RATE, PERTURBATION_STD, SMOOTHING
from nasdip_bench.fit.objective import Problem
from nasdip_bench.fit.precision import numerics


def research_loop(
    network: nn.Module, problem: Problem, z: torch.Tensor, iterations: int, precision: str = "fp32"
) -> tuple[float, list[tuple[float, float, float]]]:
    """Run the loop; return its seconds, and (loss, PSNR, smoothed PSNR) by iteration."""
    truth = problem.truth.cpu().numpy()[0]
    target = problem.corrupted
    mask = problem.mask
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    noise = z.detach().clone()
    smoothed = None
    log = []
    started = time.perf_counter()
    with numerics(precision, z.device):
        for _ in range(iterations):
            optimizer.zero_grad()
            net_input = z + noise.normal_() * PERTURBATION_STD
            out = network(net_input)
            smoothed = (
                out.detach()
                if smoothed is None
                else smoothed * SMOOTHING + out.detach() * (1 - SMOOTHING)
            )
            loss = criterion(out, target) if mask is None else criterion(out * mask, target * mask)
            loss.backward()
            out_np = out.detach().cpu().numpy()[0]
            smoothed_np = smoothed.cpu().numpy()[0]
            log.append((loss.item(), _psnr(truth, out_np), _psnr(truth, smoothed_np)))
            optimizer.step()
    if z.device.type == "cuda":
        torch.cuda.synchronize(z.device)
    return time.perf_counter() - started, log


def _psnr(truth: np.ndarray, image: np.ndarray) -> float:
    return float(10 * np.log10(1 / np.mean((truth - image) ** 2)))
