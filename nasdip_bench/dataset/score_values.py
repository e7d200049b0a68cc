"""The single values of scores: one plain array, one row per row of scores.parquet.

``score_values.h5`` has ``values`` (row, initialisation) float32, NaN after the last one of a row
(scores of the structure alone have one).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.storage.arrays import Array, hdf5_bytes, read_hdf5

from .manifest import SCORE_VALUES

_ROWS_PER_CHUNK = 4096


def score_values_bytes(values: NDArray[np.float32]) -> bytes:
    """The content of the file."""
    rows = np.asarray(values, np.float32)
    return hdf5_bytes({"values": Array(rows, (_ROWS_PER_CHUNK, rows.shape[1]))})


def read_score_values(content: bytes) -> NDArray[np.float32]:
    """Read the (row, initialisation) float32 values of a file, already compared with its hash.

    Raises:
        DatasetError: it is not such a file.
    """
    return read_hdf5(content, SCORE_VALUES, ("values",))["values"]
