"""A dataset folder: its manifest, and its files, checked on first touch.

No parser sees a file before its size and SHA-256 agree with the manifest, and no values are decoded
before the columns, types and shapes that the file declares are those of the schema.
`nasdip_bench.verify` looks deeper. Must not import torch; pyarrow and h5py are imported on use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from nasdip_bench.curve_files import check_curve_file
from nasdip_bench.errors import DatasetError
from nasdip_bench.files import open_parquet, open_regular, sha256_bytes
from nasdip_bench.locks import ForkSafeLock
from nasdip_bench.manifest import (
    MANIFEST,
    FileRecord,
    Manifest,
    TaskRecord,
    curve_path,
    dataset_files,
    output_path,
    read_manifest,
    table_path,
)
from nasdip_bench.output_files import check_output_file
from nasdip_bench.schema import SCHEMA_VERSION, arrow_schema, fits_schema, table_columns

if TYPE_CHECKING:
    import h5py
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = [
    "MANIFEST",
    "DatasetFolder",
    "FileRecord",
    "Manifest",
    "TaskRecord",
    "curve_path",
    "dataset_files",
    "output_path",
]

_MOST_ROWS = 20_000_000
_MOST_TABLE_BYTES = 4 * 2**30
"""What a table may declare itself to hold: a full release at three seeds has a thousandth of it."""
_LONG_TABLE = 20_000
"""Rows from which on a second thread saves more than it costs."""


class DatasetFolder:
    """Read access to a dataset folder; opening it reads the manifest alone.

    Safe to share between threads and after a fork: a file is checked and parsed under a lock, once.

    Args:
        path: the folder.

    Raises:
        DatasetError: there is no dataset, or one that this version cannot read.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.manifest = Manifest.from_json(*read_manifest(self.path))
        self._lock = ForkSafeLock()
        self._encoded: dict[str, pa.Table] = {}
        self._tables: dict[str, pa.Table] = {}
        self._checked: set[str] = set()

    def table(self, name: str) -> pa.Table:
        """A whole table, by its name in `nasdip_bench.schema.RELEASE_TABLES`.

        Raises:
            UnknownNameError: no such table.
            DatasetError: the file is absent or damaged, or has other columns.
        """
        encoded = self.encoded_table(name)
        with self._lock:
            if name not in self._tables:
                self._tables[name] = _written_out(encoded, arrow_schema(table_columns(name)))
            return self._tables[name]

    def encoded_table(self, name: str) -> pa.Table:
        """The same with strings as dictionaries: each string once, and its position in every row.

        Few strings stand in many rows, so this takes a third of the time and a tenth of the memory.

        Raises:
            UnknownNameError: no such table.
            DatasetError: the file is absent or damaged, or has other columns.
        """
        with self._lock:
            if name not in self._encoded:
                self._encoded[name] = self._read_table(name)
            return self._encoded[name]

    def _read_table(self, name: str) -> pa.Table:
        path, columns = table_path(name), table_columns(name)
        content = self._read_checked(path)
        texts = [column.name for column in columns if column.type == "string"]
        schema = _with_dictionaries(arrow_schema(columns))
        try:
            file = open_parquet(content, texts)
            found = fits_schema(file.schema_arrow, schema)
        except KeyError:  # a column that was to be read as a dictionary is absent
            found = False
        except Exception as error:  # pyarrow raises many kinds on hostile content
            raise _not_parsed(path, error) from error
        if not found:
            raise DatasetError(
                f"{path} does not have the columns of schema version {SCHEMA_VERSION}: "
                f"{', '.join(c.name for c in columns)}"
            )
        self._check_rows(name, file.metadata)
        try:
            table = _read_columns(file, content, texts, schema)
        except Exception as error:
            raise _not_parsed(path, error) from error
        if name == "images" and table["name"].to_pylist() != self.manifest.images:
            raise DatasetError(
                f"{MANIFEST} says images {', '.join(self.manifest.images)}, {path} has others; "
                f"run 'nasdip-bench verify'"
            )
        return table

    def _check_rows(self, name: str, declared: Any) -> None:
        """Refuse a table that does not have the rows it should have, or too many to hold."""
        rows = declared.num_rows
        size = sum(declared.row_group(i).total_byte_size for i in range(declared.num_row_groups))
        if not (0 <= rows <= _MOST_ROWS and 0 <= size <= _MOST_TABLE_BYTES):
            raise DatasetError(
                f"{table_path(name)} says it holds {rows} rows in {size} bytes; at most "
                f"{_MOST_ROWS} rows in {_MOST_TABLE_BYTES} bytes are read"
            )
        if name == "architectures" and rows != self.manifest.architectures:
            raise DatasetError(
                f"{MANIFEST} says {self.manifest.architectures} architectures, the table has "
                f"{rows}; run 'nasdip-bench verify'"
            )

    def curves(self, fidelity: str, task: str) -> h5py.File:
        """The open curve file of a task at a fidelity; the caller closes it.

        Raises:
            DatasetError: the file is absent or damaged.
        """
        path, record = curve_path(fidelity, task), self.manifest.task(fidelity, task)
        return self._hdf5(path, lambda file: check_curve_file(file, path, record))

    def outputs(self, fidelity: str, task: str) -> h5py.File:
        """The open output file of a task at a fidelity; the caller closes it.

        Raises:
            DatasetError: the release has none, or it is absent or damaged.
        """
        path, record = output_path(fidelity, task), self.manifest.task(fidelity, task)
        side = self.manifest.fidelities.get(fidelity, {}).get("resolution", 0)
        return self._hdf5(path, lambda file: check_output_file(file, path, record, side))

    def has_outputs(self, fidelity: str, task: str) -> bool:
        """Whether the release keeps outputs of a task at a fidelity, of some runs at least."""
        return output_path(fidelity, task) in self.manifest.files

    def _hdf5(self, path: str, check: Callable[[h5py.File], None]) -> h5py.File:
        import h5py

        with self._lock:
            if path not in self._checked:
                self._check(path)
            try:
                file = h5py.File(self.path / path, "r")
            except Exception as error:  # h5py raises many kinds on hostile content
                raise _not_parsed(path, error) from error
            try:
                check(file)
            except BaseException:
                file.close()
                raise
            return file

    def check_file(self, path: str) -> None:
        """Compare a file with the manifest.

        Raises:
            DatasetError: it is not listed, absent, or not the file that was released.
        """
        self._check(path)

    def _record(self, path: str) -> FileRecord:
        if path not in self.manifest.files:
            raise DatasetError(f"{path} is not listed in {MANIFEST} of {str(self.path)!r}")
        return self.manifest.files[path]

    def _damaged(self, path: str, found: str) -> DatasetError:
        record = self._record(path)
        return DatasetError(
            f"{path} in {str(self.path)!r} is damaged: {found}, the manifest says {record.size} "
            f"bytes with SHA-256 {record.sha256[:12]}...; restore the file or release again"
        )

    def _read_checked(self, path: str) -> bytes:
        record = self._record(path)
        try:
            with open_regular(self.path / path) as file:
                if (size := file.seek(0, 2)) != record.size:
                    raise self._damaged(path, f"{size} bytes")
                file.seek(0)
                content = file.read()
        except OSError as error:
            raise self._damaged(path, str(error.strerror)) from error
        digest = sha256_bytes(content)
        if digest != record.sha256:
            raise self._damaged(path, f"{len(content)} bytes with SHA-256 {digest[:12]}...")
        return content

    def _check(self, path: str) -> None:
        record = self._record(path)
        try:
            with open_regular(self.path / path) as file:
                if (size := file.seek(0, 2)) != record.size:
                    raise self._damaged(path, f"{size} bytes")
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise self._damaged(path, str(error.strerror)) from error
        if digest != record.sha256:
            raise self._damaged(path, f"{size} bytes with SHA-256 {digest[:12]}...")
        self._checked.add(path)


def _not_parsed(path: str, error: Exception) -> DatasetError:
    return DatasetError(f"{path} cannot be parsed: {error or type(error).__name__}")


def _read_columns(
    file: pq.ParquetFile, content: bytes, texts: list[str], schema: pa.Schema
) -> pa.Table:
    """The values of an opened file, checked."""

    def read(names: list[str], first: bool) -> dict[str, pa.ChunkedArray]:
        source = file if first else open_parquet(content, texts, file.metadata)
        part = source.read(columns=names, use_threads=False)
        part.validate(full=True)
        return {name: part[name] for name in names}

    # A column of strings takes about as long as one of numbers, so deal them out alike.
    ordered = texts + [name for name in schema.names if name not in texts]
    return _table(_by_column(read, ordered, file.metadata.num_rows), schema)


def _written_out(encoded: pa.Table, schema: pa.Schema) -> pa.Table:
    """The same values with each string in every row that has it."""

    def write(names: list[str], first: bool) -> dict[str, pa.ChunkedArray]:
        return {name: encoded[name].cast(schema.field(name).type) for name in names}

    texts = [field.name for field in schema if field.type != encoded.schema.field(field.name).type]
    columns = dict(zip(encoded.column_names, encoded.columns, strict=True))
    return _table(columns | _by_column(write, texts, len(encoded)), schema)


def _by_column(
    work: Callable[[list[str], bool], dict[str, pa.ChunkedArray]], names: list[str], rows: int
) -> dict[str, pa.ChunkedArray]:
    """Columns made by two threads, half of the names each, where the table is long.

    What takes long releases the interpreter's lock. The threads are Python's, since Arrow's own
    were seen to abort a process at its exit (`nasdip_bench.files.read_parquet`), and not those of
    concurrent.futures, whose import takes longer than what it saves here.

    Args:
        work: makes the columns of some names; told whether it is the first to work, or another
            beside it.
        names: of the columns.
        rows: of the table.
    """
    if rows < _LONG_TABLE:
        return work(names, True)
    other: list[dict[str, pa.ChunkedArray] | BaseException] = []

    def work_beside() -> None:
        try:
            other.append(work(names[1::2], False))
        except BaseException as error:  # for the thread that waits for it
            other.append(error)

    thread = Thread(target=work_beside, name="columns")
    thread.start()
    try:
        columns = work(names[::2], True)
    finally:
        thread.join()
    if isinstance(other[0], BaseException):
        raise other[0]
    return columns | other[0]


def _table(columns: dict[str, pa.ChunkedArray], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    return pa.table([columns[name] for name in schema.names], schema=schema)


def _with_dictionaries(schema: pa.Schema) -> pa.Schema:
    """The same with strings as dictionaries."""
    import pyarrow as pa

    encoded = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        field.with_type(encoded) if pa.types.is_string(field.type) else field for field in schema
    )
