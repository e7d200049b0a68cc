"""The single values of scores: one plain array, one row per row of scores.parquet.

``score_values.h5`` has ``values`` (row, initialisation) float32, NaN after the last one of a row
(scores of the structure alone have one). h5py is imported on use.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.storage.hdf5 import read_arrays, write_packed

from .manifest import SCORE_VALUES

_ROWS_PER_CHUNK = 4096


def score_values_bytes(values: NDArray[np.float32]) -> bytes:
    """The content of the file."""
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w", libver="latest") as file:
        rows = np.asarray(values, np.float32)
        write_packed(file, "values", rows, (_ROWS_PER_CHUNK, rows.shape[1]))
    return content.getvalue()


def read_score_values(content: bytes) -> NDArray[np.float32]:
    """Read the (row, initialisation) float32 values of a file, already compared with its hash.

    Raises:
        DatasetError: it is not such a file.
    """
    return read_arrays(content, SCORE_VALUES, ("values",))["values"]
