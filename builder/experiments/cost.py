"""Predicts the cost of restorations, to divide an experiment into shares and to report it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import torch

from nasdip_bench.console.progress import duration
from nasdip_bench.experiments.sets import ground_truth
from nasdip_bench.fit.devices import check_device, device_name
from nasdip_bench.isnas import corrupt
from nasdip_bench.isnas.estimate import seconds_per_iteration
from nasdip_bench.isnas.resized import SHORTER_SIDE
from nasdip_bench.network.baselines import BASELINE_IN_CHANNELS, NAS_DIP
from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_cost
from nasdip_bench.space.paper_lists import candidate_architectures
from nasdip_bench.tasks import Denoise, get_task

from ..plan.cost import OVERHEAD_FLOPS, choose_workers
from ..plan.shares import Share, divided
from ..work.speed import threads_set
from .config import ExperimentConfig, Restoration, ResultKey
from .folder import ExperimentFolder

_CLASSICAL_ITERATIONS = 20
_SPECTRUM_FLOPS = 2000.0
"""Per pixel, for the scores of one output against one image."""
_DRAWING = 4
"""Cost of drawing a network's weights, in overheads, on a CPU at 16 channels."""
_PROBED = 99
"""Number of candidates that represent all."""
_LARGEST_CPU_PROBE = 128
_STEPS = {
    "rank": "rank candidates",
    "cohort": "train cohorts (at most: they overlap)",
    "restore": "restore with the selected (at most: selections agree)",
    "baseline": "restore with DIP and NAS-DIP",
    "classical": "classical methods",
}


def restoration_costs(config: ExperimentConfig) -> dict[Restoration, dict[str, float]]:
    """Predicted cost of each restoration by step, in operations that take as long on the device.

    A ranking or cohort that serves several restorations counts for the first one.
    """
    setting = config.setting
    counted: set[tuple[object, ...]] = set()
    costs: dict[Restoration, dict[str, float]] = {}
    for key in config.restorations(config.wanted):
        kind, method = get_task(key.task).kind, key.method
        channels, height, width = shape = config.shapes[key.image]
        costs[key] = steps = {}
        if method.name in ("dip", "nas-dip", "classical"):
            # Assume that DIP's hourglass costs the same as NAS-DIP's network.
            flops = _flops(NAS_DIP[kind], BASELINE_IN_CHANNELS, channels, setting.channels)
            classical = method.name == "classical"
            length = _CLASSICAL_ITERATIONS if classical else setting.iterations[kind]
            step = "classical" if classical else "baseline"
            steps[step] = length * _iteration_cost(flops, shape, config.device)
            continue
        if method.ranks and ("rank", key.image, key.task) not in counted:
            counted.add(("rank", key.image, key.task))
            flops = _mean_flops(setting.candidates, channels, setting.search_channels)
            each = (flops + _SPECTRUM_FLOPS) * height * width + _DRAWING * _overhead(config.device)
            steps["rank"] = setting.candidates * setting.inits * each
        cohort = ("cohort", key.image, key.task, method.score, method.selection, key.seed)
        if method.selection and cohort not in counted:
            counted.add(cohort)
            lengths, seen = setting.full_iterations, shape
            if method.selection == "resized":
                scale = min(1.0, SHORTER_SIDE / min(height, width))
                seen = (channels, round(height * scale), round(width * scale))
                lengths = setting.resized_iterations
            flops = _mean_flops(setting.candidates, channels, setting.search_channels)
            each = _iteration_cost(flops, seen, config.device)
            steps["cohort"] = setting.cohort * lengths[kind] * each
        flops = _mean_flops(setting.candidates, channels, setting.channels)
        steps["restore"] = setting.iterations[kind] * _iteration_cost(flops, shape, config.device)
    return costs


def _iteration_cost(flops: float, shape: tuple[int, int, int], device: str) -> float:
    _, height, width = shape
    return 3 * flops * height * width + _overhead(device)


def _overhead(device: str) -> float:
    return OVERHEAD_FLOPS[device.split(":")[0]]


@cache
def _mean_flops(candidates: int, image_channels: int, channels: int) -> float:
    """Mean operations per pixel of a candidate's forward pass."""
    some = candidate_architectures(min(candidates, _PROBED))
    return sum(_flops(arch, image_channels, image_channels, channels) for arch in some) / len(some)


def _flops(arch: Architecture, inputs: int, outputs: int, channels: int) -> float:
    return architecture_cost(arch, inputs, outputs, channels).flops_per_pixel


def results_of_share(config: ExperimentConfig, share: Share | None) -> list[ResultKey]:
    """The results of a share: whole (image, task) pairs, the most expensive dealt first.

    Each job computes its share from the whole experiment alone, so that together they do all of it
    and no fit twice.
    """
    if share is None:
        return config.wanted
    costs: dict[tuple[str, str], float] = defaultdict(float)
    for key, steps in restoration_costs(config).items():
        costs[key.image, key.task] += sum(steps.values())
    shares = divided([(cost, pair) for pair, cost in sorted(costs.items())], share.count)
    mine = {pair for _, pair in shares[share.index - 1]}
    return [key for key in config.wanted if (key.image, key.task) in mine]


def preview(
    config: ExperimentConfig, out: Path, *, workers: int = 0, share: Share | None = None
) -> str:
    """Describe what is left to do, in a share or in total, without changing the build folder.

    Times a few iterations to estimate the hours."""
    check_device(config.device)
    config.check_searches()
    folder = ExperimentFolder(out)
    folder.check(config)
    wanted = results_of_share(config, share)
    images = Counter((task, name) for name, _, task in {(k.set, k.image, k.task) for k in wanted})
    lines = [
        f"{_described(config)}, on {config.device}",
        f"{len(wanted)} results; images: "
        + ", ".join(f"{task} {name} {count}" for (task, name), count in sorted(images.items())),
    ]
    costs = restoration_costs(config)
    left = [key for key in config.restorations(wanted) if not folder.done(key)]
    if not left:
        return "\n".join([*lines, "nothing is left to do"])
    workers = min(
        workers or choose_workers(config.device, config.largest_side),
        len({(k.image, k.task) for k in left}),
    )
    speed = _seconds_per_cost(config, threads=1 if workers > 1 else 0) / workers
    for step, what in _STEPS.items():
        of_step = [costs[key][step] for key in left if step in costs[key]]
        if of_step:
            lines.append(f"  {what}: {len(of_step)}, {duration(speed * sum(of_step))}")
    seconds = speed * sum(sum(costs[key].values()) for key in left)
    processes = f"{workers} processes" if workers > 1 else "1 process"
    lines.append(
        f"time: about {duration(seconds)} to within a factor of two, with {processes} on "
        f"{device_name(torch.device(config.device))} (measured: some iterations)"
    )
    return "\n".join(lines)


def _described(config: ExperimentConfig) -> str:
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


def _seconds_per_cost(config: ExperimentConfig, threads: int) -> float:
    """Measure some iterations of a candidate of median cost on the smallest image.

    A CPU gets at most 128 x 128 of the image, so that a dry run does not take minutes.
    """
    setting = config.setting
    name = min(config.shapes, key=lambda image: math.prod(config.shapes[image]))
    most = min(setting.crop or _LARGEST_CPU_PROBE, _LARGEST_CPU_PROBE)
    truth = ground_truth(config.pictures[name], most if config.device == "cpu" else setting.crop)
    problem = corrupt(truth, Denoise(), "speed")
    channels = len(truth)
    some = candidate_architectures(min(setting.candidates, _PROBED))
    some.sort(key=lambda arch: _flops(arch, channels, channels, setting.channels))
    arch = some[len(some) // 2]

    with threads_set(threads):
        seconds = seconds_per_iteration(
            arch,
            problem,
            channels=setting.channels,
            device=config.device,
            precision=setting.precision,
        )
    flops = _flops(arch, channels, channels, setting.channels)
    return seconds / _iteration_cost(flops, truth.shape, config.device)
