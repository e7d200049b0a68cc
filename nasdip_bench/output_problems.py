"""The outputs of a dataset against its table of runs. Must not import torch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.errors import NasdipError
from nasdip_bench.manifest import TaskRecord, output_path
from nasdip_bench.outputs import ABSENT, IMAGE_CHANNELS
from nasdip_bench.problem_rows import Problems, Table, bad_rows, rows_of, task_records

__all__ = ["output_problems"]

_ROUNDING = 1 / 255 + 1e-4
"""Half a grey level of either of two outputs, and room for float32."""


def output_problems(folder: DatasetFolder, images: Table, runs: Table) -> Problems:
    """Files that are not those of the schema, and outputs that contradict the table of runs."""
    channels = dict(zip(images["name"].tolist(), images["channels"].tolist(), strict=True))
    for fidelity, task, record in task_records(folder.manifest):
        path = output_path(fidelity, task)
        mine = rows_of(runs, fidelity, task)
        rows = runs["curve_row"][mine]
        if path not in folder.manifest.files:
            continue
        numbered = np.array_equal(np.sort(rows), np.arange(len(mine)))
        if not (numbered and all(channels.get(i) in IMAGE_CHANNELS for i in runs["image"][mine])):
            continue  # which is one of the problems of the tables
        try:
            with folder.outputs(fidelity, task) as file:
                yield from _contradictions(file, path, task, record, channels, runs, mine)
        except NasdipError as error:
            yield str(error)
        except (OSError, ValueError) as error:
            yield f"{path} cannot be parsed: {error}"


def _contradictions(
    file: Any,
    path: str,
    task: str,
    record: TaskRecord,
    channels: dict[str, int],
    runs: Table,
    mine: NDArray[np.intp],
) -> Problems:
    """What the outputs of a task, whose runs are the rows ``mine`` of the table, cannot be.

    Two outputs on an image with errors a and b to the ground truth (root mean squares, from their
    PSNR) are at least |a - b| and at most a + b apart.
    """
    rows, count = runs["curve_row"][mine], len(runs["seed"])
    iterations = file["iteration"][:][rows]
    of_runs_not_ok = np.zeros(count, bool)
    of_runs_not_ok[mine] = (iterations != ABSENT) & (runs["status"][mine].astype(str) != "ok")
    yield from bad_rows("runs", of_runs_not_ok, f"are not ok and have an output in {path}")

    most = max((channels[image] for image in runs["image"][mine]), default=1)
    if most > file["output"].shape[1]:
        yield f"{path} has images of {file['output'].shape[1]} channels, some have {most}"
        return
    with np.errstate(over="ignore"):
        errors = 10 ** (-runs["final_psnr_smooth_db"][mine] / 20)
    outputs = file["output"]
    outside, contradicting = np.zeros(count, bool), np.zeros(count, bool)
    for image in dict.fromkeys(runs["image"][mine].tolist()):
        kept = np.flatnonzero((runs["image"][mine] == image) & (iterations != ABSENT))
        # Of super-resolution of colour PSNR is that of the luma.
        whole = channels[image] == 1 or not task.startswith("super_resolve")
        judged = (iterations[kept] == record.stop) & np.isfinite(errors[kept]) & whole
        best, reference = math.nan, None
        if judged.any():
            nearest = kept[judged][np.argmin(errors[kept[judged]])]
            best, reference = errors[nearest], outputs[rows[nearest]][: channels[image]] / 255
        for place, is_judged in zip(kept.tolist(), judged.tolist(), strict=True):
            pixels = outputs[rows[place]]
            outside[mine[place]] = bool(pixels[channels[image] :].any())
            if is_judged and reference is not None:
                apart = pixels[: channels[image]] / 255 - reference
                distance, error = math.sqrt(float(np.mean(apart**2))), errors[place]
                inside = error - best - _ROUNDING <= distance <= error + best + _ROUNDING
                contradicting[mine[place]] = not inside
    yield from bad_rows("runs", outside, f"have an output with too many channels in {path}")
    yield from bad_rows(
        "runs",
        contradicting,
        f"have a final_psnr_smooth_db that is not of the output in {path}",
    )
