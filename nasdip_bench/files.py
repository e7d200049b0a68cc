"""Files that are whole or absent: atomic writes, hashes, tables as bytes.

Must not import torch; pyarrow is imported on use.
"""

from __future__ import annotations

import hashlib
import io
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "TEMPORARY_SUFFIX",
    "atomic_path",
    "parquet_bytes",
    "read_parquet",
    "sha256_bytes",
    "write_atomic",
]

TEMPORARY_SUFFIX = ".tmp"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; renamed to it when the block ends without an exception.

    The file is flushed to disk before the rename and the folder after it, so that after a crash
    either the old file or the new one is there, whole.
    """
    aside = path.parent / f".{path.name}.{socket.gethostname()}.{os.getpid()}{TEMPORARY_SUFFIX}"
    try:
        yield aside
        sync_file(aside)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Flush a file to disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that it is whole or absent."""
    with atomic_path(path) as aside:
        aside.write_bytes(content)


def sha256_bytes(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as the content of a Parquet file."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", compression_level=9)
    return buffer.getvalue()


def read_parquet(content: bytes, columns: list[str] | None = None) -> pa.Table:
    """The table in the content of a Parquet file, or some of its columns.

    Not ``pyarrow.parquet.read_table``, which imports pandas; and with one thread, since Arrow's
    reading threads were seen to abort a process at its exit (7 of 60 short scripts, pyarrow 26).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(content))
    return file.read(columns=columns, use_threads=False)
