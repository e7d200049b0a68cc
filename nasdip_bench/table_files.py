"""The Parquet file of a table: looked at before a value is decoded, then read by two threads.

Must not import torch; pyarrow is imported on use.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import DatasetError, not_parsed
from nasdip_bench.files import Content, open_parquet
from nasdip_bench.manifest import MANIFEST, table_path
from nasdip_bench.schema import SCHEMA_VERSION, arrow_schema, fits_schema, table_columns
from nasdip_bench.threads import in_threads

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Strings", "read_table", "with_strings"]

Strings = Literal["dictionary", "string", "large_string"]
"""How a table holds its strings: each once, with its position in every row; or in every row, as the
schema says, or with the 64-bit offsets that pandas would make of it."""

_Columns: TypeAlias = "dict[str, tuple[pa.ChunkedArray, pa.ChunkedArray]]"
"""By name: as it is read, with a dictionary if it is of strings; and as it is wanted."""

_MOST_ROWS = 20_000_000
_MOST_TABLE_BYTES = 4 * 2**30
"""What a table may declare itself to hold: a full release at three seeds has a thousandth of it."""
_MOST_COLUMN_BYTES = 2**31 - 1
"""What the strings of a column may take when they are written out."""
_LONG_TABLE = 20_000
"""Rows from which on a second thread saves more than it costs."""
_PIECE = 1024
"""Rows of a repeated string that are written; longer runs of it share them."""
_SHORT_RUN = 50
"""Rows; where runs of one string are shorter than this on average, sharing does not pay."""


def read_table(
    content: Content, name: str, strings: Strings, rows: int | None = None
) -> dict[Strings, pa.Table]:
    """The table in the content of its file, checked.

    Args:
        content: of the file.
        name: of the table, one of `nasdip_bench.schema.RELEASE_TABLES`.
        strings: how they are wanted.
        rows: that it must have; None: any number.

    Returns:
        the table as wanted, and as it is read: with dictionaries.

    Raises:
        UnknownNameError: no such table.
        DatasetError: it is damaged, has other columns, other rows, or too many to hold.
    """
    columns = table_columns(name)
    texts = [column.name for column in columns if column.type == "string"]
    schema = _schema(name, "dictionary")
    try:
        file = open_parquet(content, texts)
        found = fits_schema(file.schema_arrow, schema)
    except KeyError:  # a column that was to be read as a dictionary is absent
        found = False
    except Exception as error:  # pyarrow raises many kinds on hostile content
        raise not_parsed(table_path(name), error) from error
    if not found:
        raise DatasetError(
            f"{table_path(name)} does not have the columns of schema version {SCHEMA_VERSION}: "
            f"{', '.join(c.name for c in columns)}"
        )
    _check_size(name, file.metadata, rows)
    wanted = _schema(name, strings)
    opened = [file]

    def read(names: list[str]) -> _Columns:
        try:
            source = opened.pop()
        except IndexError:  # the other thread has it
            source = open_parquet(content, texts, file.metadata)
        part = source.read(columns=names, use_threads=False)
        columns = {}
        for column in names:
            values, kept = part[column], schema.field(column).type
            _check_values(values)
            if values.type != kept:  # of an earlier version
                values = values.cast(kept)
            columns[column] = (values, _written_out(values, wanted.field(column).type))
        return columns

    others = [column.name for column in columns if column.name not in texts]
    try:
        # In a long table a column of strings takes about as long as one of numbers.
        long = file.metadata.num_rows >= _LONG_TABLE
        shares = [others, texts] if long else [[*others, *texts]]
        parts = in_threads(read, shares)
        values = {column: pair for part in parts for column, pair in part.items()}
        encoded = _table({column: pair[0] for column, pair in values.items()}, schema)
        if len(encoded) != file.metadata.num_rows:
            raise ValueError(f"{len(encoded)} of {file.metadata.num_rows} rows")
        if strings == "dictionary":
            return {strings: encoded}
        written = _table({column: pair[1] for column, pair in values.items()}, wanted)
    except Exception as error:
        raise not_parsed(table_path(name), error) from error
    return {"dictionary": encoded, strings: written}


def with_strings(encoded: pa.Table, name: str, strings: Strings) -> pa.Table:
    """The same table with its strings held another way.

    Args:
        encoded: with dictionaries, as `read_table` gives it.
        name: of the table.
        strings: how they are wanted.

    Raises:
        DatasetError: they are too long to be written out.
    """
    wanted = _schema(name, strings)
    try:
        columns = {field.name: _written_out(encoded[field.name], field.type) for field in wanted}
        return _table(columns, wanted)
    except Exception as error:
        raise not_parsed(table_path(name), error) from error


def _check_size(name: str, declared: Any, expected: int | None) -> None:
    """Refuse a table that says it has other rows than it must have, or too many to hold."""
    rows = declared.num_rows
    size = sum(declared.row_group(i).total_byte_size for i in range(declared.num_row_groups))
    if not (0 <= rows <= _MOST_ROWS and 0 <= size <= _MOST_TABLE_BYTES):
        raise DatasetError(
            f"{table_path(name)} says it holds {rows} rows in {size} bytes; at most "
            f"{_MOST_ROWS} rows in {_MOST_TABLE_BYTES} bytes are read"
        )
    if expected is not None and rows != expected:
        raise DatasetError(
            f"{MANIFEST} says {expected} {name}, the table has {rows}; run 'nasdip-bench verify'"
        )


def _check_values(column: pa.ChunkedArray) -> None:
    """What Arrow's full validation checks, sooner for a column of dictionaries.

    It looks at every position by itself, which takes as long as decoding the column; the largest
    of all positions takes a tenth of that.

    Raises:
        ValueError: an offset, position or string is not valid.
    """
    for chunk in column.chunks:
        if not _is_encoded(chunk) or chunk.null_count:
            chunk.validate(full=True)
            continue
        chunk.validate()
        chunk.dictionary.validate(full=True)
        highest = _positions(chunk).max(initial=0)
        if len(chunk) and highest >= len(chunk.dictionary):
            raise ValueError(f"position {highest} of {len(chunk.dictionary)} strings")


def _written_out(column: pa.ChunkedArray, to: pa.DataType) -> pa.ChunkedArray:
    """The column with its strings in every row, if it has any.

    In a long table the same string mostly stands in many rows one after the other, as the name of a
    task or a proxy does. Runs of it share one piece of memory, where it is written a few times.
    """
    import pyarrow as pa

    if column.type == to:
        return column
    if sum(_bytes_written(chunk) for chunk in column.chunks) > _MOST_COLUMN_BYTES:
        raise ValueError(f"its strings are more than {_MOST_COLUMN_BYTES} bytes long")
    if column.num_chunks != 1 or column.null_count:
        return column.cast(to)
    (chunk,) = column.chunks
    positions = _positions(chunk)
    changes = np.flatnonzero(positions[1:] != positions[:-1]) + 1
    if (len(changes) + 1) * _SHORT_RUN > len(chunk):
        return column.cast(to)
    starts = np.concatenate(([0], changes))
    lengths = np.concatenate((changes, [len(chunk)])) - starts
    texts = chunk.dictionary.cast(to)
    pieces: dict[tuple[int, int], list[pa.Array]] = {}
    written: list[pa.Array] = []
    for run in zip(positions[starts].tolist(), lengths.tolist(), strict=True):
        if run not in pieces:
            position, rows = run
            piece = pa.repeat(texts[position], min(rows, _PIECE))
            whole, rest = divmod(rows, len(piece))
            pieces[run] = [piece] * whole + [piece.slice(0, rest)] * (rest > 0)
        written += pieces[run]
    return pa.chunked_array(written, to)


def _bytes_written(chunk: pa.DictionaryArray) -> int:
    """How long the strings of all rows are; where they are short, no more than that."""
    texts = chunk.dictionary
    if not len(texts):
        return 0
    ends = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)
    lengths = (ends[1:] - ends[:-1]).astype(np.int64)
    most = len(chunk) * int(lengths.max())
    if most <= _MOST_COLUMN_BYTES or chunk.null_count:
        return most
    return int(np.bincount(_positions(chunk), minlength=len(texts)) @ lengths)


def _is_encoded(chunk: pa.Array) -> bool:
    return hasattr(chunk, "dictionary")


def _positions(chunk: pa.DictionaryArray) -> NDArray[np.uint32]:
    """(rows,) where each string stands in the dictionary; a negative place is a very large one."""
    _, buffer = chunk.indices.buffers()
    if not len(chunk):
        return np.zeros(0, np.uint32)
    return np.frombuffer(buffer, np.uint32, len(chunk), chunk.indices.offset * 4)


@cache
def _schema(name: str, strings: Strings) -> pa.Schema:
    """The Arrow schema of a table, its strings held in one of three ways."""
    import pyarrow as pa

    schema = arrow_schema(table_columns(name))
    if strings == "string":
        return schema
    text = (
        pa.large_string() if strings == "large_string" else pa.dictionary(pa.int32(), pa.string())
    )
    return pa.schema(
        field.with_type(text) if pa.types.is_string(field.type) else field for field in schema
    )


def _table(columns: dict[str, pa.ChunkedArray], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    return pa.table([columns[name] for name in schema.names], schema=schema)
