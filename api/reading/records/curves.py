"""Learning curves of runs, and what they recorded without the ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import not_installed

from .showing import displayed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@displayed
class Curve(NamedTuple):
    """The kept points of a learning curve, or of the mean over seeds.

    Attributes:
        iterations: (P,) int32, ascending; iterations trained, the first point is 1.
        psnr_db: (P,) float64 dB, NaN where a run has no value; read-only.
        psnr_smooth_db: the same for the smoothed outputs.
        ssim_smooth: (P,) float64, SSIM of the smoothed outputs, like PSNR an oracle; NaN where
            the release has none.
        arch_id: row of the architecture in this release.
        architecture: its canonical string.
        image: name.
        task: name.
        fidelity: the training set-up.
        seeds: the seeds it is the mean of.
        status: see `RunRecord`.
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

    def to_frame(self) -> pd.DataFrame:
        """The kept points as a frame, indexed by iteration; the other fields are in ``attrs``.

        Example:
            >>> NASDIPBench("data/").curve(0, "lena", "denoise").to_frame().columns.to_list()
            ['psnr_db', 'psnr_smooth_db', 'ssim_smooth']
        """
        return _framed(self, {name: getattr(self, name) for name in self._fields[1:_CURVES]})

    def plot(self, axes: Axes | None = None) -> Axes:
        """Plot the PSNR of the outputs and of the smoothed outputs.

        Args:
            axes: matplotlib axes to draw into; None for a new pyplot figure.

        Returns:
            the axes.

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """
        axes = _axes(self, axes, "PSNR, dB")
        (line,) = axes.plot(self.iterations, self.psnr_db, alpha=0.4, label="output")
        axes.plot(self.iterations, self.psnr_smooth_db, color=line.get_color(), label="smoothed")
        axes.legend()
        return axes


_CURVES = Curve._fields.index("arch_id")


@displayed
class Observables(NamedTuple):
    """What a run recorded without the ground truth: all that a stopping rule may see.

    Attributes:
        iterations: (P,) int32, ascending; iterations trained, the first point is 1.
        values_db: (P,) float64 by name, -10·log10 of what `nasdip_bench.observables.OBSERVABLES`
            states for each; NaN where not defined or not recorded; read-only.
        arch_id: row of the architecture in this release.
        architecture: its canonical string.
        image: name.
        task: name.
        fidelity: the training set-up.
        seed: seed of the run; also set when none was requested.
        status: see `RunRecord`.
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

    def to_frame(self) -> pd.DataFrame:
        """The values in dB as a frame, indexed by iteration; the other fields are in ``attrs``.

        Example:
            >>> found = NASDIPBench("data/").observables(0, "lena", "denoise")
            >>> found.to_frame().columns.to_list()[:3]
            ['loss', 'loss_smooth', 'neighbour']
        """
        return _framed(self, dict(self.values_db))

    def plot(self, axes: Axes | None = None) -> Axes:
        """Plot each observable.

        Args:
            axes: matplotlib axes to draw into; None for a new pyplot figure.

        Returns:
            the axes.

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """
        axes = _axes(self, axes, "observable, dB")
        for name, values in self.values_db.items():
            axes.plot(self.iterations, values, label=name)
        axes.legend()
        return axes


def _framed(
    record: Curve | Observables, columns: Mapping[str, NDArray[np.float64]]
) -> pd.DataFrame:
    """Columns by iteration, with what the record says about its run in ``attrs``."""
    import pandas as pd

    frame = pd.DataFrame(columns, index=pd.Index(record.iterations, name="iteration"))
    about = record._fields[record._fields.index("arch_id") :]
    frame.attrs = {name: getattr(record, name) for name in about}
    return frame


def _axes(record: Curve | Observables, axes: Axes | None, label: str) -> Axes:
    """Labelled axes to draw a record into, in a new figure if there are none."""
    if axes is None:
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise not_installed("drawing", "matplotlib", "figures") from error
        axes = pyplot.subplots()[1]
    title = f"{record.task}, {record.image}, {record.fidelity}\n{record.architecture}"
    axes.set(xlabel="iteration", ylabel=label, title=title)
    return axes


@displayed
class CurveArrays(NamedTuple):
    """The kept points of all learning curves of a task at a fidelity.

    Attributes:
        iterations: (P,) int32, ascending; iterations trained, the first point is 1.
        psnr_db: (architecture, image, seed, P) float32 dB, NaN where there is no run or no value.
        psnr_smooth_db: the same for the smoothed outputs.
        ssim_smooth: SSIM of the smoothed outputs; NaN where the release has none.
        task: name.
        fidelity: the training set-up.
        images: names along the second axis.
        seeds: seeds along the third axis.
    """

    iterations: NDArray[np.int32]
    psnr_db: NDArray[np.float32]
    psnr_smooth_db: NDArray[np.float32]
    ssim_smooth: NDArray[np.float32]
    task: str
    fidelity: str
    images: tuple[str, ...]
    seeds: tuple[int, ...]
