"""The HDF5 files of curves and observables: a part of the runs of a task, fidelity and seed each.

A part holds 64 architectures of the list, all images, in this order; a row is the ``curve_row`` of
runs.parquet. Every curve is a plain array (run x point, uint16, see `nasdip_bench.curves`); beside
them ``iteration`` (point, int32). A part that is complete is never rewritten. h5py is imported on
use. Must not import torch.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.curves import CODES, MAX_POINTS, MISSING
from nasdip_bench.errors import DatasetError, not_parsed
from nasdip_bench.files import Content
from nasdip_bench.hdf5_arrays import plain_array, write_packed
from nasdip_bench.observables import OBSERVABLES, SSIM

if TYPE_CHECKING:
    from nasdip_bench.manifest import TaskRecord

__all__ = ["KINDS", "PART_SIZE", "CurvePart", "part_bytes", "part_of", "read_part"]

PART_SIZE = 64
"""Architectures of a part."""

KINDS: dict[str, tuple[str, ...]] = {
    "curves": ("psnr", "psnr_smooth", SSIM),
    "observables": tuple(OBSERVABLES),
}
"""By folder, the arrays of its files. SSIM and the observables may be absent from imported data."""

_ROWS_PER_CHUNK = 64
_MOST_ROWS = 2**20


class CurvePart(NamedTuple):
    """What a file holds.

    Attributes:
        iterations: (P,) int32, ascending: point i of a full curve is iteration i + 1.
        codes: by name, (run, P) uint16.
    """

    iterations: NDArray[np.int32]
    codes: Mapping[str, NDArray[np.uint16]]


_Ids = TypeVar("_Ids", int, NDArray[np.int32])


def part_of(arch_id: _Ids) -> _Ids:
    """The part that an architecture is in, by its row; or those of several."""
    return arch_id // PART_SIZE


def part_bytes(part: CurvePart) -> bytes:
    """The content of a file; the same for the same numbers.

    It is made in memory, since the HDF5 library crashes where a disk is full.
    """
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w", libver="latest") as file:
        for name, codes in part.codes.items():
            array = write_packed(file, name, codes, (_ROWS_PER_CHUNK, codes.shape[1]))
            code = CODES[name]
            array.attrs["unit"] = code.unit
            array.attrs["steps_per_unit"] = code.steps
            array.attrs["lowest"] = code.lowest
            array.attrs["missing"] = MISSING
        file.create_dataset("iteration", data=np.asarray(part.iterations, np.int32))
        file["iteration"].attrs["meaning"] = "iterations trained: point i of a full curve is i + 1"
    return content.getvalue()


def read_part(content: Content, path: str, names: Iterable[str], record: TaskRecord) -> CurvePart:
    """The arrays of a file; those that are absent are left out.

    Args:
        content: of the file, compared with its hash before.
        path: how to call it.
        names: of the arrays to read, all that such a file may hold.
        record: what the manifest says of the task.

    Raises:
        DatasetError: it is no such file.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            points = plain_array(file, "iteration", np.int32, 1)
            if points.shape[0] > MAX_POINTS:
                raise ValueError(f"it has curves of more than {MAX_POINTS} points")
            iterations = points[:]
            codes = {}
            for name in names:
                if name not in file:
                    continue
                array = plain_array(file, name, np.uint16, 2)
                most = min(record.runs, _MOST_ROWS)
                if array.shape[1] != len(iterations) or array.shape[0] > most:
                    raise ValueError(f"{name} has the shape {array.shape}")
                codes[name] = array[:]
            if len({len(rows) for rows in codes.values()}) > 1:
                raise ValueError("its arrays are of different lengths")
    except Exception as error:  # h5py raises many kinds on hostile content
        raise not_parsed(path, error) from error
    ends = (iterations[:1].tolist(), iterations[-1:].tolist())
    if ends != ([1], [record.iterations]) or (np.diff(iterations) <= 0).any():
        raise DatasetError(
            f"{path} does not keep iterations from 1 to {record.iterations}, ascending; run "
            f"'nasdip-bench verify'"
        )
    for array in (iterations, *codes.values()):
        array.setflags(write=False)
    return CurvePart(iterations, codes)
