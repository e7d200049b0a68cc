"""Read the Parquet file of a table, which is inspected before a value is decoded.

pyarrow is imported on use.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from nasdip_bench.errors import DatasetError, not_parsed
from nasdip_bench.storage.files import Content, open_parquet

from .manifest import MANIFEST, table_path
from .schema import SCHEMA_VERSION, arrow_schema, fits_schema, table_columns

if TYPE_CHECKING:
    import pyarrow as pa

Strings = Literal["dictionary", "string", "large_string"]
"""How a table holds its strings: each once, with its position in every row; or in every row, as in
the schema, or with the 64-bit offsets that pandas would use."""

_MOST_ROWS = 20_000_000
_MOST_TABLE_BYTES = 4 * 2**30
"""The most that a table may declare to hold: a full release at three seeds has a thousandth."""
_MOST_COLUMN_BYTES = 2**31 - 1
"""The most that the strings of a column may take when they are written out."""


def read_table(
    content: Content, name: str, rows: int | None = None, path: str | None = None
) -> pa.Table:
    """Read and check a table from the content of its file; its strings are dictionaries.

    Args:
        content: content of the file.
        name: name of the table; see `nasdip_bench.dataset.schema.table_columns`.
        rows: number of rows that it must have; None: any number.
        path: name of the file in errors; None: the usual one of this table.

    Raises:
        UnknownNameError: no such table.
        DatasetError: it is damaged, has other columns, other rows, or too many to hold.
    """
    import pyarrow as pa

    path = path or table_path(name)
    columns = table_columns(name)
    schema = _schema(name, "dictionary")
    try:
        file = open_parquet(content, [c.name for c in columns if c.type == "string"])
        found = fits_schema(file.schema_arrow, schema)
    except KeyError:  # a column that was to be read as a dictionary is absent
        found = False
    except Exception as error:  # pyarrow raises many kinds on hostile content
        raise not_parsed(path, error) from error
    if not found:
        raise DatasetError(
            f"{path} does not have the columns of schema version {SCHEMA_VERSION}: "
            f"{', '.join(c.name for c in columns)}"
        )
    _check_size(name, path, file.metadata, rows)
    try:
        # Not cast, which imports pyarrow.compute: the types are those of the schema already.
        table = pa.Table.from_arrays(file.read(use_threads=False).columns, schema=schema)
        table.validate(full=True)
        if len(table) != file.metadata.num_rows:
            raise ValueError(f"{len(table)} of {file.metadata.num_rows} rows")
    except Exception as error:
        raise not_parsed(path, error) from error
    return table


def empty_table(name: str) -> pa.Table:
    """A table without rows, as `read_table` returns it."""
    return _schema(name, "dictionary").empty_table()


def with_strings(encoded: pa.Table, name: str, strings: Strings) -> pa.Table:
    """The same table with its strings held another way.

    Args:
        encoded: table with dictionaries, as `read_table` returns it.
        name: name of the table.
        strings: how to hold them.

    Raises:
        DatasetError: the strings are too long to be written out.
    """
    if strings == "dictionary":
        return encoded
    try:
        for column in encoded.columns:
            if sum(map(_bytes_written, column.chunks)) > _MOST_COLUMN_BYTES:
                raise ValueError(f"its strings are more than {_MOST_COLUMN_BYTES} bytes long")
        return encoded.cast(_schema(name, strings))
    except Exception as error:
        raise not_parsed(table_path(name), error) from error


def _bytes_written(chunk: pa.Array) -> int:
    """Upper bound for the length of the strings of all rows; 0 if there are none."""
    if not hasattr(chunk, "dictionary"):
        return 0
    return len(chunk) * max((len(text or "") for text in chunk.dictionary.to_pylist()), default=0)


def _check_size(name: str, path: str, declared: Any, expected: int | None) -> None:
    """Reject a table that declares another number of rows than required, or too many to hold."""
    rows = declared.num_rows
    size = sum(declared.row_group(i).total_byte_size for i in range(declared.num_row_groups))
    if not (0 <= rows <= _MOST_ROWS and 0 <= size <= _MOST_TABLE_BYTES):
        raise DatasetError(
            f"{path} says it holds {rows} rows in {size} bytes; at most "
            f"{_MOST_ROWS} rows in {_MOST_TABLE_BYTES} bytes are read"
        )
    if expected is not None and rows != expected:
        raise DatasetError(
            f"{MANIFEST} says {expected} {name}, the table has {rows}; run 'nasdip-bench verify'"
        )


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
