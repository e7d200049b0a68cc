"""What a unit of an experiment will take, and how work is cut for a device."""

from __future__ import annotations

import heapq
from functools import cache
from pathlib import Path

import torch

from nasdip_bench.isnas.resized import SHORTER_SIDE
from nasdip_bench.network.baselines import BASELINE_IN_CHANNELS, NAS_DIP
from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_cost
from nasdip_bench.tasks import get_task

from ..folder.shard_files import ShardFiles
from ..plan.cost import OVERHEAD_FLOPS
from ..plan.shares import Shard
from ..plan.sizing import LARGEST_SHARED_CPU_RESOLUTION, available_cores
from .config import ExperimentConfig
from .planner import Planner
from .state import SHARD_TABLES, State
from .units import FitKey, Pair, RankingUnit, ResultKey, Unit

__all__ = ["choose_workers", "share", "step_cost", "unit_cost"]

_CLASSICAL_ITERATIONS = 20
_SPECTRUM_FLOPS = 2000.0
"""A pixel, of the scores of one output against one image."""
_DRAWING = 4
"""Overheads that drawing a network's weights is worth, on a CPU at 16 channels."""


def unit_cost(unit: Unit, config: ExperimentConfig) -> float:
    """Predicted cost, in floating-point operations of like duration on the device."""
    setting = config.setting
    if isinstance(unit, RankingUnit):
        channels, height, width = config.shapes[unit.pairs[0].image]
        each = sum(
            _flops(name, channels, channels, setting.search_channels) for name in unit.architectures
        )
        passes = len(unit.architectures) * setting.inits
        overhead = OVERHEAD_FLOPS[torch.device(config.device).type]
        judged = passes * _SPECTRUM_FLOPS * len(unit.pairs)
        return (setting.inits * each + judged) * height * width + _DRAWING * overhead * passes
    channels, height, width = _trained_shape(unit.key, config)
    kind = get_task(unit.key.task).kind
    baseline = unit.key.purpose in ("baseline", "classical")
    # DIP's hourglass is taken to cost what NAS-DIP's network does.
    name = str(NAS_DIP[kind]) if baseline else unit.key.network
    wide = setting.search_channels if "cohort" in unit.key.purpose else setting.channels
    inputs = BASELINE_IN_CHANNELS if baseline else channels
    step = step_cost(name, (inputs, channels, height, width), wide, config.device)
    return step * _iterations(unit.key, config)


def step_cost(name: str, shape: tuple[int, int, int, int], channels: int, device: str) -> float:
    """Predicted cost of an iteration.

    Args:
        name: canonical string of the architecture.
        shape: channels of the input and of the output, height, width.
        channels: channels at every level of the network.
        device: where it runs.
    """
    inputs, outputs, height, width = shape
    overhead = OVERHEAD_FLOPS[torch.device(device).type]
    return 3 * _flops(name, inputs, outputs, channels) * height * width + overhead


def _iterations(key: FitKey, config: ExperimentConfig) -> int:
    kind, setting = get_task(key.task).kind, config.setting
    if key.purpose == "classical":
        return _CLASSICAL_ITERATIONS
    if key.purpose == "cohort-full":
        return setting.full_iterations[kind]
    return (setting.resized_iterations if "resized" in key.purpose else setting.iterations)[kind]


def _trained_shape(key: FitKey, config: ExperimentConfig) -> tuple[int, int, int]:
    channels, height, width = config.shapes[key.image]
    if key.purpose == "cohort-resized":
        scale = min(1.0, SHORTER_SIDE / min(height, width))
        height, width = round(height * scale), round(width * scale)
    return channels, height, width


@cache
def _flops(name: str, inputs: int, outputs: int, channels: int) -> float:
    """Operations of a forward pass, a pixel."""
    return architecture_cost(Architecture.parse(name), inputs, outputs, channels).flops_per_pixel


def choose_workers(config: ExperimentConfig) -> int:
    """Processes for a device, as for a dataset: on a CPU a core each where images are small."""
    sides = [max(height, width) for _, height, width in config.shapes.values()]
    small = max(sides) <= LARGEST_SHARED_CPU_RESOLUTION
    return available_cores() if config.device == "cpu" and small else 1


def share(config: ExperimentConfig, shard: Shard | None) -> list[ResultKey]:
    """The results of a share: whole images with their task, the dearest first to the lightest.

    Every job works its share out from the whole experiment and nothing else, so that together they
    do all of it, and no fit twice.
    """
    if shard is None:
        return config.wanted
    of_pair: dict[Pair, list[ResultKey]] = {}
    for key in config.wanted:
        of_pair.setdefault(key.pair, []).append(key)
    costs = dict.fromkeys(of_pair, 0.0)
    nothing = State(ShardFiles(Path(), SHARD_TABLES))
    for unit in Planner(config, nothing).expected():
        for pair in unit.pairs:
            costs[pair] += unit_cost(unit, config) / len(unit.pairs)
    lightest = [(0.0, index) for index in range(1, shard.count + 1)]
    mine: list[ResultKey] = []
    for pair, cost in sorted(costs.items(), key=lambda item: (-item[1], item[0])):
        so_far, index = lightest[0]
        heapq.heapreplace(lightest, (so_far + cost, index))
        if index == shard.index:
            mine += of_pair[pair]
    return mine
