"""Measures how fast a device trains, from a short run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nasdip_bench.errors import BuildError
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_cost

from ..engines.worker import Worker
from ..plan.config import BuildConfig
from ..plan.cost import unit_cost
from ..plan.units import RunKey, Unit

_CPU_PROBE = get_fidelity("r64")
"""At most this is timed on a CPU, so that a dry run at 512 x 512 does not take minutes."""
_ITERATIONS = 3


def seconds_per_cost(
    config: BuildConfig, *, stack: int = 1, plain: bool = False, threads: int = 0
) -> float:
    """Train the architecture of median cost for a moment; seconds per operation of `unit_cost`.

    Args:
        config: the build.
        stack: how many runs to train as one.
        plain: time networks as defined, not the fast engine's.
        threads: torch's; 0 leaves them unchanged.

    Raises:
        BuildError: it cannot be trained here.
    """
    fidelity = config.fidelity
    if config.device == "cpu" and fidelity.resolution > _CPU_PROBE.resolution:
        fidelity = _CPU_PROBE
    fidelity = fidelity.shortened(_ITERATIONS)

    def flops(arch: Architecture) -> float:
        return architecture_cost(arch, channels=fidelity.channels).flops_per_pixel

    median = str(sorted(config.architectures, key=flops)[len(config.architectures) // 2])
    run = RunKey(median, config.images[0].name, "denoise", fidelity.name, 0)
    unit = Unit(architecture=median, runs=(run,) * stack)
    with threads_set(threads):
        worker = Worker(
            images=config.images[:1],
            device=config.device,
            engine="plain" if plain else "fast",
            precision=config.precision,
            threads=0,
        )
        worker.execute(unit)  # the first time is longer
        rows = worker.execute(unit).to_pylist()
    if rows[0]["status"] == "failed":
        raise BuildError(f"{unit} cannot be trained here: {rows[0]['error']}")
    seconds: float = sum(row["seconds"] for row in rows)
    return seconds / unit_cost(unit, config.device)


@contextmanager
def threads_set(threads: int) -> Iterator[None]:
    """Set torch's threads for the block; 0 leaves them unchanged."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
