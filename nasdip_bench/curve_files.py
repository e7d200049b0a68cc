"""What an HDF5 file of learning curves must be, looked at before any curve is decoded.

HDF5 can do more than a dataset of this package may ask of it: take values from other files, through
links, external storage or virtual data sets; load filters; claim chunks of any size. A curve file
holds three plain arrays, and what is anything else is refused. h5py is imported on use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nasdip_bench.curves import CURVES, MAX_POINTS
from nasdip_bench.errors import DatasetError

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
        points = _plain(file, "iteration", np.int32, 1)
        curves = [_plain(file, name, np.uint16, 2) for name in CURVES]
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


def _plain(file: h5py.File, name: str, kind: type[np.generic], axes: int) -> Any:
    """An array that is stored in the file itself, in a known way.

    Raises:
        Exception: it is absent, or no such array.
    """
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is no array in the file itself")
    array = file[name]
    if not isinstance(array, h5py.Dataset) or array.ndim != axes or array.dtype != kind:
        raise ValueError(f"{name} is no array of {np.dtype(kind)} with {axes} axes")
    stored = array.id.get_create_plist()
    if stored.get_layout() == h5py.h5d.VIRTUAL or stored.get_external_count():
        raise ValueError(f"{name} takes its values from other files")
    filters = {stored.get_filter(i)[0] for i in range(stored.get_nfilters())}
    if not filters <= {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}:
        raise ValueError(f"{name} needs filters other than shuffle and gzip")
    chunk = array.chunks or array.shape
    if array.shape[-1] > MAX_POINTS or any(
        c > max(1, n) for c, n in zip(chunk, array.shape, strict=True)
    ):
        raise ValueError(f"{name} is stored in chunks {chunk} of an array {array.shape}")
    return array
