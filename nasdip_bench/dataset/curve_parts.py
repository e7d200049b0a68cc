"""The HDF5 files of curves and observables, each for a part of the runs of a task, fidelity, seed.

A part holds 64 architectures of the list, all images, in this order; a row is the ``curve_row`` of
runs.parquet. Every curve is a plain array (run x point, uint16, see `nasdip_bench.dataset.curves`).
Each file also has ``iteration`` (point, int32). Files of observables also have the first crossings
of loss_smooth, ``crossing`` (run x level, int32, from 1, 0 for never) and ``crossing_level_db``
(level, float64). A complete part is never rewritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import DatasetError
from nasdip_bench.observables import OBSERVABLES, SSIM
from nasdip_bench.storage.arrays import Array, hdf5_bytes, read_hdf5

from .curves import CODES, MISSING
from .stop_parts import CROSSING_LEVELS_DB

PART_SIZE = 64
"""Architectures per part."""

KINDS: dict[str, tuple[str, ...]] = {
    "curves": ("psnr", "psnr_smooth", SSIM),
    "observables": tuple(OBSERVABLES),
}
"""The arrays of the files by folder. SSIM and the observables may be absent from imported data."""

_CROSSING, _LEVELS = "crossing", "crossing_level_db"
_ROWS_PER_CHUNK = 64


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
    """The content of a file; the same for the same numbers."""
    arrays = {}
    for name, codes in part.codes.items():
        code = CODES[name]
        stated = {"unit": code.unit, "steps_per_unit": code.steps, "lowest": code.lowest}
        chunk = (_ROWS_PER_CHUNK, codes.shape[1])
        arrays[name] = Array(codes, chunk, stated | {"missing": MISSING})
    iterations = np.asarray(part.iterations, np.int32)
    meaning = "iterations trained: point i of a full curve is i + 1"
    arrays["iteration"] = Array(iterations, attributes={"meaning": meaning})
    if part.crossings is not None:
        chunk = (_ROWS_PER_CHUNK, len(CROSSING_LEVELS_DB))
        meaning = "first iteration with loss_smooth at a level; 0 for never"
        arrays[_CROSSING] = Array(part.crossings, chunk, {"meaning": meaning})
        arrays[_LEVELS] = Array(np.asarray(CROSSING_LEVELS_DB))
    return hdf5_bytes(arrays)


def read_part(content: bytes, path: str, names: Iterable[str]) -> CurvePart:
    """Read the arrays of a file; missing ones are left out.

    Args:
        content: content of the file, already compared with its hash.
        path: name of the file in errors.
        names: names of the arrays to read, all that such a file may hold.

    Raises:
        DatasetError: it is not such a file, or has crossings of other levels.
    """
    found = read_hdf5(content, path, ("iteration",), (*names, _CROSSING, _LEVELS))
    if _LEVELS in found and found[_LEVELS].tolist() != [*CROSSING_LEVELS_DB]:
        raise DatasetError(
            f"{path} has crossings of other levels than this version reads; install the version "
            "that wrote it"
        )
    codes = {name: found[name] for name in names if name in found}
    return CurvePart(found["iteration"], codes, found.get(_CROSSING))
