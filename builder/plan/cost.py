"""What a build will cost: a model of a unit's time, and the default worker count and stack size.

Must not import torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_cost

from .config import BuildConfig
from .units import Unit, forward_passes, unit_flops

__all__ = [
    "LARGEST_SHARED_CPU_RESOLUTION",
    "OVERHEAD_FLOPS",
    "available_cores",
    "choose_stack",
    "choose_workers",
    "iterations",
    "threads_of",
    "training_bytes",
    "unit_cost",
]

# An iteration costs its operations plus a launch of each layer, here in operations of like
# duration: at 64 x 64 and 16 channels a CPU spends most of its time on the second.
OVERHEAD_FLOPS = {"cpu": 4e8, "cuda": 1e11}
"""By type of device, of an iteration."""

LARGEST_SHARED_CPU_RESOLUTION = 128
"""Above it, a process of its own for each core is slower than one for all (on a CPU)."""

_CPU_STACK = 10
_CPU_STACK_BYTES = 2 * 2**30
_BYTES_A_PARAMETER = 16
"""Weight, gradient and two moments."""
_LIVE_LAYERS = 60
"""Outputs of the image's size that are kept for the backward pass, of the dearest cells."""


def unit_cost(unit: Unit, device: str) -> float:
    """Predicted cost of a unit, in floating-point operations of like duration on the device."""
    return unit_flops(unit) + iterations(unit) * OVERHEAD_FLOPS[device.split(":")[0]]


def iterations(unit: Unit) -> float:
    """Iterations of all runs, or what scoring takes of the like."""
    return forward_passes(unit) / 3


def choose_workers(device: str, side: int) -> int:
    """Processes for a device and images of so many pixels a side.

    A GPU gets one. On a CPU small networks are launched faster than two cores can share them, so
    each core gets a process of its own; from 256 x 256 on, where memory counts, one gets all cores.
    """
    small = side <= LARGEST_SHARED_CPU_RESOLUTION
    return available_cores() if device == "cpu" and small else 1


def choose_stack(config: BuildConfig) -> Callable[[Architecture], int]:
    """The most runs of an architecture to train as one.

    On a CPU, ten runs of small images, fewer where they would take more than two gigabytes
    (`benchmarks/RESULTS.md`); from 256 x 256 on a single run fills the cores. GPUs have not been
    measured: one.
    """
    if config.device != "cpu" or config.fidelity.resolution > LARGEST_SHARED_CPU_RESOLUTION:
        return lambda _: 1
    size, channels = config.fidelity.resolution, config.fidelity.channels

    def stack(arch: Architecture) -> int:
        fitting = _CPU_STACK_BYTES // training_bytes(arch, size, channels)
        return max(1, min(_CPU_STACK, fitting))

    return stack


def training_bytes(arch: Architecture, size: int, channels: int) -> int:
    """Memory that training one run takes, roughly: parameters, Adam's state, kept outputs."""
    parameters = architecture_cost(arch, 1, 1, channels).parameters
    return _BYTES_A_PARAMETER * parameters + _LIVE_LAYERS * 4 * channels * size**2


def threads_of(workers: int) -> int:
    """Torch's threads in each of so many processes; 0: whoever set OMP_NUM_THREADS has decided."""
    return 0 if "OMP_NUM_THREADS" in os.environ else max(1, available_cores() // workers)


def available_cores() -> int:
    """Cores this process may use, which under a scheduler can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
