"""What queries return: named tuples, which are cheap to make, immutable, and convert to dicts.

Floats are NaN where there is no value (a run that diverged or failed); nothing is dropped and no
number stands for "missing".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import MissingDependencyError

from .showing import fields, html_table, record_html, record_repr, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Curve", "CurveArrays", "Observables", "Replicates", "RunRecord", "as_json"]


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
        stopped_psnr_smooth_db: dB; PSNR of the smoothed output where somebody without the ground
            truth stops: denoising, where the discrepancy with the estimated noise says
            (`nasdip_bench.stopping.Discrepancy`); of the other tasks at the stop.
        stopped_iteration: iterations to it.
        final_ssim_smooth: SSIM of the smoothed output at the stop, higher is better; NaN where it
            was not recorded, as of imported runs.
        last_ssim_smooth: the same of the last smoothed output.
        best_ssim_smooth: highest SSIM of a smoothed output, an oracle.
        stopped_ssim_smooth: SSIM of the smoothed output at stopped_iteration.
        best_at_end: in one of the runs at least, best_iteration is in the last 2 % of the budget.
        psnr_corrupted_db: dB; PSNR of the corrupted image.
        loss: training loss before the last update.
        seconds: wall time of a fit.
        processor_seconds: the same in time of the processor, which neither waits nor rests.
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

    def __repr__(self) -> str:
        return record_repr(self)

    def _repr_html_(self) -> str:
        return record_html(self)


class Curve(NamedTuple):
    """The kept points of a learning curve, or of the mean over seeds.

    Attributes:
        iterations: (P,) int32, ascending; iterations trained, the first point is 1.
        psnr_db: (P,) float64 dB, NaN where a run has no value; read-only.
        psnr_smooth_db: the same of the smoothed outputs.
        ssim_smooth: (P,) float64, SSIM of the smoothed outputs, an oracle as PSNR is; NaN where
            the release has none.
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
    ssim_smooth: NDArray[np.float64]
    arch_id: int
    architecture: str
    image: str
    task: str
    fidelity: str
    seeds: tuple[int, ...]
    status: str

    def best_so_far(self, *, smooth: bool = True) -> NDArray[np.float64]:
        """(P,) float64 dB: the highest PSNR at the kept points up to each of them.

        An oracle: it needs the ground truth. Points that were not kept are not in it, so that it
        can end below ``best_*_db`` of the run, which is taken from the full curve.

        Args:
            smooth: of the smoothed outputs, else of the outputs.
        """
        best: NDArray[np.float64] = np.fmax.accumulate(
            self.psnr_smooth_db if smooth else self.psnr_db
        )
        return best

    def to_frame(self) -> pd.DataFrame:
        """The kept points as a frame: a row a point, indexed by iteration; the rest in ``attrs``.

        Example:
            >>> NASDIPBench("data/").curve(0, "lena", "denoise").to_frame().columns.to_list()
            ['psnr_db', 'psnr_smooth_db', 'ssim_smooth']
        """
        import pandas as pd

        columns = {name: getattr(self, name) for name in self._fields[1:_CURVES]}
        frame = pd.DataFrame(columns, index=pd.Index(self.iterations, name="iteration"))
        frame.attrs = dict(zip(self._fields[_CURVES:], self[_CURVES:], strict=True))
        return frame

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw PSNR of the outputs and of the smoothed outputs.

        Args:
            axes: of matplotlib, to draw into; None for those of a new figure of pyplot.

        Returns:
            the axes.

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """
        if axes is None:
            try:
                from matplotlib import pyplot
            except ImportError as error:
                raise MissingDependencyError(
                    "drawing needs matplotlib, which is not installed: "
                    "pip install 'nasdip-bench[figures]'"
                ) from error
            axes = pyplot.subplots()[1]
        (line,) = axes.plot(self.iterations, self.psnr_db, alpha=0.4, label="output")
        axes.plot(self.iterations, self.psnr_smooth_db, color=line.get_color(), label="smoothed")
        axes.set(
            xlabel="iteration",
            ylabel="PSNR, dB",
            title=f"{self.task}, {self.image}, {self.fidelity}\n{self.architecture}",
        )
        axes.legend()
        return axes

    def __repr__(self) -> str:
        return record_repr(self)

    def _repr_html_(self) -> str:
        about = "".join(f"<br>{name}: {escape(shown(value))}" for name, value in fields(self)[4:])
        return f"<p>Curve{about}</p>{self.to_frame()._repr_html_()}"


class Observables(NamedTuple):
    """What a run recorded without the ground truth: all that a stopping rule may see.

    Attributes:
        iterations: (P,) int32, ascending; iterations trained, the first point is 1.
        values_db: by name of `nasdip_bench.observables.OBSERVABLES`, which says what each is the
            -10·log10 of, (P,) float64; NaN where it is not defined or not recorded; read-only.
        arch_id: row of the architecture in this release.
        architecture: its canonical string.
        image: name.
        task: name.
        fidelity: the training set-up.
        seed: of the run; also when none was asked for.
        status: as in `RunRecord`.
    """

    iterations: NDArray[np.int32]
    values_db: Mapping[str, NDArray[np.float64]]
    arch_id: int
    architecture: str
    image: str
    task: str
    fidelity: str
    seed: int
    status: str

    def __repr__(self) -> str:
        return record_repr(self)

    def _repr_html_(self) -> str:
        return record_html(self)


class CurveArrays(NamedTuple):
    """The kept points of all learning curves of a task at a fidelity.

    Attributes:
        iterations: (P,) int32, ascending; iterations trained, the first point is 1.
        psnr_db: (architecture, image, seed, P) float32 dB, NaN where there is no run or no value.
        psnr_smooth_db: the same of the smoothed outputs.
        ssim_smooth: SSIM of the smoothed outputs; NaN where the release has none.
        task: name.
        fidelity: the training set-up.
        images: names along the second axis.
        seeds: along the third axis.
    """

    iterations: NDArray[np.int32]
    psnr_db: NDArray[np.float32]
    psnr_smooth_db: NDArray[np.float32]
    ssim_smooth: NDArray[np.float32]
    task: str
    fidelity: str
    images: tuple[str, ...]
    seeds: tuple[int, ...]

    def __repr__(self) -> str:
        return record_repr(self)

    def _repr_html_(self) -> str:
        return record_html(self)


class Replicates(NamedTuple):
    """Runs that differ in the seed alone.

    Attributes:
        runs: one record a seed, by seed.
        mean: of each numeric field of `RunRecord`, NaN where one of the runs has no value.
        std: their standard deviation (n - 1), NaN where there is one run.
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
            runs: of one architecture, image, task and fidelity, at least one.
        """
        names = RunRecord._fields[_FIRST_NUMBER:_AFTER_NUMBERS]
        values = np.array([run[_FIRST_NUMBER:_AFTER_NUMBERS] for run in runs], np.float64)
        spread = values.std(axis=0, ddof=1) if len(runs) > 1 else np.full(len(names), math.nan)
        return cls(
            tuple(runs),
            dict(zip(names, values.mean(axis=0).tolist(), strict=True)),
            dict(zip(names, spread.tolist(), strict=True)),
        )

    def __repr__(self) -> str:
        return record_repr(self)

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


_CURVES = Curve._fields.index("arch_id")
_FIRST_NUMBER = RunRecord._fields.index("final_psnr_db")
_AFTER_NUMBERS = RunRecord._fields.index("processor_seconds") + 1


def as_json(record: RunRecord) -> dict[str, Any]:
    """A record's fields as JSON has them: NaN, which JSON lacks, becomes None."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in record._asdict().items()
    }
