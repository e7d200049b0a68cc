"""Arrays in HDF5 files: written packed, and checked before a value of unknown origin is decoded.

HDF5 can do more than a dataset of this package may ask for: take values from other files, through
links, external storage or virtual data sets; load filters; claim chunks of any size. The files of a
dataset hold plain arrays; anything else is rejected. h5py is imported on use.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import not_parsed

from .files import Content

if TYPE_CHECKING:
    import h5py


@contextmanager
def opened(content: Content, path: str) -> Iterator[h5py.File]:
    """Open the content of a file, to be read in the block.

    Args:
        content: content of the file.
        path: name of the file in errors.

    Raises:
        DatasetError: it is not an HDF5 file, or the block raised any exception.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            yield file
    except Exception as error:  # h5py raises many kinds on hostile content
        raise not_parsed(path, error) from error


def write_packed(
    file: h5py.File, name: str, values: NDArray[Any], chunk: tuple[int, ...]
) -> h5py.Dataset:
    """Write an array in chunks of at most this shape, shuffled and packed, unless it is empty."""
    if not values.size:
        return file.create_dataset(name, data=values)
    chunk = tuple(map(min, chunk, values.shape))
    return file.create_dataset(name, data=values, chunks=chunk, shuffle=True, compression="gzip")


def plain_array(file: h5py.File, name: str, kind: type[np.generic], axes: int) -> Any:
    """An array that is stored in the file itself, in a known way.

    The caller must check its shape before reading values.

    Raises:
        Exception: it is missing or not such an array (h5py raises many kinds on hostile content).
    """
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is not an array in the file itself")
    array = file[name]
    if not isinstance(array, h5py.Dataset) or array.ndim != axes or array.dtype != kind:
        raise ValueError(f"{name} is not an array of {np.dtype(kind)} with {axes} axes")
    stored = array.id.get_create_plist()
    if stored.get_layout() == h5py.h5d.VIRTUAL or stored.get_external_count():
        raise ValueError(f"{name} takes its values from other files")
    filters = {stored.get_filter(i)[0] for i in range(stored.get_nfilters())}
    if not filters <= {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}:
        raise ValueError(f"{name} needs filters other than shuffle and gzip")
    chunk = array.chunks or array.shape
    if any(c > max(1, n) for c, n in zip(chunk, array.shape, strict=True)):
        raise ValueError(f"{name} is stored in chunks {chunk} of an array {array.shape}")
    return array
