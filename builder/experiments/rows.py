"""Results from finished fits: the rows of experiments.parquet, and the restored images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from nasdip_bench.experiments.results import OUTPUTS, ResultsFolder, output_name
from nasdip_bench.isnas.results import png
from nasdip_bench.storage.files import write_atomic
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve, get_task

from .folder import ExperimentFolder
from .planner import Choice, Planner
from .state import State
from .units import FitKey, ResultKey

__all__ = ["result_rows", "write_results"]

_FROM_FIT = (
    *("psnr_db", "best_psnr_db", "best_iteration", "psnr_corrupted_db", "restored_by", "seconds"),
    *("iterations", "precision", "device", "torch", "protocol_version", "output_sha256"),
)


def write_results(folder: ExperimentFolder, planner: Planner) -> None:
    """Write the results of all that was ever asked for in a folder and is there, and the images.

    Raises:
        OSError: they cannot be written.
        BuildError: the output of a finished fit cannot be read any more.
    """
    asked, setting, state = tuple(folder.asked()), planner.setting, planner.state
    rows = list(result_rows(planner, asked, folder.settings()["images"]))
    ResultsFolder(folder.results).write(rows, {setting.name: setting.fields})
    (folder.results / OUTPUTS).mkdir(exist_ok=True)
    for key in dict.fromkeys(_finals(planner, asked)):
        path = folder.results / OUTPUTS / output_name(state.fits[key].row["output_sha256"])
        if not path.exists():
            write_atomic(path, png(state.output(key)))


def _finals(planner: Planner, keys: Iterable[ResultKey]) -> Iterator[FitKey]:
    for key in keys:
        choice = planner.choice(key.pair, key.method, key.seed or 0)
        if choice is None or choice.final is None:
            continue
        found = planner.state.fits.get(choice.final)
        if found is not None and found.ok:
            yield choice.final


def result_rows(
    planner: Planner, keys: Iterable[ResultKey], images: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The rows of what has ended, well, diverged or failed.

    Args:
        planner: of the setting and of what is finished.
        keys: the results to look for.
        images: by name, the columns that are the image's.
    """
    for key in keys:
        row = _row(planner, key)
        if row is not None:
            yield _head(planner, key, images[key.image]) | row


def _head(planner: Planner, key: ResultKey, image: Mapping[str, Any]) -> dict[str, Any]:
    task = get_task(key.task)
    return {
        "set": key.set,
        "image": key.image,
        **image,
        "task": key.task,
        "sigma_255": task.sigma_255 if isinstance(task, Denoise) else None,
        "missing": task.missing if isinstance(task, Inpaint) else None,
        "factor": task.factor if isinstance(task, SuperResolve) else None,
        "method": key.method.name,
        "score": key.method.score or None,
        "selection": key.method.selection or None,
        "setting": planner.setting.name,
        "seed": key.seed,
        "error": None,
    }


def _row(planner: Planner, key: ResultKey) -> dict[str, Any] | None:
    """What became of a result; None while it is to be done."""
    state, seed = planner.state, key.seed or 0
    choice = planner.choice(key.pair, key.method, seed)
    if choice is None:
        cohort = planner.cohort(key.pair, key.method, seed) or []
        failed = [k for k in cohort if k in state.fits and state.fits[k].failed]
        if not failed:
            return None
        # The first failure stands for the result, which waits for it.
        choice = Choice(final=None, cohort=(failed[0],))
    if choice.final is None:
        first = _of_fit(state, choice.cohort[0]) | {"restored_by": None}
        return first | _of_cohort(planner, key, choice)
    if choice.final not in state.fits:
        return None
    return _of_fit(state, choice.final) | _of_cohort(planner, key, choice)


def _of_fit(state: State, key: FitKey) -> dict[str, Any]:
    row = state.fits[key].row
    return {name: row[name] for name in ("status", "error", *_FROM_FIT)}


def _of_cohort(planner: Planner, key: ResultKey, choice: Choice) -> dict[str, Any]:
    state = planner.state
    searched = key.method.ranks or bool(key.method.selection)
    rows = [state.fits[member].row for member in choice.cohort]
    psnr = [row["psnr_db"] for row in rows if row["psnr_db"] is not None]
    seconds = sum(row["seconds"] for row in rows)
    if key.method.ranks:
        seconds += state.ranking_seconds(key.pair)
    return {
        "cohort": len(rows) if rows else None,
        "cohort_diverged": sum(row["status"] == "diverged" for row in rows) if rows else None,
        "cohort_psnr_db": None
        if choice.selected is None
        else state.fits[choice.selected].row["psnr_db"],
        "cohort_mean_psnr_db": float(np.mean(psnr)) if psnr else None,
        "cohort_best_psnr_db": max(psnr) if psnr else None,
        "search_seconds": seconds if searched else None,
    }
