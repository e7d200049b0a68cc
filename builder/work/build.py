"""The build: from a plan to shards, resumable at any time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nasdip_bench.console.interruption import Interruption
from nasdip_bench.console.progress import Progress
from nasdip_bench.errors import BuildError
from nasdip_bench.fit.devices import check_device

from ..engines.local import in_processes, in_this_process
from ..engines.worker import WorkerSpec
from ..folder.build_folder import BuildFolder
from ..plan.config import BuildConfig
from ..plan.cost import choose_stack, choose_workers, threads_of, unit_cost
from ..plan.shares import Share, part_of
from ..plan.units import Unit, make_plan
from ..writing import AND_AGAIN, writing
from .ledger import Coverage, Ledger
from .skip import finished_in_dataset


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a build ended.

    Attributes:
        finished: units tried completely now, including those that failed.
        left: units still to do.
        diverged: runs recorded as diverged now.
        failed: runs recorded as failed now, and architectures whose scores failed; the next build
            tries them again.
        progressed: whether anything was recorded now, even only part of a unit of an experiment.
        signal: the signal that stopped it, or None.
        trouble: what ended it early, such as a full disk, and what to do; empty if nothing did.
        damaged: shards that were found damaged and set aside.
        coverage: how much of the requested work is done, by task and seed.
    """

    finished: int
    left: int
    diverged: int
    failed: int
    progressed: bool
    signal: int | None
    trouble: str
    damaged: tuple[str, ...]
    coverage: tuple[Coverage, ...]


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
    engine = in_processes(workers) if workers > 1 else in_this_process
    spec = WorkerSpec(
        images=config.images,
        device=config.device,
        engine="plain" if plain else "fast",
        precision=config.precision,
        threads=threads_of(workers),
        scores=config.scores,
    )
    costs = {unit: unit_cost(unit, config.device) for unit in units}
    progress = Progress(len(units), sum(costs.values()))
    ledger = Ledger([key for unit in make_plan(part) for key in unit.keys], done)
    trained_seconds = trained_cost = 0.0
    trouble = ""

    def fits(unit: Unit) -> bool:
        # From recorded training seconds: the wall time of a first unit is mostly start-up, and
        # scores cost little.
        if not unit.runs or not trained_cost:
            return True
        return trained_seconds / trained_cost * costs[unit] <= interruption.remaining

    progress.begin()
    with interruption.handling_signals():
        try:
            for unit, table in engine(units, spec, interruption, fits):
                with writing(f"to the build folder {str(out)!r}", AND_AGAIN):
                    folder.write(unit.kind, table)
                ledger.record(unit, table)
                if unit.runs and "failed" not in table["status"].to_pylist():
                    trained_seconds += sum(table["seconds"].to_pylist())
                    trained_cost += costs[unit]
                progress.finished(costs[unit], str(unit))
        except BuildError as error:
            trouble = str(error)
        finally:
            progress.close()
    return Outcome(
        finished=ledger.units,
        left=len(units) - ledger.units,
        diverged=ledger.diverged,
        failed=ledger.failed,
        progressed=ledger.units > 0,
        signal=interruption.signal,
        trouble=trouble,
        damaged=tuple(folder.damaged),
        coverage=ledger.coverage(),
    )
