"""Arrays in files: HDF5, written packed, and ``.npz``. h5py is imported on use."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import not_parsed

from .files import write_atomic


class Array(NamedTuple):
    """An array to write to an HDF5 file.

    Attributes:
        values: the array.
        chunk: the largest shape of a chunk; chunks are shuffled and packed. None: no chunks.
        attributes: what the file states about it.
    """

    values: NDArray[Any]
    chunk: tuple[int, ...] | None = None
    attributes: Mapping[str, Any] = MappingProxyType({})


def hdf5_bytes(arrays: Mapping[str, Array]) -> bytes:
    """The content of an HDF5 file with these arrays; the same for the same numbers.

    It is made in memory, since the HDF5 library crashes when a disk is full.
    """
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w", libver="latest") as file:
        for name, (values, chunk, attributes) in arrays.items():
            packing: dict[str, Any] = {}
            if chunk is not None and values.size:
                chunks = tuple(map(min, chunk, values.shape))
                packing = {"chunks": chunks, "shuffle": True, "compression": "gzip"}
            array = file.create_dataset(name, data=values, **packing)
            if packing:
                packed = array  # noqa: F841 - open until the next: the file's bytes depend on it
            array.attrs.update(attributes)
    return content.getvalue()


def read_hdf5(
    content: bytes, path: str, names: Iterable[str], optional: Iterable[str] = ()
) -> dict[str, NDArray[Any]]:
    """Arrays in the content of an HDF5 file by name, read-only.

    Args:
        content: content of the file, already compared with its hash.
        path: name of the file in errors.
        names: the arrays that it must have.
        optional: arrays that it may have.

    Raises:
        DatasetError: it is not an HDF5 file, or lacks an array.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            there = [*names, *(name for name in optional if name in file)]
            arrays = {name: file[name][:] for name in there}
    except Exception as error:  # h5py raises many kinds
        raise not_parsed(path, error) from error
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def write_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays, or numbers, to an ``.npz`` file; when this returns, it is on disk."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomic(path, buffer.getvalue())


def read_npz(path: Path) -> dict[str, NDArray[Any]] | None:
    """The arrays in an ``.npz`` file, or None if there is no file or it is damaged."""
    try:
        content = io.BytesIO(path.read_bytes())
        with np.load(content, allow_pickle=False) as file:  # noqa: TID251
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile):
        return None
