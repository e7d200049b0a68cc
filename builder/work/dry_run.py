"""The report of ``--dry-run``: the plan, its operations, its time on this device."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import torch

from nasdip_bench.console.progress import duration
from nasdip_bench.fit.devices import check_device, device_name
from nasdip_bench.observables import CURVES
from nasdip_bench.tasks import get_task

from ..folder.build_folder import BuildFolder
from ..plan.config import BuildConfig
from ..plan.cost import choose_stack, choose_workers, unit_cost
from ..plan.shares import Share, part_of
from ..plan.units import make_plan, unit_flops
from .skip import finished_in_dataset
from .speed import seconds_per_cost

_BYTES_PER_POINT = 4 * len(CURVES) * 0.9
"""Curves in float32, which hardly compress. Measured on r64c16 shards."""
_BYTES_PER_SHARD = 20_000
_BYTES_PER_PIXEL = 2
"""Size of a restoration, at 16 bits."""


def preview(
    config: BuildConfig,
    out: Path,
    *,
    workers: int = 0,
    stack: int = 0,
    plain: bool = False,
    share: Share | None = None,
    skip: Path | None = None,
) -> str:
    """Describe a build without starting it; time a few iterations to estimate the hours.

    For arguments see `build`.
    """
    check_device(config.device)
    folder = BuildFolder(out)
    folder.check(config)
    done = folder.finished()
    if skip is not None:
        done |= finished_in_dataset(skip, config)
    config = part_of(config, share)
    stack, chosen = 1 if plain else stack, choose_stack(config)
    units = list(make_plan(config, done, stack or chosen))
    fidelity = config.fidelity
    asked = len(config.architectures) * len(config.images) * len(config.seeds) * config.train
    which = "" if share is None else f"share {share}: "
    lines = [
        f"fidelity {fidelity.name}: {fidelity.resolution} x {fidelity.resolution}, "
        f"{fidelity.channels} channels, {config.precision}, on {config.device}",
        f"{which}{len(config.architectures)} architectures x {len(config.images)} images of the "
        f"set {config.image_set} x {len(config.seeds)} seeds",
    ]
    left = Counter(run.task for unit in units for run in unit.runs)
    budgets = {task: fidelity.iterations_for(get_task(task).kind) for task in config.tasks}
    for task, budget in budgets.items():
        lines.append(f"  {task}: {left[task]} of {asked} runs to do, {budget} iterations each")
    scores = sum(len(unit.scores) for unit in units)
    named = f" ({', '.join(config.scores)})" if config.scores else ""
    lines.append(f"  scores{named}: {scores} to do, {config.scoring_inits} initialisations each")
    lines.append(f"operations: {sum(map(unit_flops, units)):.3g} FLOP")
    if not units:
        return "\n".join([*lines, "nothing is left to do"])
    workers = min(workers or choose_workers(config.device, fidelity.resolution), len(units))
    together = stack or min(map(chosen, config.architectures))
    speed = seconds_per_cost(
        config,
        stack=min(together, len(config.images)),
        plain=plain,
        threads=1 if workers > 1 else 0,
    )
    times = [speed * unit_cost(unit, config.device) for unit in units]
    seconds = max(sum(times) / workers, max(times))  # the longest unit may decide
    points = sum(left[task] * budget for task, budget in budgets.items())
    size = points * _BYTES_PER_POINT + len(units) * _BYTES_PER_SHARD
    pixels = {i.name: i.channels * fidelity.resolution**2 for i in config.images}
    size += _BYTES_PER_PIXEL * sum(pixels[run.image] for unit in units for run in unit.runs)
    processes = f"{workers} processes" if workers > 1 else "1 process"
    lines.append(
        f"time: about {duration(seconds)} to within a factor of two, with {processes} on "
        f"{device_name(torch.device(config.device))} (measured: some iterations)"
    )
    lines.append(f"disk: about {size / 2**20:.0f} MiB of shards in {out}")
    return "\n".join(lines)
