"""What an HDF5 file of learning curves must be, looked at before any curve is decoded.

Three plain arrays (`nasdip_bench.hdf5_arrays`); what is anything else is refused. h5py is imported
on use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.curves import CURVES, MAX_POINTS
from nasdip_bench.errors import DatasetError
from nasdip_bench.hdf5_arrays import plain_array

if TYPE_CHECKING:
    import h5py

    from nasdip_bench.manifest import TaskRecord

__all__ = ["check_curve_file"]


def check_curve_file(file: h5py.File, path: str, record: TaskRecord | None) -> None:
    """Refuse a file that is not the plain arrays of the schema, with a row for each run.

    Args:
        file: the open file.
        path: how to call it.
        record: what the manifest says of the task.

    Raises:
        DatasetError: it is another.
    """
    try:
        if record is None:
            raise ValueError("the manifest has no such task")
        points = plain_array(file, "iteration", np.int32, 1)
        curves = [plain_array(file, name, np.uint16, 2) for name in CURVES]
        if any(array.shape[-1] > MAX_POINTS for array in (points, *curves)):
            raise ValueError(f"it has curves of more than {MAX_POINTS} points")
        iterations = points[:]
    except Exception as error:  # h5py raises many kinds on hostile content
        raise DatasetError(
            f"{path} cannot be parsed: {error or type(error).__name__}; run 'nasdip-bench verify'"
        ) from error
    ascending = len(iterations) and iterations[0] >= 1 and (np.diff(iterations) > 0).all()
    if not ascending or iterations[-1] != record.iterations:
        raise DatasetError(
            f"{path} does not keep the iterations of the schema, which ascend to "
            f"{record.iterations}; run 'nasdip-bench verify'"
        )
    if any(curve.shape != (record.runs, len(iterations)) for curve in curves):
        raise DatasetError(
            f"{path} does not have one row for each of the {record.runs} runs, with "
            f"{len(iterations)} points; run 'nasdip-bench verify'"
        )
