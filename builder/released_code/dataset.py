"""Turns results of the paper's released code into a separate dataset.

They do not follow this project's protocol: another sample, other draws, curves that end early. So
they get their own fidelity (``released``), their own image set and protocol version 0, and never
share a dataset with our runs. Missing values stay missing: a run with only table values has best
values but no curve, a run that ended before the stop has no ``final_*``, and no run has seconds.
Must not import torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import Manifest
from nasdip_bench.dataset.curves import kept_points
from nasdip_bench.errors import BuildError
from nasdip_bench.fidelity import FOREIGN_PROTOCOL, get_fidelity
from nasdip_bench.images import RELEASED_SET
from nasdip_bench.proxies import info
from nasdip_bench.tasks import get_task

from ..release.release import write_release
from ..release.sources.contents import Contents, TaskContents, coded
from ..release.sources.summary import at_end, summarise
from .files import image_folders, models, results_root
from .runs import CHANNELS, SIZE, LeftOut, ReleasedRun, collect

FIDELITY = "released"
"""512 x 512, 128 channels, as long as the released code trained."""

_NOT_RECORDED = "not recorded"
_NOTHING = np.empty(0)
_OTHERS = {"licence": "", "creator": "those who ran the paper's released code"}


def import_released(
    path: Path,
    out: Path,
    *,
    name: str | None = None,
    version: str | None = None,
    replace: bool = False,
) -> tuple[Manifest, tuple[str, ...]]:
    """Make a dataset folder from results in the layout of the paper's released code.

    Returns:
        its manifest; and what was left out, one sentence per reason.

    Args:
        path: the folder that holds ``benchmark``, or that folder.
        out: the dataset folder to create or replace.
        name: see `write_release`; the default for a new folder is "released-results".
        version: see `write_release`.
        replace: replace a dataset in ``out``.

    Raises:
        BuildError: there are no such results, a table is damaged or contradicts another file, or
            see `write_release`.
    """
    root = results_root(path)
    target, source = out.resolve(), root.resolve()
    if target == source or target in source.parents or source in target.parents:
        raise BuildError(
            f"the dataset folder {str(out)!r} and the results in {str(root)!r} are nested; "
            f"name another with --out"
        )
    left_out = LeftOut()
    manifest = write_release(
        lambda: _contents(root, left_out),
        out,
        name=name,
        version=version,
        new_name="released-results",
        publication=_OTHERS,
        replace=replace,
    )
    return manifest, left_out.sentences()


def _contents(root: Path, left_out: LeftOut) -> Contents:
    listed, refused = models(root)
    for line in refused:
        left_out.add("line of models.csv that is not an architecture, or cannot be built", line)
    folders, unknown = image_folders(root)
    for name in unknown:
        left_out.add("folder of a level that is not one of the tasks", name)
    images, collected = collect(root, folders, left_out)
    if not collected and left_out.kinds:
        raise BuildError(
            f"nothing in {str(root)!r} can be used: {'; '.join(left_out.sentences())}; fix that, "
            f"or name another folder"
        )
    if not collected:
        raise BuildError(
            f"{str(root)!r} has no results of any run: no similarity_metrics_noisy_img.csv, "
            f".._true_img.csv or htr.pkl in <task>/<level>/<image>; name the folder that holds "
            f"'benchmark'"
        )
    runs = [run for of_task in collected.values() for run in of_task]
    curves = sum(run.history is not None for run in runs)
    return Contents(
        protocol_version=FOREIGN_PROTOCOL,
        image_set=RELEASED_SET,
        images=images,
        architectures=tuple(dict.fromkeys([*listed, *(run.architecture for run in runs)])),
        parts={(FIDELITY, task): _part(task, of_task) for task, of_task in collected.items()},
        sources=(
            f"results in the layout of the paper's released code: {len(runs)} runs, {curves} of "
            f"them with curves",
        ),
    )


def _part(task: str, runs: Sequence[ReleasedRun]) -> TaskContents:
    known = max(run.trained for run in runs)
    named = max(run.named_iterations for run in runs)
    # Trust names only if there is no curve.
    iterations = max(1, known if any(run.history for run in runs) else max(known, named))
    stop = min(iterations, get_fidelity("r512").stop[get_task(task).kind])
    points = kept_points(iterations, stop)
    scores = [row for run in runs for row in _score_rows(run, task)]
    return TaskContents.of_rows(
        resolution=SIZE,
        channels=CHANNELS,
        iterations=iterations,
        stop=stop,
        # The planned length of a run that ended early is unknown: assume the longest.
        runs=[_run_row(run, task, run.asked or iterations, stop) for run in runs],
        codes={
            name: [coded(name, _curves(run)[name], points) for run in runs]
            for name in ("psnr", "psnr_smooth")
        },
        scores=scores,
        score_values=[[row["value"]] for row in scores],
    )


def _curves(run: ReleasedRun) -> dict[str, NDArray[np.float64]]:
    history = run.history
    curves = (_NOTHING, _NOTHING) if history is None else (history.psnr_db, history.psnr_smooth_db)
    return dict(zip(("psnr", "psnr_smooth"), curves, strict=True))


def _run_row(run: ReleasedRun, task: str, iterations: int, stop: int) -> dict[str, Any]:
    history = run.history
    if history is not None:
        status = "diverged" if history.diverged else "ok"
    else:
        status = "failed" if run.best is None else "ok"
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
        **_summary(run, task, status, iterations, stop),
    }


def _summary(
    run: ReleasedRun, task: str, status: str, iterations: int, stop: int
) -> dict[str, Any]:
    if run.history is not None:
        # Their curves have no observables; the rule that needs none is the fixed stop.
        stopped = None if task == "denoise" else stop
        return summarise(_curves(run), status, stop, iterations, stopped)
    nothing = summarise({}, "failed", stop, iterations, None)
    if run.best is None:
        return nothing
    return nothing | {
        "best_psnr_db": run.best.psnr_db,
        "best_raw_iteration": run.best.iteration,
        "best_psnr_smooth_db": run.best.psnr_smooth_db,
        "best_iteration": run.best.iteration_smooth,
        "best_at_end": at_end(run.best.iteration_smooth, iterations),
    }


def _score_rows(run: ReleasedRun, task: str) -> Iterator[dict[str, Any]]:
    for (proxy, reference), value in run.scores.items():
        yield {
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
