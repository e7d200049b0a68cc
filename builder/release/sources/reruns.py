"""Rows with the results of `recompute`, kept in a separate file until a release includes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasdip_bench.dataset.schema import arrow_schema, fits_schema
from nasdip_bench.errors import BuildError
from nasdip_bench.storage.files import parquet_bytes, read_parquet, write_atomic

from ...writing import writing
from .contents import KEY_COLUMNS, RERUN_COLUMNS, table_of

if TYPE_CHECKING:
    import pyarrow as pa


def add_reruns(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Add rows to a file, creating it if needed; of equal keys the first row stays.

    Raises:
        BuildError: it is another kind of file, or cannot be written.
    """
    tables = [read_reruns(path)] if path.exists() else []
    whole = merged_reruns([*tables, table_of(rows, RERUN_COLUMNS)])
    with writing(repr(str(path)), ", or name another file with --save"):
        write_atomic(path, parquet_bytes(whole))


def read_reruns(path: Path) -> pa.Table:
    """The rows of a file that `add_reruns` wrote.

    Raises:
        BuildError: the file is missing, or is another kind of file.
    """
    expected = arrow_schema(RERUN_COLUMNS)
    try:
        table = read_parquet(path.read_bytes())
        if not fits_schema(table.schema, expected):
            raise ValueError("it has other columns")
        return table.cast(expected)
    except Exception as error:  # pyarrow raises many types on other files
        raise BuildError(
            f"{str(path)!r} is not a file of reruns ({error}): name one that "
            f"'nasdip-build recompute --save' wrote"
        ) from error


def merged_reruns(tables: Sequence[pa.Table]) -> pa.Table:
    """Merge the rows of several tables; of equal keys the first row stays."""
    import pyarrow as pa

    whole = pa.concat_tables([arrow_schema(RERUN_COLUMNS).empty_table(), *tables])
    rows = list(zip(*(whole[name].to_pylist() for name in KEY_COLUMNS["reruns"]), strict=True))
    first = {key: row for row, key in reversed([*enumerate(rows)])}
    return whole.take(pa.array(sorted(first.values()), pa.int64()))
