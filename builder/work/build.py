"""The build: from a plan to shards, resumable at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.console.interruption import Interruption
from nasdip_bench.fit.devices import check_device

from ..engines.local import in_processes, in_this_process
from ..engines.worker import Worker
from ..folder.build_folder import BuildFolder
from ..plan.config import BuildConfig
from ..plan.cost import choose_stack, choose_workers, threads_of, unit_cost
from ..plan.shares import Share, part_of
from ..plan.units import Key, RunKey, Unit, make_plan
from .loop import Outcome, carry_out, coverage
from .skip import finished_in_dataset

if TYPE_CHECKING:
    import pyarrow as pa


def build(
    config: BuildConfig,
    out: Path,
    *,
    workers: int = 0,
    stack: int = 0,
    plain: bool = False,
    time_limit: float | None = None,
    share: Share | None = None,
    skip: Path | None = None,
) -> Outcome:
    """Build whatever the configuration asks for and the folder lacks.

    Args:
        config: what to build.
        out: the build folder; created, or resumed.
        workers: processes; 0 chooses.
        stack: the most runs of an architecture to train as one; 0 chooses.
        plain: train networks as defined, one at a time: slower, equal except for rounding.
        time_limit: seconds after which to stop; a unit that is not expected to finish in time is
            not started, and one that does not finish in time is abandoned.
        share: do only this share of the build; other processes do the others.
        skip: a dataset folder; work that is finished there is left out.

    Raises:
        BuildError: the folder or ``skip`` does not fit the configuration, or the folder cannot be
            written. Trouble after the first unit has begun is in the outcome instead.
        ConfigError: the device is missing, or there are more shares than architectures.
        DatasetError: ``skip`` is not a readable dataset.
    """
    check_device(config.device)
    part = part_of(config, share)
    elsewhere = frozenset() if skip is None else finished_in_dataset(skip, config)
    interruption = Interruption(time_limit)
    folder = BuildFolder(out)
    folder.prepare(config)  # the whole: all shares fit one folder
    done = folder.finished() | elsewhere
    folder.set_damaged_aside()
    most = 1 if plain else stack
    units = list(make_plan(part, done, most or choose_stack(config)))
    workers = min(
        workers or choose_workers(config.device, config.fidelity.resolution), max(1, len(units))
    )
    engine = partial(in_processes, workers=workers) if workers > 1 else in_this_process
    make = partial(
        Worker,
        images=config.images,
        device=config.device,
        engine="plain" if plain else "fast",
        precision=config.precision,
        threads=threads_of(workers),
        scores=config.scores,
    )
    costs = {unit: unit_cost(unit, config.device) for unit in units}
    states: dict[Key, str] = dict.fromkeys(done, "ok")
    trained_seconds = trained_cost = 0.0

    def fits(unit: Unit) -> bool:
        # From recorded training seconds: the wall time of a first unit is mostly start-up, and
        # scores cost little.
        if not unit.runs or not trained_cost:
            return True
        return trained_seconds / trained_cost * costs[unit] <= interruption.remaining

    def keep(unit: Unit, table: pa.Table) -> Sequence[str]:
        nonlocal trained_seconds, trained_cost
        folder.write(unit.kind, table)
        if not unit.runs:
            status = "ok" if len(table) else "failed"
            states.update(dict.fromkeys(unit.scores, status))
            return [status]
        statuses: list[str] = table["status"].to_pylist()
        states.update(zip(unit.runs, statuses, strict=True))
        if "failed" not in statuses:
            trained_seconds += sum(table["seconds"].to_pylist())
            trained_cost += costs[unit]
        return statuses

    outcome = carry_out(costs, engine(units, make, interruption, fits), keep, interruption)
    asked = [key for unit in make_plan(part) for key in unit.keys]
    asked.sort(key=lambda key: not isinstance(key, RunKey))
    return replace(
        outcome,
        damaged=tuple(folder.damaged),
        coverage=coverage((_group(key), states.get(key, "left")) for key in asked),
    )


def _group(key: Key) -> str:
    return f"{key.task}, seed {key.seed}" if isinstance(key, RunKey) else "scores"
