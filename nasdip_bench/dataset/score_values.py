"""The single values of scores: one plain array, one row per row of scores.parquet.

``score_values.h5`` has ``values`` (row, initialisation) float32, NaN after the last one of a row
(scores of the structure alone have one). h5py is imported on use.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.storage.files import Content
from nasdip_bench.storage.hdf5 import opened, plain_array, write_packed

from .manifest import SCORE_VALUES

_ROWS_PER_CHUNK = 4096
_MOST_VALUES = 2**28


def score_values_bytes(values: NDArray[np.float32]) -> bytes:
    """The content of the file."""
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w", libver="latest") as file:
        rows = np.asarray(values, np.float32)
        write_packed(file, "values", rows, (_ROWS_PER_CHUNK, rows.shape[1]))
    return content.getvalue()


def read_score_values(content: Content, rows: int) -> NDArray[np.float32]:
    """Read the (rows, initialisation) float32 values.

    Args:
        content: content of the file, already compared with its hash.
        rows: number of rows of scores.parquet.

    Raises:
        DatasetError: it is not such a file.
    """
    with opened(content, SCORE_VALUES) as file:
        array = plain_array(file, "values", np.float32, 2)
        if array.shape[0] != rows or array.size > _MOST_VALUES:
            raise ValueError(f"values have the shape {array.shape}, there are {rows} scores")
        values: NDArray[np.float32] = array[:]
        values.setflags(write=False)
    return values
