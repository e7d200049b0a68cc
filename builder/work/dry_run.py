"""The report of ``--dry-run``: the plan, its operations, its time on this device."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from nasdip_bench.console.progress import duration
from nasdip_bench.fit.devices import check_device
from nasdip_bench.observables import CURVES
from nasdip_bench.tasks import get_task

from ..folder.build_folder import BuildFolder
from ..plan.config import BuildConfig
from ..plan.cost import choose_stack, choose_workers
from ..plan.shares import Share, Shares, plan_share
from ..plan.units import unit_flops
from .skip import finished_in_dataset
from .speed import measure_speed

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
    devices: int = 1,
    price: float = 0.0,
    skip: Path | None = None,
) -> str:
    """Describe a build without starting it; time a few iterations to estimate the hours.

    Args as in `build`, and:
        devices: also state the time on several such devices, up to this many.
        price: per device and hour, in any currency; 0 leaves cost out.
    """
    check_device(config.device)
    folder = BuildFolder(out)
    folder.check(config)
    done = folder.finished(set_aside=False).keys
    if skip is not None:
        done |= finished_in_dataset(skip, config)
    stack, chosen = 1 if plain else stack, choose_stack(config)
    units = plan_share(config, share, done, stack or chosen)
    asked = Counter(run.task for unit in plan_share(config, share) for run in unit.runs)
    fidelity = config.fidelity
    lines = [
        f"fidelity {fidelity.name}: {fidelity.resolution} x {fidelity.resolution}, "
        f"{fidelity.channels} channels, {config.precision}, on {config.device}",
        f"{len(config.architectures)} architectures x {len(config.images)} images of the set "
        f"{config.image_set} x {len(config.seeds)} seeds",
    ]
    if share is not None and skip is not None:
        lines.append(f"share {share} of all work: what --skip leaves may be uneven")
    elif share is not None:
        shares = Shares(config, share.count)
        lines.append(
            f"share {share}: {shares.costs[share.index - 1] / sum(shares.costs):.2%} of the cost; "
            f"the most expensive share exceeds the mean by {shares.spread:.2%}"
        )
        if shares.split and (stack or max(map(chosen, config.architectures))) > 1:
            lines.append(
                f"{shares.split} stacks are split: runs alone take longer, so use fewer shares"
            )
    left = Counter(run.task for unit in units for run in unit.runs)
    for task in config.tasks:
        budget = fidelity.iterations_for(get_task(task).kind)
        lines.append(
            f"  {task}: {left[task]} of {asked[task]} runs to do, {budget} iterations each"
        )
    scores = sum(len(unit.scores) for unit in units)
    which = f" ({', '.join(config.scores)})" if config.scores else ""
    lines.append(f"  scores{which}: {scores} to do, {config.scoring_inits} initialisations each")
    flops = sum(map(unit_flops, units))
    lines.append(f"operations: {flops:.3g} FLOP")
    if not units:
        return "\n".join([*lines, "nothing is left to do"])
    workers = min(workers or choose_workers(config.device, config.fidelity.resolution), len(units))
    together = stack or min(map(chosen, config.architectures))
    speed = measure_speed(
        config,
        stack=min(together, len(config.images)),
        plain=plain,
        threads=1 if workers > 1 else 0,
    )
    times = [speed.seconds(unit) for unit in units]
    points = sum(left[task] * fidelity.iterations_for(get_task(task).kind) for task in config.tasks)
    size = points * _BYTES_PER_POINT + len(units) * _BYTES_PER_SHARD
    pixels = {i.name: i.channels * fidelity.resolution**2 for i in config.images}
    size += _BYTES_PER_PIXEL * sum(pixels[run.image] for unit in units for run in unit.runs)
    processes = f"{workers} processes" if workers > 1 else "1 process"
    lines.append(
        f"time: to within a factor of two, with {processes} on {speed.device} "
        f"(measured: {speed.how})"
    )
    for count in _counts(devices):
        # Another device does not help once the longest unit decides.
        seconds = max(sum(times) / (workers * count), max(times))
        line = f"  {count} {'device' if count == 1 else 'devices'}: about {duration(seconds)}"
        lines.append(line + f", cost {seconds / 3600 * count * price:,.2f}" * (price > 0))
    lines.append(f"disk: about {size / 2**20:.0f} MiB of shards in {out}")
    return "\n".join(lines)


def _counts(most: int) -> list[int]:
    """Powers of two up to a number, and the number itself."""
    return sorted({2**i for i in range(most.bit_length())} | {most})
