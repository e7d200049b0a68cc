"""Estimates the cost of a build: a model of a unit's time; default worker count and stack size.

Must not import torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_cost

from .config import BuildConfig
from .units import Unit, forward_passes, unit_flops

# An iteration costs its operations plus the launch of each layer, expressed here as operations that
# take as long. At 64 x 64 and 16 channels, a CPU spends most of its time on launches.
OVERHEAD_FLOPS = {"cpu": 4e8, "cuda": 1e11}
"""Launch cost of an iteration, by type of device."""

LARGEST_SHARED_CPU_RESOLUTION = 128
"""Above it, one process per core is slower than one process for all cores (on a CPU)."""

_CPU_STACK = 10
_CPU_STACK_BYTES = 2 * 2**30
_BYTES_A_PARAMETER = 16
"""Weight, gradient and two moments."""
_LIVE_LAYERS = 60
"""Image-sized outputs kept for the backward pass, for the most expensive cells."""


def unit_cost(unit: Unit, device: str) -> float:
    """Predicted cost of a unit: floating-point operations that take as long on the device."""
    iterations = forward_passes(unit) / 3  # of all runs, or the equivalent for scoring
    return unit_flops(unit) + iterations * OVERHEAD_FLOPS[device.split(":")[0]]


def choose_workers(device: str, side: int) -> int:
    """Number of processes for a device and images of ``side`` pixels.

    A GPU gets one. On a CPU, small networks run too briefly for cores to share, so each core gets
    its own process; from 256 x 256 on, where memory matters, one process gets all cores.
    """
    small = side <= LARGEST_SHARED_CPU_RESOLUTION
    return available_cores() if device == "cpu" and small else 1


def choose_stack(config: BuildConfig) -> Callable[[Architecture], int]:
    """The largest stack for each architecture: the most runs to train as one.

    On a CPU, ten runs of small images, or fewer if they would take more than two gigabytes
    (`benchmarks/RESULTS.md`); from 256 x 256 on, a single run fills the cores. On a GPU one, since
    stacks have not been measured there.
    """
    if config.device != "cpu" or config.fidelity.resolution > LARGEST_SHARED_CPU_RESOLUTION:
        return lambda _: 1
    size, channels = config.fidelity.resolution, config.fidelity.channels

    def stack(arch: Architecture) -> int:
        fitting = _CPU_STACK_BYTES // training_bytes(arch, size, channels)
        return max(1, min(_CPU_STACK, fitting))

    return stack


def training_bytes(arch: Architecture, size: int, channels: int) -> int:
    """Approximate memory for training one run: parameters, Adam's state, kept outputs."""
    parameters = architecture_cost(arch, 1, 1, channels).parameters
    return _BYTES_A_PARAMETER * parameters + _LIVE_LAYERS * 4 * channels * size**2


def threads_of(workers: int) -> int:
    """Torch threads for each of several processes; 0 if OMP_NUM_THREADS already decides."""
    return 0 if "OMP_NUM_THREADS" in os.environ else max(1, available_cores() // workers)


def available_cores() -> int:
    """Cores this process may use; under a scheduler, possibly fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
