"""What a build will cost: a model of a unit's time, and a short measurement to scale it with."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from nasdip_bench.builder.config import BuildConfig
from nasdip_bench.builder.plan import Unit, unit_flops
from nasdip_bench.builder.worker import device_name
from nasdip_bench.cost import architecture_cost
from nasdip_bench.dip import fit
from nasdip_bench.errors import ConfigError
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.initialise import draw_weights, draw_z
from nasdip_bench.network import build_network
from nasdip_bench.problem import Problem
from nasdip_bench.tasks import Denoise, get_task

__all__ = ["Speed", "check_device", "measure_speed", "unit_cost"]

# An iteration costs its operations plus a launch of each layer, here in operations of like
# duration: at 64 x 64 and 16 channels a CPU spends most of its time on the second.
_OVERHEAD_FLOPS = {"cpu": 4e8, "cuda": 1e11}

_LARGEST_CPU_PROBE = 64


def check_device(device: str) -> None:
    """Raise `ConfigError` unless torch can compute on the device."""
    if device.split(":")[0] not in _OVERHEAD_FLOPS:
        raise ConfigError(f"device {device!r} must be cpu, cuda or cuda:N")
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"device {device!r} is not available to torch {torch.__version__} "
            f"({str(error).splitlines()[0]}); use --device cpu, or install a torch built for it"
        ) from error


def unit_cost(unit: Unit, device: str) -> float:
    """Predicted cost of a unit, in floating-point operations of like duration on the device."""
    passes = float(unit.scoring_inits)
    for run in unit.runs:
        passes += get_fidelity(run.fidelity).iterations_for(get_task(run.task).kind)
    return unit_flops(unit) + passes * _OVERHEAD_FLOPS[torch.device(device).type]


@dataclass(frozen=True, kw_only=True)
class Speed:
    """A measurement of a device.

    Attributes:
        device: its name.
        seconds_per_cost: of one process, for one of `unit_cost`.
        how: what was measured.
    """

    device: str
    seconds_per_cost: float
    how: str


def measure_speed(config: BuildConfig, *, iterations: int = 5, threads: int = 0) -> Speed:
    """Time a few iterations of the plan's first architecture.

    On a GPU at the resolution of the build; on a CPU at 64 x 64 at most, so that planning a build
    at 512 x 512 does not take minutes: there the time is extrapolated by operations.

    Args:
        config: what is to be built.
        iterations: how many to time, after two that warm up.
        threads: of torch for the measurement; 0 leaves what is set.
    """
    device = torch.device(config.device)
    size = config.fidelity.resolution
    if device.type == "cpu":
        size = min(size, _LARGEST_CPU_PROBE)
    arch, task = config.architectures[0], Denoise()
    truth = config.images[0].at_resolution(size)
    channels = len(truth)
    network = build_network(arch, channels, channels, config.fidelity.channels)
    draw_weights(network, "speed")
    network.to(device)
    problem = Problem(task, task.corrupt(truth, "speed"), truth, device)
    z = draw_z(channels, size, size, "speed").to(device)
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads or threads_before)
    try:
        fit(network, problem, z, 0, 2, precision=config.precision)
        seconds = fit(network, problem, z, 0, iterations, precision=config.precision).seconds
    finally:
        torch.set_num_threads(threads_before)
    cost = architecture_cost(arch, channels, channels, config.fidelity.channels)
    flops = 3 * cost.forward_flops(size, size)
    return Speed(
        device=device_name(device),
        seconds_per_cost=seconds / iterations / (flops + _OVERHEAD_FLOPS[device.type]),
        how=f"{iterations} iterations of {arch} at {size} x {size}",
    )
