"""Runs an experiment from start to results, resumable at any time."""

from __future__ import annotations

from collections import Counter, deque
from pathlib import Path

from nasdip_bench.console.interruption import Interruption
from nasdip_bench.console.progress import Progress
from nasdip_bench.errors import BuildError
from nasdip_bench.fit.devices import check_device

from ..engines.local import in_processes, in_this_process
from ..plan.cost import choose_workers, threads_of
from ..plan.shares import Share
from ..work.build import Outcome
from ..work.ledger import Coverage
from ..writing import AND_AGAIN, writing
from .config import ExperimentConfig, Restoration
from .cost import restoration_costs, results_of_share
from .folder import ExperimentFolder
from .restore import RestorerSpec
from .results import write_results


def run_experiments(
    config: ExperimentConfig,
    out: Path,
    *,
    workers: int = 0,
    time_limit: float | None = None,
    share: Share | None = None,
) -> Outcome:
    """Do the requested work that is not yet done, and write the results; a unit is a restoration.

    Args:
        config: what to do.
        out: the build folder; created, or resumed.
        workers: processes, each working on its own image; 0 chooses.
        time_limit: seconds after which to stop; the fit in progress is abandoned.
        share: do only this share; other processes do the others.

    Raises:
        BuildError: the folder does not fit, or cannot be written.
        ConfigError: the device is missing, or the setting does not fit the tasks.
    """
    check_device(config.device)
    config.check_searches()
    interruption = Interruption(time_limit)
    folder = ExperimentFolder(out)
    folder.prepare(config)
    before = folder.kept_bytes()
    wanted = results_of_share(config, share)
    costs = restoration_costs(config)
    left = [key for key in config.restorations(wanted) if not folder.done(key)]
    of_image: dict[tuple[str, str], deque[Restoration]] = {}
    for key in left:
        of_image.setdefault((key.image, key.task), deque()).append(key)
    workers = min(
        workers or choose_workers(config.device, config.largest_side), max(1, len(of_image))
    )
    spec = RestorerSpec(
        folder=out,
        images=tuple(config.pictures.values()),
        setting=config.setting,
        scores=config.scores,
        device=config.device,
        threads=threads_of(workers),
    )
    # Finish one image after another, each in one process, since its methods share fits.
    waiting = deque(keys.popleft() for keys in of_image.values())
    progress = Progress(len(left), sum(sum(costs[key].values()) for key in left))
    engine = in_processes(workers) if workers > 1 else in_this_process
    status: Counter[str] = Counter()
    trouble = ""
    with interruption.handling_signals(), writing(f"to the build folder {str(out)!r}", AND_AGAIN):
        try:
            for key, row in engine(waiting, spec, interruption, lambda _: True):
                status[row["status"]] += 1
                progress.finished(sum(costs[key].values()), str(key))
                if of_image[key.image, key.task]:
                    waiting.appendleft(of_image[key.image, key.task].popleft())
        except BuildError as error:
            trouble = str(error)
        finally:
            progress.close()
        write_results(folder)
    asked, finished, failed = Counter[str](), Counter[str](), Counter[str]()
    for result in wanted:
        what, found = f"{result.task}, {result.set}", folder.row(result.restoration)
        asked[what] += 1
        if found is not None:
            (failed if found["status"] == "failed" else finished)[what] += 1
    return Outcome(
        finished=status.total(),
        left=len(left) - status.total(),
        diverged=status["diverged"],
        failed=status["failed"],
        progressed=folder.kept_bytes() != before,
        signal=interruption.signal,
        trouble=trouble,
        damaged=tuple(dict.fromkeys(folder.damaged)),
        coverage=tuple(Coverage(w, n, finished[w], failed[w]) for w, n in asked.items()),
    )
