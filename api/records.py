"""What queries return: named tuples, which are cheap to make, immutable, and convert to dicts.

Floats are NaN where there is no value (a run that diverged or failed); nothing is dropped and no
number stands for "missing".
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve", "RunRecord", "as_json"]


class RunRecord(NamedTuple):
    """One run, or the mean over runs that differ in the seed alone.

    Attributes:
        arch_id: row of the architecture in this release.
        architecture: its canonical string.
        image: name.
        task: name.
        fidelity: the training set-up; also when none was asked for.
        seeds: the seeds it is the mean of; also when none was asked for.
        status: "ok" if all runs are; else the worst of theirs, "failed" before "diverged".
        iterations: length of the runs.
        stop: the iteration of ``final_*``.
        final_psnr_db: dB, higher is better; PSNR of the output at the stop.
        final_psnr_smooth_db: the same of the smoothed output.
        last_psnr_db: dB; PSNR of the last output.
        last_psnr_smooth_db: the same of the smoothed output.
        best_psnr_db: dB; highest PSNR of an output. An oracle: it needs the ground truth.
        best_raw_iteration: iterations to it; a whole number of one run, a float as a mean.
        best_psnr_smooth_db: dB; highest PSNR of a smoothed output, an oracle too.
        best_iteration: iterations to it.
        best_at_end: in one of the runs at least, best_iteration is in the last 2 % of the budget.
        psnr_corrupted_db: dB; PSNR of the corrupted image.
        loss: training loss before the last update.
        seconds: wall time of a fit.
        iteration: the one asked for, or None.
        psnr_db: dB at that iteration; None where none was asked for.
        psnr_smooth_db: the same of the smoothed output.
    """

    arch_id: int
    architecture: str
    image: str
    task: str
    fidelity: str
    seeds: tuple[int, ...]
    status: str
    iterations: int
    stop: int
    final_psnr_db: float
    final_psnr_smooth_db: float
    last_psnr_db: float
    last_psnr_smooth_db: float
    best_psnr_db: float
    best_raw_iteration: float
    best_psnr_smooth_db: float
    best_iteration: float
    best_at_end: bool
    psnr_corrupted_db: float
    loss: float
    seconds: float
    iteration: int | None = None
    psnr_db: float | None = None
    psnr_smooth_db: float | None = None


class Curve(NamedTuple):
    """The kept points of a learning curve, or of the mean over seeds.

    Attributes:
        iterations: (P,) int32, ascending; iterations trained, the first point is 1.
        psnr_db: (P,) float64 dB, NaN where a run has no value; read-only.
        psnr_smooth_db: the same of the smoothed outputs.
        arch_id: row of the architecture in this release.
        architecture: its canonical string.
        image: name.
        task: name.
        fidelity: the training set-up.
        seeds: the seeds it is the mean of.
        status: as in `RunRecord`.
    """

    iterations: NDArray[np.int32]
    psnr_db: NDArray[np.float64]
    psnr_smooth_db: NDArray[np.float64]
    arch_id: int
    architecture: str
    image: str
    task: str
    fidelity: str
    seeds: tuple[int, ...]
    status: str


def as_json(record: RunRecord) -> dict[str, Any]:
    """A record's fields as JSON has them: NaN, which JSON lacks, becomes None."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in record._asdict().items()
    }
