"""Results of runs, one or several that differ only in the seed, and scores of an architecture.

Named tuples are cheap to make, immutable, and convert to dicts. Floats are NaN where there is no
value (a run that diverged or failed); nothing is dropped and no number means "missing".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nasdip_bench.proxies import named_score

from .showing import displayed, html_table, shown


@displayed
class RunRecord(NamedTuple):
    """One run, or the mean over runs that differ only in the seed.

    Attributes:
        arch_id: row of the architecture in this release.
        architecture: its canonical string.
        image: name.
        task: name.
        fidelity: the training set-up; also set when none was requested.
        seeds: the seeds it is the mean of; also set when none was requested.
        status: "ok" if all runs are, else the worst: "failed", then "diverged".
        iterations: length of the runs.
        stop: the iteration of ``final_*``.
        final_psnr_db: dB, higher is better; PSNR of the output at the stop.
        final_psnr_smooth_db: the same for the smoothed output.
        last_psnr_db: dB; PSNR of the last output.
        last_psnr_smooth_db: the same for the smoothed output.
        best_psnr_db: dB; highest PSNR of an output. An oracle: it needs the ground truth.
        best_raw_iteration: iterations to it; a whole number for one run, a float for a mean.
        best_psnr_smooth_db: dB; highest PSNR of a smoothed output, also an oracle.
        best_iteration: iterations to it.
        stopped_psnr_smooth_db: dB; PSNR of the smoothed output at a stop chosen without the ground
            truth. In denoising the discrepancy with the estimated noise chooses it
            (`nasdip_bench.stopping.Discrepancy`); in other tasks it is the fidelity's stop.
        stopped_iteration: iterations to it.
        final_ssim_smooth: SSIM of the smoothed output at the stop, higher is better; NaN where not
            recorded, as in imported runs.
        last_ssim_smooth: the same for the last smoothed output.
        best_ssim_smooth: highest SSIM of a smoothed output, an oracle.
        stopped_ssim_smooth: SSIM of the smoothed output at stopped_iteration.
        best_at_end: whether best_iteration of any run is in the last 2 % of the budget.
        psnr_corrupted_db: dB; PSNR of the corrupted image.
        loss: training loss before the last update.
        seconds: wall time of a fit.
        processor_seconds: the same in processor time, which excludes waiting.
        iteration: the requested one, or None.
        psnr_db: dB at that iteration; None if none was requested.
        psnr_smooth_db: the same for the smoothed output.
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
    stopped_psnr_smooth_db: float
    stopped_iteration: float
    final_ssim_smooth: float
    last_ssim_smooth: float
    best_ssim_smooth: float
    stopped_ssim_smooth: float
    best_at_end: bool
    psnr_corrupted_db: float
    loss: float
    seconds: float
    processor_seconds: float
    iteration: int | None = None
    psnr_db: float | None = None
    psnr_smooth_db: float | None = None


_FIRST_NUMBER = RunRecord._fields.index("final_psnr_db")
_AFTER_NUMBERS = RunRecord._fields.index("processor_seconds") + 1
NUMBERS = RunRecord._fields[_FIRST_NUMBER:_AFTER_NUMBERS]
"""The numeric fields of a run, each a column of runs.parquet."""


@displayed
class Replicates(NamedTuple):
    """Runs that differ only in the seed.

    Attributes:
        runs: one record per seed, by seed.
        mean: mean of each numeric field of `RunRecord`, NaN if one of the runs has no value.
        std: standard deviation of each (n - 1), NaN for a single run.
    """

    runs: tuple[RunRecord, ...]
    mean: dict[str, float]
    std: dict[str, float]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the runs."""
        return tuple(seed for run in self.runs for seed in run.seeds)

    @classmethod
    def of(cls, runs: Sequence[RunRecord]) -> Replicates:
        """Mean and spread of some runs.

        Args:
            runs: at least one, all of the same architecture, image, task and fidelity.
        """
        values = np.array([run[_FIRST_NUMBER:_AFTER_NUMBERS] for run in runs], np.float64)
        spread = values.std(axis=0, ddof=1) if len(runs) > 1 else np.full(len(NUMBERS), math.nan)
        return cls(
            tuple(runs),
            dict(zip(NUMBERS, values.mean(axis=0).tolist(), strict=True)),
            dict(zip(NUMBERS, spread.tolist(), strict=True)),
        )

    def _repr_html_(self) -> str:
        first = self.runs[0]
        rows = [
            [
                name,
                *(shown(x) for x in (self.mean[name], self.std[name])),
                *(shown(getattr(run, name)) for run in self.runs),
            ]
            for name in self.mean
        ]
        return html_table(
            [["", "mean", "std", *(f"seed {seed}" for seed in self.seeds)]],
            rows,
            caption=f"{first.architecture}, {first.image}, {first.task}, {first.fidelity}",
        )


class ScoreValues(dict[str, float]):
    """From "proxy/reference" to a value; a name alone works too.

    A name alone means the score's only reference, else the corrupted image
    (`nasdip_bench.proxies.named_score`).

    Raises:
        UnknownNameError: on lookup, no such score.

    Example:
        >>> found = ScoreValues({"synflow/none": 2.0, "snip/none": 1.0})
        >>> found["snip"], "snip" in found
        (1.0, False)
    """

    def __missing__(self, name: str) -> float:
        there = [tuple(key.split("/", 1)) for key in self]
        return self["/".join(named_score(name, there))]  # type: ignore[arg-type]

    def _repr_html_(self) -> str:
        return html_table([["score", "value"]], [[name, shown(self[name])] for name in self])


def as_json(record: Any) -> dict[str, Any]:
    """The fields of a named tuple for JSON; NaN, which JSON lacks, becomes None."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in record._asdict().items()
    }
