"""Runs an experiment from start to results, resumable at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from nasdip_bench.console.interruption import Interruption
from nasdip_bench.experiments.setting import described
from nasdip_bench.fit.devices import check_device

from ..engines.local import in_this_process
from ..plan.shares import Share
from ..work.loop import Coverage, Outcome, carry_out, coverage
from .config import ExperimentConfig, ResultKey, results_of_share
from .folder import ExperimentFolder
from .restore import Restorer


def run_experiments(
    config: ExperimentConfig,
    out: Path,
    *,
    time_limit: float | None = None,
    share: Share | None = None,
) -> Outcome:
    """Do the requested work that is not yet done, and write the results; a unit is a restoration.

    Args:
        config: what to do.
        out: the build folder; created, or resumed.
        time_limit: seconds after which to stop; the fit in progress is abandoned.
        share: do only this share; other processes do the others, in the same folder.

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
    left = [key for key in config.restorations(wanted) if not folder.done(key)]
    make = partial(Restorer, config, folder)
    outcome = carry_out(
        dict.fromkeys(left, 1.0),
        in_this_process(left, make, interruption, lambda _: True),
        lambda _, row: [row["status"]],
        interruption,
    )
    folder.write_results()
    return replace(
        outcome,
        progressed=folder.kept_bytes() != before,
        damaged=tuple(dict.fromkeys(folder.damaged)),
        coverage=_coverage(folder, wanted),
    )


def preview(config: ExperimentConfig, out: Path, *, share: Share | None = None) -> str:
    """Describe what is left to do, in a share or in total, without changing the build folder."""
    check_device(config.device)
    config.check_searches()
    folder = ExperimentFolder(out)
    folder.check(config)
    wanted = results_of_share(config, share)
    left = sum(not folder.done(key) for key in config.restorations(wanted))
    setting = config.setting
    lines = [f"{described(setting.name, setting.fields)}, on {config.device}"]
    lines += [f"  {part}" for part in _coverage(folder, wanted)]
    lines.append(
        f"{left} restorations are left; 'nasdip-restore IMAGE --task TASK --dry-run' times one"
        if left
        else "nothing is left to do"
    )
    return "\n".join(lines)


def _coverage(folder: ExperimentFolder, wanted: Sequence[ResultKey]) -> tuple[Coverage, ...]:
    """How many of the results are there, by task and set."""
    rows = ((result, folder.row(result.restoration)) for result in wanted)
    return coverage(
        (f"{result.task}, {result.set}", "left" if row is None else row["status"])
        for result, row in rows
    )
