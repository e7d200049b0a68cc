"""Arrays in HDF5 files, written packed. h5py is imported on use."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from nasdip_bench.errors import not_parsed

if TYPE_CHECKING:
    import h5py


def write_packed(
    file: h5py.File, name: str, values: NDArray[Any], chunk: tuple[int, ...]
) -> h5py.Dataset:
    """Write an array in chunks of at most this shape, shuffled and packed, unless it is empty."""
    if not values.size:
        return file.create_dataset(name, data=values)
    chunk = tuple(map(min, chunk, values.shape))
    return file.create_dataset(name, data=values, chunks=chunk, shuffle=True, compression="gzip")


def read_arrays(
    content: bytes, path: str, names: Iterable[str], optional: Iterable[str] = ()
) -> dict[str, NDArray[Any]]:
    """Arrays in the content of a file by name, read-only.

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
