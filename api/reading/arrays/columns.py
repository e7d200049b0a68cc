"""Columns of Arrow tables as NumPy arrays, read from their buffers.

Arrow's own ``to_numpy`` imports pandas, which takes longer than opening and querying a dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import DatasetError

if TYPE_CHECKING:
    import pyarrow as pa

_TYPES = {"int32": np.int32, "int64": np.int64, "float": np.float32, "double": np.float64}


def numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    """(rows,) int32, int64, float64 or bool of a column; float64 with NaN where it has nulls.

    32-bit floats are widened so that their sums are exact enough.
    """
    array = column.combine_chunks()
    validity, data = array.buffers()
    count, offset = len(array), array.offset
    values: NDArray[Any]
    if not count:
        values = np.zeros(0, _TYPES.get(str(array.type), np.bool_))
    elif str(array.type) == "bool":
        values = _bits(data, offset, count)
    else:
        kind = np.dtype(_TYPES[str(array.type)])
        values = np.frombuffer(data, kind, count, offset * kind.itemsize)
        if kind == np.float32:
            values = values.astype(np.float64)
    if array.null_count:
        return np.where(_bits(validity, offset, count), values, np.nan)
    return values


def _bits(buffer: Any, offset: int, count: int) -> NDArray[np.bool_]:
    packed = np.frombuffer(buffer, np.uint8)
    return np.unpackbits(packed, count=offset + count, bitorder="little")[offset:].astype(bool)


def strings(column: pa.ChunkedArray) -> tuple[NDArray[Any], list[str]]:
    """(rows,) positions of a column's strings, plain or dictionary-encoded; the distinct strings.

    Raises:
        DatasetError: a value is missing.
    """
    encoded = column.combine_chunks()
    if str(encoded.type) == "string":
        encoded = encoded.dictionary_encode()
    if encoded.null_count or encoded.dictionary.null_count:
        raise DatasetError("a name is missing in a table; run 'nasdip-bench verify'")
    _, data = encoded.indices.buffers()
    if not len(encoded):
        return np.zeros(0, np.int32), []
    indices = np.frombuffer(data, np.int32, len(encoded), encoded.indices.offset * 4)
    listed = encoded.dictionary.to_pylist()
    names = list(dict.fromkeys(listed))
    if len(names) < len(listed):  # a writer may list a string more than once
        indices = np.array([names.index(name) for name in listed], np.int32)[indices]
    return indices, names


def codes(column: pa.ChunkedArray, names: Sequence[str], what: str) -> NDArray[np.intp]:
    """(rows,) the position in ``names`` of each value of a column of strings.

    Raises:
        DatasetError: a value is missing or not among the names; it says ``what`` the column is.
    """
    indices, found = strings(column)
    positions = {name: position for position, name in enumerate(names)}
    if unknown := [name for name in found if name not in positions]:
        raise DatasetError(
            f"{what} holds {unknown[0]!r}, which is not one of {', '.join(names)}; run "
            f"'nasdip-bench verify'"
        )
    places = np.array([positions[str(name)] for name in found], np.intp)
    return np.asarray(places[indices])
