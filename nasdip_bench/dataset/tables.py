"""Read the Parquet file of a table. pyarrow is imported on use."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

from nasdip_bench.errors import DatasetError, not_parsed
from nasdip_bench.storage.files import open_parquet

from .manifest import table_path
from .schema import SCHEMA_VERSION, arrow_schema, fits_schema, table_columns

if TYPE_CHECKING:
    import pyarrow as pa

Strings = Literal["dictionary", "string", "large_string"]
"""How a table holds its strings: each once, with its position in every row; or in every row, as in
the schema, or with the 64-bit offsets that pandas would use."""


def read_table(content: bytes, name: str, path: str | None = None) -> pa.Table:
    """Read and check a table from the content of its file; its strings are dictionaries.

    Args:
        content: content of the file.
        name: name of the table; see `nasdip_bench.dataset.schema.table_columns`.
        path: name of the file in errors; None: the usual one of this table.

    Raises:
        UnknownNameError: no such table.
        DatasetError: it is no Parquet file, or has other columns.
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
    except Exception as error:  # pyarrow raises many kinds
        raise not_parsed(path, error) from error
    if not found:
        raise DatasetError(
            f"{path} does not have the columns of schema version {SCHEMA_VERSION}: "
            f"{', '.join(c.name for c in columns)}"
        )
    # Not cast, which imports pyarrow.compute: the types are those of the schema already.
    return pa.Table.from_arrays(file.read(use_threads=False).columns, schema=schema)


def empty_table(name: str) -> pa.Table:
    """A table without rows, as `read_table` returns it."""
    return _schema(name, "dictionary").empty_table()


def with_strings(encoded: pa.Table, name: str, strings: Strings) -> pa.Table:
    """The same table with its strings held another way.

    Args:
        encoded: table with dictionaries, as `read_table` returns it.
        name: name of the table.
        strings: how to hold them.
    """
    return encoded if strings == "dictionary" else encoded.cast(_schema(name, strings))


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
