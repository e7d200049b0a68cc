"""What ``--dry-run`` says of an experiment: the units by step, and their time on this device."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import torch

from nasdip_bench.console.progress import duration
from nasdip_bench.experiments.methods import Method
from nasdip_bench.experiments.sets import ground_truth
from nasdip_bench.isnas import corrupt, train
from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_cost
from nasdip_bench.tasks import Denoise

from ..engines.worker import device_name
from ..plan.cost import check_device
from ..plan.shares import Shard
from .config import ExperimentConfig
from .cost import choose_workers, share, step_cost, unit_cost
from .folder import ExperimentFolder
from .planner import Planner
from .units import RankingUnit, ResultKey, Unit

__all__ = ["describe_setting", "preview"]

_LARGEST_CPU_PROBE = 128
_PROBE_ITERATIONS = 5
_ROUNDS = 3
_PROBED = 99
_STEPS = {
    "rankings": "rank candidates",
    "cohort": "train cohorts (at most: they overlap)",
    "restore": "restore with the selected (at most: selections agree)",
    "baseline": "restore with DIP and NAS-DIP",
    "classical": "classical methods",
}


def describe_setting(config: ExperimentConfig) -> str:
    """A setting in a line."""
    setting = config.setting
    part = (
        f"centre {setting.crop} x {setting.crop} of each image" if setting.crop else "whole images"
    )
    lengths = ", ".join(f"{kind} {n}" for kind, n in setting.iterations.items())
    return (
        f"setting {setting.name}: {part}, {setting.candidates} candidates x {setting.inits} "
        f"initialisations, cohorts of {setting.cohort}, {setting.search_channels} and "
        f"{setting.channels} channels, iterations: {lengths}, {setting.precision}"
    )


def preview(
    config: ExperimentConfig, out: Path, *, workers: int = 0, shard: Shard | None = None
) -> str:
    """Describe what is left to do; a few iterations are timed to estimate the hours.

    Args:
        config: what is asked for.
        out: the build folder, read and not changed.
        workers: processes; 0 chooses.
        shard: describe this share only.
    """
    check_device(config.device)
    config.check_searches()
    folder = ExperimentFolder(out)
    folder.check(config)
    planner = Planner(config, folder.state(set_aside=False), share(config, shard))
    images = Counter((key.task, key.set) for key in {_image(key) for key in planner.wanted})
    lines = [
        f"{describe_setting(config)}, on {config.device}",
        f"{len(planner.wanted)} results; images: "
        + ", ".join(f"{task} {name} {count}" for (task, name), count in sorted(images.items())),
    ]
    units = list(planner.expected())
    if not units:
        return "\n".join([*lines, "nothing is left to do"])
    workers = min(workers or choose_workers(config), len(units))
    speed = _seconds_per_cost(planner, threads=1 if workers > 1 else 0)
    by_step: dict[str, list[Unit]] = {}
    for unit in units:
        by_step.setdefault(_step(unit), []).append(unit)
    for step, what in _STEPS.items():
        if step in by_step:
            seconds = speed * sum(unit_cost(unit, config) for unit in by_step[step]) / workers
            lines.append(f"  {what}: {len(by_step[step])} units, {duration(seconds)}")
    seconds = speed * sum(unit_cost(unit, config) for unit in units) / workers
    processes = f"{workers} processes" if workers > 1 else "1 process"
    lines.append(
        f"time: about {duration(seconds)} to within a factor of two, with {processes} on "
        f"{device_name(torch.device(config.device))} (measured: some iterations)"
    )
    return "\n".join(lines)


def _step(unit: Unit) -> str:
    return "rankings" if isinstance(unit, RankingUnit) else unit.key.purpose.split("-")[0]


def _image(key: ResultKey) -> ResultKey:
    return key._replace(method=Method(""), seed=None)


def _seconds_per_cost(planner: Planner, threads: int) -> float:
    """From some iterations of a middling candidate on the smallest image.

    On a CPU on at most 128 x 128 of it, so that a dry run does not take minutes.
    """
    config, setting = planner.config, planner.setting
    name = min(config.shapes, key=lambda image: math.prod(config.shapes[image]))
    most = min(setting.crop or _LARGEST_CPU_PROBE, _LARGEST_CPU_PROBE)
    truth = ground_truth(config.pictures[name], most if config.device == "cpu" else setting.crop)
    problem = corrupt(truth, Denoise(), "speed")
    some = sorted(planner.candidates[:_PROBED], key=_flops)
    arch = Architecture.parse(some[len(some) // 2])
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)

    def seconds(iterations: int) -> float:
        return train(
            arch,
            problem,
            purpose="speed",
            iterations=iterations,
            channels=setting.channels,
            seed=0,
            device=config.device,
            precision=setting.precision,
        ).seconds

    try:
        seconds(1)  # warms up
        best = min(seconds(_PROBE_ITERATIONS) for _ in range(_ROUNDS))
    finally:
        torch.set_num_threads(before)
    cost = step_cost(str(arch), (len(truth), *truth.shape), setting.channels, config.device)
    return best / _PROBE_ITERATIONS / cost


def _flops(name: str) -> float:
    return architecture_cost(Architecture.parse(name)).flops_per_pixel
