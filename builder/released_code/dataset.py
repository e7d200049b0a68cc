"""Turns results of the paper's released code into a separate dataset.

They do not follow this project's protocol: another sample, other draws, curves that end early. So
they get their own fidelity (``released``), their own image set and protocol version 0, and never
share a dataset with our runs. Missing values stay missing: a run with only table values has best
values but no curve, a run that ended before the stop has no ``final_*``, and no run has seconds.
Must not import torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import Manifest
from nasdip_bench.dataset.curves import kept_points
from nasdip_bench.dataset.stop_parts import StopPart
from nasdip_bench.errors import BuildError
from nasdip_bench.fidelity import FOREIGN_PROTOCOL, get_fidelity
from nasdip_bench.images import RELEASED_SET
from nasdip_bench.proxies import info
from nasdip_bench.tasks import get_task

from ..release.release import write_release
from ..release.sources.contents import (
    CORRUPTION_COLUMNS,
    RUN_COLUMNS,
    SCORE_COLUMNS,
    Contents,
    TaskContents,
    coded,
    padded,
    table_of,
)
from ..release.sources.summary import at_end, summarise
from .files import SIZE, ReleasedRun, Results, read_results

FIDELITY = "released"
"""512 x 512, 128 channels, as long as the released code trained."""

_CHANNELS = 128
_NOT_RECORDED = "not recorded"
_OTHERS = {"licence": "", "creator": "those who ran the paper's released code"}

_DB_SQUARED = math.log(10) ** 2
"""The released code's "dB" is 10 ln: its mean squared differences are ours times this."""
_SCORES = {
    "psd db mse": ("psd_db_mse", 1 / _DB_SQUARED),
    "psd db strip mse": ("psd_db_strip_mse", 1 / _DB_SQUARED),
    "psd strip hist emd": ("psd_strip_hist_emd", 1.0),
}
"""Our score and the factor to its unit, by column of the table of similarity."""


def import_released(
    path: Path,
    out: Path,
    *,
    name: str = "released-results",
    version: str | None = None,
    replace: bool = False,
) -> tuple[Manifest, list[str]]:
    """Make a dataset folder from results in the layout of the paper's released code.

    Returns:
        its manifest; and what was left out, a sentence each.

    Args:
        path: the folder that holds ``benchmark``.
        out: the dataset folder to create or replace.
        name: of the release.
        version: see `write_release`.
        replace: replace a dataset in ``out``.

    Raises:
        BuildError: there are no such results, a table is damaged or contradicts another file, or
            see `write_release`.
    """
    target, source = out.resolve(), (path / "benchmark").resolve()
    if target == source or target in source.parents or source in target.parents:
        raise BuildError(
            f"the dataset folder {str(out)!r} and the results in {str(path)!r} are nested; name "
            f"another with --out"
        )
    results = read_results(path)
    manifest = write_release(
        lambda: _contents(results),
        out,
        name=name,
        version=version,
        publication=_OTHERS,
        replace=replace,
    )
    return manifest, results.left_out


def _contents(results: Results) -> Contents:
    runs = [run for of_task in results.runs.values() for run in of_task]
    curves = sum(run.history is not None for run in runs)
    architectures = [*results.architectures, *(run.architecture for run in runs)]
    return Contents(
        protocol_version=FOREIGN_PROTOCOL,
        image_set=RELEASED_SET,
        images=results.images,
        architectures=tuple(dict.fromkeys(architectures)),
        parts={(FIDELITY, task): _part(task, of_task) for task, of_task in results.runs.items()},
        sources=(
            f"results in the layout of the paper's released code: {len(runs)} runs, {curves} of "
            f"them with curves",
        ),
    )


def _part(task: str, runs: Sequence[ReleasedRun]) -> TaskContents:
    # The planned length of a run that ended early is unknown: assume the longest.
    iterations = max(1, *map(_trained, runs))
    stop = min(iterations, get_fidelity("r512").stop[get_task(task).kind])
    points = kept_points(iterations, stop)
    scores = [row for run in runs for row in _score_rows(run, task)]
    return TaskContents(
        resolution=SIZE,
        channels=_CHANNELS,
        iterations=iterations,
        stop=stop,
        runs=table_of((_run_row(run, task, iterations, stop) for run in runs), RUN_COLUMNS),
        codes={
            name: np.stack([coded(name, _curves(run)[name], points) for run in runs])
            for name in ("psnr", "psnr_smooth")
        },
        scores=table_of(scores, SCORE_COLUMNS),
        score_values=padded([[row["value"]] for row in scores]),
        corruptions=table_of((), CORRUPTION_COLUMNS),
        restorations=(None,) * len(runs),
        stops=StopPart.empty(len(runs)),
    )


def _trained(run: ReleasedRun) -> int:
    """The number of iterations it was trained, as far as known."""
    if run.history is not None:
        return run.history.iterations
    best = _best(run)
    return 0 if best is None else max(best["best_raw_iteration"], best["best_iteration"])


def _curves(run: ReleasedRun) -> dict[str, NDArray[np.float64]]:
    if run.history is None:
        return dict.fromkeys(("psnr", "psnr_smooth"), np.empty(0))
    return {"psnr": run.history.psnr, "psnr_smooth": run.history.psnr_smooth}


def _best(run: ReleasedRun) -> dict[str, Any] | None:
    """The best values of the table, which counts iterations from 0."""
    if not run.has_best:
        return None
    return {
        "best_psnr_db": run.row["best psnr"],
        "best_raw_iteration": int(run.row["best iteration"]) + 1,
        "best_psnr_smooth_db": run.row["best psnr smooth"],
        "best_iteration": int(run.row["best iteration smooth"]) + 1,
    }


def _run_row(run: ReleasedRun, task: str, iterations: int, stop: int) -> dict[str, Any]:
    history, best = run.history, _best(run)
    if history is not None:
        iterations = iterations if history.cut else history.iterations
        status = "diverged" if history.diverged else "ok"
        # Their curves have no observables; the rule that needs none is the fixed stop.
        stopped = None if task == "denoise" else stop
        summary = summarise(_curves(run), status, stop, iterations, stopped)
    else:
        status = "ok" if best else "failed"
        summary = summarise({}, "failed", stop, iterations, None)
        if best:
            summary |= best | {"best_at_end": at_end(best["best_iteration"], iterations)}
    return {
        "architecture": str(run.architecture),
        "image": run.image,
        "task": task,
        "fidelity": FIDELITY,
        "seed": 0,
        "status": status,
        "iterations": iterations,
        "diverged_at": len(history.loss) if history and history.diverged else None,
        "error": run.error or None,
        "loss": float(history.loss[-1]) if history and len(history.loss) else None,
        "psnr_corrupted_db": run.psnr_corrupted_db,
        "seconds": None,
        "processor_seconds": None,
        "engine": "released",
        "stack": 1,
        "threads": None,
        "precision": "fp32",
        "device": _NOT_RECORDED,
        "torch": _NOT_RECORDED,
        "protocol_version": FOREIGN_PROTOCOL,
        **summary,
    }


def _score_rows(run: ReleasedRun, task: str) -> list[dict[str, Any]]:
    found = {
        (ours, "corrupted"): run.row[column] * factor
        for column, (ours, factor) in _SCORES.items()
        if column in run.row
    }
    if run.bandwidth is not None:
        found["psd_99_bandwidth", "none"] = run.bandwidth
    return [
        {
            "architecture": str(run.architecture),
            "image": run.image,
            "task": task,
            "fidelity": FIDELITY,
            "proxy": proxy,
            "reference": reference,
            "value": value,
            "seed": 0 if info(proxy).sees_corruption(reference) else None,
            "inits": 1,
            "seconds": None,
            "protocol_version": FOREIGN_PROTOCOL,
        }
        for (proxy, reference), value in found.items()
    ]
