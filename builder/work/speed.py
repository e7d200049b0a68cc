"""Measures how fast a device trains, from a few iterations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from nasdip_bench.fit.devices import device_name
from nasdip_bench.fit.loop import fit_stack
from nasdip_bench.fit.objective import Problem
from nasdip_bench.network.fast import FastNetwork
from nasdip_bench.network.stacking import stack_networks
from nasdip_bench.network.weights import draw_weights, draw_z
from nasdip_bench.proxies.scoring import blank_network
from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_cost
from nasdip_bench.tasks import Denoise

from ..plan.config import BuildConfig
from ..plan.cost import OVERHEAD_FLOPS, iterations
from ..plan.units import Unit, unit_flops

_LARGEST_CPU_PROBE = 64
_MOST_CPU_PROBE_FLOPS = 1e11
"""Per iteration: a second or two. From there on, another run in a stack costs its operations."""
_PROBE_ITERATIONS = 3


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Time per iteration of one run in a stack on a device, and how it was measured."""

    device: str
    seconds_per_pass: float
    seconds_per_flop: float
    how: str

    def seconds(self, unit: Unit) -> float:
        """Predicted time of a unit in one process."""
        return self.seconds_per_pass * iterations(unit) + self.seconds_per_flop * unit_flops(unit)


def measure_speed(
    config: BuildConfig, *, stack: int = 1, plain: bool = False, threads: int = 0
) -> Speed:
    """Time a few iterations of the plan's cheapest and most expensive architecture.

    A GPU is timed at the resolution of the build. A CPU is timed at 64 x 64 at most, with fewer
    runs if they are large, so that planning a build at 512 x 512 does not take minutes; the rest is
    extrapolated by operations. ``plain`` times the networks as defined, not the fast engine's;
    ``threads`` 0 leaves torch's threads unchanged.
    """
    device = torch.device(config.device)
    size = config.fidelity.resolution
    if device.type == "cpu":
        size = min(size, _LARGEST_CPU_PROBE)
    channels = len(config.images[0].at_resolution(size))

    def flops(arch: Architecture) -> float:
        cost = architecture_cost(arch, channels, channels, config.fidelity.channels)
        return 3 * cost.forward_flops(size, size)

    probes = (min(config.architectures, key=flops), max(config.architectures, key=flops))
    least, most = map(flops, probes)
    if device.type == "cpu":
        stack = min(stack, max(1, int(_MOST_CPU_PROBE_FLOPS / most)))
    with threads_set(threads):
        seconds = {
            arch: _time_iterations(config, arch, size, stack, plain)
            for arch in dict.fromkeys(probes)
        }
    cheap, dear = (seconds[arch] for arch in probes)
    if most > 1.5 * least and cheap < dear:
        slope = (dear - cheap) / (most - least)
    else:  # too alike for a slope
        slope = cheap / (least + OVERHEAD_FLOPS[device.type])
    return Speed(
        device=device_name(device),
        seconds_per_pass=max(cheap - slope * least, 0.0),
        seconds_per_flop=slope,
        how=f"{_PROBE_ITERATIONS} iterations of {' and '.join(map(str, seconds))} "
        f"at {size} x {size}" + (f", {stack} runs as one" if stack > 1 else ""),
    )


@contextmanager
def threads_set(threads: int) -> Iterator[None]:
    """Set torch's threads for the block; 0 leaves them unchanged."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _time_iterations(
    config: BuildConfig, arch: Architecture, size: int, stack: int, plain: bool
) -> float:
    """Seconds per iteration of one run in a stack, after two warm-up iterations."""
    device, task = torch.device(config.device), Denoise()
    truth = config.images[0].at_resolution(size)
    channels = len(truth)
    networks = []
    for run in range(stack):
        network = blank_network(arch, channels, config.fidelity.channels, device)
        draw_weights(network, "speed", run)
        networks.append(network)
    stacked = stack_networks(networks)
    timed = stacked if plain else FastNetwork(stacked)
    problem = Problem(task, task.corrupt(truth, "speed"), truth, device)
    problems = Problem.stack([problem] * stack)
    z = draw_z(channels, size, size, "speed").to(device)
    for length in (2, _PROBE_ITERATIONS):
        fits = fit_stack(timed, problems, z, 0, length, precision=config.precision)
    return fits[0].seconds / _PROBE_ITERATIONS
