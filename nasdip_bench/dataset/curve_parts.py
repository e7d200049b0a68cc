"""The HDF5 files of curves and observables, each for a part of the runs of a task, fidelity, seed.

A part holds 64 architectures of the list, all images, in this order; a row is the ``curve_row`` of
runs.parquet. Every curve is a plain array (run x point, uint16, see `nasdip_bench.dataset.curves`).
Each file also has ``iteration`` (point, int32). Files of observables also have the first crossings
of loss_smooth, ``crossing`` (run x level, int32, from 1, 0 for never) and ``crossing_level_db``
(level, float64). A complete part is never rewritten. h5py is imported on use.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import DatasetError
from nasdip_bench.observables import OBSERVABLES, SSIM
from nasdip_bench.storage.files import Content
from nasdip_bench.storage.hdf5 import opened, plain_array, write_packed

from .curves import CODES, MAX_POINTS, MISSING
from .stop_parts import CROSSING_LEVELS_DB

if TYPE_CHECKING:
    import h5py

    from .manifest import TaskRecord

PART_SIZE = 64
"""Architectures per part."""

KINDS: dict[str, tuple[str, ...]] = {
    "curves": ("psnr", "psnr_smooth", SSIM),
    "observables": tuple(OBSERVABLES),
}
"""The arrays of the files by folder. SSIM and the observables may be absent from imported data."""

_CROSSING = "crossing"
_ROWS_PER_CHUNK = 64
_MOST_ROWS = 2**20


class CurvePart(NamedTuple):
    """The content of a file.

    Attributes:
        iterations: (P,) int32, ascending: point i of a full curve is iteration i + 1.
        codes: (run, P) uint16 by name.
        crossings: (run, level) int32 from `nasdip_bench.dataset.stop_parts.crossings`, over all
            iterations; None in files of curves.
    """

    iterations: NDArray[np.int32]
    codes: Mapping[str, NDArray[np.uint16]]
    crossings: NDArray[np.int32] | None = None


_Ids = TypeVar("_Ids", int, NDArray[np.int32])


def part_of(arch_id: _Ids) -> _Ids:
    """The part that holds an architecture, from its row; or the parts of several."""
    return arch_id // PART_SIZE


def part_bytes(part: CurvePart) -> bytes:
    """The content of a file; the same for the same numbers.

    It is made in memory, since the HDF5 library crashes when a disk is full.
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
        if part.crossings is not None:
            levels = np.asarray(CROSSING_LEVELS_DB)
            array = write_packed(file, _CROSSING, part.crossings, (_ROWS_PER_CHUNK, len(levels)))
            array.attrs["meaning"] = "first iteration with loss_smooth at a level; 0 for never"
            file.create_dataset(f"{_CROSSING}_level_db", data=levels)
    return content.getvalue()


def read_part(content: Content, path: str, names: Iterable[str], record: TaskRecord) -> CurvePart:
    """Read the arrays of a file; missing ones are left out.

    Args:
        content: content of the file, already compared with its hash.
        path: name of the file in errors.
        names: names of the arrays to read, all that such a file may hold.
        record: what the manifest says about the task.

    Raises:
        DatasetError: it is not such a file.
    """
    with opened(content, path) as file:
        points = plain_array(file, "iteration", np.int32, 1)
        if points.shape[0] > MAX_POINTS:
            raise ValueError(f"it has curves of more than {MAX_POINTS} points")
        iterations = points[:]
        codes, most = {}, min(record.runs, _MOST_ROWS)
        for name in names:
            if name not in file:
                continue
            array = plain_array(file, name, np.uint16, 2)
            if array.shape[1] != len(iterations) or array.shape[0] > most:
                raise ValueError(f"{name} has the shape {array.shape}")
            codes[name] = array[:]
        crossings = _read_crossings(file, most) if _CROSSING in file else None
        lengths = {len(rows) for rows in codes.values()}
        if crossings is not None:
            lengths.add(len(crossings))
        if len(lengths) > 1:
            raise ValueError("its arrays differ in length")
    ends = (iterations[:1].tolist(), iterations[-1:].tolist())
    if ends != ([1], [record.iterations]) or (np.diff(iterations) <= 0).any():
        raise DatasetError(
            f"{path} does not keep iterations from 1 to {record.iterations}, ascending; run "
            f"'nasdip-bench verify'"
        )
    for array in (iterations, *codes.values()):
        array.setflags(write=False)
    return CurvePart(iterations, codes, crossings)


def _read_crossings(file: h5py.File, most: int) -> NDArray[np.int32]:
    levels = plain_array(file, f"{_CROSSING}_level_db", np.float64, 1)
    array = plain_array(file, _CROSSING, np.int32, 2)
    expected = len(CROSSING_LEVELS_DB)
    if levels.shape != (expected,) or array.shape[1] != expected or array.shape[0] > most:
        raise ValueError(f"{_CROSSING} has the shape {array.shape}")
    if levels[:].tolist() != [*CROSSING_LEVELS_DB]:
        raise ValueError(f"{_CROSSING} has other levels")
    found: NDArray[np.int32] = array[:]
    found.setflags(write=False)
    return found
