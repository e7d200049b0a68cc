"""The HDF5 file of the learning curves of a task at a fidelity: written, and looked at.

``psnr`` and ``psnr_smooth`` (run x point, uint16 thousandths of a dB, 65535 = missing) and
``iteration`` (point): three plain arrays (`nasdip_bench.hdf5_arrays`); a file of anything else is
refused before any curve is decoded. h5py is imported on use. Must not import torch.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.curve_chunks import check_iterations, chunks_bytes, list_chunks
from nasdip_bench.curves import CURVES, MAX_POINTS, MISSING, STEPS_PER_DB, decode, encode
from nasdip_bench.errors import DatasetError, not_parsed
from nasdip_bench.files import Content
from nasdip_bench.hdf5_arrays import plain_array
from nasdip_bench.manifest import CHUNKS_SUFFIX

if TYPE_CHECKING:
    import h5py

    from nasdip_bench.manifest import TaskRecord

__all__ = ["check_curve_file", "chunks_of", "read_rows", "write_curves"]

_ROWS_PER_CHUNK = 16


def write_curves(path: Path, psnr: np.ndarray, psnr_smooth: np.ndarray, points: np.ndarray) -> None:
    """Write a curve file, and where its chunks lie beside it.

    It is made in memory first: the HDF5 library crashes where a disk is full.

    Args:
        path: the file to create.
        psnr: (run, point) float64 dB, NaN where missing.
        psnr_smooth: the same of the smoothed outputs.
        points: (point,) numbers of the kept points, from 0.
    """
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w", libver="latest") as file:
        for name, values in zip(CURVES, (psnr, psnr_smooth), strict=True):
            chunk = (min(_ROWS_PER_CHUNK, max(1, len(values))), values.shape[1])
            dataset = file.create_dataset(
                name, data=encode(values), chunks=chunk, shuffle=True, compression="gzip"
            )
            dataset.attrs["unit"] = "dB"
            dataset.attrs["steps_per_unit"] = STEPS_PER_DB
            dataset.attrs["missing"] = MISSING
        file.create_dataset("iteration", data=np.asarray(points, np.int32) + 1)
        file["iteration"].attrs["meaning"] = "iterations trained: point i of a full curve is i + 1"
    with h5py.File(content, "r") as file:
        chunks = list_chunks(file, content.getvalue())
    path.write_bytes(content.getvalue())
    path.with_suffix(CHUNKS_SUFFIX).write_bytes(chunks_bytes(chunks))


def read_rows(file: Any, rows: slice | int) -> tuple[np.ndarray, np.ndarray]:
    """Decoded ``psnr`` and ``psnr_smooth`` of rows of an open curve file."""
    return decode(file["psnr"][rows]), decode(file["psnr_smooth"][rows])


def chunks_of(content: Content, path: str, record: TaskRecord) -> NDArray[Any]:
    """Where the chunks of a curve file lie, by the file itself; see `nasdip_bench.curve_chunks`.

    Args:
        content: of the file.
        path: how to call it.
        record: what the manifest says of the task.

    Raises:
        DatasetError: it is no such file.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            check_curve_file(file, path, record)
            return list_chunks(file, content)
    except DatasetError:
        raise
    except Exception as error:  # h5py raises many kinds on hostile content
        raise not_parsed(path, error) from error


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
    check_iterations(iterations, path, record)
    if any(curve.shape != (record.runs, len(iterations)) for curve in curves):
        raise DatasetError(
            f"{path} does not have one row for each of the {record.runs} runs, with "
            f"{len(iterations)} points; run 'nasdip-bench verify'"
        )
