"""An experiment from nothing to its results, resumable at any moment."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nasdip_bench.console.interruption import Interruption
from nasdip_bench.console.progress import Progress
from nasdip_bench.errors import BuildError
from nasdip_bench.storage.files import file_lock

from ..engines.local import in_processes, in_this_process
from ..plan.cost import check_device
from ..plan.shares import Shard
from ..plan.sizing import available_cores
from .config import ExperimentConfig
from .cost import choose_workers, share, unit_cost
from .folder import ExperimentFolder
from .planner import Planner
from .rows import write_results
from .state import State
from .units import FitUnit, ResultKey, Unit
from .worker import ExperimentSpec

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Outcome", "run_experiments"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an experiment ended.

    Attributes:
        finished: units finished now.
        left: units still to do, at most: what is not known yet counts as if nothing were shared.
        failed: units that failed now; another command tries them again.
        signal: the signal that stopped it, or None.
        damaged: shards that were found damaged and set aside.
        coverage: by set and task, results that are there and that are asked for.
    """

    finished: int
    left: int
    failed: int
    signal: int | None
    damaged: tuple[str, ...]
    coverage: dict[str, tuple[int, int]]


def run_experiments(
    config: ExperimentConfig,
    out: Path,
    *,
    workers: int = 0,
    time_limit: float | None = None,
    shard: Shard | None = None,
) -> Outcome:
    """Do what is asked for and not yet there, and write the results.

    Args:
        config: what is asked for.
        out: the build folder; created, or resumed.
        workers: processes; 0 chooses.
        time_limit: seconds after which to stop; a unit that is predicted not to end in time is not
            begun, and one that does not end in time is abandoned.
        shard: do this share only; the others are other processes'.

    Raises:
        BuildError: the folder does not fit, or cannot be written.
        ConfigError: a device that is not there, or a setting that does not fit the tasks.
    """
    check_device(config.device)
    config.check_searches()
    interruption = Interruption(time_limit)
    folder = ExperimentFolder(out)
    folder.prepare(config)
    state = folder.state()
    planner = Planner(config, state, share(config, shard))
    workers = workers or choose_workers(config)
    spec = ExperimentSpec(
        images=tuple(config.pictures.values()),
        setting=config.setting,
        device=config.device,
        # Who sets the variable, as schedulers and test suites do, has decided.
        threads=0 if "OMP_NUM_THREADS" in os.environ else max(1, available_cores() // workers),
    )
    run = _Run(planner, state, folder)
    with interruption.handling_signals():
        engine = in_processes(workers) if workers > 1 and run.waiting else in_this_process
        try:
            for unit, table in engine(run.waiting, spec, interruption, run.fits_in(interruption)):
                run.record(unit, table)
        finally:
            run.progress.close()
    with _writing(folder), file_lock(folder.path / ".results.lock"):
        # Others may have finished more meanwhile, and have written it.
        planner = Planner(config, folder.state(), planner.wanted)
        write_results(folder, planner)
    return Outcome(
        finished=run.finished,
        left=run.left,
        failed=run.failed,
        signal=interruption.signal,
        damaged=tuple(dict.fromkeys(folder.files.damaged)),
        coverage=_coverage(planner),
    )


class _Run:
    """The units in order, and what comes of them.

    Attributes:
        waiting: units that can begin; what is to do for the image of a finished unit goes to the
            front, so that one image is finished after the other.
        finished: units finished well.
        failed: units that failed.
        progress: shown to the user.
    """

    def __init__(self, planner: Planner, state: State, folder: ExperimentFolder) -> None:
        self._planner, self._state, self._folder = planner, state, folder
        self._config = planner.config
        self.waiting: deque[Unit] = deque(planner.begin())
        self._begun: set[Unit] = set(self.waiting)
        self._failed: set[Unit] = set()
        self.finished = self.failed = 0
        self._seconds = self._cost = 0.0
        self.progress = Progress(0, 0.0)
        self._expect()

    @property
    def left(self) -> int:
        """Units still to do, without those that failed."""
        return sum(unit not in self._failed for unit in self._planner.expected())

    def _expect(self) -> None:
        left = list(self._planner.expected())
        self.progress.expect(len(left), sum(unit_cost(unit, self._config) for unit in left))

    def fits_in(self, interruption: Interruption) -> Callable[[Unit], bool]:
        """Whether a unit is predicted to end in time, by the seconds that fits took so far."""

        def fits(unit: Unit) -> bool:
            if not isinstance(unit, FitUnit) or not self._cost:
                return True
            predicted = self._seconds / self._cost * unit_cost(unit, self._config)
            return predicted <= interruption.remaining

        return fits

    def record(self, unit: Unit, table: pa.Table) -> None:
        """Write what came of a unit, and add what can begin now."""
        cost = unit_cost(unit, self._config)
        failed = not len(table) or (unit.kind == "fits" and table["status"][0].as_py() == "failed")
        if len(table):
            self._state.add(unit.kind, table, self._write(unit, table))
        if failed:
            self.failed += 1
            self._failed.add(unit)
        else:
            self.finished += 1
            if isinstance(unit, FitUnit) and unit.key.purpose != "classical":
                self._seconds += table["seconds"][0].as_py()
                self._cost += cost
        self._next(unit)
        self.progress.finished(cost, str(unit))
        self._expect()

    def _next(self, unit: Unit) -> None:
        """Bring to the front what can be done for the unit's images, and is not in hand."""
        waiting = set(self.waiting)
        available = [other for pair in unit.pairs for other in self._planner.fits(pair)]
        soon = [other for other in available if other in waiting or other not in self._begun]
        self._begun.update(soon)
        first = set(soon)
        later = [other for other in self.waiting if other not in first]
        self.waiting.clear()
        self.waiting.extend([*soon, *later])

    def _write(self, unit: Unit, table: pa.Table) -> Path:
        with _writing(self._folder):
            return self._folder.files.write(unit.kind, table)


@contextmanager
def _writing(folder: ExperimentFolder) -> Iterator[None]:
    """One clear error where the folder cannot be written to."""
    try:
        yield
    except OSError as error:
        raise BuildError(
            f"cannot write to the build folder {str(folder.path)!r}: {error.strerror or error}; "
            f"what is finished before is kept: make room and give the same command again"
        ) from error


def _coverage(planner: Planner) -> dict[str, tuple[int, int]]:
    def there(key: ResultKey) -> bool:
        choice = planner.choice(key.pair, key.method, key.seed or 0)
        return choice is not None and (choice.final is None or planner.state.done(choice.final))

    asked = Counter(f"{key.task}, {key.set}" for key in planner.wanted)
    done = Counter(f"{key.task}, {key.set}" for key in planner.wanted if there(key))
    return {what: (done[what], asked[what]) for what in asked}
