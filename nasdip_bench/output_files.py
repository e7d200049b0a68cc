"""What an HDF5 file of outputs must be, looked at before any image is decoded.

Two plain arrays (`nasdip_bench.hdf5_arrays`); what is anything else is refused. h5py is imported on
use.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.errors import DatasetError
from nasdip_bench.hdf5_arrays import plain_array
from nasdip_bench.outputs import ABSENT, IMAGE_CHANNELS, MAX_PIXELS

if TYPE_CHECKING:
    import h5py

    from nasdip_bench.manifest import TaskRecord

__all__ = ["check_output_file"]


def check_output_file(file: h5py.File, path: str, record: TaskRecord | None, side: int) -> None:
    """Refuse a file that is not the plain arrays of the schema, with a row for each run.

    Args:
        file: the open file.
        path: how to call it.
        record: what the manifest says of the task.
        side: height and width, as the manifest says.

    Raises:
        DatasetError: it is another.
    """
    try:
        if record is None:
            raise ValueError("the manifest has no such task")
        outputs = plain_array(file, "output", np.uint8, 4)
        stored = plain_array(file, "iteration", np.int32, 1)
        rows, channels, *size = outputs.shape
        if not (rows == record.runs and stored.shape == (rows,)):
            raise ValueError(f"it does not have one row for each of the {record.runs} runs")
        if channels not in IMAGE_CHANNELS or size != [side, side]:
            raise ValueError(f"its images are {outputs.shape[1:]}, not of {side} x {side} pixels")
        if math.prod(outputs.shape[1:]) > MAX_PIXELS or outputs.chunks != (1, *outputs.shape[1:]):
            raise ValueError(
                f"images of {outputs.shape[1:]} in chunks {outputs.chunks}; a chunk is one image, "
                f"of at most {MAX_PIXELS} numbers"
            )
        iterations = stored[:]
        if not ((iterations >= ABSENT) & (iterations <= record.iterations)).all():
            raise ValueError(f"it has an iteration outside {ABSENT}..{record.iterations}")
    except Exception as error:  # h5py raises many kinds on hostile content
        raise DatasetError(
            f"{path} cannot be parsed: {error or type(error).__name__}; run 'nasdip-bench verify'"
        ) from error
